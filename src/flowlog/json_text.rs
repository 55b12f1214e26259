//! Strings and plain values of JSON as raw text: what `serde_json` would say of them, without
//! building them.

use std::borrow::Cow;

use super::record::Stop;

/// Whether a plain value may begin so.
pub(super) fn may_go_on(begun: &[u8]) -> bool {
    if [&b"true"[..], b"false", b"null"]
        .iter()
        .any(|word| word.starts_with(begun))
    {
        return true;
    }
    let rest = begun.strip_prefix(b"-").unwrap_or(begun);
    let digits = |text: &[u8]| text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let whole = digits(rest);
    if whole > 1 && rest[0] == b'0' {
        return false;
    }
    let mut rest = &rest[whole..];
    if whole > 0 && rest.first() == Some(&b'.') {
        let fraction = digits(&rest[1..]);
        rest = &rest[1 + fraction..];
        if fraction == 0 {
            return rest.is_empty();
        }
    }
    if whole > 0 && matches!(rest.first(), Some(b'e' | b'E')) {
        rest = &rest[1..];
        rest = rest
            .strip_prefix(b"+")
            .or_else(|| rest.strip_prefix(b"-"))
            .unwrap_or(rest);
        rest = &rest[digits(rest)..];
    }
    rest.is_empty()
}

/// Whether a string's raw text is what JSON allows: UTF-8, no control characters, known escapes.
#[inline]
pub(super) fn check_string(raw: &[u8], escapes: bool) -> Result<(), Stop> {
    const HIGH: u64 = 0x8080_8080_8080_8080;
    let mut seen = 0;
    let mut words = raw.chunks_exact(8);
    for word in &mut words {
        let word = u64::from_le_bytes([
            word[0], word[1], word[2], word[3], word[4], word[5], word[6], word[7],
        ]);
        // The borrow of a byte below 0x20 can mark the one above it too: only where one is there.
        let control = word.wrapping_sub(0x2020_2020_2020_2020) & !word & HIGH;
        seen |= u8::from(word & HIGH != 0) << 7 | u8::from(control != 0);
    }
    for &byte in words.remainder() {
        seen |= byte & 0x80 | u8::from(byte < 0x20);
    }
    if seen & 1 != 0 {
        return Err(Stop::Damaged("no control character in a string"));
    }
    if seen & 0x80 != 0 && std::str::from_utf8(raw).is_err() {
        return Err(Stop::Damaged("UTF-8 text"));
    }
    if escapes && raw.contains(&b'\\') && quoted(raw).is_none() {
        return Err(Stop::Damaged("an escape that JSON knows"));
    }
    Ok(())
}

/// As [`check_string`], for the part that there is of a string whose end is not there.
pub(super) fn check_unfinished(raw: &[u8]) -> Result<(), Stop> {
    let mut rest = raw;
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        if byte < 0x20 {
            return Err(Stop::Damaged("no control character in a string"));
        }
        if byte == b'\\' {
            let Some((&escape, after)) = after.split_first() else {
                break;
            };
            rest = after;
            let hex = escape != b'u' || after.iter().take(4).all(u8::is_ascii_hexdigit);
            if !(b"\"\\/bfnrtu".contains(&escape) && hex) {
                return Err(Stop::Damaged("an escape that JSON knows"));
            }
        }
    }
    Ok(())
}

/// The string's text, its escapes resolved.
pub(super) fn unescape(raw: &[u8], escapes: bool) -> Cow<'_, [u8]> {
    if !escapes || !raw.contains(&b'\\') {
        return Cow::Borrowed(raw);
    }
    quoted(raw).map_or(Cow::Borrowed(raw), |text| Cow::Owned(text.into_bytes()))
}

fn quoted(raw: &[u8]) -> Option<String> {
    let mut literal = Vec::with_capacity(raw.len() + 2);
    literal.push(b'"');
    literal.extend_from_slice(raw);
    literal.push(b'"');
    serde_json::from_slice(&literal).ok()
}
