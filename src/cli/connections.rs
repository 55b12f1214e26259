//! `nsgaudit flows --from capture`: the connections of captures, as Zeek lists them.

use std::io::{self, BufWriter, Write};
use std::sync::atomic::AtomicU64;

use super::args::{FlowsArgs, FlowsFormat};
use super::flows::{ends, told};
use super::{Status, setup};
use crate::capture::connection::Connection;
use crate::capture::packet::address;
use crate::capture::state::Judged;
use crate::capture::table::Finished;
use crate::catalogue::Catalogue;
use crate::error::{Error, Result};
use crate::net::{Decision, PortSet, PrefixSet, Timestamp};
use crate::pipeline;
use crate::report::connections::{ConnectionsFormat, write_connection, write_header};
use crate::tally::NamedPorts;

pub(super) fn run(args: &FlowsArgs) -> Result<Status> {
    let format = match args.format {
        FlowsFormat::Jsonl => ConnectionsFormat::JsonLines,
        FlowsFormat::Tsv => ConnectionsFormat::Tsv,
        FlowsFormat::Csv => {
            return Err(Error::Usage {
                message: "--format csv is of logs: expected jsonl or tsv with --from capture"
                    .to_owned(),
            });
        }
    };
    let of_logs = [
        ("--direction", args.direction.is_some()),
        ("--nsg", !args.logs.nsg.is_empty()),
        ("--mac", !args.logs.mac.is_empty()),
    ];
    if let Some((option, _)) = of_logs.iter().find(|(_, given)| *given) {
        return Err(Error::Usage {
            message: format!(
                "{option} is of logs: connections of captures have neither direction, NSG nor interface"
            ),
        });
    }
    let stated = setup::environment(&args.environment)?;
    let logs = setup::logs(&args.logs, &stated.environment)?;
    let (ports, addresses) = ends(args)?;
    let catalogue = Catalogue::embedded()?;
    let rows = catalogue.profiles().flat_map(|profile| &profile.rows);
    let mut printer = Printer {
        out: BufWriter::with_capacity(1 << 16, io::stdout()),
        format,
        named: NamedPorts::new(rows.map(|row| &row.ports)),
        decision: args.decision.map(Into::into),
        ports,
        addresses,
        since: logs.narrow.since,
        until: logs.narrow.until,
        subnet: logs.narrow.subnet.clone(),
        name: &|file| logs.plan.display(file),
        left: args.limit.unwrap_or(u64::MAX),
        failed: write_header(&mut io::stdout().lock(), format).err(),
    };
    let read = pipeline::connections(&logs.plan, &logs.reading, &mut printer, &AtomicU64::new(0))?;
    printer.finish()?;
    Ok(told(&read.faults, &|file| logs.plan.display(file)))
}

/// Prints connections as they end.
struct Printer<'a, W: Write> {
    out: W,
    format: ConnectionsFormat,
    named: NamedPorts,
    decision: Option<Decision>,
    ports: Option<PortSet>,
    addresses: Option<PrefixSet>,
    since: Option<Timestamp>,
    until: Option<Timestamp>,
    subnet: Option<PrefixSet>,
    name: &'a (dyn Fn(u32) -> String + Sync),
    left: u64,
    failed: Option<io::Error>,
}

impl<W: Write> Printer<'_, W> {
    fn keeps(&self, judged: &Judged<'_>) -> bool {
        let time = judged.connection.first / 1_000_000;
        let (source, destination) = (judged.source(), judged.destination());
        let touches = |set: &PrefixSet| {
            set.contains(address(source.0)) || set.contains(address(destination.0))
        };
        self.since.is_none_or(|since| time >= since.0)
            && self.until.is_none_or(|until| time < until.0)
            && self.subnet.as_ref().is_none_or(touches)
            && self.addresses.as_ref().is_none_or(touches)
            && self
                .ports
                .as_ref()
                .is_none_or(|ports| ports.contains(destination.1))
            && self
                .decision
                .is_none_or(|decision| judged.outcome().decision() == Some(decision))
    }

    /// A reader that has gone away is no error.
    fn finish(mut self) -> Result<()> {
        let result = self.failed.take().map_or_else(|| self.out.flush(), Err);
        match result {
            Err(source) if source.kind() != io::ErrorKind::BrokenPipe => Err(Error::Write {
                path: "standard output".into(),
                source,
            }),
            _ => Ok(()),
        }
    }
}

impl<W: Write> Finished for Printer<'_, W> {
    fn finished(&mut self, connections: &[Connection]) {
        for connection in connections {
            if self.failed.is_some() || self.left == 0 {
                return;
            }
            let judged = Judged::new(connection, &|port| port < 1_024 || self.named.has(port));
            if self.keeps(&judged) {
                self.left -= 1;
                let path = (self.name)(connection.file);
                self.failed = write_connection(&mut self.out, &judged, &path, self.format).err();
            }
        }
    }
}
