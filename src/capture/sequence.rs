//! What can only be told of a capture's pieces in their order: which datagrams their fragments belong
//! to. Cheap, since nearly all packets are whole.

use super::connection::{Connection, Place};
use super::fragments::{Found, Fragments};
use super::spread::Spread;
use super::tracker::{PacketCounts, Tracked};
use crate::fault::FaultTally;

/// The pieces of one capture so far.
#[derive(Debug, Default)]
pub struct Sequence {
    fragments: Fragments,
    /// Packets.
    pub packets: PacketCounts,
    /// Packets that were not decoded.
    pub faults: FaultTally,
}

impl Sequence {
    /// Takes what the next piece adds up to: its sums, those of fragments among them.
    pub fn take(&mut self, mut tracked: Tracked, shares: usize) -> Spread {
        self.packets.add(&tracked.counts);
        self.faults.merge(std::mem::take(&mut tracked.faults));
        if tracked.later.is_empty() {
            self.fragments.append(tracked.fragments);
            return tracked.spread;
        }
        let known = tracked.spread.into_sums();
        let mut sums = Vec::with_capacity(known.len() + tracked.later.len());
        let mut taken = 0;
        for later in &tracked.later {
            sums.extend_from_slice(&known[taken..later.before as usize]);
            taken = later.before as usize;
            match self.fragments.find(&later.packet, later.id, later.at.time) {
                Found::Whole(packet) => sums.push(Connection::of(&packet, later.at)),
                Found::TooLate | Found::Unknown => self.lose(later.id, later.at),
            }
        }
        sums.extend_from_slice(&known[taken..]);
        self.fragments.append(tracked.fragments);
        Spread::new(sums, shares)
    }

    /// Counts a fragment whose first is not there.
    fn lose(&mut self, id: u32, at: Place) {
        self.packets.lose(id, at, &mut self.faults);
    }
}
