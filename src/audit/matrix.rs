//! The traffic matrix: flows from place to place, each counted once.

use std::collections::BTreeMap;

use crate::classify::{Classes, Scope};
use crate::environment::Environment;
use crate::net::{Decision, Outcome};
use crate::tally::Group;

use super::model::MatrixCell;
use super::names;
use super::observe::count;

/// The matrix, subnets first, in the environment's order.
pub(crate) fn matrix(
    groups: &[Group],
    classes: &Classes,
    environment: &Environment,
) -> Vec<MatrixCell> {
    let mut cells: BTreeMap<(Scope, Scope), Vec<&Group>> = BTreeMap::new();
    let told = |group: &&Group| group.outcome != Some(Outcome::OneSided);
    for group in groups.iter().filter(told) {
        let from = classes.class(group.source).scope;
        let to = classes.class(group.destination).scope;
        cells.entry((from, to)).or_default().push(group);
    }
    cells
        .into_iter()
        .map(|((from, to), groups)| {
            let of = |decision| {
                let those = groups.iter().filter(|group| group.decision == decision);
                count(those.copied())
            };
            let (allowed, denied) = (of(Decision::Allow), of(Decision::Deny));
            let [_, _, _, forward, back] = allowed.counters;
            let [_, _, _, denied_forward, denied_back] = denied.counters;
            MatrixCell {
                source: names::place(from, environment),
                destination: names::place(to, environment),
                allowed: allowed.flows,
                denied: denied.flows,
                bytes: forward + back + denied_forward + denied_back,
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::testing::{APIM, COMPUTE, CONNECTORS, INTERNET, classes, environment, group};

    #[test]
    fn a_cell_counts_flows_once_and_sums_its_classes() {
        let groups = [
            group(APIM, COMPUTE, 443).bytes(10, 20).build(),
            group(APIM, COMPUTE, 443).inbound().bytes(10, 20).build(),
            group(INTERNET, COMPUTE, 454).inbound().deny().build(),
            group(CONNECTORS, COMPUTE, 454).inbound().build(),
        ];
        let cells = matrix(&groups, &classes(), &environment());
        let cell = |source: &str, destination: &str, allowed, denied, bytes| MatrixCell {
            source: source.to_owned(),
            destination: destination.to_owned(),
            allowed,
            denied,
            bytes,
        };
        assert_eq!(
            cells,
            [
                cell("apim", "compute", 1, 0, 30),
                cell("internet", "compute", 1, 1, 0)
            ]
        );
    }
}
