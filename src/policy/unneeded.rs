//! What rules let through though nothing requires it.

use super::bits::Bits;
use super::classes::{Compiled, Row};
use super::decider::Ruling;
use super::first_match::rulings;
use super::grid::Steps;
use super::prove::Part;
use super::regions::{Extent, partition};
use super::rule::{Answer, Cube, Level};

/// Packets that are let through, or may be, and that no requirement has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unneeded {
    /// Allowed packets, by the rules that allow them.
    pub allowed: Vec<Part>,
    /// Packets of which it is not known, by why not.
    pub undetermined: Vec<Part>,
}

/// What `levels` let through of the packets `within` that is in none of the `required` cubes.
pub fn unneeded(levels: &[Level], required: &[Cube], within: &Cube, extent: Extent) -> Unneeded {
    let mut lists: Vec<Vec<Row<'_>>> = levels
        .iter()
        .map(|level| level.rules.iter().map(Row::from).collect())
        .collect();
    lists.push(required.iter().map(Row::from).collect());
    let compiled = Compiled::new(&lists);
    let (of_levels, of_required) = compiled.lists.split_at(levels.len());
    let (mut steps, beyond) = (Steps::of_an_answer(), Ruling::not_followed());
    let regions = partition(
        &compiled,
        within,
        extent,
        &mut steps,
        &beyond,
        |grid, high| {
            let mut open = Bits::full(grid.lows.len());
            for at in high.mask.ones() {
                if of_required[0].contains(&grid.columns[at].row) {
                    open.remove(&grid.matched[at]);
                }
            }
            if open.is_empty() {
                return Vec::new();
            }
            let mut rulings = rulings(grid, high, of_levels, levels, open);
            rulings.retain(|(ruling, _)| ruling.answer != Answer::Deny);
            rulings
        },
    );
    let (allowed, undetermined) = regions
        .into_iter()
        .map(|(ruling, region)| Part::new(ruling, region))
        .partition(|part| part.ruling.answer == Answer::Allow);
    Unneeded {
        allowed,
        undetermined,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::testing::{cube, everything, inside, levels, naive, packets};
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(60))]

        #[test]
        fn what_is_open_and_required_by_nothing_is_found(
            levels in levels(),
            required in prop::collection::vec(cube(), 0..4),
        ) {
            let found = unneeded(&levels, &required, &everything(), Extent::ALL);
            for (probe, _) in packets() {
                let ruling = naive(&levels, &probe);
                let needed = required.iter().any(|cube| inside(cube, &probe));
                for (parts, answer) in [
                    (&found.allowed, Answer::Allow),
                    (&found.undetermined, Answer::Undetermined),
                ] {
                    let expected = !needed && ruling.answer == answer;
                    let holding: Vec<_> = parts
                        .iter()
                        .flat_map(|part| part.cubes.iter().map(move |cube| (part, cube)))
                        .filter(|(_, cube)| inside(cube, &probe))
                        .collect();
                    prop_assert_eq!(holding.len(), usize::from(expected));
                    prop_assert!(holding.iter().all(|(part, _)| part.ruling == ruling));
                }
            }
        }
    }
}
