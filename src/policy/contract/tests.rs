//! Contracts are read back as they are printed, and no text makes the parser panic.

use proptest::prelude::*;

use super::*;
use crate::net::PrefixSet;

fn one(text: &str) -> Property {
    let mut all = parse(text).unwrap();
    assert_eq!(all.len(), 1, "{text}");
    all.remove(0)
}

fn mistake(text: &str) -> String {
    let mistakes = parse(text).unwrap_err();
    assert_eq!(mistakes.len(), 1, "{text}: {mistakes:?}");
    mistakes[0].to_string()
}

#[test]
fn a_property_is_read_as_it_is_written() {
    for text in [
        "allow inbound tcp 10.1.0.0/16,AzureConnectors -> subnet:compute:454,3443",
        "deny inbound any Internet -> 10.20.0.0/24:22,3389",
        "no-smb: deny outbound tcp,udp any:1024-65535 -> Internet:445",
        "allow outbound udp [fd00::/64],@custom-dns -> [2001:db8::1]:53",
        "deny inbound icmp any -> subnet:vnet-a/compute",
    ] {
        assert_eq!(one(text).to_string(), text);
    }
    let property = one("  Allow IN Tcp * -> SUBNET:a:80,81-90,443 # a comment");
    assert_eq!(
        property.to_string(),
        "allow inbound tcp any -> subnet:a:80-90,443"
    );
    assert!(property.source.ports.is_any());
    assert_eq!(property.local(), &property.destination);
    assert_eq!(parse("\n# only a comment\n\n"), Ok(Vec::new()));
}

#[test]
fn a_mistake_is_told_with_its_place() {
    for (text, told) in [
        (
            "permit",
            "1:1: expected `allow` or `deny`, found \"permit\"",
        ),
        (
            "allow",
            "1:6: expected `inbound` or `outbound`, found nothing more",
        ),
        ("allow inbound tcpp", "1:15: expected tcp, udp"),
        ("allow inbound tcp,, a -> b", "1:19: expected tcp, udp"),
        (
            "allow inbound tcp 10.0.0.1/8 -> any",
            "1:19: expected a prefix without host bits",
        ),
        (
            "allow inbound tcp any, 10.0.0.0/8 -> any",
            "1:23: expected a prefix",
        ),
        ("allow inbound tcp any 10.0.0.0/8", "1:23: expected `->`"),
        (
            "allow inbound tcp any -> any:70000",
            "1:30: expected a port (443)",
        ),
        (
            "allow inbound tcp any -> any:+5",
            "1:30: expected a port (443)",
        ),
        (
            "allow inbound tcp any -> any:22,Internet",
            "1:33: expected a port (443)",
        ),
        (
            "allow inbound tcp any -> fd00::1:22",
            "1:26: expected brackets around IPv6",
        ),
        (
            "allow inbound tcp any -> [10.0.0.0/8]",
            "1:27: expected an IPv6",
        ),
        ("allow inbound tcp any -> [fd00::1", "1:26: expected `]`"),
        (
            "allow inbound tcp any -> subnet::22",
            "1:33: expected the name of a subnet",
        ),
        (
            "allow inbound icmp any -> any:22",
            "1:31: expected no ports",
        ),
        (
            "allow inbound tcp any -> any:22 now",
            "1:33: expected the end of the line",
        ),
        ("\u{e4}\u{e4}: deny sideways", "1:10: expected `inbound`"),
        (
            "a: deny in any any -> any\na: deny out any any -> any",
            "2:1: expected another name than that of line 1",
        ),
        (
            "allow inbound tcp @same-subnet -> any",
            "1:19: expected the name of a subnet",
        ),
    ] {
        let found = mistake(text);
        assert!(found.starts_with(told), "{text:?}: {found}");
    }
}

#[test]
fn every_wrong_line_is_told_up_to_a_limit() {
    assert_eq!(parse(&"x\n".repeat(7)).unwrap_err().len(), 7);
    assert_eq!(parse(&"x\n".repeat(100)).unwrap_err().len(), 20);
}

fn term() -> impl Strategy<Value = Term> {
    let prefix =
        |text: &str| Term::Addresses(AddressTerm::Prefixes(PrefixSet::parse([text]).unwrap()));
    prop_oneof![
        "[A-Za-z0-9][A-Za-z0-9._-]{0,9}(/[a-z]{1,4})?".prop_map(Term::Subnet),
        (any::<u32>(), 0u8..=32).prop_map(move |(bits, length)| {
            let net = ipnet::Ipv4Net::new(bits.into(), length).unwrap().trunc();
            prefix(&net.to_string())
        }),
        (any::<u128>(), 0u8..=128).prop_map(move |(bits, length)| {
            let net = ipnet::Ipv6Net::new(bits.into(), length).unwrap().trunc();
            prefix(&net.to_string())
        }),
        prop::sample::select(vec![
            "any",
            "Internet",
            "VirtualNetwork",
            "Storage.WestEurope",
            "@custom-dns",
            "NoSuchTag"
        ])
        .prop_map(|text| Term::Addresses(crate::catalogue::parse_term(text).unwrap())),
    ]
}

fn end(with_ports: bool) -> impl Strategy<Value = End> {
    let ranges = prop::collection::vec((any::<u16>(), any::<u16>()), 1..4);
    (prop::collection::vec(term(), 1..4), ranges).prop_map(move |(terms, ranges)| {
        let ports = PortSet::new(ranges.into_iter().map(|(a, b)| (a.min(b), a.max(b))));
        let ports = if with_ports { ports } else { PortSet::any() };
        End { terms, ports }
    })
}

fn property() -> impl Strategy<Value = Property> {
    (
        any::<bool>(),
        any::<bool>(),
        1usize..32,
        "([a-z][a-z0-9-]{0,9})?",
    )
        .prop_flat_map(|(deny, out, bits, name)| {
            let each = ProtocolSet::EACH.into_iter().enumerate();
            let protocols = each
                .filter(|(at, _)| bits >> at & 1 == 1)
                .fold(ProtocolSet::default(), |all, (_, one)| all.union(one));
            let ends = (end(protocols.has_ports()), end(protocols.has_ports()));
            ends.prop_map(move |(source, destination)| Property {
                line: 1,
                name: name.clone(),
                expected: if deny {
                    Decision::Deny
                } else {
                    Decision::Allow
                },
                direction: if out {
                    Direction::Outbound
                } else {
                    Direction::Inbound
                },
                protocols,
                source,
                destination,
            })
        })
}

proptest! {
    #[test]
    fn what_is_printed_reads_back(property in property()) {
        let text = property.to_string();
        prop_assert_eq!(parse(&text), Ok(vec![property]), "{}", text);
    }

    #[test]
    fn what_is_read_prints_as_what_reads_the_same(
        text in "(a: )?(allow|deny) (in|out) (tcp|udp,6|any|icmp) [a-zA-Z0-9.:,/@\\[\\]*-]{1,20} -> [a-zA-Z0-9.:,/@\\[\\]*-]{1,20}",
    ) {
        if let Ok(read) = parse(&text) {
            let again = read.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
            prop_assert_eq!(parse(&again), Ok(read), "{} -> {}", text, again);
        }
    }

    #[test]
    fn no_text_makes_it_panic_and_places_are_within(text in "\\PC{0,60}|[a-z:,\\[\\]@*/.0-9 \u{e4}\n#>-]{0,80}") {
        if let Err(mistakes) = parse(&text) {
            for mistake in mistakes {
                let line = text.lines().nth(mistake.line - 1).unwrap();
                prop_assert!(mistake.column <= line.chars().count() + 1);
            }
        }
    }
}
