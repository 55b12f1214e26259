use super::samples::{address, all, before, decode, ethernet, fault, hex, ipv4, ipv6, tcp, udp};
use super::{Options, decode as decode_of};
use crate::capture::packet::{Fragment, Packet, Quoted, Transport, Tunnel};
use crate::fault::FaultKind;

fn sample(name: &str) -> Packet {
    let samples = all();
    let (_, link, bytes) = samples.iter().find(|sample| sample.0 == name).unwrap();
    decode(*link, bytes).unwrap()
}

#[test]
fn ipv4_and_tcp_say_what_they_are() {
    // RFC 791, 3.1 and RFC 9293, 3.1, with two no-operation options and an end.
    let bytes = hex("45 00 0030 1c46 4000 40 06 b1e6 ac100a63 ac100a0c
         c001 0050 89abcdef 01234567 60 18 7210 2e6b 0000  01 01 01 00
         68 65 6c 6c");
    let packet = decode(101, &bytes).unwrap();
    assert_eq!(
        packet,
        Packet {
            source: address("172.16.10.99"),
            destination: address("172.16.10.12"),
            source_port: 49153,
            destination_port: 80,
            protocol: 6,
            ip_length: 48,
            payload: 4,
            transport: Transport::Tcp {
                flags: 0x18,
                sequence: 0x89ab_cdef,
            },
            fragment: None,
            tunnel: Tunnel::None,
        }
    );
}

#[test]
fn ipv6_and_udp_say_what_they_are() {
    // RFC 8200, 3 and RFC 768.
    let bytes = hex("60 0abcde 000c 11 40
         20010db8 00010002 00030004 00050006  fe800000 00000000 0200 00ff fe00 0001
         1151 0035 000c 0000 01020304");
    let packet = decode(1, &[hex("020000000002 020000000001 86dd"), bytes].concat()).unwrap();
    assert_eq!(packet.source, address("2001:db8:1:2:3:4:5:6"));
    assert_eq!(packet.destination, address("fe80::200:ff:fe00:1"));
    assert_eq!((packet.source_port, packet.destination_port), (4433, 53));
    assert_eq!((packet.ip_length, packet.payload), (52, 4));
    assert_eq!(packet.transport, Transport::Ports);
}

#[test]
fn padding_does_not_count() {
    let segment = ipv4(6, &tcp(b""));
    let padded = [ethernet("0800", &segment), vec![0; 6]].concat();
    let packet = decode(1, &padded).unwrap();
    assert_eq!((packet.ip_length, packet.payload), (40, 0));
    // A header that would have to be read from the padding is none.
    let short = [ethernet("0800", &ipv4(6, &[0x50; 8])), vec![0x50; 18]].concat();
    let (kind, detail) = fault(decode(1, &short));
    assert_eq!(kind, FaultKind::MalformedPacket);
    assert_eq!(detail, "TCP header: 20 bytes expected, 8 found");
}

#[test]
fn without_a_length_what_was_on_the_wire_counts() {
    let mut v4 = ipv4(6, &tcp(b"body"));
    v4[2..4].fill(0);
    let packet = decode_of(101, &v4, 70_000, &Options::default()).unwrap();
    assert_eq!((packet.ip_length, packet.payload), (70_000, 69_960));
    let mut v6 = ethernet("86dd", &ipv6(17, &udp(53, b"body")));
    v6[18..20].fill(0);
    let packet = decode_of(1, &v6, 70_014, &Options::default()).unwrap();
    assert_eq!((packet.ip_length, packet.payload), (70_000, 69_952));
}

#[test]
fn options_and_extension_headers_are_skipped() {
    for (name, length, payload) in [
        ("options", 48, 4),
        ("hop by hop", 72, 4),
        ("AH v4", 68, 4),
        ("AH v6", 88, 4),
    ] {
        let packet = sample(name);
        assert_eq!(
            (packet.protocol, packet.destination_port),
            (6, 443),
            "{name}"
        );
        assert_eq!(
            (packet.ip_length, packet.payload),
            (length, payload),
            "{name}"
        );
        assert_eq!(packet.fragment, None);
    }
    // RFC 8200, 4.7: nothing follows. RFC 6275, 6.1.1: nothing follows a binding update either.
    let nothing = decode(101, &ipv6(59, b"")).unwrap();
    assert_eq!((nothing.protocol, nothing.ip_length), (59, 40));
    let mobility = decode(101, &ipv6(135, &hex("3b 00 05 00 0000 0000"))).unwrap();
    assert_eq!(
        (mobility.protocol, mobility.transport),
        (135, Transport::Other)
    );
}

#[test]
fn only_first_fragments_have_ports() {
    let first = sample("first fragment");
    assert_eq!(first.fragment, Some(Fragment { id: 9, first: true }));
    assert_eq!((first.destination_port, first.payload), (443, 4));
    let later = sample("later fragment");
    assert_eq!(
        later.fragment,
        Some(Fragment {
            id: 9,
            first: false
        })
    );
    assert_eq!((later.protocol, later.destination_port), (6, 0));
    assert_eq!((later.transport, later.payload), (Transport::Other, 4));
    // RFC 791, 3.1: more fragments; then offset 185 (1480 bytes).
    let mut v4 = ipv4(17, &udp(53, b"body"));
    v4[6..8].copy_from_slice(&[0x20, 0]);
    let first = decode(101, &v4).unwrap();
    assert_eq!(
        first.fragment,
        Some(Fragment {
            id: 0x1234,
            first: true
        })
    );
    assert_eq!(first.destination_port, 53);
    v4[6..8].copy_from_slice(&[0, 0xb9]);
    let later = decode(101, &v4).unwrap();
    assert_eq!(
        later.fragment,
        Some(Fragment {
            id: 0x1234,
            first: false
        })
    );
    assert_eq!((later.source_port, later.payload), (0, 12));
    // RFC 6946: a fragment header on a whole packet.
    let atomic = ipv6(44, &before("0600 0000 00000009", &tcp(b"")));
    let whole = decode(101, &atomic).unwrap();
    assert_eq!((whole.fragment, whole.destination_port), (None, 443));
    // RFC 8200, 4.5: what a later fragment begins with is no header, though its number says so.
    let middle = ipv6(44, &before("3c00 0008 00000009", &[0xff; 8]));
    let later = decode(101, &middle).unwrap();
    assert_eq!((later.protocol, later.payload), (60, 8));
}

#[test]
fn other_transports_have_their_ports_at_the_same_place() {
    for (name, protocol, payload) in [("UDP-Lite", 136, 0), ("SCTP", 132, 4), ("DCCP", 33, 0)] {
        let packet = sample(name);
        assert_eq!(packet.protocol, protocol);
        assert_eq!((packet.source_port, packet.destination_port), (40000, 53));
        assert_eq!(
            (packet.transport, packet.payload),
            (Transport::Ports, payload)
        );
    }
    let esp = sample("ESP");
    assert_eq!(
        (esp.transport, esp.source_port, esp.payload),
        (Transport::Other, 0, 0)
    );
}

#[test]
fn question_and_answer_are_of_one_conversation() {
    // RFC 792; RFC 4443, 4: type, code, checksum, identifier 7, sequence number 1.
    for (is_v6, asks, answers) in [(false, 8, 0), (false, 13, 14), (true, 128, 129)] {
        let message = |kind: u8| {
            let bytes = before(&format!("{kind:02x}00 0000 0007 0001"), b"abcd");
            let bytes = if is_v6 {
                ipv6(58, &bytes)
            } else {
                ipv4(1, &bytes)
            };
            decode(101, &bytes).unwrap()
        };
        let (question, answer) = (message(asks), message(answers));
        assert_eq!((question.source_port, question.destination_port), (7, 0));
        assert_eq!((answer.source_port, answer.destination_port), (0, 7));
        assert_eq!(question.payload, 4);
    }
    // RFC 4861, 4.3: a neighbour solicitation has no identifier.
    let neighbour = ipv6(58, &before("8700 0000 00000000", &[0xfe; 16]));
    let packet = decode(101, &neighbour).unwrap();
    assert_eq!((packet.source_port, packet.destination_port), (0, 0));
    let (kind, code) = (135, 0);
    assert_eq!(
        packet.transport,
        Transport::Icmp {
            kind,
            code,
            quoted: None
        }
    );
}

fn quoted(packet: &Packet) -> Option<Quoted> {
    match packet.transport {
        Transport::Icmp { quoted, .. } => quoted,
        ref other => panic!("{other:?}"),
    }
}

#[test]
fn an_error_says_which_packet_it_is_about() {
    let quote = quoted(&sample("unreachable")).unwrap();
    assert_eq!(
        quote,
        Quoted {
            source: address("10.0.0.1"),
            destination: address("10.0.0.2"),
            source_port: 40000,
            destination_port: 53,
            protocol: 17,
        }
    );
    let quote = quoted(&sample("unreachable v6")).unwrap();
    assert_eq!(quote.source, address("2001:db8::1"));
    assert_eq!((quote.destination_port, quote.protocol), (53, 17));
    let echo = ipv4(1, &hex("0800 0000 0007 0001"));
    let error = decode(101, &ipv4(1, &before("0b00 0000 00000000", &echo))).unwrap();
    let quote = quoted(&error).unwrap();
    assert_eq!((quote.source_port, quote.destination_port), (7, 0));
    // RFC 4861, 4.5 and RFC 4443, 4.2: a redirect of ICMPv6 and an echo are no errors.
    for kind in ["89", "81"] {
        let message = before(&format!("{kind}00 0000 00000000"), &ipv6(17, &udp(53, b"")));
        assert_eq!(quoted(&decode(101, &ipv6(58, &message)).unwrap()), None);
    }
}

#[test]
fn what_was_cut_of_a_quote_is_not_told() {
    let message = before("0301 0000 00000000", &ipv4(17, &udp(53, b"body")));
    for (kept, expected) in [
        (19, None),
        (20, Some((0, 0))),
        (23, Some((0, 0))),
        (24, Some((40000, 53))),
    ] {
        let packet = decode(101, &ipv4(1, &message[..8 + kept])).unwrap();
        let ports = quoted(&packet).map(|quote| (quote.source_port, quote.destination_port));
        assert_eq!(ports, expected, "{kept}");
    }
    // Some hosts change the quoted length (RFC 1122, 3.2.2, wants it unchanged): addresses hold.
    let mut changed = message.clone();
    changed[8 + 2..8 + 4].copy_from_slice(&[0, 3]);
    let quote = quoted(&decode(101, &ipv4(1, &changed)).unwrap()).unwrap();
    assert_eq!(quote.destination_port, 53);
    let cut_options = before("0104 0000 00000000", &ipv6(60, &hex("11 01 0104")));
    let quote = quoted(&decode(101, &ipv6(58, &cut_options)).unwrap()).unwrap();
    assert_eq!((quote.protocol, quote.source_port), (60, 0));
}

#[test]
fn headers_that_contradict_themselves_are_told() {
    let segment = ipv4(6, &tcp(b""));
    let with = |at: usize, value: u8| {
        let mut bytes = segment.clone();
        bytes[at] = value;
        bytes
    };
    for (bytes, expected) in [
        (
            with(0, 0x44),
            "IPv4 header length: at least 20 expected, 16 found",
        ),
        (with(0, 0x55), "IP version: 4 or 6 expected, 5 found"),
        (
            with(3, 19),
            "IPv4 total length: at least 20 expected, 19 found",
        ),
        (with(3, 39), "TCP header: 20 bytes expected, 19 found"),
        (
            with(32, 0x40),
            "TCP data offset: at least 20 bytes expected, 16 found",
        ),
        (
            with(9, 33),
            "DCCP data offset: at least 12 bytes expected, 4 found",
        ),
        (
            ipv6(51, &before("0600 0000", &[0; 24])),
            "authentication header length: at least 1 expected, 0 found",
        ),
        (ipv4(17, &[0; 7]), "UDP header: 8 bytes expected, 7 found"),
        (
            ipv4(1, &hex("0800 0000 00")),
            "ICMP header: 8 bytes expected, 5 found",
        ),
        (
            ipv6(0, &hex("06 01 0000")),
            "IPv6 extension header: 8 bytes expected, 4 found",
        ),
    ] {
        let (kind, detail) = fault(decode(101, &bytes));
        assert_eq!(kind, FaultKind::MalformedPacket, "{detail}");
        assert_eq!(detail, expected);
    }
    // More options than the packet has bytes: it was sent, and to whom is known.
    let packet = decode(101, &with(32, 0xf0)).unwrap();
    assert_eq!((packet.destination_port, packet.payload), (443, 0));
}
