//! Strings and plain values of JSON as raw text: what `serde_json` would say of them, without
//! building them.

use std::borrow::Cow;

use super::record::Stop;

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
