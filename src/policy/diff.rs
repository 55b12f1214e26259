//! What a change of rules changes.

use std::collections::BTreeMap;

use super::bits::Bits;
use super::classes::{Compiled, Row};
use super::count::Count;
use super::decider::Ruling;
use super::first_match::rulings;
use super::grid::Steps;
use super::regions::{Extent, partition};
use super::rule::{Answer, Cube, Level, Probe};

/// All packets whose answer changes, and those that rules are too intricate to be followed for: of these
/// both answers are undetermined, by no level.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// By what became of them and what becomes of them, and by whom: disjoint.
    pub changes: Vec<Change>,
}

/// Packets whose answer changes, by the same rules before and after.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// What the old rules do, and which.
    pub before: Ruling,
    /// What the new rules do, and which.
    pub after: Ruling,
    /// How many.
    pub count: Count,
    /// The lowest.
    pub witness: Probe,
    /// All of them, as few disjoint cubes; the largest where there are very many.
    pub cubes: Vec<Cube>,
    /// How many more cubes there are.
    pub left_out: usize,
}

impl Difference {
    /// Whether no packet's answer changes.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// Packets that are allowed now and were denied.
    pub fn newly_allowed(&self) -> impl Iterator<Item = &Change> {
        self.between(Answer::Deny, Answer::Allow)
    }

    /// Packets that are denied now and were allowed.
    pub fn newly_denied(&self) -> impl Iterator<Item = &Change> {
        self.between(Answer::Allow, Answer::Deny)
    }

    /// Packets of which it was known and no longer is.
    pub fn newly_undetermined(&self) -> impl Iterator<Item = &Change> {
        let changes = self.changes.iter();
        changes.filter(|change| change.after.answer == Answer::Undetermined)
    }

    /// Packets of which it was not known and now is.
    pub fn newly_determined(&self) -> impl Iterator<Item = &Change> {
        let changes = self.changes.iter();
        changes.filter(|change| change.before.answer == Answer::Undetermined)
    }

    fn between(&self, before: Answer, after: Answer) -> impl Iterator<Item = &Change> {
        self.changes
            .iter()
            .filter(move |change| change.before.answer == before && change.after.answer == after)
    }
}

/// The packets `within` that `new` levels do other with than `old` ones: whose answer differs.
/// Packets that another rule decides alike are not among them.
pub fn diff(old: &[Level], new: &[Level], within: &Cube) -> Difference {
    diff_beyond(old, new, &[], within)
}

/// As [`diff`], without the packets of the `required` cubes.
pub fn diff_beyond(old: &[Level], new: &[Level], required: &[Cube], within: &Cube) -> Difference {
    let mut lists: Vec<Vec<Row<'_>>> = old
        .iter()
        .chain(new)
        .map(|level| level.rules.iter().map(Row::from).collect())
        .collect();
    lists.push(required.iter().map(Row::from).collect());
    let compiled = Compiled::new(&lists);
    let (of_old, others) = compiled.lists.split_at(old.len());
    let (of_new, of_required) = others.split_at(new.len());
    let mut steps = Steps::of_an_answer();
    let beyond = (Ruling::not_followed(), Ruling::not_followed());
    let regions = partition(
        &compiled,
        within,
        Extent::ALL,
        &mut steps,
        &beyond,
        |grid, high| {
            let mut asked = Bits::full(grid.lows.len());
            for at in high.mask.ones() {
                if of_required[0].contains(&grid.columns[at].row) {
                    asked.remove(&grid.matched[at]);
                }
            }
            let mut changed: BTreeMap<(Ruling, Ruling), Bits> = BTreeMap::new();
            if asked.is_empty() {
                return Vec::new();
            }
            for (before, lows) in rulings(grid, high, of_old, old, asked) {
                for (after, lows) in rulings(grid, high, of_new, new, lows) {
                    if before.answer != after.answer {
                        changed.insert((before.clone(), after), lows);
                    }
                }
            }
            changed.into_iter().collect()
        },
    );
    let changes = regions
        .into_iter()
        .map(|((before, after), region)| Change {
            before,
            after,
            count: region.count,
            witness: region.witness,
            cubes: region.cubes,
            left_out: region.left_out,
        })
        .collect();
    Difference { changes }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::testing::{cube, inside, levels, naive, packets_of};
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(80))]

        #[test]
        fn changes_are_what_every_packet_says(
            old in levels(),
            new in levels(),
            cube in cube(),
            required in prop::collection::vec(cube(), 0..3),
        ) {
            let found = diff_beyond(&old, &new, &required, &cube);
            let mut expected: BTreeMap<_, (u128, Probe)> = BTreeMap::new();
            for (probe, weight) in packets_of(&cube) {
                let (before, after) = (naive(&old, &probe), naive(&new, &probe));
                let needed = required.iter().any(|cube| inside(cube, &probe));
                let changed = before.answer != after.answer && !needed;
                for change in &found.changes {
                    let holds = change.cubes.iter().filter(|cube| inside(cube, &probe)).count();
                    let belongs = changed && change.before == before && change.after == after;
                    prop_assert_eq!(holds, usize::from(belongs));
                }
                if changed {
                    let known = expected.entry((before, after)).or_insert((0, probe));
                    known.0 += weight;
                    known.1 = known.1.min(probe);
                }
            }
            let found: BTreeMap<_, _> = found.changes.iter().map(|change| {
                let count = change.count.exact().unwrap();
                ((change.before.clone(), change.after.clone()), (count, change.witness))
            }).collect();
            prop_assert_eq!(found, expected);
        }

        #[test]
        fn nothing_changes_against_itself(levels in levels(), cube in cube()) {
            prop_assert!(diff(&levels, &levels, &cube).is_empty());
        }
    }

    #[test]
    fn a_rule_taken_away_is_newly_denied() {
        let level = |rules| Level {
            kind: crate::policy::rule::LevelKind::Subnet,
            name: "nsg".to_owned(),
            id: String::new(),
            rules,
        };
        let rule = crate::policy::testing::default_rule;
        let (allow, deny) = (crate::net::Decision::Allow, crate::net::Decision::Deny);
        let old = [level(vec![rule(allow), rule(deny)])];
        let new = [level(vec![rule(deny)])];
        let within = crate::policy::testing::everything();
        let found = diff(&old, &new, &within);
        assert_eq!(found.newly_denied().count(), 1);
        assert_eq!(found.newly_allowed().count(), 0);
        assert_eq!(found.changes[0].cubes, std::slice::from_ref(&within));
        let found = diff(&new, &[], &within);
        assert_eq!(found.newly_allowed().count(), 1);
        let unknown = diff(&new, &[level(Vec::new())], &within);
        assert_eq!(unknown.newly_undetermined().count(), 1);
        assert_eq!(unknown.newly_determined().count(), 0);
    }
}
