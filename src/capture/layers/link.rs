//! What is before the IP header: link types, and the headers that follow one another until IP.

use etherparse::{LaxMacsecPayloadSlice, LaxMacsecSlice, SingleVlanSlice, err::macsec};
use pnet_packet::Packet as _;
use pnet_packet::sll2::SLL2Packet;

use super::link_types;
use super::view::{View, malformed, u16_at};
use crate::capture::packet::Skip;
use crate::fault::FaultKind;

/// How many headers before IP are skipped.
const LIMIT: usize = 32;

/// What a header says that follows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Layer {
    /// An Ethernet frame.
    Ethernet,
    /// What an `EtherType` says.
    EtherType(u16),
    /// IEEE 802.2 logical link control.
    Llc,
    /// PPP, its address and control octets there or not.
    Ppp,
    /// PPP over Ethernet.
    Pppoe,
    /// An MPLS label.
    Mpls,
    /// IPv4 or IPv6.
    Ip,
}

pub(super) const IPV4: u16 = 0x0800;
pub(super) const IPV6: u16 = 0x86dd;
pub(super) const VLAN: u16 = 0x8100;
/// Transparent Ethernet Bridging: a whole frame.
pub(super) const ETHERNET: u16 = 0x6558;
const PROVIDER_VLAN: u16 = 0x88a8;
const OLD_PROVIDER_VLAN: u16 = 0x9100;
const PPPOE_SESSION: u16 = 0x8864;
const MPLS: u16 = 0x8847;
const MPLS_MULTICAST: u16 = 0x8848;
const MACSEC: u16 = 0x88e5;
/// Numbers below are lengths, or of Linux's own.
const FIRST_ETHER_TYPE: u16 = 0x0600;

/// Takes off the header of a link type of the
/// [registry](https://www.tcpdump.org/linktypes.html).
#[inline]
pub(super) fn start(link: u16, view: View<'_>) -> Result<(Layer, View<'_>), Skip> {
    match link {
        1 => Ok((Layer::Ethernet, view)),
        12 | 14 | 101 | 228 | 229 => Ok((Layer::Ip, view)),
        _ => start_other(link, view),
    }
}

fn start_other(link: u16, view: View<'_>) -> Result<(Layer, View<'_>), Skip> {
    match link {
        0 | 108 => {
            is_ip_family(*view.header("loopback header")?)?;
            Ok((Layer::Ip, view.skip(4)))
        }
        9 | 50 => Ok((Layer::Ppp, view)),
        51 => Ok((Layer::Pppoe, view)),
        104 => {
            let header: &[u8; 4] = view.header("Cisco HDLC header")?;
            Ok((Layer::EtherType(u16_at(header, 2)), view.skip(4)))
        }
        113 => {
            let header: &[u8; 16] = view.header("Linux cooked header")?;
            Ok((cooked(u16_at(header, 14))?, view.skip(16)))
        }
        276 => {
            let header: &[u8; 20] = view.header("Linux cooked header")?;
            let Some(cooked_header) = SLL2Packet::new(header) else {
                return Err(view.lacks(20, "Linux cooked header"));
            };
            let layer = cooked(cooked_header.get_protocol_type().0)?;
            Ok((
                layer,
                view.skip(header.len() - cooked_header.payload().len()),
            ))
        }
        _ => Err(Skip::Fault(
            FaultKind::UnknownLinkType,
            link_types::describe(link),
        )),
    }
}

/// Whether a loopback header says IP. It is in the byte order of the host that captured, which
/// need not be that of the file; the families of IPv6 are those of Linux, NetBSD, FreeBSD and
/// macOS.
fn is_ip_family(header: [u8; 4]) -> Result<(), Skip> {
    let is_ip = |family| matches!(family, 2 | 10 | 24 | 28 | 30);
    if is_ip(u32::from_le_bytes(header)) || is_ip(u32::from_be_bytes(header)) {
        return Ok(());
    }
    Err(Skip::NotIp)
}

/// What Linux's protocol number says: an `EtherType`, or 802.2.
fn cooked(protocol: u16) -> Result<Layer, Skip> {
    match protocol {
        4 => Ok(Layer::Llc),
        ..FIRST_ETHER_TYPE => Err(Skip::NotIp),
        ether_type => Ok(Layer::EtherType(ether_type)),
    }
}

/// Takes off headers until an IP header is first.
pub(super) fn to_ip(mut layer: Layer, mut view: View<'_>) -> Result<View<'_>, Skip> {
    for _ in 0..LIMIT {
        if layer == Layer::Ip {
            return Ok(view);
        }
        (layer, view) = step(layer, view)?;
    }
    Err(malformed(format!(
        "at most {LIMIT} headers expected before IP, found more"
    )))
}

fn step(layer: Layer, view: View<'_>) -> Result<(Layer, View<'_>), Skip> {
    match layer {
        Layer::Ethernet => {
            let header: &[u8; 14] = view.header("Ethernet header")?;
            Ok((after_length(u16_at(header, 12)), view.skip(14)))
        }
        Layer::EtherType(number) => ether_type(number, view),
        Layer::Llc => llc(view),
        Layer::Ppp => ppp(view),
        Layer::Pppoe => pppoe(view),
        Layer::Mpls => mpls(view),
        Layer::Ip => Ok((Layer::Ip, view)),
    }
}

/// What follows a frame's type, which is a length where it is small.
fn after_length(number: u16) -> Layer {
    if number <= 1500 {
        Layer::Llc
    } else {
        Layer::EtherType(number)
    }
}

fn ether_type(number: u16, view: View<'_>) -> Result<(Layer, View<'_>), Skip> {
    match number {
        IPV4 | IPV6 => Ok((Layer::Ip, view)),
        VLAN | PROVIDER_VLAN | OLD_PROVIDER_VLAN => {
            let Ok(tag) = SingleVlanSlice::from_slice(view.bytes) else {
                return Err(view.lacks(4, "VLAN tag"));
            };
            Ok((
                after_length(tag.ether_type().0),
                view.skip(tag.header_len()),
            ))
        }
        MACSEC => mac_security(view),
        ETHERNET => Ok((Layer::Ethernet, view)),
        PPPOE_SESSION => Ok((Layer::Pppoe, view)),
        MPLS | MPLS_MULTICAST => Ok((Layer::Mpls, view)),
        _ => Err(Skip::NotIp),
    }
}

/// IEEE 802.1AE: the frame that follows is readable where it is signed only.
fn mac_security(view: View<'_>) -> Result<(Layer, View<'_>), Skip> {
    let frame = match LaxMacsecSlice::from_slice(view.bytes) {
        Ok(frame) => frame,
        Err(macsec::HeaderSliceError::Len(error)) => {
            return Err(view.lacks(error.required_len, "MACsec header"));
        }
        Err(macsec::HeaderSliceError::Content(error)) => {
            return Err(malformed(format!("MACsec header: {error}")));
        }
    };
    match frame.payload {
        LaxMacsecPayloadSlice::Unmodified(inner) => Ok((
            after_length(inner.ether_type.0),
            view.skip(frame.header.header_len()),
        )),
        LaxMacsecPayloadSlice::Modified { .. } => Err(Skip::NotIp),
    }
}

/// IEEE 802.2: IP is named by its own number, or by its `EtherType` in a SNAP header.
fn llc(view: View<'_>) -> Result<(Layer, View<'_>), Skip> {
    let [destination, source, control] = *view.header("802.2 header")?;
    match (destination, source, control) {
        (0x06, 0x06, 0x03) => Ok((Layer::Ip, view.skip(3))),
        (0xaa, 0xaa, 0x03) => {
            let header: &[u8; 8] = view.header("SNAP header")?;
            // RFC 1042, and the bridge-tunnel form of IEEE 802.1H.
            if !matches!(header[3..6], [0, 0, 0 | 0xf8]) {
                return Err(Skip::NotIp);
            }
            Ok((Layer::EtherType(u16_at(header, 6)), view.skip(8)))
        }
        _ => Err(Skip::NotIp),
    }
}

/// RFC 1661 and 1662: a protocol of one byte is odd.
fn ppp(view: View<'_>) -> Result<(Layer, View<'_>), Skip> {
    let framed = match view.header("PPP header")? {
        [0xff, 0x03] => view.skip(2),
        // Cisco's framing on the same kind of line.
        [0x0f | 0x8f, 0] => {
            let header: &[u8; 4] = view.header("Cisco HDLC header")?;
            return Ok((Layer::EtherType(u16_at(header, 2)), view.skip(4)));
        }
        _ => view,
    };
    let header: &[u8; 2] = framed.header("PPP protocol")?;
    let (protocol, length) = if header[0] & 1 == 1 {
        (u16::from(header[0]), 1)
    } else {
        (u16_at(header, 0), 2)
    };
    match protocol {
        0x0021 | 0x0057 => Ok((Layer::Ip, framed.skip(length))),
        0x0281 | 0x0283 => Ok((Layer::Mpls, framed.skip(length))),
        _ => Err(Skip::NotIp),
    }
}

/// RFC 2516: code 0 is data; the length leaves out padding.
fn pppoe(view: View<'_>) -> Result<(Layer, View<'_>), Skip> {
    let header: &[u8; 6] = view.header("PPPoE header")?;
    if header[0] != 0x11 {
        return Err(malformed(format!(
            "PPPoE header: version and type 0x11 expected, 0x{:02x} found",
            header[0]
        )));
    }
    if header[1] != 0 {
        return Err(Skip::NotIp);
    }
    let length = usize::from(u16_at(header, 4));
    Ok((Layer::Ppp, view.skip(6).limit(length)))
}

/// RFC 3032. What follows the last label is not named: IP is known by its version.
fn mpls(view: View<'_>) -> Result<(Layer, View<'_>), Skip> {
    let label: &[u8; 4] = view.header("MPLS label")?;
    let rest = view.skip(4);
    if label[2] & 1 == 0 {
        return Ok((Layer::Mpls, rest));
    }
    let [first] = rest.header("what MPLS carries")?;
    match first >> 4 {
        4 | 6 => Ok((Layer::Ip, rest)),
        _ => Err(Skip::NotIp),
    }
}
