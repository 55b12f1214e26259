//! Tunnels: VXLAN and Geneve in UDP, GRE, and IP directly in IP.

use pnet_packet::Packet as _;
use pnet_packet::vxlan::VxlanPacket;

use super::Options;
use super::ip::Ip;
use super::link::Layer;
use super::transport::UDP;
use super::view::{View, u16_at};
use crate::capture::packet::{Packet, Tunnel};

const GENEVE_PORT: u16 = 6081;
const IPV4_IN_IP: u8 = 4;
const IPV6_IN_IP: u8 = 41;
const GRE: u8 = 47;

/// What a tunnel carries.
#[derive(Debug, Clone, Copy)]
pub(super) struct Inner<'a> {
    pub(super) tunnel: Tunnel,
    pub(super) layer: Layer,
    pub(super) view: View<'a>,
}

/// Whether a UDP port is a tunnel's.
#[inline]
pub(super) fn is_port(port: u16, options: &Options) -> bool {
    port == GENEVE_PORT || options.vxlan_ports.contains(&port)
}

/// What a packet carries if it is a tunnel's and some of what it carries was kept.
pub(super) fn inner<'a>(ip: &Ip<'a>, packet: &Packet, options: &Options) -> Option<Inner<'a>> {
    if ip.is_later_fragment() {
        return None;
    }
    let (tunnel, layer, view) = match ip.protocol {
        UDP if options.vxlan_ports.contains(&packet.destination_port) => {
            let (layer, view) = vxlan(ip.body.skip(8))?;
            (Tunnel::Vxlan, layer, view)
        }
        UDP if packet.destination_port == GENEVE_PORT => {
            let (layer, view) = geneve(ip.body.skip(8))?;
            (Tunnel::Geneve, layer, view)
        }
        GRE => {
            let (layer, view) = gre(ip.body)?;
            (Tunnel::Gre, layer, view)
        }
        IPV4_IN_IP => (Tunnel::IpInIp, Layer::Ip, of_version(4, ip.body)?),
        IPV6_IN_IP => (Tunnel::IpInIp, Layer::Ip, of_version(6, ip.body)?),
        _ => return None,
    };
    (!view.bytes.is_empty()).then_some(Inner {
        tunnel,
        layer,
        view,
    })
}

/// RFC 7348: the flag says that there is a network identifier, which there must be.
fn vxlan(view: View<'_>) -> Option<(Layer, View<'_>)> {
    let header = VxlanPacket::new(view.bytes)?;
    let length = view.bytes.len() - header.payload().len();
    (header.get_flags() & 8 != 0).then(|| (Layer::Ethernet, view.skip(length)))
}

/// RFC 8926: a version, the length of the options in fours, and an `EtherType`.
fn geneve(view: View<'_>) -> Option<(Layer, View<'_>)> {
    let header: &[u8; 8] = view.bytes.first_chunk()?;
    if header[0] >> 6 != 0 {
        return None;
    }
    let length = 8 + usize::from(header[0] & 63) * 4;
    Some((Layer::EtherType(u16_at(header, 2)), view.skip(length)))
}

/// RFC 1701, 2784 and 2890: flags say which fields there are. Version 1 is PPTP's, which carries
/// PPP piecemeal.
fn gre(view: View<'_>) -> Option<(Layer, View<'_>)> {
    let header: &[u8; 4] = view.bytes.first_chunk()?;
    let flags = u16_at(header, 0);
    if flags & 7 != 0 {
        return None;
    }
    let has = |flag| flags & flag != 0;
    let (checksum, routing, key, sequence) = (has(0x8000), has(0x4000), has(0x2000), has(0x1000));
    let words = usize::from(checksum || routing) + usize::from(key) + usize::from(sequence);
    let mut rest = view.skip(4 + words * 4);
    if routing {
        rest = after_routes(rest)?;
    }
    Some((Layer::EtherType(u16_at(header, 2)), rest))
}

/// RFC 1701: source routes, each with its family, an offset and a length; an empty one is last.
fn after_routes(mut view: View<'_>) -> Option<View<'_>> {
    loop {
        let entry: &[u8; 4] = view.bytes.first_chunk()?;
        view = view.skip(4 + usize::from(entry[3]));
        if entry[3] == 0 {
            return Some(view);
        }
    }
}

/// IP by its version: what is none is not opened.
fn of_version(version: u8, view: View<'_>) -> Option<View<'_>> {
    (view.bytes.first()? >> 4 == version).then_some(view)
}
