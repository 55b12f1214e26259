//! Which requirements a proposed rule set touches, over all packets.

use super::model::{Touch, Touched};
use crate::audit::configured::{Configured, denies_more, of_requirements};
use crate::audit::requirements::Requirements;
use crate::environment::{Environment, ServiceTags};
use crate::policy::network::Network;
use crate::policy::prove::Verdict;

/// What both rule sets do with the requirements that they do not treat alike; where today's rules are not
/// given, with those that the proposed ones do not wholly allow. The worst first.
pub(super) fn touched(
    requirements: &Requirements<'_>,
    environment: &Environment,
    tags: &ServiceTags,
    today: Option<&Network<'_>>,
    proposed: &Network<'_>,
) -> Vec<Touched> {
    let prove = |network: &Network<'_>| {
        of_requirements(requirements, environment, tags, network, &network.routing())
    };
    let before = today.map(prove);
    let after = prove(proposed);
    let mut all = Vec::new();
    for (number, after) in after.into_iter().enumerate() {
        let Some(after) = after else { continue };
        let bound = &requirements.bound[number];
        let pair = today.zip(before.as_ref().and_then(|all| all[number].as_ref()));
        let touch = match pair {
            None => (after.verdict != Verdict::Allowed).then_some(Touch::Open),
            Some((network, before)) => touch(before.verdict, after.verdict, || {
                denies_more(bound, environment, tags, network, proposed)
            }),
        };
        let before = pair.map(|(_, before)| before);
        all.extend(touch.map(|touch| told(touch, before, &after)));
    }
    // The order of the profile within each.
    all.sort_by_key(|of| (of.touch, of.advice));
    all
}

/// `denies_more` is asked where the verdicts do not tell.
fn touch(before: Verdict, after: Verdict, denies_more: impl Fn() -> bool) -> Option<Touch> {
    use Verdict::{Allowed, Blocked, Partly, Undetermined};
    match (before, after) {
        (Allowed, Partly | Blocked) | (Partly, Blocked) => Some(Touch::NewlyDenied),
        (Partly | Undetermined, Partly | Undetermined) | (Undetermined, Blocked)
            if denies_more() =>
        {
            Some(Touch::NewlyDenied)
        }
        (Undetermined, Partly | Blocked) | (Allowed | Partly | Blocked, Undetermined) => {
            Some(Touch::Open)
        }
        (Blocked, Partly) | (Blocked | Partly | Undetermined, Allowed) => Some(Touch::Better),
        (Allowed, Allowed)
        | (Partly, Partly)
        | (Blocked, Blocked)
        | (Undetermined, Undetermined) => None,
    }
}

fn told(touch: Touch, before: Option<&Configured>, after: &Configured) -> Touched {
    let text = after.text();
    Touched {
        touch,
        row: after.row.clone(),
        purpose: after.purpose.clone(),
        subnet: after.subnet.clone(),
        direction: after.direction,
        protocols: after.protocols.clone(),
        ports: after.ports.clone(),
        advice: after.advice,
        today: before.map(|before| before.text().verdict),
        proposed: text.verdict,
        reasons: text.reasons,
    }
}
