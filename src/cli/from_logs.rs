//! `nsgaudit test --from-logs`: holds what logs say was decided against the rules.

use std::ffi::OsString;
use std::sync::atomic::AtomicU64;

use clap::{Args, Parser as _};

use super::args::LogArgs;
use super::flows::told;
use super::{Status, output, setup};
use crate::audit::given::speaks;
use crate::environment::Environment;
use crate::error::{Error, Result};
use crate::fault::{FaultKind, FaultTally};
use crate::flowlog::{LogKind, RecordBatch, Scanner, Segment, Sink};
use crate::net::{Protocol, Timestamp};
use crate::pipeline::Source;
use crate::policy::drift::{Drift, Said};
use crate::policy::network::Network;
use crate::report;
use crate::report::rules_json::{Document, from_logs};
use crate::tally::Narrow;

/// Which logs to hold against the rules, and what of them.
#[derive(Debug, Args)]
pub struct FromLogsArgs {
    /// Ask the rules of every flow of these logs, and tell where they decide otherwise than is
    /// logged: files, folders, globs, or - for standard input.
    #[arg(long, value_name = "LOGS", num_args = 1.., conflicts_with_all = ["packets", "file", "short"])]
    pub from_logs: Vec<OsString>,
    /// Only flows at or after this time (RFC 3339, or a date): when the rules were last changed.
    #[arg(long, value_name = "TIME", help_heading = "Narrowing")]
    pub since: Option<String>,
    /// Only flows before this time.
    #[arg(long, value_name = "TIME", help_heading = "Narrowing")]
    pub until: Option<String>,
    /// Only this NSG, by name or resource ID; may be given more than once.
    #[arg(long, value_name = "NAME", help_heading = "Narrowing")]
    pub nsg: Vec<String>,
    /// Only this interface's MAC address; may be given more than once.
    #[arg(long, value_name = "MAC", help_heading = "Narrowing")]
    pub mac: Vec<String>,
    /// Every flow that does not agree, not only those with most tuples.
    #[arg(long)]
    pub all: bool,
}

/// The log options with what they are by default.
#[derive(Debug, clap::Parser)]
struct Defaults {
    #[command(flatten)]
    logs: LogArgs,
}

impl FromLogsArgs {
    /// Whether logs are asked of.
    ///
    /// # Errors
    /// They are not, and an option is given that only they have. (`requires` of `clap` is not asked
    /// where a packet, which excludes logs, is given.)
    pub(super) fn are_given(&self) -> Result<bool> {
        if !self.from_logs.is_empty() {
            return Ok(true);
        }
        let narrowed = self.since.is_some() || self.until.is_some();
        if narrowed || !self.nsg.is_empty() || !self.mac.is_empty() || self.all {
            return Err(Error::Usage {
                message: "--since, --until, --nsg, --mac and --all are of logs: expected \
                          --from-logs with them"
                    .to_owned(),
            });
        }
        Ok(false)
    }

    /// As the options of other verbs that read logs.
    fn log_args(&self) -> Result<LogArgs> {
        let fixed = ["nsgaudit", "--"].map(OsString::from);
        let all = fixed.into_iter().chain(self.from_logs.iter().cloned());
        let defaults = Defaults::try_parse_from(all).map_err(|error| Error::Usage {
            message: format!("--from-logs: {error}"),
        })?;
        Ok(LogArgs {
            since: self.since.clone(),
            until: self.until.clone(),
            nsg: self.nsg.clone(),
            mac: self.mac.clone(),
            threads: Some(1),
            ..defaults.logs
        })
    }
}

/// Reads the logs and asks the rules.
pub(super) fn run(
    args: &FromLogsArgs,
    environment: &Environment,
    network: &Network<'_>,
    json: bool,
) -> Result<Status> {
    let logs = setup::logs(&args.log_args()?, environment)?;
    let mut asking = Asking {
        drift: Drift::new(network),
        narrow: &logs.narrow,
        left_out: 0,
        file: 0,
        faults: logs.plan.faults().clone(),
    };
    let mut scanner = Scanner::new(logs.reading.level, logs.reading.scan);
    for file in 0..logs.plan.len() as u32 {
        asking.file = file;
        match logs.plan.open(file, &logs.reading.open) {
            Ok(opened) => {
                Source::new(opened, &AtomicU64::new(0)).scan(
                    file,
                    Segment::WHOLE,
                    &mut scanner,
                    &mut asking,
                );
            }
            Err(fault) => asking.fault(0, fault.kind, fault.detail),
        }
    }
    let (drifted, left_out) = (asking.drift.finish(), asking.left_out);
    let text = if json {
        report::rules_json::render(&Document::FromLogs(from_logs(&drifted, left_out)))
    } else {
        report::drift::text(&drifted, left_out, args.all)
    };
    output::write(None, text.as_bytes())?;
    let read = told(&asking.faults, &|file| logs.plan.display(file));
    Ok(if read == Status::Incomplete {
        read
    } else if drifted.differ > 0 {
        Status::Findings
    } else if drifted.undetermined > 0 || drifted.agree == 0 {
        Status::Inconclusive
    } else {
        Status::Quiet
    })
}

/// Asks of the tuples as they come.
struct Asking<'a> {
    drift: Drift,
    narrow: &'a Narrow,
    left_out: u64,
    file: u32,
    faults: FaultTally,
}

impl Sink for Asking<'_> {
    fn record(&mut self, batch: &RecordBatch) {
        for tuple in &batch.tuples {
            let group = &batch.groups[tuple.group as usize];
            if !self.narrow.keeps_group(group) || !self.narrow.keeps_tuple(batch, tuple) {
                self.left_out += 1;
                continue;
            }
            let (source, destination) = batch.addresses(tuple);
            let kind = tuple.bits.kind();
            self.drift.add(&Said {
                direction: tuple.bits.direction(),
                protocol: Protocol(tuple.protocol),
                source,
                source_port: (kind != LogKind::TrafficAnalytics).then_some(tuple.source_port),
                destination,
                destination_port: tuple.destination_port,
                decision: tuple.bits.decision(),
                speaks: speaks(kind),
                acl: &group.acl,
                rule: &group.rule,
                times: (Timestamp(tuple.time), Timestamp(batch.last(tuple))),
            });
        }
    }

    fn fault(&mut self, offset: u64, kind: FaultKind, detail: String) {
        self.faults.add(self.file, offset, kind, detail);
    }
}
