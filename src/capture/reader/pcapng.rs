//! Blocks of a pcapng file, and where they go on after damage.

use super::interface::Interface;
use super::order::Order;
use super::{Input, LONGEST, Output, Progress};
use crate::capture::piece::Span;
use crate::fault::FaultKind;

/// Type of a block that starts a section; the same in either byte order.
pub(super) const SECTION: u32 = 0x0a0d_0d0a;
const INTERFACE: u32 = 1;
const OBSOLETE_PACKET: u32 = 2;
const SIMPLE_PACKET: u32 = 3;
const ENHANCED_PACKET: u32 = 6;
/// Says, after a section's type and length, in which byte order it is.
const ORDER_MARK: u32 = 0x1a2b_3c4d;
/// Length of the shortest block: its type and, twice, its length.
const SHORTEST: u32 = 12;
/// How many interfaces of a section are kept.
const INTERFACES: usize = 1 << 16;

/// State of a file.
#[derive(Debug, Default)]
pub(super) struct PcapNg {
    /// Byte order of the section; `None` before the first.
    order: Option<Order>,
    interfaces: Vec<Interface>,
    /// Whether the next block is being looked for.
    lost: bool,
}

/// What a block's first bytes say.
#[derive(Debug, Clone, Copy)]
struct Block {
    kind: u32,
    order: Order,
    /// Its length by its first length field.
    length: u32,
}

/// What a packet's block says of it, apart from where it lies.
#[derive(Debug, Clone, Copy)]
struct Packet {
    interface: u32,
    /// `None` where the block has no time.
    ticks: Option<u64>,
    captured: u32,
    original: u32,
    /// Length of what comes before the packet in the block.
    header: usize,
}

impl Block {
    /// How many bytes it takes: some programs leave the padding out of the length.
    fn size(self) -> usize {
        (self.length as usize).next_multiple_of(4)
    }

    /// Whether a block of its type can have its length.
    fn is_sane(self) -> bool {
        let least = match self.kind {
            SECTION => 28,
            INTERFACE => 20,
            OBSOLETE_PACKET | ENHANCED_PACKET => 32,
            SIMPLE_PACKET => 16,
            _ => SHORTEST,
        };
        (least..=LONGEST).contains(&self.length)
    }

    /// Whether its second length field, inside `bytes`, says what the first does.
    fn is_closed(self, bytes: &[u8]) -> bool {
        let second = self.order.u32(bytes, self.size() - 4);
        second == self.length || second as usize == self.size()
    }
}

impl PcapNg {
    /// Decodes the whole blocks from `at` on.
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
            if rest.len() < SHORTEST as usize {
                return output.cut(input, at, SHORTEST as usize);
            }
            match self.block(rest) {
                Ok(block) if rest.len() < block.size() => {
                    return output.cut(input, at, block.size());
                }
                Ok(block) if block.is_closed(rest) => {
                    self.read(block, &rest[..block.size()], at, output);
                    at += block.size();
                }
                Ok(block) => {
                    let second = block.order.u32(rest, block.size() - 4);
                    self.damage(at, unequal(block.length, second), output);
                    at += 1;
                }
                Err(detail) => {
                    self.damage(at, detail, output);
                    at += 1;
                }
            }
        }
    }

    fn damage(&mut self, at: usize, detail: String, output: &mut Output<'_>) {
        output.fault(at, FaultKind::DamagedCapture, detail);
        self.lost = true;
    }

    /// What the first [`SHORTEST`] bytes say of a block, or why they are none.
    fn block(&self, bytes: &[u8]) -> Result<Block, String> {
        let kind = Order::Little.u32(bytes, 0);
        let order = if kind == SECTION {
            section_order(bytes).ok_or_else(|| {
                let found = &bytes[8..12];
                format!("expected a section's byte-order mark, found bytes {found:02x?}")
            })?
        } else {
            let Some(order) = self.order else {
                return Err("expected a section header, found another block".to_owned());
            };
            order
        };
        let block = Block {
            kind: order.u32(bytes, 0),
            order,
            length: order.u32(bytes, 4),
        };
        if block.is_sane() {
            return Ok(block);
        }
        let (kind, length) = (block.kind, block.length);
        Err(format!(
            "expected a block of at most {LONGEST} bytes and long enough for its type, found type \
             {kind:#x} and length {length}"
        ))
    }

    fn read(&mut self, block: Block, bytes: &[u8], at: usize, output: &mut Output<'_>) {
        match block.kind {
            SECTION => {
                self.order = Some(block.order);
                self.interfaces.clear();
            }
            INTERFACE if self.interfaces.len() == INTERFACES => {
                let detail = format!("expected at most {INTERFACES} interfaces in a section");
                output.fault(at, FaultKind::DamagedCapture, detail);
            }
            INTERFACE => {
                let body = &bytes[8..bytes.len() - 4];
                self.interfaces.push(Interface::read(block.order, body));
            }
            _ => {
                if let Some(packet) = self.packet(block, bytes) {
                    self.push(packet, bytes.len(), at, output);
                }
            }
        }
    }

    /// What a block says of its packet; `None` where it has none.
    fn packet(&self, block: Block, bytes: &[u8]) -> Option<Packet> {
        let order = block.order;
        let number = |at| order.u32(bytes, at);
        let ticks = || (u64::from(number(12)) << 32) | u64::from(number(16));
        match block.kind {
            ENHANCED_PACKET | OBSOLETE_PACKET => Some(Packet {
                interface: if block.kind == ENHANCED_PACKET {
                    number(8)
                } else {
                    u32::from(order.u16(bytes, 8))
                },
                ticks: Some(ticks()),
                captured: number(20),
                original: number(24),
                header: 28,
            }),
            SIMPLE_PACKET => {
                // It does not say how much was kept: what was on the wire, up to the snap length of
                // the first interface and the block's own.
                let original = number(8);
                let snap = self.interfaces.first().map_or(0, |first| first.snap);
                let room = block.size() as u32 - 16;
                Some(Packet {
                    interface: 0,
                    ticks: None,
                    captured: original.min(if snap == 0 { room } else { snap }).min(room),
                    original,
                    header: 12,
                })
            }
            _ => None,
        }
    }

    fn push(&self, packet: Packet, size: usize, at: usize, output: &mut Output<'_>) {
        let room = size - packet.header - 4;
        if packet.captured as usize > room {
            let found = packet.captured;
            let detail =
                format!("expected a packet of at most {room} bytes in its block, found {found}");
            output.fault(at, FaultKind::DamagedCapture, detail);
            return;
        }
        let Some(interface) = self.interfaces.get(packet.interface as usize) else {
            let (number, count) = (packet.interface, self.interfaces.len());
            let detail = format!(
                "expected one of the section's {count} interfaces, found a packet of number {number}"
            );
            output.fault(at, FaultKind::UnknownLinkType, detail);
            return;
        };
        output.packets.push(Span {
            time: packet
                .ticks
                .map_or(Span::NO_TIME, |ticks| interface.time(ticks)),
            record: at as u32,
            start: (at + packet.header) as u32,
            captured: packet.captured,
            original: packet.original,
            link: interface.link,
        });
    }

    /// Looks for the next block from `at` on, one place at a time and each place once.
    fn search(&self, input: Input<'_>, at: usize) -> Result<usize, Progress> {
        for at in at..=input.bytes.len() {
            let rest = &input.bytes[at..];
            let need = if rest.len() < SHORTEST as usize {
                SHORTEST as usize
            } else if let Some(block) = self.likely(rest) {
                if block.size() <= rest.len() && block.is_closed(rest) {
                    return Ok(at);
                }
                block.size()
            } else {
                continue;
            };
            if need > rest.len() && !input.ended {
                return Err(Progress::More { at, need });
            }
        }
        Err(Progress::End)
    }

    /// Whether a block of a known type may start here.
    fn likely(&self, bytes: &[u8]) -> Option<Block> {
        let raw = Order::Little.u32(bytes, 0);
        let order = if raw == SECTION {
            section_order(bytes)?
        } else {
            self.order?
        };
        let (kind, length) = (order.u32(bytes, 0), order.u32(bytes, 4));
        let block = Block {
            kind,
            order,
            length,
        };
        let known = is_known(kind) && length.is_multiple_of(4) && block.is_sane();
        known.then_some(block)
    }
}

fn section_order(bytes: &[u8]) -> Option<Order> {
    [Order::Little, Order::Big]
        .into_iter()
        .find(|order| order.u32(bytes, 8) == ORDER_MARK)
}

/// Types of the specification: 10 is decryption secrets, 0xbad custom.
fn is_known(kind: u32) -> bool {
    matches!(kind, SECTION | 1..=6 | 9 | 10 | 0xbad | 0x4000_0bad)
}

fn unequal(first: u32, second: u32) -> String {
    format!("expected a block of length {first} to end with it, found {second}")
}
