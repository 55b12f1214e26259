//! What rules do with a packet, and why: text for a terminal.

use super::escape::terminal;
use crate::audit::configured::{Configured, OpenBeyond};
use crate::net::{PortSet, PrefixSet};
use crate::policy::decider::Decider;
use crate::policy::evaluate::{AtLevel, Decided, Mismatch, Passed, Side};
use crate::policy::network::Changed;
use crate::policy::overlap;
use crate::policy::packet::{Packet, Words};
use crate::policy::prove::Verdict;
use crate::policy::rule::{Cube, Level, LevelKind};
use crate::policy::shadow;

/// A packet's answer and, unless `short`, what each level does and what every rule before the one that
/// decides lacks.
pub fn trace(packet: &Packet, levels: &[Level], decided: &Decided, short: bool) -> String {
    let mut text = String::new();
    line(&mut text, &format!("{packet}: {}", decided.answer().name()));
    if short {
        return text;
    }
    for kind in [LevelKind::Subnet, LevelKind::Interface] {
        if !levels.iter().any(|level| level.kind == kind) {
            line(
                &mut text,
                &format!("  {}: no NSG, which allows", kind.name()),
            );
        }
    }
    let mut ended = false;
    for (level, at) in levels.iter().zip(&decided.levels) {
        if ended {
            let (kind, name) = (level.kind.name(), &level.name);
            line(&mut text, &format!("  {kind} {name}: not asked"));
            continue;
        }
        level_text(&mut text, level, at);
        ended = at.decider.ends(level);
    }
    text
}

/// Columns of a line.
const WIDTH: usize = 80;

/// Adds a line, escaped, and broken where it is too long; what follows stands four columns deeper.
pub(super) fn line(text: &mut String, words: &str) {
    let safe = terminal(words);
    let indent = safe.len() - safe.trim_start().len();
    let mut column = 0;
    for word in safe.split_whitespace() {
        let width = word.chars().count();
        if column == 0 {
            text.extend(std::iter::repeat_n(' ', indent));
            column = indent;
        } else if column + 1 + width > WIDTH {
            text.push('\n');
            text.extend(std::iter::repeat_n(' ', indent + 4));
            column = indent + 4;
        } else {
            text.push(' ');
            column += 1;
        }
        text.push_str(word);
        column += width;
    }
    text.push('\n');
}

/// What was proved of requirements: those that are not wholly allowed first, each with why.
pub fn proofs(all: &[Configured], everything: bool) -> String {
    let mut text = String::new();
    for (verdict, word) in [
        (Verdict::Blocked, "blocked"),
        (Verdict::Partly, "partly blocked"),
        (Verdict::Undetermined, "undetermined"),
        (Verdict::Allowed, "allowed"),
    ] {
        let those: Vec<_> = all.iter().filter(|of| of.verdict == verdict).collect();
        line(
            &mut text,
            &format!("{} of {} requirements: {word}", those.len(), all.len()),
        );
        if verdict == Verdict::Allowed && !everything {
            continue;
        }
        for of in those {
            let advice = if of.advice { " (advice)" } else { "" };
            let head = format!(
                "  - {}: {} {} {} of {}{advice}, {}",
                of.purpose, of.direction, of.protocols, of.ports, of.subnet, of.row
            );
            line(&mut text, &head);
            for why in &of.reasons {
                line(&mut text, &format!("      {why}"));
            }
        }
    }
    text
}

/// Rules that never decide, and rules that change nothing.
pub fn anomalies(levels: &[Level]) -> String {
    let mut text = String::new();
    for level in levels {
        let found = shadow::anomalies(level);
        let names = |rules: &[usize]| {
            let names: Vec<_> = rules
                .iter()
                .map(|&rule| level.rules[rule].words())
                .collect();
            names.join(", ")
        };
        for shadowed in &found.shadowed {
            let words = format!(
                "{}: {} never decides: {} come first",
                level.name,
                level.rules[shadowed.rule].words(),
                names(&shadowed.by)
            );
            line(&mut text, &words);
        }
        for redundant in &found.redundant {
            if redundant.repeats_defaults {
                let words = format!(
                    "{}: {} is superfluous: the default {} would do the same",
                    level.name,
                    level.rules[redundant.rule].words(),
                    names(&redundant.by)
                );
                line(&mut text, &words);
                continue;
            }
            let instead = if redundant.by.is_empty() {
                "its packets would go on to the NSGs all the same".to_owned()
            } else {
                format!("{} would do the same", names(&redundant.by))
            };
            let words = format!(
                "{}: {} changes nothing: without it {instead}",
                level.name,
                level.rules[redundant.rule].words(),
            );
            line(&mut text, &words);
        }
        correlated(&mut text, level, &found.correlated);
    }
    text
}

/// Most pairs of rules whose order matters that are told of a level.
const PAIRS: usize = 5;

/// Pairs of rules whose order matters, those that share most packets first.
fn correlated(text: &mut String, level: &Level, pairs: &[shadow::Correlated]) {
    if pairs.is_empty() {
        return;
    }
    let mut pairs: Vec<_> = pairs
        .iter()
        .filter_map(|pair| {
            let (one, other) = (&level.rules[pair.earlier], &level.rules[pair.later]);
            let shared = overlap::overlap(one, other)?;
            Some((overlap::packets(&shared), *pair, shared))
        })
        .collect();
    pairs.sort_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(&b.1)));
    let verb = if pairs.len() == 1 {
        "pair of rules does the opposite with packets that both"
    } else {
        "pairs of rules do the opposite with packets that both"
    };
    let words = format!(
        "{}: {} {verb} match: their order matters",
        level.name,
        pairs.len()
    );
    line(text, &words);
    for (_, pair, shared) in pairs.iter().take(PAIRS) {
        let words = format!(
            "  {} before {}: both match {}",
            level.rules[pair.earlier].words(),
            level.rules[pair.later].words(),
            cube_words(shared)
        );
        line(text, &words);
    }
    let more = pairs.len().saturating_sub(PAIRS);
    if more > 0 {
        line(
            text,
            &format!("  and {more} more, which share fewer packets"),
        );
    }
}

/// What rules allow beyond what is required.
pub fn unneeded(all: &[OpenBeyond]) -> String {
    let mut text = String::new();
    for open in all {
        for part in &open.unneeded.allowed {
            let head = format!(
                "{} of {}: allowed, and nothing requires it, {}; for example {}",
                open.direction,
                open.subnet,
                part.ruling.words(&open.levels),
                Words(&part.witness)
            );
            line(&mut text, &head);
            cubes(&mut text, "  ", &part.cubes, part.left_out > 0);
        }
    }
    text
}

/// The first sets of packets; `more` where there are others that were not kept.
pub(super) fn cubes(text: &mut String, indent: &str, all: &[Cube], more: bool) {
    for cube in all.iter().take(CUBES) {
        line(text, &format!("{indent}{}", cube_words(cube)));
    }
    let hidden = all.len().saturating_sub(CUBES);
    if more {
        line(
            text,
            &format!("{indent}and more sets of packets than are listed"),
        );
    } else if hidden > 0 {
        line(text, &format!("{indent}and {hidden} more sets of packets"));
    }
}

/// What a change of rules answers otherwise.
pub fn changes(all: &[Changed]) -> String {
    let mut text = String::new();
    let mut count = 0;
    for changed in all {
        for change in &changed.difference.changes {
            count += 1;
            let head = format!(
                "{} of {}: {} -> {}, for example {}",
                changed.direction,
                changed.subnet,
                change.before.answer.name(),
                change.after.answer.name(),
                Words(&change.witness)
            );
            line(&mut text, &head);
            line(
                &mut text,
                &format!("  before: {}", change.before.words(&changed.before)),
            );
            line(
                &mut text,
                &format!("  after:  {}", change.after.words(&changed.after)),
            );
            cubes(&mut text, "  ", &change.cubes, change.left_out > 0);
        }
    }
    line(&mut text, &format!("{count} changes"));
    text
}

/// Most sets of packets that are told of a change.
const CUBES: usize = 4;
/// Most prefixes that are told of a set.
const PREFIXES: usize = 4;

pub(super) fn cube_words(cube: &Cube) -> String {
    let addresses = |set: &PrefixSet| {
        if *set == PrefixSet::any() {
            return "*".to_owned();
        }
        let mut words: Vec<_> = set
            .prefixes()
            .into_iter()
            .take(PREFIXES + 1)
            .map(|one| one.to_string())
            .collect();
        if words.len() > PREFIXES {
            words.truncate(PREFIXES);
            words.push("...".to_owned());
        }
        words.join(", ")
    };
    format!(
        "{} {} port {} -> {} port {}",
        cube.protocols,
        addresses(&cube.source),
        cube.source_ports,
        addresses(&cube.destination),
        cube.destination_ports
    )
}

fn level_text(text: &mut String, level: &Level, at: &AtLevel) {
    let by = if at.decider == Decider::Nothing && level.kind == LevelKind::Admin {
        "no rule matches, so the NSGs decide".to_owned()
    } else {
        format!("{} {}", at.answer.name(), at.decider.words(level))
    };
    let head = format!("  {} {}: {by}", level.kind.name(), level.name);
    line(text, &head);
    for passed in &at.passed {
        let rule = &level.rules[passed.rule];
        line(
            text,
            &format!("    passed {}: {}", rule.words(), lacks(passed)),
        );
    }
}

pub(super) fn lacks(passed: &Passed) -> String {
    let words: Vec<_> = passed.mismatches.iter().map(mismatch).collect();
    words.join("; ")
}

fn side(side: Side) -> &'static str {
    match side {
        Side::Source => "source",
        Side::Destination => "destination",
    }
}

fn mismatch(mismatch: &Mismatch) -> String {
    match *mismatch {
        Mismatch::Protocol { protocol, wanted } => format!("{protocol} is not {wanted}"),
        Mismatch::Address {
            side: of,
            address,
            nearest,
        } => match nearest {
            Some(nearest) => format!("{} {address} is not in {nearest} (the nearest)", side(of)),
            None => format!("{} {address} is of a family that it has none of", side(of)),
        },
        Mismatch::Port {
            side: of,
            port,
            nearest,
        } => {
            let found = port.map_or_else(|| "without ports".to_owned(), |port| port.to_string());
            match nearest {
                Some(range) => format!(
                    "{} port {found} is not in {}",
                    side(of),
                    PortSet::new([range])
                ),
                None => format!("{} port {found}: it has no port", side(of)),
            }
        }
    }
}
