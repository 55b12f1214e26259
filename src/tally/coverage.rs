//! Which interfaces have logs, in which hours; bounded, mergeable.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use super::facts::{Coverage, Interface};
use crate::net::Mac;

/// Most interfaces that are remembered: those with the smallest addresses.
const MOST_INTERFACES: usize = 16_384;
/// Most interface-days that are remembered, the smallest first: some 700 interfaces for a year.
const MOST_DAYS: usize = 262_144;
/// Most addresses and targets of an interface: the smallest.
const MOST_NAMES: usize = 16;

/// Interfaces and hours of a part of the input.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Interfaces {
    names: BTreeMap<Mac, Names>,
    /// Hours of a day as bits, by interface and day since the epoch.
    days: BTreeMap<(Mac, i64), u32>,
    overflowed: bool,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Names {
    addresses: BTreeSet<IpAddr>,
    targets: BTreeSet<String>,
}

impl Interfaces {
    /// A record of `mac` in `hour`, logged for `target`.
    pub(crate) fn record(&mut self, mac: Mac, hour: i64, target: &str) {
        *self.days.entry((mac, hour.div_euclid(24))).or_default() |= 1 << hour.rem_euclid(24);
        let names = self.names.entry(mac).or_default();
        if !names.targets.contains(target) {
            names.targets.insert(target.to_uppercase());
            keep_smallest(&mut names.targets, MOST_NAMES);
        }
        self.fit();
    }

    /// An address of `mac` itself.
    pub(crate) fn address(&mut self, mac: Mac, address: IpAddr) {
        let Some(names) = self.names.get_mut(&mac) else {
            return;
        };
        let full = names.addresses.len() == MOST_NAMES;
        if full && names.addresses.last().is_some_and(|&last| last < address) {
            return;
        }
        names.addresses.insert(address);
        keep_smallest(&mut names.addresses, MOST_NAMES);
    }

    pub(crate) fn merge(&mut self, other: Self) {
        for (key, hours) in other.days {
            *self.days.entry(key).or_default() |= hours;
        }
        for (mac, theirs) in other.names {
            let ours = self.names.entry(mac).or_default();
            ours.addresses.extend(theirs.addresses);
            ours.targets.extend(theirs.targets);
            keep_smallest(&mut ours.addresses, MOST_NAMES);
            keep_smallest(&mut ours.targets, MOST_NAMES);
        }
        self.overflowed |= other.overflowed;
        self.fit();
    }

    fn fit(&mut self) {
        while self.names.len() > MOST_INTERFACES {
            self.names.pop_last();
            self.overflowed = true;
        }
        while self.days.len() > MOST_DAYS {
            self.days.pop_last();
            self.overflowed = true;
        }
    }

    pub(crate) fn finish(self) -> Coverage {
        let mut interfaces: BTreeMap<Mac, Interface> = BTreeMap::new();
        for (mac, names) in self.names {
            let addresses = names.addresses.into_iter().collect();
            interfaces.insert(
                mac,
                Interface {
                    addresses,
                    targets: names.targets.into_iter().collect(),
                    hours: Vec::new(),
                },
            );
        }
        for ((mac, day), bits) in self.days {
            if let Some(interface) = interfaces.get_mut(&mac) {
                interface.hours.extend(
                    (0..24)
                        .filter(|hour| bits >> hour & 1 != 0)
                        .map(|hour| day * 24 + hour),
                );
            }
        }
        Coverage {
            interfaces,
            overflowed: self.overflowed,
            ..Coverage::default()
        }
    }
}

fn keep_smallest<T: Ord>(set: &mut BTreeSet<T>, most: usize) {
    while set.len() > most {
        set.pop_last();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn parts_merge_to_the_whole(records in prop::collection::vec((0u64..5, 0i64..60, "[a-c]"), 0..40), cut in 0usize..40) {
            let build = |records: &[(u64, i64, String)]| {
                let mut interfaces = Interfaces::default();
                for (mac, hour, target) in records {
                    interfaces.record(Mac(*mac), *hour, target);
                    interfaces.address(Mac(*mac), IpAddr::from([10, 0, 0, *hour as u8]));
                }
                interfaces
            };
            let cut = cut.min(records.len());
            let mut merged = build(&records[cut..]);
            merged.merge(build(&records[..cut]));
            prop_assert_eq!(merged.finish(), build(&records).finish());
        }
    }
}
