//! Names of places in the page, for links from outside: a function of what they name alone, so that
//! a link to a finding holds in next month's report.

use std::fmt::Write as _;

use sha2::{Digest, Sha256};

use crate::audit::{Finding, Incident, Requirement};

/// `requirement/ise-preview-2019/event-hub-log/apim/outbound`.
pub(super) fn requirement(requirement: &Requirement) -> String {
    id(&[
        "requirement",
        &requirement.row,
        &requirement.subnet,
        &requirement.direction.to_string(),
    ])
}

/// `finding/NSG101/3a948fc7d3097e1d`.
pub(super) fn finding(finding: &Finding) -> String {
    id(&["finding", &finding.code, &finding.fingerprint])
}

/// `incident/ise-preview-2019/event-hub-log/apim/2026-01-05T14:24:07.214Z`, the time without colons.
pub(super) fn incident(incident: &Incident) -> String {
    let row = incident.rows.first().map_or("", String::as_str);
    let subnet = incident.subnets.first().map_or("", String::as_str);
    let time = incident.first_denied.replace(':', "");
    id(&["incident", row, subnet, &time])
}

/// `link` as the part of an address after `#`.
pub(super) fn link(id: &str) -> String {
    format!("#{id}")
}

/// The parts between slashes. Whatever cannot stand in an address is left out, and told apart by a
/// hash of the whole.
fn id(parts: &[&str]) -> String {
    let whole = parts.join("/");
    let plain = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '/' | '-' | '_' | '.');
    let mut id: String = whole.chars().filter(plain).collect();
    if id.len() != whole.len() {
        let digest = Sha256::digest(parts.join("\0").as_bytes());
        // Writing to a string does not fail.
        _ = write!(
            id,
            "-{:02x}{:02x}{:02x}{:02x}",
            digest[0], digest[1], digest[2], digest[3]
        );
    }
    id
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_names_stay_and_others_are_told_apart() {
        assert_eq!(id(&["finding", "NSG101", "3a94"]), "finding/NSG101/3a94");
        let (a, b) = (id(&["a b"]), id(&["a<b"]));
        assert!(a.starts_with("ab-") && b.starts_with("ab-"));
        assert_ne!(a, b);
        assert!(!id(&["\"><script>"]).contains(['"', '<', '>', ' ']));
    }
}
