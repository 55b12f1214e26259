//! Where logs and packets speak of the same conversation.

use crate::net::{Decision, Outcome};
use crate::tally::Group;

/// Whether two groups are of the same conversation: who, with whom, by which protocol and port.
pub(crate) fn is_same_conversation(a: &Group, b: &Group) -> bool {
    (a.source, a.destination, a.protocol, a.port) == (b.source, b.destination, b.protocol, b.port)
}

/// Whether `logged` began allowed at the time when `captured`, the same conversation, was not
/// answered. Unless logs deny it too, what drops it is behind the NSG.
pub(crate) fn is_dropped_behind(logged: &Group, captured: &Group, minutes: i64) -> bool {
    is_logged(logged, Decision::Allow)
        && captured.outcome.and_then(Outcome::decision) == Some(Decision::Deny)
        && is_same_conversation(logged, captured)
        && is_at_once(logged, captured, minutes)
}

/// Whether `logged` was denied at the time when `captured`, the same conversation, was answered.
pub(crate) fn is_contradicted(logged: &Group, captured: &Group, minutes: i64) -> bool {
    is_logged(logged, Decision::Deny)
        && matches!(captured.outcome, Some(Outcome::Answered | Outcome::Reset))
        && is_same_conversation(logged, captured)
        && is_at_once(logged, captured, minutes)
}

fn is_logged(group: &Group, decision: Decision) -> bool {
    group.outcome.is_none() && group.decision == decision
}

/// Whether flows of `logged` began while those of `captured` did, in timelines whose buckets are so
/// many minutes wide.
fn is_at_once(logged: &Group, captured: &Group, minutes: i64) -> bool {
    let last = |group: &Group| group.totals.last_begin.unwrap_or(group.totals.last);
    let width = minutes * 60_000;
    let begins = (logged.timeline.start..)
        .zip(&logged.timeline.counts)
        .filter(|&(_, &flows)| flows > 0)
        .map(|(bucket, _)| bucket.saturating_mul(width));
    let (from, to) = (captured.totals.first, captured.totals.last);
    // The log's last flow comes after the capture's first, and the other way round; and some bucket
    // says that there was one in between.
    last(logged) > from
        && logged.totals.first <= to
        && begins
            .into_iter()
            .any(|start| start <= to && start + width > from)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::testing::{COMPUTE, STORAGE, group};

    fn logged(minutes: &[i64]) -> Group {
        group(COMPUTE, STORAGE, 443).at(minutes).build()
    }

    fn captured(outcome: Outcome, minutes: &[i64]) -> Group {
        group(COMPUTE, STORAGE, 443)
            .captured(outcome)
            .at(minutes)
            .build()
    }

    #[test]
    fn allowed_and_unanswered_at_once_is_dropped_behind() {
        let silent = captured(Outcome::Unanswered, &[10, 20]);
        assert!(is_dropped_behind(&logged(&[9, 15]), &silent, 1));
        assert!(!is_dropped_behind(&logged(&[5, 9]), &silent, 1), "before");
        assert!(!is_dropped_behind(&logged(&[21]), &silent, 1), "after");
        assert!(
            !is_dropped_behind(&logged(&[5, 25]), &silent, 1),
            "around it"
        );
        let refused = captured(Outcome::Refused, &[10, 20]);
        assert!(!is_dropped_behind(&logged(&[9, 15]), &refused, 1));
    }

    #[test]
    fn denied_and_answered_at_once_contradict() {
        let denied = group(COMPUTE, STORAGE, 443).deny().at(&[12]).build();
        assert!(is_contradicted(
            &denied,
            &captured(Outcome::Answered, &[10, 20]),
            1
        ));
        assert!(!is_contradicted(
            &denied,
            &captured(Outcome::Answered, &[13]),
            1
        ));
        assert!(!is_contradicted(
            &denied,
            &captured(Outcome::Unanswered, &[10, 20]),
            1
        ));
        let elsewhere = group(STORAGE, COMPUTE, 443).deny().at(&[12]).build();
        assert!(!is_contradicted(
            &elsewhere,
            &captured(Outcome::Answered, &[10, 20]),
            1
        ));
    }
}
