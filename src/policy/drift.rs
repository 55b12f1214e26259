//! What logs say was decided, held against what the rules decide.
//!
//! Every logged flow is asked; those that agree are counted, the others kept by what they are. What is
//! kept is bounded, and chosen by value: the same flows in any order leave the same.

use std::collections::BTreeMap;
use std::net::IpAddr;

use hashbrown::HashMap;

use super::decider::Ruling;
use super::evaluate::evaluate;
use super::logged::{Logged, compare};
use super::network::Network;
use super::prove::Prover;
use super::rule::{Answer, Cube, Level, Probe};
use crate::net::rule_name::{is_encryption, is_platform};
use crate::net::{Decision, Direction, PortSet, PrefixSet, Protocol, ProtocolSet, Timestamp};

pub use super::logged::{Compared, Speaks, Why};

/// Most flows that are kept of those that do not agree.
pub const MOST_FLOWS: usize = 16_384;
/// Most logged rules that are told apart in the summary.
pub const MOST_RULES: usize = 4_096;
/// Answers that are remembered, so that a flow that comes again is not evaluated again.
const REMEMBERED: usize = 1 << 18;
/// Bytes of a logged name that are kept.
const LONGEST_NAME: usize = 512;
/// Names that are numbered before numbering begins anew.
const NUMBERED: usize = 1 << 14;

/// What a log says of a flow.
#[derive(Debug, Clone, Copy)]
pub struct Said<'a> {
    /// Direction, seen from the logged interface.
    pub direction: Direction,
    /// Protocol.
    pub protocol: Protocol,
    /// Source address.
    pub source: IpAddr,
    /// Source port; `None` where the log lost it.
    pub source_port: Option<u16>,
    /// Destination address.
    pub destination: IpAddr,
    /// Destination port.
    pub destination_port: u16,
    /// What was decided.
    pub decision: Decision,
    /// Whose decision it is.
    pub speaks: Speaks,
    /// What holds the rule, as logged; empty where missing.
    pub acl: &'a str,
    /// The rule, as logged; empty where missing.
    pub rule: &'a str,
    /// When; of many flows in one the first and the last.
    pub times: (Timestamp, Timestamp),
}

/// How many tuples, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Times {
    /// Tuples.
    pub tuples: u64,
    /// Time of the first.
    pub first: Timestamp,
    /// Time of the last.
    pub last: Timestamp,
}

impl Times {
    /// Adds a tuple.
    fn add(times: &mut Option<Self>, (first, last): (Timestamp, Timestamp)) {
        match times {
            None => {
                *times = Some(Self {
                    tuples: 1,
                    first,
                    last,
                });
            }
            Some(times) => {
                times.tuples += 1;
                times.first = times.first.min(first);
                times.last = times.last.max(last);
            }
        }
    }
}

/// A flow that does not agree, or of which it is not known. Times of the same flow are added up.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Flow {
    /// Direction.
    pub direction: Direction,
    /// The packet; its source port is 0 where none is told apart.
    pub probe: Probe,
    /// Source port, where rules tell source ports apart and the log has it.
    pub source_port: Option<u16>,
    /// What the log says.
    pub logged: LoggedRule,
}

/// A rule as logged, and what it did.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct LoggedRule {
    /// What holds it; empty where missing.
    pub acl: String,
    /// Its name; empty where missing.
    pub rule: String,
    /// What it did.
    pub decision: Decision,
}

/// What the rules do with a flow that does not agree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Otherwise {
    /// What the rules do.
    pub answer: Answer,
    /// Who decides, or why it is not known, in words.
    pub by: String,
    /// How many tuples, and when.
    pub times: Times,
}

/// What became of the tuples of a logged rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct OfRule {
    /// The rules decide the same.
    pub agree: Option<Times>,
    /// Of these, by another rule.
    pub other_rule: Option<Times>,
    /// The rules decide otherwise.
    pub differ: Option<Times>,
    /// Not known.
    pub undetermined: Option<Times>,
}

/// All that was compared.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Drifted {
    /// Tuples that agree, those by another rule included.
    pub agree: u64,
    /// Tuples that agree, but by another rule than is logged.
    pub other_rule: u64,
    /// Tuples that differ.
    pub differ: u64,
    /// Tuples of which it is not known what the rules decide.
    pub undetermined: u64,
    /// Tuples that rules have no say in, by why.
    pub out: BTreeMap<Why, u64>,
    /// The flows that differ or are undetermined; the least where there are more than are kept.
    pub flows: BTreeMap<Flow, Otherwise>,
    /// Tuples of flows that were not kept.
    pub not_kept: u64,
    /// By the rule that is logged; the least where there are more than are kept.
    pub rules: BTreeMap<LoggedRule, OfRule>,
    /// Tuples of logged rules that were not kept.
    pub rules_not_kept: u64,
}

impl Drifted {
    /// Tuples in all.
    pub fn tuples(&self) -> u64 {
        self.agree + self.differ + self.undetermined + self.out.values().sum::<u64>()
    }
}

/// Holds logs against rules.
#[derive(Debug)]
pub struct Drift {
    /// By direction: addresses and the number of their levels.
    places: [Vec<(PrefixSet, usize)>; 2],
    /// Levels, each list once, and whether they tell source ports apart.
    paths: Vec<(Vec<Level>, bool)>,
    hosts: PrefixSet,
    names: HashMap<(String, String), u32>,
    answers: HashMap<Key, Compared>,
    drifted: Drifted,
}

/// What an answer depends on.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Key {
    direction: Direction,
    decision: Decision,
    speaks: Speaks,
    protocol: ProtocolSet,
    source: IpAddr,
    /// 0 where no rule tells source ports apart; 65,536 where it is not known.
    source_port: u32,
    destination: IpAddr,
    destination_port: u16,
    name: u32,
}

impl Drift {
    /// Compiles the rules of a network.
    pub fn new(network: &Network<'_>) -> Self {
        let mut paths: Vec<(Vec<Level>, bool)> = Vec::new();
        let places = [Direction::Inbound, Direction::Outbound].map(|direction| {
            let places = network.places(&network.hosts(), direction);
            let numbered = places.into_iter().map(|place| {
                let known = paths.iter().position(|(levels, _)| *levels == place.levels);
                let number = known.unwrap_or_else(|| {
                    let rules = || place.levels.iter().flat_map(|level| &level.rules);
                    let apart = rules().any(|rule| !rule.source_ports.is_any());
                    paths.push((place.levels, apart));
                    paths.len() - 1
                });
                (place.addresses, number)
            });
            numbered.collect::<Vec<_>>()
        });
        Self {
            places,
            paths,
            hosts: network.hosts(),
            names: HashMap::new(),
            answers: HashMap::new(),
            drifted: Drifted::default(),
        }
    }

    /// What was compared.
    pub fn finish(self) -> Drifted {
        self.drifted
    }

    /// Asks the rules of a flow.
    pub fn add(&mut self, said: &Said<'_>) {
        let protocol = ProtocolSet::of(said.protocol);
        let path = self.path(said);
        let apart = path.is_some_and(|path| self.paths[path].1) && protocol.has_ports();
        let key = Key {
            direction: said.direction,
            decision: said.decision,
            speaks: said.speaks,
            protocol,
            source: said.source,
            source_port: match said.source_port {
                _ if !apart => 0,
                Some(port) => port.into(),
                None => 1 << 16,
            },
            destination: said.destination,
            destination_port: if protocol.has_ports() {
                said.destination_port
            } else {
                0
            },
            name: self.name(said),
        };
        let compared = if let Some(&compared) = self.answers.get(&key) {
            compared
        } else {
            let compared = self.ask(said, &key, path).0;
            if self.answers.len() == REMEMBERED {
                self.answers.clear();
            }
            self.answers.insert(key.clone(), compared);
            compared
        };
        self.count(said, &key, path, compared);
    }

    /// The levels on a flow's way.
    fn path(&self, said: &Said<'_>) -> Option<usize> {
        let (side, local) = match said.direction {
            Direction::Inbound => (0, said.destination),
            Direction::Outbound => (1, said.source),
        };
        if !self.hosts.contains(local) {
            return None;
        }
        let places = self.places[side].iter();
        let mut holding = places.filter(|(addresses, _)| addresses.contains(local));
        holding.next().map(|&(_, number)| number)
    }

    /// A number for holder and rule.
    fn name(&mut self, said: &Said<'_>) -> u32 {
        let name = (cut(said.acl), cut(said.rule));
        if let Some(&number) = self.names.get(&name) {
            return number;
        }
        if self.names.len() == NUMBERED {
            self.names.clear();
            self.answers.clear();
        }
        let number = self.names.len() as u32;
        self.names.insert(name, number);
        number
    }

    /// What the rules say of a flow, in a word; what they do; and who decides, in words.
    fn ask(&self, said: &Said<'_>, key: &Key, path: Option<usize>) -> (Compared, Answer, String) {
        let out = |why| (Compared::Out(why), Answer::Undetermined, String::new());
        let logged = Logged {
            decision: said.decision,
            speaks: said.speaks,
            acl: said.acl,
            rule: said.rule,
        };
        let levels = path.map_or(&[][..], |path| &self.paths[path].0);
        let no_rule = is_platform(said.acl, said.rule) || is_encryption(said.rule);
        if !no_rule && key.protocol.is_empty() {
            return out(Why::Protocol);
        }
        if !no_rule && path.is_none() {
            return out(Why::Elsewhere);
        }
        match compare(levels, &logged, |range| decided(&levels[range], said, key)) {
            (compared, Some(asked)) => (compared, asked.answer(), asked.words(levels)),
            (compared, None) => (compared, Answer::Undetermined, String::new()),
        }
    }

    /// Counts a tuple.
    fn count(&mut self, said: &Said<'_>, key: &Key, path: Option<usize>, compared: Compared) {
        let logged = LoggedRule {
            acl: cut(said.acl),
            rule: cut(said.rule),
            decision: said.decision,
        };
        let drifted = &mut self.drifted;
        match compared {
            Compared::Agrees | Compared::OtherRule => drifted.agree += 1,
            Compared::Differs => drifted.differ += 1,
            Compared::Undetermined => drifted.undetermined += 1,
            Compared::Out(why) => {
                *drifted.out.entry(why).or_default() += 1;
                return;
            }
        }
        if compared == Compared::OtherRule {
            drifted.other_rule += 1;
        }
        if let Some(of_rule) = least(
            &mut drifted.rules,
            &logged,
            MOST_RULES,
            &mut drifted.rules_not_kept,
            OfRule::tuples,
        ) {
            let of_rule = of_rule.or_insert_with(OfRule::default);
            let times = match compared {
                Compared::Differs => &mut of_rule.differ,
                Compared::Undetermined => &mut of_rule.undetermined,
                _ => &mut of_rule.agree,
            };
            Times::add(times, said.times);
            if compared == Compared::OtherRule {
                Times::add(&mut of_rule.other_rule, said.times);
            }
        }
        if !matches!(compared, Compared::Differs | Compared::Undetermined) {
            return;
        }
        let flow = Flow {
            direction: said.direction,
            source_port: u16::try_from(key.source_port)
                .ok()
                .filter(|_| path.is_some_and(|path| self.paths[path].1)),
            probe: probe(said, key),
            logged,
        };
        if let Some(known) = self.drifted.flows.get_mut(&flow) {
            let mut times = Some(known.times);
            Times::add(&mut times, said.times);
            known.times = times.unwrap_or(known.times);
            return;
        }
        let (_, answer, by) = self.ask(said, key, path);
        let drifted = &mut self.drifted;
        let Some(entry) = least(
            &mut drifted.flows,
            &flow,
            MOST_FLOWS,
            &mut drifted.not_kept,
            |otherwise| otherwise.times.tuples,
        ) else {
            return;
        };
        let (first, last) = said.times;
        entry.or_insert_with(|| Otherwise {
            answer,
            by,
            times: Times {
                tuples: 1,
                first,
                last,
            },
        });
    }
}

impl OfRule {
    fn tuples(&self) -> u64 {
        let of = |times: Option<Times>| times.map_or(0, |times| times.tuples);
        of(self.agree) + of(self.differ) + of(self.undetermined)
    }
}

/// The place of a key among the least `most`; `None` where it is not among them. What has to go, and
/// what finds no place, is added to `not_kept`. A key that went is greater than all that stay, so it
/// never comes back: counts of those kept are whole.
fn least<'m, K: Ord + Clone, V>(
    map: &'m mut BTreeMap<K, V>,
    key: &K,
    most: usize,
    not_kept: &mut u64,
    tuples: impl Fn(&V) -> u64,
) -> Option<std::collections::btree_map::Entry<'m, K, V>> {
    if !map.contains_key(key) {
        let full = map.len() >= most;
        let beyond = map.last_key_value().is_some_and(|(last, _)| key > last);
        if full && beyond {
            *not_kept += 1;
            return None;
        }
        if full && let Some((_, gone)) = map.pop_last() {
            *not_kept += tuples(&gone);
        }
    }
    Some(map.entry(key.clone()))
}

/// A name as kept: not longer than names are.
fn cut(name: &str) -> String {
    let mut end = name.len().min(LONGEST_NAME);
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    name[..end].to_owned()
}

fn probe(said: &Said<'_>, key: &Key) -> Probe {
    Probe {
        protocol: key.protocol,
        source: said.source,
        source_port: u16::try_from(key.source_port).unwrap_or_default(),
        destination: said.destination,
        destination_port: key.destination_port,
    }
}

/// What levels do with a flow, or why that is not known.
fn decided(levels: &[Level], said: &Said<'_>, key: &Key) -> Result<Ruling, &'static str> {
    let probe = probe(said, key);
    if said.source.is_ipv4() != said.destination.is_ipv4() {
        return Err("since one end is IPv4 and the other IPv6");
    }
    if key.source_port <= u16::MAX.into() {
        return Ok(evaluate(levels, &probe).ruling);
    }
    let single = |address: IpAddr| PrefixSet::new([address.into()]);
    let cube = Cube {
        protocols: key.protocol,
        source: single(said.source),
        source_ports: PortSet::any(),
        destination: single(said.destination),
        destination_ports: PortSet::new([(key.destination_port, key.destination_port)]),
    };
    let mut parts = Prover::new(levels).prove(&cube).parts;
    let first = parts.first().map(|part| part.ruling.answer);
    if parts.iter().any(|part| Some(part.ruling.answer) != first) || parts.is_empty() {
        return Err("since rules tell source ports apart, and the log has none");
    }
    Ok(parts.remove(0).ruling)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// What is kept does not depend on the order, and nothing is lost.
        #[test]
        fn the_least_keys_are_kept_whole(mut keys in prop::collection::vec(0u8..20, 0..80)) {
            let run = |keys: &[u8]| {
                let (mut map, mut not_kept) = (BTreeMap::new(), 0);
                for key in keys {
                    if let Some(entry) = least(&mut map, key, 5, &mut not_kept, |&count| count) {
                        *entry.or_insert(0u64) += 1;
                    }
                }
                (map, not_kept)
            };
            let forward = run(&keys);
            keys.reverse();
            prop_assert_eq!(&forward, &run(&keys));
            prop_assert_eq!(forward.0.values().sum::<u64>() + forward.1, keys.len() as u64);
            prop_assert!(forward.0.len() <= 5);
        }
    }
}
