//! A replay held against the rules, packet by packet.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::audit::testing::{facts, group, profile};
use crate::classify::Partition;
use crate::environment::azure::{Azure, parse};
use crate::net::ProtocolSet;
use crate::net::prefix::number;
use crate::policy::evaluate::evaluate;
use crate::policy::rule::Probe;

/// One subnet, 10.0.0.0/24, with an NSG, and an interface 10.0.0.4 with one of its own.
fn azure(subnet: &[OneRule], interface: &[OneRule]) -> Azure {
    let id = |kind: &str, name: &str| format!("/s/providers/Microsoft.Network/{kind}/{name}");
    let rules = |rules: &[OneRule]| -> Vec<_> {
        let numbered = rules.iter().enumerate();
        let one = |(number, rule): (usize, &OneRule)| {
            json!({
                "name": format!("rule-{number}"), "priority": 100 + number, "direction": "Inbound",
                "access": if rule.allows { "Allow" } else { "Deny" }, "protocol": "*",
                "sourceAddressPrefix": rule.source, "sourcePortRange": "*",
                "destinationAddressPrefix": rule.destination,
                "destinationPortRange": rule.ports,
            })
        };
        numbered.map(one).collect()
    };
    let nsg = |name: &str, own: &[OneRule]| {
        json!({
            "id": id("networkSecurityGroups", name), "name": name,
            "type": "Microsoft.Network/networkSecurityGroups", "securityRules": rules(own),
        })
    };
    let network = id("virtualNetworks", "vnet");
    let of_subnet = id("networkSecurityGroups", "outer");
    let of_interface = id("networkSecurityGroups", "inner");
    let documents = json!([
        nsg("outer", subnet),
        nsg("inner", interface),
        {
            "id": network, "name": "vnet", "type": "Microsoft.Network/virtualNetworks",
            "addressSpace": { "addressPrefixes": ["10.0.0.0/16"] },
            "subnets": [{
                "id": format!("{network}/subnets/app"), "name": "app",
                "addressPrefix": "10.0.0.0/24",
                "networkSecurityGroup": { "id": of_subnet },
            }],
        },
        {
            "id": id("networkInterfaces", "nic"), "name": "nic",
            "type": "Microsoft.Network/networkInterfaces",
            "networkSecurityGroup": { "id": of_interface },
            "ipConfigurations": [{
                "name": "one", "privateIPAddress": "10.0.0.4",
                "subnet": { "id": format!("{network}/subnets/app") },
            }],
        },
    ]);
    let azure = parse(documents.to_string().as_bytes(), "test.json").unwrap();
    assert!(azure.faults.is_empty(), "{:?}", azure.faults);
    azure
}

#[derive(Debug, Clone)]
struct OneRule {
    allows: bool,
    source: &'static str,
    destination: &'static str,
    ports: &'static str,
}

fn some_rules() -> impl Strategy<Value = Vec<OneRule>> {
    let source = prop::sample::select(vec![
        "*",
        "198.51.100.0/24",
        "198.51.100.0/26",
        "198.51.100.64/26",
        "198.51.100.7",
        "203.0.113.0/24",
        "VirtualNetwork",
    ]);
    let destination = prop::sample::select(vec!["*", "10.0.0.0/24", "10.0.0.4", "10.0.0.128/25"]);
    let ports = prop::sample::select(vec!["*", "443", "80-500", "1024-65535"]);
    let rule = (any::<bool>(), source, destination, ports).prop_map(
        |(allows, source, destination, ports)| OneRule {
            allows,
            source,
            destination,
            ports,
        },
    );
    prop::collection::vec(rule, 0..5)
}

const REMOTE: [[u8; 4]; 6] = [
    [198, 51, 100, 7],
    [198, 51, 100, 70],
    [198, 51, 100, 200],
    [203, 0, 113, 9],
    [10, 0, 3, 3],
    [192, 0, 2, 1],
];
const LOCAL: [[u8; 4]; 3] = [[10, 0, 0, 4], [10, 0, 0, 9], [10, 0, 0, 200]];
const PORTS: [u16; 3] = [22, 443, 8080];

fn probes() -> impl Iterator<Item = Probe> {
    let ends = REMOTE
        .into_iter()
        .flat_map(|remote| LOCAL.map(|local| (remote, local)));
    ends.flat_map(|(remote, local)| {
        PORTS.map(|port| Probe {
            protocol: ProtocolSet::TCP,
            source: Ipv4Addr::from(remote).into(),
            source_port: 50_000,
            destination: Ipv4Addr::from(local).into(),
            destination_port: port,
        })
    })
}

fn replayed(facts: &Facts, environment: &Environment, proposed: &Azure) -> Replay {
    let tags = ServiceTags::embedded();
    let network = Network::new(proposed, environment, &tags, 0);
    let ways = Ways::new(&network, environment);
    replay(&ReplayInput {
        facts,
        environment,
        profile: &profile(Vec::new()),
        included: &[],
        tags: &tags,
        today: None,
        proposed: &ways,
        file_name: &|file| format!("file {file}"),
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Where classes are cut by the rules, every group is answered as each of its packets is; where they
    /// are not, as all of its packets are, or not at all.
    #[test]
    fn a_group_is_answered_as_its_packets_are(
        outer in some_rules(),
        inner in some_rules(),
        is_cut in any::<bool>(),
    ) {
        let azure = azure(&outer, &inner);
        let environment = azure.environment();
        let tags = ServiceTags::embedded();
        let network = Network::new(&azure, &environment, &tags, 0);
        let ways = Ways::new(&network, &environment);
        let cuts = if is_cut { ways.cuts() } else { Vec::new() };
        let none = BTreeSet::new();
        let partition = Partition::new(&environment, false, &none, &tags, &cuts).unwrap();
        let mut facts = facts(Vec::new());
        facts.classes = partition.classes.clone();
        facts.rules = vec![RuleName::default(); 2];
        let asking = Asking {
            facts: &facts,
            is_assumed: false,
            denied: BTreeMap::new(),
            today: None,
            proposed: Rules::new(&ways, &facts),
        };
        for probe in probes() {
            let class = |address| {
                let (family, number) = number(address);
                ClassId(partition.lookup.number(family, number).into())
            };
            let levels = network.levels(probe.destination, Direction::Inbound);
            let answer = evaluate(&levels, &probe).answer();
            for was in [Decision::Allow, Decision::Deny] {
                let (source, destination) = (class(probe.source), class(probe.destination));
                let one = group(source, destination, probe.destination_port).inbound();
                let one = if was == Decision::Deny { one.deny() } else { one };
                let found = asking.ask(&one.build()).becomes;
                let expected = match (was, answer) {
                    (_, Answer::Undetermined) => Becomes::Undetermined,
                    (Decision::Allow, Answer::Deny) => Becomes::NewlyDenied,
                    (Decision::Deny, Answer::Allow) => Becomes::NewlyAllowed,
                    _ => Becomes::Unchanged(Some(was)),
                };
                let is_open = !is_cut && found == Becomes::Undetermined;
                prop_assert!(found == expected || is_open, "{:?}: {:?}", probe, found);
            }
        }
    }
}

#[test]
fn what_becomes_of_a_group_is_told_by_what_was_and_what_is_to_be() {
    use Answer::{Allow, Deny, Undetermined};
    use Becomes::{NewlyAllowed, NewlyDenied, Unchanged};
    let (allowed, denied) = (Decision::Allow, Decision::Deny);
    let kept = Becomes::Undetermined;
    let cases = [
        (
            Was::Decided(allowed),
            Ok(Allow),
            None,
            Unchanged(Some(allowed)),
        ),
        (Was::Decided(allowed), Ok(Deny), None, NewlyDenied),
        // The log tells, and not what today's rules would do.
        (Was::Decided(allowed), Ok(Deny), Some(Deny), NewlyDenied),
        (Was::Decided(denied), Ok(Allow), None, NewlyAllowed),
        (
            Was::Decided(denied),
            Ok(Deny),
            None,
            Unchanged(Some(denied)),
        ),
        (Was::Decided(denied), Ok(Undetermined), None, kept),
        (Was::Decided(denied), Err(Why::NotGiven), Some(Deny), kept),
        (Was::Platform, Err(Why::Protocol), None, Unchanged(None)),
        (
            Was::Open(Why::Levels),
            Ok(Allow),
            None,
            Unchanged(Some(allowed)),
        ),
        (Was::Open(Why::Levels), Ok(Deny), None, kept),
        (Was::Open(Why::Levels), Ok(Deny), Some(Allow), NewlyDenied),
        (
            Was::Open(Why::Unanswered),
            Ok(Deny),
            None,
            Unchanged(Some(denied)),
        ),
        (Was::Open(Why::Unanswered), Ok(Allow), None, kept),
        (
            Was::Open(Why::Unanswered),
            Ok(Allow),
            Some(Deny),
            NewlyAllowed,
        ),
        (Was::Open(Why::Packets), Ok(Deny), None, kept),
        (
            Was::Open(Why::Packets),
            Ok(Deny),
            Some(Deny),
            Unchanged(Some(denied)),
        ),
    ];
    for (was, answer, today, expected) in cases {
        let found = becomes(was, answer, today).0;
        assert_eq!(found, expected, "{was:?} {answer:?} {today:?}");
    }
}

/// Facts of groups from 198.51.100.7 to 10.0.0.9 on 443, and the environment that they are of.
fn at_app(
    azure: &Azure,
    build: impl Fn(ClassId, ClassId) -> Vec<crate::audit::testing::GroupBuilder>,
) -> (Facts, Environment) {
    let environment = azure.environment();
    let (none, tags) = (BTreeSet::new(), ServiceTags::embedded());
    let partition = Partition::new(&environment, false, &none, &tags, &[]).unwrap();
    let class = |text: &str| {
        let (family, number) = number(text.parse().unwrap());
        ClassId(partition.lookup.number(family, number).into())
    };
    let mut facts = facts(build(class("198.51.100.7"), class("10.0.0.9")));
    facts.classes = partition.classes;
    (facts, environment)
}

const OPEN: OneRule = OneRule {
    allows: true,
    source: "*",
    destination: "10.0.0.0/24",
    ports: "*",
};

#[test]
fn rules_that_lack_the_nsg_which_logged_a_flow_allow_nothing_for_sure() {
    let azure = azure(&[OPEN], &[OPEN]);
    let (mut facts, environment) = at_app(&azure, |source, destination| {
        vec![group(source, destination, 443).inbound()]
    });
    let acl = |name: &str| format!("/S/PROVIDERS/MICROSOFT.NETWORK/NETWORKSECURITYGROUPS/{name}");
    facts.rules[0].acl = acl("OUTER");
    let told = replayed(&facts, &environment, &azure);
    assert_eq!(told.counts.unchanged.groups, 1);
    facts.rules[0].acl = acl("ANOTHER");
    let told = replayed(&facts, &environment, &azure);
    assert_eq!(told.counts.undetermined.groups, 1);
    assert_eq!(told.undetermined[0].by, Why::OtherNsg.words());
    assert_eq!(told.passes(), Passes::Yes, "no requirement needs it");
}

#[test]
fn one_nsg_that_allows_and_another_that_denies_leave_open_what_came_through() {
    let azure = azure(&[], &[]);
    let (mut facts, environment) = at_app(&azure, |source, destination| {
        let nsg = |one: crate::audit::testing::GroupBuilder| one.inbound().kind(LogKind::NsgV2);
        vec![
            nsg(group(source, destination, 443)),
            nsg(group(source, destination, 443).deny()),
        ]
    });
    facts.rules = ["outer", "inner"]
        .map(|acl| RuleName {
            acl: acl.to_owned(),
            rule: "UserRule_x".to_owned(),
        })
        .into();
    let told = replayed(&facts, &environment, &azure);
    assert_eq!(told.counts.unchanged.groups, 1, "{:?}", told.counts);
    assert_eq!(told.undetermined[0].by, Why::Levels.words());
}

#[test]
fn packets_that_nobody_answered_are_denied_as_before_or_undetermined() {
    for (rules, unchanged) in [(vec![], 1), (vec![OPEN], 0)] {
        let azure = azure(&rules, &[]);
        let (facts, environment) = at_app(&azure, |source, destination| {
            let one = group(source, destination, 443).inbound();
            vec![one.captured(Outcome::Unanswered)]
        });
        let told = replayed(&facts, &environment, &azure);
        assert_eq!(told.counts.unchanged.groups, unchanged);
        assert_eq!(told.counts.undetermined.groups, 1 - unchanged);
    }
}
