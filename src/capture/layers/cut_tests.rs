use super::samples::{all, decode, ethernet, fault, gre, ipv4, ipv6, tcp, udp, vxlan};
use super::{DEPTH, Options};
use crate::capture::packet::{Packet, Skip, Tunnel};
use crate::fault::FaultKind;

fn kept(link: u16, bytes: &[u8], original: usize) -> Result<Packet, Skip> {
    super::decode(link, bytes, original as u32, &Options::default())
}

/// Whether a packet is what a cut may leave: the same as far as it was kept, or what carried it.
fn is_part_of(packet: &Packet, whole: &Packet) -> bool {
    packet.tunnel != whole.tunnel
        || (packet.source, packet.source_port) == (whole.source, whole.source_port)
            && (packet.ip_length, packet.fragment) == (whole.ip_length, whole.fragment)
}

#[test]
fn a_packet_that_was_cut_is_snapped_or_the_same() {
    for (name, link, bytes) in all() {
        let whole = decode(link, &bytes).expect(name);
        for cut in 0..bytes.len() {
            match kept(link, &bytes[..cut], bytes.len()) {
                Ok(packet) => assert!(is_part_of(&packet, &whole), "{name} at {cut}: {packet:?}"),
                Err(Skip::Fault(FaultKind::SnappedPacket, detail)) => {
                    assert!(detail.contains("kept"), "{name} at {cut}: {detail}");
                }
                other => panic!("{name} at {cut}: {other:?}"),
            }
        }
    }
}

#[test]
fn a_packet_that_ends_early_on_the_wire_is_malformed_or_the_same() {
    for (name, link, bytes) in all() {
        let whole = decode(link, &bytes).expect(name);
        for cut in 0..bytes.len() {
            match kept(link, &bytes[..cut], cut) {
                Ok(packet) => assert!(is_part_of(&packet, &whole), "{name} at {cut}: {packet:?}"),
                Err(Skip::Fault(FaultKind::MalformedPacket, detail)) => {
                    assert!(detail.contains("expected"), "{name} at {cut}: {detail}");
                }
                other => panic!("{name} at {cut}: {other:?}"),
            }
        }
    }
}

#[test]
fn ports_suffice_where_the_rest_was_cut() {
    let datagram = ethernet("0800", &ipv4(17, &udp(53, &[0; 100])));
    let packet = kept(1, &datagram[..14 + 20 + 4], datagram.len()).unwrap();
    assert_eq!((packet.source_port, packet.destination_port), (40000, 53));
    assert_eq!((packet.ip_length, packet.payload), (128, 100));
    let segment = ethernet("86dd", &ipv6(6, &tcp(&[0; 100])));
    let packet = kept(1, &segment[..14 + 40 + 14], segment.len()).unwrap();
    assert_eq!((packet.ip_length, packet.payload), (160, 100));
    let (kind, detail) = fault(kept(1, &segment[..14 + 40 + 13], segment.len()));
    assert_eq!(kind, FaultKind::SnappedPacket);
    assert_eq!(detail, "TCP header: 14 bytes needed, 13 kept");
}

#[test]
fn a_cut_before_what_a_tunnel_carries_leaves_the_carrier() {
    let carried = ethernet("0800", &ipv4(6, &tcp(b"")));
    let packet = ethernet("0800", &ipv4(17, &vxlan(&carried)));
    let start = packet.len() - carried.len();
    for cut in start - 8..=start {
        let outer = kept(1, &packet[..cut], packet.len()).unwrap();
        assert_eq!((outer.destination_port, outer.tunnel), (4789, Tunnel::None));
    }
    for cut in start + 1..start + 14 + 20 + 14 {
        let (kind, _) = fault(kept(1, &packet[..cut], packet.len()));
        assert_eq!(kind, FaultKind::SnappedPacket, "{cut}");
    }
}

#[test]
fn more_tunnels_than_are_opened_are_a_fault() {
    let in_tunnels = |count: usize| {
        (0..count).fold(ipv4(6, &tcp(b"")), |carried, number| match number % 3 {
            0 => ipv4(4, &carried),
            1 => ipv4(47, &gre("0800", &carried)),
            _ => ipv4(17, &vxlan(&ethernet("0800", &carried))),
        })
    };
    let packet = decode(101, &in_tunnels(DEPTH)).unwrap();
    assert_eq!((packet.destination_port, packet.ip_length), (443, 40));
    for count in [DEPTH + 1, 1000] {
        let (kind, detail) = fault(decode(101, &in_tunnels(count)));
        assert_eq!(kind, FaultKind::TunnelTooDeep);
        assert_eq!(detail, "at most 8 tunnels in one another, found more");
    }
}

#[test]
fn a_thousand_headers_of_a_kind_are_a_fault() {
    let packet = ipv4(6, &tcp(b""));
    let tags = ethernet(&format!("{} 0800", "8100 0064".repeat(1000)), &packet);
    let labels = ethernet(&format!("8847 {}", "00064000".repeat(1000)), &packet);
    for bytes in [tags, labels] {
        let (kind, detail) = fault(decode(1, &bytes));
        assert_eq!(kind, FaultKind::MalformedPacket);
        assert_eq!(detail, "at most 32 headers expected before IP, found more");
    }
    let options = (0..1000).fold(tcp(b""), |carried, number| {
        let next = if number == 0 { 6 } else { 60 };
        [vec![next, 0, 1, 4, 0, 0, 0, 0], carried].concat()
    });
    let (kind, detail) = fault(decode(101, &ipv6(60, &options)));
    assert_eq!(kind, FaultKind::MalformedPacket);
    assert_eq!(detail, "at most 16 extension headers expected, found more");
}
