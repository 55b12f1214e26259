//! `nsgaudit flows --from capture`: the connections of captures, as Zeek lists them.

use std::cell::RefCell;
use std::io::{self, Write};
use std::sync::atomic::AtomicU64;

use clap::ValueEnum as _;

use super::args::{FlowsArgs, FlowsFormat};
use super::flows::{ends, told};
use super::{Status, output, setup};
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
        FlowsFormat::Csv | FlowsFormat::Ecs | FlowsFormat::Ocsf | FlowsFormat::Parquet => {
            let format = args.format.to_possible_value();
            let format = format.map_or(String::new(), |format| format.get_name().to_owned());
            return Err(Error::Usage {
                message: format!(
                    "--format {format} is of logs: expected jsonl or tsv with --from capture"
                ),
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
    let named = NamedPorts::new(rows.map(|row| &row.ports));
    let read = RefCell::new(None);
    output::stream(args.output.as_deref(), &|mut to| {
        write_header(&mut to, format)?;
        let mut printer = Printer {
            out: to,
            format,
            named: &named,
            decision: args.decision.map(Into::into),
            ports: ports.as_ref(),
            addresses: addresses.as_ref(),
            since: logs.narrow.since,
            until: logs.narrow.until,
            subnet: logs.narrow.subnet.as_ref(),
            name: &|file| logs.plan.display(file),
            left: args.limit.unwrap_or(u64::MAX),
            failed: None,
        };
        let result =
            pipeline::connections(&logs.plan, &logs.reading, &mut printer, &AtomicU64::new(0));
        let failed = printer.failed;
        // What stops the reading must not look like a whole output.
        let stopped = result
            .is_err()
            .then(|| io::Error::other("it could not be read to the end"));
        *read.borrow_mut() = Some(result);
        failed.or(stopped).map_or(Ok(()), Err)
    })
    .map_err(|error| match read.take() {
        Some(Err(stopped)) => stopped,
        _ => error,
    })?;
    match read.take() {
        Some(read) => Ok(told(&read?.faults, &|file| logs.plan.display(file))),
        None => Ok(Status::Quiet),
    }
}

/// Prints connections as they end.
struct Printer<'a> {
    out: &'a mut (dyn Write + Send),
    format: ConnectionsFormat,
    named: &'a NamedPorts,
    decision: Option<Decision>,
    ports: Option<&'a PortSet>,
    addresses: Option<&'a PrefixSet>,
    since: Option<Timestamp>,
    until: Option<Timestamp>,
    subnet: Option<&'a PrefixSet>,
    name: &'a (dyn Fn(u32) -> String + Sync),
    left: u64,
    failed: Option<io::Error>,
}

impl Printer<'_> {
    fn keeps(&self, judged: &Judged<'_>) -> bool {
        let time = judged.connection.first / 1_000_000;
        let (source, destination) = (judged.source(), judged.destination());
        let touches = |set: &PrefixSet| {
            set.contains(address(source.0)) || set.contains(address(destination.0))
        };
        self.since.is_none_or(|since| time >= since.0)
            && self.until.is_none_or(|until| time < until.0)
            && self.subnet.is_none_or(touches)
            && self.addresses.is_none_or(touches)
            && self.ports.is_none_or(|ports| ports.contains(destination.1))
            && self
                .decision
                .is_none_or(|decision| judged.outcome().decision() == Some(decision))
    }
}

impl Finished for Printer<'_> {
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
