use proptest::prelude::*;

use super::*;
use crate::environment::text::describe;

fn only(json: &str) -> Vnet {
    select(parse(json.as_bytes(), "vnet.json").unwrap(), None).unwrap()
}

const AZ: &str = include_str!("../../../testdata/environment/vnet-az.json");
const REST: &str = include_str!("../../../testdata/environment/vnet-rest.json");

#[test]
fn the_command_line_and_rest_say_the_same() {
    let az = only(AZ);
    assert_eq!(az, only(REST));
    let rows = format!(r#"{{"count": 1, "data": [{REST}], "skip_token": null}}"#);
    let listed = format!(r#"{{"value": [{REST}]}}"#);
    let created = format!(r#"{{"newVNet": {AZ}}}"#);
    let bare = format!("\u{FEFF}[{AZ}]");
    for json in [&rows, &listed, &created, &bare] {
        assert_eq!(only(json), az);
    }
}

#[test]
fn subnets_have_roles_by_delegation_or_obvious_name() {
    let vnet = only(AZ);
    let subnets: Vec<_> = vnet
        .environment
        .subnets
        .iter()
        .map(|subnet| {
            let prefixes = describe(&subnet.prefixes);
            (
                subnet.name.as_str(),
                prefixes,
                subnet.role.as_str(),
                subnet.audited,
            )
        })
        .collect();
    let prefix = str::to_owned;
    assert_eq!(
        subnets,
        [
            ("GatewaySubnet", prefix("10.20.1.0/27"), "", false),
            ("functions", prefix("10.20.1.32/27"), "integration", false),
            ("ise-apim", prefix("10.20.0.64/27"), "apim", true),
            ("ise-ase", prefix("10.20.0.32/27"), "ase", true),
            (
                "ise-compute",
                prefix("10.20.0.0/27, 2001:db8:20::/64"),
                "compute",
                true
            ),
            ("ise-la4", prefix("10.20.0.96/27"), "", true),
        ]
    );
    let remarks = vnet.remarks.join("\n");
    for words in [
        "GatewaySubnet",
        "Microsoft.Web/serverFarms",
        "ise-apim is taken",
        "peering old is Disconnected",
        "audited: ise-la4;",
    ] {
        assert!(remarks.contains(words), "{words}: {remarks}");
    }
    assert_eq!(vnet.remarks.len(), 5, "{remarks}");
}

#[test]
fn peers_and_dns_servers_are_read() {
    let environment = only(AZ).environment;
    assert_eq!(environment.name, "integration-vnet");
    assert_eq!(environment.source, "vnet.json");
    assert_eq!(
        describe(&environment.address_space),
        "10.20.0.0/16, 2001:db8:20::/48"
    );
    assert_eq!(describe(&environment.peered), "10.30.0.0/16");
    assert_eq!(
        describe(&environment.addresses["custom-dns"]),
        "10.30.0.4/31"
    );
    assert_eq!(
        environment.addresses["custom-dns"],
        environment.addresses["dns-servers"]
    );
    assert_eq!(environment.stated["custom-dns"], "true");
}

#[test]
fn one_of_several_networks_is_named() {
    let two = |first: &str, second: &str| {
        let one = |group: &str| {
            format!(
                r#"{{"name": "hub", "id": "/subscriptions/s/resourceGroups/{group}/providers/Microsoft.Network/virtualNetworks/hub",
                "addressSpace": {{"addressPrefixes": ["10.0.0.0/16"]}}}}"#
            )
        };
        parse(format!("[{}, {}]", one(first), one(second)).as_bytes(), "").unwrap()
    };
    for name in [None, Some("hub")] {
        let message = select(two("a", "b"), name).unwrap_err();
        assert!(message.contains("a/hub, b/hub"), "{message}");
    }
    assert_eq!(
        select(two("a", "b"), Some("B/HUB")).unwrap().label(),
        "b/hub"
    );
    let message = select(two("a", "b"), Some("spoke")).unwrap_err();
    assert!(
        message.contains("\"spoke\", found a/hub, b/hub"),
        "{message}"
    );
}

#[test]
fn names_cannot_command_the_terminal() {
    let vnet = only(
        r#"{"name": "a\u001b[2J", "addressSpace": {}, "subnets": [{"name": "\u001bb", "addressPrefix": "10.0.0.0/24"}]}"#,
    );
    assert_eq!(vnet.environment.name, "a\\u{1b}[2J");
    assert_eq!(vnet.environment.subnets[0].name, "\\u{1b}b");
}

#[test]
fn other_documents_are_refused() {
    for (json, words) in [
        ("", "no JSON"),
        ("{\"records\": []}", "an object of \"records\""),
        ("[]", "a list of 0"),
        (
            r#"{"name": "a", "addressSpace": {"addressPrefixes": ["10.0.0.0/99"]}}"#,
            "10.0.0.0/99",
        ),
        (
            r#"{"name": "a", "addressSpace": {}, "subnets": [{"name": "b"}]}"#,
            "\"b\" has no prefix",
        ),
        (
            r#"{"name": "a", "addressSpace": {}, "subnets": [{"name": "b", "addressPrefix": "10.0.0.0/8"},
            {"name": "c", "addressPrefix": "10.1.0.0/16"}]}"#,
            "overlap",
        ),
    ] {
        let message = parse(json.as_bytes(), "").unwrap_err();
        assert!(message.contains(words), "{message}");
    }
}

#[test]
fn pascal_case_and_ill_fitting_subnets_are_taken() {
    let vnet = only(
        r#"{"Name": "a", "AddressSpace": {"AddressPrefixes": ["10.0.0.0/24"]}, "Subnets": [
        {"Name": "b", "AddressPrefix": ["10.1.0.0/24"], "Delegations": [{"ServiceName": "Microsoft.Sql/managedInstances"}]}]}"#,
    );
    assert_eq!(vnet.environment.subnets[0].role, "mi");
    assert_eq!(
        describe(&vnet.environment.address_space),
        "10.0.0.0/24, 10.1.0.0/24"
    );
    assert!(vnet.remarks[0].contains("widened by 10.1.0.0/24"));
    assert!(vnet.environment.stated.is_empty());
}

proptest! {
    #[test]
    fn no_document_panics(mut json: String, at in 0usize..3000, keep in 0usize..3000) {
        prop_assert!(parse(json.as_bytes(), "").is_err());
        json.truncate(0);
        json.extend(REST.chars().take(at));
        json.extend(REST.chars().skip(keep));
        if let Ok(vnets) = parse(json.as_bytes(), "") {
            prop_assert!(!vnets.is_empty());
        }
    }
}
