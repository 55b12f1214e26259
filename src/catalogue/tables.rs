//! The ISE tables held row for row against literals written from the documentation.

use std::collections::BTreeMap;
use std::path::Path;

use super::diff::{direction_text, peers_text, terms_text};
use super::{Catalogue, Row, RowSpec, lint, load, rows};

/// Id, place, direction, ports, source, destination.
type Literal = [&'static str; 6];

/// The table of the public preview, early 2019, and the rule in the text above it.
#[rustfmt::skip]
const PREVIEW_2019: &[Literal] = &[
    ["intra-subnet-all", "prose", "both", "*", "@same-subnet", "@same-subnet"],
    ["comm-from-logic-apps", "1", "outbound", "80, 443", "VirtualNetwork", "Internet"],
    ["entra-id", "2", "outbound", "80, 443", "VirtualNetwork", "AzureActiveDirectory"],
    ["storage", "3", "outbound", "80, 443", "VirtualNetwork", "Storage"],
    ["intersubnet", "4", "both", "80, 443", "VirtualNetwork", "VirtualNetwork"],
    ["comm-to-logic-apps", "5", "inbound", "443", "Internet", "VirtualNetwork"],
    ["run-history", "6", "inbound", "443", "Internet", "VirtualNetwork"],
    ["connection-management", "7", "outbound", "443", "VirtualNetwork", "Internet"],
    ["diagnostics", "8", "outbound", "443", "VirtualNetwork", "AzureMonitor"],
    ["designer-dynamic-properties", "9", "inbound", "454", "Internet", "VirtualNetwork"],
    ["app-service-management", "10", "inbound", "454-455", "AppServiceManagement", "VirtualNetwork"],
    ["connector-deployment", "11", "inbound", "454, 3443", "Internet", "VirtualNetwork"],
    ["sql", "12", "outbound", "1433", "VirtualNetwork", "Sql"],
    ["resource-health", "13", "outbound", "1886", "VirtualNetwork", "Internet"],
    ["apim-management", "14", "inbound", "3443", "ApiManagement", "VirtualNetwork"],
    ["event-hub-log", "15", "outbound", "5672", "VirtualNetwork", "EventHub"],
    ["redis-role-instances", "16", "both", "6379-6383", "VirtualNetwork", "VirtualNetwork"],
];

/// The last published table, 2023-09-27; rows in-2 and in-7 are two each, by access endpoint.
#[rustfmt::skip]
const GA_2023: &[Literal] = &[
    ["in-intersubnet", "in-1", "inbound", "*", "@vnet-address-space", "@vnet-address-space"],
    ["in-443-internal", "in-2", "inbound", "443", "VirtualNetwork", "VirtualNetwork"],
    ["in-443-external", "in-2", "inbound", "443", "Internet", "VirtualNetwork"],
    ["in-454-designer", "in-3", "inbound", "454", "LogicAppsManagement", "VirtualNetwork"],
    ["in-454-health", "in-4", "inbound", "454", "LogicApps", "VirtualNetwork"],
    ["in-454-connectors", "in-5", "inbound", "454", "AzureConnectors", "VirtualNetwork"],
    ["in-454-455-asm", "in-6", "inbound", "454-455", "AppServiceManagement", "VirtualNetwork"],
    ["in-tm-internal", "in-7", "inbound", "454", "AzureTrafficManager", "VirtualNetwork"],
    ["in-tm-external", "in-7", "inbound", "443", "AzureTrafficManager", "VirtualNetwork"],
    ["in-3443-apim", "in-8", "inbound", "3443", "ApiManagement", "VirtualNetwork"],
    ["in-redis", "in-9", "inbound", "6379-6383", "VirtualNetwork", "VirtualNetwork"],
    ["in-connector-outbound-ips", "prose", "inbound", "*", "@connector-outbound-ips", "@vnet-address-space"],
    ["out-intersubnet", "out-1", "outbound", "*", "@vnet-address-space", "@vnet-address-space"],
    ["out-cert-check", "out-2", "outbound", "80, 443", "VirtualNetwork", "Internet"],
    ["out-entra-id", "out-4", "outbound", "80, 443", "VirtualNetwork", "AzureActiveDirectory"],
    ["out-storage", "out-5", "outbound", "80, 443, 445", "VirtualNetwork", "Storage"],
    ["out-appservice", "out-6", "outbound", "443", "VirtualNetwork", "AppService"],
    ["out-monitor-443", "out-7", "outbound", "443", "VirtualNetwork", "AzureMonitor"],
    ["out-sql", "out-8", "outbound", "1433", "VirtualNetwork", "Sql"],
    ["out-resource-health", "out-9", "outbound", "1886", "VirtualNetwork", "AzureMonitor"],
    ["out-event-hub", "out-10", "outbound", "5672", "VirtualNetwork", "EventHub"],
    ["out-redis", "out-11", "outbound", "6379-6383", "VirtualNetwork", "VirtualNetwork"],
    ["out-dns", "out-12", "outbound", "53", "VirtualNetwork", "@custom-dns"],
];

fn literal(row: &Row) -> [String; 6] {
    [
        row.id.clone(),
        row.row.clone(),
        direction_text(row),
        row.ports.to_string(),
        terms_text(&row.source),
        terms_text(&row.destination),
    ]
}

#[test]
fn ise_tables_are_as_documented_row_for_row() {
    let catalogue = Catalogue::embedded().unwrap();
    for (name, table) in [("ise-preview-2019", PREVIEW_2019), ("ise-ga-2023", GA_2023)] {
        let profile = catalogue.get(name).unwrap();
        let rows: Vec<_> = profile
            .rows
            .iter()
            .filter(|row| !row.advice)
            .map(literal)
            .collect();
        let expected: Vec<_> = table.iter().map(|row| row.map(str::to_owned)).collect();
        assert_eq!(rows, expected, "{name}");
    }
}

#[test]
fn advice_of_ise_has_no_place_in_the_table() {
    let catalogue = Catalogue::embedded().unwrap();
    let profile = catalogue.get("ise").unwrap();
    let advice: Vec<_> = profile.rows.iter().filter(|row| row.advice).collect();
    assert!(advice.iter().all(|row| row.row.is_empty()));
    let ids: Vec<_> = advice.iter().map(|row| row.id.as_str()).collect();
    for id in [
        "azure-load-balancer",
        "traffic-manager-external",
        "traffic-manager-internal",
    ] {
        assert!(ids.contains(&id), "{id}");
    }
}

#[test]
fn rows_open_to_the_internet_know_their_real_peers() {
    let catalogue = Catalogue::embedded().unwrap();
    let profile = catalogue.get("ise").unwrap();
    let row = |place| profile.rows.iter().find(|row| row.row == place).unwrap();
    assert_eq!(
        peers_text(&row("9").known_callers),
        "454: LogicAppsManagement"
    );
    assert_eq!(
        peers_text(&row("11").known_callers),
        "454: AzureConnectors; 3443: ApiManagement"
    );
    assert_eq!(peers_text(&row("7").known_destinations), "443: AppService");
    assert_eq!(
        peers_text(&row("13").known_destinations),
        "1886: AzureMonitor"
    );
    assert_eq!(row("5").condition.when["request-triggers"], "true");
    assert_eq!(row("6").condition.when["run-history"], "true");
    assert!(profile.rows.iter().all(|row| row.protocols.is_empty()));
}

/// The documentation of profiles, which must stay true.
const DOCS: &str = include_str!("../../docs/profiles.md");

/// The fenced TOML blocks of the documentation.
fn examples() -> Vec<&'static str> {
    DOCS.split("```toml\n")
        .skip(1)
        .filter_map(|rest| rest.split("```").next())
        .collect()
}

#[test]
fn documented_examples_load_and_lint_clean() {
    let catalogue = Catalogue::embedded().unwrap();
    let [profile, requirement] = examples()[..] else {
        panic!("two TOML blocks: a profile, a requirement");
    };
    let profile = load::parse(Path::new("docs/profiles.md"), profile).unwrap();
    assert_eq!(lint(&profile, &catalogue), []);

    let mut table: BTreeMap<String, Vec<RowSpec>> = toml::from_str(requirement).unwrap();
    let rows = rows(table.remove("requirement").unwrap(), "[[requirement]]").unwrap();
    assert_eq!(rows[0].id, "sftp-to-the-bank");
    assert_eq!(
        literal(&rows[0])[2..],
        ["outbound", "22", "VirtualNetwork", "203.0.113.10"]
    );
}

#[test]
fn every_profile_and_condition_key_is_documented() {
    for profile in Catalogue::embedded().unwrap().profiles() {
        let keys = profile
            .rows
            .iter()
            .flat_map(|row| row.condition.when.keys());
        for name in keys.chain([&profile.name]).chain(&profile.aliases) {
            assert!(DOCS.contains(&format!("`{name}`")), "{name}");
        }
    }
}
