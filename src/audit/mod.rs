//! Facts + catalogue + environment -> the audit. The only place that judges.
//!
//! Pure: no I/O, no clock; the same facts give the same audit, and every list has a total order.
//! How verdicts are found and flows counted is told in `docs/verdicts.md`.

mod basis;
pub mod checks;
pub mod configured;
pub mod given;
mod joined;
mod joint;
mod matching;
mod matrix;
pub mod model;
mod names;
pub mod needed;
mod observe;
mod onset;
pub mod replay;
mod requirements;
pub mod routed;
#[cfg(test)]
mod testing;
mod traffic;
mod verdict;

pub use model::*;
pub use requirements::OWN_PROFILE;

use crate::catalogue::Profile;
use crate::environment::{Environment, ServiceTags};
use crate::tally::Facts;

use self::checks::Findings;
use self::given::{Given, Ways};
use self::matching::Matcher;
use self::observe::Presenter;
use self::verdict::Judge;

/// What an audit is made of.
#[derive(Clone)]
pub struct AuditInput<'a> {
    /// What was observed.
    pub facts: &'a Facts,
    /// The audited network.
    pub environment: &'a Environment,
    /// The profile that it is held against.
    pub profile: &'a Profile,
    /// The profiles that it includes, resolved.
    pub included: &'a [&'a Profile],
    /// The editions of the service tags that the facts refer to.
    pub tags: &'a ServiceTags,
    /// The rules, where they are given.
    pub rules: Option<&'a Ways<'a>>,
    /// What was assumed before: sentences.
    pub assumptions: Vec<String>,
    /// Name of a file, by its number in the plan.
    pub file_name: &'a dyn Fn(u32) -> String,
    /// Version of the program.
    pub program: &'a str,
}

/// Judges what was observed.
pub fn audit(input: &AuditInput<'_>) -> Audit {
    let facts = input.facts;
    let requirements = requirements::bind(input.profile, input.included, input.environment);
    let matcher = Matcher {
        classes: &facts.classes,
        environment: input.environment,
        assumed_roles: &requirements.assumed_roles,
    };
    let places = names::Places::new(&facts.classes, input.environment);
    let presenter = Presenter {
        facts,
        places: &places,
        tags: input.tags,
        file_name: input.file_name,
    };
    let judged = traffic::judge(&facts.groups, &requirements, &matcher);
    let given = input.rules.map(|ways| Given::new(ways, facts));
    let configured = match input.rules {
        Some(ways) => {
            let network = ways.network;
            let routing = ways.routing();
            let (environment, tags) = (input.environment, input.tags);
            configured::of_requirements(&requirements, environment, tags, network, routing)
        }
        None => vec![None; requirements.bound.len()],
    };
    let judge = Judge {
        requirements: &requirements,
        matcher,
        presenter: &presenter,
        configured: &configured,
    };
    let decided = judge.decide(&judged);
    let read = basis::input(facts, input.environment, input.file_name);
    let findings = Findings {
        requirements: &requirements,
        matcher,
        presenter: &presenter,
        judged: &judged,
        decided: &decided,
        read: &read,
        given: given.as_ref(),
        configured: &configured,
        tags: input.tags,
    }
    .collect();
    let mut assumptions = input.assumptions.clone();
    assumptions.extend(requirements.assumptions.iter().cloned());
    if let Some(ways) = input.rules {
        assumptions.extend(routed::not_known(ways.routing(), input.environment));
    }
    Audit {
        schema: SCHEMA_VERSION.to_owned(),
        program: input.program.to_owned(),
        basis: basis::basis(input.profile, input.environment, input.tags),
        assumptions,
        input: read,
        incidents: onset::incidents(&requirements_of(&decided)),
        requirements: decided
            .into_iter()
            .map(|decided| decided.requirement)
            .collect(),
        findings,
        baseline: None,
        matrix: matrix::matrix(&facts.groups, &facts.classes, input.environment),
        groups: traffic::present(&judged, &requirements, &presenter, given.as_ref()),
    }
}

/// The requirements as they are reported.
fn requirements_of<'a>(decided: &'a [verdict::Decided<'_>]) -> Vec<&'a Requirement> {
    decided.iter().map(|decided| &decided.requirement).collect()
}

#[cfg(test)]
mod tests;
