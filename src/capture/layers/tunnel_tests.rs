use super::samples::{
    address, all, before, decode, ethernet, fault, gre, hex, ipv4, ipv6, tcp, udp, vxlan,
};
use super::{Options, decode as decode_of};
use crate::capture::packet::{Packet, Transport, Tunnel};
use crate::fault::FaultKind;

/// The packet that the tests put in tunnels.
fn carried(tunnel: Tunnel) -> Packet {
    let packet = decode(101, &ipv4(6, &tcp(b"body"))).unwrap();
    Packet { tunnel, ..packet }
}

#[test]
fn what_a_tunnel_carries_is_the_packet() {
    for (name, tunnel) in [
        ("VXLAN", Tunnel::Vxlan),
        ("Geneve", Tunnel::Geneve),
        ("GRE", Tunnel::Gre),
        ("GRE, frame", Tunnel::Gre),
        ("IP in IP", Tunnel::IpInIp),
        ("4in6", Tunnel::IpInIp),
        ("two", Tunnel::IpInIp),
    ] {
        let samples = all();
        let (_, link, bytes) = samples.iter().find(|sample| sample.0 == name).unwrap();
        assert_eq!(decode(*link, bytes), Ok(carried(tunnel)), "{name}");
    }
    for (name, tunnel) in [
        ("VXLAN v6", Tunnel::Vxlan),
        ("Geneve, IP", Tunnel::Geneve),
        ("6in4", Tunnel::IpInIp),
    ] {
        let samples = all();
        let (_, link, bytes) = samples.iter().find(|sample| sample.0 == name).unwrap();
        let packet = decode(*link, bytes).unwrap();
        assert_eq!(
            (packet.source, packet.tunnel),
            (address("2001:db8::1"), tunnel),
            "{name}"
        );
    }
}

#[test]
fn the_fields_that_gre_may_have_are_skipped() {
    let packet = ipv4(6, &tcp(b"body"));
    for header in [
        "0000 0800",
        "8000 0800 0000 0000",
        "2000 0800 00000007",
        "1000 0800 00000001",
        "3000 0800 00000007 00000001",
        // RFC 1701: a route of IP addresses, then the empty one.
        "4000 0800 0000 0000 0800 04 04 0a000003 0000 0000",
        "f000 0800 0000 0000 00000007 00000001 0800 00 08 0a000003 0a000004 0000 0000",
    ] {
        let bytes = ipv4(47, &before(header, &packet));
        assert_eq!(decode(101, &bytes), Ok(carried(Tunnel::Gre)), "{header}");
    }
}

#[test]
fn gre_that_carries_something_else_is_a_flow_of_its_own() {
    let packet = ipv4(6, &tcp(b"body"));
    for header in [
        // RFC 2637: version 1 carries PPP.
        "2001 880b 0010 0001",
        // A keepalive has protocol 0.
        "0000 0000",
        // A route that does not end.
        "4000 0800 0000 0000 0800 04 ff",
        "0000 0806",
        "00",
    ] {
        let outer = decode(101, &ipv4(47, &before(header, &packet))).unwrap();
        assert_eq!(
            (outer.protocol, outer.transport),
            (47, Transport::Other),
            "{header}"
        );
        assert_eq!(outer.tunnel, Tunnel::None);
    }
}

#[test]
fn udp_to_a_tunnel_port_that_is_no_tunnel_is_a_flow_of_its_own() {
    let frame = ethernet("0800", &ipv4(6, &tcp(b"")));
    for (port, bytes) in [
        (4789, before("00 000000 123456 00", &frame)),
        (4789, hex("08 000000")),
        (4789, hex("08 000000 123456 00")),
        (
            4789,
            before("08 000000 123456 00", &ethernet("0806", &[0; 28])),
        ),
        (6081, before("40 00 6558 123456 00", &frame)),
        (6081, before("3f 00 6558 123456 00", &[0; 20])),
        (6081, before("00 00 88cc 123456 00", &[0; 20])),
    ] {
        let outer = decode(101, &ipv4(17, &udp(port, &bytes))).unwrap();
        assert_eq!((outer.destination_port, outer.tunnel), (port, Tunnel::None));
        assert_eq!(outer.payload as usize, bytes.len());
    }
}

#[test]
fn a_carrier_in_a_tunnel_says_which() {
    let inner = ipv4(17, &udp(4789, b"none"));
    let packet = decode(101, &ipv4(47, &gre("0800", &inner))).unwrap();
    assert_eq!(
        (packet.destination_port, packet.tunnel),
        (4789, Tunnel::Gre)
    );
}

#[test]
fn the_ports_of_vxlan_are_chosen() {
    let frame = ethernet("0800", &ipv4(6, &tcp(b"body")));
    let bytes = ipv4(17, &udp(9000, &before("08 000000 000001 00", &frame)));
    assert_eq!(decode(101, &bytes).unwrap().destination_port, 9000);
    let options = Options {
        vxlan_ports: vec![9000],
    };
    let packet = decode_of(101, &bytes, 0, &options).unwrap();
    assert_eq!(packet, carried(Tunnel::Vxlan));
    let usual = ipv4(17, &vxlan(&frame));
    let packet = decode_of(101, &usual, 0, &options).unwrap();
    assert_eq!(
        (packet.destination_port, packet.tunnel),
        (4789, Tunnel::None)
    );
}

#[test]
fn later_fragments_of_a_tunnel_are_not_opened() {
    let mut bytes = ipv4(47, &gre("0800", &ipv4(6, &tcp(b"body"))));
    bytes[6..8].copy_from_slice(&[0x20, 0]);
    assert_eq!(decode(101, &bytes), Ok(carried(Tunnel::Gre)));
    bytes[6..8].copy_from_slice(&[0, 0xb9]);
    let later = decode(101, &bytes).unwrap();
    assert_eq!((later.protocol, later.tunnel), (47, Tunnel::None));
    assert!(later.fragment.is_some());
}

#[test]
fn ip_in_ip_of_the_other_version_is_not_opened() {
    let outer = decode(101, &ipv4(4, &ipv6(6, &tcp(b"")))).unwrap();
    assert_eq!((outer.protocol, outer.tunnel), (4, Tunnel::None));
}

#[test]
fn a_contradiction_in_what_is_carried_is_told() {
    let mut inner = ipv4(6, &tcp(b""));
    inner[0] = 0x41;
    let (kind, detail) = fault(decode(101, &ipv4(4, &inner)));
    assert_eq!(kind, FaultKind::MalformedPacket);
    assert_eq!(detail, "IPv4 header length: at least 20 expected, 4 found");
}
