//! `nsgaudit diagnose`.

use super::args::{AuditArgs, Format};
use super::{Status, audit, colours, output};
use crate::diagnose::diagnose;
use crate::error::{Error, Result};
use crate::report::{json, text};

pub(super) fn run(args: &AuditArgs) -> Result<Status> {
    if !matches!(args.format, Format::Text | Format::Json) {
        return Err(Error::Usage {
            message: "diagnose: expected --format text or json".to_owned(),
        });
    }
    let audit::Judged {
        audit: judged,
        unreadable,
        ..
    } = audit::judged(args)?;
    let diagnosis = diagnose(&judged);
    let output = args.output.as_deref();
    if args.format == Format::Json {
        output::stream(output, &|to| json::write_diagnosis(&diagnosis, to))?;
    } else {
        let options = text::TextOptions {
            colour: colours(args.color, output.is_some()),
            all: args.all,
            ..text::TextOptions::default()
        };
        let page = text::diagnosis::render(&diagnosis, &options);
        output::write(output, page.as_bytes())?;
    }
    Ok(audit::status(&judged, args, unreadable))
}
