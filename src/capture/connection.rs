//! Connections: what the packets of one conversation add up to, and how two such sums join.
//!
//! A [`Connection`] is a sum of packets in the order of the capture. Whether a packet (or the sum of
//! later packets) still belongs to it is asked of the two sums alone ([`Connection::continues`]): so
//! a capture that is cut anywhere and summed in parts joins to what it is in one piece.

use std::cmp::Ordering;
use std::time::Duration;

use super::packet::{Packet, Quoted, Transport, Tunnel};
use crate::flowlog::tuple::fold;

/// Silence after which a TCP conversation is a new one; as Zeek's `tcp_inactivity_timeout`.
pub const TCP_SILENCE: Duration = Duration::from_mins(5);
/// The same for all other protocols; as Zeek's `udp_` and `icmp_inactivity_timeout`.
pub const OTHER_SILENCE: Duration = Duration::from_mins(1);

/// One of the two ends: [`Key`] says which is the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Side {
    /// The end that comes first by address and port.
    First = 0,
    /// The other.
    Second = 1,
}

impl Side {
    /// The other one.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Self::First => Self::Second,
            Self::Second => Self::First,
        }
    }
}

/// The five-tuple of a conversation, the same for both directions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    /// Addresses ([`super::packet::number`]) of the first and the second end.
    pub addresses: [u128; 2],
    /// Their ports.
    pub ports: [u16; 2],
    /// Protocol number.
    pub protocol: u8,
}

impl Key {
    /// The key of a packet from `source` to `destination`, and which end sent it.
    #[inline]
    pub fn new(source: (u128, u16), destination: (u128, u16), protocol: u8) -> (Self, Side) {
        let (first, second, side) = if source <= destination {
            (source, destination, Side::First)
        } else {
            (destination, source, Side::Second)
        };
        let key = Self {
            addresses: [first.0, second.0],
            ports: [first.1, second.1],
            protocol,
        };
        (key, side)
    }

    /// A 64-bit mix of it.
    #[inline]
    pub fn hash(&self) -> u64 {
        let [first, second] = self.addresses;
        let ports = u64::from(self.ports[0]) << 24 | u64::from(self.ports[1]) << 40;
        let mixed = fold(
            first as u64 ^ 0x9e37_79b9_7f4a_7c15,
            second as u64 ^ ports ^ u64::from(self.protocol),
        );
        fold(
            mixed ^ (first >> 64) as u64,
            (second >> 64) as u64 ^ 0x8ebc_6af0_9c88_c6e3,
        )
    }
}

/// What a side did, as Zeek's `history` has letters for it; each is noted once a side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Event {
    /// `S`: a SYN without ACK.
    Syn = 0,
    /// `H`: a SYN with ACK.
    SynAck = 1,
    /// `A`: an ACK and nothing else.
    Ack = 2,
    /// `D`: payload.
    Data = 3,
    /// `F`: a FIN.
    Fin = 4,
    /// `R`: a RST.
    Reset = 5,
    /// `Q`: SYN together with FIN or RST.
    Mixed = 6,
    /// `I`: FIN together with RST.
    Contrary = 7,
}

/// The letters of [`Event`], as the initiator's.
const LETTERS: [char; 8] = ['S', 'H', 'A', 'D', 'F', 'R', 'Q', 'I'];

/// What both sides did, in the order of its first time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct History {
    /// Four bits an event, the first lowest: the side in bit 3, the event below.
    order: u64,
    /// A bit for each that is there.
    seen: u16,
}

impl History {
    #[inline]
    fn add(&mut self, number: u8) {
        let bit = 1u16 << number;
        if self.seen & bit == 0 {
            self.order |= u64::from(number) << (4 * self.seen.count_ones());
            self.seen |= bit;
        }
    }

    fn append(&mut self, later: Self) {
        for place in 0..later.seen.count_ones() {
            self.add((later.order >> (4 * place) & 15) as u8);
        }
    }

    /// Whether a side did something.
    #[inline]
    pub fn has(self, side: Side, event: Event) -> bool {
        self.seen >> (side as u8 * 8 + event as u8) & 1 != 0
    }

    /// Whether a side did one thing, and another not before it.
    pub fn is_before(self, side: Side, first: Event, then: Event) -> bool {
        let numbers = [first, then].map(|event| side as u8 * 8 + event as u8);
        let mut order =
            (0..self.seen.count_ones()).map(|place| (self.order >> (4 * place) & 15) as u8);
        order.find(|number| numbers.contains(number)) == Some(numbers[0])
    }

    /// Whether a side did anything at all of what is noted.
    pub fn is_active(self, side: Side) -> bool {
        self.seen >> (side as u8 * 8) & 0xff != 0
    }

    /// Zeek's text: upper case for the initiator, lower for the responder.
    pub fn text(self, initiator: Side) -> String {
        (0..self.seen.count_ones())
            .map(|place| {
                let number = (self.order >> (4 * place) & 15) as u8;
                let letter = LETTERS[(number & 7) as usize];
                if number >> 3 == initiator as u8 {
                    letter
                } else {
                    letter.to_ascii_lowercase()
                }
            })
            .collect()
    }
}

/// What ICMP errors said of a conversation: bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Errors(u8);

impl Errors {
    /// Nobody listens on the port.
    pub const PORT_UNREACHABLE: Self = Self(1);
    /// A router or firewall forbids it.
    pub const PROHIBITED: Self = Self(2);
    /// There is no way to the host or network.
    pub const UNREACHABLE: Self = Self(4);
    /// A packet was too large for a link.
    pub const FRAGMENTATION_NEEDED: Self = Self(8);
    /// Hops or time ran out.
    pub const TIME_EXCEEDED: Self = Self(16);

    /// What an ICMP error of this type and code says: RFC 792 and 1812 for IPv4, RFC 4443 for IPv6.
    pub fn of(protocol: u8, kind: u8, code: u8) -> Self {
        match (protocol, kind, code) {
            (1, 3, 3) | (58, 1, 4) => Self::PORT_UNREACHABLE,
            (1, 3, 9 | 10 | 13) | (58, 1, 1 | 5 | 6) => Self::PROHIBITED,
            (1, 3, 4) | (58, 2, _) => Self::FRAGMENTATION_NEEDED,
            (1, 3, _) | (58, 1, _) => Self::UNREACHABLE,
            (1, 11, _) | (58, 3, _) => Self::TIME_EXCEEDED,
            _ => Self(0),
        }
    }

    /// Whether one of `which` was said.
    pub fn has(self, which: Self) -> bool {
        self.0 & which.0 != 0
    }
}

/// What is added up of one side.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sent {
    /// Packets.
    pub packets: u64,
    /// Bytes of IP packets, headers included.
    pub bytes: u64,
    /// Bytes of payload.
    pub payload: u64,
}

/// The sum of some packets of a conversation, in the order of the capture. 144 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Connection {
    /// Five-tuple.
    pub key: Key,
    /// Time of the first packet, nanoseconds since the epoch.
    pub first: i64,
    /// Time of the last packet.
    pub last: i64,
    /// Byte offset of the first packet's record in its file.
    pub offset: u64,
    /// What each end sent.
    pub sent: [Sent; 2],
    /// What they did; TCP only.
    pub history: History,
    /// Number of the first packet's file in the plan.
    pub file: u32,
    /// Sequence number of the SYN that began it; 0 where none did.
    sequence: u32,
    /// Pure SYNs: more than one where it was tried again.
    pub syns: u16,
    /// What ICMP errors said.
    pub errors: Errors,
    /// Innermost tunnel of the first packet.
    pub tunnel: Tunnel,
    /// Who sent the first packet.
    pub first_side: Side,
    /// Who sent the SYN that began it, if one did.
    pub syn_side: Option<Side>,
}

/// Where and when a packet was captured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Nanoseconds since the epoch.
    pub time: i64,
    /// Number of the file in the plan.
    pub file: u32,
    /// Byte offset of the packet's record.
    pub offset: u64,
}

const SYN: u8 = 2;
const ACK: u8 = 16;

impl Connection {
    /// The sum of one packet.
    pub fn of(packet: &Packet, at: Place) -> Self {
        let (key, side) = key_of(packet);
        Self::begin(key, side, packet, at)
    }

    /// The same, with the packet's key and side at hand.
    pub(super) fn begin(key: Key, side: Side, packet: &Packet, at: Place) -> Self {
        let mut this = Self::empty(key, side, at);
        this.tunnel = packet.tunnel;
        if let Some(sequence) = begins_with(packet) {
            (this.syn_side, this.sequence) = (Some(side), sequence);
        }
        this.note(side, packet, at.time);
        this
    }

    /// Adds the next packet with this key, if it is part of this conversation: the same as asking
    /// [`continues`](Self::continues) and then [`append`](Self::append) of its sum, without making one.
    #[inline]
    pub(super) fn add(&mut self, side: Side, packet: &Packet, at: Place) -> bool {
        let near = at.time.saturating_sub(self.last) <= self.silence();
        let same_begin = begins_with(packet)
            .is_none_or(|sequence| self.syn_side == Some(side) && self.sequence == sequence);
        if !(near && same_begin) {
            return false;
        }
        if self.packets() == 0 {
            self.begin_at(side, packet.tunnel, at);
        }
        self.note(side, packet, at.time);
        true
    }

    #[inline]
    fn note(&mut self, side: Side, packet: &Packet, time: i64) {
        self.last = time;
        let sent = &mut self.sent[side as usize];
        sent.packets += 1;
        sent.bytes += u64::from(packet.ip_length);
        sent.payload += u64::from(packet.payload);
        if let Transport::Tcp { flags, .. } = packet.transport {
            self.note_flags(side, flags, packet.payload > 0);
            if flags & (SYN | ACK) == SYN {
                self.syns = self.syns.saturating_add(1);
            }
        }
    }

    /// What an ICMP error says of the conversation that it quotes: a sum without packets.
    pub fn of_error(quoted: &Quoted, errors: Errors, at: Place) -> Self {
        let source = (quoted.source, quoted.source_port);
        let destination = (quoted.destination, quoted.destination_port);
        let (key, side) = Key::new(source, destination, quoted.protocol);
        Self {
            errors,
            ..Self::empty(key, side, at)
        }
    }

    fn empty(key: Key, side: Side, at: Place) -> Self {
        Self {
            key,
            first: at.time,
            last: at.time,
            offset: at.offset,
            sent: [Sent::default(); 2],
            history: History::default(),
            file: at.file,
            sequence: 0,
            syns: 0,
            errors: Errors::default(),
            tunnel: Tunnel::None,
            first_side: side,
            syn_side: None,
        }
    }

    #[inline]
    fn note_flags(&mut self, side: Side, flags: u8, data: bool) {
        let base = side as u8 * 8;
        let (fin, syn, reset, ack) = (flags & 1, flags & SYN, flags & 4, flags & ACK);
        if syn != 0 && (fin | reset) != 0 {
            self.history.add(base + Event::Mixed as u8);
        } else if fin != 0 && reset != 0 {
            self.history.add(base + Event::Contrary as u8);
        } else if syn != 0 {
            let event = if ack == 0 { Event::Syn } else { Event::SynAck };
            self.history.add(base + event as u8);
        } else if ack != 0 && (fin | reset) == 0 && !data {
            self.history.add(base + Event::Ack as u8);
        }
        if data {
            self.history.add(base + Event::Data as u8);
        }
        if syn == 0 && fin != 0 && reset == 0 {
            self.history.add(base + Event::Fin as u8);
        }
        if syn == 0 && reset != 0 && fin == 0 {
            self.history.add(base + Event::Reset as u8);
        }
    }

    /// Whether `later`, the sum of the next packets with this key, is part of this conversation: it
    /// follows within the protocol's silence, and if it begins with a SYN, then with the same one.
    ///
    /// Only the sums are asked, and of silence only neighbours: so it does not matter where a capture
    /// was cut. A SYN without ACK begins a sum always, or repeats the one that did.
    #[inline]
    pub fn continues(&self, later: &Self) -> bool {
        let near = later.first.saturating_sub(self.last) <= self.silence();
        let same_begin = later.syn_side.is_none()
            || (later.syn_side == self.syn_side && later.sequence == self.sequence);
        near && same_begin
    }

    /// Adds the sum of later packets.
    #[inline]
    pub fn append(&mut self, later: &Self) {
        if self.packets() == 0 {
            let (file, offset) = (later.file, later.offset);
            let time = later.first;
            self.begin_at(later.first_side, later.tunnel, Place { time, file, offset });
        }
        self.last = later.last;
        for (ours, theirs) in self.sent.iter_mut().zip(&later.sent) {
            ours.packets += theirs.packets;
            ours.bytes += theirs.bytes;
            ours.payload += theirs.payload;
        }
        self.history.append(later.history);
        self.syns = self.syns.saturating_add(later.syns);
        self.errors.0 |= later.errors.0;
    }

    /// Of a sum of nothing but ICMP errors: where it begins is where its first packet is.
    #[cold]
    fn begin_at(&mut self, side: Side, tunnel: Tunnel, at: Place) {
        self.first_side = side;
        self.tunnel = tunnel;
        (self.file, self.offset) = (at.file, at.offset);
    }

    /// Nanoseconds of silence after which its conversation is over.
    #[inline]
    pub fn silence(&self) -> i64 {
        let silence = if self.key.protocol == 6 {
            TCP_SILENCE
        } else {
            OTHER_SILENCE
        };
        silence.as_nanos() as i64
    }

    /// Packets of both sides.
    pub fn packets(&self) -> u64 {
        self.sent[0].packets + self.sent[1].packets
    }
}

/// The key of a packet, and which end sent it.
#[inline]
pub(super) fn key_of(packet: &Packet) -> (Key, Side) {
    Key::new(
        (packet.source, packet.source_port),
        (packet.destination, packet.destination_port),
        packet.protocol,
    )
}

/// The sequence number of a SYN without ACK, which begins a conversation.
#[inline]
fn begins_with(packet: &Packet) -> Option<u32> {
    match packet.transport {
        Transport::Tcp { flags, sequence } if flags & (SYN | ACK) == SYN => Some(sequence),
        _ => None,
    }
}

/// Oldest first; for eviction and for output, so it tells all connections apart.
pub fn by_age(a: &Connection, b: &Connection) -> Ordering {
    (a.last, a.key).cmp(&(b.last, b.key))
}
