//! A piece's packets -> sums by conversation. Pieces are tracked side by side; [`super::table`] joins
//! what they give, in their order.

use hashbrown::HashTable;
use hashbrown::hash_table::Entry;

use super::connection::{Connection, Errors, Key, Place, key_of};
use super::fragments::{Found, Fragments, Later};
use super::layers::{self, Options};
use super::packet::{Packet, Skip, Transport};
use super::piece::{Piece, Span};
use super::spread::Spread;
use crate::fault::{FaultKind, FaultTally};

/// What became of packets. Read = counted + not IP + skipped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PacketCounts {
    /// Packets read.
    pub read: u64,
    /// Of these: part of a connection, or an ICMP error about one.
    pub counted: u64,
    /// Of these: sound, but no IP packet.
    pub not_ip: u64,
    /// Of these: not decoded, each a fault.
    pub skipped: u64,
}

impl PacketCounts {
    /// Adds others.
    pub fn add(&mut self, other: &Self) {
        self.read += other.read;
        self.counted += other.counted;
        self.not_ip += other.not_ip;
        self.skipped += other.skipped;
    }

    /// Counts a fragment for skipped that was counted before it was known that its first fragment is
    /// not there.
    pub fn lose(&mut self, id: u32, at: Place, faults: &mut FaultTally) {
        self.counted -= 1;
        self.skipped += 1;
        let detail =
            format!("expected its first fragment (identification {id}) before it, found none");
        faults.add(at.file, at.offset, FaultKind::LostFragment, detail);
    }
}

/// The sums of one piece, in the order of their first packets.
#[derive(Debug, Default)]
pub struct Tracked {
    /// The sums; several of one key where a conversation ended and another began.
    pub spread: Spread,
    /// Fragments whose first fragment is not in this piece.
    pub later: Vec<Later>,
    /// First fragments of this piece.
    pub fragments: Fragments,
    /// Packets.
    pub counts: PacketCounts,
    /// Packets that were not decoded.
    pub faults: FaultTally,
    /// Time of the first and the last packet that has one.
    pub span: Option<(i64, i64)>,
}

const NO_TIME: &str =
    "expected the time of the packet, found a block without one (a simple packet)";

impl Tracked {
    fn skip(&mut self, file: u32, offset: u64, kind: FaultKind, detail: String) {
        self.counts.skipped += 1;
        self.faults.add(file, offset, kind, detail);
    }
}

/// Tracks pieces, one after another; keeps its memory.
#[derive(Debug, Default)]
pub struct Tracker {
    /// By key: the last of its sums.
    index: HashTable<u32>,
    /// How many sums came before the last fragment whose conversation is not known here. It may
    /// belong to any, between the packets before and after it: no sum holds both.
    closed: u32,
    /// The sums of the piece so far.
    sums: Vec<Connection>,
    options: Options,
    shares: usize,
}

impl Tracker {
    /// A tracker whose sums are told apart by so many shares (see [`Spread::new`]).
    pub fn new(options: Options, shares: usize) -> Self {
        Self {
            options,
            shares,
            ..Self::default()
        }
    }

    /// Adds up the packets of a piece of the plan's file `file`.
    pub fn track(&mut self, piece: &Piece, file: u32) -> Tracked {
        self.index.clear();
        self.closed = 0;
        let mut tracked = Tracked::default();
        for span in &piece.packets {
            let at = Place {
                time: span.time,
                file,
                offset: piece.offset(span),
            };
            tracked.counts.read += 1;
            if span.time == Span::NO_TIME {
                // In 1970 it would stretch the audited time over decades.
                tracked.skip(file, at.offset, FaultKind::BadTime, NO_TIME.to_owned());
                continue;
            }
            let (first, _) = tracked.span.unwrap_or((span.time, span.time));
            tracked.span = Some((first, span.time));
            match layers::decode(span.link, piece.data(span), span.original, &self.options) {
                Ok(packet) => self.add(packet, at, &mut tracked),
                Err(Skip::NotIp) => tracked.counts.not_ip += 1,
                Err(Skip::Fault(kind, detail)) => tracked.skip(file, at.offset, kind, detail),
            }
        }
        tracked.spread = Spread::new(std::mem::take(&mut self.sums), self.shares);
        tracked
    }

    fn add(&mut self, packet: Packet, at: Place, tracked: &mut Tracked) {
        tracked.counts.counted += 1;
        let packet = match packet.fragment {
            None => packet,
            Some(fragment) if fragment.first => {
                tracked.fragments.add(&packet, fragment.id, at.time);
                packet
            }
            Some(fragment) => {
                let id = fragment.id;
                match tracked.fragments.find(&packet, id, at.time) {
                    Found::Whole(whole) => whole,
                    Found::TooLate => {
                        return tracked.counts.lose(id, at, &mut tracked.faults);
                    }
                    Found::Unknown => {
                        let before = self.sums.len() as u32;
                        self.closed = before;
                        let later = Later {
                            packet,
                            id,
                            at,
                            before,
                        };
                        return tracked.later.push(later);
                    }
                }
            }
        };
        if let Transport::Icmp {
            kind,
            code,
            quoted: Some(quoted),
        } = packet.transport
        {
            let errors = Errors::of(packet.protocol, kind, code);
            let sum = Connection::of_error(&quoted, errors, at);
            match self.last_of(&sum.key) {
                Some(last) if last.continues(&sum) => last.append(&sum),
                _ => self.push(sum),
            }
        } else {
            let (key, side) = key_of(&packet);
            let last = self.last_of(&key);
            if !last.is_some_and(|last| last.add(side, &packet, at)) {
                self.push(Connection::begin(key, side, &packet, at));
            }
        }
    }

    /// The last sum of a key that may be added to.
    #[inline]
    fn last_of(&mut self, key: &Key) -> Option<&mut Connection> {
        let sums = &mut self.sums;
        let number = self
            .index
            .find(key.hash(), |&number| sums[number as usize].key == *key)?;
        (*number >= self.closed).then(|| &mut sums[*number as usize])
    }

    /// A new sum, the last of its key.
    fn push(&mut self, sum: Connection) {
        let sums = &mut self.sums;
        let next = sums.len() as u32;
        let hash = sum.key.hash();
        let entry = self.index.entry(
            hash,
            |&number| sums[number as usize].key == sum.key,
            |&number| sums[number as usize].key.hash(),
        );
        match entry {
            Entry::Occupied(mut entry) => *entry.get_mut() = next,
            Entry::Vacant(entry) => {
                entry.insert(next);
            }
        }
        sums.push(sum);
    }
}
