//! Reading an audit back from its JSON.

use serde::Deserialize;

use crate::audit::{Audit, SCHEMA_VERSION};

/// The most that a document may hold: an audit of 100,000 flow groups has a fifth of it.
pub const MAX_DOCUMENT: u64 = 256 << 20;

/// What tells an audit from other JSON.
#[derive(Deserialize)]
struct Head {
    schema: String,
}

/// Reads an audit. Fields that it does not know are left out, as the schema's promise asks for.
///
/// # Errors
/// What was expected and found: no JSON, another document, one of a newer program, or one that is
/// cut off or altered.
pub fn parse(bytes: &[u8]) -> Result<Audit, String> {
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Err(format!(
            "expected an audit in JSON ({SCHEMA_VERSION}), found an empty file"
        ));
    }
    let head: Head = serde_json::from_slice(bytes).map_err(|error| {
        format!("expected an audit in JSON, as `nsgaudit audit --format json` writes it: {error}")
    })?;
    if head.schema != SCHEMA_VERSION {
        return Err(other_schema(&head.schema));
    }
    serde_json::from_slice(bytes)
        .map_err(|error| format!("expected an audit as {SCHEMA_VERSION} has it: {error}"))
}

fn other_schema(found: &str) -> String {
    let (family, ours) = SCHEMA_VERSION.rsplit_once('/').unwrap_or_default();
    let shown: String = found.chars().take(60).collect();
    let theirs = found
        .rsplit_once('/')
        .filter(|(name, _)| *name == family)
        .and_then(|(_, number)| number.parse::<u32>().ok());
    match (theirs, ours.parse::<u32>()) {
        (Some(theirs), Ok(ours)) if theirs > ours => format!(
            "expected an audit of schema {SCHEMA_VERSION}, found {shown:?}: a newer nsgaudit wrote it. \
             Read it with that program, or repeat the audit with this one"
        ),
        _ => format!("expected an audit of schema {SCHEMA_VERSION}, found schema {shown:?}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;
    use proptest::prelude::*;

    fn written() -> String {
        crate::report::json::render(&sample::incident())
    }

    #[test]
    fn an_audit_comes_back_as_it_was_written() {
        for audit in [sample::incident(), sample::empty(), sample::hostile()] {
            let text = crate::report::json::render(&audit);
            assert_eq!(parse(text.as_bytes()).unwrap(), audit);
        }
    }

    #[test]
    fn what_is_no_audit_is_told_in_words() {
        let told = |text: &str| parse(text.as_bytes()).unwrap_err();
        assert!(told(" \n").contains("an empty file"));
        assert!(told("{}").contains("missing field `schema`"));
        assert!(told("[1]").contains("expected an audit in JSON"));
        assert!(told(r#"{"schema":"nsgaudit/audit/2"}"#).contains("a newer nsgaudit wrote it"));
        assert!(told(r#"{"schema":"nsgaudit/diff/1"}"#).contains("found schema"));
        assert!(told(r#"{"schema":"nsgaudit/audit/1"}"#).contains("missing field"));
        assert!(!told("{\"schema\":\"\\u001b[2J\"}").contains('\u{1b}'));
        let deep = format!(
            r#"{{"schema":"nsgaudit/audit/1","x":{}"#,
            "[".repeat(100_000)
        );
        assert!(told(&deep).contains("expected an audit in JSON"));
    }

    #[test]
    fn fields_that_are_not_known_are_left_out() {
        let text = written().replacen('{', "{\"later\":[1,{\"a\":2}],", 1);
        assert_eq!(parse(text.as_bytes()).unwrap(), sample::incident());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn a_document_that_is_cut_off_is_an_error(at in 0usize..100_000) {
            let text = written();
            let cut = &text.as_bytes()[..at % (text.len() - 2)];
            prop_assert!(parse(cut).is_err());
        }

        #[test]
        fn no_byte_that_is_altered_panics(at in 0usize..100_000, byte: u8) {
            let mut text = written().into_bytes();
            let length = text.len();
            text[at % length] = byte;
            drop(parse(&text));
        }
    }
}
