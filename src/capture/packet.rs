//! A decoded packet: what its innermost IP packet says.

use std::net::IpAddr;

use crate::fault::FaultKind;

/// An IP packet's addresses, ports, lengths and transport header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Packet {
    /// Source address, as [`number`] makes it.
    pub source: u128,
    /// Destination address.
    pub destination: u128,
    /// Source port; 0 where the protocol has none.
    pub source_port: u16,
    /// Destination port.
    pub destination_port: u16,
    /// IANA protocol number of the transport header (IPv6 extension headers skipped).
    pub protocol: u8,
    /// Bytes of the IP packet, header included, by its own length field (by what was on the wire
    /// where that is 0).
    pub ip_length: u32,
    /// Bytes after the transport header, by the same length; 0 where they cannot be told.
    pub payload: u32,
    /// What the transport header says.
    pub transport: Transport,
    /// Where the packet is a fragment: which datagram's, and whether it is the first (which alone
    /// has ports).
    pub fragment: Option<Fragment>,
    /// What it was carried in.
    pub tunnel: Tunnel,
}

/// What a transport header says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// TCP.
    Tcp {
        /// The low eight flags: FIN 1, SYN 2, RST 4, PSH 8, ACK 16, URG 32, ECE 64, CWR 128.
        flags: u8,
        /// Sequence number.
        sequence: u32,
    },
    /// UDP (and UDP-Lite, SCTP, DCCP, which have ports at the same place).
    Ports,
    /// ICMP, of IPv4 or IPv6.
    Icmp {
        /// Type.
        kind: u8,
        /// Code.
        code: u8,
        /// The packet that an error message quotes.
        quoted: Option<Quoted>,
    },
    /// Another protocol, or a later fragment: no ports.
    Other,
}

/// What an ICMP error quotes of the packet that it is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quoted {
    /// Source address of the quoted packet.
    pub source: u128,
    /// Its destination address.
    pub destination: u128,
    /// Its source port; 0 where it was not quoted or the protocol has none.
    pub source_port: u16,
    /// Its destination port.
    pub destination_port: u16,
    /// Its protocol.
    pub protocol: u8,
}

/// Which datagram a fragment belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fragment {
    /// Identification field.
    pub id: u32,
    /// Whether it is the first: the one that has the transport header.
    pub first: bool,
}

/// What a packet was carried in: the innermost tunnel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[repr(u8)]
pub enum Tunnel {
    /// None.
    #[default]
    None = 0,
    /// VXLAN (Azure's virtual network TAP).
    Vxlan = 1,
    /// GRE.
    Gre = 2,
    /// Geneve.
    Geneve = 3,
    /// IPv4 or IPv6 directly in IP.
    IpInIp = 4,
}

/// Why a packet is no flow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Skip {
    /// It is sound, but no IP packet: ARP, spanning tree and the like.
    NotIp,
    /// It could not be decoded: the kind of fault, and what was expected and found.
    Fault(FaultKind, String),
}

/// An address as a number: IPv4 in the low 32 bits of `::ffff:0:0/96`.
pub fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => u128::from(v4.to_ipv6_mapped()),
        IpAddr::V6(v6) => u128::from(v6),
    }
}

/// The address of a number.
pub fn address(number: u128) -> IpAddr {
    IpAddr::from(number.to_be_bytes()).to_canonical()
}
