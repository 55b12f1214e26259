//! The two inner loops of the flow log scanner: where the quotes are, and what a tuple says; and where
//! copies are fast.
//!
//! This is the one module with `unsafe`, behind safe functions. Each has a portable twin in
//! [`scalar`]; property tests hold both against the rule itself and the careful parser. AVX2 is used where the
//! processor has it (measured in `docs/performance.md`), unless [`Level::Scalar`] is asked for.

#![expect(
    unsafe_code,
    reason = "vector instructions; measured to pay, see docs/performance.md"
)]

mod letters;
pub mod line;
pub mod scalar;
#[cfg(target_arch = "x86_64")]
mod x86_64;

use crate::flowlog::Tuple;

/// Which instructions the scanner uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// Portable code.
    Scalar,
    /// AVX2, BMI1 and BMI2 on x86-64.
    Avx2,
}

impl Level {
    /// The best level of this processor.
    pub fn best() -> Self {
        #[cfg(target_arch = "x86_64")]
        if is_x86_feature_detected!("avx2")
            && is_x86_feature_detected!("bmi1")
            && is_x86_feature_detected!("bmi2")
        {
            return Self::Avx2;
        }
        Self::Scalar
    }

    /// This level, or a lower one that the processor has.
    fn available(self) -> Self {
        if self == Self::Avx2 {
            Self::best()
        } else {
            self
        }
    }
}

/// Places of the unescaped quotes of a text that grows: a quote counts unless an odd number of
/// backslashes stands before it.
#[derive(Debug, Default)]
pub struct Quotes {
    /// Offsets of the quotes, ascending.
    pub places: Vec<u32>,
    /// How far the text was looked through.
    done: usize,
    /// Whether the byte at `done` is escaped.
    escaped: bool,
    /// Whether any backslash was seen.
    pub backslash: bool,
}

impl Quotes {
    /// Starts anew, for a text of which the first `done` bytes are not looked at.
    pub fn restart(&mut self, done: usize) {
        self.places.clear();
        self.done = done;
        self.escaped = false;
        self.backslash = false;
    }

    /// Looks through what `text` has beyond the last call.
    pub fn extend(&mut self, text: &[u8], level: Level) {
        debug_assert!(
            u32::try_from(text.len()).is_ok(),
            "a piece is far below 4 GiB"
        );
        match level.available() {
            #[cfg(target_arch = "x86_64")]
            // SAFETY: `available` found AVX2 and BMI on this processor.
            Level::Avx2 => unsafe { x86_64::quotes(text, self) },
            _ => scalar::quotes(text, self),
        }
    }

    /// Moves the text `by` bytes towards its start: quotes that fall off are forgotten.
    pub fn shift(&mut self, by: usize) {
        let gone = self.places.partition_point(|&place| (place as usize) < by);
        self.places.drain(..gone);
        for place in &mut self.places {
            *place -= by as u32;
        }
        self.done -= by;
    }
}

/// What the tuples of one array have in common.
#[derive(Debug, Clone, Copy)]
pub struct Common {
    /// Offset of the record's start in the text.
    pub record: u32,
    /// Index of their group.
    pub group: u16,
}

/// Decodes those of the tuple strings `spans` (start and end in `text`, quotes excluded) that have
/// the common shape: IPv4, numbers of up to eight digits, a known encryption. `tuples` has a place
/// for each; the numbers of spans that were not decoded are appended to `rest`, and their places
/// hold nothing of use.
///
/// # Panics
/// Where `tuples` has not a place for each span.
pub fn decode(
    text: &[u8],
    spans: &[(u32, u32)],
    common: Common,
    tuples: &mut [Tuple],
    rest: &mut Vec<u32>,
    level: Level,
) {
    assert_eq!(spans.len(), tuples.len(), "a place for each span");
    match level.available() {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: `available` found AVX2 and BMI on this processor.
        Level::Avx2 => unsafe { x86_64::decode(text, spans, common, tuples, rest) },
        _ => scalar::decode(text, spans, common, tuples, rest),
    }
}

/// Asks for the cache line of `place`, which will be needed soon.
#[inline]
pub fn prefetch<T>(place: &T) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a prefetch of a reference reads nothing and faults on nothing.
    unsafe {
        std::arch::x86_64::_mm_prefetch::<{ std::arch::x86_64::_MM_HINT_T0 }>(
            std::ptr::from_ref(place).cast(),
        );
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = place;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flowlog::tuple;
    use proptest::prelude::*;

    fn quotes_at(text: &[u8], level: Level, step: usize) -> Vec<u32> {
        let mut quotes = Quotes::default();
        quotes.restart(0);
        for end in (0..text.len()).step_by(step.max(1)).chain([text.len()]) {
            quotes.extend(&text[..end], level);
        }
        quotes.places
    }

    /// The rule itself: an even number of backslashes before it.
    fn quotes_naively(text: &[u8]) -> Vec<u32> {
        let unescaped = |at: usize| {
            text[..at]
                .iter()
                .rev()
                .take_while(|&&byte| byte == b'\\')
                .count()
                % 2
                == 0
        };
        (0..text.len())
            .filter(|&at| text[at] == b'"' && unescaped(at))
            .map(|at| at as u32)
            .collect()
    }

    /// Texts near the shape of a tuple: every field right or a little wrong.
    fn tuple_text() -> impl Strategy<Value = String> {
        let time = prop_oneof![
            "17[0-9]{8}",
            "17[0-9]{11}",
            "[0-9]{9,14}",
            "0{10}",
            "0{4}[0-9]{9}"
        ];
        let octet = prop_oneof![4 => (0u16..256).prop_map(|n| n.to_string()), 1 => "[0-9]{1,4}", 1 => Just("01".to_owned())];
        let address = prop_oneof![8 => prop::collection::vec(octet, 4).prop_map(|parts| parts.join(".")), 1 => Just("2001:db8::1".to_owned()), 1 => "[0-9.]{5,16}"];
        let port = prop_oneof![6 => (0u32..65_536).prop_map(|n| n.to_string()), 1 => "[0-9]{0,6}"];
        let letters = prop_oneof![
            "[TU],[IO],[AD],[BCE]",
            "[TU],[IO],[AD]",
            "(6|17),[IO],[BCED],(NX|X|NX_FALLBACK)",
            "[TUX6],[IOX],[ADX],[BCEDX]",
            "1,I,B,NX"
        ];
        let counter = prop_oneof![3 => Just(String::new()), 4 => "[0-9]{1,8}", 1 => "[0-9]{9,11}", 1 => "[0-9a]{1,9}"];
        let counters = prop_oneof![5 => prop::collection::vec(counter, 4), 1 => Just(vec![])];
        (
            time,
            address.clone(),
            address,
            port.clone(),
            port,
            letters,
            counters,
        )
            .prop_map(
                |(time, source, destination, source_port, destination_port, letters, counters)| {
                    let mut parts = vec![
                        time,
                        source,
                        destination,
                        source_port,
                        destination_port,
                        letters,
                    ];
                    parts.extend(counters);
                    parts.join(",")
                },
            )
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn quotes_are_found_alike_at_every_level_and_in_every_piece(
            text in prop::collection::vec(prop_oneof![5 => Just(b'a'), 2 => Just(b'"'), 1 => Just(b'\\')], 0..400),
            step in 1usize..100,
        ) {
            let naive = quotes_naively(&text);
            prop_assert_eq!(&quotes_at(&text, Level::Scalar, step), &naive);
            prop_assert_eq!(&quotes_at(&text, Level::best(), step), &naive);
        }

        #[test]
        fn tuples_are_decoded_alike_at_every_level(texts in prop::collection::vec(tuple_text(), 1..6)) {
            let mut joined = vec![b' '; 64];
            let mut spans = Vec::new();
            for text in &texts {
                joined.push(b'"');
                spans.push((joined.len() as u32, (joined.len() + text.len()) as u32));
                joined.extend_from_slice(text.as_bytes());
                joined.extend_from_slice(b"\",");
            }
            joined.extend_from_slice(&[b' '; 128]);
            let common = Common { record: 7, group: 3 };
            let run = |level| {
                let mut tuples = vec![Tuple::default(); spans.len()];
                let mut rest = Vec::new();
                decode(&joined, &spans, common, &mut tuples, &mut rest, level);
                (tuples, rest)
            };
            // What either decodes, the careful parser decodes to the same.
            for level in [Level::Scalar, Level::best()] {
                let (tuples, rest) = run(level);
                for (number, text) in texts.iter().enumerate() {
                    if rest.contains(&(number as u32)) {
                        continue;
                    }
                    let careful = tuple::parse(text.as_bytes()).map(|careful| {
                        let careful_tuple = Tuple {
                            group: common.group,
                            offset: spans[number].0 - common.record,
                            ..careful.tuple
                        };
                        (careful_tuple, careful.wide)
                    });
                    prop_assert_eq!(Ok((tuples[number], None)), careful, "{}", text);
                }
            }
        }
    }

    #[test]
    fn both_loops_take_the_common_shapes() {
        let texts = [
            "1767607200,10.30.4.5,198.51.100.7,51544,443,T,O,A",
            "1767607200,10.30.4.5,198.51.100.7,51544,443,T,O,A,B,,,,",
            "1767607206,10.30.4.5,198.51.100.7,1,443,U,I,A,E,12,2310,10,99999999",
            "1767607200123,10.30.4.5,198.51.100.7,51544,443,6,O,B,NX,0,0,0,0",
            "1767607206,10.30.4.5,198.51.100.7,51544,80,T,O,A,E,1,2,3,4",
            "1767607200123,255.255.255.255,0.0.0.0,65535,65535,17,I,D,X,,,,",
            "1767607200,10.30.4.5,198.51.100.7,51544,443,U,I,D",
        ];
        for (text, level) in texts
            .into_iter()
            .flat_map(|text| [(text, Level::Scalar), (text, Level::best())])
        {
            let padded = format!("{:64}\"{text}\"{:128}", "", "");
            let mut tuples = [Tuple::default()];
            let mut rest = Vec::new();
            let span = (65, 65 + text.len() as u32);
            decode(
                padded.as_bytes(),
                &[span],
                Common {
                    record: 60,
                    group: 0,
                },
                &mut tuples,
                &mut rest,
                level,
            );
            assert!(rest.is_empty(), "{text}");
        }
    }
}
