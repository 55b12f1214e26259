//! Protocol, direction, decision, state and encryption of a tuple: all that the common shapes can say
//! there, found by one multiplication.

use std::sync::LazyLock;

use crate::flowlog::{Bits, FlowState, LogKind};
use crate::net::{Decision, Direction};

/// Bytes of version 1's letters, after which nothing comes.
pub(super) const WITHOUT_COUNTERS: usize = 5;

/// What the letters of a tuple are, as text and as what they mean.
#[derive(Clone, Copy)]
pub(super) struct Meaning {
    /// The first eight bytes, or all five of version 1.
    word: u64,
    /// The two bytes after them, as far as `next_mask` says.
    next: u16,
    next_mask: u16,
    /// Bytes up to the counters; 0 where there are none.
    pub(super) width: u8,
    pub(super) protocol: u8,
    pub(super) bits: Bits,
}

impl Meaning {
    /// Zero where a tuple's letters, eight bytes and two more, are these.
    #[inline]
    pub(super) fn difference(&self, word: u64, next: u16) -> u64 {
        (word ^ self.word)
            | u64::from((next ^ self.next) & self.next_mask)
            | u64::from(self.protocol == 0)
    }
}

const BITS: u32 = 10;

/// All letters, by a hash of their first eight bytes.
pub(super) struct Letters {
    /// Hash -> number in `all`; 0 for none.
    number_of: [u8; 1 << BITS],
    multiplier: u64,
    all: Vec<Meaning>,
}

pub(super) static LETTERS: LazyLock<Letters> = LazyLock::new(|| {
    let all = all_letters();
    let words: Vec<u64> = all.iter().map(|meaning| meaning.word).collect();
    let (multiplier, number_of) = perfect_hash(&words);
    Letters {
        number_of,
        multiplier,
        all,
    }
});

impl Letters {
    /// The only letters that `word` can begin; whether it does, [`Meaning::difference`] says.
    #[inline]
    pub(super) fn find(&self, word: u64) -> &Meaning {
        let place = word.wrapping_mul(self.multiplier) >> (64 - BITS);
        &self.all[self.number_of[place as usize] as usize]
    }
}

/// The first is none.
fn all_letters() -> Vec<Meaning> {
    let mut all = vec![Meaning {
        word: 0,
        next: 0,
        next_mask: 0,
        width: 0,
        protocol: 0,
        bits: Bits(0),
    }];
    for (direction, way) in [(Direction::Inbound, 'I'), (Direction::Outbound, 'O')] {
        for (letter, number, protocol) in [('T', "6", 6), ('U', "17", 17)] {
            for (decision, what) in [(Decision::Allow, 'A'), (Decision::Deny, 'D')] {
                let bits = |state, kind| Bits::new(direction, decision, state, kind);
                let v1 = bits(FlowState::None, LogKind::NsgV1);
                all.push(meaning(&format!("{letter},{way},{what}"), protocol, v1));
                all.extend(STATES.map(|(state, name)| {
                    let text = format!("{letter},{way},{what},{name},");
                    meaning(&text, protocol, bits(state, LogKind::NsgV2))
                }));
            }
            let denied = (Decision::Deny, FlowState::Begin, 'D');
            let allowed = STATES.map(|(state, name)| (Decision::Allow, state, name));
            for (decision, state, name) in allowed.into_iter().chain([denied]) {
                let bits = Bits::new(direction, decision, state, LogKind::VnetV4);
                all.extend(["NX", "X"].map(|encryption| {
                    let text = format!("{number},{way},{name},{encryption},");
                    meaning(&text, protocol, bits)
                }));
            }
        }
    }
    all
}

const STATES: [(FlowState, char); 3] = [
    (FlowState::Begin, 'B'),
    (FlowState::Continue, 'C'),
    (FlowState::End, 'E'),
];

fn meaning(text: &str, protocol: u8, bits: Bits) -> Meaning {
    let byte = |at: usize| text.as_bytes().get(at).copied().unwrap_or_default();
    let mask = |at: usize| if at < text.len() { 0xff } else { 0 };
    Meaning {
        word: u64::from_le_bytes(std::array::from_fn(byte)),
        next: u16::from_le_bytes([byte(8), byte(9)]),
        next_mask: u16::from_le_bytes([mask(8), mask(9)]),
        width: if text.len() < 8 { 0 } else { text.len() as u8 },
        protocol,
        bits,
    }
}

/// A multiplier by which the upper bits of the products tell all keys but the first apart, and the
/// numbers of the keys by these bits: 0, the first's, for none.
pub(super) fn perfect_hash<const PLACES: usize>(keys: &[u64]) -> (u64, [u8; PLACES]) {
    let shift = 64 - PLACES.ilog2();
    let mut multiplier = 0x9e37_79b9_7f4a_7c15u64;
    loop {
        let mut places = [0; PLACES];
        let apart = keys.iter().zip(0u8..).skip(1).all(|(key, number)| {
            let place = &mut places[(key.wrapping_mul(multiplier) >> shift) as usize];
            std::mem::replace(place, number) == 0
        });
        if apart {
            return (multiplier, places);
        }
        multiplier = multiplier.wrapping_mul(0xd134_2543_de82_ef95) | 1;
    }
}
