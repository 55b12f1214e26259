//! First fragments, whose ports the later ones of their datagram lack. Bounded: never reassembled.

use std::collections::VecDeque;
use std::time::Duration;

use hashbrown::HashMap;

use super::connection::Place;
use super::packet::Packet;

/// How long later fragments may follow their first. Shorter than any silence between conversations.
const PATIENCE: Duration = Duration::from_secs(30);
/// Most first fragments that are remembered: the last ones.
const MOST: usize = 4_096;

/// Which datagram: source, destination, protocol, identification.
type Datagram = (u128, u128, u8, u32);

/// A fragment that waits for the first of its datagram.
#[derive(Debug, Clone, Copy)]
pub struct Later {
    /// The fragment.
    pub packet: Packet,
    /// Identification of its datagram.
    pub id: u32,
    /// Where it is.
    pub at: Place,
    /// How many sums of its piece come before it.
    pub before: u32,
}

/// What is known of a later fragment's datagram.
#[derive(Debug, Clone, Copy)]
pub enum Found {
    /// Its first fragment came not long before: the later one with the ports of that.
    Whole(Packet),
    /// Its first fragment came too long before.
    TooLate,
    /// No first fragment.
    Unknown,
}

/// Ports and time of a first fragment.
#[derive(Debug, Clone, Copy)]
struct First {
    source_port: u16,
    destination_port: u16,
    time: i64,
}

/// First fragments, the last [`MOST`] of them.
#[derive(Debug, Default)]
pub struct Fragments {
    firsts: HashMap<Datagram, First, foldhash::fast::FixedState>,
    /// In the order in which they came, once each.
    order: VecDeque<Datagram>,
}

fn datagram(packet: &Packet, id: u32) -> Datagram {
    (packet.source, packet.destination, packet.protocol, id)
}

impl Fragments {
    /// Remembers a first fragment.
    pub fn add(&mut self, packet: &Packet, id: u32, time: i64) {
        let first = First {
            source_port: packet.source_port,
            destination_port: packet.destination_port,
            time,
        };
        self.insert(datagram(packet, id), first);
    }

    fn insert(&mut self, datagram: Datagram, first: First) {
        if self.firsts.insert(datagram, first).is_some() {
            return;
        }
        self.order.push_back(datagram);
        if self.order.len() > MOST
            && let Some(oldest) = self.order.pop_front()
        {
            self.firsts.remove(&oldest);
        }
    }

    /// Looks for the first fragment of a later one's datagram.
    pub fn find(&self, packet: &Packet, id: u32, time: i64) -> Found {
        let Some(first) = self.firsts.get(&datagram(packet, id)) else {
            return Found::Unknown;
        };
        if time.saturating_sub(first.time) > PATIENCE.as_nanos() as i64 {
            return Found::TooLate;
        }
        Found::Whole(Packet {
            source_port: first.source_port,
            destination_port: first.destination_port,
            ..*packet
        })
    }

    /// Adds those of the next piece.
    pub fn append(&mut self, later: Self) {
        for datagram in later.order {
            if let Some(&first) = later.firsts.get(&datagram) {
                self.insert(datagram, first);
            }
        }
    }
}
