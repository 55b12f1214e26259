//! The packets that nearly all are, at fixed offsets: IPv4 or IPv6 without options, then TCP or
//! UDP that is no tunnel's, all headers kept and nothing contradictory. Whatever is not exactly
//! that is left to the careful way, and the tests hold that both say the same.

use super::Options;
use super::link::{IPV4, IPV6, Layer, VLAN};
use super::transport::{TCP, UDP};
use super::tunnel;
use super::view::u16_at;
use crate::capture::packet::{Packet, Transport, Tunnel};

/// The packet, or nothing where it is none of these.
#[inline]
pub(super) fn decode(
    layer: Layer,
    bytes: &[u8],
    tunnel: Tunnel,
    options: &Options,
) -> Option<Packet> {
    let ip = match layer {
        Layer::Ethernet => after_ethernet(bytes)?,
        Layer::EtherType(IPV4 | IPV6) | Layer::Ip => bytes,
        _ => return None,
    };
    match ip.first()? >> 4 {
        4 => v4(ip, tunnel, options),
        6 => v6(ip, tunnel, options),
        _ => None,
    }
}

/// What follows an Ethernet header, or one with a VLAN tag.
#[inline]
fn after_ethernet(bytes: &[u8]) -> Option<&[u8]> {
    let (header, rest) = bytes.split_first_chunk::<14>()?;
    match u16_at(header, 12) {
        IPV4 | IPV6 => Some(rest),
        VLAN => {
            let (tag, rest) = rest.split_first_chunk::<4>()?;
            matches!(u16_at(tag, 2), IPV4 | IPV6).then_some(rest)
        }
        _ => None,
    }
}

#[inline]
fn v4(ip: &[u8], tunnel: Tunnel, options: &Options) -> Option<Packet> {
    let (header, body) = ip.split_first_chunk::<20>()?;
    // No option, not a fragment ("don't fragment" may be set).
    if header[0] != 0x45 || u16_at(header, 6) & 0x3fff != 0 {
        return None;
    }
    let mapped = |at: usize| {
        let [a, b, c, d] = [header[at], header[at + 1], header[at + 2], header[at + 3]];
        0xffff_0000_0000 | u128::from(u32::from_be_bytes([a, b, c, d]))
    };
    let ends = (mapped(12), mapped(16));
    let length = u32::from(u16_at(header, 2));
    transport(header[9], body, length.checked_sub(20)?, options).map(|found| Packet {
        ip_length: length,
        ..found.packet(ends, tunnel)
    })
}

#[inline]
fn v6(ip: &[u8], tunnel: Tunnel, options: &Options) -> Option<Packet> {
    let (header, body) = ip.split_first_chunk::<40>()?;
    let mut source = [0; 16];
    let mut destination = [0; 16];
    source.copy_from_slice(&header[8..24]);
    destination.copy_from_slice(&header[24..40]);
    let ends = (
        u128::from_be_bytes(source),
        u128::from_be_bytes(destination),
    );
    let length = u32::from(u16_at(header, 4));
    transport(header[6], body, length, options).map(|found| Packet {
        ip_length: 40 + length,
        ..found.packet(ends, tunnel)
    })
}

/// What a transport header says.
struct Found {
    ports: (u16, u16),
    protocol: u8,
    payload: u32,
    transport: Transport,
}

impl Found {
    #[inline]
    fn packet(self, ends: (u128, u128), tunnel: Tunnel) -> Packet {
        Packet {
            source: ends.0,
            destination: ends.1,
            source_port: self.ports.0,
            destination_port: self.ports.1,
            protocol: self.protocol,
            ip_length: 0,
            payload: self.payload,
            transport: self.transport,
            fragment: None,
            tunnel,
        }
    }
}

/// Reads a header that is followed by all of `length` but itself.
#[inline]
fn transport(protocol: u8, body: &[u8], length: u32, options: &Options) -> Option<Found> {
    match protocol {
        TCP => {
            let header: &[u8; 20] = body.first_chunk()?;
            let offset = u32::from(header[12] >> 4) * 4;
            (offset >= 20 && length >= 20).then(|| Found {
                ports: (u16_at(header, 0), u16_at(header, 2)),
                protocol,
                payload: length.saturating_sub(offset),
                transport: Transport::Tcp {
                    flags: header[13],
                    sequence: u32::from_be_bytes([header[4], header[5], header[6], header[7]]),
                },
            })
        }
        UDP => {
            let header: &[u8; 8] = body.first_chunk()?;
            let ports = (u16_at(header, 0), u16_at(header, 2));
            (length >= 8 && !tunnel::is_port(ports.1, options)).then(|| Found {
                ports,
                protocol,
                payload: length - 8,
                transport: Transport::Ports,
            })
        }
        _ => None,
    }
}
