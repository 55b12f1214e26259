//! Conversations: who talks with whom, what becomes of it, and one packet after the other.

use std::net::IpAddr;

use super::frame::{ACK, Content, FIN, PSH, Packet, RST, SYN, Wrapping, frame_length};
use super::logs::traffic::Rng;
use super::payload;

/// What becomes of a conversation. A side is 0 for the one that began it and 1 for the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// So many SYNs, no answer.
    Dropped(u32),
    /// So many SYNs, each answered by a firewall's ICMP error.
    Prohibited(u32),
    Refused,
    /// Closed, first by this side.
    Closed(usize),
    /// Reset by this side.
    Reset(usize),
    Open,
    /// Closed by this side only.
    HalfClosed(usize),
    /// Begun before the capture, and going on after it.
    Midstream,
    /// A lone SYN of a scan: unanswered, or refused.
    Scan(bool),
    /// A DNS query and its answer.
    Answered,
    /// So many DNS queries, no answer.
    Lost(u32),
    /// So many echo requests with their replies.
    Ping(u32),
}

impl Outcome {
    /// Our word for it, and Zeek's state.
    pub(crate) fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::Dropped(_) => ("dropped", "S0"),
            Self::Prohibited(_) => ("prohibited", "S0"),
            Self::Refused => ("refused", "REJ"),
            Self::Closed(_) => ("closed", "SF"),
            Self::Reset(0) => ("reset-by-client", "RSTO"),
            Self::Reset(_) => ("reset-by-server", "RSTR"),
            Self::Open => ("open", "S1"),
            Self::HalfClosed(0) => ("half-closed-by-client", "S2"),
            Self::HalfClosed(_) => ("half-closed-by-server", "S3"),
            Self::Midstream => ("midstream", "OTH"),
            Self::Scan(false) => ("scan", "S0"),
            Self::Scan(true) => ("scan-refused", "REJ"),
            Self::Answered => ("answered", "SF"),
            Self::Lost(_) => ("lost", "S0"),
            Self::Ping(_) => ("ping", "OTH"),
        }
    }

    pub(crate) fn protocol(self) -> &'static str {
        match self {
            Self::Answered | Self::Lost(_) => "udp",
            Self::Ping(_) => "icmp",
            _ => "tcp",
        }
    }

    /// Whether the sides exchange data.
    pub(crate) fn talks(self) -> bool {
        matches!(
            self,
            Self::Closed(_) | Self::Reset(_) | Self::Open | Self::HalfClosed(_) | Self::Midstream
        )
    }
}

/// Packets and bytes that were sent, by side, and when.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Tally {
    pub(crate) packets: [u64; 2],
    pub(crate) bytes: [u64; 2],
    pub(crate) first: u64,
    pub(crate) last: u64,
}

impl Tally {
    fn count(&mut self, side: usize, bytes: usize, time: u64) {
        if self.packets == [0; 2] {
            self.first = time;
        }
        self.packets[side] += 1;
        self.bytes[side] += bytes as u64;
        self.last = time;
    }
}

/// What is drawn of a conversation before it begins.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan {
    /// Nanoseconds since the epoch.
    pub(crate) start: u64,
    pub(crate) addresses: [IpAddr; 2],
    pub(crate) ports: [u16; 2],
    pub(crate) outcome: Outcome,
    /// Packets between the handshake and the end.
    pub(crate) data: u32,
    /// Payload that such a packet has in the mean.
    pub(crate) payload: u32,
    /// Nanoseconds there and back.
    pub(crate) round_trip: u64,
    /// Nanoseconds that a side thinks in the mean, where it thinks.
    pub(crate) pause: u64,
    pub(crate) wrapping: Wrapping,
    /// Who would prohibit it.
    pub(crate) firewall: IpAddr,
    pub(crate) seed: u64,
}

/// A conversation under way.
#[derive(Debug, Clone)]
pub(crate) struct Conversation {
    pub(crate) plan: Plan,
    rng: Rng,
    at: u32,
    talker: usize,
    owed: bool,
    sequences: [u32; 2],
    ids: [u16; 2],
    pub(crate) tally: Tally,
    /// ICMP errors about it.
    pub(crate) errors: Tally,
}

/// One packet of it, before it has its numbers.
#[derive(Debug, Clone, Copy)]
enum Step {
    Tcp {
        side: usize,
        flags: u8,
        payload: usize,
    },
    Error,
    Dns {
        side: usize,
    },
    Echo {
        side: usize,
    },
}

const HANDSHAKE: u32 = 3;
/// Most bytes of payload: fits an Ethernet frame also with an IPv6 header.
const FULL: u32 = 1_440;
const SECOND: u64 = 1_000_000_000;

impl Conversation {
    pub(crate) fn new(plan: Plan) -> Self {
        let mut rng = Rng::new(plan.seed);
        let drawn = rng.next();
        let numbers = rng.next();
        // Who refuses has no sequence of its own.
        let other = match plan.outcome {
            Outcome::Refused | Outcome::Scan(_) => 0,
            _ => (drawn >> 32) as u32,
        };
        Self {
            plan,
            rng,
            at: 0,
            talker: 0,
            owed: false,
            sequences: [drawn as u32, other],
            ids: [numbers as u16, (numbers >> 16) as u16],
            tally: Tally::default(),
            errors: Tally::default(),
        }
    }

    /// How many packets it has in all.
    fn packets(&self) -> u32 {
        let data = self.plan.data;
        match self.plan.outcome {
            Outcome::Dropped(tries) | Outcome::Lost(tries) => tries,
            Outcome::Prohibited(tries) | Outcome::Ping(tries) => 2 * tries,
            Outcome::Refused | Outcome::Answered => 2,
            Outcome::Closed(_) => HANDSHAKE + data + if self.closes_shortly() { 3 } else { 4 },
            Outcome::Reset(_) => HANDSHAKE + data + 1,
            Outcome::Open => HANDSHAKE + data,
            Outcome::HalfClosed(_) => HANDSHAKE + data + 2,
            Outcome::Midstream => data,
            Outcome::Scan(refused) => 1 + u32::from(refused),
        }
    }

    /// Whether the other side's FIN acknowledges the first one.
    fn closes_shortly(&self) -> bool {
        self.plan.ports[0].is_multiple_of(2)
    }

    pub(crate) fn is_over(&self) -> bool {
        self.at >= self.packets()
    }

    /// Packets, and bytes of their frames, without making them.
    pub(crate) fn cost(&self) -> (u64, u64) {
        let mut copy = self.clone();
        let mut bytes = 0;
        while !copy.is_over() {
            let step = copy.step();
            bytes += frame_length(copy.length(step), copy.plan.wrapping) as u64;
            copy.at += 1;
            copy.delay();
        }
        (u64::from(copy.packets()), bytes)
    }

    /// Bytes of a step's IP packet.
    fn length(&self, step: Step) -> usize {
        let ip = if self.plan.addresses[0].is_ipv4() {
            20
        } else {
            40
        };
        let syn = ip + 32;
        match step {
            Step::Tcp { flags, .. } if flags & SYN != 0 => syn,
            Step::Tcp { payload, .. } => ip + 20 + payload,
            Step::Error => ip + 8 + self.quote(syn),
            Step::Dns { side } => ip + 8 + payload::dns(self.ids[0], side == 1).len(),
            Step::Echo { .. } => ip + 8 + 24,
        }
    }

    /// How much of a packet an error quotes: some firewalls only what they must.
    fn quote(&self, packet: usize) -> usize {
        if self.plan.addresses[0].is_ipv4() && self.plan.ports[0].is_multiple_of(3) {
            28
        } else {
            packet
        }
    }

    /// Appends the next packet's frame; how long until the one after it. `time` is the packet's.
    pub(crate) fn send(&mut self, time: u64, frame: &mut Vec<u8>) -> u64 {
        let step = self.step();
        match step {
            Step::Tcp {
                side,
                flags,
                payload,
            } => {
                let mut bytes = [0; FULL as usize];
                payload::data(self.plan.ports[1], self.at, &mut bytes[..payload]);
                let sequence = self.sequences[side];
                let retry = self.at > 0 && flags == SYN;
                let packet = Packet {
                    addresses: turned(self.plan.addresses, side),
                    ports: turned(self.plan.ports, side),
                    id: self.id(side),
                    content: Content::Tcp {
                        flags,
                        sequence: if retry {
                            sequence.wrapping_sub(1)
                        } else {
                            sequence
                        },
                        acknowledged: if flags & ACK != 0 {
                            self.sequences[1 - side]
                        } else {
                            0
                        },
                        payload: &bytes[..payload],
                    },
                };
                let length = packet.frame(self.plan.wrapping, frame);
                self.tally.count(side, length, time);
                let consumed = payload as u32 + u32::from(flags & (SYN | FIN) != 0 && !retry);
                self.sequences[side] = sequence.wrapping_add(consumed);
            }
            Step::Error => {
                let mut quoted = Vec::with_capacity(80);
                Packet {
                    addresses: self.plan.addresses,
                    ports: self.plan.ports,
                    id: self.ids[0].wrapping_sub(1),
                    content: Content::Tcp {
                        flags: SYN,
                        sequence: self.sequences[0].wrapping_sub(1),
                        acknowledged: 0,
                        payload: &[],
                    },
                }
                .ip(&mut quoted);
                quoted.truncate(self.quote(quoted.len()));
                let packet = Packet {
                    addresses: [self.plan.firewall, self.plan.addresses[0]],
                    ports: [0; 2],
                    id: self.id(1),
                    content: Content::Prohibited { quoted: &quoted },
                };
                let length = packet.frame(self.plan.wrapping, frame);
                self.errors.count(0, length, time);
            }
            Step::Dns { side } => {
                let packet = Packet {
                    addresses: turned(self.plan.addresses, side),
                    ports: turned(self.plan.ports, side),
                    id: self.plan.ports[0].wrapping_add(self.at as u16),
                    content: Content::Udp {
                        payload: &payload::dns(self.ids[0], side == 1),
                    },
                };
                let length = packet.frame(self.plan.wrapping, frame);
                self.tally.count(side, length, time);
            }
            Step::Echo { side } => {
                let id = self.ids[0];
                let packet = Packet {
                    addresses: turned(self.plan.addresses, side),
                    ports: [0; 2],
                    id: id.wrapping_add(self.at as u16),
                    content: Content::Echo {
                        reply: side == 1,
                        id,
                        sequence: 1 + (self.at / 2) as u16,
                    },
                };
                let length = packet.frame(self.plan.wrapping, frame);
                self.tally.count(side, length, time);
            }
        }
        self.at += 1;
        self.delay()
    }

    fn id(&mut self, side: usize) -> u16 {
        let id = self.ids[side];
        self.ids[side] = id.wrapping_add(1);
        id
    }

    /// What the next packet is.
    fn step(&mut self) -> Step {
        let tcp = |side, flags| Step::Tcp {
            side,
            flags,
            payload: 0,
        };
        let outcome = self.plan.outcome;
        let at = self.at;
        match outcome {
            Outcome::Dropped(_) => return tcp(0, SYN),
            Outcome::Prohibited(_) if at.is_multiple_of(2) => return tcp(0, SYN),
            Outcome::Prohibited(_) => return Step::Error,
            Outcome::Refused | Outcome::Scan(_) if at == 0 => return tcp(0, SYN),
            Outcome::Refused | Outcome::Scan(_) => return tcp(1, RST | ACK),
            Outcome::Answered => return Step::Dns { side: at as usize },
            Outcome::Lost(_) => return Step::Dns { side: 0 },
            Outcome::Ping(_) => {
                return Step::Echo {
                    side: at as usize % 2,
                };
            }
            Outcome::Midstream => return self.talk(),
            _ => {}
        }
        match at {
            0 => return tcp(0, SYN),
            1 => return tcp(1, SYN | ACK),
            2 => return tcp(0, ACK),
            _ if at < HANDSHAKE + self.plan.data => return self.talk(),
            _ => {}
        }
        let mut place = at - HANDSHAKE - self.plan.data;
        if place > 0 && matches!(outcome, Outcome::Closed(_)) && self.closes_shortly() {
            place += 1;
        }
        match (outcome, place) {
            (Outcome::Reset(side), _) => tcp(side, RST | ACK),
            (Outcome::Closed(side) | Outcome::HalfClosed(side), 0) => tcp(side, FIN | ACK),
            (Outcome::Closed(side) | Outcome::HalfClosed(side), 1) => tcp(1 - side, ACK),
            (Outcome::Closed(side), 2) => tcp(1 - side, FIN | ACK),
            (Outcome::Closed(side), _) => tcp(side, ACK),
            _ => tcp(0, ACK),
        }
    }

    /// A packet of data, or an acknowledgment of one.
    fn talk(&mut self) -> Step {
        if self.owed && self.rng.below(2) == 0 {
            self.owed = false;
            return Step::Tcp {
                side: 1 - self.talker,
                flags: ACK,
                payload: 0,
            };
        }
        if self.owed && self.rng.below(3) == 0 {
            self.talker = 1 - self.talker;
        }
        self.owed = true;
        // A third are acknowledgments, which have none.
        let mean = self.plan.payload.min(900) * 3 / 2;
        let payload = if mean < 80 {
            payload::SHORTEST
                + self
                    .rng
                    .below(2 * (mean as usize).saturating_sub(payload::SHORTEST) + 1)
        } else if self.rng.below((FULL - 60) as usize) < mean as usize - 60 {
            FULL as usize
        } else {
            20 + self.rng.below(80)
        };
        Step::Tcp {
            side: self.talker,
            flags: PSH | ACK,
            payload,
        }
    }

    /// Nanoseconds from the packet before to the next.
    fn delay(&mut self) -> u64 {
        let at = self.at;
        let trip = self.plan.round_trip;
        let drawn = self.rng.next() >> 32;
        let below = |end: u64| (drawn * end) >> 32;
        // A stack waits one second for the answer to a SYN, then two, then four.
        let retry = |tries: u32| (SECOND << tries.min(6)) + below(SECOND / 50);
        match self.plan.outcome {
            Outcome::Dropped(_) => retry(at - 1),
            Outcome::Lost(_) => 5 * SECOND + below(SECOND / 50),
            Outcome::Prohibited(_) if at.is_multiple_of(2) => retry(at / 2 - 1),
            Outcome::Ping(_) if at.is_multiple_of(2) => SECOND + below(SECOND / 100),
            Outcome::Prohibited(_)
            | Outcome::Ping(_)
            | Outcome::Refused
            | Outcome::Scan(_)
            | Outcome::Answered => trip + below(trip / 4),
            Outcome::Midstream => self.between(drawn),
            _ => match at {
                1 => trip + below(trip / 4),
                2 => 20_000 + below(80_000),
                3 => 100_000 + below(1_000_000),
                _ => self.between(drawn),
            },
        }
    }

    /// Between two packets of a talk: a sixth of them think.
    fn between(&self, drawn: u64) -> u64 {
        let trip = self.plan.round_trip;
        if drawn.is_multiple_of(6) {
            ((u128::from(drawn) * u128::from(self.plan.pause)) >> 31) as u64
        } else {
            trip / 2 + ((drawn * trip) >> 32)
        }
    }
}

fn turned<T: Copy>([one, other]: [T; 2], side: usize) -> [T; 2] {
    if side == 0 {
        [one, other]
    } else {
        [other, one]
    }
}
