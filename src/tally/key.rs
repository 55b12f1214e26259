//! What makes a group, and how keys are coarsened when there are too many.

use std::collections::BTreeSet;

use crate::flowlog::{Bits, LogKind};
use crate::net::{Decision, Direction, Outcome, PortSet};

/// A place that a key names: an address class, or a block of addresses that are told apart until
/// the environment is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub(crate) struct Place(pub(crate) u32);

/// Bit of an IPv4 block; the low 28 bits are those of the /28.
const BLOCK_V4: u32 = 1 << 31;
/// Bit of an IPv6 block; the low 30 bits are a hash of the /64.
const BLOCK_V6: u32 = 1 << 30;

impl Place {
    /// The class of a number.
    pub(crate) fn class(number: u16) -> Self {
        Self(number as u32)
    }

    /// The /28 that holds an IPv4 address.
    #[inline]
    pub(crate) fn block_v4(address: u32) -> Self {
        Self(BLOCK_V4 | address >> 4)
    }

    /// The /64 that holds an IPv6 address, by its hash: two collide once in a billion pairs.
    #[inline]
    pub(crate) fn block_v6(address: u128) -> Self {
        let mixed = crate::flowlog::tuple::fold(
            (address >> 64) as u64 ^ 0x9e37_79b9_7f4a_7c15,
            0xd1b5_4a32_d192_ed03,
        );
        Self(BLOCK_V6 | (mixed as u32 & (BLOCK_V6 - 1)))
    }

    /// What the number means.
    pub(crate) fn meaning(self) -> Meaning {
        if self.0 & BLOCK_V4 != 0 {
            Meaning::BlockV4((self.0 & !BLOCK_V4) << 4)
        } else if self.0 & BLOCK_V6 != 0 {
            Meaning::BlockV6(self)
        } else {
            Meaning::Class(self.0 as u16)
        }
    }

    /// A block of fewer bits, or for all of IPv6 one.
    fn coarsened(self, keep: u32) -> Self {
        match self.meaning() {
            Meaning::BlockV4(first) => Self::block_v4(first & (u32::MAX << (32 - keep))),
            Meaning::BlockV6(_) => Self(BLOCK_V6),
            Meaning::Class(_) => self,
        }
    }
}

/// What a [`Place`] names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// An address class.
    Class(u16),
    /// The /28 (or a wider block, once coarsened) from this IPv4 address on.
    BlockV4(u32),
    /// An IPv6 /64, by its hash.
    BlockV6(Place),
}

/// The key of a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub(crate) struct Key {
    pub(crate) source: Place,
    pub(crate) destination: Place,
    /// The destination port; [`OTHER_PORTS`] for those folded.
    pub(crate) port: u32,
    /// Number of the deciding rule; of captured connections, as [`captured`] makes it.
    pub(crate) rule: u16,
    pub(crate) protocol: u8,
    pub(crate) flags: Flags,
}

/// The port of a key whose ports were folded.
pub(crate) const OTHER_PORTS: u32 = 65_536;

/// Direction, decision, kind and edition. Bit 0 outbound, bit 1 deny, bits 2-3 kind, 4-6 edition; in
/// a worker's table bit 7 says that the port is folded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub(crate) struct Flags(pub(crate) u8);

/// Bit of a key's rule: there is none, for the connection was captured, and the rest is its outcome.
const CAPTURED: u16 = 1 << 15;

/// What stands for the rule of connections with an outcome: above the numbers of all rules.
pub(crate) fn captured(outcome: Outcome) -> u16 {
    CAPTURED | outcome as u16
}

impl Key {
    /// The outcome, where it is of captured connections.
    pub(crate) fn outcome(&self) -> Option<Outcome> {
        (self.rule & CAPTURED != 0).then(|| Outcome::ALL[(self.rule & 7) as usize])
    }
}

/// Most editions of the service tags in a run.
pub const MOST_EDITIONS: usize = 8;

impl Flags {
    #[inline]
    pub(crate) fn new(bits: Bits, edition: u8) -> Self {
        Self(bits.0 & 3 | (bits.0 >> 4 & 3) << 2 | edition << 4)
    }

    pub(crate) fn direction(self) -> Direction {
        Bits(self.0).direction()
    }

    pub(crate) fn decision(self) -> Decision {
        Bits(self.0).decision()
    }

    /// The kind of log, where it is not of captured connections.
    pub(crate) fn log_kind(self) -> LogKind {
        LogKind::from_bits(self.0 >> 2)
    }

    pub(crate) fn edition(self) -> usize {
        (self.0 >> 4 & 7) as usize
    }
}

/// Ports that rows name: the last to be folded.
#[derive(Debug, Clone)]
pub struct NamedPorts {
    /// A bit each.
    named: Box<[u64]>,
}

impl Default for NamedPorts {
    fn default() -> Self {
        Self {
            named: vec![0; 1_024].into_boxed_slice(),
        }
    }
}

impl NamedPorts {
    /// The union of the rows' ports; rows for any port name none.
    pub fn new<'a>(ports: impl IntoIterator<Item = &'a PortSet>) -> Self {
        let mut all = Self::default();
        for set in ports.into_iter().filter(|set| set.len() < 10_000) {
            for &(low, high) in set.ranges() {
                for port in low..=high {
                    all.named[port as usize / 64] |= 1 << (port % 64);
                }
            }
        }
        all
    }

    /// Whether a row names a port.
    #[inline]
    pub fn has(&self, port: u16) -> bool {
        self.named[port as usize / 64] >> (port % 64) & 1 != 0
    }

    /// Whether a port of denied (or allowed) flows is folded at a level of coarsening.
    #[inline]
    pub(crate) fn folds(&self, level: u8, denied: bool, port: u16) -> bool {
        match level {
            0 => false,
            1 => denied && port >= 1_024 && !self.has(port),
            2 => port >= 1_024 && !self.has(port),
            3..=7 => !self.has(port),
            _ => true,
        }
    }
}

/// How many levels of coarsening there are. Each is a function of the key alone, and each level
/// takes away what the next does not bring back: so the level that a run ends with, the least at
/// which its groups fit, does not depend on the order of what was read.
pub(crate) const LEVELS: u8 = 9;

impl Key {
    /// The key at a level: 1 folds the ports from 1024 that no row names of denied flows (scans), 2
    /// those of all flows, 3 all ports that no row names, 4 the rules, 5 and 6 take blocks together
    /// by /24 and /16, 7 all blocks, 8 all ports, 9 protocols and the classes of the remote side.
    pub(crate) fn coarsened(mut self, level: u8, ports: &NamedPorts) -> Self {
        let denied = self.flags.decision() == Decision::Deny;
        if u16::try_from(self.port).is_ok_and(|port| ports.folds(level, denied, port)) {
            self.port = OTHER_PORTS;
        }
        if level >= 4 && self.outcome().is_none() {
            self.rule = 0;
        }
        match level {
            0..=4 => {}
            5 | 6 => {
                let keep = if level == 5 { 24 } else { 16 };
                self.source = self.source.coarsened(keep);
                self.destination = self.destination.coarsened(keep);
            }
            _ => {
                self.source = self.source.without_block();
                self.destination = self.destination.without_block();
            }
        }
        if level >= 9 {
            self.protocol = 0;
            match self.flags.direction() {
                Direction::Inbound => self.source = Place(BLOCK_V6),
                Direction::Outbound => self.destination = Place(BLOCK_V6),
            }
        }
        self
    }
}

impl Place {
    /// Every block becomes one.
    fn without_block(self) -> Self {
        if self.0 & (BLOCK_V4 | BLOCK_V6) == 0 {
            self
        } else {
            Self(BLOCK_V6)
        }
    }
}

/// IPv6 blocks that occurred, smallest first, so that their hashes can be told.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct BlocksV6 {
    pub(crate) first_addresses: BTreeSet<u128>,
}

impl BlocksV6 {
    /// Most /64s that are remembered.
    const MOST: usize = 4_096;

    pub(crate) fn add(&mut self, address: u128) {
        let first = address >> 64 << 64;
        if self.first_addresses.len() >= Self::MOST
            && self
                .first_addresses
                .last()
                .is_some_and(|&last| last <= first)
        {
            return;
        }
        if self.first_addresses.insert(first) && self.first_addresses.len() > Self::MOST {
            self.first_addresses.pop_last();
        }
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        for &first in &other.first_addresses {
            self.add(first);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn keys() -> impl Strategy<Value = Key> {
        let place = || {
            prop_oneof![
                any::<u16>().prop_map(Place::class),
                any::<u32>().prop_map(Place::block_v4),
                any::<u128>().prop_map(Place::block_v6)
            ]
        };
        (
            place(),
            place(),
            0u32..65_537,
            any::<u16>(),
            any::<u8>(),
            0u8..128,
        )
            .prop_map(|(source, destination, port, rule, protocol, flags)| Key {
                source,
                destination,
                port,
                rule,
                protocol,
                flags: Flags(flags),
            })
    }

    proptest! {
        #[test]
        fn coarsening_in_steps_is_coarsening_at_once(key in keys(), low in 0u8..=LEVELS, high in 0u8..=LEVELS) {
            let ports = NamedPorts::new(&[PortSet::parse("6379-6383").unwrap()]);
            let (low, high) = (low.min(high), low.max(high));
            prop_assert_eq!(key.coarsened(low, &ports).coarsened(high, &ports), key.coarsened(high, &ports));
        }
    }
}
