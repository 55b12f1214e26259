//! Records of a pcap file, and where they go on after damage.

use pcap_file::pcap::{PcapHeader, PcapTsResolution};
use pcap_file::{DataLink, Endianness};

use super::order::Order;
use super::{Input, LONGEST, Output, Progress};
use crate::capture::piece::Span;
use crate::fault::FaultKind;

/// Length of the header of a file.
pub(super) const FILE_HEADER: usize = 24;
/// Longest record that is believed where the file states no larger snap length: what libpcap and
/// Wireshark hold to be the most.
const USUAL_LIMIT: u32 = 256 << 10;
/// How far apart in time two records are that follow one another, when nothing else tells that they
/// are records: a day.
const NEAR: u64 = 86_400_000_000_000;
/// Alexey Kuznetzov's variant, which Linux distributions of about 2000 wrote, in big endian.
const KUZNETZOV: [u8; 4] = [0xa1, 0xb2, 0xcd, 0x34];
const MICROSECONDS: [u8; 4] = [0xa1, 0xb2, 0xc3, 0xd4];
const NANOSECONDS: [u8; 4] = [0xa1, 0xb2, 0x3c, 0x4d];

/// Whether a file that starts so is of this format.
pub(super) fn is_magic(magic: [u8; 4]) -> bool {
    let mut turned = magic;
    turned.reverse();
    [MICROSECONDS, NANOSECONDS, KUZNETZOV]
        .iter()
        .any(|known| *known == magic || *known == turned)
}

/// State of a file.
#[derive(Debug)]
pub(super) struct Pcap {
    order: Order,
    /// Nanoseconds in a unit of a record's fraction of a second.
    unit: u32,
    /// Length of a record's header.
    header: usize,
    /// Whether a record's two lengths may stand in either order.
    either_way: bool,
    link: u16,
    /// Longest record that is believed.
    limit: u32,
    /// Time of the last record that was read.
    last: Option<i64>,
    /// Whether the next record is being looked for.
    lost: bool,
}

/// What a record's header says.
#[derive(Debug, Clone, Copy)]
struct Record {
    seconds: u32,
    fraction: u32,
    captured: u32,
    original: u32,
}

/// Whether a record starts at a place.
enum Guess {
    Yes,
    No,
    /// That cannot be told before so many bytes are seen there.
    Unsure(usize),
}

impl Pcap {
    /// Reads the header of a file; `None` where it is cut or none.
    pub(super) fn open(head: &[u8]) -> Option<Self> {
        let mut head: [u8; FILE_HEADER] = *head.first_chunk()?;
        let modified = match head[..4] {
            [0xa1, 0xb2, 0xcd, 0x34] => {
                head[..4].copy_from_slice(&MICROSECONDS);
                true
            }
            [0x34, 0xcd, 0xb2, 0xa1] => {
                head[..4].copy_from_slice(&MICROSECONDS);
                head[..4].reverse();
                true
            }
            _ => false,
        };
        let (_, header) = PcapHeader::from_slice(&head).ok()?;
        Some(Self::of(header, modified))
    }

    fn of(header: PcapHeader, modified: bool) -> Self {
        Self {
            order: match header.endianness {
                Endianness::Big => Order::Big,
                Endianness::Little => Order::Little,
            },
            unit: match header.ts_resolution {
                PcapTsResolution::MicroSecond => 1_000,
                PcapTsResolution::NanoSecond => 1,
            },
            header: if modified { 24 } else { 16 },
            // Until 2.3 the length on the wire came first, and some programs that wrote 2.3 did not
            // know that it no longer did.
            either_way: (header.version_major, header.version_minor) <= (2, 3)
                || header.version_major == 543,
            link: link(header.datalink),
            limit: header.snaplen.clamp(USUAL_LIMIT, LONGEST),
            last: None,
            lost: false,
        }
    }

    /// Decodes the whole records from `at` on.
    pub(super) fn decode(
        &mut self,
        input: Input<'_>,
        mut at: usize,
        output: &mut Output<'_>,
    ) -> Progress {
        loop {
            if self.lost {
                match self.search(input, at) {
                    Ok(found) => at = found,
                    Err(progress) => return progress,
                }
                self.lost = false;
            }
            let rest = &input.bytes[at..];
            let Some(record) = self.record(rest) else {
                return output.cut(input, at, self.header);
            };
            if record.captured == 0 && record.original == 0 {
                match Self::next_file(input, at) {
                    Ok(Some(next)) => {
                        *self = next;
                        at += FILE_HEADER;
                        continue;
                    }
                    Ok(None) => {}
                    Err(progress) => return progress,
                }
            }
            if record.captured > self.limit {
                output.fault(at, FaultKind::DamagedCapture, self.too_long(record));
                self.lost = true;
                at += 1;
                continue;
            }
            let end = self.header + record.captured as usize;
            if rest.len() < end {
                return output.cut(input, at, end);
            }
            let time = self.time(record);
            output.packets.push(Span {
                time,
                record: at as u32,
                start: (at + self.header) as u32,
                captured: record.captured,
                original: record.original,
                link: self.link,
            });
            self.last = Some(time);
            at += end;
        }
    }

    fn too_long(&self, record: Record) -> String {
        format!(
            "expected a record of at most {} bytes, found one of {}",
            self.limit, record.captured
        )
    }

    /// The header of a record; `None` where it is cut.
    fn record(&self, bytes: &[u8]) -> Option<Record> {
        let head = bytes.get(..self.header)?;
        let (first, second) = (self.order.u32(head, 8), self.order.u32(head, 12));
        let (captured, original) = if self.either_way && first > second {
            (second, first)
        } else {
            (first, second)
        };
        Some(Record {
            seconds: self.order.u32(head, 0),
            fraction: self.order.u32(head, 4),
            captured,
            original,
        })
    }

    fn time(&self, record: Record) -> i64 {
        let fraction = i64::from(record.fraction) * i64::from(self.unit);
        i64::from(record.seconds) * 1_000_000_000 + fraction
    }

    /// The header of another file in the place of a record that would be empty: captures that were
    /// put one after the other (`cat`).
    fn next_file(input: Input<'_>, at: usize) -> Result<Option<Self>, Progress> {
        let rest = &input.bytes[at..];
        let known = rest.first_chunk().is_some_and(|magic| is_magic(*magic));
        if !known {
            return Ok(None);
        }
        if rest.len() < FILE_HEADER && !input.ended {
            let need = FILE_HEADER;
            return Err(Progress::More { at, need });
        }
        let version = |order: Order| (order.u16(rest, 4), order.u16(rest, 6));
        Ok(Self::open(rest).filter(|next| matches!(version(next.order), (2, 0..=4))))
    }

    /// Looks for the next record from `at` on, one place at a time and each place once.
    fn search(&self, input: Input<'_>, at: usize) -> Result<usize, Progress> {
        for at in at..=input.bytes.len() {
            match self.starts_at(input, at) {
                Guess::Yes => return Ok(at),
                Guess::Unsure(need) if !input.ended => return Err(Progress::More { at, need }),
                Guess::No | Guess::Unsure(_) => {}
            }
        }
        Err(Progress::End)
    }

    /// Whether a record starts at a place: it and the one after it make sense, and its time is near
    /// that of the last one that was read. Where the time is not, the last one may have been damaged
    /// itself, and two more that make sense tell as much.
    fn starts_at(&self, input: Input<'_>, at: usize) -> Guess {
        let Some(record) = self.record(&input.bytes[at..]) else {
            return Guess::Unsure(self.header);
        };
        if !self.makes_sense(record) {
            return Guess::No;
        }
        let mut time = self.time(record);
        let is_near = self.last.is_some_and(|last| near(last, time));
        let mut end = at + self.header + record.captured as usize;
        for _ in 0..if is_near { 1 } else { 2 } {
            let left = input.bytes.len().checked_sub(end);
            let next = left.and_then(|_| self.record(&input.bytes[end..]));
            let Some(next) = next else {
                // Nothing but the start of a header may follow the last record of a file.
                if input.ended && is_near && left.is_some() {
                    return Guess::Yes;
                }
                return Guess::Unsure(end + self.header - at);
            };
            if !self.makes_sense(next) || !near(time, self.time(next)) {
                return Guess::No;
            }
            time = self.time(next);
            end += self.header + next.captured as usize;
        }
        Guess::Yes
    }

    /// Stricter than reading is: an empty record is what zeros look like.
    fn makes_sense(&self, record: Record) -> bool {
        (1..=self.limit).contains(&record.captured)
            && (record.captured..=LONGEST).contains(&record.original)
            && u64::from(record.fraction) * u64::from(self.unit) < 1_000_000_000
    }
}

fn near(one: i64, other: i64) -> bool {
    one.abs_diff(other) <= NEAR
}

/// The link type is the low half; above it may stand how long frame check sequences are.
fn link(link: DataLink) -> u16 {
    (u32::from(link) & 0xffff) as u16
}
