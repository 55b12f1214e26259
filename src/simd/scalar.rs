//! Portable twins of the vector loops.

use super::letters::{LETTERS, Letters, WITHOUT_COUNTERS};
use super::{Common, Quotes};
use crate::flowlog::Tuple;

/// Finds quotes 64 bytes at a time where no backslash is near, by `memchr` elsewhere.
pub(super) fn quotes(text: &[u8], index: &mut Quotes) {
    while let Some(block) = text[index.done.min(text.len())..].first_chunk::<64>() {
        let slashes = block
            .iter()
            .fold(0, |any, &byte| any | u8::from(byte == b'\\'));
        if index.escaped || slashes != 0 {
            quotes_with_escapes(&text[..index.done + 64], index);
            continue;
        }
        let mut set = map_of(block, |byte| byte == b'"');
        let length = index.places.len() + set.count_ones() as usize;
        while index.places.len() < length {
            let four = [0; 4].map(|_: u32| {
                let place = index.done as u32 + set.trailing_zeros();
                set &= set.wrapping_sub(1);
                place
            });
            index.places.extend_from_slice(&four);
        }
        index.places.truncate(length);
        index.done += 64;
    }
    quotes_with_escapes(text, index);
}

fn quotes_with_escapes(text: &[u8], index: &mut Quotes) {
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

/// Which bytes are such, a bit each.
#[inline]
fn map_of(block: &[u8; 64], is_such: impl Fn(u8) -> bool) -> u64 {
    let flags = block.map(|byte| u8::from(is_such(byte)));
    let (words, _) = flags.as_chunks::<8>();
    words.iter().rev().fold(0, |map, word| {
        // Bit 8 n of the word becomes bit 56 + n of the product.
        map << 8 | u64::from_le_bytes(*word).wrapping_mul(0x0102_0408_1020_4080) >> 56
    })
}

/// Bytes that must be readable after a tuple for the loads below.
const AFTER: usize = 64;

/// Decodes the spans of the common shape, eight bytes at a time.
pub(super) fn decode(
    text: &[u8],
    spans: &[(u32, u32)],
    common: Common,
    tuples: &mut [Tuple],
    rest: &mut Vec<u32>,
) {
    let letters = &*LETTERS;
    for (number, (&(start, end), place)) in spans.iter().zip(tuples).enumerate() {
        let in_reach = end as usize + AFTER <= text.len();
        match in_reach
            .then(|| decode_one(text, start as usize, end as usize, letters))
            .flatten()
        {
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

/// Decodes one tuple; `None` where it has not the common shape.
#[inline]
fn decode_one(text: &[u8], start: usize, end: usize, letters: &Letters) -> Option<Tuple> {
    // All that are no digits: the separators up to the letters, which come after the eleventh.
    let block = text.get(start..)?.first_chunk()?;
    let mut others = map_of(block, |byte| byte.wrapping_sub(b'0') > 9);
    let ends = [0; 11].map(|_: usize| {
        let end = others.trailing_zeros() as usize;
        others &= others.wrapping_sub(1);
        end
    });
    if ends[10] >= 64 {
        return None;
    }
    let mut cursor = Cursor { text, at: start };
    let time = cursor.time()?;
    let source = address(block, ends[0], [ends[1], ends[2], ends[3], ends[4]])?;
    let destination = address(block, ends[4], [ends[5], ends[6], ends[7], ends[8]])?;
    cursor.at = start + ends[8] + 1;
    let source_port = cursor.port()?;
    let destination_port = cursor.port()?;

    let left = end.checked_sub(cursor.at)?;
    let word = cursor.eight();
    let word = if left < 8 {
        word & ((1 << (8 * left)) - 1)
    } else {
        word
    };
    let next = u16::from_le_bytes([text[cursor.at + 8], text[cursor.at + 9]]);
    let meaning = letters.find(word);
    if meaning.difference(word, next) != 0 {
        return None;
    }
    let (mut packets, mut bytes) = ([0; 2], [0; 2]);
    if meaning.width != 0 {
        cursor.at += meaning.width as usize;
        packets[0] = cursor.counter()?;
        bytes[0] = cursor.counter()?;
        packets[1] = cursor.counter()?;
        let (last, length) = cursor.digits();
        bytes[1] = last;
        if cursor.at + length != end {
            return None;
        }
    } else if left != WITHOUT_COUNTERS {
        // Zero bytes after the letters look like the end.
        return None;
    }
    Some(Tuple {
        time,
        source,
        destination,
        source_port,
        destination_port,
        protocol: meaning.protocol,
        bits: meaning.bits,
        packets,
        bytes,
        ..Tuple::default()
    })
}

struct Cursor<'a> {
    text: &'a [u8],
    at: usize,
}

impl Cursor<'_> {
    #[inline]
    fn eight(&self) -> u64 {
        let bytes = self.text[self.at..].first_chunk();
        bytes.map_or(0, |bytes| u64::from_le_bytes(*bytes))
    }

    /// The number that up to eight digits here make, and how many they are.
    #[inline]
    fn digits(&self) -> (u32, usize) {
        let digits = self.eight() ^ 0x3030_3030_3030_3030;
        // A byte above 9 sets its upper bit here; what it carries reaches later bytes only.
        let others = (digits.wrapping_add(0x7676_7676_7676_7676) | digits) & 0x8080_8080_8080_8080;
        let length = others.trailing_zeros() / 8;
        // The digits end at the last byte; zeros come before them.
        let aligned = digits.checked_shl(64 - 8 * length).unwrap_or(0);
        let pairs = aligned.wrapping_mul(10 << 8 | 1) >> 8 & 0x00ff_00ff_00ff_00ff;
        let fours = pairs.wrapping_mul(100 << 16 | 1) >> 16 & 0x0000_ffff_0000_ffff;
        let value = fours.wrapping_mul(10_000 << 32 | 1) >> 32;
        (value as u32, length as usize)
    }

    /// A time of ten digits (seconds) or thirteen (milliseconds), and the comma after it.
    #[inline]
    fn time(&mut self) -> Option<i64> {
        let (upper, length) = self.digits();
        self.at += 8;
        let (lower, more) = self.digits();
        self.at += more + 1;
        if length != 8 || self.text[self.at - 1] != b',' {
            return None;
        }
        let time = match more {
            2 => (upper as i64 * 100 + lower as i64) * 1_000,
            5 => upper as i64 * 100_000 + lower as i64,
            _ => return None,
        };
        // Thirteen digits below 10^11 are seconds with leading zeros: left to the careful way.
        let least = if more == 2 { 1 } else { 100_000_000_000 };
        (time >= least).then_some(time)
    }

    /// A counter of up to eight digits and the comma after it.
    #[inline]
    fn counter(&mut self) -> Option<u32> {
        let (value, length) = self.digits();
        self.at += length + 1;
        (self.text[self.at - 1] == b',').then_some(value)
    }

    /// A port and the comma after it.
    #[inline]
    fn port(&mut self) -> Option<u16> {
        let (value, length) = self.digits();
        self.at += length + 1;
        if length == 0 || length > 5 || self.text[self.at - 1] != b',' {
            return None;
        }
        u16::try_from(value).ok()
    }
}

/// An IPv4 address after the separator at `before`, whose octets end before those at `ends`.
#[inline]
fn address(block: &[u8; 64], before: usize, ends: [usize; 4]) -> Option<u32> {
    let separators = ends.map(|end| block[end & 63]);
    let mut bad = u32::from_le_bytes(separators) ^ u32::from_le_bytes(*b"...,");
    let (mut address, mut start) = (0, before + 1);
    for end in ends {
        let (octet, wrong) = octet(block, start, end)?;
        address = address << 8 | octet;
        bad |= wrong;
        start = end + 1;
    }
    (bad == 0).then_some(address)
}

/// The number that the digits from `start` to `end` make; and what is not zero where they are not one
/// to three, have a leading zero, or are more than 255.
#[inline]
fn octet(block: &[u8; 64], start: usize, end: usize) -> Option<(u32, u32)> {
    const LEAST: [u32; 4] = [u32::MAX, 0, 10, 100];
    let length = end - start;
    let last = block.get(end.checked_sub(4)?..)?.first_chunk()?;
    let digits = u32::from_le_bytes(*last) ^ 0x3030_3030;
    let unused = (32 - 8 * (length & 3)) & 31;
    let digits = digits >> unused << unused;
    let pairs = digits.wrapping_mul(10 << 8 | 1) >> 8 & 0x00ff_00ff;
    let value = pairs.wrapping_mul(100 << 16 | 1) >> 16;
    let wrong = u32::from(length > 3) | u32::from(value < LEAST[length & 3]) | value >> 8;
    Some((value, wrong))
}
