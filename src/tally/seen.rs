//! Records that were counted, so that the same record in overlapping downloads is counted once.
//!
//! A record is known by a 64-bit mix of its interface, target, time and tuples. Records of blobs
//! whose path tells their hour are remembered until that hour's blobs are done; others for the whole
//! run. Either memory has a limit; beyond it the run says that counts include duplicates, for all
//! of its records alike, so that the answer does not depend on which came first.

use std::collections::BTreeMap;

use hashbrown::HashSet;

type Set = HashSet<u64, foldhash::fast::FixedState>;

/// The records seen.
#[derive(Debug)]
pub(crate) struct Seen {
    always: Set,
    hours: BTreeMap<i64, Set>,
    /// The hour each worker is at; `i64::MIN` for a file without one and before its first file,
    /// `None` when it is done.
    active: Vec<Option<i64>>,
    limit: usize,
    /// Whether a limit was reached.
    pub(crate) overflowed: bool,
}

impl Seen {
    /// Remembers at most `limit` records, of each hour and of files without one.
    pub(crate) fn new(workers: usize, limit: usize) -> Self {
        let always = Set::default();
        Self {
            always,
            hours: BTreeMap::new(),
            active: vec![Some(i64::MIN); workers],
            limit,
            overflowed: false,
        }
    }

    /// A worker begins a file of `hour`. Files come in order of their hours, those without first.
    pub(crate) fn begin(&mut self, worker: usize, hour: Option<i64>) {
        self.active[worker] = Some(hour.unwrap_or(i64::MIN));
        self.forget();
    }

    /// A worker is done.
    pub(crate) fn end(&mut self, worker: usize) {
        self.active[worker] = None;
        self.forget();
    }

    /// Forgets the hours that all workers are past.
    fn forget(&mut self) {
        if let Some(&oldest) = self.active.iter().flatten().min() {
            while self
                .hours
                .first_key_value()
                .is_some_and(|(&hour, _)| hour < oldest)
            {
                self.hours.pop_first();
            }
        }
    }

    /// Whether the record was seen before; it is remembered now, by each hour (and by the whole run)
    /// for itself: so that whether a limit is reached does not depend on who comes first.
    pub(crate) fn check(&mut self, hour: Option<i64>, record: u64) -> bool {
        let elsewhere = match hour {
            Some(_) => self.always.contains(&record),
            None => self.hours.values().any(|set| set.contains(&record)),
        };
        let set = match hour {
            Some(hour) => self.hours.entry(hour).or_default(),
            None => &mut self.always,
        };
        if set.len() < self.limit {
            return !set.insert(record) || elsewhere;
        }
        // Whether this is a new record decides whether there are too many.
        let known = set.contains(&record);
        self.overflowed |= !known;
        known || elsewhere
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_new_once_wherever_its_file_lies() {
        let mut seen = Seen::new(2, 100);
        seen.begin(0, None);
        seen.begin(1, Some(7));
        assert!(!seen.check(Some(7), 1));
        assert!(seen.check(None, 1));
        assert!(!seen.check(None, 2));
        assert!(seen.check(Some(7), 2));
    }

    #[test]
    fn an_hour_is_forgotten_when_all_are_past_it() {
        let mut seen = Seen::new(2, 100);
        seen.begin(0, Some(7));
        seen.begin(1, Some(7));
        assert!(!seen.check(Some(7), 1));
        seen.begin(0, Some(8));
        assert!(seen.check(Some(7), 1));
        seen.end(1);
        assert!(seen.hours.is_empty());
    }

    #[test]
    fn nothing_is_forgotten_before_all_have_begun() {
        let mut seen = Seen::new(2, 100);
        seen.begin(0, Some(7));
        assert!(!seen.check(Some(7), 1));
        seen.begin(0, Some(8));
        // The other worker has taken the first file, and only now comes to it.
        seen.begin(1, None);
        assert!(seen.check(None, 1));
    }

    #[test]
    fn the_limit_does_not_depend_on_the_order() {
        let files: [(Option<i64>, &[u64]); 2] = [(None, &[1, 2, 3]), (Some(7), &[3, 4])];
        for limit in 1..5 {
            let overflowed = |order: [usize; 2]| {
                let mut seen = Seen::new(1, limit);
                for (hour, records) in order.map(|file| files[file]) {
                    for &record in records {
                        seen.check(hour, record);
                    }
                }
                seen.overflowed
            };
            assert_eq!(overflowed([0, 1]), limit < 3);
            assert_eq!(overflowed([1, 0]), limit < 3);
        }
    }

    #[test]
    fn the_limit_is_reached_by_distinct_records_only() {
        let mut seen = Seen::new(1, 2);
        seen.begin(0, None);
        for record in [1, 2, 1, 2] {
            seen.check(None, record);
        }
        assert!(!seen.overflowed);
        seen.check(None, 3);
        assert!(seen.overflowed);
    }
}
