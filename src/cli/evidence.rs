//! `nsgaudit evidence`: back from a finding's numbers to every tuple behind them.

use std::collections::BTreeMap;
use std::io::{self, BufWriter, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::AtomicU64;

use clap::{Args, ValueEnum};

use super::judge::{Judged, ReadArgs, judge};
use super::{Status, output, setup, tell};
use crate::audit::{Audit, Finding, Observed};
use crate::error::{Error, Result};
use crate::pipeline;
use crate::report::evidence::{self, Count, EvidenceFormat, Listed, Printer};
use crate::tally::trace::{Ground, Traced, Tracer};
use crate::tally::{Facts, Shared};

/// Options of `evidence`.
#[derive(Debug, Args)]
#[command(mut_arg("logs", |logs| logs.required(false)))]
pub struct EvidenceArgs {
    /// The finding: its fingerprint, the first digits of it, or a code such as NSG101, with :SUBNET
    /// where several have it.
    #[arg(value_name = "FINDING")]
    pub finding: String,
    /// What is read, and what it is held against; without logs, the samples that --audit has are all.
    #[command(flatten)]
    pub read: ReadArgs,
    /// The report that the finding is of (JSON): its numbers are held against the logs'.
    #[arg(long, value_name = "FILE")]
    pub audit: Option<PathBuf>,
    /// The other decision's flows of the finding, not its own.
    #[arg(long)]
    pub contrast: bool,
    /// Format of the tuples.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
}

/// Formats of tuples.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    Text,
    /// CSV with a header.
    Csv,
    /// JSON, a tuple a line.
    Jsonl,
}

pub(super) fn run(args: &EvidenceArgs) -> Result<Status> {
    let report = args
        .audit
        .as_deref()
        .map(super::diff::read_audit)
        .transpose()?;
    if args.read.logs.logs.is_empty() {
        let Some(report) = report else {
            return Err(Error::Usage {
                message: "evidence: expected logs, or a report with --audit, found neither"
                    .to_owned(),
            });
        };
        return samples(args, &report);
    }
    let Judged {
        audit,
        facts: read,
        ground,
        logs,
    } = audited(args)?;
    let finding = chosen(&audit, &args.finding)?;
    let format = match args.format {
        Format::Text => EvidenceFormat::Text,
        Format::Csv => EvidenceFormat::Csv,
        Format::Jsonl => EvidenceFormat::JsonLines,
    };
    let mut out = BufWriter::with_capacity(1 << 16, io::stdout());
    let seen = part(finding, args.contrast);
    let counts = {
        let started = evidence::start(&mut out, finding, seen, format);
        let printer = Mutex::new(Printer::new(&mut out, format));
        if let Err(error) = started {
            lock(&printer).failed = Some(error);
        }
        let wanted = seen.map_or(&[][..], |seen| &seen.groups.0);
        traced(&logs, &read, &ground, wanted, &printer)?;
        let printer = printer
            .into_inner()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        match printer.finish() {
            Err(source) if source.kind() != io::ErrorKind::BrokenPipe => {
                return Err(Error::Write {
                    path: "standard output".into(),
                    source,
                });
            }
            Err(_) => return Ok(Status::Quiet),
            Ok(counts) => counts,
        }
    };
    let account = Account {
        seen,
        counts: &counts,
        facts: &read,
        report: report
            .as_ref()
            .map(|report| Reported::of(finding, report, args.contrast)),
    };
    let text = account.text();
    if format == EvidenceFormat::Text {
        let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
        match written {
            Err(source) if source.kind() != io::ErrorKind::BrokenPipe => {
                return Err(Error::Write {
                    path: "standard output".into(),
                    source,
                });
            }
            _ => {}
        }
    } else {
        tell("evidence", text.trim_end());
    }
    Ok(if account.reconciled() {
        Status::Quiet
    } else {
        Status::Inconclusive
    })
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// The audit of the logs, and what a second reading needs.
fn audited(args: &EvidenceArgs) -> Result<Judged> {
    judge(&args.read, io::stderr().is_terminal(), |logs, _| {
        let plan = &logs.plan;
        if (0..plan.len() as u32).all(|file| plan.is_regular(file)) {
            return Ok(());
        }
        Err(Error::Usage {
            message:
                "evidence: expected files, which can be read twice, found standard input or a pipe"
                    .to_owned(),
        })
    })
}

/// Reads the logs once more; tuples of the wanted groups go to the printer.
fn traced(
    logs: &setup::Logs,
    facts: &Facts,
    ground: &Ground,
    wanted: &[usize],
    printer: &Mutex<Printer<'_>>,
) -> Result<()> {
    if wanted.is_empty() {
        return Ok(());
    }
    let shared = Shared::new(
        &ground.counted_by,
        ground.editions.clone(),
        &ground.ports,
        &logs.narrow,
        1,
        ground.limits,
    );
    let base = super::manifest::folder();
    let path = |file: u32| {
        let path = logs.plan.path(file);
        let below = base
            .as_deref()
            .and_then(|base| path.strip_prefix(base).ok());
        below.map_or(path.clone(), Path::to_owned)
    };
    let found = |traced: Traced<'_>| {
        let Traced {
            batch,
            tuple,
            group,
            duplicate,
        } = traced;
        let listed = Listed {
            batch,
            tuple,
            group,
            duplicate,
        };
        lock(printer).tuple(&listed, &path);
    };
    let mut tracer = Tracer::new(&shared, ground, facts, wanted, Box::new(found));
    pipeline::trace(
        &logs.plan,
        &logs.reading,
        &shared,
        &mut tracer,
        &AtomicU64::new(0),
    )
}

fn part(finding: &Finding, contrast: bool) -> Option<&Observed> {
    if contrast {
        finding.contrast.as_ref()
    } else {
        finding.evidence.as_ref()
    }
}

/// The finding of a fingerprint, the start of one, or a code with or without a subnet.
fn chosen<'a>(audit: &'a Audit, wanted: &str) -> Result<&'a Finding> {
    let (code, subnet) = wanted
        .split_once(':')
        .map_or((wanted, None), |(code, subnet)| (code, Some(subnet)));
    let print = wanted.to_ascii_lowercase();
    let found: Vec<&Finding> = audit
        .findings
        .iter()
        .filter(|finding| {
            let by_print = print.len() >= 4 && finding.fingerprint.starts_with(&print);
            let of_subnet = subnet.is_none_or(|subnet| finding.subnet.as_deref() == Some(subnet));
            by_print || (finding.code.eq_ignore_ascii_case(code) && of_subnet)
        })
        .collect();
    match found[..] {
        [one] => Ok(one),
        [] => Err(Error::Usage {
            message: format!(
                "no finding is {wanted:?}: expected a fingerprint (16 digits, or at least the first 4), or a \
                 code as NSG101 or NSG101:SUBNET. There are:{}",
                listed(&audit.findings.iter().collect::<Vec<_>>())
            ),
        }),
        _ => Err(Error::Usage {
            message: format!(
                "{} findings are {wanted:?}: name one of{}",
                found.len(),
                listed(&found)
            ),
        }),
    }
}

fn listed(findings: &[&Finding]) -> String {
    const LISTED: usize = 12;
    let mut lines: Vec<_> = findings
        .iter()
        .take(LISTED)
        .map(|finding| {
            let subnet = finding.subnet.as_deref().unwrap_or("-");
            format!(
                "\n{} {} {subnet} {}",
                finding.fingerprint, finding.code, finding.title
            )
        })
        .collect();
    if findings.len() > LISTED {
        lines.push(format!("\nand {} more", findings.len() - LISTED));
    }
    lines.concat()
}

/// What the report alone has.
fn samples(args: &EvidenceArgs, report: &Audit) -> Result<Status> {
    if args.format != Format::Text {
        return Err(Error::Usage {
            message:
                "evidence: expected logs with --format csv or jsonl: a report has samples only"
                    .to_owned(),
        });
    }
    let finding = chosen(report, &args.finding)?;
    let text = evidence::samples(finding, part(finding, args.contrast));
    output::write(None, text.as_bytes())?;
    Ok(Status::Quiet)
}

/// What was listed, held against what the finding says.
struct Account<'a> {
    seen: Option<&'a Observed>,
    counts: &'a BTreeMap<usize, Count>,
    facts: &'a Facts,
    /// What a report says of it, where one was given.
    report: Option<Reported<'a>>,
}

/// A finding as a report has it.
struct Reported<'a> {
    finding: Option<&'a Finding>,
    seen: Option<&'a Observed>,
}

impl<'a> Reported<'a> {
    fn of(finding: &Finding, report: &'a Audit, contrast: bool) -> Self {
        let mut findings = report.findings.iter();
        let theirs = findings.find(|theirs| theirs.fingerprint == finding.fingerprint);
        Self {
            finding: theirs,
            seen: theirs.and_then(|theirs| part(theirs, contrast)),
        }
    }

    fn agrees(&self, ours: Option<&Observed>) -> bool {
        let numbers = |seen: &Observed| {
            let ends = (seen.first.clone(), seen.last.clone());
            (seen.tuples, seen.flows, ends)
        };
        self.finding.is_some() && self.seen.map(numbers) == ours.map(numbers)
    }

    fn text(&self) -> String {
        match (self.finding, self.seen) {
            (None, _) => "report    does not have this finding".to_owned(),
            (_, None) => "report    has no flows of it".to_owned(),
            (_, Some(theirs)) => format!("report    {}", amount(theirs.tuples, theirs.flows)),
        }
    }
}

/// `1 tuple, 0 flows begun`.
fn amount(tuples: u64, flows: u64) -> String {
    let plural = |count: u64| if count == 1 { "" } else { "s" };
    format!(
        "{tuples} tuple{}, {flows} flow{} begun",
        plural(tuples),
        plural(flows)
    )
}

impl Account<'_> {
    /// Whether each group has as many tuples and flows as were counted, and the report says the same.
    fn reconciled(&self) -> bool {
        let groups = self.seen.map_or(&[][..], |seen| &seen.groups.0);
        let whole = groups.iter().all(|&index| {
            let listed = self.counts.get(&index).copied().unwrap_or_default();
            let totals = &self.facts.groups[index].totals;
            (listed.tuples, listed.flows) == (totals.tuples, totals.flows)
        });
        let report = self.report.as_ref();
        whole && report.is_none_or(|report| report.agrees(self.seen))
    }

    fn text(&self) -> String {
        let Some(seen) = self.seen else {
            return "No tuple is behind it: its sentences above say what it rests on.\n".to_owned();
        };
        let mut whole = Count::default();
        let mut views: BTreeMap<(&str, String), Count> = BTreeMap::new();
        for (&index, count) in self.counts {
            let group = &self.facts.groups[index];
            let view = views.entry((group.kind.name(), group.direction.to_string()));
            for sum in [view.or_default(), &mut whole] {
                sum.tuples += count.tuples;
                sum.flows += count.flows;
                sum.duplicates += count.duplicates;
            }
        }
        let mut lines = vec![format!("listed    {}", amount(whole.tuples, whole.flows))];
        lines.extend(views.iter().map(|((kind, direction), count)| {
            let amount = amount(count.tuples, count.flows);
            format!("          {kind} {direction}: {amount}")
        }));
        if whole.duplicates > 0 {
            lines.push(format!(
                "          and {} more, marked as duplicates: their records were read before",
                whole.duplicates
            ));
        }
        lines.push(format!("finding   {}", amount(seen.tuples, seen.flows)));
        if (whole.tuples, whole.flows) != (seen.tuples, seen.flows) {
            lines.push(
                "          each flow once: the others are the same flows, logged at their other end\n          \
                 or by another kind of log"
                    .to_owned(),
            );
        }
        lines.extend(self.report.iter().map(Reported::text));
        lines.push(
            if self.reconciled() {
                "reconciled: every tuple that was counted is listed"
            } else {
                "NOT RECONCILED: the logs, the options or the report are not the same"
            }
            .to_owned(),
        );
        lines.join("\n") + "\n"
    }
}
