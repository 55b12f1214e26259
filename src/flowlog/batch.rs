//! A record batch: the flow tuples of one log record, with what the record says of itself.
//!
//! Every decoder fills one reused [`RecordBatch`] a record and hands it on; nothing else leaves a
//! decoder. Tuples of IPv4 flows are 48 bytes and carry all they need; flows that do not fit (IPv6,
//! counters above 32 bits, aggregated rows) keep what is too large in [`RecordBatch::wide`].

use std::net::IpAddr;
use std::ops::Range;

use super::tuple::fold;
use crate::net::{Decision, Direction, Mac, Outcome, Timestamp, prefix};

/// What a record was written by.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, schemars::JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
#[repr(u8)]
pub enum LogKind {
    /// NSG flow log, version 1: every tuple is a flow, without counters.
    NsgV1 = 0,
    /// NSG flow log, version 2.
    NsgV2 = 1,
    /// VNet flow log, version 4.
    VnetV4 = 2,
    /// A Traffic Analytics row: many flows in one, the source port lost.
    TrafficAnalytics = 3,
    /// No log: a connection put together from captured packets.
    Capture = 4,
}

impl LogKind {
    /// All, in order.
    pub const ALL: [Self; 5] = [
        Self::NsgV1,
        Self::NsgV2,
        Self::VnetV4,
        Self::TrafficAnalytics,
        Self::Capture,
    ];

    /// The log's kind of a number below 4, as [`Bits`] keeps it.
    pub fn from_bits(bits: u8) -> Self {
        match bits & 3 {
            0 => Self::NsgV1,
            1 => Self::NsgV2,
            2 => Self::VnetV4,
            _ => Self::TrafficAnalytics,
        }
    }

    /// The stable name that reports print.
    pub fn name(self) -> &'static str {
        match self {
            Self::NsgV1 => "nsg-v1",
            Self::NsgV2 => "nsg-v2",
            Self::VnetV4 => "vnet-v4",
            Self::TrafficAnalytics => "traffic-analytics",
            Self::Capture => "capture",
        }
    }
}

/// The flow state of a tuple.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum FlowState {
    /// The format has none (NSG version 1, Traffic Analytics).
    None = 0,
    /// `B`: the flow begins; denied flows are always `B` (NSG) or `D` (VNet), which counts as begin.
    Begin = 1,
    /// `C`: it continues; counters since its previous tuple.
    Continue = 2,
    /// `E`: it ended; counters since its previous tuple.
    End = 3,
}

/// Direction, decision, state, kind and width of a tuple in one byte.
///
/// Bit 0 outbound, bit 1 deny, bits 2-3 [`FlowState`], bits 4-5 [`LogKind`] of a log, bit 6 wide,
/// bit 7 from a capture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Bits(pub u8);

impl Bits {
    /// Bit of an outbound flow.
    pub const OUTBOUND: u8 = 1;
    /// Bit of a denied flow.
    pub const DENY: u8 = 2;
    /// Bit of a tuple whose addresses and counters are in [`RecordBatch::wide`].
    pub const WIDE: u8 = 64;
    /// Bit of a connection from a capture.
    pub const CAPTURE: u8 = 128;

    /// Packs the parts.
    pub fn new(direction: Direction, decision: Decision, state: FlowState, kind: LogKind) -> Self {
        let outbound = u8::from(direction == Direction::Outbound);
        let deny = u8::from(decision == Decision::Deny) << 1;
        let kind = match kind {
            LogKind::Capture => Self::CAPTURE,
            log => (log as u8) << 4,
        };
        Self(outbound | deny | (state as u8) << 2 | kind)
    }

    /// Direction seen from the logged interface.
    pub fn direction(self) -> Direction {
        if self.0 & Self::OUTBOUND == 0 {
            Direction::Inbound
        } else {
            Direction::Outbound
        }
    }

    /// What was decided.
    pub fn decision(self) -> Decision {
        if self.0 & Self::DENY == 0 {
            Decision::Allow
        } else {
            Decision::Deny
        }
    }

    /// The flow state.
    pub fn state(self) -> FlowState {
        match self.0 >> 2 & 3 {
            0 => FlowState::None,
            1 => FlowState::Begin,
            2 => FlowState::Continue,
            _ => FlowState::End,
        }
    }

    /// What wrote the record.
    pub fn kind(self) -> LogKind {
        if self.0 & Self::CAPTURE != 0 {
            return LogKind::Capture;
        }
        LogKind::from_bits(self.0 >> 4)
    }

    /// Whether addresses and counters are in [`RecordBatch::wide`].
    pub fn is_wide(self) -> bool {
        self.0 & Self::WIDE != 0
    }
}

/// One flow tuple. 48 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[repr(C)]
pub struct Tuple {
    /// Event time, milliseconds since the epoch.
    pub time: i64,
    /// Source IPv4 address; the index into [`RecordBatch::wide`] where the tuple is wide.
    pub source: u32,
    /// Destination IPv4 address; 0 where the tuple is wide.
    pub destination: u32,
    /// Source port; 0 where the log does not say.
    pub source_port: u16,
    /// Destination port.
    pub destination_port: u16,
    /// Index into [`RecordBatch::groups`].
    pub group: u16,
    /// IANA protocol number.
    pub protocol: u8,
    /// Direction, decision, state, kind, width.
    pub bits: Bits,
    /// Packets source to destination and back, since the flow's previous tuple.
    pub packets: [u32; 2],
    /// Bytes source to destination and back, since the flow's previous tuple.
    pub bytes: [u32; 2],
    /// Byte offset of the tuple's text from the start of the record.
    pub offset: u32,
}

/// What does not fit a [`Tuple`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wide {
    /// Source address.
    pub source: IpAddr,
    /// Destination address.
    pub destination: IpAddr,
    /// Packets source to destination and back.
    pub packets: [u64; 2],
    /// Bytes source to destination and back.
    pub bytes: [u64; 2],
    /// Flows begun that this tuple stands for: 0 or 1 in a log, many in an aggregated row.
    pub flows: u32,
    /// Time of the last of them; the tuple's own time in a log.
    pub last: i64,
}

/// Tuples that one rule of one interface decided.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TupleGroup {
    /// Rule name as logged; empty where missing.
    pub rule: String,
    /// What holds the rule: the NSG's resource ID in NSG logs, `aclID` in VNet logs; as logged.
    pub acl: String,
    /// The logged interface, where the group or the record names it.
    pub mac: Option<Mac>,
    /// What became of its connections, where they come from a capture: no rule is known then.
    pub outcome: Option<Outcome>,
    /// Which of [`RecordBatch::tuples`] are its.
    pub tuples: Range<u32>,
}

/// The flow tuples of one log record and what the record says of itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RecordBatch {
    /// Number of the file in the plan.
    pub file: u32,
    /// Byte offset of the record in the file's (decompressed) text.
    pub offset: u64,
    /// Length of the record in bytes.
    pub length: u64,
    /// `time` of the record: when it was logged, about a minute after its tuples.
    pub time: Option<Timestamp>,
    /// What was logged: NSG resource ID, or the flow log's target; as logged, empty where missing.
    pub target: String,
    /// The tuples, in the record's order.
    pub tuples: Vec<Tuple>,
    /// What does not fit a tuple.
    pub wide: Vec<Wide>,
    /// Rules and interfaces of the tuples; at most 65,536.
    pub groups: Vec<TupleGroup>,
    /// Connections of a capture that the tuples stand for: a record each. 0 in logs, whose batches
    /// are one record.
    pub connections: u32,
}

impl RecordBatch {
    /// How many records it is.
    pub fn records(&self) -> u64 {
        u64::from(self.connections.max(1))
    }

    /// Empties the batch for the next record, keeping its memory.
    pub fn clear(&mut self) {
        self.clear_tuples();
        self.groups.clear();
    }

    /// As [`clear`](Self::clear), but keeps the groups, whose text will be written over.
    pub(super) fn clear_tuples(&mut self) {
        self.time = None;
        self.target.clear();
        self.tuples.clear();
        self.wide.clear();
        self.length = 0;
    }

    /// What the record is known by: a 64-bit mix of its interface, target, rules, time and tuples,
    /// whatever the order of these. The same record in two downloads has the same identity. An
    /// aggregated row's time, which is when it was ingested, is left out.
    pub fn identity(&self) -> u64 {
        let mut tuples = 0u64;
        for tuple in &self.tuples {
            tuples = tuples.wrapping_add(if tuple.bits.is_wide() {
                super::tuple::hash_wide(tuple, &self.wide[tuple.source as usize])
            } else {
                super::tuple::hash(tuple)
            });
        }
        let aggregated = self
            .tuples
            .first()
            .is_some_and(|tuple| tuple.bits.kind() == LogKind::TrafficAnalytics);
        let time = self.time.filter(|_| !aggregated).map_or(0, |time| time.0);
        let groups = self.groups.iter().fold(0u64, |sum, group| {
            let count = u64::from(group.tuples.end - group.tuples.start);
            let mac = group.mac.map_or(u64::MAX, |mac| mac.0);
            let holder = if aggregated {
                mix_text(count, &group.acl)
            } else {
                count
            };
            let name = group
                .outcome
                .map_or(group.rule.as_str(), |outcome| outcome.name());
            sum.wrapping_add(mix_text(holder ^ mac.rotate_left(16), name))
        });
        let mixed = fold(
            tuples ^ 0x9e37_79b9_7f4a_7c15,
            time as u64 ^ 0xd1b5_4a32_d192_ed03,
        );
        mix_text(
            fold(
                mixed ^ groups,
                self.tuples.len() as u64 ^ 0xaef1_7502_108e_f2d9,
            ),
            &self.target,
        )
    }

    /// Source and destination address of a tuple.
    pub fn addresses(&self, tuple: &Tuple) -> (IpAddr, IpAddr) {
        if tuple.bits.is_wide() {
            let wide = &self.wide[tuple.source as usize];
            (wide.source, wide.destination)
        } else {
            let v4 = |number: u32| prefix::address(prefix::Family::V4, number as u128);
            (v4(tuple.source), v4(tuple.destination))
        }
    }

    /// Packets and bytes of a tuple, each source to destination and back.
    pub fn counters(&self, tuple: &Tuple) -> ([u64; 2], [u64; 2]) {
        if tuple.bits.is_wide() {
            let wide = &self.wide[tuple.source as usize];
            (wide.packets, wide.bytes)
        } else {
            (tuple.packets.map(u64::from), tuple.bytes.map(u64::from))
        }
    }

    /// When the last of a tuple's flows was, ms: its own time in a log.
    pub fn last(&self, tuple: &Tuple) -> i64 {
        if tuple.bits.is_wide() {
            self.wide[tuple.source as usize].last
        } else {
            tuple.time
        }
    }

    /// How many flows a tuple says have begun.
    pub fn flows(&self, tuple: &Tuple) -> u32 {
        if tuple.bits.is_wide() {
            return self.wide[tuple.source as usize].flows;
        }
        u32::from(matches!(
            tuple.bits.state(),
            FlowState::Begin | FlowState::None
        ))
    }
}

/// Mixes a text into `seed`, eight bytes at a time.
fn mix_text(seed: u64, text: &str) -> u64 {
    text.as_bytes()
        .chunks(8)
        .fold(seed ^ text.len() as u64, |mixed, chunk| {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            fold(mixed ^ u64::from_le_bytes(word), 0x8ebc_6af0_9c88_c6e3)
        })
}

/// What takes the records that decoders read.
pub trait Sink {
    /// Takes one whole record. The batch is reused afterwards.
    fn record(&mut self, batch: &RecordBatch);
    /// Takes one fault of the file being read.
    fn fault(&mut self, offset: u64, kind: crate::fault::FaultKind, detail: String);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tuple_is_48_bytes() {
        assert_eq!(size_of::<Tuple>(), 48);
    }

    #[test]
    fn bits_give_back_their_parts() {
        for direction in [Direction::Inbound, Direction::Outbound] {
            for decision in [Decision::Allow, Decision::Deny] {
                for state in [
                    FlowState::None,
                    FlowState::Begin,
                    FlowState::Continue,
                    FlowState::End,
                ] {
                    for kind in LogKind::ALL {
                        let bits = Bits::new(direction, decision, state, kind);
                        assert_eq!(
                            (
                                bits.direction(),
                                bits.decision(),
                                bits.state(),
                                bits.kind(),
                                bits.is_wide()
                            ),
                            (direction, decision, state, kind, false)
                        );
                    }
                }
            }
        }
    }
}
