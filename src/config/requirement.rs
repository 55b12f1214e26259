//! `[[requirement]]` as text: the user's own rows, written as [`RowSpec`](crate::catalogue::RowSpec)
//! reads them.

use super::write::string;
use crate::catalogue::{AddressTerm, KnownPeers, Row};
use crate::environment::text::prefixes;
use crate::net::PortSet;

/// The keys and values of a row, as TOML. What is left out by default is left out.
pub(super) fn pairs(row: &Row) -> Vec<(&'static str, String)> {
    let direction = match row.directions.as_slice() {
        [one] => one.to_string(),
        _ => "both".to_owned(),
    };
    let protocol = match row.protocols.as_slice() {
        [] => "any".to_owned(),
        several => several
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join("+"),
    };
    let mut pairs = vec![
        ("id", string(&row.id)),
        ("purpose", string(&row.purpose)),
        ("direction", string(&direction)),
        ("protocol", string(&protocol)),
        ("ports", ports(&row.ports)),
        ("source", terms(&row.source)),
        ("destination", terms(&row.destination)),
        ("impact", string(&row.impact)),
        ("impact_basis", string(&row.impact_basis)),
        ("condition", string(&row.condition.text)),
    ];
    for (key, text) in [
        ("row", &row.row),
        ("note", &row.note),
        ("source_reference", &row.source_reference),
    ] {
        if !text.is_empty() {
            pairs.push((key, string(text)));
        }
    }
    if !row.condition.when.is_empty() {
        let facts = row.condition.when.iter();
        let facts: Vec<_> = facts
            .map(|(key, value)| format!("{} = {}", string(key), string(value)))
            .collect();
        pairs.push(("when", format!("{{ {} }}", facts.join(", "))));
    }
    for (key, peers) in [
        ("known_callers", &row.known_callers),
        ("known_destinations", &row.known_destinations),
    ] {
        if !peers.is_empty() {
            let peers: Vec<_> = peers.iter().map(known).collect();
            pairs.push((key, format!("[{}]", peers.join(", "))));
        }
    }
    if row.advice {
        pairs.push(("advice", true.to_string()));
    }
    pairs
}

fn known(peers: &KnownPeers) -> String {
    format!(
        "{{ ports = {}, peers = {}, since = {} }}",
        ports(&peers.ports),
        terms(&peers.peers),
        string(&peers.since)
    )
}

fn ports(ports: &PortSet) -> String {
    if ports.is_any() {
        return list(&["*".to_owned()]);
    }
    let range = |&(low, high): &(u16, u16)| {
        if low == high {
            low.to_string()
        } else {
            format!("{low}-{high}")
        }
    };
    list(&ports.ranges().iter().map(range).collect::<Vec<_>>())
}

fn terms(terms: &[AddressTerm]) -> String {
    let texts = |term: &AddressTerm| match term {
        AddressTerm::Any => vec!["*".to_owned()],
        AddressTerm::Prefixes(set) => prefixes(set).iter().map(ToString::to_string).collect(),
        other => vec![other.to_string()],
    };
    list(&terms.iter().flat_map(texts).collect::<Vec<_>>())
}

fn list(texts: &[String]) -> String {
    let quoted: Vec<_> = texts.iter().map(|text| string(text)).collect();
    format!("[{}]", quoted.join(", "))
}
