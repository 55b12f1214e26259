//! The bytes of a packet from some header on, and how many they were on the wire.

use crate::capture::packet::Skip;
use crate::fault::FaultKind;

/// What was kept of the rest of a packet.
#[derive(Debug, Clone, Copy)]
pub(super) struct View<'a> {
    /// The bytes kept.
    pub(super) bytes: &'a [u8],
    /// How many bytes there were; not less than `bytes` has.
    pub(super) wire: usize,
}

impl<'a> View<'a> {
    /// A packet of which `bytes` was kept, `original` bytes long.
    #[inline]
    pub(super) fn new(bytes: &'a [u8], original: u32) -> Self {
        let wire = bytes.len().max(original as usize);
        Self { bytes, wire }
    }

    /// What follows a header of `length` bytes.
    #[inline]
    pub(super) fn skip(self, length: usize) -> Self {
        Self {
            bytes: self.bytes.get(length..).unwrap_or_default(),
            wire: self.wire.saturating_sub(length),
        }
    }

    /// The first `length` bytes: what follows is not of the packet.
    pub(super) fn limit(self, length: usize) -> Self {
        Self {
            bytes: &self.bytes[..length.min(self.bytes.len())],
            wire: self.wire.min(length),
        }
    }

    /// A header's fixed bytes.
    #[inline]
    pub(super) fn header<const LENGTH: usize>(self, what: &str) -> Result<&'a [u8; LENGTH], Skip> {
        self.bytes
            .first_chunk()
            .ok_or_else(|| self.lacks(LENGTH, what))
    }

    /// Holds that a header of `length` bytes was on the wire.
    pub(super) fn expect(self, length: usize, what: &str) -> Result<(), Skip> {
        if self.wire < length {
            return Err(self.lacks(length, what));
        }
        Ok(())
    }

    /// Why a header cannot be read that needs `length` bytes: it was on the wire but not kept, or
    /// it was not.
    #[cold]
    pub(super) fn lacks(self, length: usize, what: &str) -> Skip {
        let bytes = if length == 1 { "byte" } else { "bytes" };
        if self.wire < length {
            return malformed(format!(
                "{what}: {length} {bytes} expected, {} found",
                self.wire
            ));
        }
        let kept = self.bytes.len();
        let detail = format!("{what}: {length} {bytes} needed, {kept} kept");
        Skip::Fault(FaultKind::SnappedPacket, detail)
    }
}

/// A packet whose headers contradict themselves.
#[cold]
pub(super) fn malformed(detail: String) -> Skip {
    Skip::Fault(FaultKind::MalformedPacket, detail)
}

/// The number at `at`, which is in `bytes`, the more significant byte first.
#[inline]
pub(super) fn u16_at<const LENGTH: usize>(bytes: &[u8; LENGTH], at: usize) -> u16 {
    u16::from_be_bytes([bytes[at], bytes[at + 1]])
}
