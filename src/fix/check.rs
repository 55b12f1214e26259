//! What changed rules answer otherwise, over all packets of all subnets: the proof that a change does
//! what it is for, and nothing else.

use crate::audit::needed::Needed;
use crate::environment::Environment;
use crate::net::{Direction, PrefixSet};
use crate::policy::count::Count;
use crate::policy::diff::{diff, diff_beyond};
use crate::policy::network::{Network, Place, everything_of};
use crate::policy::packet::Words;
use crate::policy::rule::{Answer, Cube};

/// Something that a change does and should not.
#[derive(Debug, Clone)]
pub(super) struct Flaw {
    pub(super) direction: Direction,
    /// The own ends of the packets.
    pub(super) at: PrefixSet,
    pub(super) why: String,
}

/// What a change does.
#[derive(Debug, Clone, Default)]
pub(super) struct Effect {
    pub(super) newly_allowed: Count,
    pub(super) newly_denied: Count,
    pub(super) flaws: Vec<Flaw>,
}

/// All addresses that hosts may have, each subnet for itself.
pub(super) fn grounds(environment: &Environment, network: &Network<'_>) -> Vec<PrefixSet> {
    let mut rest = network.hosts();
    let mut grounds = Vec::new();
    for subnet in &environment.subnets {
        rest = rest.difference(&subnet.prefixes);
        grounds.push(subnet.prefixes.clone());
    }
    if !rest.is_empty() {
        grounds.push(rest);
    }
    grounds
}

/// The places of a change whose rules differ: before and after.
pub(super) fn changed_places(
    before: &Network<'_>,
    after: &Network<'_>,
    environment: &Environment,
) -> Vec<(Direction, Place, Place)> {
    let mut all = Vec::new();
    for ground in grounds(environment, before) {
        for direction in [Direction::Inbound, Direction::Outbound] {
            for old in before.places(&ground, direction) {
                for new in after.places(&old.addresses, direction) {
                    if old.levels != new.levels {
                        all.push((direction, old.clone(), new));
                    }
                }
            }
        }
    }
    all
}

/// What the smallest change does: it may newly allow what is required of the `targets`, and nothing
/// else; it may deny nothing that is allowed, and leave nothing open that is known.
pub(super) fn effect(
    before: &Network<'_>,
    after: &Network<'_>,
    environment: &Environment,
    targets: &[&Needed],
) -> Effect {
    let mut effect = Effect::default();
    for (direction, old, new) in changed_places(before, after, environment) {
        let required: Vec<Cube> = targets
            .iter()
            .filter(|one| one.direction == direction)
            .flat_map(|one| one.cubes(&new.addresses))
            .collect();
        let within = everything_of(&new.addresses, direction);
        let all = diff(&old.levels, &new.levels, &within);
        let sum = |count: Count, change: &crate::policy::diff::Change| count.plus(change.count);
        effect.newly_allowed = all.newly_allowed().fold(effect.newly_allowed, sum);
        effect.newly_denied = all.newly_denied().fold(effect.newly_denied, sum);
        let beyond = diff_beyond(&old.levels, &new.levels, &required, &within);
        let strange = beyond.changes.iter().chain(all.newly_denied());
        let open = all
            .newly_undetermined()
            .filter(|change| change.before.answer != Answer::Undetermined);
        // What could not be followed has both answers undetermined.
        let lost = all
            .changes
            .iter()
            .filter(|change| change.before == change.after);
        for change in strange.chain(open).chain(lost) {
            let probe = &change.witness;
            let local = match direction {
                Direction::Inbound => probe.destination,
                Direction::Outbound => probe.source,
            };
            effect.flaws.push(Flaw {
                direction,
                at: new.addresses.clone(),
                why: format!(
                    "it would change more than is required at {local}: {} -> {}, for example {}",
                    change.before.answer.name(),
                    change.after.answer.name(),
                    Words(probe)
                ),
            });
        }
    }
    effect
}
