//! The audit as JSON lines: an object a line, told apart by `type`.
//!
//! The first line, of type `audit`, has the schema, the basis, the assumptions and what was read; then
//! come `requirement`, `finding`, `cell` (of the traffic matrix) and `group`, in the order of the JSON
//! report and with its fields.

use std::io::{self, Write};

use serde::Serialize;

use super::json_text;
use crate::audit::{Audit, BaselineText, Basis, Incident, Input};

/// The first line.
#[derive(Serialize)]
struct Head<'a> {
    schema: &'a str,
    program: &'a str,
    basis: &'a Basis,
    assumptions: &'a [String],
    input: &'a Input,
    baseline: Option<&'a BaselineText>,
    incidents: &'a [Incident],
}

/// A line: what it is, and the item's own fields beside it.
#[derive(Serialize)]
struct Line<'a, T> {
    r#type: &'static str,
    #[serde(flatten)]
    item: &'a T,
}

/// Writes the audit, line by line.
pub fn write(audit: &Audit, out: &mut dyn Write) -> io::Result<()> {
    let head = Head {
        schema: &audit.schema,
        program: &audit.program,
        basis: &audit.basis,
        assumptions: &audit.assumptions,
        input: &audit.input,
        baseline: audit.baseline.as_ref(),
        incidents: &audit.incidents,
    };
    line(out, "audit", &head)?;
    lines(out, "requirement", &audit.requirements)?;
    lines(out, "finding", &audit.findings)?;
    lines(out, "cell", &audit.matrix)?;
    lines(out, "group", &audit.groups)
}

fn lines<T: Serialize>(out: &mut dyn Write, r#type: &'static str, items: &[T]) -> io::Result<()> {
    items.iter().try_for_each(|item| line(out, r#type, item))
}

fn line<T: Serialize>(out: &mut dyn Write, r#type: &'static str, item: &T) -> io::Result<()> {
    json_text::line(out, &Line { r#type, item })
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::report::{json, sample};

    #[test]
    fn the_lines_together_are_the_report() {
        for audit in [sample::incident(), sample::empty(), sample::hostile()] {
            let mut out = Vec::new();
            write(&audit, &mut out).unwrap();
            let text = String::from_utf8(out).unwrap();
            let mut whole: Value = serde_json::from_str(&json::render(&audit)).unwrap();
            for (number, line) in text.lines().enumerate() {
                let mut line: Value = serde_json::from_str(line).unwrap();
                let object = line.as_object_mut().unwrap();
                let kind = object.remove("type").unwrap();
                let list = match kind.as_str().unwrap() {
                    "requirement" => "requirements",
                    "finding" => "findings",
                    "cell" => "matrix",
                    "group" => "groups",
                    other => {
                        assert_eq!((number, other), (0, "audit"));
                        for (key, value) in object {
                            assert_eq!(
                                whole.as_object_mut().unwrap().remove(key),
                                Some(value.take())
                            );
                        }
                        continue;
                    }
                };
                let items = whole[list].as_array_mut().unwrap();
                assert_eq!(items.remove(0), line);
            }
            let left = whole.as_object().unwrap();
            assert!(
                left.values()
                    .all(|items| items.as_array().unwrap().is_empty())
            );
            assert!(!text.chars().any(|c| c.is_control() && c != '\n'));
        }
    }
}
