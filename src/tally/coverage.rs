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
pub(crate) const MOST_NAMES: usize = 16;
/// The share of these limits that a worker keeps to itself: with as much as a whole run, each more
/// worker would take 17 MB.
const WORKERS_SHARE: usize = 8;

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
    /// Whether there were more of either. Kept by interface: of those that are themselves left out
    /// it depends on what came first.
    crowded: bool,
}

impl Interfaces {
    /// A record of `mac` in `hour`, logged for `target`.
    pub(crate) fn record(&mut self, mac: Mac, hour: i64, target: &str) {
        let names = self.names.entry(mac).or_default();
        names.crowded |= !keep_smallest(&mut names.targets, Target::of(target));
        *self.days.entry((mac, hour.div_euclid(24))).or_default() |= 1 << hour.rem_euclid(24);
        self.fit();
    }

    /// An address of `mac` itself.
    pub(crate) fn address(&mut self, mac: Mac, address: IpAddr) {
        if let Some(names) = self.names.get_mut(&mac) {
            names.crowded |= !keep_smallest(&mut names.addresses, address);
        }
    }

    /// Whether a worker should put these to the shared ones, before it notes the next record.
    pub(crate) fn is_large(&self) -> bool {
        self.names.len() > MOST_INTERFACES / WORKERS_SHARE
            || self.days.len() > MOST_DAYS / WORKERS_SHARE
    }

    pub(crate) fn merge(&mut self, other: Self) {
        self.overflowed |= other.overflowed;
        for (mac, theirs) in other.names {
            let ours = self.names.entry(mac).or_default();
            ours.crowded |= theirs.crowded;
            for address in theirs.addresses {
                ours.crowded |= !keep_smallest(&mut ours.addresses, address);
            }
            for target in theirs.targets {
                ours.crowded |= !keep_smallest(&mut ours.targets, target);
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
        let crowded = self.names.values().filter(|names| names.crowded).count() as u64;
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
            crowded,
            ..Coverage::default()
        }
    }
}

/// Adds to a sorted list of at most [`MOST_NAMES`]. Whether all are in it.
fn keep_smallest<T: Ord>(sorted: &mut Vec<T>, value: T) -> bool {
    let Err(at) = sorted.binary_search(&value) else {
        return true;
    };
    let room = sorted.len() < MOST_NAMES;
    if at < MOST_NAMES {
        sorted.truncate(MOST_NAMES - 1);
        sorted.insert(at, value);
    }
    room
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn interfaces(records: &[(u64, i64, String)]) -> Interfaces {
        let mut interfaces = Interfaces::default();
        for (mac, hour, target) in records {
            interfaces.record(Mac(*mac), *hour, target);
            interfaces.address(Mac(*mac), IpAddr::from([10, 0, 0, *hour as u8]));
        }
        interfaces
    }

    proptest! {
        #[test]
        fn parts_merge_to_the_whole(records in prop::collection::vec((0u64..5, 0i64..60, "[a-c]"), 0..120), cut in 0usize..120) {
            let cut = cut.min(records.len());
            let mut merged = interfaces(&records[cut..]);
            merged.merge(interfaces(&records[..cut]));
            prop_assert_eq!(merged.finish(), interfaces(&records).finish());
        }
    }

    #[test]
    fn an_interface_is_crowded_from_the_seventeenth_address_or_target_on() {
        let count = |addresses: usize, targets: usize| {
            let records: Vec<_> = (0..addresses.max(targets))
                .map(|number| {
                    let (hour, target) = (number % addresses, number % targets);
                    (7, hour as i64, target.to_string())
                })
                .collect();
            interfaces(&records).finish().crowded
        };
        assert_eq!(count(MOST_NAMES, MOST_NAMES), 0);
        assert_eq!(count(MOST_NAMES + 1, 1), 1);
        assert_eq!(count(1, MOST_NAMES + 1), 1);
    }

    #[test]
    fn interfaces_left_out_are_not_counted_as_crowded() {
        let few = |mac| (mac, 0, String::new());
        let mut records: Vec<_> = (0..MOST_INTERFACES as u64).map(few).collect();
        let crowded = (0..60).map(|hour| (u64::MAX, hour, String::new()));
        records.splice(0..0, crowded);
        let first = interfaces(&records).finish();
        records.reverse();
        assert_eq!(interfaces(&records).finish(), first);
        assert_eq!((first.crowded, first.overflowed), (0, true));
    }
}
