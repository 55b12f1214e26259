//! What was proved of a contract: text for a terminal.

use super::rules::{cubes, line};
use crate::policy::contract::{Found, Held, Holds, Property};
use crate::policy::packet::Words;

/// Most kinds of packets that are told of a property that does not hold.
const TOLD: usize = 3;

/// A property, the file that it stands in, and what was proved of it.
#[derive(Debug)]
pub struct Proved {
    /// The file.
    pub file: String,
    /// The property.
    pub property: Property,
    /// What was proved.
    pub held: Held,
}

/// The word for whether a property holds.
pub fn word(holds: Holds) -> &'static str {
    match holds {
        Holds::Yes => "holds",
        Holds::No => "violated",
        Holds::Undetermined => "undetermined",
    }
}

/// All properties: those that do not hold first, each with why; the others in number, or each with
/// `everything`.
pub fn properties(all: &[Proved], everything: bool) -> String {
    let mut text = String::new();
    for (holds, words) in [
        (Holds::No, "violated"),
        (Holds::Undetermined, "undetermined"),
        (Holds::Yes, "proved"),
    ] {
        let those: Vec<_> = all.iter().filter(|one| one.held.holds == holds).collect();
        let head = format!("{} of {} properties: {words}", those.len(), all.len());
        line(&mut text, &head);
        if holds == Holds::Yes && !everything {
            continue;
        }
        for one in those {
            let place = format!("{}:{}", one.file, one.property.line);
            line(&mut text, &format!("  - {place}: {}", one.property));
            reasons(&mut text, &one.held);
        }
    }
    text
}

fn reasons(text: &mut String, held: &Held) {
    for (found, word) in [(&held.against, ""), (&held.open, "undetermined ")] {
        for one in found.iter().take(TOLD) {
            part(text, one, word);
        }
        if found.len() > TOLD {
            let more = found.len() - TOLD;
            line(
                text,
                &format!("      and {more} more kinds of {word}packets"),
            );
        }
    }
    for unknown in &held.unknown {
        line(text, &format!("      {unknown}"));
    }
}

fn part(text: &mut String, found: &Found, word: &str) {
    let part = &found.part;
    let word = match word {
        "" => format!("{} ", past(part.ruling.answer)),
        word => word.to_owned(),
    };
    let head = format!(
        "      {word}{}: for example {}",
        part.ruling.words(&found.levels),
        Words(&part.witness)
    );
    line(text, &head);
    cubes(text, "        ", &part.cubes, part.left_out > 0);
}

fn past(answer: crate::policy::rule::Answer) -> &'static str {
    use crate::policy::rule::Answer;
    match answer {
        Answer::Allow => "allowed",
        Answer::Deny => "denied",
        Answer::Undetermined => "undetermined",
    }
}
