//! Small pieces that several sections use: verdicts, severities, times, rules, samples.

use std::fmt::Write as _;

use maud::{Markup, html};

use crate::audit::{Observed, RuleCount, RuleLocation, SampleText, Severity, Verdict};
use crate::report::number::{bytes, counted, grouped};
use crate::report::text::Tone;

/// The class of the style sheet that shows a tone.
pub(super) fn tone(tone: Tone) -> &'static str {
    match tone {
        Tone::Plain => "plain",
        Tone::Strong => "strong",
        Tone::Bad => "bad",
        Tone::Doubtful => "doubt",
        Tone::Good => "good",
        Tone::Quiet => "quiet",
    }
}

/// Words in tones.
pub(super) fn toned(pieces: &[(Tone, String)]) -> Markup {
    html! {
        @for (of, text) in pieces {
            @if *of == Tone::Plain { (text) } @else { b class=(tone(*of)) { (text) } }
        }
    }
}

/// Commands to copy, one a line; `of` tells the block from its like.
pub(super) fn commands(lines: &[String], of: &str) -> Markup {
    html! {
        @if !lines.is_empty() {
            div class="advice" {
                pre { (lines.join("\n")) }
                // Shown by the script, which alone can copy.
                button type="button" class="copy" hidden aria-label={ "Copy the commands: " (of) } { "Copy" }
            }
        }
    }
}

/// A sign and a class of a verdict. The word stands beside the sign always: colour tells nothing alone.
fn sign(verdict: Verdict) -> (&'static str, &'static str) {
    match verdict {
        Verdict::Blocked => ("✕", "v-blocked"),
        Verdict::PartlyBlocked => ("◐", "v-partly"),
        Verdict::AtRisk => ("!", "v-risk"),
        Verdict::Unproven => ("?", "v-unproven"),
        Verdict::SatisfiedUnseen => ("○", "v-unseen"),
        Verdict::Satisfied => ("✓", "v-ok"),
        Verdict::NotApplicable => ("–", "v-na"),
    }
}

/// `✕ blocked`.
pub(super) fn verdict(verdict: Verdict) -> Markup {
    let (sign, class) = sign(verdict);
    html! { span class={ "v " (class) } { span aria-hidden="true" { (sign) } " " (verdict.name()) } }
}

/// What a verdict means, in a few words.
pub(super) fn meaning(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Blocked => "denied, and nothing allowed since",
        Verdict::PartlyBlocked => "some of it is denied",
        Verdict::AtRisk => "the rules deny it, and nothing tried",
        Verdict::Unproven => "no flow seen: neither working nor blocked",
        Verdict::SatisfiedUnseen => "the rules allow it, no flow seen",
        Verdict::Satisfied => "allowed, and seen to work",
        Verdict::NotApplicable => "its condition does not hold here",
    }
}

/// The word of a severity, and its class.
pub(super) fn severity(severity: Severity) -> (&'static str, &'static str) {
    match severity {
        Severity::Critical => ("critical", "s-critical"),
        Severity::High => ("high", "s-high"),
        Severity::Medium => ("medium", "s-medium"),
        Severity::Low => ("low", "s-low"),
        Severity::Info => ("info", "s-info"),
    }
}

/// A time, as logged: RFC 3339, UTC.
pub(super) fn time(text: &str) -> Markup {
    html! { time { (text) } }
}

/// What follows an element that is broken off after `shown` of `total`.
pub(super) fn left_out(shown: usize, total: usize, what: &str) -> Markup {
    html! {
        @if total > shown {
            p class="note" {
                "The first " (grouped(shown as u64)) " of " (grouped(total as u64)) " " (what)
                ", worst first. " code { "--format json" } " has all."
            }
        }
    }
}

/// `110 flows`, with volume, times and the deciding rules.
pub(super) fn observed(observed: &Observed) -> Markup {
    if observed.flows == 0 && observed.tuples == 0 {
        return html! { span class="quiet" { "none seen" } };
    }
    let volume = observed
        .bytes_forward
        .saturating_add(observed.bytes_reverse);
    html! {
        b { (counted(observed.flows, "flow")) }
        @if volume > 0 { ", " (bytes(observed.bytes_forward)) " sent, " (bytes(observed.bytes_reverse)) " back" }
        @if let (Some(first), Some(last)) = (&observed.first, &observed.last) {
            br; (time(first)) " to " (time(last))
        }
        (deciders(&observed.rules))
    }
}

/// Deciding rules named at one place.
const DECIDERS: usize = 5;

fn deciders(rules: &[RuleCount]) -> Markup {
    html! {
        @for rule in rules.iter().take(DECIDERS) {
            br; "by " (decider(rule)) ": " (grouped(rule.flows))
        }
        @if rules.len() > DECIDERS {
            br; span class="quiet" { "and " (grouped((rules.len() - DECIDERS) as u64)) " rules more" }
        }
    }
}

/// The deciding rule, linked to its flow groups; or what packets showed.
pub(super) fn decider(rule: &RuleCount) -> Markup {
    html! {
        @if let Some(outcome) = rule.outcome {
            "packets, " (outcome.name())
        } @else {
            a class="rule" href=(search(&rule.rule)) { (rule.rule) }
        }
        @if !rule.nsg.is_empty() { " of " (rule.nsg) }
    }
}

/// `#traffic?q=…`: the flow groups in which a text occurs.
fn search(text: &str) -> String {
    let mut link = "#traffic?q=".to_owned();
    for byte in format!("\"{text}\"").into_bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.') {
            link.push(char::from(byte));
        } else {
            _ = write!(link, "%{byte:02X}");
        }
    }
    link
}

/// Rules as the given documents state them.
pub(super) fn locations(rules: &[RuleLocation]) -> Markup {
    html! {
        ul class="plain-list" {
            @for rule in rules {
                li {
                    b { (rule.rule) } " of " (rule.nsg)
                    @if rule.file.is_empty() {
                        span class="quiet" { " (a default rule, not in the document)" }
                    } @else {
                        br; code class="path" { (rule.file) " " (rule.path) }
                    }
                }
            }
        }
    }
}

/// Tuples as evidence: time, tuple, tags, file and offset. `of` tells the table from its like.
pub(super) fn samples(samples: &[SampleText], caption: &str, of: &str) -> Markup {
    html! {
        div class="scroll" tabindex="0" role="region" aria-label={ (caption) ": " (of) } {
            table class="evidence" {
                caption { (caption) }
                thead { tr {
                    th scope="col" { "Time" }
                    th scope="col" { "Tuple" }
                    th scope="col" { "Tags of the remote address" }
                    th scope="col" { "File, byte offset" }
                } }
                tbody {
                    @for sample in samples {
                        tr {
                            td class="mono" { (sample.time) }
                            td class="mono" { (sample.tuple) }
                            td { (sample.tags.join(", ")) }
                            td class="path" { (sample.file) ":" b { (sample.offset) } }
                        }
                    }
                }
            }
        }
    }
}
