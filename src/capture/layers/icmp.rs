//! ICMP and `ICMPv6`: which exchange a message is of, and which packet an error is about.

use super::ip::{self, Ip};
use super::transport;
use super::view::u16_at;
use crate::capture::packet::Quoted;

/// How a message is numbered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Identifier {
    /// It asks, with an identifier that the answer repeats.
    Asks,
    /// It answers.
    Answers,
    /// It has none.
    None,
}

/// Whether a type has an identifier: echo, timestamp, information, address mask, extended echo.
pub(super) fn identifier(is_v6: bool, kind: u8) -> Identifier {
    match (is_v6, kind) {
        (false, 8 | 13 | 15 | 17 | 42) | (true, 128 | 160) => Identifier::Asks,
        (false, 0 | 14 | 16 | 18 | 43) | (true, 129 | 161) => Identifier::Answers,
        _ => Identifier::None,
    }
}

/// What stands for ports: the identifier, on the side of who asks, so that question and answer are
/// of one conversation. 0 where a message has none.
pub(super) fn ports(ip: &Ip<'_>) -> (u16, u16) {
    let Some(header) = ip.body.bytes.first_chunk::<6>() else {
        return (0, 0);
    };
    match identifier(ip.is_v6, header[0]) {
        Identifier::Asks => (u16_at(header, 4), 0),
        Identifier::Answers => (0, u16_at(header, 4)),
        Identifier::None => (0, 0),
    }
}

/// The packet that an error message quotes after its eight bytes.
pub(super) fn quoted(ip: &Ip<'_>) -> Option<Quoted> {
    let kind = ip.body.bytes.first()?;
    if !matches!(
        (ip.is_v6, kind),
        (false, 3 | 4 | 5 | 11 | 12) | (true, 1..=4)
    ) {
        return None;
    }
    let quote = ip::parse_quoted(ip.body.skip(8))?;
    let (source_port, destination_port) = transport::ports_kept(&quote);
    Some(Quoted {
        source: quote.source,
        destination: quote.destination,
        source_port,
        destination_port,
        protocol: quote.protocol,
    })
}
