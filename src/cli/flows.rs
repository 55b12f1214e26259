//! `nsgaudit flows`: the decoded flow records, in the order of the files.

use std::cell::RefCell;
use std::io::{self, Write};
use std::sync::atomic::AtomicU64;

use super::args::{DecisionArg, DirectionArg, FlowsArgs, FlowsFormat, From};
use super::reports::refuse_terminal;
use super::setup::Logs;
use super::{Status, output, setup, tell};
use crate::error::{Error, Result};
use crate::fault::{FaultKind, FaultTally};
use crate::flowlog::{RecordBatch, Scanner, Segment, Sink, Tuple};
use crate::net::{Decision, Direction, PortSet, PrefixSet};
use crate::pipeline::Source;
use crate::report::flows::{self, write_flow};
use crate::report::{ecs, ocsf, parquet};
use crate::tally::Narrow;

pub(super) fn run(args: &FlowsArgs) -> Result<Status> {
    if args.from == From::Capture {
        return super::connections::run(args);
    }
    let stated = setup::environment(&args.environment)?;
    let logs = setup::logs(&args.logs, &stated.environment)?;
    let wanted = Wanted::new(args, &logs.narrow)?;
    let format = match args.format {
        FlowsFormat::Jsonl => Form::Lines(flows::FlowsFormat::JsonLines),
        FlowsFormat::Csv => Form::Lines(flows::FlowsFormat::Csv),
        FlowsFormat::Ecs => Form::Events(ecs::write_flow),
        FlowsFormat::Ocsf => Form::Events(ocsf::write_flow),
        FlowsFormat::Parquet => Form::Parquet,
        FlowsFormat::Tsv => {
            return Err(Error::Usage {
                message: "--format tsv is of captures: expected --from capture with it".to_owned(),
            });
        }
    };
    let output = args.output.as_deref();
    refuse_terminal(format.is_binary(), output, "--format parquet")?;
    let faults = RefCell::new(logs.plan.faults().clone());
    output::stream(output, &|to| {
        let mut printer = Printer {
            form: format.begin(to)?,
            out: to,
            wanted: &wanted,
            path: String::new(),
            file: 0,
            left: args.limit.unwrap_or(u64::MAX),
            faults: &mut faults.borrow_mut(),
            failed: None,
        };
        print(&logs, &mut printer);
        printer.finish()
    })?;
    Ok(told(&faults.borrow(), &|file| logs.plan.display(file)))
}

/// Reads file after file, until all that was asked for is printed.
fn print(logs: &Logs, printer: &mut Printer<'_>) {
    let mut scanner = Scanner::new(logs.reading.level, logs.reading.scan);
    for file in 0..logs.plan.len() as u32 {
        if printer.failed.is_some() || printer.left == 0 {
            break;
        }
        printer.path = logs.plan.display(file);
        printer.file = file;
        match logs.plan.open(file, &logs.reading.open) {
            Ok(opened) => {
                Source::new(opened, &AtomicU64::new(0)).scan(
                    file,
                    Segment::WHOLE,
                    &mut scanner,
                    printer,
                );
            }
            Err(fault) => printer.fault(0, fault.kind, fault.detail),
        }
    }
}

/// A writer of one record as one event.
type WriteEvent = fn(&mut dyn Write, &RecordBatch, &Tuple, &str) -> io::Result<()>;

/// How records are written.
#[derive(Clone, Copy)]
enum Form {
    Lines(flows::FlowsFormat),
    Events(WriteEvent),
    Parquet,
}

/// The same, begun.
enum Begun {
    Lines(flows::FlowsFormat),
    Events(WriteEvent),
    Parquet(Box<parquet::Flows>),
}

impl Form {
    fn is_binary(self) -> bool {
        matches!(self, Self::Parquet)
    }

    /// Writes what comes before the first record.
    fn begin(self, mut out: &mut dyn Write) -> io::Result<Begun> {
        Ok(match self {
            Self::Lines(format) => {
                flows::write_header(&mut out, format)?;
                Begun::Lines(format)
            }
            Self::Events(write) => Begun::Events(write),
            Self::Parquet => Begun::Parquet(Box::new(parquet::Flows::new()?)),
        })
    }
}

impl Begun {
    fn write(
        &mut self,
        mut out: &mut dyn Write,
        batch: &RecordBatch,
        tuple: &Tuple,
        path: &str,
    ) -> io::Result<()> {
        match self {
            Self::Lines(format) => write_flow(&mut out, batch, tuple, path, *format),
            Self::Events(write) => write(out, batch, tuple, path),
            Self::Parquet(table) => table.write(out, batch, tuple, path),
        }
    }
}

/// Says what was skipped; 2 where input could not be read.
pub(super) fn told(faults: &FaultTally, name: &dyn Fn(u32) -> String) -> Status {
    for (kind, tally) in faults.kinds() {
        let first = tally.samples.first().map_or_else(String::new, |fault| {
            format!(
                "; first at {}:{}: {}",
                name(fault.file),
                fault.offset,
                fault.detail
            )
        });
        tell(
            "skipped",
            &format!("{} {}{first}", tally.count, kind.code()),
        );
    }
    let unreadable = faults.kinds().any(|(kind, _)| kind.is_unreadable_input());
    if unreadable {
        Status::Incomplete
    } else {
        Status::Quiet
    }
}

impl std::convert::From<DecisionArg> for Decision {
    fn from(decision: DecisionArg) -> Self {
        match decision {
            DecisionArg::Allow => Self::Allow,
            DecisionArg::Deny => Self::Deny,
        }
    }
}

/// Destination ports and addresses that are wanted, where any are named.
pub(super) fn ends(args: &FlowsArgs) -> Result<(Option<PortSet>, Option<PrefixSet>)> {
    let mut ports = PortSet::default();
    for text in &args.port {
        let message =
            || format!("--port: expected a port or range such as 443 or 6379-6383, found {text:?}");
        ports =
            ports.union(&PortSet::parse(text).ok_or_else(|| Error::Usage { message: message() })?);
    }
    let addresses =
        PrefixSet::parse(args.address.iter().map(String::as_str)).map_err(|text| Error::Usage {
            message: format!("--address: expected a prefix or address, found {text:?}"),
        })?;
    Ok((
        (!args.port.is_empty()).then_some(ports),
        (!args.address.is_empty()).then_some(addresses),
    ))
}

/// Which tuples are printed.
struct Wanted<'a> {
    narrow: &'a Narrow,
    decision: Option<Decision>,
    direction: Option<Direction>,
    ports: Option<PortSet>,
    addresses: Option<PrefixSet>,
}

impl<'a> Wanted<'a> {
    fn new(args: &FlowsArgs, narrow: &'a Narrow) -> Result<Self> {
        let (ports, addresses) = ends(args)?;
        Ok(Self {
            narrow,
            decision: args.decision.map(Into::into),
            direction: args.direction.map(|direction| match direction {
                DirectionArg::Inbound => Direction::Inbound,
                DirectionArg::Outbound => Direction::Outbound,
            }),
            ports,
            addresses,
        })
    }

    fn keeps(&self, batch: &RecordBatch, tuple: &Tuple) -> bool {
        self.narrow.keeps_group(&batch.groups[tuple.group as usize])
            && self.narrow.keeps_tuple(batch, tuple)
            && self
                .decision
                .is_none_or(|decision| decision == tuple.bits.decision())
            && self
                .direction
                .is_none_or(|direction| direction == tuple.bits.direction())
            && self
                .ports
                .as_ref()
                .is_none_or(|ports| ports.contains(tuple.destination_port))
            && self.addresses.as_ref().is_none_or(|addresses| {
                let (source, destination) = batch.addresses(tuple);
                addresses.contains(source) || addresses.contains(destination)
            })
    }
}

/// Prints records as they come.
struct Printer<'a> {
    form: Begun,
    out: &'a mut dyn Write,
    wanted: &'a Wanted<'a>,
    path: String,
    file: u32,
    left: u64,
    faults: &'a mut FaultTally,
    failed: Option<io::Error>,
}

impl Printer<'_> {
    /// Writes what comes after the last record.
    fn finish(self) -> io::Result<()> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        match self.form {
            Begun::Parquet(table) => table.finish(self.out),
            Begun::Lines(_) | Begun::Events(_) => Ok(()),
        }
    }
}

impl Sink for Printer<'_> {
    fn record(&mut self, batch: &RecordBatch) {
        for tuple in &batch.tuples {
            if self.failed.is_some() || self.left == 0 {
                return;
            }
            if self.wanted.keeps(batch, tuple) {
                self.left -= 1;
                let written = self.form.write(self.out, batch, tuple, &self.path);
                self.failed = written.err();
            }
        }
    }

    fn fault(&mut self, offset: u64, kind: FaultKind, detail: String) {
        self.faults.add(self.file, offset, kind, detail);
    }
}
