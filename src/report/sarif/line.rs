//! The line of a document that a JSON path leads to.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde_json::value::RawValue;

/// The line, from 1 on, where the value stands that a path such as `[0].securityRules[3].name` leads to;
/// none where the document has no such value, or is no JSON.
pub fn line_of(document: &str, path: &str) -> Option<u64> {
    let document = document.trim_start_matches('\u{feff}');
    let path = path.strip_prefix('$').unwrap_or(path);
    let mut value: &RawValue = serde_json::from_str(document).ok()?;
    let mut rest = path.strip_prefix('.').unwrap_or(path);
    while !rest.is_empty() {
        (value, rest) = step(value, rest)?;
        rest = rest.strip_prefix('.').unwrap_or(rest);
    }
    // The raw value is a piece of the document.
    let offset = (value.get().as_ptr() as usize).checked_sub(document.as_ptr() as usize)?;
    let before = document.as_bytes().get(..offset)?;
    Some(memchr::memchr_iter(b'\n', before).count() as u64 + 1)
}

/// One step along a path: the value that it leads to, and what is left of the path.
fn step<'a, 'p>(value: &'a RawValue, path: &'p str) -> Option<(&'a RawValue, &'p str)> {
    if let Some(index) = path.strip_prefix('[') {
        let (index, rest) = index.split_once(']')?;
        let items: Vec<&RawValue> = serde_json::from_str(value.get()).ok()?;
        return Some((items.get(index.parse::<usize>().ok()?)?, rest));
    }
    let fields: Fields<'a> = serde_json::from_str(value.get()).ok()?;
    // Keys may have points and brackets of their own: the longest that fits is meant.
    let (key, value) = fields
        .iter()
        .filter(|(key, _)| {
            let rest = path.strip_prefix(key.0.as_ref());
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
        })
        .max_by_key(|(key, _)| key.0.len())?;
    Some((value, &path[key.0.len()..]))
}

type Fields<'a> = BTreeMap<Key<'a>, &'a RawValue>;

/// A key, borrowed where it has no escapes.
#[derive(serde::Deserialize, PartialEq, Eq, PartialOrd, Ord)]
struct Key<'a>(#[serde(borrow)] Cow<'a, str>);

#[cfg(test)]
mod tests {
    use super::*;

    const DOCUMENT: &str = "[\n {\n  \"securityRules\": [\n   {},\n   { \"name\":\n \"a\" } ],\n  \
                            \"a.b\": 1,\n \"a\": { \"b\": 2 }\n }\n]\n";

    #[test]
    fn a_path_leads_to_its_line() {
        for (path, line) in [
            ("", 1),
            ("[0]", 2),
            ("$[0].securityRules[1]", 5),
            ("[0].securityRules[1].name", 6),
            ("[0].a.b", 7),
        ] {
            assert_eq!(line_of(DOCUMENT, path), Some(line), "{path}");
        }
    }

    #[test]
    fn what_is_not_there_has_no_line() {
        for path in [
            "[1]",
            "[0].x",
            "[0].securityRules[9]",
            "[0].securityRules[1].name.x",
            "[",
            "[x]",
        ] {
            assert_eq!(line_of(DOCUMENT, path), None, "{path}");
        }
        assert_eq!(line_of("no json", ""), None);
    }
}
