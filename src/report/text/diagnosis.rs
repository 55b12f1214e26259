//! A diagnosis for a person at night: what is broken, since when, by what, how sure, what to do, within
//! the first ten lines; then the evidence.

use super::incident::{by, since, what};
use super::number::{counted, grouped, percent};
use super::page::{Page, Text, Tone};
use super::{NARROWEST, TextOptions};
use crate::audit::Confidence;
use crate::diagnose::{Diagnosis, Judged, Standing, State};

/// Incidents and causes that are told in full unless all are asked for.
const TOLD: usize = 5;

/// A diagnosis as text.
pub fn render(diagnosis: &Diagnosis, options: &TextOptions) -> String {
    let mut page = Page::new(options.width.max(NARROWEST));
    story(&mut page, diagnosis);
    let told = |total: usize| if options.all { total } else { total.min(TOLD) };
    causes(&mut page, diagnosis, told(diagnosis.causes.len()));
    others(&mut page, diagnosis, told(diagnosis.incidents.len()));
    short(
        &mut page,
        "NOT SETTLED",
        "what would settle it",
        &diagnosis.open,
        |cause| cause.settle.join("; "),
    );
    short(
        &mut page,
        "RULED OUT",
        "and why",
        &diagnosis.ruled_out,
        |cause| cause.against.first().cloned().unwrap_or_default(),
    );
    covered(&mut page, diagnosis);
    page.finish(options.colour)
}

/// The first ten lines.
fn story(page: &mut Page, diagnosis: &Diagnosis) {
    let broken = diagnosis.incidents.iter().position(|of| !of.advice);
    match (diagnosis.state, broken) {
        (State::NothingCounted, _) => {
            let meaning = ": no flow tuple was read and kept, so nothing is known either way.";
            page.line(&Text::toned(Tone::Bad, "NOTHING WAS COUNTED").plain(meaning));
        }
        (State::NothingSeen, _) => nothing(page, diagnosis),
        (_, Some(at)) => incident(page, diagnosis, at),
        _ => {
            if let Some(cause) = diagnosis.causes.first() {
                suspected(page, diagnosis, cause);
            } else {
                nothing(page, diagnosis);
            }
        }
    }
    page.blank();
    let input = &diagnosis.input;
    let window = match (&input.first, &input.last) {
        (Some(first), Some(last)) => format!("{first} to {last}, "),
        _ => String::new(),
    };
    let mut seen = format!("{window}{}", counted(input.tuples.counted, "tuple"));
    if input.coverage.interfaces > 0 {
        seen.extend([", coverage ", &percent(input.coverage.per_mille)]);
    }
    page.entry("seen", &Text::new().plain(&seen));
    page.entry("against", &Text::new().plain(&diagnosis.against));
}

fn nothing(page: &mut Page, diagnosis: &Diagnosis) {
    let [working, all] = diagnosis.working;
    let seen = format!(": {working} of {all} required purposes were seen to work in every subnet.");
    page.line(&Text::toned(Tone::Good, "Nothing broken was seen").plain(&seen));
    if let Some(first) = diagnosis.not_covered.first() {
        let more = diagnosis.not_covered.len() - 1;
        let more = if more == 0 {
            String::new()
        } else {
            format!("; and {more} more, below")
        };
        let text = Text::toned(Tone::Doubtful, "Not covered");
        page.line(&text.plain(&format!(": {first}{more}.")));
    }
    page.line(
        &Text::new().plain(
            "Still unreachable? Look where these logs do not: the open causes below say how.",
        ),
    );
}

fn suspected(page: &mut Page, diagnosis: &Diagnosis, cause: &Judged) {
    let lead = if cause.standing == Standing::Shown {
        Text::toned(Tone::Bad, "BROKEN").plain(": ")
    } else {
        Text::toned(Tone::Doubtful, "SUSPECTED").plain(": ")
    };
    page.line(&lead.push(Tone::Strong, &cause.title).plain("."));
    let incident = cause.incident.and_then(|at| diagnosis.incidents.get(at));
    if let Some(incident) = incident {
        page.entry("since", &since(incident));
        if let Some(by) = by(incident) {
            page.entry("by", &by);
        }
    } else {
        entries(page, "seen", cause.evidence.get(..1).unwrap_or_default());
    }
    sure(page, cause.confidence, basis(cause));
    act(page, cause);
    if diagnosis.causes.len() > 1 {
        let more = format!("{} more, below", diagnosis.causes.len() - 1);
        page.entry("also", &Text::new().plain(&more));
    }
}

fn incident(page: &mut Page, diagnosis: &Diagnosis, at: usize) {
    let incident = &diagnosis.incidents[at];
    let word = match (&incident.ended, incident.flapping) {
        (Some(_), _) => Text::toned(Tone::Doubtful, "WAS BROKEN"),
        (None, true) => Text::toned(Tone::Bad, "UNSTABLE"),
        (None, false) => Text::toned(Tone::Bad, "BROKEN"),
    };
    page.line(
        &word
            .plain(": ")
            .push(Tone::Strong, &what(incident))
            .plain("."),
    );
    page.entry("since", &since(incident));
    if let Some(by) = by(incident) {
        page.entry("by", &by);
    }
    let cause = diagnosis
        .causes
        .iter()
        .find(|cause| cause.incident == Some(at));
    if let Some(cause) = cause {
        page.entry("cause", &Text::toned(Tone::Strong, &cause.title).plain("."));
    }
    sure(page, Some(incident.confidence), &incident.basis);
    if let Some(cause) = cause {
        act(page, cause);
    }
    let more = diagnosis.incidents.len() - 1;
    if more > 0 {
        let others: Vec<String> = diagnosis
            .incidents
            .iter()
            .enumerate()
            .filter(|&(number, _)| number != at)
            .map(|(_, of)| of.traffic.join(", "))
            .collect();
        let plural = if more == 1 { "" } else { "s" };
        let text = format!(
            "{} more incident{plural} below: {}",
            grouped(more as u64),
            others[0]
        );
        page.entry("also", &Text::new().plain(&text));
    }
}

fn sure(page: &mut Page, confidence: Option<Confidence>, basis: &str) {
    if let Some(confidence) = confidence {
        let text = Text::toned(Tone::Strong, confidence.name());
        page.entry("sure", &text.plain(&format!(": {basis}")));
    }
}

/// Why a cause is as sure as it is.
fn basis(cause: &Judged) -> &'static str {
    match (cause.standing, cause.against.is_empty()) {
        (Standing::Shown, _) => "the evidence shows it",
        (_, true) => "the evidence fits it, and perhaps something else as well",
        (_, false) => "the evidence fits it, and some speaks against it",
    }
}

fn act(page: &mut Page, cause: &Judged) {
    if let Some(remedy) = cause.remedy.first() {
        page.entry("do", &Text::new().plain(remedy));
    }
}

fn causes(page: &mut Page, diagnosis: &Diagnosis, told: usize) {
    if diagnosis.causes.is_empty() {
        return;
    }
    page.heading("CAUSES", "that the evidence shows or fits, best first");
    let mut printed: Vec<&str> = Vec::new();
    for (number, cause) in diagnosis.causes.iter().take(told).enumerate() {
        let lead = Text::new().plain(&format!("{}. ", number + 1));
        let title = Text::toned(Tone::Strong, &cause.title);
        page.hanging(&lead, &title.plain(&format!(" [{}]", cause.id)), 3);
        sure(page, cause.confidence, basis(cause));
        page.entry("breaks", &Text::new().plain(&cause.breaks));
        entries(page, "for", &cause.evidence);
        entries(page, "against", &cause.against);
        entries(page, "settle", &cause.settle);
        entries(page, "do", &cause.remedy);
        for command in &cause.commands {
            if !printed.contains(&command.as_str()) {
                page.command(command);
                printed.push(command);
            }
        }
        let sources = cause.source.join("; ");
        page.entry("source", &Text::toned(Tone::Quiet, &sources));
    }
    if diagnosis.causes.len() > told {
        let more = diagnosis.causes.len() - told;
        let text = format!("  and {more} more: --all, or --format json");
        page.line(&Text::toned(Tone::Quiet, &text));
    }
}

fn entries(page: &mut Page, label: &str, texts: &[String]) {
    for (number, text) in texts.iter().enumerate() {
        let label = if number == 0 { label } else { "" };
        page.entry(label, &Text::new().plain(text));
    }
}

/// All incidents but the one of the story.
fn others(page: &mut Page, diagnosis: &Diagnosis, told: usize) {
    let first = diagnosis.incidents.iter().position(|of| !of.advice);
    let rest: Vec<_> = diagnosis
        .incidents
        .iter()
        .enumerate()
        .filter(|&(number, _)| Some(number) != first)
        .collect();
    if rest.is_empty() {
        return;
    }
    page.heading("OTHER INCIDENTS", "");
    for (_, incident) in rest.iter().take(told) {
        let mut text = Text::toned(Tone::Strong, &what(incident)).plain("; since ");
        text = text.append(since(incident));
        if let Some(by) = by(incident) {
            text = text.plain("; by ").append(by);
        }
        let advice = if incident.advice { " (advice)" } else { "" };
        let sure = format!("; {} confidence{advice}.", incident.confidence.name());
        page.hanging(&Text::new().plain("- "), &text.plain(&sure), 2);
    }
    if rest.len() > told {
        let text = format!("  and {} more: --all, or --format json", rest.len() - told);
        page.line(&Text::toned(Tone::Quiet, &text));
    }
}

fn short(
    page: &mut Page,
    title: &str,
    remark: &str,
    causes: &[Judged],
    words: impl Fn(&Judged) -> String,
) {
    if causes.is_empty() {
        return;
    }
    page.heading(title, remark);
    for cause in causes {
        let text = Text::toned(Tone::Strong, &cause.id)
            .plain(": ")
            .plain(&words(cause))
            .plain(".");
        page.hanging(&Text::new().plain("- "), &text, 2);
    }
}

fn covered(page: &mut Page, diagnosis: &Diagnosis) {
    if diagnosis.not_covered.is_empty() {
        return;
    }
    page.heading("NOT COVERED", "nothing is known of it");
    for text in &diagnosis.not_covered {
        page.hanging(
            &Text::new().plain("- "),
            &Text::new().plain(text).plain("."),
            2,
        );
    }
}
