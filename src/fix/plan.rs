//! From what is denied to rules: which NSGs need which rules, as few as may be, and where they go.

use std::collections::{BTreeMap, BTreeSet};

use super::ends::{End, Name, families, of_addresses, of_remote};
use super::model::{NewRule, NsgChange, NsgName};
use super::slots::Slots;
use super::state::{Denial, Key};
use crate::audit::needed::Needed;
use crate::environment::azure::Azure;
use crate::environment::rules::{Nsg, SecurityRule};
use crate::net::{Decision, Direction, PortSet, PrefixSet, ProtocolSet};
use crate::policy::network::Network;

/// A rule that is wanted.
#[derive(Debug, Clone)]
pub(super) struct Want {
    pub(super) nsg: Key,
    pub(super) direction: Direction,
    /// One protocol.
    pub(super) protocol: ProtocolSet,
    pub(super) local: PrefixSet,
    pub(super) remote: End,
    pub(super) ports: PortSet,
    /// It must have a smaller priority than this.
    pub(super) before: u32,
    /// What it is for.
    pub(super) rows: BTreeSet<String>,
    /// The requirements that it is for.
    pub(super) targets: BTreeSet<usize>,
}

/// The rules that a requirement wants of the NSGs that deny it.
pub(super) fn wants(
    target: usize,
    needed: &Needed,
    denials: &[Denial],
    network: &Network<'_>,
) -> Vec<Want> {
    let mut by_nsg: BTreeMap<(&Key, usize), (PrefixSet, u32)> = BTreeMap::new();
    for denial in denials {
        let all = by_nsg
            .entry((&denial.nsg, denial.remote))
            .or_insert_with(|| (PrefixSet::empty(), u32::MAX));
        all.0 = all.0.union(&denial.local);
        all.1 = all.1.min(denial.before);
    }
    let mut wants = Vec::new();
    for ((nsg, remote), (local, before)) in by_nsg {
        let remote = &needed.remotes[remote];
        for end in of_remote(remote, network) {
            for protocol in ProtocolSet::EACH {
                if protocol.intersection(needed.protocols).is_empty() {
                    continue;
                }
                for local in families(&local) {
                    if !of_one_family(&local, &end) {
                        continue;
                    }
                    wants.push(Want {
                        nsg: nsg.clone(),
                        direction: needed.direction,
                        protocol,
                        local,
                        remote: end.clone(),
                        ports: remote.ports.clone(),
                        before,
                        rows: BTreeSet::from([needed.row.clone()]),
                        targets: BTreeSet::from([target]),
                    });
                }
            }
        }
    }
    wants
}

/// Whether packets go between both: an address and one of the other family never do.
pub(super) fn of_one_family(local: &PrefixSet, remote: &End) -> bool {
    use crate::net::prefix::Family;
    [Family::V4, Family::V6].into_iter().any(|family| {
        !local.ranges(family).is_empty() && !remote.addresses.ranges(family).is_empty()
    })
}

/// Makes one of wants that are one rule: same but for the own end, same but for the ports, or within
/// another. The packets stay the same.
pub(super) fn merged(wants: Vec<Want>) -> Vec<Want> {
    let mut by_local: BTreeMap<_, Want> = BTreeMap::new();
    for want in wants {
        let key = (
            (want.nsg.clone(), want.direction, want.protocol),
            (want.remote.clone(), want.ports.clone()),
            // Families are not mixed in a rule.
            want.local.first().is_some_and(|first| first.is_ipv4()),
        );
        join(&mut by_local, key, want, |all, one| {
            all.local = all.local.union(&one.local);
        });
    }
    let mut by_ports: BTreeMap<_, Want> = BTreeMap::new();
    for want in by_local.into_values() {
        let key = (
            (want.nsg.clone(), want.direction, want.protocol),
            (want.remote.clone(), want.local.clone()),
        );
        join(&mut by_ports, key, want, |all, one| {
            all.ports = all.ports.union(&one.ports);
        });
    }
    // The widest first, so that what is within another comes after it.
    let mut all: Vec<Want> = by_ports.into_values().collect();
    let mut kept: Vec<Want> = Vec::new();
    all.sort_by_key(|want| std::cmp::Reverse(want.ports.len()));
    while !all.is_empty() {
        let want = all.remove(0);
        let wider = kept.iter_mut().chain(&mut all).find(|other| {
            let within = |one: &PrefixSet, other: &PrefixSet| one.difference(other).is_empty();
            (&other.nsg, other.direction, other.protocol)
                == (&want.nsg, want.direction, want.protocol)
                && within(&want.local, &other.local)
                && within(&want.remote.addresses, &other.remote.addresses)
                && want.ports.difference(&other.ports).is_empty()
        });
        match wider {
            Some(wider) => absorb(wider, want),
            None => kept.push(want),
        }
    }
    kept
}

fn join<K: Ord>(all: &mut BTreeMap<K, Want>, key: K, want: Want, add: impl Fn(&mut Want, &Want)) {
    match all.entry(key) {
        std::collections::btree_map::Entry::Vacant(place) => {
            place.insert(want);
        }
        std::collections::btree_map::Entry::Occupied(mut place) => {
            add(place.get_mut(), &want);
            absorb(place.get_mut(), want);
        }
    }
}

fn absorb(wider: &mut Want, want: Want) {
    wider.before = wider.before.min(want.before);
    wider.rows.extend(want.rows);
    wider.targets.extend(want.targets);
}

/// Requirements for which there is no rule, and why.
pub(super) type Refused = BTreeMap<usize, String>;

/// The changes that make all wants rules.
///
/// # Errors
/// Wants for which there is no room, by the requirements that they are for.
pub(super) fn changes(wants: &[Want], azure: &Azure) -> Result<Vec<NsgChange>, Refused> {
    let mut by_nsg: BTreeMap<&Key, Vec<&Want>> = BTreeMap::new();
    for want in wants {
        by_nsg.entry(&want.nsg).or_default().push(want);
    }
    let (mut all, mut refused) = (Vec::new(), Refused::new());
    for (key, mut wants) in by_nsg {
        let Some(nsg) = find(azure, key) else {
            for target in wants.iter().flat_map(|want| &want.targets) {
                refused.insert(
                    *target,
                    "no document gives the NSG that denies it".to_owned(),
                );
            }
            continue;
        };
        // By what they are for, so that the numbers are in an order that reads well.
        wants.sort_by_key(|want| {
            let ports: Vec<_> = want.ports.ranges().to_vec();
            (
                want.direction,
                want.before,
                want.rows.first().cloned(),
                want.protocol,
                ports,
                want.remote.clone(),
                want.local.clone(),
            )
        });
        let mut slots = Slots::new(nsg);
        let mut names = Names::new(nsg);
        let mut new = Vec::new();
        for want in wants {
            match slots.take(want.direction, want.before) {
                Ok(priority) => {
                    let locals = of_addresses(&want.local, azure);
                    // One family was asked for: there is one end.
                    let Some(local) = locals.into_iter().next() else {
                        continue;
                    };
                    new.push(rule(want, &local, priority, &mut names));
                }
                Err(why) => {
                    for target in &want.targets {
                        refused.insert(*target, format!("{}: {why}", nsg.name));
                    }
                }
            }
        }
        new.sort_by_key(|new| (new.rule.direction, new.rule.priority));
        all.push(NsgChange {
            nsg: NsgName::new(&nsg.id, &nsg.name),
            moves: slots.moves(),
            new,
            removed: Vec::new(),
        });
    }
    if refused.is_empty() {
        all.sort_by(|one, other| one.nsg.cmp(&other.nsg));
        Ok(all)
    } else {
        Err(refused)
    }
}

/// The NSG of a key: of the documents, else of a listing of effective rules.
pub(super) fn find<'a>(azure: &'a Azure, key: &Key) -> Option<&'a Nsg> {
    let listed = azure.effective.iter().map(|one| &one.nsg);
    let mut all = azure.nsgs.iter().chain(listed);
    all.find(|nsg| Key::new(&nsg.id, &nsg.name) == *key)
}

pub(super) fn rule(want: &Want, local: &End, priority: u32, names: &mut Names) -> NewRule {
    let any = PortSet::any();
    let (source, destination) = match want.direction {
        Direction::Inbound => (want.remote.side(any), local.side(want.ports.clone())),
        Direction::Outbound => (local.side(any), want.remote.side(want.ports.clone())),
    };
    NewRule {
        rule: SecurityRule {
            name: names.take(want),
            priority,
            direction: want.direction,
            access: Decision::Allow,
            protocols: want.protocol,
            source,
            destination,
            is_default: false,
            path: String::new(),
        },
        rows: want.rows.iter().cloned().collect(),
    }
}

/// Names that rules of an NSG have.
pub(super) struct Names(BTreeSet<String>);

/// Longest part of a name that is taken from a row: logs cut names at 65 letters.
const LONGEST: usize = 48;

impl Names {
    pub(super) fn new(nsg: &Nsg) -> Self {
        let rules = nsg.rules.iter().map(|rule| &rule.name);
        let unread = nsg.unread.iter().map(|rule| &rule.name);
        Self(
            rules
                .chain(unread)
                .map(|name| name.to_lowercase())
                .collect(),
        )
    }

    fn take(&mut self, want: &Want) -> String {
        let row = want.rows.first().map_or("", String::as_str);
        let what = row.rsplit('/').next().unwrap_or_default();
        let tag = match &want.remote.name {
            Name::Tag(tag) if row.is_empty() || row == "seen" => format!("-{tag}"),
            _ => String::new(),
        };
        self.unique(&format!("allow-{what}{tag}-{}", way(want.direction)))
    }

    /// A name of letters that Azure takes, which no other rule has.
    pub(super) fn unique(&mut self, text: &str) -> String {
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        let mut name: String = text
            .chars()
            .map(|c| if fits(c) { c } else { '-' })
            .take(LONGEST)
            .collect();
        if !name.ends_with(|c: char| c.is_ascii_alphanumeric() || c == '_') {
            name.push('_');
        }
        let mut unique = name.clone();
        let mut number = 2;
        while !self.0.insert(unique.to_lowercase()) {
            unique = format!("{name}-{number}");
            number += 1;
        }
        unique
    }
}

pub(super) fn way(direction: Direction) -> &'static str {
    match direction {
        Direction::Inbound => "in",
        Direction::Outbound => "out",
    }
}
