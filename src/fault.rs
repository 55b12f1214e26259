//! Faults: records that are bad. Each is counted, the first few are kept as samples, all are
//! reported; none stops a run.

use std::collections::BTreeMap;

/// What is wrong with a record, a tuple or a stretch of bytes.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, schemars::JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum FaultKind {
    /// The file ends inside a record, or before the closing `]}`.
    Truncated,
    /// A record is not valid JSON (or not valid UTF-8).
    DamagedRecord,
    /// Bytes between two records that belong to neither.
    StrayText,
    /// A record longer than the limit.
    RecordTooLarge,
    /// A record of another log category, or with no flows in it.
    NotFlowRecord,
    /// A flow record of a kind or version that is not known.
    UnknownVersion,
    /// A tuple with too few or too many fields.
    FieldCount,
    /// A tuple whose time is no number or out of range.
    BadTime,
    /// A tuple with an address that is none.
    BadAddress,
    /// A tuple with a port that is none.
    BadPort,
    /// A tuple with a protocol that is none.
    BadProtocol,
    /// A tuple whose direction is neither `I` nor `O`.
    BadDirection,
    /// A tuple whose decision or flow state is not one of the format's letters.
    BadState,
    /// A tuple with a counter that is no number.
    BadCounter,
    /// A row of a Traffic Analytics export that lacks a column it needs, or has a value that is none.
    BadRow,
    /// Compressed data that does not inflate.
    DamagedCompression,
    /// Compressed data that inflates beyond the limit.
    CompressionBomb,
    /// A file that could not be opened or read to its end.
    Unreadable,
    /// A file that holds no flow log: the detail names what it is.
    NotFlowLog,
    /// A link that leads back into a folder being walked, or to itself.
    SymlinkLoop,
    /// A file that was shorter when read than when listed.
    FileShrank,
    /// A record of a capture whose header makes no sense; reading goes on at the next that does.
    DamagedCapture,
    /// A packet of a link type that is not decoded, or of an interface that was not described.
    UnknownLinkType,
    /// A packet of which too little was kept to tell its addresses or ports.
    SnappedPacket,
    /// A packet whose headers contradict themselves.
    MalformedPacket,
    /// A packet in more tunnels than are opened.
    TunnelTooDeep,
    /// A later fragment whose first fragment, which has the ports, was not seen before it.
    LostFragment,
}

impl FaultKind {
    /// The stable code that reports print.
    pub fn code(self) -> &'static str {
        match self {
            Self::Truncated => "truncated",
            Self::DamagedRecord => "damaged-record",
            Self::StrayText => "stray-text",
            Self::RecordTooLarge => "record-too-large",
            Self::NotFlowRecord => "not-flow-record",
            Self::UnknownVersion => "unknown-version",
            Self::FieldCount => "field-count",
            Self::BadTime => "bad-time",
            Self::BadAddress => "bad-address",
            Self::BadPort => "bad-port",
            Self::BadProtocol => "bad-protocol",
            Self::BadDirection => "bad-direction",
            Self::BadState => "bad-state",
            Self::BadCounter => "bad-counter",
            Self::BadRow => "bad-row",
            Self::DamagedCompression => "damaged-compression",
            Self::CompressionBomb => "compression-bomb",
            Self::Unreadable => "unreadable",
            Self::NotFlowLog => "not-flow-log",
            Self::SymlinkLoop => "symlink-loop",
            Self::FileShrank => "file-shrank",
            Self::DamagedCapture => "damaged-capture",
            Self::UnknownLinkType => "unknown-link-type",
            Self::SnappedPacket => "snapped-packet",
            Self::MalformedPacket => "malformed-packet",
            Self::TunnelTooDeep => "tunnel-too-deep",
            Self::LostFragment => "lost-fragment",
        }
    }

    /// Whether it is a record (or a row) that was not read.
    pub fn is_of_a_record(self) -> bool {
        matches!(
            self,
            Self::Truncated
                | Self::DamagedRecord
                | Self::RecordTooLarge
                | Self::NotFlowRecord
                | Self::UnknownVersion
                | Self::BadRow
        )
    }

    /// Whether the input as a whole could not be read: makes the exit status 2.
    pub fn is_unreadable_input(self) -> bool {
        matches!(self, Self::Unreadable | Self::SymlinkLoop)
    }
}

/// Where and what: one fault. Ordered by place, so that samples are chosen by value.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fault {
    /// Number of the file in the plan.
    pub file: u32,
    /// Byte offset in the file's (decompressed) text where the bad thing starts.
    pub offset: u64,
    /// What is wrong.
    pub kind: FaultKind,
    /// What was expected and what was found; at most [`DETAIL_LIMIT`] bytes, unescaped.
    pub detail: String,
}

/// Longest detail that is kept of a fault, in bytes.
pub const DETAIL_LIMIT: usize = 160;
/// How many faults of a kind are kept as samples: those first by file and offset.
pub const SAMPLES: usize = 5;

/// Faults counted by kind, the first of each by file and offset kept. Merges in any order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FaultTally {
    kinds: BTreeMap<FaultKind, KindTally>,
}

/// One kind's faults.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KindTally {
    /// How many there were.
    pub count: u64,
    /// The first [`SAMPLES`] by file and offset.
    pub samples: Vec<Fault>,
}

impl FaultTally {
    /// Counts one fault.
    pub fn add(&mut self, file: u32, offset: u64, kind: FaultKind, detail: impl Into<String>) {
        let tally = self.kinds.entry(kind).or_default();
        tally.count += 1;
        let full = tally.samples.len() == SAMPLES;
        if full
            && tally
                .samples
                .last()
                .is_some_and(|last| (last.file, last.offset) < (file, offset))
        {
            return;
        }
        let mut detail = detail.into();
        if detail.len() > DETAIL_LIMIT {
            detail.truncate(detail.floor_char_boundary(DETAIL_LIMIT));
        }
        keep_first(
            &mut tally.samples,
            Fault {
                file,
                offset,
                kind,
                detail,
            },
        );
    }

    /// Adds another tally's faults.
    pub fn merge(&mut self, other: Self) {
        for (kind, theirs) in other.kinds {
            let ours = self.kinds.entry(kind).or_default();
            ours.count += theirs.count;
            for fault in theirs.samples {
                keep_first(&mut ours.samples, fault);
            }
        }
    }

    /// The kinds that occurred, in a fixed order.
    pub fn kinds(&self) -> impl Iterator<Item = (FaultKind, &KindTally)> {
        self.kinds.iter().map(|(&kind, tally)| (kind, tally))
    }

    /// How many faults of `kind` there were.
    pub fn count(&self, kind: FaultKind) -> u64 {
        self.kinds.get(&kind).map_or(0, |tally| tally.count)
    }

    /// How many faults there were in all.
    pub fn total(&self) -> u64 {
        self.kinds.values().map(|tally| tally.count).sum()
    }
}

fn keep_first(samples: &mut Vec<Fault>, fault: Fault) {
    let at = samples.partition_point(|kept| *kept <= fault);
    samples.insert(at, fault);
    samples.truncate(SAMPLES);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_samples_are_the_first_by_place_whatever_the_order() {
        let mut forward = FaultTally::default();
        let mut backward = FaultTally::default();
        for offset in 0..9 {
            forward.add(0, offset, FaultKind::BadPort, "x");
            backward.add(0, 8 - offset, FaultKind::BadPort, "x");
        }
        assert_eq!(forward, backward);
        assert_eq!(forward.count(FaultKind::BadPort), 9);
        let (_, tally) = forward.kinds().next().unwrap();
        assert_eq!(
            tally
                .samples
                .iter()
                .map(|fault| fault.offset)
                .collect::<Vec<_>>(),
            [0, 1, 2, 3, 4]
        );
    }
}
