//! The catalogue: what a service requires, as profiles of data. Knows no traffic.

pub mod diff;
pub mod lint;
pub mod load;
pub mod profile;
pub mod spec;
#[cfg(test)]
mod tables;
pub mod term;
pub mod text;

pub use diff::{FieldChange, ProfileDiff, RowChange, diff};
pub use lint::{LintMessage, Severity, lint};
pub use load::{Catalogue, embedded_text};
pub use profile::*;
pub use spec::{PeersSpec, RowSpec, rows};
pub use term::{is_known_tag, parse_term};

/// Text from users' files, made fit for a terminal: control characters and marks that turn the
/// writing direction are written as escapes.
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        let turns = matches!(letter, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        if letter.is_control() || turns {
            out.extend(letter.escape_default());
        } else {
            out.push(letter);
        }
    }
    out
}
