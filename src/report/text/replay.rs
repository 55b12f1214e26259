//! A replay for a person: whether the proposed rules pass, then what becomes of which flows, then what
//! nobody sent.

use std::collections::{BTreeMap, BTreeSet};

use super::account;
use super::citation::Citations;
use super::page::{Page, Text, Tone};
use super::table::{Align, Table};
use super::{NARROWEST, TextOptions, left_out, shown};
use crate::audit::ConfiguredVerdict;
use crate::audit::replay::{Flows, Need, Needed, Passes, Replay, Sum, Touch, Touched};
use crate::net::Decision;
use crate::policy::packet::Words;
use crate::policy::rule::Answer;
use crate::report::number::{bytes, counted, grouped};
use crate::report::purpose::listed;
use crate::report::replay::Told;
use crate::report::rules::cube_words;

/// Changes of rules that are told, unless all are asked for.
const CHANGES: usize = 5;
/// Sets of packets of a change that are told, unless all are asked for.
const SETS: usize = 2;

/// A replay as text. Names from the input are escaped.
pub fn render(told: &Told<'_>, options: &TextOptions) -> String {
    let mut page = Page::new(options.width.max(NARROWEST));
    let mut files = Citations::default();
    let (replay, all) = (told.replay, options.all);
    answer(&mut page, replay);
    page.blank();
    head(&mut page, told);
    sums(&mut page, replay);
    let lists = [
        (
            "NEWLY DENIED",
            "logged as allowed, and the proposed rules deny it",
            &replay.newly_denied,
        ),
        (
            "NEWLY ALLOWED",
            "logged as denied, and the proposed rules allow it",
            &replay.newly_allowed,
        ),
        (
            "UNDETERMINED",
            "not known, and not guessed",
            &replay.undetermined,
        ),
        (
            "STILL DENIED",
            "unchanged, and a requirement needs it",
            &replay.still_denied,
        ),
    ];
    for (title, meaning, list) in lists {
        flows(&mut page, &mut files, (title, meaning), list, all);
    }
    requirements(&mut page, replay, all);
    changes(&mut page, replay, all);
    account::input(&mut page, &mut files, &replay.input, all);
    account::basis(
        &mut page,
        &replay.basis,
        told.program,
        told.assumptions,
        all,
    );
    page.finish(options.colour)
}

/// In one sentence.
fn answer(page: &mut Page, replay: &Replay) {
    let (tone, word, meaning, named) = match replay.passes() {
        Passes::No => {
            let mut named = Purposes::default();
            let denied = replay.newly_denied.iter();
            named.add(denied.filter(|of| of.need == Need::Required && of.today != DENIED));
            named.add_touched(replay, Touch::NewlyDenied);
            let meaning = "the proposed rules newly deny what is required: ";
            (Tone::Bad, "FAILS", meaning, named)
        }
        Passes::Unknown => {
            let mut named = Purposes::default();
            let needs = [Need::Required, Need::Perhaps];
            let open = replay.undetermined.iter();
            named.add(open.filter(|of| needs.contains(&of.need)));
            let denied = replay.newly_denied.iter();
            named.add(denied.filter(|of| of.need == Need::Perhaps));
            named.add_touched(replay, Touch::Open);
            let meaning = "it is not known whether something required is newly denied: ";
            (Tone::Doubtful, "NOT KNOWN", meaning, named)
        }
        Passes::Yes => {
            let meaning = "nothing that is required is newly denied";
            (Tone::Good, "PASSES", meaning, Purposes::default())
        }
    };
    let mut since = Purposes::default();
    let denied = replay.newly_denied.iter();
    since.add(denied.filter(|of| of.need == Need::Required && of.today == DENIED));
    let text = match (named.words(), since.words()) {
        (named, since) if since.is_empty() => format!(": {meaning}{named}."),
        (named, since) if named.is_empty() => format!(
            ": the proposed rules deny, as today's do, what is required and was once allowed: {since}."
        ),
        (named, since) => {
            format!(": {meaning}{named}; and deny, as today's do, what was once allowed: {since}.")
        }
    };
    page.line(&Text::toned(tone, word).plain(&text));
}

/// What today's rules deny too.
const DENIED: Option<Answer> = Some(Answer::Deny);

/// Purposes, each with the subnets that it is for.
#[derive(Default)]
struct Purposes<'a>(BTreeMap<&'a str, BTreeSet<&'a str>>);

impl<'a> Purposes<'a> {
    fn add(&mut self, flows: impl Iterator<Item = &'a Flows>) {
        for needed in flows.flat_map(|of| &of.requirements) {
            self.0
                .entry(&needed.purpose)
                .or_default()
                .insert(&needed.subnet);
        }
    }

    fn add_touched(&mut self, replay: &'a Replay, how: Touch) {
        let those = replay.requirements.iter();
        for of in those.filter(|of| of.touch == how && !of.advice) {
            self.0.entry(&of.purpose).or_default().insert(&of.subnet);
        }
    }

    fn words(&self) -> String {
        let words: Vec<_> = self
            .0
            .iter()
            .map(|(purpose, subnets)| {
                let subnets: Vec<_> = subnets.iter().copied().collect();
                format!("{purpose} ({})", listed(&subnets))
            })
            .collect();
        let words: Vec<_> = words.iter().map(String::as_str).collect();
        listed(&words)
    }
}

fn purpose(needed: &Needed) -> String {
    format!("{} of {}", needed.purpose, needed.subnet)
}

fn head(page: &mut Page, told: &Told<'_>) {
    let input = &told.replay.input;
    let window = match (&input.first, &input.last) {
        (Some(first), Some(last)) => format!("{first} to {last}, "),
        _ => String::new(),
    };
    let seen = format!("{window}{}", counted(input.tuples.counted, "tuple"));
    page.entry("seen", &Text::new().plain(&seen));
    page.entry("proposed", &Text::new().plain(told.proposed));
    let today = told
        .today
        .unwrap_or("not given: what nobody sent cannot be compared (--azure with today's rules)");
    page.entry("today", &Text::new().plain(today));
}

fn sums(page: &mut Page, replay: &Replay) {
    page.heading(
        "FLOWS",
        "as logged; read = newly denied + newly allowed + unchanged + undetermined",
    );
    let mut table = Table::new([
        (Align::Left, ""),
        (Align::Right, "groups"),
        (Align::Right, "required"),
        (Align::Right, "flows"),
        (Align::Right, "tuples"),
        (Align::Right, "bytes"),
    ]);
    let counts = &replay.counts;
    for (name, sum, list, bad) in [
        (
            "newly denied",
            &counts.newly_denied,
            Some(&replay.newly_denied),
            Tone::Bad,
        ),
        (
            "newly allowed",
            &counts.newly_allowed,
            Some(&replay.newly_allowed),
            Tone::Plain,
        ),
        ("unchanged", &counts.unchanged, None, Tone::Plain),
        (
            "undetermined",
            &counts.undetermined,
            Some(&replay.undetermined),
            Tone::Doubtful,
        ),
        ("read", &counts.read, None, Tone::Plain),
    ] {
        let tone = if sum.groups > 0 { bad } else { Tone::Plain };
        let cell = |value| Text::new().plain(&grouped(value));
        table.row(vec![
            Text::toned(tone, name),
            cell(sum.groups),
            list.map_or_else(Text::new, |list| cell(required(list))),
            cell(sum.flows),
            cell(sum.tuples),
            Text::new().plain(&bytes(sum.bytes_forward.saturating_add(sum.bytes_reverse))),
        ]);
    }
    table.print(page);
}

/// Groups that a requirement needs, or may.
fn required(list: &[Flows]) -> u64 {
    let needs = [Need::Required, Need::Perhaps];
    let those = list.iter().filter(|of| needs.contains(&of.need));
    those.map(|of| of.sum.groups).sum()
}

fn flows<'a>(
    page: &mut Page,
    files: &mut Citations<'a>,
    (title, meaning): (&str, &str),
    list: &'a [Flows],
    all: bool,
) {
    if list.is_empty() {
        return;
    }
    page.heading(title, meaning);
    let count = shown(list.len(), all);
    for of in list.iter().take(count) {
        one(page, files, of, all);
    }
    left_out(page, list.len(), count);
}

fn one<'a>(page: &mut Page, files: &mut Citations<'a>, of: &'a Flows, all: bool) {
    let port = of
        .port
        .map_or_else(|| "other ports".to_owned(), |port| port.to_string());
    let (tone, word) = match of.need {
        Need::Required => (Tone::Bad, "REQUIRED "),
        Need::Perhaps => (Tone::Doubtful, "perhaps required "),
        Need::Advice => (Tone::Plain, "advice "),
        Need::None => (Tone::Plain, ""),
    };
    let head = format!(
        "{} {} {port}, {} -> {}",
        of.direction, of.protocol, of.source, of.destination
    );
    let text = Text::toned(tone, word).push(Tone::Strong, &head);
    page.hanging(&Text::new().plain("  "), &text, 4);
    for needed in &of.requirements {
        let text = format!("{} ({})", purpose(needed), needed.row);
        page.entry("for", &Text::new().plain(&text));
    }
    page.entry("flows", &Text::new().plain(&sum_words(&of.sum)));
    page.entry("logged", &Text::new().plain(&logged(of)));
    let proposed = format!("{} {}", of.proposed.name(), of.by);
    page.entry("proposed", &Text::new().plain(proposed.trim_end()));
    if all && of.levels.len() > 1 {
        for level in &of.levels {
            let text = format!(
                "{} {}: {} {}",
                level.level,
                level.holder,
                level.answer.name(),
                level.by
            );
            page.entry("", &Text::new().plain(&text));
        }
    }
    if let Some(today) = of.today {
        page.entry("today", &Text::new().plain(today.name()));
    }
    if let Some(sample) = &of.sample {
        let place = files.place(&sample.file, sample.offset, page.entry_width());
        let text = Text::new()
            .plain(&sample.time)
            .plain(" ")
            .plain(&sample.tuple);
        page.entry("example", &text.plain(" ").push(Tone::Quiet, &place));
    }
}

fn sum_words(sum: &Sum) -> String {
    let mut words = format!(
        "{} ({}), {}",
        counted(sum.flows, "flow"),
        counted(sum.tuples, "tuple"),
        bytes(sum.bytes_forward.saturating_add(sum.bytes_reverse))
    );
    if let (Some(first), Some(last)) = (&sum.first, &sum.last) {
        words.extend([", ", first, " to ", last]);
    }
    words
}

fn logged(of: &Flows) -> String {
    let logged = &of.logged;
    if let Some(outcome) = logged.outcome {
        return format!("captured: {}", outcome.name());
    }
    let decision = match logged.decision {
        Decision::Allow => "allow",
        Decision::Deny => "deny",
    };
    let by = match (logged.rule.as_str(), logged.nsg.as_str()) {
        ("", "") => String::new(),
        (rule, "") => format!(" by {rule}"),
        ("", nsg) => format!(" by a rule of {nsg} that the log does not name"),
        (rule, nsg) => format!(" by {rule} of {nsg}"),
    };
    format!("{decision}{by}, {}", logged.log)
}

fn requirements(page: &mut Page, replay: &Replay, all: bool) {
    let list = &replay.requirements;
    if list.is_empty() {
        page.heading("REQUIREMENTS", "proved over all packets");
        let none = if replay.with_today {
            "  The proposed rules do with every requirement what today's do."
        } else {
            "  The proposed rules allow every requirement."
        };
        page.line(&Text::toned(Tone::Good, none));
        return;
    }
    let meaning = if replay.with_today {
        "that the proposed rules touch, proved over all packets"
    } else {
        "that the proposed rules do not wholly allow, proved over all packets"
    };
    page.heading("REQUIREMENTS", meaning);
    let count = shown(list.len(), all);
    for of in list.iter().take(count) {
        touched(page, of);
    }
    left_out(page, list.len(), count);
}

fn touched(page: &mut Page, of: &Touched) {
    let (tone, word) = match (of.touch, of.today) {
        (Touch::NewlyDenied, _) => (Tone::Bad, "NEWLY DENIED"),
        (Touch::Open, Some(_)) => (Tone::Doubtful, "not known"),
        (Touch::Open, None) => (Tone::Doubtful, verdict(of.proposed)),
        (Touch::Better, _) => (Tone::Good, "better"),
    };
    let advice = if of.advice { " (advice)" } else { "" };
    let head = format!(
        " {}: {} {} {} of {}, {}{advice}",
        of.purpose, of.direction, of.protocols, of.ports, of.subnet, of.row
    );
    let text = Text::toned(tone, word).plain(&head);
    page.hanging(&Text::new().plain("  "), &text, 4);
    if let Some(today) = of.today {
        let words = format!("{} -> {}", verdict(today), verdict(of.proposed));
        page.entry("rules", &Text::new().plain(&words));
    }
    for reason in &of.reasons {
        page.entry("", &Text::new().plain(reason));
    }
}

fn verdict(of: ConfiguredVerdict) -> &'static str {
    match of {
        ConfiguredVerdict::Blocked => "blocked",
        ConfiguredVerdict::Partly => "partly blocked",
        ConfiguredVerdict::Undetermined => "undetermined",
        ConfiguredVerdict::Allowed => "allowed",
    }
}

/// All packets that are answered otherwise, seen or not.
fn changes(page: &mut Page, replay: &Replay, all: bool) {
    if !replay.with_today {
        return;
    }
    let parts = replay.changes.iter().flat_map(|of| {
        let changes = of.changed.difference.changes.iter();
        changes.zip(&of.seen).map(move |pair| (&of.changed, pair))
    });
    let parts: Vec<_> = parts.collect();
    let unseen = parts
        .iter()
        .filter(|(_, (_, seen))| seen.groups == 0)
        .count();
    let remark = format!(
        "all packets that are answered otherwise: {}, {unseen} of them never seen",
        counted(parts.len() as u64, "part")
    );
    page.heading("RULES", &remark);
    let count = if all {
        parts.len()
    } else {
        parts.len().min(CHANGES)
    };
    for (changed, (change, seen)) in parts.iter().take(count) {
        let head = format!(
            "{} of {}: {} -> {}",
            changed.direction,
            changed.subnet,
            change.before.answer.name(),
            change.after.answer.name()
        );
        let seen = if seen.groups == 0 {
            "; not seen".to_owned()
        } else {
            format!("; seen: {}", sum_words(seen))
        };
        let text = Text::toned(Tone::Strong, &head).plain(&seen);
        page.hanging(&Text::new().plain("  "), &text, 4);
        let entry = |page: &mut Page, label: &str, text: &str| {
            page.entry(label, &Text::new().plain(text));
        };
        entry(page, "today", &change.before.words(&changed.before));
        entry(page, "proposed", &change.after.words(&changed.after));
        entry(page, "example", &Words(&change.witness).to_string());
        let sets = if all { usize::MAX } else { SETS };
        for cube in change.cubes.iter().take(sets) {
            entry(page, "packets", &cube_words(cube));
        }
        let more = change.cubes.len().saturating_sub(sets) + change.left_out;
        if more > 0 {
            entry(page, "", &format!("and {more} more sets of packets"));
        }
    }
    left_out(page, parts.len(), count);
}
