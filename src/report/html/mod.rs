//! The audit as one HTML file, for any browser, for print, and for keeping.
//!
//! The file asks nothing of the network: a content policy forbids it, and names by hash the one style
//! sheet and the one script that it holds. All but searching, zooming and copying works without that
//! script. Names from logs pass three doors: `maud` escapes each piece of text, [`Door`] writes out
//! what deceives the eye, and [`data`] closes the way out of the data block.

mod account;
mod data;
mod door;
mod findings;
mod heat;
mod ids;
mod incidents;
mod pieces;
mod requirements;
mod strip;
mod summary;
mod times;
mod traffic;

#[cfg(test)]
mod tests;

use std::io::{self, Write};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use sha2::{Digest, Sha256};

use crate::audit::Audit;
use door::Door;

const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("script.js");

/// The sections in their order: ID, and heading.
const SECTIONS: [(&str, &str); 8] = [
    ("verdicts", "Verdicts"),
    ("incidents", "Incidents"),
    ("findings", "Findings"),
    ("times", "Time lines"),
    ("matrix", "Traffic matrix"),
    ("requirements", "Requirements"),
    ("traffic", "Flow groups"),
    ("input", "Input and basis"),
];

/// Writes the audit as one HTML file.
///
/// The same audit gives the same bytes. A large audit is never held as text: sections are written one
/// after the other.
pub fn write(audit: &Audit, out: &mut dyn Write) -> io::Result<()> {
    let mut door = Door::new(out);
    door.markup(&head(audit))?;
    door.raw("<body>\n")?;
    door.markup(&summary::header(audit, &SECTIONS))?;
    door.raw("<main id=\"main\" tabindex=\"-1\">\n")?;
    door.markup(&summary::verdicts(audit))?;
    door.markup(&incidents::section(audit))?;
    door.markup(&findings::section(audit))?;
    door.markup(&times::section(audit))?;
    door.markup(&heat::section(audit))?;
    door.markup(&requirements::section(audit))?;
    door.markup(&traffic::section(audit))?;
    door.markup(&account::section(audit))?;
    door.raw("</main>\n")?;
    door.markup(&footer(audit))?;
    door.raw("<script type=\"application/json\" id=\"groups-data\">")?;
    data::write(audit, &mut door)?;
    door.raw("</script>\n<script>")?;
    door.raw(SCRIPT)?;
    door.raw("</script>\n</body>\n</html>\n")
}

fn head(audit: &Audit) -> Markup {
    html! {
        (DOCTYPE)
        (PreEscaped("<html lang=\"en\">\n"))
        head {
            meta charset="utf-8";
            meta http-equiv="Content-Security-Policy" content=(policy());
            meta name="viewport" content="width=device-width, initial-scale=1";
            meta name="color-scheme" content="light dark";
            meta name="referrer" content="no-referrer";
            meta name="generator" content=(audit.program);
            // Without it, browsers ask the server for one.
            link rel="icon" href="data:,";
            title { (summary::title(audit)) }
            style { (PreEscaped(STYLE)) }
        }
        "\n"
    }
}

/// What the browser may do for this page: run this script, apply this style, and nothing else.
fn policy() -> String {
    let hash = |text: &str| STANDARD.encode(Sha256::digest(text.as_bytes()));
    format!(
        "default-src 'none'; script-src 'sha256-{}'; style-src 'sha256-{}'; img-src data:; base-uri 'none'; form-action 'none'",
        hash(SCRIPT),
        hash(STYLE)
    )
}

fn footer(audit: &Audit) -> Markup {
    html! {
        footer {
            p {
                "Written by " (audit.program) ". This file is complete: it loads nothing. "
                "The same audit for machines: " code { "--format json" } " (" code { (audit.schema) } ")."
            }
            // What happened, for screen readers: "copied", "12 of 333 groups".
            p id="said" class="unseen" role="status" {}
        }
        "\n"
    }
}
