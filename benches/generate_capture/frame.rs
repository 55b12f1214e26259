//! Frames: Ethernet down to the payload, with the checksums that a network would have.

use std::net::{IpAddr, Ipv4Addr};

/// What a frame carries its IP packet in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wrapping {
    None,
    Vlan,
    QinQ,
    Vxlan,
}

impl Wrapping {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Vlan => "vlan",
            Self::QinQ => "qinq",
            Self::Vxlan => "vxlan",
        }
    }

    /// Bytes of the header before the IP packet's own Ethernet type and after it.
    fn tags(self) -> &'static [u8] {
        match self {
            Self::None | Self::Vxlan => &[],
            Self::Vlan => &[0x81, 0, 0, 120],
            Self::QinQ => &[0x88, 0xa8, 0, 200, 0x81, 0, 0, 120],
        }
    }
}

pub(crate) const FIN: u8 = 1;
pub(crate) const SYN: u8 = 2;
pub(crate) const RST: u8 = 4;
pub(crate) const PSH: u8 = 8;
pub(crate) const ACK: u8 = 16;

/// What follows the IP header.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Content<'a> {
    Tcp {
        flags: u8,
        sequence: u32,
        acknowledged: u32,
        payload: &'a [u8],
    },
    Udp {
        payload: &'a [u8],
    },
    /// An echo request or its reply.
    Echo {
        reply: bool,
        id: u16,
        sequence: u16,
    },
    /// "Administratively prohibited", with what it quotes.
    Prohibited {
        quoted: &'a [u8],
    },
}

/// An IP packet to be made.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Packet<'a> {
    pub(crate) addresses: [IpAddr; 2],
    pub(crate) ports: [u16; 2],
    pub(crate) id: u16,
    pub(crate) content: Content<'a>,
}

/// Options of a SYN: MSS 1460, window scale 8, selective acknowledgments.
const SYN_OPTIONS: [u8; 12] = [2, 4, 5, 0xb4, 1, 3, 3, 8, 1, 1, 4, 2];
/// Shortest frame on a wire, without its check sequence.
const SHORTEST: usize = 60;
/// The router that Azure's virtual networks show their hosts.
const GATEWAY: [u8; 6] = [0x12, 0x34, 0x56, 0x78, 0x9a, 0xbc];
const VXLAN_PORT: u16 = 4_789;
const VXLAN_NETWORK: u32 = 0x00_20_26;
/// Ethernet, IPv4, UDP and VXLAN before a mirrored frame.
const VXLAN_HEADERS: usize = 14 + 20 + 8 + 8;
/// Who mirrors, and to whom.
const MIRROR: [Ipv4Addr; 2] = [Ipv4Addr::new(10, 20, 3, 9), Ipv4Addr::new(10, 40, 0, 9)];

impl Packet<'_> {
    /// Appends the frame and returns how long its IP packet is.
    pub(crate) fn frame(&self, wrapping: Wrapping, out: &mut Vec<u8>) -> usize {
        let outer = out.len();
        if wrapping == Wrapping::Vxlan {
            out.resize(outer + VXLAN_HEADERS, 0);
        }
        let start = out.len();
        out.extend_from_slice(&mac(self.addresses[1]));
        out.extend_from_slice(&mac(self.addresses[0]));
        out.extend_from_slice(wrapping.tags());
        out.extend_from_slice(if self.addresses[0].is_ipv4() {
            &[8, 0]
        } else {
            &[0x86, 0xdd]
        });
        let length = self.ip(out);
        if out.len() - start < SHORTEST {
            out.resize(start + SHORTEST, 0);
        }
        if wrapping == Wrapping::Vxlan {
            self.mirror(outer, out);
        }
        length
    }

    /// Appends the IP packet alone and returns its length.
    pub(crate) fn ip(&self, out: &mut Vec<u8>) -> usize {
        let start = out.len();
        let protocol = self.protocol();
        // Each address has a distance of its own, as a capture sees it.
        let hops = 128 - octets(self.addresses[0]).iter().fold(0, |a, b| a ^ b) % 16;
        match self.addresses {
            [IpAddr::V4(source), IpAddr::V4(destination)] => {
                out.extend_from_slice(&[0x45, 0, 0, 0]);
                out.extend_from_slice(&self.id.to_be_bytes());
                out.extend_from_slice(&[0x40, 0, hops, protocol, 0, 0]);
                out.extend_from_slice(&source.octets());
                out.extend_from_slice(&destination.octets());
            }
            [source, destination] => {
                out.extend_from_slice(&[0x60, 0, 0, 0, 0, 0, protocol, hops]);
                out.extend_from_slice(&octets(source));
                out.extend_from_slice(&octets(destination));
            }
        }
        let transport = out.len();
        let check = self.transport(out);
        let length = out.len() - start;
        let payload = (out.len() - transport) as u16;
        if self.addresses[0].is_ipv4() {
            put(out, start + 2, length as u16);
            let sum = checksum(sum(&out[start..transport]));
            put(out, start + 10, sum);
        } else {
            put(out, start + 4, payload);
        }
        let mut total = sum(&out[transport..]);
        if protocol != 1 {
            total += sum(&octets(self.addresses[0])) + sum(&octets(self.addresses[1]));
            total += u64::from(protocol) + u64::from(payload);
        }
        let value = match (checksum(total), protocol) {
            // Zero would say that there is none.
            (0, 17) => 0xffff,
            (value, _) => value,
        };
        put(out, transport + check, value);
        length
    }

    fn protocol(&self) -> u8 {
        match self.content {
            Content::Tcp { .. } => 6,
            Content::Udp { .. } => 17,
            Content::Echo { .. } | Content::Prohibited { .. } if self.addresses[0].is_ipv4() => 1,
            Content::Echo { .. } | Content::Prohibited { .. } => 58,
        }
    }

    /// Appends header and payload and returns where in it the checksum goes.
    fn transport(&self, out: &mut Vec<u8>) -> usize {
        let [source, destination] = self.ports;
        match self.content {
            Content::Tcp {
                flags,
                sequence,
                acknowledged,
                payload,
            } => {
                let options: &[u8] = if flags & SYN != 0 { &SYN_OPTIONS } else { &[] };
                out.extend_from_slice(&source.to_be_bytes());
                out.extend_from_slice(&destination.to_be_bytes());
                out.extend_from_slice(&sequence.to_be_bytes());
                out.extend_from_slice(&acknowledged.to_be_bytes());
                out.extend_from_slice(&[(20 + options.len() as u8) << 2, flags]);
                let window: u16 = if flags & RST != 0 { 0 } else { 8_192 };
                out.extend_from_slice(&window.to_be_bytes());
                out.extend_from_slice(&[0; 4]);
                out.extend_from_slice(options);
                out.extend_from_slice(payload);
                16
            }
            Content::Udp { payload } => {
                out.extend_from_slice(&source.to_be_bytes());
                out.extend_from_slice(&destination.to_be_bytes());
                out.extend_from_slice(&(8 + payload.len() as u16).to_be_bytes());
                out.extend_from_slice(&[0; 2]);
                out.extend_from_slice(payload);
                6
            }
            Content::Echo {
                reply,
                id,
                sequence,
            } => {
                let kind = match (self.addresses[0].is_ipv4(), reply) {
                    (true, false) => 8,
                    (true, true) => 0,
                    (false, false) => 128,
                    (false, true) => 129,
                };
                out.extend_from_slice(&[kind, 0, 0, 0]);
                out.extend_from_slice(&id.to_be_bytes());
                out.extend_from_slice(&sequence.to_be_bytes());
                out.extend(b'a'..b'a' + 24);
                2
            }
            Content::Prohibited { quoted } => {
                let kind: [u8; 2] = if self.addresses[0].is_ipv4() {
                    [3, 13]
                } else {
                    [1, 1]
                };
                out.extend_from_slice(&kind);
                out.extend_from_slice(&[0; 6]);
                out.extend_from_slice(quoted);
                2
            }
        }
    }

    /// Fills the headers of a mirrored frame, for which room was left at `outer`.
    fn mirror(&self, outer: usize, out: &mut [u8]) {
        let length = (out.len() - outer - 14) as u16;
        let headers = &mut out[outer..outer + VXLAN_HEADERS];
        headers[..6].copy_from_slice(&mac(IpAddr::V4(MIRROR[1])));
        headers[6..12].copy_from_slice(&mac(IpAddr::V4(MIRROR[0])));
        headers[12..20].copy_from_slice(&[8, 0, 0x45, 0, 0, 0, 0, 0]);
        headers[16..18].copy_from_slice(&length.to_be_bytes());
        headers[18..20].copy_from_slice(&self.id.to_be_bytes());
        headers[20..26].copy_from_slice(&[0, 0, 64, 17, 0, 0]);
        headers[26..30].copy_from_slice(&MIRROR[0].octets());
        headers[30..34].copy_from_slice(&MIRROR[1].octets());
        let header = checksum(sum(&headers[14..34]));
        headers[24..26].copy_from_slice(&header.to_be_bytes());
        // The source port spreads the flows over the paths; both ways of one take the same.
        let spread = 0xc000 | ((self.ports[0] ^ self.ports[1]) & 0x3fff);
        headers[34..36].copy_from_slice(&spread.to_be_bytes());
        headers[36..38].copy_from_slice(&VXLAN_PORT.to_be_bytes());
        headers[38..40].copy_from_slice(&(length - 20).to_be_bytes());
        headers[42] = 8;
        headers[46..50].copy_from_slice(&(VXLAN_NETWORK << 8).to_be_bytes());
        let total = sum(&out[outer + 26..]) + 17 + u64::from(length - 20);
        let value = match checksum(total) {
            0 => 0xffff,
            value => value,
        };
        put(out, outer + 40, value);
    }
}

/// Length of the frame of an IP packet.
pub(crate) fn frame_length(ip: usize, wrapping: Wrapping) -> usize {
    let frame = (14 + wrapping.tags().len() + ip).max(SHORTEST);
    if wrapping == Wrapping::Vxlan {
        frame + VXLAN_HEADERS
    } else {
        frame
    }
}

/// Hosts of the virtual network have an interface of their own, everyone else is behind the router.
/// Those of the generated logs, the fourth and fifth address of each subnet of the ISE, have the
/// addresses that the logs tell.
fn mac(address: IpAddr) -> [u8; 6] {
    let [high, low] = match (address, &octets(address)[..]) {
        (IpAddr::V4(_), [10, 20, high, low]) => [*high, *low],
        // The subnet's number is in another place; see `plan::address`.
        (IpAddr::V6(_), [0xfd, 0x20, 0, 0x20, _, _, high, subnet, .., host]) => {
            [high << 3 | subnet >> 5, subnet << 5 | host]
        }
        _ => return GATEWAY,
    };
    let [last, number] = match (high, low % 32) {
        (0, 4 | 5) => [0xa0, low / 32 * 2 + low % 2],
        (0, _) => [0xa0, 0x80 | low],
        _ => [0xb0 ^ high, low],
    };
    [0x00, 0x22, 0x48, 0x12, last, number]
}

/// An address's octets.
fn octets(address: IpAddr) -> Octets {
    match address {
        IpAddr::V4(v4) => {
            let mut all = [0; 16];
            all[..4].copy_from_slice(&v4.octets());
            Octets(all, 4)
        }
        IpAddr::V6(v6) => Octets(v6.octets(), 16),
    }
}

/// Octets of either kind of address.
struct Octets([u8; 16], usize);

impl std::ops::Deref for Octets {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0[..self.1]
    }
}

fn put(out: &mut [u8], at: usize, value: u16) {
    out[at..at + 2].copy_from_slice(&value.to_be_bytes());
}

/// Sum of big-endian words of 32 bits, which folds to the same as one of 16 bits.
fn sum(bytes: &[u8]) -> u64 {
    let mut words = bytes.chunks_exact(4);
    let mut total: u64 = words
        .by_ref()
        .map(|word| u64::from(u32::from_be_bytes([word[0], word[1], word[2], word[3]])))
        .sum();
    let mut last = [0; 4];
    let rest = words.remainder();
    last[..rest.len()].copy_from_slice(rest);
    total += u64::from(u32::from_be_bytes(last));
    total
}

fn checksum(mut total: u64) -> u16 {
    while total > 0xffff {
        total = (total & 0xffff) + (total >> 16);
    }
    !(total as u16)
}
