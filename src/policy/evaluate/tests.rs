use super::*;
use crate::net::PrefixSet;
use crate::policy::rule::LevelKind;
use crate::policy::testing::{levels, naive, naive_match, packets};
use proptest::prelude::*;

fn example(source: &str, port: &str, access: Access, unknown: &[&str]) -> Rule {
    Rule {
        name: format!("{source}:{port}"),
        access,
        protocols: ProtocolSet::TCP,
        source: Addresses {
            known: PrefixSet::parse([source]).unwrap(),
            unknown: unknown.iter().map(|&name| name.to_owned()).collect(),
        },
        destination_ports: PortSet::parse(port).unwrap(),
        ..crate::policy::testing::default_rule(access.decision())
    }
}

fn example_level(rules: Vec<Rule>) -> Level {
    Level {
        kind: LevelKind::Subnet,
        name: "nsg".to_owned(),
        id: String::new(),
        rules,
    }
}

fn probe(source: &str, port: u16) -> Probe {
    Probe {
        protocol: ProtocolSet::TCP,
        source: source.parse().unwrap(),
        source_port: 50_000,
        destination: "10.0.9.9".parse().unwrap(),
        destination_port: port,
    }
}

#[test]
fn rules_passed_over_say_what_does_not_match_and_what_is_nearest() {
    let level = example_level(vec![
        example("10.0.2.0/24", "8000-8080", Access::Allow, &[]),
        example("0.0.0.0/0", "*", Access::Deny, &[]),
    ]);
    let decided = evaluate(&[level], &probe("10.0.3.7", 443));
    assert_eq!(decided.answer(), Answer::Deny);
    assert_eq!(decided.levels[0].decider, Decider::Rule(1));
    let expected = [
        Mismatch::Address {
            side: Side::Source,
            address: "10.0.3.7".parse().unwrap(),
            nearest: Some("10.0.2.0/24".parse().unwrap()),
        },
        Mismatch::Port {
            side: Side::Destination,
            port: Some(443),
            nearest: Some((8000, 8080)),
        },
    ];
    assert_eq!(decided.levels[0].passed[0].mismatches, expected);
}

#[test]
fn protocols_without_ports_match_rules_for_all_ports_only() {
    let mut rule = example("10.0.0.0/8", "443", Access::Allow, &[]);
    rule.protocols = ProtocolSet::ANY;
    let mut packet = probe("10.0.3.7", 0);
    packet.protocol = ProtocolSet::ICMP;
    let decided = evaluate(&[example_level(vec![rule])], &packet);
    assert_eq!(decided.answer(), Answer::Undetermined);
    assert_eq!(
        decided.levels[0].passed[0].mismatches,
        [Mismatch::Port {
            side: Side::Destination,
            port: None,
            nearest: Some((443, 443)),
        }]
    );
}

#[test]
fn what_is_not_known_matters_only_where_it_would_decide_otherwise() {
    let level = |first: Access| {
        example_level(vec![
            example("10.0.2.0/24", "*", first, &["Storage"]),
            example("0.0.0.0/0", "*", Access::Deny, &[]),
        ])
    };
    let packet = probe("192.0.2.1", 443);
    let decided = evaluate(&[level(Access::Allow)], &packet);
    assert_eq!(decided.answer(), Answer::Undetermined);
    let at = &decided.levels[0];
    let expected = Decider::May {
        rule: 0,
        other: None,
        otherwise: Some(1),
    };
    assert_eq!(at.decider, expected);
    assert_eq!(at.may[0].unknown, [Side::Source]);
    assert_eq!(
        at.decider.reason(&level(Access::Allow)).unwrap(),
        "rule 10.0.2.0/24:* may match: the addresses of Storage are not known"
    );
    let decided = evaluate(&[level(Access::Deny)], &packet);
    assert_eq!(decided.levels[0].decider, Decider::Rule(1));
    assert_eq!(decided.answer(), Answer::Deny);
}

#[test]
fn no_level_allows_and_a_level_without_a_match_is_undetermined() {
    let packet = probe("10.0.3.7", 443);
    assert_eq!(evaluate(&[], &packet).answer(), Answer::Allow);
    let level = example_level(Vec::new());
    let decided = evaluate(std::slice::from_ref(&level), &packet);
    assert_eq!(decided.answer(), Answer::Undetermined);
    let reason = decided.levels[0].decider.reason(&level);
    assert_eq!(reason.as_deref(), Some("no rule matches"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn every_packet_is_decided_by_the_first_match(levels in levels()) {
        for (probe, _) in packets() {
            let decided = evaluate(&levels, &probe);
            prop_assert_eq!(&decided.ruling, &naive(&levels, &probe));
            for (at, level) in decided.levels.iter().zip(&levels) {
                for passed in &at.passed {
                    prop_assert!(!naive_match(&level.rules[passed.rule], &probe).1);
                    prop_assert!(!passed.mismatches.is_empty());
                }
            }
        }
    }
}
