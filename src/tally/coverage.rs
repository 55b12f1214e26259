//! Which interfaces have logs, in which hours; bounded, mergeable.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::facts::{Coverage, Hours, Interface, Target};
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

/// Sorted lists rather than sets: every worker has these of every interface.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Names {
    addresses: Vec<IpAddr>,
    targets: Vec<Target>,
}

impl Interfaces {
    /// A record of `mac` in `hour`, logged for `target`.
    pub(crate) fn record(&mut self, mac: Mac, hour: i64, target: &str) {
        let names = self.names.entry(mac).or_default();
        keep_smallest(&mut names.targets, Target::of(target));
        *self.days.entry((mac, hour.div_euclid(24))).or_default() |= 1 << hour.rem_euclid(24);
        self.fit();
    }

    /// An address of `mac` itself.
    pub(crate) fn address(&mut self, mac: Mac, address: IpAddr) {
        if let Some(names) = self.names.get_mut(&mac) {
            keep_smallest(&mut names.addresses, address);
        }
    }

    pub(crate) fn merge(&mut self, other: Self) {
        self.overflowed |= other.overflowed;
        for (mac, theirs) in other.names {
            let ours = self.names.entry(mac).or_default();
            for address in theirs.addresses {
                keep_smallest(&mut ours.addresses, address);
            }
            for target in theirs.targets {
                keep_smallest(&mut ours.targets, target);
            }
            self.fit();
        }
        for (key, hours) in other.days {
            *self.days.entry(key).or_default() |= hours;
            self.fit();
        }
    }

    fn fit(&mut self) {
        while self.names.len() > MOST_INTERFACES {
            self.names.pop_last();
            self.overflowed = true;
        }
        // The days of the interfaces left out are the last ones.
        while self.days.len() > MOST_DAYS || self.days_last() > self.names_last() {
            self.days.pop_last();
            self.overflowed = true;
        }
    }

    fn names_last(&self) -> Option<Mac> {
        self.names.last_key_value().map(|(&mac, _)| mac)
    }

    fn days_last(&self) -> Option<Mac> {
        self.days.last_key_value().map(|(&(mac, _), _)| mac)
    }

    pub(crate) fn finish(self) -> Coverage {
        let interface = |(mac, names): (Mac, Names)| {
            let interface = Interface {
                addresses: names.addresses,
                targets: names.targets,
                hours: Hours::default(),
            };
            (mac, interface)
        };
        let mut interfaces: BTreeMap<_, _> = self.names.into_iter().map(interface).collect();
        for ((mac, day), bits) in self.days {
            if let Some(interface) = interfaces.get_mut(&mac) {
                interface.hours.push(day, bits);
            }
        }
        Coverage {
            interfaces,
            overflowed: self.overflowed,
            ..Coverage::default()
        }
    }
}

/// Adds to a sorted list of at most [`MOST_NAMES`].
fn keep_smallest<T: Ord>(sorted: &mut Vec<T>, value: T) {
    if let Err(at) = sorted.binary_search(&value)
        && at < MOST_NAMES
    {
        sorted.truncate(MOST_NAMES - 1);
        sorted.insert(at, value);
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
