//! Two profiles held against each other: rows added, removed, changed.

use super::{AddressTerm, KnownPeers, Profile, Row};

/// What differs between two profiles.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProfileDiff {
    /// Name of the first profile.
    pub before: String,
    /// Name of the second profile.
    pub after: String,
    /// Rows of the second that have no partner, in its order.
    pub added: Vec<Row>,
    /// Rows of the first that have no partner, in its order.
    pub removed: Vec<Row>,
    /// Partners that differ, in the order of the first profile.
    pub changed: Vec<RowChange>,
    /// How many partners are equal in every field that is compared: all but id, row,
    /// basis of the impact, and source.
    pub same: usize,
}

/// Two rows for the same purpose that differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowChange {
    /// Id in the first profile.
    pub before: String,
    /// Id in the second profile.
    pub after: String,
    /// Purpose, as the second profile says it.
    pub purpose: String,
    /// What differs; at least one field.
    pub fields: Vec<FieldChange>,
}

/// A field that differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldChange {
    /// Name of the field in the profile's TOML.
    pub field: &'static str,
    /// What it was, as text; empty for nothing.
    pub before: String,
    /// What it is, as text; empty for nothing.
    pub after: String,
}

/// Compares two profiles. Rows are partners when their ids are equal, else when direction, ports,
/// source and destination are, else when their purposes are and they share a direction; the first
/// partner found is kept.
pub fn diff(before: &Profile, after: &Profile) -> ProfileDiff {
    let mut partners: Vec<Option<usize>> = vec![None; before.rows.len()];
    let mut taken = vec![false; after.rows.len()];
    for alike in [same_id, same_traffic, same_purpose] {
        for (row, partner) in before.rows.iter().zip(&mut partners) {
            if partner.is_some() {
                continue;
            }
            let found = after
                .rows
                .iter()
                .zip(&taken)
                .position(|(other, &taken)| !taken && alike(row, other));
            if let Some(at) = found {
                taken[at] = true;
                *partner = Some(at);
            }
        }
    }
    let mut result = ProfileDiff {
        before: before.name.clone(),
        after: after.name.clone(),
        added: Vec::new(),
        removed: Vec::new(),
        changed: Vec::new(),
        same: 0,
    };
    for (row, partner) in before.rows.iter().zip(partners) {
        match partner {
            None => result.removed.push(row.clone()),
            Some(at) => match compare(row, &after.rows[at]) {
                Some(change) => result.changed.push(change),
                None => result.same += 1,
            },
        }
    }
    let left = after.rows.iter().zip(taken).filter(|(_, taken)| !taken);
    result.added.extend(left.map(|(row, _)| row.clone()));
    result
}

fn same_id(a: &Row, b: &Row) -> bool {
    a.id == b.id
}

fn same_traffic(a: &Row, b: &Row) -> bool {
    a.directions == b.directions
        && a.ports == b.ports
        && sorted(&a.source) == sorted(&b.source)
        && sorted(&a.destination) == sorted(&b.destination)
}

fn same_purpose(a: &Row, b: &Row) -> bool {
    a.purpose.eq_ignore_ascii_case(&b.purpose)
        && a.directions
            .iter()
            .any(|direction| b.directions.contains(direction))
}

fn sorted(terms: &[AddressTerm]) -> Vec<&AddressTerm> {
    let mut terms: Vec<_> = terms.iter().collect();
    terms.sort();
    terms
}

fn compare(a: &Row, b: &Row) -> Option<RowChange> {
    let fields: Vec<_> = fields(a)
        .into_iter()
        .zip(fields(b))
        .filter(|((_, before), (_, after))| before != after)
        .map(|((field, before), (_, after))| FieldChange {
            field,
            before,
            after,
        })
        .collect();
    (!fields.is_empty()).then(|| RowChange {
        before: a.id.clone(),
        after: b.id.clone(),
        purpose: b.purpose.clone(),
        fields,
    })
}

/// The fields that mean something, as text: the traffic first.
fn fields(row: &Row) -> [(&'static str, String); 12] {
    [
        ("direction", direction_text(row)),
        ("protocol", protocol_text(row)),
        ("ports", row.ports.to_string()),
        ("source", terms_text(&row.source)),
        ("destination", terms_text(&row.destination)),
        ("known_callers", peers_text(&row.known_callers)),
        ("known_destinations", peers_text(&row.known_destinations)),
        ("condition", condition_text(row)),
        ("advice", row.advice.to_string()),
        ("purpose", row.purpose.clone()),
        ("impact", row.impact.clone()),
        ("note", row.note.clone()),
    ]
}

/// `inbound`, `outbound` or `both`, as TOML has it.
pub(super) fn direction_text(row: &Row) -> String {
    match row.directions.as_slice() {
        [one] => one.to_string(),
        _ => "both".to_owned(),
    }
}

/// `tcp`, `tcp+udp` or `any`, as TOML has it.
pub(super) fn protocol_text(row: &Row) -> String {
    if row.protocols.is_empty() {
        return "any".to_owned();
    }
    joined(&row.protocols, "+")
}

/// Terms, parted by commas, sorted: the order means nothing.
pub(super) fn terms_text(terms: &[AddressTerm]) -> String {
    joined(&sorted(terms), ", ")
}

/// `454: AzureConnectors; 3443: ApiManagement`.
pub(super) fn peers_text(peers: &[KnownPeers]) -> String {
    let parts: Vec<_> = peers
        .iter()
        .map(|known| format!("{}: {}", known.ports, terms_text(&known.peers)))
        .collect();
    parts.join("; ")
}

/// `external access endpoint [endpoint = external]`; empty for always.
pub(super) fn condition_text(row: &Row) -> String {
    let keys: Vec<_> = row
        .condition
        .when
        .iter()
        .map(|(key, value)| format!("{key} = {value}"))
        .collect();
    match (row.condition.text.as_str(), keys.is_empty()) {
        (text, true) => text.to_owned(),
        (text, false) => format!("{text} [{}]", keys.join(", "))
            .trim_start()
            .to_owned(),
    }
}

fn joined(items: &[impl ToString], by: &str) -> String {
    let parts: Vec<_> = items.iter().map(ToString::to_string).collect();
    parts.join(by)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::Catalogue;

    #[test]
    fn a_profile_equals_itself() {
        let catalogue = Catalogue::embedded().unwrap();
        for profile in catalogue.profiles() {
            let found = diff(profile, profile);
            assert!(found.added.is_empty() && found.removed.is_empty() && found.changed.is_empty());
            assert_eq!(found.same, profile.rows.len());
        }
    }

    #[test]
    fn ise_changed_from_2019_to_2023_as_its_editions_say() {
        let catalogue = Catalogue::embedded().unwrap();
        let get = |name| catalogue.get(name).unwrap();
        let found = diff(get("ise-preview-2019"), get("ise-ga-2023"));
        let change = |id: &str, field: &str| {
            let row = found.changed.iter().find(|row| row.before == id).unwrap();
            let field = row
                .fields
                .iter()
                .find(|change| change.field == field)
                .unwrap();
            (field.before.clone(), field.after.clone())
        };
        let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
        assert_eq!(change("storage", "ports"), pair("80, 443", "80, 443, 445"));
        assert_eq!(
            change("connection-management", "destination"),
            pair("Internet", "AppService")
        );
        assert_eq!(
            change("resource-health", "destination"),
            pair("Internet", "AzureMonitor")
        );
        assert_eq!(
            change("designer-dynamic-properties", "source"),
            pair("Internet", "LogicAppsManagement")
        );
        assert_eq!(
            change("connector-deployment", "ports"),
            pair("454, 3443", "454")
        );
        assert_eq!(
            change("connector-deployment", "source"),
            pair("Internet", "AzureConnectors")
        );
        let added: Vec<_> = found.added.iter().map(|row| row.id.as_str()).collect();
        for id in ["out-app-traffic", "in-connector-outbound-ips"] {
            assert!(added.contains(&id), "{id} in {added:?}");
        }
        let removed: Vec<_> = found.removed.iter().map(|row| row.id.as_str()).collect();
        assert!(removed.contains(&"intra-subnet-all"), "{removed:?}");
    }
}
