//! One packet: what decides, and why the rules before it do not.

use std::net::IpAddr;

use ipnet::IpNet;

use super::decider::{Decider, Ruling};
use super::rule::{Access, Addresses, Answer, Level, Probe, Rule};
use crate::net::{PortSet, ProtocolSet};

/// What becomes of a packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decided {
    /// What becomes of it, and by which levels.
    pub ruling: Ruling,
    /// Level by level, as given.
    pub levels: Vec<AtLevel>,
}

impl Decided {
    /// What becomes of it.
    pub fn answer(&self) -> Answer {
        self.ruling.answer
    }
}

/// What one level does with the packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AtLevel {
    /// What this level does.
    pub answer: Answer,
    /// What decides.
    pub decider: Decider,
    /// Rules before the one that surely matches (or before the end) that may match, in order.
    pub may: Vec<May>,
    /// Rules before it that do not match, in order.
    pub passed: Vec<Passed>,
}

/// A rule that may match.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct May {
    /// Position in the level's rules.
    pub rule: usize,
    /// The sides whose address may be one of those not known; none where it is not known whether the
    /// rule is in effect.
    pub unknown: Vec<Side>,
}

/// A rule that does not match.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Passed {
    /// Position in the level's rules.
    pub rule: usize,
    /// Everything that does not match, at least one.
    pub mismatches: Vec<Mismatch>,
}

/// A side of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Side {
    /// Where it comes from.
    Source,
    /// Where it goes to.
    Destination,
}

/// A part of a packet that a rule is not for. Of sets the member nearest to the packet's stands for
/// all: a tag has thousands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mismatch {
    /// The rule is for other protocols.
    Protocol {
        /// The packet's.
        protocol: ProtocolSet,
        /// The rule's.
        wanted: ProtocolSet,
    },
    /// The rule is for other addresses.
    Address {
        /// Which side's.
        side: Side,
        /// The packet's.
        address: IpAddr,
        /// The nearest prefix that the rule is for; `None` where it has none of this family.
        nearest: Option<IpNet>,
    },
    /// The rule is for other ports.
    Port {
        /// Which side's.
        side: Side,
        /// The packet's; `None` where its protocol has no ports, which matches only rules for all.
        port: Option<u16>,
        /// The nearest range that the rule is for; `None` where it is for no port.
        nearest: Option<(u16, u16)>,
    },
}

/// Whether something holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Holds {
    No,
    Maybe,
    Yes,
}

/// Whether an address is among a rule's.
fn among(addresses: &Addresses, address: IpAddr) -> Holds {
    if addresses.known.contains(address) {
        Holds::Yes
    } else if addresses.unknown.is_empty() {
        Holds::No
    } else {
        Holds::Maybe
    }
}

/// A packet's addresses, held against a rule's.
fn sides<'a>(rule: &'a Rule, probe: &Probe) -> [(Side, &'a Addresses, IpAddr); 2] {
    [
        (Side::Source, &rule.source, probe.source),
        (Side::Destination, &rule.destination, probe.destination),
    ]
}

/// A packet's ports, held against a rule's.
fn ports<'a>(rule: &'a Rule, probe: &Probe) -> [(Side, &'a PortSet, u16); 2] {
    [
        (Side::Source, &rule.source_ports, probe.source_port),
        (
            Side::Destination,
            &rule.destination_ports,
            probe.destination_port,
        ),
    ]
}

/// Whether a packet's port matches; without ports, whether the rule is for all.
fn port_matches(set: &PortSet, probe: &Probe, port: u16) -> bool {
    if probe.protocol.has_ports() {
        set.contains(port)
    } else {
        set.is_any()
    }
}

fn matches(rule: &Rule, probe: &Probe) -> Holds {
    let certain = !rule.protocols.intersection(probe.protocol).is_empty()
        && ports(rule, probe)
            .iter()
            .all(|&(_, set, port)| port_matches(set, probe, port));
    if !certain {
        return Holds::No;
    }
    let [source, destination] =
        sides(rule, probe).map(|(_, addresses, address)| among(addresses, address));
    // One that may not be in effect surely matches nothing.
    let most = if rule.doubt.is_some() {
        Holds::Maybe
    } else {
        Holds::Yes
    };
    source.min(destination).min(most)
}

/// Everything about a packet that a rule is not for.
fn mismatches(rule: &Rule, probe: &Probe) -> Vec<Mismatch> {
    let mut found = Vec::new();
    if rule.protocols.intersection(probe.protocol).is_empty() {
        found.push(Mismatch::Protocol {
            protocol: probe.protocol,
            wanted: rule.protocols,
        });
    }
    let addresses = sides(rule, probe).map(|(side, addresses, address)| {
        (among(addresses, address) == Holds::No).then(|| Mismatch::Address {
            side,
            address,
            nearest: addresses.known.nearest(address),
        })
    });
    let ports = ports(rule, probe).map(|(side, set, port)| {
        (!port_matches(set, probe, port)).then(|| Mismatch::Port {
            side,
            port: probe.protocol.has_ports().then_some(port),
            nearest: set.nearest(port),
        })
    });
    let [source, destination] = addresses;
    let [source_port, destination_port] = ports;
    found.extend(
        [source, source_port, destination, destination_port]
            .into_iter()
            .flatten(),
    );
    found
}

/// The sides on which a rule that may match is not known to.
fn unknown_sides(rule: &Rule, probe: &Probe) -> Vec<Side> {
    sides(rule, probe)
        .into_iter()
        .filter(|&(_, addresses, address)| among(addresses, address) == Holds::Maybe)
        .map(|(side, ..)| side)
        .collect()
}

/// What decides, of the rules that may match and the one that surely does.
fn decider(level: &Level, may: &[May], sure: Option<usize>) -> Decider {
    let mut first: [Option<usize>; Access::COUNT] = [None; Access::COUNT];
    for may in may {
        let access = level.rules[may.rule].access;
        first[access as usize].get_or_insert(may.rule);
    }
    Decider::of(level, first, sure)
}

fn at_level(level: &Level, probe: &Probe) -> AtLevel {
    let (mut may, mut passed, mut sure) = (Vec::new(), Vec::new(), None);
    for (number, rule) in level.rules.iter().enumerate() {
        match matches(rule, probe) {
            Holds::Yes => {
                sure = Some(number);
                break;
            }
            Holds::Maybe => may.push(May {
                rule: number,
                unknown: unknown_sides(rule, probe),
            }),
            Holds::No => passed.push(Passed {
                rule: number,
                mismatches: mismatches(rule, probe),
            }),
        }
    }
    let decider = decider(level, &may, sure);
    AtLevel {
        answer: decider.answer(level),
        decider,
        may,
        passed,
    }
}

/// What `levels` do with one packet: at each the first rule that matches decides, and every level
/// must allow, unless a security admin rule ends the evaluation. No level at all allows everything.
pub fn evaluate(levels: &[Level], probe: &Probe) -> Decided {
    let at: Vec<_> = levels.iter().map(|level| at_level(level, probe)).collect();
    let deciders: Vec<_> = at.iter().map(|level| level.decider).collect();
    Decided {
        ruling: Ruling::new(levels, &deciders),
        levels: at,
    }
}

#[cfg(test)]
mod tests;
