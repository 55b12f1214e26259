//! Required x configured x observed: one verdict of what rules say and of what was seen.

use crate::policy::prove::Verdict as Rules;

use super::configured::Configured;
use super::model::Verdict;

/// The verdict of what was observed alone, joined with what the given rules do.
pub(crate) fn verdict(observed: Verdict, seen: bool, rules: Option<&Configured>) -> Verdict {
    let Some(rules) = rules else { return observed };
    match (observed, rules.verdict) {
        (Verdict::NotApplicable | Verdict::Blocked, _) => observed,
        (_, Rules::Blocked) if seen => Verdict::Blocked,
        (_, Rules::Blocked) => Verdict::AtRisk,
        (_, Rules::Partly) => Verdict::PartlyBlocked,
        (Verdict::Unproven, Rules::Allowed) if !seen => Verdict::SatisfiedUnseen,
        _ => observed,
    }
}

/// What the given rules say of it, in sentences; nothing where they only confirm what was seen.
pub(crate) fn reasons(observed: Verdict, seen: bool, rules: &Configured) -> Vec<String> {
    let why = || rules.reasons.join("; ");
    let (all, some) = if is_by_routes(rules) {
        ("routes drop all", "routes drop some")
    } else {
        ("rules deny all", "rules deny some")
    };
    let denied_before = matches!(observed, Verdict::Blocked | Verdict::PartlyBlocked);
    match rules.verdict {
        Rules::Blocked if !seen => vec![format!(
            "The {all} of it ({}), and nothing tried: the next attempt fails.",
            why()
        )],
        Rules::Blocked if denied_before => {
            vec![format!("The given {all} of it: {}.", why())]
        }
        Rules::Blocked => vec![format!(
            "The given {all} of it ({}), though it was seen to work: they changed since, \
             or are not those in force.",
            why()
        )],
        Rules::Partly => vec![format!("The {some} of it: {}.", why())],
        Rules::Undetermined => vec![format!(
            "What the given rules do with it is not known: {}.",
            why()
        )],
        Rules::Allowed if !seen => {
            vec!["The rules allow all of it; no flow of it was seen.".to_owned()]
        }
        Rules::Allowed if denied_before => vec![
            "The given rules allow all of it: they changed since, or are not those in force."
                .to_owned(),
        ],
        Rules::Allowed => Vec::new(),
    }
}

/// Whether routes alone keep a requirement's packets from arriving: no rule denies any of them.
fn is_by_routes(rules: &Configured) -> bool {
    rules.rules.is_empty() && rules.routed.dropped().next().is_some()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::Direction;

    fn rules(verdict: Rules) -> Configured {
        Configured {
            row: String::new(),
            purpose: String::new(),
            subnet: String::new(),
            direction: Direction::Outbound,
            protocols: String::new(),
            ports: String::new(),
            advice: false,
            verdict,
            reasons: vec!["denied by x".to_owned()],
            rules: Vec::new(),
            routed: crate::audit::routed::Routed::default(),
        }
    }

    /// Rows: what was observed, and whether anything was seen. Columns: what the rules do, in the
    /// order blocked, partly, undetermined, allowed.
    #[test]
    fn every_pair_of_observed_and_configured_has_its_verdict() {
        use Verdict::{
            AtRisk, Blocked, NotApplicable, PartlyBlocked, Satisfied, SatisfiedUnseen, Unproven,
        };
        let table = [
            (Blocked, true, [Blocked, Blocked, Blocked, Blocked]),
            (
                PartlyBlocked,
                true,
                [Blocked, PartlyBlocked, PartlyBlocked, PartlyBlocked],
            ),
            (
                Satisfied,
                true,
                [Blocked, PartlyBlocked, Satisfied, Satisfied],
            ),
            (
                Unproven,
                false,
                [AtRisk, PartlyBlocked, Unproven, SatisfiedUnseen],
            ),
            // Reached, and refused by the host.
            (Unproven, true, [Blocked, PartlyBlocked, Unproven, Unproven]),
            (NotApplicable, false, [NotApplicable; 4]),
        ];
        let columns = [
            Rules::Blocked,
            Rules::Partly,
            Rules::Undetermined,
            Rules::Allowed,
        ];
        for (observed, seen, expected) in table {
            assert_eq!(verdict(observed, seen, None), observed);
            let joined = columns.map(|column| verdict(observed, seen, Some(&rules(column))));
            assert_eq!(joined, expected, "{observed:?}");
        }
    }

    #[test]
    fn rules_that_only_confirm_what_was_seen_need_no_words() {
        assert!(reasons(Verdict::Satisfied, true, &rules(Rules::Allowed)).is_empty());
        let bomb = reasons(Verdict::Unproven, false, &rules(Rules::Blocked));
        assert_eq!(
            bomb,
            ["The rules deny all of it (denied by x), and nothing tried: the next attempt fails."]
        );
    }
}
