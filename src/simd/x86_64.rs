//! AVX2: 64 bytes a step for quotes; a tuple without a branch that depends on its digits.
//!
//! A tuple is decoded from both its fixed and its variable parts by their separators: the map of
//! the dots and commas of an address picks the shuffle that puts its digits into lanes; likewise the
//! lengths of two ports, or of two counters. All fields are checked; whatever is not of the common
//! shape is left to the careful parser.

use std::arch::x86_64::{
    __m128i, __m256i, _blsr_u64, _bzhi_u64, _mm_cvtsi128_si64, _mm_loadu_si128, _mm_madd_epi16,
    _mm_maddubs_epi16, _mm_or_si128, _mm_packus_epi32, _mm_set1_epi16, _mm_set1_epi32,
    _mm_setr_epi8, _mm_setzero_si128, _mm_shuffle_epi8, _mm_subs_epu8, _mm_unpacklo_epi32,
    _mm_xor_si128, _mm256_and_si256, _mm256_castsi256_si128, _mm256_cmpeq_epi8, _mm256_cmpgt_epi32,
    _mm256_extracti128_si256, _mm256_inserti128_si256, _mm256_loadu_si256, _mm256_madd_epi16,
    _mm256_maddubs_epi16, _mm256_movemask_epi8, _mm256_or_si256, _mm256_packus_epi32,
    _mm256_set_m128i, _mm256_set1_epi8, _mm256_set1_epi16, _mm256_set1_epi32, _mm256_setr_epi8,
    _mm256_setzero_si256, _mm256_shuffle_epi8, _mm256_subs_epu8, _mm256_testz_si256,
    _mm256_xor_si256, _mm256_zextsi128_si256, _tzcnt_u64,
};
use std::sync::LazyLock;

use super::letters::{LETTERS, Letters, WITHOUT_COUNTERS, perfect_hash};
use super::{Common, Quotes, scalar};
use crate::flowlog::Tuple;

/// What an address looks like: where its separators are, and what to do with it then.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
struct Shape {
    /// Digits into four lanes of four bytes.
    shuffle: [u8; 16],
    /// Which of these must not be a zero digit.
    lead: [u8; 16],
    /// The separators of `a.b.c.d,`, a bit each. Nothing has the map 0.
    map: u64,
}

/// What the separators' places lead to. All of it fits the first-level cache.
struct Tables {
    /// Hash of an address's separators -> number in `addresses`.
    address_of: [u8; 1 << ADDRESS_BITS],
    address_multiplier: u64,
    addresses: Vec<Shape>,
    /// Lengths of two ports (three bits each) -> digits into two lanes of eight bytes.
    ports: [[u8; 16]; 64],
    letters: &'static Letters,
    /// Lengths of two counters (four bits each) -> digits into two lanes of eight bytes.
    counters: [[u8; 16]; 256],
}

static TABLES: LazyLock<Tables> = LazyLock::new(Tables::new);

const ADDRESS_BITS: u32 = 9;
/// A shuffle control that yields zero.
const NONE: u8 = 0x80;

impl Tables {
    fn new() -> Self {
        let mut addresses = vec![Shape {
            shuffle: [NONE; 16],
            lead: [0; 16],
            map: 0,
        }];
        addresses.extend((0..81).map(|shape| {
            Shape::new([
                shape / 27 + 1,
                shape / 9 % 3 + 1,
                shape / 3 % 3 + 1,
                shape % 3 + 1,
            ])
        }));
        let maps: Vec<u64> = addresses.iter().map(|shape| shape.map).collect();
        let (address_multiplier, address_of) = perfect_hash(&maps);
        Self {
            address_of,
            address_multiplier,
            addresses,
            ports: std::array::from_fn(|index| two_numbers([index >> 3, index & 7], 1, 5)),
            letters: &LETTERS,
            counters: std::array::from_fn(|index| two_numbers([index >> 4, index & 15], 0, 8)),
        }
    }
}

impl Shape {
    fn new(lengths: [usize; 4]) -> Self {
        let (mut shuffle, mut lead, mut map, mut at) = ([NONE; 16], [0; 16], 0, 0);
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
        Self { shuffle, lead, map }
    }
}

/// The shuffle of two numbers with a comma after the first, whose digits end at bytes 8 and 16.
/// Where a length is none of a number, or the second ends beyond byte 16, it fetches that comma, which
/// is no digit.
fn two_numbers(lengths: [usize; 2], shortest: usize, longest: usize) -> [u8; 16] {
    let [first, second] = lengths;
    let fit = lengths
        .iter()
        .all(|length| (shortest..=longest).contains(length));
    if !fit || first + 1 + second > 16 {
        return [first as u8; 16];
    }
    let mut shuffle = [NONE; 16];
    for digit in 0..first {
        shuffle[8 - first + digit] = digit as u8;
    }
    for digit in 0..second {
        shuffle[16 - second + digit] = (first + 1 + digit) as u8;
    }
    shuffle
}

/// Bytes that must be readable after a tuple for the loads below.
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

#[inline]
#[target_feature(enable = "avx2,bmi1,bmi2")]
fn both(low: __m256i, high: __m256i) -> u64 {
    (_mm256_movemask_epi8(high) as u32 as u64) << 32 | _mm256_movemask_epi8(low) as u32 as u64
}

/// Appends `at` + each set bit. Four are written at once, since more are rare.
#[inline]
#[target_feature(enable = "avx2,bmi1,bmi2")]
fn push_places(places: &mut Vec<u32>, at: u32, mut set: u64) {
    let count = set.count_ones() as usize;
    let length = places.len();
    if places.capacity() - length < 64 {
        places.reserve(4_096);
    }
    // SAFETY: the place after the last one is still the vector's.
    let mut free = unsafe { places.as_mut_ptr().add(length) };
    let mut left = count as isize;
    while left > 0 {
        for step in 0..4 {
            // SAFETY: at most 64 bits are set, so at most 64 places, all reserved above.
            unsafe {
                free.add(step).write(at.wrapping_add(set.trailing_zeros()));
            };
            set &= set.wrapping_sub(1);
        }
        // SAFETY: as above.
        free = unsafe { free.add(4) };
        left -= 4;
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
    let reach = text.len().saturating_sub(AFTER);
    for (number, (&(start, end), tuple)) in spans.iter().zip(tuples).enumerate() {
        let (start, end) = (start as usize, end as usize);
        let in_reach = end.wrapping_sub(start + 30) <= 90 && end <= reach;
        // SAFETY: `in_reach` is what `decode_one` asks for.
        if !(in_reach && unsafe { decode_one(text, start, end, tables, common, tuple) }) {
            rest.push(number as u32);
        }
    }
}

/// Decodes one tuple; `false` where it has not the common shape.
///
/// # Safety
/// `text` has [`AFTER`] bytes after `end`, which is 30 to 120 bytes after `start`: every load below
/// starts at or after `start`, and at or before `end` or 65 bytes after `start`, and is of at most
/// 32 bytes; but for the first, of 64 from `start`.
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
    let ascii_zero = _mm256_set1_epi8(b'0' as i8);
    let zero_digit = _mm256_castsi256_si128(ascii_zero);
    let nine = _mm256_set1_epi8(9);

    // The separators of the first 64 bytes, which hold all but the counters.
    // SAFETY: 64 bytes from `start` are in reach.
    let (low, high) = unsafe {
        let from = base.add(start);
        (
            _mm256_loadu_si256(from.cast()),
            _mm256_loadu_si256(from.add(32).cast()),
        )
    };
    let comma = _mm256_set1_epi8(b',' as i8);
    let dot = _mm256_set1_epi8(b'.' as i8);
    let commas = both(
        _mm256_cmpeq_epi8(low, comma),
        _mm256_cmpeq_epi8(high, comma),
    );
    let separators = both(_mm256_cmpeq_epi8(low, dot), _mm256_cmpeq_epi8(high, dot)) | commas;
    let after_time = _blsr_u64(commas);
    let after_source = _blsr_u64(after_time);
    let after_destination = _blsr_u64(after_source);
    let time_end = _tzcnt_u64(commas) as usize;
    let source_end = _tzcnt_u64(after_time) as usize;
    let destination_end = _tzcnt_u64(after_source) as usize;
    let first_port_end = _tzcnt_u64(after_destination) as usize;
    let ports_end = _tzcnt_u64(_blsr_u64(after_destination)) as usize;
    if ports_end >= (end - start).min(64) {
        return false;
    }

    // The time: ten digits (seconds) or thirteen (milliseconds).
    let seconds = time_end == 10;
    if !seconds && time_end != 13 {
        return false;
    }
    let align = if seconds {
        _mm_setr_epi8(-1, -1, -1, -1, -1, -1, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9)
    } else {
        _mm_setr_epi8(-1, -1, -1, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12)
    };
    let head = _mm256_castsi256_si128(low);
    let time_digits = _mm_shuffle_epi8(_mm_xor_si128(head, zero_digit), align);
    let time_pair = sixteen_digits(time_digits);
    let time = (time_pair as u32 as u64) * 100_000_000 + (time_pair >> 32);
    let time = if seconds { time * 1_000 } else { time };
    // Thirteen digits below 10^11 are seconds with leading zeros: rare enough for the careful way.
    if time < if seconds { 1 } else { 100_000_000_000 } {
        return false;
    }

    // Two addresses, by the map of their separators.
    let shape_of = |from: usize, to: usize| {
        let map = _bzhi_u64(separators >> (from + 1), (to - from) as u32);
        let place = map.wrapping_mul(tables.address_multiplier) >> (64 - ADDRESS_BITS);
        let number = tables.address_of[place as usize];
        (map, &tables.addresses[number as usize])
    };
    let (source_map, source_shape) = shape_of(time_end, source_end);
    let (destination_map, destination_shape) = shape_of(source_end, destination_end);
    let mut bad = (source_map ^ source_shape.map) | (destination_map ^ destination_shape.map);
    let (addresses, addresses_wrong) = two_addresses(
        load16!(start + time_end + 1),
        load16!(start + source_end + 1),
        source_shape,
        destination_shape,
    );

    // Two ports, by their lengths.
    let first_length = first_port_end - destination_end - 1;
    let second_length = ports_end - first_port_end - 1;
    bad |= ((first_length | second_length) >> 3) as u64;
    let ports_shuffle = &tables.ports[(first_length << 3 | second_length) & 63];
    let ports_text = _mm_xor_si128(load16!(start + destination_end + 1), zero_digit);
    // SAFETY: the shuffle is 16 bytes.
    let ports_digits = _mm_shuffle_epi8(ports_text, unsafe {
        _mm_loadu_si128(ports_shuffle.as_ptr().cast())
    });
    let ports = sixteen_digits(ports_digits);
    bad |= ports & 0xffff_0000_ffff_0000;

    // Protocol, direction, decision, state, encryption; where the counters start.
    let letters_at = start + ports_end + 1;
    // SAFETY: as above.
    let (word, next) = unsafe {
        let from = base.add(letters_at);
        (
            from.cast::<u64>().read_unaligned(),
            from.add(8).cast::<u16>().read_unaligned(),
        )
    };
    let word = _bzhi_u64(word, (8 * (end - letters_at)).min(64) as u32);
    let letters = tables.letters.find(word);
    bad |= letters.difference(word, next);
    if bad != 0 {
        return false;
    }

    let mut wrong = _mm256_or_si256(
        addresses_wrong,
        _mm256_zextsi128_si256(_mm_or_si128(
            _mm_subs_epu8(time_digits, _mm256_castsi256_si128(nine)),
            _mm_subs_epu8(ports_digits, _mm256_castsi256_si128(nine)),
        )),
    );
    let mut counters = _mm_setzero_si128();
    if letters.width != 0 {
        let counters_at = letters_at + letters.width as usize;
        // SAFETY: as above: `counters_at` is at or before `end`, or nothing is loaded.
        let Some((numbers, counters_wrong)) =
            (unsafe { four_counters(base, counters_at, end, tables) })
        else {
            return false;
        };
        wrong = _mm256_or_si256(wrong, counters_wrong);
        counters = numbers;
    } else if end - letters_at != WITHOUT_COUNTERS {
        // Zero bytes after the letters look like the end.
        return false;
    }
    if _mm256_testz_si256(wrong, wrong) == 0 {
        return false;
    }
    // SAFETY: any four numbers are sixteen bytes.
    let [packets, more_packets, bytes, more_bytes]: [u32; 4] =
        unsafe { std::mem::transmute(counters) };
    *out = Tuple {
        time: time as i64,
        source: addresses as u32,
        destination: (addresses >> 32) as u32,
        source_port: ports as u16,
        destination_port: (ports >> 32) as u16,
        group: common.group,
        protocol: letters.protocol,
        bits: letters.bits,
        packets: [packets, more_packets],
        bytes: [bytes, more_bytes],
        offset: start as u32 - common.record,
    };
    true
}

/// Packets there and back, bytes there and back, from the four counters from `at` to `end`, of up to
/// eight digits each; and what is not zero where one is none. `None` where they are not four.
///
/// # Safety
/// 32 bytes can be read from each place up to `end`.
#[inline]
#[target_feature(enable = "avx2,bmi1,bmi2")]
unsafe fn four_counters(
    base: *const u8,
    at: usize,
    end: usize,
    tables: &Tables,
) -> Option<(__m128i, __m256i)> {
    let length = end.wrapping_sub(at);
    if length > 32 {
        return None;
    }
    // SAFETY: `at` is at most `end`.
    let text = unsafe { _mm256_loadu_si256(base.add(at).cast()) };
    let is_comma = _mm256_cmpeq_epi8(text, _mm256_set1_epi8(b',' as i8));
    let commas = _bzhi_u64(_mm256_movemask_epi8(is_comma) as u32 as u64, length as u32);
    let after_first = _blsr_u64(commas);
    let third = _blsr_u64(after_first);
    if third == 0 || _blsr_u64(third) != 0 {
        return None;
    }
    let first_end = _tzcnt_u64(commas) as usize;
    let second_end = _tzcnt_u64(after_first) as usize;
    let third_end = _tzcnt_u64(third) as usize;
    let lengths = [
        first_end,
        second_end - first_end - 1,
        third_end - second_end - 1,
        length - third_end - 1,
    ];
    if (lengths[0] | lengths[1] | lengths[2] | lengths[3]) > 15 {
        return None;
    }
    let there = &tables.counters[(lengths[0] << 4 | lengths[1]) & 255];
    let back = &tables.counters[(lengths[2] << 4 | lengths[3]) & 255];
    // SAFETY: the second half starts before `end`; the shuffles are 16 bytes each.
    let (halves, shuffle) = unsafe {
        (
            _mm256_inserti128_si256::<1>(
                text,
                _mm_loadu_si128(base.add(at + second_end + 1).cast()),
            ),
            _mm256_set_m128i(
                _mm_loadu_si128(back.as_ptr().cast()),
                _mm_loadu_si128(there.as_ptr().cast()),
            ),
        )
    };
    let digits = _mm256_shuffle_epi8(
        _mm256_xor_si256(halves, _mm256_set1_epi8(b'0' as i8)),
        shuffle,
    );
    let tens = _mm256_maddubs_epi16(digits, _mm256_set1_epi16(0x010a));
    let hundreds = _mm256_madd_epi16(tens, _mm256_set1_epi32(0x0001_0064));
    let packed = _mm256_packus_epi32(hundreds, hundreds);
    let whole = _mm256_madd_epi16(packed, _mm256_set1_epi32(0x0001_2710));
    let numbers = _mm_unpacklo_epi32(
        _mm256_castsi256_si128(whole),
        _mm256_extracti128_si256::<1>(whole),
    );
    Some((numbers, _mm256_subs_epu8(digits, _mm256_set1_epi8(9))))
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

/// Source in the low half, destination in the high; and what is not zero where either is none.
#[inline]
#[target_feature(enable = "avx2,bmi1,bmi2")]
fn two_addresses(
    source: __m128i,
    destination: __m128i,
    source_shape: &Shape,
    destination_shape: &Shape,
) -> (u64, __m256i) {
    // SAFETY: each of the four arrays is 16 bytes.
    let (shuffle, lead) = unsafe {
        (
            _mm256_set_m128i(
                _mm_loadu_si128(destination_shape.shuffle.as_ptr().cast()),
                _mm_loadu_si128(source_shape.shuffle.as_ptr().cast()),
            ),
            _mm256_set_m128i(
                _mm_loadu_si128(destination_shape.lead.as_ptr().cast()),
                _mm_loadu_si128(source_shape.lead.as_ptr().cast()),
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
    (_mm_cvtsi128_si64(joined) as u64, wrong)
}
