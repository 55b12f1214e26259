//! A small world for the unit tests: two audited subnets and one other, and flows between them.

use std::collections::BTreeMap;

use crate::catalogue::{AddressTerm, Condition, KnownPeers, Profile, Row};
use crate::classify::{Class, ClassId, Classes, Membership, Scope, Spans};
use crate::environment::{Environment, Subnet};
use crate::flowlog::LogKind;
use crate::net::{Decision, Direction, Outcome, PortSet, PrefixSet, Protocol};
use crate::tally::{Facts, Group, NO_SPAN, Port, RuleName, Sample, Timeline, Totals};

pub(crate) const APIM: ClassId = ClassId(0);
pub(crate) const COMPUTE: ClassId = ClassId(1);
pub(crate) const JUMP: ClassId = ClassId(2);
pub(crate) const PEERED: ClassId = ClassId(3);
pub(crate) const INTERNET: ClassId = ClassId(4);
pub(crate) const CONNECTORS: ClassId = ClassId(5);
pub(crate) const DESIGNER: ClassId = ClassId(6);
pub(crate) const STORAGE: ClassId = ClassId(7);
pub(crate) const PLATFORM: ClassId = ClassId(8);

/// 2026-01-05T10:00:00Z, the zero of the tests' minutes.
pub(crate) const START: i64 = 1_767_607_200_000;
const MINUTE: i64 = 60_000;

pub(crate) fn term(text: &str) -> AddressTerm {
    match text {
        "*" => AddressTerm::Any,
        "VirtualNetwork" => AddressTerm::VirtualNetwork,
        "Internet" => AddressTerm::Internet,
        "AzureLoadBalancer" => AddressTerm::AzureLoadBalancer,
        "@same-subnet" => AddressTerm::SameSubnet,
        _ => match text.strip_prefix('@') {
            Some(role) if role.starts_with('@') => AddressTerm::SubnetRole(role[1..].to_owned()),
            Some(name) => AddressTerm::Named(name.to_owned()),
            None => AddressTerm::ServiceTag(text.to_owned()),
        },
    }
}

pub(crate) fn classes() -> Classes {
    let scopes = [
        Scope::Subnet(0),
        Scope::Subnet(1),
        Scope::Subnet(2),
        Scope::Peered,
        Scope::Internet,
        Scope::Internet,
        Scope::Internet,
        Scope::Internet,
        Scope::Platform,
    ];
    let columns: [(&str, &[ClassId]); 6] = [
        ("VirtualNetwork", &[APIM, COMPUTE, JUMP, PEERED, PLATFORM]),
        ("Internet", &[INTERNET, CONNECTORS, DESIGNER, STORAGE]),
        ("AzureLoadBalancer", &[PLATFORM]),
        ("AzureConnectors", &[CONNECTORS]),
        ("LogicAppsManagement", &[DESIGNER]),
        ("Storage", &[STORAGE]),
    ];
    let terms = columns
        .iter()
        .enumerate()
        .map(|(index, (text, _))| (term(text), index))
        .collect();
    let classes = scopes.iter().enumerate().map(|(id, &scope)| Class {
        scope,
        members: vec![
            columns
                .iter()
                .map(|(_, inside)| {
                    if inside.contains(&ClassId(id as u32)) {
                        Membership::Inside
                    } else {
                        Membership::Outside
                    }
                })
                .collect(),
        ],
    });
    Classes {
        first: Vec::new(),
        terms,
        classes: classes.collect(),
        spans: Spans::default(),
    }
}

pub(crate) fn environment() -> Environment {
    let subnet = |name: &str, prefix: &str, audited| Subnet {
        name: name.to_owned(),
        prefixes: PrefixSet::parse([prefix]).unwrap(),
        role: String::new(),
        audited,
    };
    Environment {
        name: "vnet".to_owned(),
        address_space: PrefixSet::parse(["10.0.0.0/16"]).unwrap(),
        subnets: vec![
            subnet("apim", "10.0.1.0/24", true),
            subnet("compute", "10.0.2.0/24", true),
            subnet("jump", "10.0.3.0/24", false),
        ],
        ..Environment::default()
    }
}

pub(crate) fn profile(rows: Vec<RowBuilder>) -> Profile {
    Profile {
        name: "p".to_owned(),
        aliases: Vec::new(),
        title: "A profile".to_owned(),
        edition: "2026".to_owned(),
        status: String::new(),
        notes: Vec::new(),
        references: Vec::new(),
        includes: Vec::new(),
        rows: rows.into_iter().map(|builder| builder.0).collect(),
    }
}

#[derive(Debug)]
pub(crate) struct RowBuilder(Row);

/// A row of no direction, port or address yet.
pub(crate) fn row(id: &str) -> RowBuilder {
    RowBuilder(Row {
        id: id.to_owned(),
        row: String::new(),
        purpose: format!("Purpose of {id}"),
        directions: Vec::new(),
        protocols: Vec::new(),
        ports: PortSet::default(),
        source: Vec::new(),
        destination: Vec::new(),
        known_callers: Vec::new(),
        known_destinations: Vec::new(),
        condition: Condition::default(),
        advice: false,
        impact: "things break".to_owned(),
        impact_basis: "stated".to_owned(),
        note: String::new(),
        source_reference: "seed".to_owned(),
    })
}

impl RowBuilder {
    pub(crate) fn both(mut self) -> Self {
        self.0.directions = vec![Direction::Inbound, Direction::Outbound];
        self
    }

    pub(crate) fn ports(mut self, ports: &str) -> Self {
        self.0.ports = PortSet::parse(ports).unwrap();
        self
    }

    pub(crate) fn between_subnets(mut self) -> Self {
        self.0.source = vec![AddressTerm::VirtualNetwork];
        self.0.destination = vec![AddressTerm::VirtualNetwork];
        self
    }

    pub(crate) fn role(mut self, role: &str) -> Self {
        self.0.source = vec![AddressTerm::SubnetRole(role.to_owned())];
        self.0.destination = self.0.source.clone();
        self
    }

    pub(crate) fn inbound(mut self, source: &str, ports: &str) -> Self {
        self.0.directions = vec![Direction::Inbound];
        self.0.source = vec![term(source)];
        self.0.destination = vec![AddressTerm::VirtualNetwork];
        self.ports(ports)
    }

    pub(crate) fn outbound(mut self, destination: &str, ports: &str) -> Self {
        self.0.directions = vec![Direction::Outbound];
        self.0.source = vec![AddressTerm::VirtualNetwork];
        self.0.destination = vec![term(destination)];
        self.ports(ports)
    }

    pub(crate) fn callers(mut self, ports: &str, tag: &str) -> Self {
        self.0.known_callers.push(KnownPeers {
            ports: PortSet::parse(ports).unwrap(),
            peers: vec![term(tag)],
            since: "ise-ga-2023".to_owned(),
        });
        self
    }

    pub(crate) fn when(mut self, key: &str, value: &str) -> Self {
        self.0.condition = Condition {
            text: format!("{value} {key}"),
            when: BTreeMap::from([(key.to_owned(), value.to_owned())]),
        };
        self
    }

    pub(crate) fn tcp(mut self) -> Self {
        self.0.protocols = vec![Protocol::TCP];
        self
    }

    pub(crate) fn advice(mut self) -> Self {
        self.0.advice = true;
        self
    }
}

#[derive(Debug)]
pub(crate) struct GroupBuilder(Group);

/// Allowed outbound TCP in `vnet-v4` logs, one flow at minute 0.
pub(crate) fn group(source: ClassId, destination: ClassId, port: u16) -> GroupBuilder {
    let builder = GroupBuilder(Group {
        source,
        destination,
        protocol: Protocol::TCP,
        port: Port::One(port),
        direction: Direction::Outbound,
        decision: Decision::Allow,
        outcome: None,
        kind: LogKind::VnetV4,
        edition: 0,
        rule: 0,
        totals: Totals::default(),
        timeline: Timeline::default(),
        samples: Vec::new(),
    });
    builder.at(&[0])
}

impl From<Group> for GroupBuilder {
    fn from(group: Group) -> Self {
        Self(group)
    }
}

impl GroupBuilder {
    pub(crate) fn inbound(mut self) -> Self {
        self.0.direction = Direction::Inbound;
        self
    }

    pub(crate) fn outbound(mut self) -> Self {
        self.0.direction = Direction::Outbound;
        self
    }

    pub(crate) fn udp(mut self) -> Self {
        self.0.protocol = Protocol::UDP;
        self
    }

    pub(crate) fn deny(mut self) -> Self {
        self.0.decision = Decision::Deny;
        self.0.rule = 1;
        self
    }

    pub(crate) fn captured(mut self, outcome: Outcome) -> Self {
        self.0.kind = LogKind::Capture;
        self.0.outcome = Some(outcome);
        self.0.decision = outcome.decision().unwrap_or(Decision::Allow);
        self.0.rule = 2;
        self
    }

    pub(crate) fn kind(mut self, kind: LogKind) -> Self {
        self.0.kind = kind;
        self
    }

    pub(crate) fn bytes(mut self, forward: u64, reverse: u64) -> Self {
        self.0.totals.bytes = [forward, reverse];
        self.0.totals.packets = [forward.div_ceil(1000), reverse.div_ceil(1000)];
        self
    }

    /// One flow in each of these minutes (sorted).
    pub(crate) fn at(mut self, minutes: &[i64]) -> Self {
        let (first, last) = (minutes[0], minutes[minutes.len() - 1]);
        let buckets = (last - first + 1) as usize;
        let (mut counts, mut spans) = (vec![0; buckets], vec![NO_SPAN; buckets]);
        for minute in minutes {
            let (at, time) = ((minute - first) as usize, START + minute * MINUTE);
            counts[at] += 1;
            spans[at] = (time, time);
        }
        let totals = &mut self.0.totals;
        totals.tuples = minutes.len() as u64;
        totals.flows = totals.tuples;
        totals.first = START + first * MINUTE;
        totals.last = START + last * MINUTE;
        totals.first_begin = Some(totals.first);
        totals.last_begin = Some(totals.last);
        self.0.timeline = Timeline {
            start: START / MINUTE + first,
            counts,
            spans,
        };
        self.0.samples = minutes
            .iter()
            .take(5)
            .map(|minute| Sample {
                time: START + minute * MINUTE,
                source: [10, 0, 0, self.0.source.0 as u8].into(),
                source_port: 50_000 + *minute as u16,
                destination: [10, 0, 0, self.0.destination.0 as u8].into(),
                destination_port: match self.0.port {
                    Port::One(port) => port,
                    Port::Other => 0,
                },
                file: 0,
                offset: *minute as u64,
            })
            .collect();
        self
    }

    pub(crate) fn build(self) -> Group {
        self.0
    }
}

/// Facts of these groups: rule 0 allows, rule 1 denies.
pub(crate) fn facts(groups: Vec<GroupBuilder>) -> Facts {
    let rule = |name: &str| RuleName {
        acl: "/SUBSCRIPTIONS/S/PROVIDERS/MICROSOFT.NETWORK/NETWORKSECURITYGROUPS/NSG".to_owned(),
        rule: name.to_owned(),
    };
    let groups: Vec<_> = groups.into_iter().map(GroupBuilder::build).collect();
    let window = groups
        .iter()
        .map(|group| (group.totals.first, group.totals.last))
        .reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)));
    Facts {
        classes: classes(),
        rules: vec![
            rule("UserRule_Allow"),
            rule("UserRule_Deny"),
            RuleName::default(),
        ],
        groups,
        bucket_minutes: 1,
        window,
        ..Facts::default()
    }
}
