//! A piece of a capture: whole packets, as many as were read at once. The unit of parallel work.

/// Whole packet records of one capture file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Piece {
    /// Byte offset of `bytes` in the file's (decompressed) content.
    pub base: u64,
    /// The bytes that the records lie in.
    pub bytes: Vec<u8>,
    /// The packets, in the order of the file.
    pub packets: Vec<Span>,
}

/// Where a captured packet lies in its piece, and what its record says of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Span {
    /// When it was captured: nanoseconds since the epoch; [`Span::NO_TIME`] where the record has none.
    pub time: i64,
    /// Offset of the packet's record (its header) in [`Piece::bytes`].
    pub record: u32,
    /// Offset of the packet's first byte in [`Piece::bytes`].
    pub start: u32,
    /// How many of its bytes were kept.
    pub captured: u32,
    /// How many bytes it had on the wire.
    pub original: u32,
    /// Link type, a number of the [registry](https://www.tcpdump.org/linktypes.html).
    pub link: u16,
}

impl Span {
    /// The time of a packet whose record has none.
    pub const NO_TIME: i64 = i64::MIN;
}

impl Piece {
    /// The bytes kept of a packet.
    pub fn data(&self, span: &Span) -> &[u8] {
        &self.bytes[span.start as usize..][..span.captured as usize]
    }

    /// Byte offset of a packet's record in the file's (decompressed) content.
    pub fn offset(&self, span: &Span) -> u64 {
        self.base + u64::from(span.record)
    }
}
