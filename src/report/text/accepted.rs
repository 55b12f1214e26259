//! What somebody accepted: listed apart, never left out.

use super::number::grouped;
use super::page::{Page, Text, Tone};
use crate::audit::checks::severity_word;
use crate::audit::{Audit, BaselineEntry};

pub(super) fn print(page: &mut Page, audit: &Audit) {
    let suppressed = || {
        audit
            .findings
            .iter()
            .filter_map(|finding| Some((finding, finding.suppressed.as_ref()?)))
    };
    let count = suppressed().count();
    if count > 0 {
        page.heading("SUPPRESSED", &grouped(count as u64));
        for (finding, by) in suppressed() {
            let code = format!(
                "{}[{} {}]",
                severity_word(finding.severity),
                finding.code,
                finding.check
            );
            let title = Text::toned(Tone::Strong, &code)
                .plain(": ")
                .plain(&finding.title);
            page.hanging(&Text::new().plain("  "), &title, 4);
            let words = format!("by {} until {}: {}", by.owner, by.expires, by.reason);
            page.hanging(
                &Text::new().plain("    "),
                &Text::toned(Tone::Quiet, &words),
                4,
            );
        }
    }
    let Some(baseline) = &audit.baseline else {
        return;
    };
    let remark = format!(
        "{}: {} entries, {} suppress, {} expired, {} match nothing",
        baseline.file,
        grouped(baseline.entries),
        grouped(baseline.suppressed),
        baseline.expired.len(),
        baseline.unmatched.len()
    );
    page.heading("BASELINE", "");
    page.hanging(&Text::new().plain("  "), &Text::new().plain(&remark), 4);
    page.hanging(
        &Text::new().plain("  "),
        &Text::new().plain(&format!("held against {}", baseline.today)),
        4,
    );
    entries(
        page,
        "expired, and back among the findings",
        &baseline.expired,
    );
    entries(
        page,
        "match no finding of this audit: delete them",
        &baseline.unmatched,
    );
}

fn entries(page: &mut Page, what: &str, entries: &[BaselineEntry]) {
    if entries.is_empty() {
        return;
    }
    page.hanging(
        &Text::new().plain("  "),
        &Text::toned(Tone::Doubtful, &format!("{what}:")),
        4,
    );
    for entry in entries {
        let words = format!(
            "{} {}, by {} until {}: {}",
            entry.code, entry.fingerprint, entry.owner, entry.expires, entry.reason
        );
        page.hanging(&Text::new().plain("    "), &Text::new().plain(&words), 6);
    }
}
