//! The reports of one audit: the main one, and those of `--report`.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs;
use std::io::{self, IsTerminal as _, Write};
use std::path::Path;

use super::args::{AuditArgs, Format};
use super::manifest::Recorder;
use super::{colours, output, tell_error};
use crate::audit::{Audit, RuleLocation};
use crate::error::{Error, Result};
use crate::report;
use crate::report::text::TextOptions;

/// Looks before the logs are read whether each report has a place of its own that can take it.
pub(super) fn check(args: &AuditArgs) -> Result<()> {
    let mut files: Vec<&Path> = args.output.iter().map(AsRef::as_ref).collect();
    files.extend(args.report.iter().map(|report| report.file.as_path()));
    files.sort_unstable();
    if let Some(twice) = files.windows(2).find(|pair| pair[0] == pair[1]) {
        return Err(Error::Usage {
            message: format!(
                "two reports are to go to {}: expected a file for each",
                twice[0].display()
            ),
        });
    }
    refuse_terminal(
        args.format == Format::Parquet,
        args.output.as_deref(),
        "--format parquet",
    )
}

/// Refuses to print what is no text on a terminal.
pub(super) fn refuse_terminal(binary: bool, output: Option<&Path>, option: &str) -> Result<()> {
    if binary && output.is_none() && io::stdout().is_terminal() {
        return Err(Error::Usage {
            message: format!("{option} is no text: expected --output FILE with it, or a pipe"),
        });
    }
    Ok(())
}

/// Writes each report, whole or not at all; one that fails is told, and leaves the others alone.
/// Whether all were written.
pub(super) fn write(audit: &Audit, args: &AuditArgs, recorder: Option<&Recorder>) -> bool {
    let main = (args.format, args.output.as_deref());
    let further = args
        .report
        .iter()
        .map(|report| (report.format, Some(report.file.as_path())));
    let mut written = true;
    for (format, target) in further.chain([main]) {
        if let Err(error) = one(audit, args, format, target, recorder) {
            tell_error(&error);
            written = false;
        }
    }
    written
}

fn one(
    audit: &Audit,
    args: &AuditArgs,
    format: Format,
    target: Option<&Path>,
    recorder: Option<&Recorder>,
) -> Result<()> {
    let stream = |content: &output::Content<'_>| match recorder {
        Some(recorder) => recorder.stream(target, content),
        None => output::stream(target, content),
    };
    let writer: fn(&Audit, &mut dyn Write) -> io::Result<()> = match format {
        Format::Text => {
            let options = TextOptions {
                colour: colours(args.color, target.is_some()),
                all: args.all,
                ..TextOptions::default()
            };
            let text = report::text::render(audit, &options);
            return stream(&|to| to.write_all(text.as_bytes()));
        }
        Format::Json => report::json::write,
        Format::Html => report::html::write,
        Format::Jsonl => report::jsonl::write,
        Format::Csv => report::csv::groups,
        Format::CsvRequirements => report::csv::requirements,
        Format::CsvFindings => report::csv::findings,
        Format::Markdown => report::markdown::write,
        Format::Junit => report::junit::write,
        Format::Sarif => |audit, to| {
            let documents = Documents::default();
            let baseline = report::sarif::Baseline::of(audit);
            report::sarif::write(audit, baseline.as_ref(), &|rule| documents.line(rule), to)
        },
        Format::Ocsf => report::ocsf::write,
        Format::Parquet => report::parquet::groups,
        Format::Prometheus => report::prometheus::write,
    };
    stream(&|to| writer(audit, to))
}

/// Largest document of rules that is read again for its lines, in bytes.
const LARGEST: u64 = 64 << 20;

/// The documents that state rules, read again to tell lines; none where that is not possible now.
#[derive(Default)]
struct Documents(RefCell<BTreeMap<String, Option<String>>>);

impl Documents {
    fn line(&self, rule: &RuleLocation) -> Option<u64> {
        let mut known = self.0.borrow_mut();
        let text = known.entry(rule.file.clone()).or_insert_with(|| {
            let size = fs::metadata(&rule.file).ok()?;
            let readable = size.is_file() && size.len() <= LARGEST;
            readable.then(|| fs::read_to_string(&rule.file).ok())?
        });
        report::sarif::line_of(text.as_deref()?, &rule.path)
    }
}
