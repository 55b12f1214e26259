//! Flow groups as data for the script: columns of numbers, and a list of the texts that they name.
//!
//! 100,000 groups take about 8 MB, and a text that many groups share is searched once.

use std::io;

use hashbrown::HashMap;
use serde_json::Value;

use super::door::Door;
use super::traffic::{rule, ruling};
use crate::audit::{Audit, TrafficGroup};
use crate::net::Timestamp;
use crate::report::escape;
use crate::report::text::class;

/// Groups that the page can search. Beyond, the file would be too large to open with ease.
pub(super) const LIMIT: usize = 150_000;

/// Writes the data. No text in it can end the block or start a comment: `<` is `\u003c`.
pub(super) fn write(audit: &Audit, door: &mut Door<'_>) -> io::Result<()> {
    let groups = &audit.groups[..audit.groups.len().min(LIMIT)];
    let base = groups
        .iter()
        .filter_map(|group| Timestamp::parse(&group.first))
        .map(|time| time.0)
        .min()
        .unwrap_or(0);
    let offset = |time: &str| match Timestamp::parse(time) {
        Some(time) => time.0.saturating_sub(base).to_string(),
        None => "null".to_owned(),
    };
    let mut texts = Texts::default();
    door.raw(&format!(
        "{{\"total\":{},\"base\":{base},\"columns\":{{",
        audit.groups.len()
    ))?;
    let mut text = |door: &mut Door<'_>, name: &str, of: &dyn Fn(&TrafficGroup) -> String| {
        column(
            door,
            name,
            groups.iter().map(|group| texts.number(of(group))),
        )
    };
    text(door, "class", &|group| class(group.class).0.to_owned())?;
    text(door, "source", &|group| group.source.clone())?;
    text(door, "destination", &|group| group.destination.clone())?;
    text(door, "protocol", &|group| group.protocol.clone())?;
    text(door, "direction", &|group| group.direction.to_string())?;
    text(door, "decision", &|group| group.decision.to_string())?;
    text(door, "outcome", &|group| {
        group
            .outcome
            .map_or_else(String::new, |outcome| outcome.name().to_owned())
    })?;
    text(door, "rule", &rule)?;
    text(door, "given", &ruling)?;
    text(door, "rows", &|group| group.rows.join(", "))?;
    text(door, "log", &|group| group.log.clone())?;
    let port = |group: &TrafficGroup| {
        group
            .port
            .map_or_else(|| "null".to_owned(), |port| port.to_string())
    };
    column(door, "port", groups.iter().map(port))?;
    column(
        door,
        "flows",
        groups.iter().map(|group| group.flows.to_string()),
    )?;
    let volume = |group: &TrafficGroup| {
        group
            .bytes_forward
            .saturating_add(group.bytes_reverse)
            .to_string()
    };
    column(door, "bytes", groups.iter().map(volume))?;
    column(
        door,
        "first",
        groups.iter().map(|group| offset(&group.first)),
    )?;
    column(door, "last", groups.iter().map(|group| offset(&group.last)))?;
    door.raw("\"end\":[]},\"texts\":[")?;
    for (number, text) in texts.in_order.iter().enumerate() {
        if number > 0 {
            door.raw(",")?;
        }
        door.raw(&literal(text))?;
    }
    door.raw("]}")
}

/// `"name":[1,2,3],`.
fn column(door: &mut Door<'_>, name: &str, values: impl Iterator<Item = String>) -> io::Result<()> {
    door.raw(&format!("\"{name}\":["))?;
    for (number, value) in values.enumerate() {
        if number > 0 {
            door.raw(",")?;
        }
        door.raw(&value)?;
    }
    door.raw("],\n")
}

/// A text as JSON that is harmless between `<script>` and `</script>`, and to the eye.
fn literal(text: &str) -> String {
    Value::from(escape::terminal(text).as_ref())
        .to_string()
        .replace('<', "\\u003c")
}

/// Each text once, in the order of its first use.
#[derive(Default)]
struct Texts {
    numbers: HashMap<String, usize>,
    in_order: Vec<String>,
}

impl Texts {
    fn number(&mut self, text: String) -> String {
        if let Some(number) = self.numbers.get(&text) {
            return number.to_string();
        }
        let number = self.in_order.len();
        self.in_order.push(text.clone());
        self.numbers.insert(text, number);
        number.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_ends_the_block() {
        let text = literal("</script><!--\u{202e}\u{2028}\"\\");
        assert!(!text.contains('<') && !text.contains('\u{2028}'));
        let back: String = serde_json::from_str(&text).unwrap();
        assert_eq!(back, "</script><!--\\u{202e}\\u{2028}\"\\");
    }

    #[test]
    fn the_data_is_json_whatever_the_names() {
        for audit in [
            crate::report::sample::incident(),
            crate::report::sample::hostile(),
            crate::report::sample::empty(),
        ] {
            let mut bytes = Vec::new();
            write(&audit, &mut Door::new(&mut bytes)).unwrap();
            let data: Value = serde_json::from_slice(&bytes).unwrap();
            assert_eq!(data["total"], audit.groups.len());
            assert_eq!(
                data["columns"]["flows"].as_array().unwrap().len(),
                audit.groups.len()
            );
        }
    }
}
