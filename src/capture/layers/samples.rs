//! Packets for the tests: headers by their specifications, and packets put together of them.

use std::net::IpAddr;

use super::Options;
use crate::capture::packet::{Packet, Skip, number};
use crate::fault::FaultKind;

/// Bytes written as hexadecimal digits; blanks do not count.
pub(super) fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<_> = text
        .chars()
        .filter(|digit| !digit.is_whitespace())
        .collect();
    assert!(digits.len().is_multiple_of(2), "{text}");
    let byte = |pair: &[char]| {
        u8::from_str_radix(&String::from_iter(pair), 16).expect("hexadecimal digits")
    };
    digits.chunks(2).map(byte).collect()
}

/// Decodes a packet that was kept whole.
pub(super) fn decode(link: u16, data: &[u8]) -> Result<Packet, Skip> {
    super::decode(link, data, data.len() as u32, &Options::default())
}

/// The kind and words of a fault.
pub(super) fn fault(result: Result<Packet, Skip>) -> (FaultKind, String) {
    match result {
        Err(Skip::Fault(kind, detail)) => (kind, detail),
        other => panic!("a fault expected, found {other:?}"),
    }
}

/// An address as a packet has it.
pub(super) fn address(text: &str) -> u128 {
    number(text.parse::<IpAddr>().expect("an address"))
}

/// A header before what it carries.
pub(super) fn before(header: &str, carried: &[u8]) -> Vec<u8> {
    let mut bytes = hex(header);
    bytes.extend_from_slice(carried);
    bytes
}

/// IEEE 802.3, 3.1.1: addresses and type.
pub(super) fn ethernet(kind: &str, carried: &[u8]) -> Vec<u8> {
    before(&format!("020000000002 020000000001 {kind}"), carried)
}

/// RFC 791, 3.1: from 10.0.0.1 to 10.0.0.2.
pub(super) fn ipv4(protocol: u8, carried: &[u8]) -> Vec<u8> {
    let length = 20 + carried.len();
    before(
        &format!("45 00 {length:04x} 1234 4000 40 {protocol:02x} 0000 0a000001 0a000002"),
        carried,
    )
}

/// RFC 8200, 3: from `2001:db8::1` to `2001:db8::2`.
pub(super) fn ipv6(next: u8, carried: &[u8]) -> Vec<u8> {
    let length = carried.len();
    let ends = "20010db8 00000000 00000000 00000001 20010db8 00000000 00000000 00000002";
    before(
        &format!("60000000 {length:04x} {next:02x} 40 {ends}"),
        carried,
    )
}

/// RFC 9293, 3.1: from 40000 to 443, SYN and ACK, sequence number 0x01020304.
pub(super) fn tcp(carried: &[u8]) -> Vec<u8> {
    before("9c40 01bb 01020304 00000000 50 12 ffff 0000 0000", carried)
}

/// RFC 768: from 40000.
pub(super) fn udp(to: u16, carried: &[u8]) -> Vec<u8> {
    let length = 8 + carried.len();
    before(&format!("9c40 {to:04x} {length:04x} 0000"), carried)
}

/// RFC 7348, 5: network 0x123456.
pub(super) fn vxlan(frame: &[u8]) -> Vec<u8> {
    udp(4789, &before("08 000000 123456 00", frame))
}

/// RFC 8926, 3.4: two words of options, network 0x123456.
pub(super) fn geneve(kind: &str, carried: &[u8]) -> Vec<u8> {
    let header = format!("02 00 {kind} 123456 00 0102 80 01 deadbeef");
    udp(6081, &before(&header, carried))
}

/// RFC 2784 and 2890: checksum, key and sequence number.
pub(super) fn gre(kind: &str, carried: &[u8]) -> Vec<u8> {
    before(&format!("b000 {kind} 0000 0000 00000007 00000001"), carried)
}

/// One packet of each form that is decoded, with its link type.
pub(super) fn all() -> Vec<(&'static str, u16, Vec<u8>)> {
    let mut samples = on_links();
    samples.extend(in_ip().into_iter().map(|(name, ip)| (name, 101, ip)));
    samples.extend(in_tunnels().into_iter().map(|(name, ip)| {
        let kind = if ip[0] >> 4 == 4 { "0800" } else { "86dd" };
        (name, 1, ethernet(kind, &ip))
    }));
    samples
}

fn on_links() -> Vec<(&'static str, u16, Vec<u8>)> {
    let v4 = &ipv4(6, &tcp(b"body"));
    let v6 = &ipv6(17, &udp(53, b"body"));
    vec![
        ("ethernet v4", 1, ethernet("0800", v4)),
        ("ethernet v6", 1, ethernet("86dd", v6)),
        ("802.1Q", 1, ethernet("8100 0064 0800", v4)),
        ("QinQ", 1, ethernet("88a8 0064 8100 00c8 86dd", v6)),
        ("old QinQ", 1, ethernet("9100 0064 8100 00c8 0800", v4)),
        ("MACsec", 1, ethernet("88e5 00 00 00000001 0800", v4)),
        ("SNAP", 1, ethernet("0050 aaaa03 000000 0800", v4)),
        ("802.2", 1, ethernet("0050 060603", v4)),
        ("PPPoE", 1, ethernet("8864 11 00 0001 002e 0021", v4)),
        ("MPLS", 1, ethernet("8847 000640ff 000651ff", v4)),
        ("null, little", 0, before("02000000", v4)),
        ("null, big", 0, before("0000001e", v6)),
        ("loop", 108, before("00000002", v4)),
        ("PPP", 9, before("ff03 0057", v6)),
        ("PPP, short", 9, before("21", v4)),
        ("Cisco HDLC", 104, before("0f00 0800", v4)),
        (
            "SLL",
            113,
            before("0000 0001 0006 020000000001 0000 0800", v4),
        ),
        (
            "SLL2",
            276,
            before("86dd 0000 00000002 0001 00 06 0200000000010000", v6),
        ),
        ("raw", 101, v4.clone()),
        ("raw v6", 229, v6.clone()),
    ]
}

fn in_ip() -> Vec<(&'static str, Vec<u8>)> {
    let segment = &tcp(b"body");
    let quote = ipv4(17, &udp(53, b""));
    let quote_v6 = ipv6(60, &before("1100 010400000000", &udp(53, b"")));
    let hops = before("0600 050200000100", segment);
    vec![
        ("options", options_v4(segment)),
        ("hop by hop", ipv6(0, &hops)),
        (
            "first fragment",
            ipv6(44, &before("0600 0001 00000009", segment)),
        ),
        (
            "later fragment",
            ipv6(44, &before("0600 0008 00000009", b"rest")),
        ),
        (
            "AH v4",
            ipv4(
                51,
                &before(
                    "0604 0000 00000001 00000001 000000000000000000000000",
                    segment,
                ),
            ),
        ),
        (
            "AH v6",
            ipv6(
                51,
                &before(
                    "0604 0000 00000001 00000001 000000000000000000000000",
                    segment,
                ),
            ),
        ),
        ("UDP-Lite", ipv4(136, &udp(53, b""))),
        (
            "SCTP",
            ipv4(132, &hex("9c40 0035 00000001 00000000 0e000004")),
        ),
        (
            "DCCP",
            ipv6(33, &hex("9c40 0035 04000000 05000000 00000001")),
        ),
        ("echo", ipv4(1, &hex("0800 0000 0007 0001 61626364"))),
        (
            "unreachable",
            ipv4(1, &before("0303 0000 00000000", &quote)),
        ),
        (
            "unreachable v6",
            ipv6(58, &before("0104 0000 00000000", &quote_v6)),
        ),
        ("ESP", ipv4(50, &hex("00000001 00000001"))),
    ]
}

/// RFC 791, 3.1: a router alert (RFC 2113).
fn options_v4(carried: &[u8]) -> Vec<u8> {
    let length = 24 + carried.len();
    let header = format!("46 00 {length:04x} 1234 0000 40 06 0000 0a000001 0a000002 94040000");
    before(&header, carried)
}

fn in_tunnels() -> Vec<(&'static str, Vec<u8>)> {
    let v4 = &ipv4(6, &tcp(b"body"));
    let v6 = &ipv6(17, &udp(53, b"body"));
    vec![
        ("VXLAN", ipv4(17, &vxlan(&ethernet("0800", v4)))),
        ("VXLAN v6", ipv6(17, &vxlan(&ethernet("86dd", v6)))),
        ("Geneve", ipv4(17, &geneve("6558", &ethernet("0800", v4)))),
        ("Geneve, IP", ipv4(17, &geneve("86dd", v6))),
        ("GRE", ipv4(47, &gre("0800", v4))),
        ("GRE, frame", ipv6(47, &gre("6558", &ethernet("0800", v4)))),
        ("IP in IP", ipv4(4, v4)),
        ("6in4", ipv4(41, v6)),
        ("4in6", ipv6(4, v4)),
        ("two", ipv4(17, &vxlan(&ethernet("0800", &ipv4(4, v4))))),
    ]
}
