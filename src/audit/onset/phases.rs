//! What one conversation's flows did in time: phases of allowed and of denied, and the turns between.
//!
//! What is known are spans: some flows of one decision, of which the first and the last began at
//! exact times, and the others in between. Where no span of allowed flows overlaps one of denied ones,
//! the turns are told to the millisecond. Where they do overlap, the order between is not known: that
//! is told as flapping, and never guessed.

/// Flows of one decision between two times, both of which are times of such flows, in ms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Span {
    /// The first flow's time.
    pub(crate) first: i64,
    /// The last flow's.
    pub(crate) last: i64,
    /// Whether they were allowed.
    pub(crate) allowed: bool,
    /// Who decided: any number that the caller knows it by.
    pub(crate) decider: usize,
}

/// How a conversation turned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Turn {
    /// Denied from the first flow on.
    Denied,
    /// Allowed, then denied.
    Stopped,
    /// Denied, then allowed.
    Recovered,
    /// Allowed and denied in turn, in an order that is not known; allowed afterwards, or denied.
    Flapped {
        /// The last time at which it still was otherwise.
        until: i64,
        /// What it was afterwards.
        allowed: bool,
        /// How many turns there were, at least.
        turns: u64,
    },
}

/// A turn of a conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Event {
    /// What happened.
    pub(crate) turn: Turn,
    /// The last flow as it was before, ms.
    pub(crate) before: Option<i64>,
    /// The first flow as it was after, ms.
    pub(crate) after: i64,
    /// Who decided the flows at `before`.
    pub(crate) deciders_before: Vec<usize>,
    /// Who decided those at `after`.
    pub(crate) deciders_after: Vec<usize>,
}

impl Event {
    /// Whether flows are denied after it.
    pub(crate) fn breaks(&self) -> bool {
        match self.turn {
            Turn::Denied | Turn::Stopped => true,
            Turn::Recovered => false,
            Turn::Flapped { allowed, .. } => !allowed,
        }
    }

    /// The first time from which nothing else was seen.
    fn settled(&self) -> i64 {
        match self.turn {
            Turn::Flapped { until, .. } => until,
            _ => self.after,
        }
    }
}

/// Most turns of a conversation that are told one by one; with more it flaps.
const MOST_TURNS: usize = 8;

/// The turns of a conversation, in order of time.
pub(crate) fn events(spans: &[Span]) -> Vec<Event> {
    let mut course = Course::default();
    for part in parts(spans) {
        course.add(&part);
    }
    let mut events = course.events;
    if events.len() > MOST_TURNS {
        events = vec![flapping(&events)];
    }
    events
}

/// Many turns as one.
fn flapping(events: &[Event]) -> Event {
    let (first, last) = (&events[0], &events[events.len() - 1]);
    let turns = events.iter().map(|event| match event.turn {
        Turn::Flapped { turns, .. } => turns,
        _ => 1,
    });
    let until = match last.turn {
        Turn::Flapped { until, .. } => until,
        _ => last.before.unwrap_or(last.after),
    };
    Event {
        turn: Turn::Flapped {
            until,
            allowed: !last.breaks(),
            turns: turns.sum(),
        },
        ..first.clone()
    }
}

/// Spans that overlap, so that their order is not known; most often only one.
#[derive(Debug, Clone, Default)]
struct Part {
    spans: Vec<Span>,
    last: i64,
}

/// Cuts the course where no span overlaps the cut. Two that merely touch are told apart: the logs
/// of some formats know seconds only. Of flows of one instant those come first that go on as before.
fn parts(spans: &[Span]) -> Vec<Part> {
    let mut sorted = spans.to_vec();
    sorted.sort_unstable();
    sorted.dedup();
    let mut parts: Vec<Part> = Vec::new();
    let mut at = 0;
    while at < sorted.len() {
        let together = sorted[at..]
            .iter()
            .take_while(|span| (span.first, span.last) == (sorted[at].first, sorted[at].last))
            .count();
        let instant = sorted[at].first == sorted[at].last;
        let mut those = sorted[at..at + together].to_vec();
        if instant {
            let before = parts.last().and_then(|part| ends_allowed(&part.spans));
            those.sort_by_key(|span| (Some(span.allowed) != before, *span));
        }
        for span in those {
            match parts.last_mut() {
                Some(part) if span.first < part.last => {
                    part.last = part.last.max(span.last);
                    part.spans.push(span);
                }
                _ => parts.push(Part {
                    last: span.last,
                    spans: vec![span],
                }),
            }
        }
        at += together;
    }
    parts
}

/// What the last flow was; denied, where both came at the same time.
fn ends_allowed(spans: &[Span]) -> Option<bool> {
    let last = spans.iter().map(|span| span.last).max()?;
    Some(
        spans
            .iter()
            .filter(|span| span.last == last)
            .all(|span| span.allowed),
    )
}

/// What is known of a conversation up to some time.
#[derive(Debug, Default)]
struct Course {
    /// What the last flow was, its time, and who decided it.
    last: Option<(bool, i64, Vec<usize>)>,
    events: Vec<Event>,
}

impl Course {
    fn add(&mut self, part: &Part) {
        let kinds = [true, false].map(|allowed| part.spans.iter().any(|s| s.allowed == allowed));
        match kinds {
            [true, true] => self.add_mixed(&part.spans),
            [allowed, _] => self.add_pure(allowed, &part.spans),
        }
    }

    fn add_pure(&mut self, allowed: bool, spans: &[Span]) {
        let first = spans.iter().map(|span| span.first).min().unwrap_or(0);
        let deciders = at_time(spans, allowed, first, |span| span.first);
        self.turn_to(allowed, first, &deciders);
        self.note(allowed, spans);
    }

    /// From now on flows are allowed, or denied.
    fn turn_to(&mut self, allowed: bool, after: i64, deciders: &[usize]) {
        let turn = match (&self.last, allowed) {
            (None, true) => return,
            (Some((before, ..)), _) if *before == allowed => return,
            (None, false) => Turn::Denied,
            (Some(_), false) => Turn::Stopped,
            (Some(_), true) => Turn::Recovered,
        };
        let (before, deciders_before) = match &self.last {
            Some((_, time, deciders)) => (Some(*time), deciders.clone()),
            None => (None, Vec::new()),
        };
        self.events.push(Event {
            turn,
            before,
            after,
            deciders_before,
            deciders_after: deciders.to_vec(),
        });
    }

    /// Allowed and denied flows whose spans overlap.
    fn add_mixed(&mut self, spans: &[Span]) {
        let first = spans.iter().map(|span| span.first).min().unwrap_or(0);
        let starts = |allowed| {
            let mut spans = spans.iter();
            spans.any(|span| span.first == first && span.allowed == allowed)
        };
        let starts_allowed = match &self.last {
            // Where both came at the same time, first what went on as before.
            Some((before, ..)) if starts(*before) => *before,
            Some((before, ..)) => !*before,
            None => starts(true),
        };
        let deciders = at_time(spans, starts_allowed, first, |span| span.first);
        self.turn_to(starts_allowed, first, &deciders);
        let ends = ends_allowed(spans).unwrap_or(starts_allowed);
        let others = |allowed: bool| spans.iter().filter(move |span| span.allowed == allowed);
        let from = others(!starts_allowed).map(|span| span.first).min();
        let until = others(!ends).map(|span| span.last).max();
        let (Some(from), Some(until)) = (from, until) else {
            return;
        };
        // The last flow of the old kind that surely came before.
        let earlier: Vec<Span> = others(starts_allowed)
            .flat_map(|span| {
                [span.first, span.last].map(|time| Span {
                    last: time,
                    ..*span
                })
            })
            .filter(|span| span.last <= from)
            .collect();
        if !earlier.is_empty() {
            self.note(starts_allowed, &earlier);
        }
        let (before, deciders_before) = match &self.last {
            Some((_, time, deciders)) => (Some(*time), deciders.clone()),
            None => (None, Vec::new()),
        };
        self.events.push(Event {
            turn: Turn::Flapped {
                until,
                allowed: ends,
                turns: if ends == starts_allowed { 2 } else { 3 },
            },
            before,
            after: from,
            deciders_before,
            deciders_after: at_time(spans, !starts_allowed, from, |span| span.first),
        });
        self.note(ends, spans);
    }

    /// What the last flows of a decision are.
    fn note(&mut self, allowed: bool, spans: &[Span]) {
        let those = spans.iter().filter(|span| span.allowed == allowed);
        if let Some(last) = those.map(|span| span.last).max() {
            let deciders = at_time(spans, allowed, last, |span| span.last);
            self.last = Some((allowed, last, deciders));
        }
    }
}

/// Who decided the flows of a time.
fn at_time(spans: &[Span], allowed: bool, time: i64, of: impl Fn(&Span) -> i64) -> Vec<usize> {
    let mut deciders: Vec<_> = spans
        .iter()
        .filter(|span| span.allowed == allowed && of(span) == time)
        .map(|span| span.decider)
        .collect();
    deciders.sort_unstable();
    deciders.dedup();
    deciders
}

/// When what an event broke was seen to work again: the first time from which on the conversation
/// is known to be allowed.
pub(crate) fn ended(events: &[Event], broken: usize) -> Option<i64> {
    let after = &events[broken];
    if !after.breaks() {
        return Some(after.settled());
    }
    events[broken + 1..]
        .iter()
        .find(|event| !event.breaks())
        .map(Event::settled)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn span(first: i64, last: i64, allowed: bool) -> Span {
        Span {
            first,
            last,
            allowed,
            decider: usize::from(allowed),
        }
    }

    fn turns(spans: &[Span]) -> Vec<(Turn, Option<i64>, i64)> {
        events(spans)
            .into_iter()
            .map(|event| (event.turn, event.before, event.after))
            .collect()
    }

    #[test]
    fn turns_are_told_to_the_millisecond() {
        let spans = [
            span(0, 90, true),
            span(95, 200, false),
            span(210, 220, true),
        ];
        assert_eq!(
            turns(&spans),
            [
                (Turn::Stopped, Some(90), 95),
                (Turn::Recovered, Some(200), 210)
            ]
        );
        assert_eq!(turns(&[span(5, 9, false)]), [(Turn::Denied, None, 5)]);
        assert_eq!(turns(&[span(5, 9, true)]), []);
    }

    #[test]
    fn one_instant_of_both_goes_on_as_before() {
        let stop = [span(0, 5, true), span(5, 5, false), span(5, 9, false)];
        assert_eq!(turns(&stop), [(Turn::Stopped, Some(5), 5)]);
        let instants = [
            span(4, 4, true),
            span(5, 5, false),
            span(5, 5, true),
            span(6, 6, false),
        ];
        assert_eq!(turns(&instants), [(Turn::Stopped, Some(5), 5)]);
    }

    #[test]
    fn where_spans_overlap_it_is_flapping() {
        let flapped = |until, allowed, turns| Turn::Flapped {
            until,
            allowed,
            turns,
        };
        let spans = [span(0, 10, true), span(8, 20, false)];
        assert_eq!(turns(&spans), [(flapped(10, false, 3), Some(0), 8)]);
        let within = [span(0, 10, true), span(5, 5, false)];
        assert_eq!(turns(&within), [(flapped(5, true, 2), Some(0), 5)]);
        let same = [span(0, 10, true), span(0, 10, false)];
        assert_eq!(turns(&same), [(flapped(10, false, 3), Some(0), 0)]);
    }

    #[test]
    fn many_turns_are_flapping() {
        let spans: Vec<_> = (0..12).map(|at| span(at, at, at % 2 == 0)).collect();
        let flapped = Turn::Flapped {
            until: 10,
            allowed: false,
            turns: 11,
        };
        assert_eq!(turns(&spans), [(flapped, Some(0), 1)]);
    }

    /// The turns of a plain list of flows.
    fn naive(flows: &[(i64, bool)]) -> Vec<(Turn, Option<i64>, i64)> {
        let mut found = Vec::new();
        let mut last: Option<(i64, bool)> = None;
        for &(time, allowed) in flows {
            match last {
                None if !allowed => found.push((Turn::Denied, None, time)),
                Some((before, true)) if !allowed => {
                    found.push((Turn::Stopped, Some(before), time));
                }
                Some((before, false)) if allowed => {
                    found.push((Turn::Recovered, Some(before), time));
                }
                _ => {}
            }
            last = Some((time, allowed));
        }
        found
    }

    /// Flows at different times, sorted.
    fn flows() -> impl Strategy<Value = Vec<(i64, bool)>> {
        prop::collection::btree_map(0i64..3_000, any::<bool>(), 1..80)
            .prop_map(|flows| flows.into_iter().collect())
    }

    /// The spans of buckets so many milliseconds wide.
    fn bucketed(flows: &[(i64, bool)], width: i64) -> Vec<Span> {
        let mut spans: std::collections::BTreeMap<(i64, bool), Span> =
            std::collections::BTreeMap::new();
        for &(time, allowed) in flows {
            let one = span(time, time, allowed);
            let kept = spans.entry((time / width, allowed)).or_insert(one);
            kept.first = kept.first.min(time);
            kept.last = kept.last.max(time);
        }
        spans.into_values().collect()
    }

    proptest! {
        #[test]
        fn turns_are_those_of_the_list_where_no_bucket_is_mixed(
            lengths in prop::collection::vec((1i64..400, 1usize..6), 1..8),
            start in any::<bool>(),
            width in 1i64..500,
        ) {
            // Runs of one decision, so that most buckets turn once at the most.
            let mut flows = Vec::new();
            let (mut time, mut allowed) = (0, start);
            for (step, count) in lengths {
                for _ in 0..count {
                    time += step;
                    flows.push((time, allowed));
                }
                allowed = !allowed;
            }
            let found = turns(&bucketed(&flows, width));
            let mixed = found.iter().any(|(turn, ..)| matches!(turn, Turn::Flapped { .. }));
            if !mixed {
                prop_assert_eq!(found, naive(&flows));
            }
        }

        #[test]
        fn with_a_bucket_for_each_flow_nothing_is_lost(flows in flows()) {
            let (found, exact) = (turns(&bucketed(&flows, 1)), naive(&flows));
            if exact.len() <= MOST_TURNS {
                prop_assert_eq!(found, exact);
            } else {
                prop_assert_eq!(found.len(), 1);
            }
        }

        #[test]
        fn what_is_told_is_never_wrong(flows in flows(), width in 1i64..2_000) {
            let found = turns(&bucketed(&flows, width));
            let exact = naive(&flows);
            for (turn, before, after) in &found {
                if let Turn::Flapped { until, allowed, turns } = *turn {
                    // Within it, and nowhere else, are turns that are not told; as many at least.
                    let within = exact.iter().filter(|(_, _, at)| at >= after && before.is_none_or(|before| *at >= before));
                    let within = within.filter(|(_, at, _)| at.is_none_or(|at| at <= until));
                    prop_assert!(within.count() as u64 >= turns, "{turn:?} of {exact:?}");
                    let next = flows.iter().find(|(time, _)| *time > until);
                    prop_assert!(next.is_none_or(|(_, next)| *next == allowed));
                } else {
                    prop_assert!(exact.contains(&(*turn, *before, *after)), "{turn:?} {after} of {exact:?}");
                }
            }
            // Every turn is told, or lies within a flapping.
            for (turn, before, after) in &exact {
                let told = found.iter().any(|(told, b, a)| match told {
                    Turn::Flapped { until, .. } => a <= after && before.is_none_or(|before| before <= *until),
                    _ => (told, b, a) == (turn, before, after),
                });
                prop_assert!(told, "{turn:?} {before:?} {after} is not in {found:?}");
            }
        }

        #[test]
        fn the_order_of_spans_is_nothing(flows in flows(), width in 1i64..2_000) {
            let mut spans = bucketed(&flows, width);
            let forward = events(&spans);
            spans.reverse();
            prop_assert_eq!(events(&spans), forward);
        }
    }
}
