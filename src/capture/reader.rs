//! Framing of pcap and pcapng: bytes -> [`Piece`]s.
//!
//! The frames are read here and not by a crate, because what a record's header claims must be judged
//! before its bytes are waited for: a length of 4 GiB is damage, not a reason to read on, and reading
//! resumes at the next header that makes sense.

mod interface;
mod order;
mod pcap;
mod pcapng;

use std::io::{self, ErrorKind, Read};

use self::pcap::Pcap;
use self::pcapng::PcapNg;
use super::piece::{Piece, Span};
use crate::fault::FaultKind;

/// Longest record that is believed, in bytes: bounds what is held of a damaged file.
const LONGEST: u32 = 16 << 20;
/// Largest piece that is made on request; offsets in a piece are 32 bits.
const LARGEST_TARGET: usize = 64 << 20;

/// Room before the bytes of [`Reader::decode_chunk`]: most records are shorter.
pub const HEADROOM: usize = 64 << 10;

/// How many bytes are asked of the input at once.
const STEP: usize = 256 << 10;

/// What is wrong at a place of a capture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadFault {
    /// Byte offset in the file's (decompressed) content.
    pub offset: u64,
    /// What is wrong.
    pub kind: FaultKind,
    /// What was expected and what was found.
    pub detail: String,
}

/// Reads a capture in pieces of whole packets. Its memory is bounded whatever the file claims.
#[derive(Debug)]
pub struct Reader<R> {
    inner: R,
    framing: Framing,
    /// What was read after the last whole record.
    rest: Vec<u8>,
    /// Byte offset of `rest` in the file.
    offset: u64,
    read: u64,
    ended: bool,
    /// Why reading stopped, until it is told: after the packets that were read before it.
    failure: Option<io::Error>,
}

/// How the bytes are framed.
#[derive(Debug)]
enum Framing {
    /// Not looked at yet.
    Unknown,
    Pcap(Pcap),
    PcapNg(PcapNg),
    /// Nothing more is read.
    Over,
}

/// How far decoding came in what was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Progress {
    /// To this place, and there so many bytes must be seen to go on.
    More { at: usize, need: usize },
    /// To the end of the capture.
    End,
}

/// The bytes to decode.
#[derive(Debug, Clone, Copy)]
struct Input<'a> {
    bytes: &'a [u8],
    /// Whether the file ends with them.
    ended: bool,
    /// Whether it ends there because it could not be read on: what is cut is no fault of the file's.
    failed: bool,
}

/// Where decoding puts what it finds.
#[derive(Debug)]
struct Output<'a> {
    packets: &'a mut Vec<Span>,
    faults: &'a mut Vec<ReadFault>,
    /// Byte offset of the decoded bytes in the file.
    base: u64,
}

impl Output<'_> {
    fn fault(&mut self, at: usize, kind: FaultKind, detail: String) {
        self.faults.push(ReadFault {
            offset: self.base.wrapping_add(at as u64),
            kind,
            detail,
        });
    }

    /// Ends a record for which there are too few bytes, or asks for more of them.
    fn cut(&mut self, input: Input<'_>, at: usize, need: usize) -> Progress {
        if !input.ended {
            return Progress::More { at, need };
        }
        let found = input.bytes.len() - at;
        if found > 0 && !input.failed {
            let detail = format!("expected a record of {need} bytes or more, found {found}");
            self.fault(at, FaultKind::Truncated, detail);
        }
        Progress::End
    }
}

impl<R: Read> Reader<R> {
    /// A reader of a capture from its start.
    pub fn new(inner: R) -> Self {
        Self {
            inner,
            framing: Framing::Unknown,
            rest: Vec::new(),
            offset: 0,
            read: 0,
            ended: false,
            failure: None,
        }
    }

    /// Fills `piece`, reusing its memory, with the next whole packets: about `target` bytes of the
    /// file, more only where one record is longer. False at the end of the input; a piece before it
    /// may have no packets, where the file has none for long.
    ///
    /// An error of the input is returned once, after the packets that were read before it.
    pub fn fill(
        &mut self,
        piece: &mut Piece,
        target: usize,
        faults: &mut Vec<ReadFault>,
    ) -> io::Result<bool> {
        let target = target.clamp(1, LARGEST_TARGET);
        piece.packets.clear();
        piece.bytes.clear();
        piece.bytes.append(&mut self.rest);
        piece.base = self.offset;
        let mut at = 0;
        let mut length = target;
        while !matches!(self.framing, Framing::Over) {
            self.read_to(&mut piece.bytes, length);
            match self.decode(piece, at, faults) {
                Progress::End => self.framing = Framing::Over,
                Progress::More { at: to, need } => {
                    at = to;
                    // Never by a few bytes: a damaged file can ask for a few more very often.
                    length = (at + need).max(piece.bytes.len() + target);
                }
            }
            // Less is moved to the next piece than was taken, so moving costs no more than reading.
            if at > 0 && at >= piece.bytes.len() - at {
                self.keep(piece, at);
                return Ok(true);
            }
        }
        match self.failure.take() {
            Some(error) if piece.packets.is_empty() => Err(error),
            failure => {
                self.failure = failure;
                Ok(!piece.packets.is_empty())
            }
        }
    }

    /// Decodes bytes that were read elsewhere: `piece.bytes` from `begin` on (at least [`HEADROOM`]) are
    /// the next of the file, `ended` says whether they are its last. Of what [`fill`](Self::fill) left over, the cut
    /// record goes before them, into the room that they leave, so that they stay where they are.
    ///
    /// Whoever begins to read so goes on so; the first piece is `fill`'s.
    pub fn decode_chunk(
        &mut self,
        piece: &mut Piece,
        begin: usize,
        ended: bool,
        faults: &mut Vec<ReadFault>,
    ) {
        piece.packets.clear();
        self.read += (piece.bytes.len() - begin) as u64;
        self.ended = ended;
        let mut rest = std::mem::take(&mut self.rest);
        let start = begin.checked_sub(rest.len()).unwrap_or_else(|| {
            // A record of more than the room: seldom enough to be moved.
            rest.extend_from_slice(&piece.bytes[begin..]);
            std::mem::swap(&mut piece.bytes, &mut rest);
            rest.clear();
            0
        });
        piece.bytes[start..start + rest.len()].copy_from_slice(&rest);
        piece.base = self.offset.wrapping_sub(start as u64);
        rest.clear();
        self.rest = rest;
        if matches!(self.framing, Framing::Over) {
            return;
        }
        match self.decode(piece, start, faults) {
            Progress::End => self.framing = Framing::Over,
            Progress::More { at, .. } => self.keep(piece, at),
        }
    }

    /// Whether nothing more will come: the end was decoded.
    pub fn is_over(&self) -> bool {
        matches!(self.framing, Framing::Over)
    }

    /// How many bytes have been read of the input.
    pub fn bytes(&self) -> u64 {
        self.read
    }

    /// Moves what follows the last whole record out of the piece.
    fn keep(&mut self, piece: &mut Piece, at: usize) {
        self.offset = piece.base.wrapping_add(at as u64);
        self.rest.extend_from_slice(&piece.bytes[at..]);
        piece.bytes.truncate(at);
    }

    /// Reads until there are `length` bytes or the input ends, so that how the input is cut does not
    /// show.
    fn read_to(&mut self, bytes: &mut Vec<u8>, length: usize) {
        let mut filled = bytes.len();
        while !self.ended && filled < length {
            if filled == bytes.len() {
                // Room is made as bytes come, not for what a damaged length asks for.
                bytes.resize(length.min(filled + STEP), 0);
            }
            filled += self.read_once(&mut bytes[filled..]);
        }
        bytes.truncate(filled);
    }

    /// One read of the input; 0 at its end.
    fn read_once(&mut self, room: &mut [u8]) -> usize {
        loop {
            match self.inner.read(room) {
                Ok(count) => {
                    self.ended = count == 0;
                    self.read += count as u64;
                    return count;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => {
                    self.ended = true;
                    self.failure = Some(error);
                    return 0;
                }
            }
        }
    }

    fn decode(&mut self, piece: &mut Piece, at: usize, faults: &mut Vec<ReadFault>) -> Progress {
        let input = Input {
            bytes: &piece.bytes,
            ended: self.ended,
            failed: self.failure.is_some(),
        };
        let mut output = Output {
            packets: &mut piece.packets,
            faults,
            base: piece.base,
        };
        let mut at = at;
        if matches!(self.framing, Framing::Unknown) {
            match open(input, &mut output) {
                Ok((framing, start)) => (self.framing, at) = (framing, start),
                Err(progress) => return progress,
            }
        }
        match &mut self.framing {
            Framing::Pcap(pcap) => pcap.decode(input, at, &mut output),
            Framing::PcapNg(pcapng) => pcapng.decode(input, at, &mut output),
            Framing::Unknown | Framing::Over => Progress::End,
        }
    }
}

/// Tells the framing from the head of the file, and where its first record or block is.
fn open(input: Input<'_>, output: &mut Output<'_>) -> Result<(Framing, usize), Progress> {
    let head = input.bytes;
    let Some(magic) = head.first_chunk::<4>() else {
        return Err(output.cut(input, 0, pcap::FILE_HEADER));
    };
    if *magic == pcapng::SECTION.to_ne_bytes() {
        return Ok((Framing::PcapNg(PcapNg::default()), 0));
    }
    if !pcap::is_magic(*magic) {
        let detail =
            format!("expected the start of a pcap or pcapng file, found bytes {magic:02x?}");
        output.fault(0, FaultKind::DamagedCapture, detail);
        return Err(Progress::End);
    }
    match Pcap::open(head) {
        Some(pcap) => Ok((Framing::Pcap(pcap), pcap::FILE_HEADER)),
        None => Err(output.cut(input, 0, pcap::FILE_HEADER)),
    }
}

/// Time of the first packet, from a file's head (to put rotated files in order); `None` where it
/// cannot be told.
pub fn first_time(head: &[u8]) -> Option<i64> {
    let mut piece = Piece::default();
    let mut faults = Vec::new();
    let mut reader = Reader::new(head);
    while reader.fill(&mut piece, head.len(), &mut faults).ok()? {
        if let Some(first) = piece.packets.first() {
            return Some(first.time).filter(|&time| time != Span::NO_TIME);
        }
    }
    None
}

#[cfg(test)]
mod tests;
