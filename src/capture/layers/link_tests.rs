use super::samples::{all, before, decode, ethernet, fault, ipv4, ipv6, tcp, udp};
use crate::capture::packet::Skip;
use crate::fault::FaultKind;

#[test]
fn what_the_link_has_before_a_packet_changes_nothing() {
    let [v4, v6] = [
        decode(101, &ipv4(6, &tcp(b"body"))).unwrap(),
        decode(101, &ipv6(17, &udp(53, b"body"))).unwrap(),
    ];
    let links = all()
        .into_iter()
        .take_while(|(name, ..)| *name != "options");
    let mut count = 0;
    for (name, link, bytes) in links {
        let packet = decode(link, &bytes).expect(name);
        assert!(packet == v4 || packet == v6, "{name}: {packet:?}");
        count += 1;
    }
    assert_eq!(count, 20);
}

#[test]
fn frames_without_ip_are_no_fault() {
    for (name, bytes) in [
        ("ARP", ethernet("0806 0001 0800 06 04 0001", &[0; 20])),
        ("spanning tree", ethernet("0026 424203 0000", &[0; 33])),
        ("IPX in 802.3", ethernet("0020 ffff", &[0; 30])),
        (
            "Cisco discovery in SNAP",
            ethernet("0020 aaaa03 00000c 2000", &[0; 30]),
        ),
        ("LLDP", ethernet("88cc 0207", &[0; 40])),
        (
            "PPPoE discovery",
            ethernet("8863 11 09 0000 0004 0101 0000", b""),
        ),
        ("PPPoE that ends", ethernet("8864 11 a7 0001 0000", b"")),
        (
            "PPP control",
            ethernet("8864 11 00 0001 000a c021", &[0; 8]),
        ),
        // IEEE 802.1AE, 9.5: the E and C bits, the short length, the packet number.
        (
            "MACsec, encrypted",
            ethernet("88e5 0c 00 00000001", &[0; 40]),
        ),
        (
            "MPLS with a pseudowire",
            ethernet("8847 000651ff 00000000", &[0; 40]),
        ),
        ("VLAN of 802.3", ethernet("8100 0064 0026 424203", &[0; 35])),
    ] {
        assert_eq!(decode(1, &bytes), Err(Skip::NotIp), "{name}");
    }
    // Netlink, seen by a capture on all interfaces: its protocols are below all EtherTypes.
    let netlink = before("0004 0338 0000 0000000000000000 0010", &[0; 40]);
    assert_eq!(decode(113, &netlink), Err(Skip::NotIp));
    assert_eq!(
        decode(0, &before("07000000", &[0x45; 40])),
        Err(Skip::NotIp)
    );
    assert_eq!(decode(9, &before("ff03 c021", &[0; 8])), Err(Skip::NotIp));
}

#[test]
fn families_of_loopback_are_those_of_all_systems_in_either_order() {
    let packet = ipv6(17, &udp(53, b""));
    for family in [24_u32, 28, 30, 10] {
        for header in [family.to_le_bytes(), family.to_be_bytes()] {
            for link in [0, 108] {
                let bytes = [&header[..], &packet].concat();
                assert_eq!(decode(link, &bytes), decode(101, &packet), "{family}");
            }
        }
    }
}

#[test]
fn mac_security_with_a_channel_identifier_is_opened() {
    // IEEE 802.1AE, 9.3: SC set, then eight bytes of identifier.
    let packet = ipv4(6, &tcp(b""));
    let signed = "88e5 20 00 00000001 020000000001 0001 0800";
    let frame = [ethernet(signed, &packet), vec![0; 16]].concat();
    assert_eq!(decode(1, &frame), decode(101, &packet));
    let (kind, detail) = fault(decode(1, &ethernet("88e5 80 00 00000001 0800", &packet)));
    assert_eq!(kind, FaultKind::MalformedPacket);
    assert!(detail.starts_with("MACsec header: "), "{detail}");
}

#[test]
fn a_link_type_that_is_not_decoded_is_named() {
    let (kind, detail) = fault(decode(127, &[0; 60]));
    assert_eq!(kind, FaultKind::UnknownLinkType);
    assert_eq!(
        detail,
        "link type 127 (IEEE 802.11 radiotap) is not decoded"
    );
}

#[test]
fn contradictions_before_ip_are_told() {
    for (bytes, expected) in [
        (
            ethernet("8864 12 00 0001 0002 0021", b""),
            "PPPoE header: version and type 0x11 expected, 0x12 found",
        ),
        (
            ethernet("8100 00", b""),
            "VLAN tag: 4 bytes expected, 1 found",
        ),
        (vec![0; 13], "Ethernet header: 14 bytes expected, 13 found"),
        (
            ethernet("0003 aaaa03", b""),
            "SNAP header: 8 bytes expected, 3 found",
        ),
        (
            ethernet("8847 000651ff", b""),
            "what MPLS carries: 1 byte expected, 0 found",
        ),
    ] {
        let (kind, detail) = fault(decode(1, &bytes));
        assert_eq!(kind, FaultKind::MalformedPacket);
        assert_eq!(detail, expected);
    }
}
