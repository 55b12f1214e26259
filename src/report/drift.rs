//! Where logs and rules do not agree: text for a terminal.

use super::rules::line;
use crate::net::Decision;
use crate::policy::drift::{Drifted, Flow, LoggedRule, OfRule, Otherwise, Times, Why};
use crate::policy::packet::Packet;
use crate::policy::rule::Answer;

/// Most flows that are told, unless all are asked for.
const TOLD: usize = 20;

/// What was asked, and the flows that do not agree, those with most tuples first.
pub fn text(drifted: &Drifted, left_out: u64, everything: bool) -> String {
    let mut text = String::new();
    for flow in by_count(drifted, if everything { usize::MAX } else { TOLD }) {
        flow_text(&mut text, flow);
    }
    let told = if everything { usize::MAX } else { TOLD };
    let hidden = drifted.flows.len().saturating_sub(told);
    if hidden > 0 {
        line(
            &mut text,
            &format!("and {hidden} more flows: --all lists them"),
        );
    }
    if drifted.not_kept > 0 {
        let head = format!(
            "and {} tuples of flows beyond those that are kept",
            drifted.not_kept
        );
        line(&mut text, &head);
    }
    by_rule(&mut text, drifted);
    summary(&mut text, drifted, left_out);
    text
}

/// The flows with most tuples first; of as many, in their order.
fn by_count(drifted: &Drifted, most: usize) -> Vec<(&Flow, &Otherwise)> {
    let mut flows: Vec<_> = drifted.flows.iter().collect();
    flows.sort_by_key(|(_, otherwise)| std::cmp::Reverse(otherwise.times.tuples));
    flows.truncate(most);
    flows
}

fn flow_text(text: &mut String, (flow, otherwise): (&Flow, &Otherwise)) {
    let packet = words(flow);
    let logged = logged(&flow.logged);
    line(text, &packet);
    line(
        text,
        &format!("  log:   {logged}, {}", times(&otherwise.times)),
    );
    let by = &otherwise.by;
    line(text, &format!("  rules: {} {by}", otherwise.answer.name()));
}

/// A flow in the words of a packet, its source port left out where none is told apart.
pub fn words(flow: &Flow) -> String {
    let packet = Packet {
        direction: flow.direction,
        probe: flow.probe,
    };
    let whole = packet.to_string();
    if flow.source_port.is_some() || !flow.probe.protocol.has_ports() {
        return whole;
    }
    // Of a socket address the port is what follows the last colon.
    match whole.split_once(" -> ") {
        Some((source, destination)) => {
            let source = source.rsplit_once(':').map_or(source, |(source, _)| source);
            let plain = source.replace(['[', ']'], "");
            format!("{plain} -> {destination}")
        }
        None => whole,
    }
}

/// A logged rule in words.
fn logged(logged: &LoggedRule) -> String {
    let decision = match logged.decision {
        Decision::Allow => Answer::Allow.name(),
        Decision::Deny => Answer::Deny.name(),
    };
    let rule = if logged.rule.is_empty() {
        "(no rule)"
    } else {
        &logged.rule
    };
    let holder = logged.acl.rsplit('/').next().unwrap_or_default();
    if holder.is_empty() {
        format!("{decision} by {rule}")
    } else {
        format!("{decision} by {rule} of {holder}")
    }
}

fn times(times: &Times) -> String {
    let plural = if times.tuples == 1 { "" } else { "s" };
    format!(
        "{} tuple{plural}, {} to {}",
        times.tuples, times.first, times.last
    )
}

/// The rules that are logged and of which not all agrees.
fn by_rule(text: &mut String, drifted: &Drifted) {
    let changed =
        |of: &OfRule| of.differ.is_some() || of.undetermined.is_some() || of.other_rule.is_some();
    for (rule, of) in drifted.rules.iter().filter(|(_, of)| changed(of)) {
        line(text, &format!("{}:", logged(rule)));
        for (word, some) in [
            ("agree:", of.agree),
            ("agree, by another rule:", of.other_rule),
            ("differ:", of.differ),
            ("undetermined:", of.undetermined),
        ] {
            if let Some(some) = some {
                line(text, &format!("  {word} {}", times(&some)));
            }
        }
    }
    if drifted.rules_not_kept > 0 {
        let head = format!(
            "and {} tuples of logged rules beyond those that are kept",
            drifted.rules_not_kept
        );
        line(text, &head);
    }
}

fn summary(text: &mut String, drifted: &Drifted, left_out: u64) {
    let head = format!(
        "{} tuples: {} agree, {} differ, {} undetermined, {} out of scope, {left_out} left out",
        drifted.tuples() + left_out,
        drifted.agree,
        drifted.differ,
        drifted.undetermined,
        drifted.out.values().sum::<u64>()
    );
    line(text, &head);
    if drifted.other_rule > 0 {
        let head = format!(
            "  {} agree by another rule than is logged",
            drifted.other_rule
        );
        line(text, &head);
    }
    for why in Why::ALL {
        if let Some(count) = drifted.out.get(&why) {
            line(text, &format!("  {count} {}", why.words()));
        }
    }
}
