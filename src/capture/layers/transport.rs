//! Transport headers, and the packet that they and the IP header make.

use super::icmp;
use super::ip::Ip;
use super::view::{View, malformed, u16_at};
use crate::capture::packet::{Packet, Skip, Transport, Tunnel};

pub(super) const ICMP: u8 = 1;
pub(super) const TCP: u8 = 6;
pub(super) const UDP: u8 = 17;
pub(super) const DCCP: u8 = 33;
pub(super) const ICMP_V6: u8 = 58;
pub(super) const SCTP: u8 = 132;
pub(super) const UDP_LITE: u8 = 136;

/// What a transport header says.
struct Header {
    ports: (u16, u16),
    transport: Transport,
    /// How long it is, where that is known.
    length: Option<usize>,
}

/// The packet of an IP header and what follows it.
pub(super) fn packet(ip: &Ip<'_>, tunnel: Tunnel) -> Result<Packet, Skip> {
    let header = header(ip)?;
    let payload = header.length.map_or(0, |length| {
        ip.length.saturating_sub(ip.headers).saturating_sub(length)
    });
    Ok(Packet {
        source: ip.source,
        destination: ip.destination,
        source_port: header.ports.0,
        destination_port: header.ports.1,
        protocol: ip.protocol,
        ip_length: ip.length as u32,
        payload: payload as u32,
        transport: header.transport,
        fragment: ip.fragment,
        tunnel,
    })
}

fn header(ip: &Ip<'_>) -> Result<Header, Skip> {
    if ip.is_later_fragment() {
        return Ok(Header {
            ports: (0, 0),
            transport: Transport::Other,
            length: Some(0),
        });
    }
    match ip.protocol {
        TCP => tcp(ip.body),
        UDP => ports(ip.body, "UDP header", 8),
        UDP_LITE => ports(ip.body, "UDP-Lite header", 8),
        SCTP => ports(ip.body, "SCTP header", 12),
        DCCP => dccp(ip.body),
        ICMP if !ip.is_v6 => icmp(ip),
        ICMP_V6 if ip.is_v6 => icmp(ip),
        _ => Ok(Header {
            ports: (0, 0),
            transport: Transport::Other,
            length: None,
        }),
    }
}

/// RFC 9293. The flags are the last that is needed.
fn tcp(body: View<'_>) -> Result<Header, Skip> {
    body.expect(20, "TCP header")?;
    let header: &[u8; 14] = body.header("TCP header")?;
    let length = usize::from(header[12] >> 4) * 4;
    if length < 20 {
        return Err(malformed(format!(
            "TCP data offset: at least 20 bytes expected, {length} found"
        )));
    }
    Ok(Header {
        ports: (u16_at(header, 0), u16_at(header, 2)),
        transport: Transport::Tcp {
            flags: header[13],
            sequence: u32::from_be_bytes([header[4], header[5], header[6], header[7]]),
        },
        length: Some(length),
    })
}

/// A header of `length` bytes that begins with two ports, which suffice.
fn ports(body: View<'_>, what: &str, length: usize) -> Result<Header, Skip> {
    body.expect(length, what)?;
    let header: &[u8; 4] = body.header(what)?;
    Ok(Header {
        ports: (u16_at(header, 0), u16_at(header, 2)),
        transport: Transport::Ports,
        length: Some(length),
    })
}

/// RFC 4340: the fifth byte says how long the header is, in fours.
fn dccp(body: View<'_>) -> Result<Header, Skip> {
    let header = ports(body, "DCCP header", 12)?;
    let length = body.bytes.get(4).map(|&fours| usize::from(fours) * 4);
    match length {
        Some(length @ ..12) => Err(malformed(format!(
            "DCCP data offset: at least 12 bytes expected, {length} found"
        ))),
        length => Ok(Header { length, ..header }),
    }
}

fn icmp(ip: &Ip<'_>) -> Result<Header, Skip> {
    ip.body.expect(4, "ICMP header")?;
    let &[kind, code] = ip.body.header("ICMP header")?;
    if icmp::identifier(ip.is_v6, kind) != icmp::Identifier::None {
        ip.body.expect(8, "ICMP header")?;
        ip.body.header::<6>("ICMP header")?;
    }
    Ok(Header {
        ports: icmp::ports(ip),
        transport: Transport::Icmp {
            kind,
            code,
            quoted: icmp::quoted(ip),
        },
        length: Some(8),
    })
}

/// The ports of what follows an IP header, as far as it was kept; 0 where it was not or has none.
pub(super) fn ports_kept(ip: &Ip<'_>) -> (u16, u16) {
    match ip.protocol {
        _ if ip.is_later_fragment() => (0, 0),
        TCP | UDP | UDP_LITE | SCTP | DCCP => ip
            .body
            .bytes
            .first_chunk()
            .map_or((0, 0), |header: &[u8; 4]| {
                (u16_at(header, 0), u16_at(header, 2))
            }),
        ICMP if !ip.is_v6 => icmp::ports(ip),
        ICMP_V6 if ip.is_v6 => icmp::ports(ip),
        _ => (0, 0),
    }
}
