//! A fix, in every form that it is printed in. Each begins with its proof, as comments; a fix that was
//! not proved has no changes to print.

pub mod arm;
pub mod az;
pub mod bicep;
mod fields;
pub mod json;
pub mod terraform;
pub mod text;

use super::number::grouped;
use crate::fix::{Fix, Kind, NsgName};

/// API version of the resources that are printed: one that all clouds have.
const API: &str = "2023-11-01";

/// What was proved, in sentences: the head of every form.
fn proof(fix: &Fix) -> Vec<String> {
    let proof = &fix.proof;
    let mut lines = vec![match fix.kind {
        Kind::Smallest => "The smallest change of rules that allows what is required.".to_owned(),
        Kind::LeastPrivilege => {
            "Whole rule sets: what is required and what was seen, and nothing more.".to_owned()
        }
    }];
    lines.push(
        "Proved before this was printed, over all packets, with the changes made to a copy of the given \
         rules:"
            .to_owned(),
    );
    lines.push(format!(
        "- {} requirements that were not wholly allowed are; {} of {} are in all, advice apart.",
        fix.fixed.len(),
        proof.allowed,
        proof.requirements
    ));
    match fix.kind {
        Kind::Smallest => {
            lines.push(
                "- Nothing is newly allowed but what these require; nothing is newly denied, and nothing \
                 becomes unknown."
                    .to_owned(),
            );
        }
        Kind::LeastPrivilege => lines.push(
            "- Nothing is allowed but what is required, and what was seen as the rules for it say."
                .to_owned(),
        ),
    }
    for size in &proof.sizes {
        lines.push(format!(
            "- {}: {} rules (of 1,000), {} sources and {} destinations (of 4,000).",
            size.nsg,
            size.rules,
            grouped(size.sources as u64),
            grouped(size.destinations as u64)
        ));
    }
    lines.push(replayed(fix));
    lines.push(format!("- Service tags of {}.", proof.tags));
    if let Some(why) = &fix.refused {
        lines = vec![format!("No fix: {why}.")];
    }
    lines.push("Nothing was applied.".to_owned());
    lines
}

fn replayed(fix: &Fix) -> String {
    let Some(replay) = &fix.proof.replay else {
        return "- No past traffic was given to replay.".to_owned();
    };
    let window = replay.window.as_ref();
    let window = window.map_or_else(String::new, |(first, last)| {
        format!(" from {first} to {last}")
    });
    let passes = if replay.passes {
        "nothing that is required is denied"
    } else {
        "of some that is required it is not known whether it is denied"
    };
    format!(
        "- Replayed {} flows{window}: {} are newly denied, {} newly allowed, {} undetermined; {passes}.",
        grouped(replay.flows),
        grouped(replay.newly_denied),
        grouped(replay.newly_allowed),
        grouped(replay.undetermined)
    )
}

/// The lines of the proof as comments, escaped, and broken at 100 columns.
fn comments(fix: &Fix, lead: &str) -> String {
    let mut text = String::new();
    let mut lines = proof(fix);
    if !fix.open.is_empty() {
        lines.push(format!(
            "{} requirements are not allowed by it: `--format text` says why.",
            fix.open.len()
        ));
    }
    for line in lines {
        let mut column = 0;
        for word in super::escape::terminal(&line).split_whitespace() {
            let width = word.chars().count();
            if column > 0 && column + 1 + width > 96 {
                text.push('\n');
                column = 0;
            }
            if column == 0 {
                text += lead;
            }
            text.push(' ');
            text += word;
            column += width + 1;
        }
        text.push('\n');
    }
    text
}

/// Changes by subscription and resource group.
fn by_group(fix: &Fix) -> Vec<(&NsgName, Vec<&crate::fix::NsgChange>)> {
    let mut groups: std::collections::BTreeMap<(String, String), Vec<_>> =
        std::collections::BTreeMap::new();
    for change in &fix.changes {
        let nsg = &change.nsg;
        let key = (
            nsg.subscription.to_lowercase(),
            nsg.resource_group.to_lowercase(),
        );
        groups.entry(key).or_default().push(change);
    }
    let all = groups.into_values();
    all.filter_map(|changes| Some((&changes.first()?.nsg, changes)))
        .collect()
}

#[cfg(test)]
mod tests {
    use crate::environment::rules::{SecurityRule, Side};
    use crate::fix::{Fix, Kind, Move, NewRule, NsgChange, NsgName, Proof};
    use crate::net::{Decision, Direction, PortSet, ProtocolSet};

    /// A fix in which all that has a name has this one.
    pub(super) fn hostile(name: &str) -> Fix {
        let rule = |priority| SecurityRule {
            name: name.to_owned(),
            priority,
            direction: Direction::Outbound,
            access: Decision::Allow,
            protocols: ProtocolSet::ANY,
            source: Side {
                any: true,
                ports: PortSet::any(),
                ..Side::default()
            },
            destination: Side {
                tags: vec![name.to_owned()],
                ports: PortSet::new([(443, 443), (5671, 5672)]),
                ..Side::default()
            },
            is_default: false,
            path: String::new(),
        };
        Fix {
            kind: Kind::Smallest,
            refused: None,
            changes: vec![NsgChange {
                nsg: NsgName {
                    id: name.to_owned(),
                    name: name.to_owned(),
                    subscription: name.to_owned(),
                    resource_group: name.to_owned(),
                },
                moves: vec![Move {
                    rule: rule(100),
                    to: 101,
                }],
                new: vec![NewRule {
                    rule: rule(100),
                    rows: vec![name.to_owned()],
                }],
                removed: Vec::new(),
            }],
            fixed: Vec::new(),
            open: Vec::new(),
            proof: Proof::default(),
            apart: Vec::new(),
        }
    }
}
