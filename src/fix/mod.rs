//! Requirements that rules deny -> changes of rules, with a proof of each.
//!
//! Nothing is applied, and nothing is told that was not proved: changes are made to a copy of the
//! documents, and that copy is asked over all packets. What fails is left out, with the reason.
//! How it goes is told in `docs/fix.md`.

mod apply;
mod check;
mod ends;
mod least;
mod model;
mod plan;
mod seen;
mod slots;
mod state;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

pub use least::least_privilege;
pub use model::*;
pub use seen::{Flow, MOST, Seen};

use crate::audit::needed::Needed;
use crate::audit::replay::{Passes, Replay};
use crate::environment::azure::Azure;
use crate::environment::{Environment, ServiceTags};
use crate::policy::network::Network;
use state::{Denial, Key, State};

/// What a fix is made of.
#[derive(Debug, Clone, Copy)]
pub struct FixInput<'a> {
    /// The rules of today.
    pub network: &'a Network<'a>,
    /// The audited network.
    pub environment: &'a Environment,
    /// The service tags; the newest edition counts.
    pub tags: &'a ServiceTags,
    /// What is required.
    pub needed: &'a [Needed],
    /// Whether rows of advice are to be allowed too.
    pub advice: bool,
    /// Only these rows, as `profile/row-id` or `row-id`; all where empty.
    pub only: &'a [String],
}

impl<'a> FixInput<'a> {
    /// The rules with other documents.
    fn with(&self, azure: &'a Azure) -> Network<'a> {
        let newest = self.tags.editions.len().saturating_sub(1);
        Network::new(azure, self.environment, self.tags, newest)
    }

    fn is_wanted(&self, needed: &Needed) -> bool {
        let named = |row: &String| {
            row == &needed.row || needed.row.rsplit('/').next() == Some(row.as_str())
        };
        let chosen = self.only.is_empty() || self.only.iter().any(named);
        chosen && (self.advice || !needed.advice)
    }

    /// The edition of the tags, in words.
    fn edition(&self) -> String {
        let newest = self.tags.editions.last();
        newest.map_or_else(String::new, |edition| {
            let date = edition.date.to_string();
            let date = date.get(.."2026-01-05".len()).unwrap_or(&date);
            format!("{date} ({})", edition.source)
        })
    }
}

/// A fix and the documents as they would be.
#[derive(Debug, Clone)]
pub struct Fixed {
    /// The fix.
    pub fix: Fix,
    /// The documents with it.
    pub azure: Azure,
}

/// The smallest change that allows what is required and denied: for each NSG that denies it new rules
/// before the one that does. A requirement that no rule of an NSG can allow, or of which it is not known
/// what the rules do, stays open, with why.
pub fn smallest(input: &FixInput<'_>) -> Fixed {
    let before = state::states(input.needed, input.network);
    let mut targets: BTreeMap<usize, Vec<Denial>> = BTreeMap::new();
    let mut open: BTreeMap<usize, String> = BTreeMap::new();
    for (number, state) in before.iter().enumerate() {
        if !input.is_wanted(&input.needed[number]) {
            continue;
        }
        match state {
            State::Allowed => {}
            State::Open(why) => _ = open.insert(number, why.clone()),
            State::Denied(denials) => _ = targets.insert(number, denials.clone()),
        }
    }
    loop {
        let refused = match attempt(input, &targets) {
            Ok((changes, azure, proof)) => {
                let about = |number: usize| about(&input.needed[number]);
                let fix = Fix {
                    kind: Kind::Smallest,
                    refused: None,
                    changes,
                    fixed: targets.keys().map(|&number| about(number)).collect(),
                    open: open
                        .into_iter()
                        .map(|(number, why)| (about(number), why))
                        .collect(),
                    proof,
                    apart: Vec::new(),
                };
                return Fixed { fix, azure };
            }
            Err(refused) => refused,
        };
        // Each turn leaves out at least one.
        for (number, why) in refused {
            targets.remove(&number);
            open.insert(number, why);
        }
    }
}

fn about(needed: &Needed) -> About {
    About {
        row: needed.row.clone(),
        purpose: needed.purpose.clone(),
        subnet: needed.subnet.clone(),
        direction: needed.direction,
        advice: needed.advice,
    }
}

/// Changes for all targets, proved; else those to leave out, and why.
fn attempt(
    input: &FixInput<'_>,
    targets: &BTreeMap<usize, Vec<Denial>>,
) -> Result<(Vec<NsgChange>, Azure, Proof), plan::Refused> {
    let azure = input.network.documents();
    let wants = targets
        .iter()
        .flat_map(|(&number, denials)| {
            plan::wants(number, &input.needed[number], denials, input.network)
        })
        .collect();
    let wants = plan::merged(wants);
    let changes = plan::changes(&wants, azure)?;
    let proposed = apply::applied(azure, &changes);
    let sizes = sizes(&changes, &proposed, &wants)?;
    let after = input.with(&proposed);
    let states = state::states(input.needed, &after);
    let mut refused = plan::Refused::new();
    for &number in targets.keys() {
        let why = match &states[number] {
            State::Allowed => continue,
            State::Denied(_) => "a new rule would not allow all of it".to_owned(),
            State::Open(why) => format!("with a new rule, {why}"),
        };
        refused.insert(number, why);
    }
    if !refused.is_empty() {
        return Err(refused);
    }
    let those: Vec<_> = targets
        .keys()
        .map(|&number| &input.needed[number])
        .collect();
    let effect = check::effect(input.network, &after, input.environment, &those);
    for flaw in &effect.flaws {
        let touches = |needed: &Needed| {
            needed.direction == flaw.direction && !needed.local.intersection(&flaw.at).is_empty()
        };
        let near: Vec<_> = targets
            .keys()
            .filter(|&&n| touches(&input.needed[n]))
            .collect();
        let all: Vec<_> = targets.keys().collect();
        for &&number in if near.is_empty() { &all } else { &near } {
            refused.entry(number).or_insert_with(|| flaw.why.clone());
        }
    }
    if !refused.is_empty() {
        return Err(refused);
    }
    let judged = || {
        input
            .needed
            .iter()
            .zip(&states)
            .filter(|(one, _)| !one.advice)
    };
    let proof = Proof {
        allowed: judged()
            .filter(|(_, state)| **state == State::Allowed)
            .count(),
        requirements: judged().count(),
        newly_allowed: effect.newly_allowed,
        newly_denied: effect.newly_denied,
        sizes,
        tags: input.edition(),
        replay: None,
    };
    Ok((changes, proposed, proof))
}

/// The sizes of the changed NSGs, or the requirements that go beyond what Azure takes.
fn sizes(
    changes: &[NsgChange],
    proposed: &Azure,
    wants: &[plan::Want],
) -> Result<Vec<Size>, plan::Refused> {
    let (mut sizes, mut refused) = (Vec::new(), plan::Refused::new());
    for change in changes {
        let key = Key::new(&change.nsg.id, &change.nsg.name);
        let Some(nsg) = plan::find(proposed, &key) else {
            continue;
        };
        let size = apply::size(nsg);
        if let Some(why) = size.excess() {
            for want in wants.iter().filter(|want| want.nsg == key) {
                for &target in &want.targets {
                    refused.insert(target, why.clone());
                }
            }
        }
        sizes.push(size);
    }
    if refused.is_empty() {
        Ok(sizes)
    } else {
        Err(refused)
    }
}

impl Fix {
    /// Adds what past traffic shows; a fix that it does not pass is taken back.
    pub fn replayed(&mut self, replay: &Replay) {
        let counts = &replay.counts;
        let replayed = Replayed {
            flows: counts.read.flows,
            window: counts.read.first.clone().zip(counts.read.last.clone()),
            newly_denied: counts.newly_denied.flows,
            newly_allowed: counts.newly_allowed.flows,
            undetermined: counts.undetermined.flows,
            passes: replay.passes() == Passes::Yes,
        };
        let refused = match (self.kind, replay.passes()) {
            (_, Passes::No) => Some("past traffic that is required would be denied"),
            (Kind::Smallest, _) if replayed.newly_denied > 0 => {
                Some("past traffic that was allowed would be denied")
            }
            (Kind::LeastPrivilege, Passes::Unknown) => Some(
                "of past traffic that is or may be required it is not known whether it would be denied",
            ),
            _ => None,
        };
        self.proof.replay = Some(replayed);
        if let Some(why) = refused.filter(|_| !self.changes.is_empty()) {
            self.changes.clear();
            self.fixed.clear();
            self.refused = Some(why.to_owned());
        }
    }
}
