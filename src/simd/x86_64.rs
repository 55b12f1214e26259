//! AVX2: 64 bytes a step for quotes; a tuple in some two hundred instructions without a branch
//! that depends on its digits.
//!
//! A tuple is decoded from both its fixed and its variable parts by their separators: the map of
//! the dots and commas of an address, a 16-bit number, picks the shuffle that puts its digits into
//! lanes; likewise for the two ports. All fields are checked; whatever is not of the common shape
//! is left to the careful parser.

use std::arch::x86_64::{
    __m128i, __m256i, _mm_cmpeq_epi8, _mm_cvtsi128_si64, _mm_loadu_si128, _mm_madd_epi16,
    _mm_maddubs_epi16, _mm_movemask_epi8, _mm_or_si128, _mm_packus_epi32, _mm_set1_epi8,
    _mm_set1_epi16, _mm_set1_epi32, _mm_setr_epi8, _mm_shuffle_epi8, _mm_subs_epu8,
    _mm_testz_si128, _mm_xor_si128, _mm256_and_si256, _mm256_castsi256_si128, _mm256_cmpeq_epi8,
    _mm256_cmpgt_epi32, _mm256_extracti128_si256, _mm256_loadu_si256, _mm256_madd_epi16,
    _mm256_maddubs_epi16, _mm256_movemask_epi8, _mm256_or_si256, _mm256_packus_epi32,
    _mm256_set_m128i, _mm256_set1_epi8, _mm256_set1_epi16, _mm256_set1_epi32, _mm256_setr_epi8,
    _mm256_setr_epi64x, _mm256_setzero_si256, _mm256_shuffle_epi8, _mm256_subs_epu8,
    _mm256_testz_si256, _mm256_xor_si256,
};
use std::sync::LazyLock;

use super::{Common, Quotes, scalar};
use crate::flowlog::{Bits, LogKind, Tuple};

/// Shuffles by separator map.
struct Tables {
    /// Map of the separators of `a.b.c.d,` -> number in `address`, 0 for none.
    address_of: Box<[u8; 65_536]>,
    /// Digits into four lanes of four bytes; and which bytes must not be a zero digit.
    address: Vec<([u8; 16], [u8; 16])>,
    /// Map of the two commas of `port,port,` -> number in `ports`, 0 for none.
    ports_of: Box<[u8; 4_096]>,
    /// Digits into two lanes of eight bytes.
    ports: Vec<[u8; 16]>,
}

static TABLES: LazyLock<Tables> = LazyLock::new(Tables::new);

/// A shuffle control that yields zero.
const NONE: u8 = 0x80;

impl Tables {
    fn new() -> Self {
        let mut tables = Self {
            address_of: vec![0; 65_536]
                .into_boxed_slice()
                .try_into()
                .expect("the length is the type's"),
            address: vec![([NONE; 16], [0; 16])],
            ports_of: vec![0; 4_096]
                .into_boxed_slice()
                .try_into()
                .expect("the length is the type's"),
            ports: vec![[NONE; 16]],
        };
        for shape in 0..81usize {
            tables.add_address([
                shape / 27 + 1,
                shape / 9 % 3 + 1,
                shape / 3 % 3 + 1,
                shape % 3 + 1,
            ]);
        }
        for shape in 0..25usize {
            tables.add_ports([shape / 5 + 1, shape % 5 + 1]);
        }
        tables
    }

    fn add_address(&mut self, lengths: [usize; 4]) {
        let (mut shuffle, mut lead, mut map, mut at) = ([NONE; 16], [0; 16], 0usize, 0usize);
        for (lane, length) in lengths.into_iter().enumerate() {
            for digit in 0..length {
                shuffle[lane * 4 + 4 - length + digit] = (at + digit) as u8;
            }
            if length > 1 {
                lead[lane * 4 + 4 - length] = 0xff;
            }
            at += length;
            map |= 1 << at;
            at += 1;
        }
        self.address_of[map] = self.address.len() as u8;
        self.address.push((shuffle, lead));
    }

    fn add_ports(&mut self, lengths: [usize; 2]) {
        let (mut shuffle, mut map, mut at) = ([NONE; 16], 0usize, 0usize);
        for (lane, length) in lengths.into_iter().enumerate() {
            for digit in 0..length {
                shuffle[lane * 8 + 8 - length + digit] = (at + digit) as u8;
            }
            at += length;
            map |= 1 << at;
            at += 1;
        }
        self.ports_of[map] = self.ports.len() as u8;
        self.ports.push(shuffle);
    }
}

/// Keeps the last `n` of eight bytes.
const KEEP_LAST: [u64; 9] = [
    0,
    0xff << 56,
    0xffff << 48,
    0xff_ffff << 40,
    0xffff_ffff << 32,
    0xff_ffff_ffff << 24,
    0xffff_ffff_ffff << 16,
    0xff_ffff_ffff_ffff << 8,
    u64::MAX,
];

/// Bytes that must be readable before and after a tuple for the loads below.
const BEFORE: usize = 16;
const AFTER: usize = 64;

#[target_feature(enable = "avx2,bmi1,bmi2")]
pub(super) fn quotes(text: &[u8], index: &mut Quotes) {
    let mut at = index.done;
    let quote = _mm256_set1_epi8(b'"' as i8);
    let backslash = _mm256_set1_epi8(b'\\' as i8);
    while at + 64 <= text.len() {
        // SAFETY: 64 bytes from `at` are within the text, as the loop asks.
        let (low, high) = unsafe {
            let from = text.as_ptr().add(at);
            (
                _mm256_loadu_si256(from.cast()),
                _mm256_loadu_si256(from.add(32).cast()),
            )
        };
        let slashes = _mm256_or_si256(
            _mm256_cmpeq_epi8(low, backslash),
            _mm256_cmpeq_epi8(high, backslash),
        );
        if index.escaped || _mm256_testz_si256(slashes, slashes) == 0 {
            scalar::quotes(&text[..at + 64], index);
        } else {
            let places = both(
                _mm256_cmpeq_epi8(low, quote),
                _mm256_cmpeq_epi8(high, quote),
            );
            push_places(&mut index.places, at as u32, places);
            index.done = at + 64;
        }
        at += 64;
    }
    scalar::quotes(text, index);
}

#[target_feature(enable = "avx2,bmi1,bmi2")]
fn both(low: __m256i, high: __m256i) -> u64 {
    (_mm256_movemask_epi8(high) as u32 as u64) << 32 | _mm256_movemask_epi8(low) as u32 as u64
}

/// Appends `at` + each set bit. Four are written at once, since more are rare.
#[target_feature(enable = "avx2,bmi1,bmi2")]
fn push_places(places: &mut Vec<u32>, at: u32, mut set: u64) {
    let count = set.count_ones() as usize;
    places.reserve(64);
    let length = places.len();
    let mut written = 0;
    while written < count {
        for step in 0..4 {
            // SAFETY: at most 64 bits are set, so at most 64 places, all reserved above.
            unsafe {
                places
                    .as_mut_ptr()
                    .add(length + written + step)
                    .write(at.wrapping_add(set.trailing_zeros()));
            };
            set &= set.wrapping_sub(1);
        }
        written += 4;
    }
    // SAFETY: the first `count` of them are written.
    unsafe { places.set_len(length + count) };
}

#[target_feature(enable = "avx2,bmi1,bmi2")]
pub(super) fn decode(
    text: &[u8],
    spans: &[(u32, u32)],
    common: Common,
    tuples: &mut [Tuple],
    rest: &mut Vec<u32>,
) {
    let tables = &*TABLES;
    for (number, (&(start, end), tuple)) in spans.iter().zip(tuples).enumerate() {
        let (start, end) = (start as usize, end as usize);
        let in_reach =
            start >= BEFORE && end >= start + 30 && end <= start + 120 && end + AFTER <= text.len();
        // SAFETY: `in_reach` is what `decode_one` asks for.
        if !(in_reach && unsafe { decode_one(text, start, end, tables, common, tuple) }) {
            rest.push(number as u32);
        }
    }
}

/// Decodes one tuple; `false` where it has not the common shape.
///
/// # Safety
/// `text` has [`BEFORE`] bytes before `start` and [`AFTER`] after `end`, which is 30 to 120 bytes
/// after `start`: every load below starts at or after `start` and before `end`, or ends at or
/// before `end` and is of eight bytes, and is of at most 32 bytes.
#[inline]
#[target_feature(enable = "avx2,bmi1,bmi2")]
unsafe fn decode_one(
    text: &[u8],
    start: usize,
    end: usize,
    tables: &Tables,
    common: Common,
    out: &mut Tuple,
) -> bool {
    let base = text.as_ptr();
    macro_rules! load16 {
        ($at:expr) => {
            // SAFETY: see the function's own contract, as for each load that follows.
            unsafe { _mm_loadu_si128(base.add($at).cast()) }
        };
    }
    macro_rules! load8 {
        ($at:expr) => {
            // SAFETY: as above.
            unsafe { base.add($at).cast::<u64>().read_unaligned() }
        };
    }
    let comma = _mm_set1_epi8(b',' as i8);
    let dot = _mm_set1_epi8(b'.' as i8);
    let zero_digit = _mm_set1_epi8(b'0' as i8);

    // The time: ten digits (seconds) or thirteen (milliseconds).
    let head = load16!(start);
    let head_commas = _mm_movemask_epi8(_mm_cmpeq_epi8(head, comma)) as u32;
    let time_length = head_commas.trailing_zeros() as usize;
    let seconds = time_length == 10;
    if !seconds && time_length != 13 {
        return false;
    }
    let align = if seconds {
        _mm_setr_epi8(-1, -1, -1, -1, -1, -1, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9)
    } else {
        _mm_setr_epi8(-1, -1, -1, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12)
    };
    let time_digits = _mm_shuffle_epi8(_mm_xor_si128(head, zero_digit), align);
    let time_pair = sixteen_digits(time_digits);
    let time = (time_pair as u32 as u64) * 100_000_000 + (time_pair >> 32);

    // Two addresses, by the map of their separators.
    let source_at = start + time_length + 1;
    let source_text = load16!(source_at);
    let source_commas = _mm_movemask_epi8(_mm_cmpeq_epi8(source_text, comma)) as u32 | 1 << 16;
    let source_dots = _mm_movemask_epi8(_mm_cmpeq_epi8(source_text, dot)) as u32;
    let source_map = (source_dots | source_commas) & (source_commas ^ (source_commas - 1)) & 0xffff;
    let destination_at = source_at + source_commas.trailing_zeros() as usize + 1;
    let destination_text = load16!(destination_at);
    let destination_commas =
        _mm_movemask_epi8(_mm_cmpeq_epi8(destination_text, comma)) as u32 | 1 << 16;
    let destination_dots = _mm_movemask_epi8(_mm_cmpeq_epi8(destination_text, dot)) as u32;
    let destination_map = (destination_dots | destination_commas)
        & (destination_commas ^ (destination_commas - 1))
        & 0xffff;
    let source_shape = tables.address_of[source_map as usize] as usize;
    let destination_shape = tables.address_of[destination_map as usize] as usize;
    // A map without the comma would pass for a shape only if its fourth bit were a dot.
    let mut bad = u32::from(source_shape == 0) | u32::from(destination_shape == 0);
    bad |= (source_commas >> 16 & u32::from(source_commas == 1 << 16))
        | u32::from(destination_commas == 1 << 16);
    let (addresses, addresses_bad) = two_addresses(
        source_text,
        destination_text,
        &tables.address[source_shape],
        &tables.address[destination_shape],
    );
    bad |= addresses_bad;

    // Two ports, by the map of their commas.
    let ports_at = destination_at + destination_commas.trailing_zeros() as usize + 1;
    if ports_at >= end {
        return false;
    }
    let ports_text = load16!(ports_at);
    let ports_commas = _mm_movemask_epi8(_mm_cmpeq_epi8(ports_text, comma)) as u32;
    let second = ports_commas & ports_commas.wrapping_sub(1);
    let ports_map = ports_commas & (second ^ second.wrapping_sub(1));
    let ports_shape = if second == 0 || ports_map >= 4_096 {
        0
    } else {
        tables.ports_of[ports_map as usize] as usize
    };
    // SAFETY: the shuffle is 16 bytes.
    let ports_shuffle = unsafe { _mm_loadu_si128(tables.ports[ports_shape].as_ptr().cast()) };
    let ports_digits = _mm_shuffle_epi8(_mm_xor_si128(ports_text, zero_digit), ports_shuffle);
    let ports = sixteen_digits(ports_digits);
    bad |= u32::from(ports_shape == 0)
        | u32::from(ports as u32 > 65_535)
        | u32::from(ports >> 32 > 65_535);
    bad |= not_digits(time_digits) | not_digits(ports_digits);
    if bad != 0 {
        return false;
    }

    // Protocol, direction, decision, state, encryption; where the counters start.
    let letters_at = ports_at + second.trailing_zeros() as usize + 1;
    if letters_at + 5 > end {
        return false;
    }
    // SAFETY: as above.
    let word = unsafe { base.add(letters_at).cast::<u128>().read_unaligned() };
    let Some((protocol, bits, counters_at)) = letters(word, letters_at, end, seconds) else {
        return false;
    };

    let mut packets = [0; 2];
    let mut bytes = [0; 2];
    if counters_at != 0 {
        // Four counters of up to eight digits, from their ends.
        if counters_at + 3 > end || end - counters_at > 32 {
            return false;
        }
        // SAFETY: `counters_at` is before `end`, see the contract.
        let tail = unsafe { _mm256_loadu_si256(base.add(counters_at).cast()) };
        let length = end - counters_at;
        let commas =
            _mm256_movemask_epi8(_mm256_cmpeq_epi8(tail, _mm256_set1_epi8(b',' as i8))) as u32;
        let commas = commas & ((1u64 << length) - 1) as u32;
        let after_first = commas & commas.wrapping_sub(1);
        let third = after_first & after_first.wrapping_sub(1);
        if third == 0 || third & third.wrapping_sub(1) != 0 {
            return false;
        }
        let ends = [
            commas.trailing_zeros() as usize,
            after_first.trailing_zeros() as usize,
            third.trailing_zeros() as usize,
            length,
        ];
        let lengths = [
            ends[0],
            ends[1] - ends[0] - 1,
            ends[2] - ends[1] - 1,
            ends[3] - ends[2] - 1,
        ];
        if lengths.iter().any(|&length| length > 8) {
            return false;
        }
        macro_rules! field {
            ($number:expr) => {
                ((load8!(counters_at + ends[$number] - 8) ^ 0x3030_3030_3030_3030)
                    & KEEP_LAST[lengths[$number]]) as i64
            };
        }
        let digits = _mm256_setr_epi64x(field!(0), field!(1), field!(2), field!(3));
        let over = _mm256_subs_epu8(digits, _mm256_set1_epi8(9));
        if _mm256_testz_si256(over, over) == 0 {
            return false;
        }
        let tens = _mm256_maddubs_epi16(digits, _mm256_set1_epi16(0x010a));
        let hundreds = _mm256_madd_epi16(tens, _mm256_set1_epi32(0x0001_0064));
        let packed = _mm256_packus_epi32(hundreds, hundreds);
        let whole = _mm256_madd_epi16(packed, _mm256_set1_epi32(0x0001_2710));
        let low = _mm256_castsi256_si128(whole);
        let high = _mm256_extracti128_si256::<1>(whole);
        let forward = _mm_cvtsi128_si64(low) as u64;
        let reverse = _mm_cvtsi128_si64(high) as u64;
        packets = [forward as u32, reverse as u32];
        bytes = [(forward >> 32) as u32, (reverse >> 32) as u32];
    }

    let time = if seconds { time * 1_000 } else { time };
    // Thirteen digits below 10^11 are seconds with leading zeros: rare enough for the careful way.
    if time < if seconds { 1 } else { 100_000_000_000 } {
        return false;
    }
    *out = Tuple {
        time: time as i64,
        source: addresses as u32,
        destination: (addresses >> 32) as u32,
        source_port: ports as u16,
        destination_port: (ports >> 32) as u16,
        group: common.group,
        protocol,
        bits,
        packets,
        bytes,
        offset: start as u32 - common.record,
    };
    true
}

/// Two numbers of eight digits: bytes 0-7 in the low half of the answer, 8-15 in the high.
#[inline]
#[target_feature(enable = "avx2,bmi1,bmi2")]
fn sixteen_digits(digits: __m128i) -> u64 {
    let tens = _mm_maddubs_epi16(digits, _mm_set1_epi16(0x010a));
    let hundreds = _mm_madd_epi16(tens, _mm_set1_epi32(0x0001_0064));
    let packed = _mm_packus_epi32(hundreds, hundreds);
    _mm_cvtsi128_si64(_mm_madd_epi16(packed, _mm_set1_epi32(0x0001_2710))) as u64
}

/// Not zero where a byte is above nine.
#[inline]
#[target_feature(enable = "avx2,bmi1,bmi2")]
fn not_digits(digits: __m128i) -> u32 {
    let over = _mm_subs_epu8(digits, _mm_set1_epi8(9));
    u32::from(_mm_testz_si128(over, over) == 0)
}

/// Source in the low half, destination in the high; and not zero where either is none.
#[inline]
#[target_feature(enable = "avx2,bmi1,bmi2")]
fn two_addresses(
    source: __m128i,
    destination: __m128i,
    source_shape: &([u8; 16], [u8; 16]),
    destination_shape: &([u8; 16], [u8; 16]),
) -> (u64, u32) {
    // SAFETY: each of the four arrays is 16 bytes.
    let (shuffle, lead) = unsafe {
        (
            _mm256_set_m128i(
                _mm_loadu_si128(destination_shape.0.as_ptr().cast()),
                _mm_loadu_si128(source_shape.0.as_ptr().cast()),
            ),
            _mm256_set_m128i(
                _mm_loadu_si128(destination_shape.1.as_ptr().cast()),
                _mm_loadu_si128(source_shape.1.as_ptr().cast()),
            ),
        )
    };
    let text = _mm256_xor_si256(
        _mm256_set_m128i(destination, source),
        _mm256_set1_epi8(b'0' as i8),
    );
    let digits = _mm256_shuffle_epi8(text, shuffle);
    let over = _mm256_subs_epu8(digits, _mm256_set1_epi8(9));
    let leading_zero = _mm256_and_si256(_mm256_cmpeq_epi8(digits, _mm256_setzero_si256()), lead);
    // Lanes of four: nothing, hundreds, tens, ones.
    let pairs = _mm256_maddubs_epi16(digits, _mm256_set1_epi32(0x010a_6400));
    let octets = _mm256_madd_epi16(pairs, _mm256_set1_epi16(1));
    let large = _mm256_cmpgt_epi32(octets, _mm256_set1_epi32(255));
    let wrong = _mm256_or_si256(_mm256_or_si256(over, leading_zero), large);
    let gather = _mm256_setr_epi8(
        12, 8, 4, 0, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, //
        -1, -1, -1, -1, 12, 8, 4, 0, -1, -1, -1, -1, -1, -1, -1, -1,
    );
    let numbers = _mm256_shuffle_epi8(octets, gather);
    let joined = _mm_or_si128(
        _mm256_castsi256_si128(numbers),
        _mm256_extracti128_si256::<1>(numbers),
    );
    (
        _mm_cvtsi128_si64(joined) as u64,
        u32::from(_mm256_testz_si256(wrong, wrong) == 0),
    )
}

/// Protocol, bits, and where the counters start (0 for a tuple without any) from the letters at
/// `at`, of which `word` is the first sixteen bytes.
#[inline]
fn letters(word: u128, at: usize, end: usize, seconds: bool) -> Option<(u8, Bits, usize)> {
    if seconds {
        nsg_letters(word as u64, at, end)
    } else {
        vnet_letters(word, at, end)
    }
}

/// `T,O,A` and the end, or `T,O,A,B,`.
#[inline]
fn nsg_letters(word: u64, at: usize, end: usize) -> Option<(u8, Bits, usize)> {
    const COMMAS: u64 = 0x2c00_2c00_2c00_2c00;
    const COMMA_PLACES: u64 = 0xff00_ff00_ff00_ff00;
    let byte = |number: u32| (word >> (8 * number)) as u8;
    let protocol = LETTER[byte(0) as usize] >> 4;
    let direction = LETTER[byte(2) as usize];
    let decision = LETTER[byte(4) as usize];
    let is_v1 = at + 5 == end;
    let places = if is_v1 {
        COMMA_PLACES & 0xff_ffff_ffff
    } else {
        COMMA_PLACES
    };
    let state = if is_v1 {
        STATE_NONE
    } else {
        LETTER_STATE[byte(6) as usize]
    };
    let ok = (word & places == COMMAS & places)
        && (protocol != 0)
        && (direction & DIRECTION != 0)
        && (decision & DECISION != 0)
        && (state != 0);
    if !ok {
        return None;
    }
    let kind = if is_v1 {
        LogKind::NsgV1
    } else {
        LogKind::NsgV2
    } as u8;
    let bits = Bits(direction & 1 | (decision & 4) >> 1 | (state - 1) << 2 | kind << 4);
    let number = if protocol == 1 { 6 } else { 17 };
    Some((number, bits, if is_v1 { 0 } else { at + 8 }))
}

/// `6,O,B,NX,` or `17,O,B,X,`.
#[inline]
fn vnet_letters(word: u128, at: usize, end: usize) -> Option<(u8, Bits, usize)> {
    let (number, width) = match word as u32 & 0xff_ffff {
        low if low & 0xffff == u32::from_le_bytes(*b"6,\0\0") => (6, 1),
        low if low == u32::from_le_bytes(*b"17,\0") => (17, 2),
        _ => return None,
    };
    if at + width + 8 > end {
        return None;
    }
    let word = (word >> (8 * width)) as u64;
    let byte = |number: u32| (word >> (8 * number)) as u8;
    let direction = LETTER[byte(1) as usize];
    let state = LETTER_STATE[byte(3) as usize];
    let deny = byte(3) == b'D';
    let encrypted = if word & 0xffff_ffff_00ff_00ff == u64::from_le_bytes(*b",\0,\0,NX,") {
        8
    } else if word & 0x00ff_ffff_00ff_00ff == u64::from_le_bytes(*b",\0,\0,X,\0") {
        7
    } else {
        return None;
    };
    if direction & DIRECTION == 0 || (state == 0 && !deny) {
        return None;
    }
    let state = if deny { 1 } else { state - 1 };
    let bits =
        Bits(direction & 1 | u8::from(deny) << 1 | state << 2 | (LogKind::VnetV4 as u8) << 4);
    Some((number, bits, at + width + encrypted))
}

const DIRECTION: u8 = 2;
const DECISION: u8 = 8;
const STATE_NONE: u8 = 1;

/// What a letter may mean: bits 0-1 direction (`O` is 3, `I` is 2), bits 2-3 decision (`D` is 12,
/// `A` is 8), bits 4-7 protocol (`T` is 1, `U` is 2).
static LETTER: [u8; 256] = {
    let mut table = [0; 256];
    table[b'O' as usize] = DIRECTION | 1;
    table[b'I' as usize] = DIRECTION;
    table[b'D' as usize] = DECISION | 4;
    table[b'A' as usize] = DECISION;
    table[b'T' as usize] = 1 << 4;
    table[b'U' as usize] = 2 << 4;
    table
};

/// Flow state of a letter, plus one; 0 for none.
static LETTER_STATE: [u8; 256] = {
    let mut table = [0; 256];
    table[b'B' as usize] = 2;
    table[b'C' as usize] = 3;
    table[b'E' as usize] = 4;
    table
};
