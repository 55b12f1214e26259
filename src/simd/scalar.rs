//! Portable twins of the vector loops.

use super::{Common, Quotes};
use crate::flowlog::{Tuple, tuple};

/// Finds quotes byte by byte where backslashes are near, by `memchr` elsewhere.
pub(super) fn quotes(text: &[u8], index: &mut Quotes) {
    let mut at = index.done;
    if index.escaped && at < text.len() {
        index.escaped = false;
        at += 1;
    }
    while let Some(found) = memchr::memchr2(b'"', b'\\', &text[at.min(text.len())..]) {
        at += found;
        if text[at] == b'"' {
            index.places.push(at as u32);
            at += 1;
            continue;
        }
        index.backslash = true;
        if at + 1 == text.len() {
            index.escaped = true;
            break;
        }
        at += 2;
    }
    index.done = text.len();
}

/// Decodes each span with the careful parser; those that are wide or faulty are left over.
pub(super) fn decode(
    text: &[u8],
    spans: &[(u32, u32)],
    common: Common,
    tuples: &mut [Tuple],
    rest: &mut Vec<u32>,
) {
    for (number, (&(start, end), place)) in spans.iter().zip(tuples).enumerate() {
        match tuple::parse_narrow(&text[start as usize..end as usize]) {
            Some(decoded) => {
                *place = Tuple {
                    group: common.group,
                    offset: start - common.record,
                    ..decoded
                };
            }
            None => rest.push(number as u32),
        }
    }
}
