//! A time line as SVG: allowed flows upward, denied ones downward, and marks where something changed.
//!
//! All strips of a page have one axis, in minutes from its start; zooming is a new `viewBox`.

use std::fmt::Write as _;

use maud::{Markup, html};

use crate::audit::{Audit, Change, ChangeKind, Decider, Observed, TimelineText};
use crate::net::Timestamp;

/// Height of half a strip, in units of its own.
const HALF: u64 = 24;
const MINUTE: i64 = 60_000;

/// The axis of all strips.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Axis {
    /// Milliseconds since the epoch.
    pub(super) start: i64,
    /// Minutes.
    pub(super) length: i64,
}

impl Axis {
    /// From the first bucket to the end of the last; none where there are no buckets.
    pub(super) fn of(audit: &Audit) -> Option<Self> {
        let mut ends: Option<(i64, i64)> = None;
        for requirement in &audit.requirements {
            for seen in [&requirement.allowed, &requirement.denied] {
                if let Some((first, last)) = extent(&seen.timeline) {
                    let (least, most) = ends.unwrap_or((first, last));
                    ends = Some((least.min(first), most.max(last)));
                }
            }
        }
        for finding in &audit.findings {
            for seen in finding.evidence.iter().chain(&finding.contrast) {
                if let Some((first, last)) = extent(&seen.timeline) {
                    let (least, most) = ends.unwrap_or((first, last));
                    ends = Some((least.min(first), most.max(last)));
                }
            }
        }
        let (start, end) = ends?;
        Some(Self {
            start,
            length: ((end - start) / MINUTE).max(1),
        })
    }

    /// Minutes from the start, to the thousandth.
    fn at(self, time: &str) -> Option<f64> {
        let time = Timestamp::parse(time)?;
        Some((time.0.checked_sub(self.start)?) as f64 / MINUTE as f64)
    }

    /// Times to write below the strips: how many minutes from the start, and the words.
    pub(super) fn ticks(self) -> Vec<(i64, String)> {
        const STEPS: [i64; 14] = [
            1, 2, 5, 10, 15, 30, 60, 120, 360, 720, 1_440, 10_080, 40_320, 525_600,
        ];
        let step = STEPS
            .into_iter()
            .find(|step| self.length / step <= 8)
            .unwrap_or(5_256_000);
        let first = self.start.div_euclid(MINUTE);
        let next = (first + step - 1).div_euclid(step) * step;
        (next..=first + self.length)
            .step_by(step as usize)
            .map(|minute| {
                let text = Timestamp(minute * MINUTE).to_string();
                let words = if step >= 1_440 {
                    text.get(..10)
                } else {
                    text.get(11..16)
                };
                (minute - first, words.unwrap_or(&text).to_owned())
            })
            .collect()
    }
}

/// First and last millisecond of the buckets.
fn extent(timeline: &TimelineText) -> Option<(i64, i64)> {
    let start = Timestamp::parse(timeline.start.as_deref()?)?.0;
    let length = (timeline.counts.len() as i64)
        .checked_mul(timeline.bucket_minutes.max(1))?
        .checked_mul(MINUTE)?;
    Some((start, start.checked_add(length)?))
}

/// A moment to mark.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mark {
    /// RFC 3339.
    pub(super) time: String,
    /// Whether flows are denied from then on.
    pub(super) breaks: bool,
    /// In words.
    pub(super) label: String,
}

/// Changes marked on one strip: the first ones.
const CHANGES: usize = 12;

/// The moments of change; where none are told, those that two sums of flows show: where one follows the
/// other wholly, the end of the first and the begin of the second.
fn marks(allowed: &Observed, denied: &Observed, changes: &[Change]) -> Vec<Mark> {
    if !changes.is_empty() {
        return changes.iter().take(CHANGES).flat_map(of_change).collect();
    }
    let mut marks = Vec::new();
    marks.extend(mark(denied.first.as_ref(), true, "first denied"));
    if !marks.is_empty() {
        marks.extend(mark(allowed.last.as_ref(), false, "last seen allowed"));
    }
    marks
}

fn mark(time: Option<&String>, breaks: bool, label: &str) -> Option<Mark> {
    let time = time?;
    Some(Mark {
        time: time.clone(),
        breaks,
        label: format!("{label} {time}"),
    })
}

/// The marks of one change: before it, from it on, and its end.
fn of_change(change: &Change) -> Vec<Mark> {
    let before = change.last_before.as_ref();
    let after = Some(&change.first_after);
    let [at, from, last] = match change.kind {
        ChangeKind::Stopped => [
            mark(before, false, "last seen allowed"),
            mark(after, true, "denied from"),
            mark(change.ended.as_ref(), false, "none of it denied from"),
        ],
        ChangeKind::DeniedFromTheFirst => [
            None,
            mark(after, true, "denied from the first flow seen,"),
            mark(change.ended.as_ref(), false, "none of it denied from"),
        ],
        ChangeKind::Flapping => [
            None,
            mark(after, true, "allowed and denied in turn from"),
            mark(change.until.as_ref(), false, "in turn until"),
        ],
        ChangeKind::Recovered => [None, mark(after, false, "allowed again from"), None],
    };
    let by = decided(&change.after);
    let from = from.map(|mark| Mark {
        label: format!("{}{by}", mark.label),
        ..mark
    });
    [at, from, last].into_iter().flatten().collect()
}

/// `, by UserRule_x of nsg-y`, or what became of captured connections.
fn decided(by: &[Decider]) -> String {
    by.first().map_or_else(String::new, |first| {
        let who = match first.outcome {
            Some(outcome) => format!(", {} by the packets", outcome.name()),
            None if first.nsg.is_empty() => format!(", by {}", first.rule),
            None => format!(", by {} of {}", first.rule, first.nsg),
        };
        match by.len() {
            1 => who,
            more => format!("{who} and {} more", more - 1),
        }
    })
}

/// The strip, with its content in words for those who do not see it.
pub(super) fn strip(
    axis: Axis,
    allowed: &Observed,
    denied: &Observed,
    changes: &[Change],
) -> Markup {
    let marks = marks(allowed, denied, changes);
    let most = allowed
        .timeline
        .counts
        .iter()
        .chain(&denied.timeline.counts)
        .copied()
        .max()
        .unwrap_or(0);
    let length = axis.length;
    html! {
        svg class="strip" viewBox={ "0 0 " (length) " " (2 * HALF) } preserveAspectRatio="none" role="img"
            aria-label=(words(allowed, denied, &marks)) {
            (bars(axis, &allowed.timeline, most, true))
            (bars(axis, &denied.timeline, most, false))
            path class="base" d={ "M0 " (HALF) "h" (length) } {}
            @for mark in &marks {
                @if let Some(x) = axis.at(&mark.time) {
                    path class={ "mark " (if mark.breaks { "breaks" } else { "works" }) } data-at=(round(x))
                        d={ "M" (round(x)) " 0v" (2 * HALF) } { title { (mark.label) } }
                }
            }
        }
    }
}

/// At most three decimals, none where there are none.
fn round(x: f64) -> f64 {
    (x * 1000.0).round() / 1000.0
}

/// `31 allowed, 80 denied, at most 13 in 4 minutes; first denied …`.
fn words(allowed: &Observed, denied: &Observed, marks: &[Mark]) -> String {
    let mut words = format!("{} allowed, {} denied", allowed.flows, denied.flows);
    for mark in marks {
        words += "; ";
        words += &mark.label;
    }
    words
}

/// The outline of the bars. Equal neighbours are one step; the least count still shows.
fn bars(axis: Axis, timeline: &TimelineText, most: u64, up: bool) -> Markup {
    let start = timeline.start.as_deref().and_then(|start| axis.at(start));
    let (Some(start), true) = (start, most > 0) else {
        return html! {};
    };
    let width = timeline.bucket_minutes.max(1);
    let mut path = format!("M{} {HALF}", round(start));
    for run in timeline.counts.chunk_by(|a, b| a == b) {
        let tall = (u128::from(run[0]) * u128::from(HALF - 2)).div_ceil(u128::from(most)) as u64;
        let y = if up { HALF - tall } else { HALF + tall };
        _ = write!(path, "V{y}h{}", width * run.len() as i64);
    }
    _ = write!(path, "V{HALF}");
    html! { path class=(if up { "allowed" } else { "denied" }) d=(path) {} }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::Source;

    fn seen(start: &str, counts: &[u64]) -> Observed {
        Observed {
            timeline: TimelineText {
                start: Some(start.to_owned()),
                bucket_minutes: 4,
                counts: counts.to_vec(),
            },
            flows: counts.iter().sum(),
            ..Observed::default()
        }
    }

    #[test]
    fn bars_are_an_outline_in_minutes_of_the_axis() {
        let axis = Axis {
            start: Timestamp::parse("2026-01-05T12:00:00Z").unwrap().0,
            length: 240,
        };
        let timeline = seen("2026-01-05T12:08:00Z", &[2, 2, 0, 1]).timeline;
        let up = bars(axis, &timeline, 2, true).0;
        assert_eq!(
            up,
            "<path class=\"allowed\" d=\"M8 24V2h8V24h4V13h4V24\"></path>"
        );
        let down = bars(axis, &timeline, 1000, false).0;
        assert!(down.contains("V25h8"), "the least shows: {down}");
        assert_eq!(bars(axis, &timeline, 0, true).0, "");
    }

    #[test]
    fn ticks_are_few_and_round() {
        let axis = |start: &str, length| Axis {
            start: Timestamp::parse(start).unwrap().0,
            length,
        };
        let words = |axis: Axis| -> Vec<String> {
            axis.ticks().into_iter().map(|(_, words)| words).collect()
        };
        assert_eq!(
            words(axis("2026-01-05T12:04:00Z", 240)),
            [
                "12:30", "13:00", "13:30", "14:00", "14:30", "15:00", "15:30", "16:00"
            ]
        );
        let month = axis("2026-01-05T12:04:00Z", 31 * 1440);
        assert!(words(month).len() <= 9);
        assert_eq!(words(month)[0].len(), 10);
        for length in [1, 7, 9, 100, 5_000, 100_000, 600_000, 5_000_000] {
            assert!(
                axis("2026-01-05T12:04:00Z", length).ticks().len() <= 10,
                "{length}"
            );
        }
    }

    #[test]
    fn only_what_was_denied_is_marked() {
        let mut allowed = seen("2026-01-05T12:08:00Z", &[1]);
        allowed.last = Some("2026-01-05T12:09:00Z".to_owned());
        let mut denied = Observed::default();
        assert!(marks(&allowed, &denied, &[]).is_empty());
        denied.first = Some("2026-01-05T12:10:00Z".to_owned());
        let marks = marks(&allowed, &denied, &[]);
        assert_eq!(marks[0].label, "first denied 2026-01-05T12:10:00Z");
        assert!(marks[0].breaks && !marks[1].breaks);
    }

    #[test]
    fn changes_are_marked_with_who_decides_from_then_on() {
        let change = Change {
            kind: ChangeKind::Stopped,
            source: Source::Logs,
            last_before: Some("2026-01-05T12:09:00Z".to_owned()),
            first_after: "2026-01-05T12:10:00Z".to_owned(),
            gap_ms: Some(60_000),
            until: None,
            turns: 0,
            breaks: true,
            before: Vec::new(),
            after: vec![Decider {
                nsg: "NSG-A".to_owned(),
                nsg_id: String::new(),
                rule: "UserRule_x".to_owned(),
                outcome: None,
            }],
            editions: None,
            conversations: 1,
            recovered: 1,
            ended: Some("2026-01-05T13:00:00Z".to_owned()),
            listed: Vec::new(),
        };
        let changes = [change];
        let marks = marks(&Observed::default(), &Observed::default(), &changes);
        let labels: Vec<_> = marks.iter().map(|mark| mark.label.as_str()).collect();
        assert_eq!(
            labels,
            [
                "last seen allowed 2026-01-05T12:09:00Z",
                "denied from 2026-01-05T12:10:00Z, by UserRule_x of NSG-A",
                "none of it denied from 2026-01-05T13:00:00Z",
            ]
        );
        assert_eq!(marks.iter().filter(|mark| mark.breaks).count(), 1);
    }
}
