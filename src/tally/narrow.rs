//! What the user narrowed the run to, held against records and tuples.

use crate::flowlog::{RecordBatch, Tuple, TupleGroup};
use crate::net::{Direction, Mac, PrefixSet, Timestamp};

/// `--since`, `--until`, `--nsg`, `--mac`, `--subnet`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Narrow {
    /// Tuples at or after this time.
    pub since: Option<Timestamp>,
    /// Tuples before this time.
    pub until: Option<Timestamp>,
    /// Names (or resource IDs) of NSGs; empty for all.
    pub nsg: Vec<String>,
    /// Interfaces; empty for all.
    pub mac: Vec<Mac>,
    /// Addresses that the interface's side of a flow must be in.
    pub subnet: Option<PrefixSet>,
}

impl Narrow {
    /// Whether nothing is left out.
    #[inline]
    pub fn is_everything(&self) -> bool {
        self.since.is_none()
            && self.until.is_none()
            && self.nsg.is_empty()
            && self.mac.is_empty()
            && self.subnet.is_none()
    }

    /// Whether a group's NSG and interface are wanted.
    pub fn keeps_group(&self, group: &TupleGroup) -> bool {
        let nsg = self.nsg.is_empty() || self.nsg.iter().any(|wanted| is_named(&group.acl, wanted));
        nsg && (self.mac.is_empty() || group.mac.is_some_and(|mac| self.mac.contains(&mac)))
    }

    /// Whether any tuple's time is wanted; of a record without tuples, its own.
    pub fn keeps_times_of(&self, batch: &RecordBatch) -> bool {
        if self.since.is_none() && self.until.is_none() {
            return true;
        }
        let own = batch.time.filter(|_| batch.tuples.is_empty());
        let mut times = batch
            .tuples
            .iter()
            .map(|tuple| tuple.time)
            .chain(own.map(|time| time.0));
        times.any(|time| self.keeps_time(time))
    }

    fn keeps_time(&self, time: i64) -> bool {
        self.since.is_none_or(|since| time >= since.0)
            && self.until.is_none_or(|until| time < until.0)
    }

    /// Whether a tuple's time and own address are wanted.
    pub fn keeps_tuple(&self, batch: &RecordBatch, tuple: &Tuple) -> bool {
        if !self.keeps_time(tuple.time) {
            return false;
        }
        let Some(subnet) = &self.subnet else {
            return true;
        };
        let (source, destination) = batch.addresses(tuple);
        subnet.contains(if tuple.bits.direction() == Direction::Outbound {
            source
        } else {
            destination
        })
    }
}

/// Whether a resource ID is, or ends with, the wanted name; without case.
fn is_named(id: &str, wanted: &str) -> bool {
    id.eq_ignore_ascii_case(wanted)
        || id
            .rsplit('/')
            .next()
            .is_some_and(|last| last.eq_ignore_ascii_case(wanted))
}
