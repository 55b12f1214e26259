//! What a pcapng section says of one of its interfaces: link type, snap length and clock.

use super::order::Order;

/// An interface of a section.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Interface {
    pub(super) link: u16,
    /// Most bytes kept of a packet; 0 for all.
    pub(super) snap: u32,
    unit: Unit,
    /// Nanoseconds that are added to its times.
    offset: i128,
}

/// How many nanoseconds a tick of the clock takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unit {
    Times(u64),
    /// One in so many; 0 where that is more than 64 bits hold.
    Over(u64),
    /// A second over two to this power.
    Binary(u8),
}

/// Options: their codes.
const END: u16 = 0;
const RESOLUTION: u16 = 9;
const OFFSET: u16 = 14;
const SECOND: i128 = 1_000_000_000;

impl Interface {
    /// Reads the body of an interface's block, at least 8 bytes.
    pub(super) fn read(order: Order, body: &[u8]) -> Self {
        let mut interface = Self {
            link: order.u16(body, 0),
            snap: order.u32(body, 4),
            unit: Unit::of(6),
            offset: 0,
        };
        let mut rest = &body[8..];
        while rest.len() >= 4 {
            let (code, length) = (order.u16(rest, 0), usize::from(order.u16(rest, 2)));
            let Some(value) = rest[4..].get(..length) else {
                break;
            };
            match (code, value) {
                (END, _) => break,
                (RESOLUTION, [resolution]) => interface.unit = Unit::of(*resolution),
                (OFFSET, [_, _, _, _, _, _, _, _]) => {
                    interface.offset = i128::from(order.u64(value, 0) as i64) * SECOND;
                }
                _ => {}
            }
            // Every option takes four bytes or more, so a block has an end of them.
            rest = rest[4..].get(length.next_multiple_of(4)..).unwrap_or(&[]);
        }
        interface
    }

    /// Nanoseconds since the epoch; what 64 bits do not hold becomes the nearest that they do.
    pub(super) fn time(&self, ticks: u64) -> i64 {
        let nanoseconds = i128::from(ticks);
        let nanoseconds = match self.unit {
            Unit::Times(unit) => nanoseconds * i128::from(unit),
            Unit::Over(0) => 0,
            Unit::Over(unit) => i128::from(ticks / unit),
            Unit::Binary(power) => (nanoseconds * SECOND) >> power,
        };
        (nanoseconds + self.offset).clamp(i64::MIN.into(), i64::MAX.into()) as i64
    }
}

impl Unit {
    /// By an `if_tsresol`: a second over ten to a power or, with the high bit, two to it.
    fn of(resolution: u8) -> Self {
        let power = resolution & 0x7f;
        match power {
            _ if resolution & 0x80 != 0 => Self::Binary(power),
            0..=9 => Self::Times(10_u64.pow(u32::from(9 - power))),
            _ => Self::Over(10_u64.checked_pow(u32::from(power - 9)).unwrap_or(0)),
        }
    }
}
