//! What a JSON file is, from marks in its head. Nothing is parsed: the head may be cut anywhere.

use memchr::memmem;

use super::sniff::{Kind, quote};

/// Marks of flow log records. In a collector's wrapper their quotes are escaped, so none is here.
const FLOW_LOG: &[&[u8]] = &[
    b"flowTuple",
    b"flowRecords",
    b"NetworkSecurityGroupFlowEvent",
    b"FlowLogFlowEvent",
];

/// Marks of Traffic Analytics rows.
const TRAFFIC_ANALYTICS: &[&[u8]] = &[
    b"\"FlowStatus\"",
    b"\"FlowStatus_s\"",
    b"AzureNetworkAnalytics",
    b"NTANetAnalytics",
];

/// Marks of documents that a user of flow logs has as well, and their names. The first found names
/// the file: what holds other things comes before what may be held.
const DOCUMENTS: &[(&[&[u8]], &str)] = &[
    (
        &[b"\"changeNumber\"", b"\"values\""],
        "a list of service tags, which describes the environment and is no flow log",
    ),
    (
        &[b"deploymentTemplate.json"],
        "an ARM deployment template, not a flow log",
    ),
    (
        &[b"ffectiveSecurityRules\""],
        "effective security rules, which describe the environment and are no flow log",
    ),
    (
        &[b"/networkWatchers/", b"\"flowAnalyticsConfiguration\""],
        "the configuration of flow logs, not a flow log",
    ),
    (
        &[b"ecurityRules\""],
        "a network security group, which describes the environment and is no flow log",
    ),
    (
        &[b"\"destinationPortRange"],
        "security rules, which describe the environment and are no flow log",
    ),
    (
        &[b"\"addressSpace\""],
        "a virtual network, which describes the environment and is no flow log",
    ),
    (
        &[b"\"ipConfigurations\""],
        "a network interface, which describes the environment and is no flow log",
    ),
    (
        &[b"Microsoft.Network/"],
        "a description of an Azure resource, not a flow log",
    ),
];

/// Tells what `text` is, which starts with `{` or `[`.
pub(super) fn sniff(text: &[u8]) -> Kind {
    let has = |mark: &[u8]| memmem::find(text, mark).is_some();
    if is_sdn_audit(text) {
        return Kind::NotFlowLog(
            "firewall auditing of Windows Server or Azure Local SDN: its times (such as \
             20180719:L012620622) are none of Azure's"
                .to_owned(),
        );
    }
    if FLOW_LOG.iter().any(|mark| has(mark)) {
        return Kind::FlowLogJson;
    }
    if TRAFFIC_ANALYTICS.iter().any(|mark| has(mark))
        || (has(b"\"tables\"") && has(b"\"PrimaryResult\""))
        || opens_with_list(text, b"\"tables\"")
    {
        return Kind::TrafficAnalyticsJson;
    }
    // A header of TOML starts as a list does.
    if text.starts_with(b"[") && super::sniff::is_toml(text) {
        return Kind::NotFlowLog(super::sniff::TOML.to_owned());
    }
    if let Some(metric) = string_value(text, b"\"metricName\"") {
        return Kind::NotFlowLog(format!("Azure metrics ({}), not a flow log", quote(metric)));
    }
    if let Some(category) = string_value(text, b"\"category\"") {
        return Kind::NotFlowLog(format!(
            "an Azure resource log of category {}, not a flow log",
            quote(category)
        ));
    }
    if opens_with_list(text, b"\"records\"") {
        return Kind::FlowLogJson;
    }
    let known = DOCUMENTS
        .iter()
        .find(|(marks, _)| marks.iter().all(|mark| has(mark)));
    Kind::NotFlowLog(
        known
            .map_or("JSON without flow records", |(_, name)| name)
            .to_owned(),
    )
}

/// Whether a key that holds tuples is in `text`: `flowTuples":`, its quote escaped or not.
pub(super) fn has_tuples_key(text: &[u8]) -> bool {
    [&b"flowTuples"[..], b"flowTuple"].iter().any(|key| {
        memmem::find_iter(text, key).any(|at| {
            let rest = &text[at + key.len()..];
            let rest = rest.strip_prefix(b"\\").unwrap_or(rest);
            rest.strip_prefix(b"\"")
                .is_some_and(|rest| rest.trim_ascii_start().starts_with(b":"))
        })
    })
}

/// `{"records":[`, which every blob starts with, and which says nothing yet; `{"tables":[`, which
/// every answer of a query does, also one without rows.
fn opens_with_list(text: &[u8], key: &[u8]) -> bool {
    let mut rest = text;
    for token in [b"{", key, b":", b"["] {
        match rest.trim_ascii_start().strip_prefix(token) {
            Some(after) => rest = after,
            None => return false,
        }
    }
    true
}

/// A record time such as `20180719:L012620622`.
fn is_sdn_audit(text: &[u8]) -> bool {
    string_value(text, b"\"time\"").is_some_and(|time| {
        time.len() > 10 && time[..8].iter().all(u8::is_ascii_digit) && &time[8..10] == b":L"
    })
}

/// The text after the first `key` that has a string for a value.
fn string_value<'a>(text: &'a [u8], key: &[u8]) -> Option<&'a [u8]> {
    memmem::find_iter(text, key).find_map(|at| {
        let rest = text[at + key.len()..].trim_ascii_start();
        let rest = rest.strip_prefix(b":")?.trim_ascii_start();
        let rest = rest.strip_prefix(b"\"")?;
        Some(&rest[..memchr::memchr(b'"', rest)?])
    })
}
