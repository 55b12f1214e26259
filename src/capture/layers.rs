//! Link, tunnel, IP and transport headers -> [`Packet`].
//!
//! [`decode`] opens a packet from the outside in: what the link has before the IP header
//! ([`link`]), the IP header and its extensions ([`ip`]), the transport header ([`transport`],
//! [`icmp`]), and, where that is one, the tunnel ([`tunnel`]), from which it goes on with what the
//! tunnel carries. [`fast`] does the same at once for the packets that nearly all are, or leaves
//! them alone. No state is kept from packet to packet.

mod fast;
mod icmp;
mod ip;
mod link;
mod link_types;
mod transport;
mod tunnel;
mod view;

#[cfg(test)]
mod cut_tests;
#[cfg(test)]
mod link_tests;
#[cfg(test)]
mod packet_tests;
#[cfg(test)]
mod property_tests;
#[cfg(test)]
mod samples;
#[cfg(test)]
mod tunnel_tests;

use super::packet::{Packet, Skip, Tunnel};
use crate::fault::FaultKind;
use link::Layer;
use view::View;

/// How many tunnels are opened, one in the other.
pub const DEPTH: usize = 8;

/// What headers do not say of themselves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// UDP destination ports that carry VXLAN.
    pub vxlan_ports: Vec<u16>,
}

impl Default for Options {
    /// The assigned port, and the one that Linux had before it.
    fn default() -> Self {
        Self {
            vxlan_ports: vec![4789, 8472],
        }
    }
}

/// Decodes a packet of which `data` was kept and that had `original` bytes on a link of type
/// `link`.
///
/// What a tunnel carries is what is returned; but where that is no IP packet, or nothing of it was
/// kept, the packet that carries it.
#[inline]
pub fn decode(link: u16, data: &[u8], original: u32, options: &Options) -> Result<Packet, Skip> {
    open(link, View::new(data, original), options, true)
}

/// [`decode`] without [`fast`]: the twin that it is held to.
pub fn decode_carefully(
    link: u16,
    data: &[u8],
    original: u32,
    options: &Options,
) -> Result<Packet, Skip> {
    open(link, View::new(data, original), options, false)
}

/// [`decode`], with [`fast`] or without.
#[inline]
fn open(link: u16, view: View<'_>, options: &Options, is_fast: bool) -> Result<Packet, Skip> {
    let (layer, view) = link::start(link, view)?;
    if is_fast && let Some(packet) = fast::decode(layer, view.bytes, Tunnel::None, options) {
        return Ok(packet);
    }
    open_tunnels(layer, view, options, is_fast)
}

fn open_tunnels(
    mut layer: Layer,
    mut view: View<'_>,
    options: &Options,
    is_fast: bool,
) -> Result<Packet, Skip> {
    let mut tunnel = Tunnel::None;
    let mut carrier = None;
    for _ in 0..=DEPTH {
        if is_fast
            && carrier.is_some()
            && let Some(packet) = fast::decode(layer, view.bytes, tunnel, options)
        {
            return Ok(packet);
        }
        let ip = match link::to_ip(layer, view) {
            Ok(view) => ip::parse(view)?,
            Err(skip) => return carrier.filter(|_| skip == Skip::NotIp).ok_or(skip),
        };
        let packet = transport::packet(&ip, tunnel)?;
        let Some(inner) = tunnel::inner(&ip, &packet, options) else {
            return Ok(packet);
        };
        carrier = Some(packet);
        (tunnel, layer, view) = (inner.tunnel, inner.layer, inner.view);
    }
    let detail = format!("at most {DEPTH} tunnels in one another, found more");
    Err(Skip::Fault(FaultKind::TunnelTooDeep, detail))
}
