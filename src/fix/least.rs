//! Whole rule sets: what is required and what was seen, and nothing more.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use super::check::{changed_places, grounds};
use super::ends::{End, Name, families, of_addresses};
use super::model::{Apart, Fix, Kind, NewRule, NsgChange, NsgName, Proof};
use super::plan::{self, Names, Want, find, merged};
use super::seen::{Conversation, Seen};
use super::slots::LAST;
use super::state::{Denial, Key, State, states};
use super::{FixInput, Fixed, about, apply, sizes};
use crate::audit::needed::Needed;
use crate::catalogue::{AddressTerm, parse_term};
use crate::environment::rules::{Nsg, SecurityRule, Side};
use crate::net::{Decision, Direction, PortSet, PrefixSet, ProtocolSet};
use crate::policy::count::Count;
use crate::policy::diff::diff;
use crate::policy::network::{Network, Place, everything_of};
use crate::policy::packet::Words;
use crate::policy::prove::Extent;
use crate::policy::rule::{Cube, LevelKind};
use crate::policy::unneeded::unneeded;

/// What a rule is for that no row asks for.
const SEEN: &str = "seen";

/// Direction, protocol, port, and the place as its number.
type Group = (Direction, ProtocolSet, u16, usize);

/// A place and the NSGs before it.
struct Stand {
    direction: Direction,
    place: Place,
    /// All addresses of its subnet.
    subnet: PrefixSet,
    nsgs: Vec<Key>,
}

/// Rule sets of all NSGs that stand before the network, in place of today's: they allow what is required
/// and what was seen let through, and deny all else. What was seen as a scan, without an answer, or as
/// the way back of another flow is set apart.
pub fn least_privilege(input: &FixInput<'_>, seen: &Seen) -> Fixed {
    Maker {
        input,
        stands: stands(input),
    }
    .make(seen)
}

struct Maker<'a> {
    input: &'a FixInput<'a>,
    stands: Vec<Stand>,
}

fn stands(input: &FixInput<'_>) -> Vec<Stand> {
    let mut all = Vec::new();
    for subnet in grounds(input.environment, input.network) {
        for direction in [Direction::Inbound, Direction::Outbound] {
            for place in input.network.places(&subnet, direction) {
                let nsgs = place.levels.iter();
                let nsgs = nsgs.filter(|level| level.kind != LevelKind::Admin);
                all.push(Stand {
                    direction,
                    subnet: subnet.clone(),
                    nsgs: nsgs.map(|level| Key::new(&level.id, &level.name)).collect(),
                    place,
                });
            }
        }
    }
    all
}

impl Maker<'_> {
    fn make(&self, seen: &Seen) -> Fixed {
        let input = self.input;
        let azure = input.network.documents();
        let before = states(input.needed, input.network);
        if seen.overflowed() {
            let why = "the logs tell of more conversations than can be kept: narrow them with --since, \
                       --until or --subnet";
            return self.refused(why);
        }
        let mut wants = self.required();
        let mut apart: BTreeMap<(super::Why, String), u64> = BTreeMap::new();
        wants.extend(self.seen(seen, &mut apart));
        let wants = merged(wants);
        let changes = match self.changes(&wants) {
            Ok(changes) => changes,
            Err(why) => return self.refused(&why),
        };
        let proposed = apply::applied(azure, &changes);
        let sizes = match sizes(&changes, &proposed, &wants) {
            Ok(sizes) => sizes,
            Err(refused) => {
                let why = refused.into_values().next().unwrap_or_default();
                return self.refused(&why);
            }
        };
        let after = input.with(&proposed);
        let now = states(input.needed, &after);
        if let Some(why) = self.flaw(&before, &now, &after, &wants) {
            return self.refused(&why);
        }
        let judged = || input.needed.iter().zip(&now).filter(|(one, _)| !one.advice);
        let (newly_allowed, newly_denied) = self.counts(&after);
        let numbered = || before.iter().zip(&now).enumerate();
        let of = |number: usize| about(&input.needed[number]);
        let open = numbered().filter_map(|(number, (before, now))| {
            let lost = *before == State::Allowed && *now != State::Allowed;
            if !input.is_wanted(&input.needed[number]) {
                let why = "advice that today's rules follow, and neither required nor seen: --advice keeps it";
                return lost.then(|| (of(number), why.to_owned()));
            }
            let why = match now {
                State::Allowed => return None,
                State::Open(why) => why.clone(),
                State::Denied(_) => "an NSG that is not changed denies it".to_owned(),
            };
            Some((of(number), why))
        });
        let fixed = numbered().filter(|(number, (before, now))| {
            let wanted = input.is_wanted(&input.needed[*number]);
            wanted && **before != State::Allowed && **now == State::Allowed
        });
        let fix = Fix {
            kind: Kind::LeastPrivilege,
            refused: None,
            fixed: fixed.map(|(number, _)| of(number)).collect(),
            open: open.collect(),
            proof: Proof {
                allowed: judged()
                    .filter(|(_, state)| **state == State::Allowed)
                    .count(),
                requirements: judged().count(),
                newly_allowed,
                newly_denied,
                sizes,
                tags: input.edition(),
                replay: None,
            },
            changes,
            apart: apart
                .into_iter()
                .map(|((why, what), tuples)| Apart { why, what, tuples })
                .collect(),
        };
        Fixed {
            fix,
            azure: proposed,
        }
    }

    /// No rule set, and why.
    fn refused(&self, why: &str) -> Fixed {
        let input = self.input;
        Fixed {
            fix: Fix {
                kind: Kind::LeastPrivilege,
                refused: Some(why.to_owned()),
                changes: Vec::new(),
                fixed: Vec::new(),
                open: Vec::new(),
                proof: Proof {
                    tags: input.edition(),
                    ..Proof::default()
                },
                apart: Vec::new(),
            },
            azure: input.network.documents().clone(),
        }
    }

    /// What all requirements want of every NSG on their way.
    fn required(&self) -> Vec<Want> {
        let mut all = Vec::new();
        for (number, needed) in self.input.needed.iter().enumerate() {
            if !self.input.is_wanted(needed) {
                continue;
            }
            let stands = self
                .stands
                .iter()
                .filter(|stand| stand.direction == needed.direction);
            let mut denials = Vec::new();
            for stand in stands {
                let local = needed.local.intersection(&stand.place.addresses);
                if local.is_empty() {
                    continue;
                }
                for nsg in &stand.nsgs {
                    denials.extend((0..needed.remotes.len()).map(|remote| Denial {
                        nsg: nsg.clone(),
                        local: local.clone(),
                        remote,
                        before: u32::MAX,
                    }));
                }
            }
            all.extend(plan::wants(number, needed, &denials, self.input.network));
        }
        all
    }

    /// What was seen and is not required, as wants; what is set apart goes there.
    fn seen(&self, seen: &Seen, apart: &mut BTreeMap<(super::Why, String), u64>) -> Vec<Want> {
        let tags = self.tags();
        let mut hosts: BTreeMap<Group, PrefixSet> = BTreeMap::new();
        let mut named: BTreeSet<(Group, usize)> = BTreeSet::new();
        for (conversation, tuples, why) in seen.conversations() {
            let stand = self.stands.iter().position(|stand| {
                stand.direction == conversation.direction
                    && stand.place.addresses.contains(conversation.local)
            });
            let Some(stand) = stand else { continue };
            let needed = self.input.needed.iter();
            let mut needed = needed.filter(|one| self.input.is_wanted(one));
            if needed.any(|one| holds(one, conversation)) {
                continue;
            }
            if let Some(why) = why {
                *apart.entry((why, words(conversation))).or_default() += tuples;
                continue;
            }
            let Conversation {
                direction,
                protocol,
                port,
                remote,
                ..
            } = *conversation;
            let group = (direction, protocol, port, stand);
            let tag = tags.iter().position(|tag| tag.addresses.contains(remote));
            if let Some(tag) = tag {
                named.insert((group, tag));
            } else {
                let all = hosts.entry(group).or_insert_with(PrefixSet::empty);
                *all = all.union(&self.around(remote));
            }
        }
        let mut wants = Vec::new();
        for (group, tag) in named {
            wants.extend(self.want(group, &tags[tag]));
        }
        for (group, addresses) in hosts {
            for end in of_addresses(&addresses, self.input.network.documents()) {
                wants.extend(self.want(group, &end));
            }
        }
        wants
    }

    fn want(&self, (direction, protocol, port, stand): Group, remote: &End) -> Vec<Want> {
        let stand = &self.stands[stand];
        let ports = if protocol.has_ports() {
            PortSet::new([(port, port)])
        } else {
            PortSet::any()
        };
        let mut wants = Vec::new();
        for nsg in &stand.nsgs {
            for local in families(&stand.place.addresses) {
                if plan::of_one_family(&local, remote) {
                    wants.push(Want {
                        nsg: nsg.clone(),
                        direction,
                        protocol,
                        local,
                        remote: remote.clone(),
                        ports: ports.clone(),
                        before: u32::MAX,
                        rows: BTreeSet::from([SEEN.to_owned()]),
                        targets: BTreeSet::new(),
                    });
                }
            }
        }
        wants
    }

    /// The subnet that an address is in, else itself: hosts of a service come and go within its subnet.
    fn around(&self, address: IpAddr) -> PrefixSet {
        let subnets = self.stands.iter().map(|stand| &stand.subnet);
        let found = subnets
            .filter(|subnet| subnet.contains(address))
            .find(|subnet| {
                self.input
                    .environment
                    .subnets
                    .iter()
                    .any(|one| one.prefixes == **subnet)
            });
        found.map_or_else(|| PrefixSet::new([address.into()]), Clone::clone)
    }

    /// The tags that rules and rows use, the narrowest first: what was seen is called by these. Those of
    /// whole networks are not among them.
    fn tags(&self) -> Vec<End> {
        let azure = self.input.network.documents();
        let rules = azure.nsgs.iter().flat_map(|nsg| &nsg.rules);
        let sides = rules.flat_map(|rule| [&rule.source, &rule.destination]);
        let of_rules = sides.flat_map(|side| side.tags.iter());
        let of_rules = of_rules.filter_map(|tag| parse_term(tag).ok());
        let remotes = self.input.needed.iter().flat_map(|one| &one.remotes);
        let of_rows = remotes.flat_map(|remote| remote.terms.iter().map(|(term, _)| term.clone()));
        let terms: BTreeSet<AddressTerm> = of_rules.chain(of_rows).collect();
        let is_service = |term: &AddressTerm| {
            matches!(
                term,
                AddressTerm::ServiceTag(_) | AddressTerm::AzureLoadBalancer
            )
        };
        let mut ends: Vec<End> = terms
            .into_iter()
            .filter(is_service)
            .filter_map(|term| {
                let meant = self.input.network.meaning(&term);
                let known = meant.unknown.is_empty() && !meant.known.is_empty();
                known.then(|| End {
                    name: Name::Tag(term.to_string()),
                    addresses: meant.known,
                })
            })
            .collect();
        ends.sort_by_cached_key(|end| (width(&end.addresses), end.name.clone()));
        ends
    }

    /// The rule set of each NSG.
    fn changes(&self, wants: &[Want]) -> Result<Vec<NsgChange>, String> {
        let azure = self.input.network.documents();
        let keys: BTreeSet<&Key> = self.stands.iter().flat_map(|stand| &stand.nsgs).collect();
        let mut changes = Vec::new();
        for key in keys {
            let is_given = |nsg: &&Nsg| Key::new(&nsg.id, &nsg.name) == *key && !nsg.rules_only;
            let nsg = azure.nsgs.iter().find(is_given);
            let nsg = nsg.or_else(|| find(azure, key)).filter(is_given);
            let Some(nsg) = nsg.filter(|nsg| nsg.unread.is_empty()) else {
                return Err(format!(
                    "not all rules of {} are known, and so not what a new set would take away",
                    key.0.rsplit('/').next().unwrap_or_default()
                ));
            };
            changes.push(self.rule_set(nsg, key, wants)?);
        }
        changes.sort_by(|one, other| one.nsg.cmp(&other.nsg));
        Ok(changes)
    }

    /// New rules beside the old ones, which go: none has the name or the priority of one that is there,
    /// so that they can be made before the old ones go.
    fn rule_set(&self, nsg: &Nsg, key: &Key, wants: &[Want]) -> Result<NsgChange, String> {
        let azure = self.input.network.documents();
        let mut names = Names::new(nsg);
        let mut new: Vec<NewRule> = Vec::new();
        for direction in [Direction::Inbound, Direction::Outbound] {
            let mut own: Vec<&Want> = wants
                .iter()
                .filter(|want| want.nsg == *key && want.direction == direction)
                .collect();
            own.sort_by_key(|want| {
                let seen = want.rows.len() == 1 && want.rows.contains(SEEN);
                let ports = want.ports.ranges().to_vec();
                (
                    seen,
                    want.rows.first().cloned(),
                    want.protocol,
                    ports,
                    want.remote.clone(),
                )
            });
            let mut free = free(nsg, direction);
            let end = free.pop();
            let round = free.iter().filter(|priority| *priority % 10 == 0).copied();
            let round: Vec<u32> = round.collect();
            let priorities = if round.len() >= own.len() {
                &round
            } else {
                &free
            };
            let Some(end) = end.filter(|_| priorities.len() >= own.len()) else {
                return Err(format!(
                    "{} has no room for {} {direction} rules beside those of today",
                    nsg.name,
                    own.len() + 1
                ));
            };
            for (want, &priority) in own.into_iter().zip(priorities) {
                for local in of_addresses(&want.local, azure).into_iter().take(1) {
                    new.push(plan::rule(want, &local, priority, &mut names));
                }
            }
            new.push(deny_all(direction, end, &mut names));
        }
        let mut removed: Vec<SecurityRule> = nsg
            .rules
            .iter()
            .filter(|rule| !rule.is_default)
            .cloned()
            .collect();
        removed.sort_by_key(|rule| {
            let denies = rule.access == Decision::Deny;
            (denies, rule.direction, rule.priority, rule.name.clone())
        });
        Ok(NsgChange {
            nsg: NsgName::new(&nsg.id, &nsg.name),
            moves: Vec::new(),
            new,
            removed,
        })
    }

    /// What the new rules do that they should not; `None` where all is as it should be.
    fn flaw(
        &self,
        before: &[State],
        now: &[State],
        after: &Network<'_>,
        wants: &[Want],
    ) -> Option<String> {
        let all = self.input.needed.iter().zip(before.iter().zip(now));
        for (needed, (before, now)) in all {
            if self.input.is_wanted(needed) && *before == State::Allowed && before != now {
                return Some(format!(
                    "{} of {} would not be wholly allowed any more",
                    needed.row, needed.subnet
                ));
            }
        }
        for stand in self.stands.iter().filter(|stand| !stand.nsgs.is_empty()) {
            let mut required: Vec<Cube> = self
                .input
                .needed
                .iter()
                .filter(|one| one.direction == stand.direction && self.input.is_wanted(one))
                .flat_map(|one| one.cubes(&stand.place.addresses))
                .collect();
            let seen = wants
                .iter()
                .filter(|want| want.direction == stand.direction && want.rows.contains(SEEN));
            required.extend(seen.map(|want| cube(want, &stand.place.addresses)));
            for place in after.places(&stand.place.addresses, stand.direction) {
                let within = everything_of(&place.addresses, stand.direction);
                let open = unneeded(&place.levels, &required, &within, Extent::ALL);
                // What a network manager lets through no NSG can deny.
                let of_nsgs = open.allowed.iter().chain(&open.undetermined).find(|part| {
                    let mut by = part.ruling.by.iter();
                    !by.any(|by| place.levels[by.level].kind == LevelKind::Admin)
                });
                if let Some(part) = of_nsgs {
                    return Some(format!(
                        "more than is required and was seen would be let through {}: for example {}",
                        part.ruling.words(&place.levels),
                        Words(&part.witness)
                    ));
                }
            }
        }
        None
    }

    /// How many packets are newly allowed, and newly denied.
    fn counts(&self, after: &Network<'_>) -> (Count, Count) {
        let input = self.input;
        let (mut allowed, mut denied) = (Count::ZERO, Count::ZERO);
        for (direction, old, new) in changed_places(input.network, after, input.environment) {
            let within = everything_of(&new.addresses, direction);
            let all = diff(&old.levels, &new.levels, &within);
            allowed = all
                .newly_allowed()
                .fold(allowed, |sum, one| sum.plus(one.count));
            denied = all
                .newly_denied()
                .fold(denied, |sum, one| sum.plus(one.count));
        }
        (allowed, denied)
    }
}

/// How many addresses a set has, IPv6 counted by its ranges only: for telling narrow tags from wide ones.
fn width(addresses: &PrefixSet) -> (u128, usize) {
    use crate::net::prefix::Family;
    let v4 = addresses.ranges(Family::V4).iter();
    let v4 = v4.map(|(low, high)| high - low + 1).sum();
    (v4, addresses.ranges(Family::V6).len())
}

/// Whether a requirement needs a conversation.
fn holds(needed: &Needed, conversation: &Conversation) -> bool {
    let has_port = |ports: &PortSet| {
        if conversation.protocol.has_ports() {
            ports.contains(conversation.port)
        } else {
            ports.is_any()
        }
    };
    needed.direction == conversation.direction
        && !needed
            .protocols
            .intersection(conversation.protocol)
            .is_empty()
        && needed.local.contains(conversation.local)
        && needed.remotes.iter().any(|remote| {
            has_port(&remote.ports)
                && remote.terms.iter().any(|(_, set)| {
                    set.as_ref()
                        .is_some_and(|set| set.contains(conversation.remote))
                })
        })
}

fn words(conversation: &Conversation) -> String {
    let Conversation {
        direction,
        protocol,
        port,
        local,
        remote,
    } = conversation;
    let (from, to) = match direction {
        Direction::Inbound => (remote, local),
        Direction::Outbound => (local, remote),
    };
    format!("{direction} {protocol} {from} -> {to} port {port}")
}

/// The packets of a want at some addresses.
fn cube(want: &Want, at: &PrefixSet) -> Cube {
    let local = want.local.intersection(at);
    let remote = want.remote.addresses.clone();
    let (source, destination) = match want.direction {
        Direction::Inbound => (remote, local),
        Direction::Outbound => (local, remote),
    };
    Cube {
        protocols: want.protocol,
        source,
        source_ports: PortSet::any(),
        destination,
        destination_ports: want.ports.clone(),
    }
}

/// Priorities that no rule of today has, ascending.
fn free(nsg: &Nsg, direction: Direction) -> Vec<u32> {
    let rules = nsg.rules.iter().filter(|rule| rule.direction == direction);
    let taken: BTreeSet<u32> = rules.map(|rule| rule.priority).collect();
    (100..=LAST)
        .filter(|priority| !taken.contains(priority))
        .collect()
}

/// Before the default rules, which would let the network and the internet through.
fn deny_all(direction: Direction, priority: u32, names: &mut Names) -> NewRule {
    let any = || Side {
        any: true,
        ports: PortSet::any(),
        ..Side::default()
    };
    NewRule {
        rule: SecurityRule {
            name: names.unique(&format!("deny-everything-else-{}", plan::way(direction))),
            priority,
            direction,
            access: Decision::Deny,
            protocols: ProtocolSet::ANY,
            source: any(),
            destination: any(),
            is_default: false,
            path: String::new(),
        },
        rows: vec!["everything else".to_owned()],
    }
}
