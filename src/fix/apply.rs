//! Changes, made to a copy of the documents; and whether Azure would take them.

use super::model::{NsgChange, Size};
use super::state::Key;
use crate::environment::azure::Azure;
use crate::environment::rules::{Nsg, Side};

/// Most rules of an NSG.
pub(super) const MOST_RULES: usize = 1_000;
/// Most addresses, prefixes and port ranges of each side of an NSG's rules together.
pub(super) const MOST_PLACES: usize = 4_000;

/// The documents with the changes made.
pub(super) fn applied(azure: &Azure, changes: &[NsgChange]) -> Azure {
    let mut azure = azure.clone();
    for change in changes {
        let key = Key::new(&change.nsg.id, &change.nsg.name);
        let listed = azure.effective.iter_mut().map(|one| &mut one.nsg);
        let all = azure.nsgs.iter_mut().chain(listed);
        for nsg in all.filter(|nsg| Key::new(&nsg.id, &nsg.name) == key) {
            apply(nsg, change);
        }
    }
    azure
}

fn apply(nsg: &mut Nsg, change: &NsgChange) {
    nsg.rules.retain(|rule| {
        let mut removed = change.removed.iter();
        !removed.any(|gone| gone.name == rule.name && gone.priority == rule.priority)
    });
    for rule in &mut nsg.rules {
        let mut moves = change.moves.iter();
        let moved = moves.find(|moved| {
            let its = &moved.rule;
            (&its.name, its.direction, its.priority) == (&rule.name, rule.direction, rule.priority)
        });
        if let Some(moved) = moved {
            rule.priority = moved.to;
        }
    }
    nsg.rules
        .extend(change.new.iter().map(|new| new.rule.clone()));
}

/// The numbers of an NSG that Azure limits.
pub(super) fn size(nsg: &Nsg) -> Size {
    let rules = || nsg.rules.iter().filter(|rule| !rule.is_default);
    Size {
        nsg: nsg.name.clone(),
        rules: rules().count() + nsg.unread.len(),
        sources: rules().map(|rule| places(&rule.source)).sum(),
        destinations: rules().map(|rule| places(&rule.destination)).sum(),
    }
}

fn places(side: &Side) -> usize {
    let prefixes = if side.expanded && !side.tags.is_empty() {
        0
    } else {
        side.prefixes.prefixes().len()
    };
    let named = side.tags.len() + side.groups.len() + side.unknown.len() + usize::from(side.any);
    prefixes + named + side.ports.ranges().len()
}

impl Size {
    /// What Azure would not take; `None` where it is within the limits.
    pub(super) fn excess(&self) -> Option<String> {
        let parts = [
            (self.rules, MOST_RULES, "rules"),
            (
                self.sources,
                MOST_PLACES,
                "source addresses and port ranges",
            ),
            (
                self.destinations,
                MOST_PLACES,
                "destination addresses and port ranges",
            ),
        ];
        let over = parts.into_iter().find(|(count, most, _)| count > most);
        over.map(|(count, most, what)| {
            format!(
                "{} would have {count} {what}, and Azure takes at most {most}",
                self.nsg
            )
        })
    }
}
