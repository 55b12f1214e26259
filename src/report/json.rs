//! The audit as JSON, and the schema that it keeps to.

use std::io::{self, Write};

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::json;

use super::json_text;
use crate::audit::{Audit, SCHEMA_VERSION};
use crate::diagnose::{self, Diagnosis};

/// Writes the audit as JSON: indented, in the order of the model's fields, with a final line break.
///
/// The same audit gives the same bytes. Characters that a terminal would obey are `\uXXXX`. A large
/// audit is never held as text.
pub fn write(audit: &Audit, out: &mut dyn Write) -> io::Result<()> {
    json_text::indented(out, audit)
}

/// Writes a diagnosis as JSON, in the same manner.
pub fn write_diagnosis(diagnosis: &Diagnosis, out: &mut dyn Write) -> io::Result<()> {
    json_text::indented(out, diagnosis)
}

/// The audit as JSON text, as [`write()`] writes it.
pub fn render(audit: &Audit) -> String {
    let mut text = Vec::new();
    // Into memory, with string keys only, this cannot fail.
    drop(write(audit, &mut text));
    String::from_utf8(text).unwrap_or_default()
}

/// The JSON schema (draft 2020-12) of what [`render`] writes, with a final line break.
pub fn schema() -> String {
    schema_of::<Audit>(SCHEMA_VERSION, "nsgaudit audit")
}

/// The JSON schema (draft 2020-12) of a document; its field `schema`, where it has one, is `id`.
pub(super) fn schema_of<T: JsonSchema>(id: &str, title: &str) -> String {
    let mut schema = SchemaSettings::draft2020_12()
        .for_serialize()
        .into_generator()
        .into_root_schema_for::<T>();
    schema.insert("$id".to_owned(), json!(id));
    schema.insert("title".to_owned(), json!(title));
    if let Some(version) = schema.pointer_mut("/properties/schema")
        && let Some(version) = version.as_object_mut()
    {
        version.insert("const".to_owned(), json!(id));
    }
    document(&schema)
}

/// The JSON schema of what [`write_diagnosis`] writes.
pub fn diagnosis_schema() -> String {
    schema_of::<Diagnosis>(diagnose::SCHEMA_VERSION, "nsgaudit diagnosis")
}

/// A document as indented JSON with a final line break, as harmless as [`write()`]'s.
pub(super) fn document(value: &impl serde::Serialize) -> String {
    let mut text = Vec::new();
    // The model has string keys only and its `Serialize` is derived, so this cannot fail.
    drop(json_text::indented(&mut text, value));
    String::from_utf8(text).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;
    use serde_json::Value;

    fn validator() -> jsonschema::Validator {
        let schema: Value = serde_json::from_str(&schema()).unwrap();
        jsonschema::validator_for(&schema).unwrap()
    }

    fn parsed(audit: &Audit) -> Value {
        serde_json::from_str(&render(audit)).unwrap()
    }

    #[test]
    fn a_report_keeps_to_the_schema() {
        let validator = validator();
        for audit in [sample::incident(), sample::empty(), sample::hostile()] {
            let report = parsed(&audit);
            let errors: Vec<_> = validator
                .iter_errors(&report)
                .map(|error| error.to_string())
                .collect();
            assert!(errors.is_empty(), "{errors:?}");
        }
    }

    #[test]
    fn an_altered_report_does_not() {
        let validator = validator();
        let alter = |change: fn(&mut Value)| {
            let mut report = parsed(&sample::incident());
            change(&mut report);
            report
        };
        let altered = [
            alter(|report| report["schema"] = json!("nsgaudit/audit/2")),
            alter(|report| report["requirements"][0]["verdict"] = json!("broken")),
            alter(|report| report["findings"][0]["severity"] = json!("fatal")),
            alter(|report| report["input"]["bytes"] = json!(-1)),
            alter(|report| {
                report.as_object_mut().unwrap().remove("matrix");
            }),
            alter(|report| {
                report["groups"][0].as_object_mut().unwrap().remove("port");
            }),
        ];
        for (number, report) in altered.iter().enumerate() {
            assert!(!validator.is_valid(report), "alteration {number} passed");
        }
    }

    #[test]
    fn the_text_ends_with_one_line_break_and_repeats_itself() {
        let text = render(&sample::incident());
        assert!(text.ends_with("}\n"));
        assert_eq!(text, render(&sample::incident()));
    }

    #[test]
    fn no_control_character_reaches_the_output() {
        let text = render(&sample::hostile());
        assert!(text.contains("\\u001b"), "the name is still told");
        assert!(text.contains("\\u202e"));
        assert!(!text.chars().any(|c| c.is_control() && c != '\n'));
    }

    #[test]
    fn the_committed_schema_is_the_one_we_write() {
        sample::assert_committed("docs/audit.schema.json", "UPDATE_DOCS", &schema());
        let diagnosis = diagnosis_schema();
        sample::assert_committed("docs/diagnosis.schema.json", "UPDATE_DOCS", &diagnosis);
    }

    #[test]
    fn a_diagnosis_keeps_to_its_schema() {
        let schema: Value = serde_json::from_str(&diagnosis_schema()).unwrap();
        let validator = jsonschema::validator_for(&schema).unwrap();
        for audit in [sample::incident(), sample::empty(), sample::hostile()] {
            let mut text = Vec::new();
            write_diagnosis(&diagnose::diagnose(&audit), &mut text).unwrap();
            let report = serde_json::from_slice(&text).unwrap();
            let errors: Vec<_> = validator
                .iter_errors(&report)
                .map(|error| error.to_string())
                .collect();
            assert!(errors.is_empty(), "{errors:?}");
        }
    }
}
