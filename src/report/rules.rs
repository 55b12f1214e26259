//! What rules do with a packet, and why: text for a terminal.

use super::escape::terminal;
use crate::audit::configured::Configured;
use crate::net::{Decision, PortSet};
use crate::policy::decider::Decider;
use crate::policy::evaluate::{AtLevel, Decided, Mismatch, Passed, Side};
use crate::policy::packet::Packet;
use crate::policy::prove::Verdict;
use crate::policy::rule::{Answer, Level, LevelKind, Rule};

/// The word for an answer.
pub fn answer(answer: Answer) -> &'static str {
    match answer {
        Answer::Allow => "allow",
        Answer::Deny => "deny",
        Answer::Undetermined => "undetermined",
    }
}

/// A packet's answer and, unless `short`, what each level does and what every rule before the one that
/// decides lacks.
pub fn trace(packet: &Packet, levels: &[Level], decided: &Decided, short: bool) -> String {
    let mut text = String::new();
    line(
        &mut text,
        &format!("{packet}: {}", answer(decided.answer())),
    );
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
    for (level, at) in levels.iter().zip(&decided.levels) {
        level_text(&mut text, level, at);
    }
    text
}

/// Columns of a line.
const WIDTH: usize = 80;

/// Adds a line, escaped, and broken where it is too long; what follows stands four columns deeper.
fn line(text: &mut String, words: &str) {
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

fn level_text(text: &mut String, level: &Level, at: &AtLevel) {
    let by = decider(level, at.decider);
    let head = format!(
        "  {} {}: {} {by}",
        level.kind.name(),
        level.name,
        answer(at.answer)
    );
    line(text, &head);
    for passed in &at.passed {
        let rule = &level.rules[passed.rule];
        line(
            text,
            &format!("    passed {}: {}", rule_words(rule), lacks(passed)),
        );
    }
}

/// Who decides, in words.
pub fn decider(level: &Level, decider: Decider) -> String {
    match decider {
        Decider::Rule(rule) => format!("by {}", rule_words(&level.rules[rule])),
        Decider::May { .. } | Decider::Nothing => {
            format!("since {}", decider.reason(level).unwrap_or_default())
        }
    }
}

/// `hardening (deny, priority 110)`.
pub fn rule_words(rule: &Rule) -> String {
    let access = match rule.access {
        Decision::Allow => "allow",
        Decision::Deny => "deny",
    };
    format!("{} ({access}, priority {})", rule.name, rule.priority)
}

fn lacks(passed: &Passed) -> String {
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
