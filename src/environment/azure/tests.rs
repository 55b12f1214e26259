use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::environment::text::describe as prefixes;
use crate::net::{Direction, Mac};

mod folder;

const GROUP: &str = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Network";

fn read(value: &Value) -> Azure {
    parse(value.to_string().as_bytes(), "a.json").unwrap()
}

fn quiet(value: &Value) -> Azure {
    let azure = read(value);
    assert_eq!((&azure.faults, &azure.remarks), (&Vec::new(), &Vec::new()));
    azure
}

#[test]
fn interfaces_are_read_flat_and_nested() {
    let id = format!("{GROUP}/networkInterfaces/n");
    let configuration = |address: &str| {
        json!({"privateIPAddress": address, "subnet": {"id": "/v/subnets/a"},
            "applicationSecurityGroups": [{"id": "/asg/x"}, {"id": "/asg/y"}]})
    };
    let flat = json!({
        "id": id, "name": "n", "macAddress": "00-22-48-12-A0-00", "primary": true,
        "networkSecurityGroup": {"id": "/nsg/j", "resourceGroup": "g"},
        "ipConfigurations": [configuration("10.20.0.4"), configuration("2001:db8::4")],
    });
    let nested = json!({
        "id": id, "name": "n",
        "properties": {
            "macAddress": "00224812a000", "networkSecurityGroup": {"id": "/nsg/j"},
            "ipConfigurations": [
                {"properties": configuration("10.20.0.4")}, {"properties": configuration("2001:db8::4")},
            ],
        },
    });
    for document in [
        json!([flat]),
        json!({"value": [nested]}),
        json!({"NewNIC": flat}),
    ] {
        let interface = &quiet(&document).interfaces[0];
        assert_eq!(interface.id, id);
        assert_eq!(interface.mac, Some(Mac(0x0022_4812_A000)));
        assert_eq!(interface.nsg.as_deref(), Some("/nsg/j"));
        let [first, second] = &interface.configurations[..] else {
            panic!("two configurations");
        };
        assert_eq!(first.address, Some("10.20.0.4".parse().unwrap()));
        assert_eq!(second.address, Some("2001:db8::4".parse().unwrap()));
        assert_eq!(first.subnet, "/v/subnets/a");
        assert_eq!(first.groups, ["/asg/x", "/asg/y"]);
    }
    let bad =
        json!({"id": id, "macAddress": "xyz", "ipConfigurations": [{"privateIPAddress": "10.0"}]});
    let azure = read(&bad);
    assert_eq!(azure.faults.len(), 2);
    assert_eq!(
        (azure.interfaces[0].mac, azure.interfaces[0].name.as_str()),
        (None, "n")
    );
}

#[test]
fn application_security_groups_are_read() {
    let id = format!("{GROUP}/applicationSecurityGroups/x");
    let azure = quiet(&json!([{"id": id, "name": "x", "tags": {}}]));
    assert_eq!(
        (azure.groups[0].name.as_str(), &azure.groups[0].id),
        ("x", &id)
    );
}

#[test]
fn networks_tell_what_hangs_on_their_subnets() {
    let document = json!({
        "id": format!("{GROUP}/virtualNetworks/v"), "name": "v",
        "properties": {
            "addressSpace": {"addressPrefixes": ["10.20.0.0/16"]},
            "dhcpOptions": {"dnsServers": ["10.20.9.4"]},
            "subnets": [{"name": "a", "properties": {
                "addressPrefix": "10.20.0.0/27",
                "networkSecurityGroup": {"id": "/nsg/a"}, "routeTable": {"id": "/rt/a"},
                "delegations": [{"properties": {"serviceName": "Microsoft.Web/hostingEnvironments"}}],
                "serviceEndpoints": [{"service": "Microsoft.Sql", "locations": ["westeurope"]}],
                "privateEndpointNetworkPolicies": "Enabled",
                "privateEndpoints": [{"id": "/pe/x"}],
            }}],
            "virtualNetworkPeerings": [{"name": "p", "properties": {
                "peeringState": "Initiated", "remoteVirtualNetwork": {"id": "/v/hub"},
                "remoteAddressSpace": {"addressPrefixes": ["10.30.0.0/16"]}, "useRemoteGateways": true,
            }}],
        },
    });
    let network = &quiet(&document).networks[0];
    assert_eq!(prefixes(&network.space), "10.20.0.0/16");
    assert_eq!(prefixes(&network.dns_servers), "10.20.9.4/32");
    let subnet = &network.subnets[0];
    assert_eq!(
        (subnet.nsg.as_deref(), subnet.route_table.as_deref()),
        (Some("/nsg/a"), Some("/rt/a"))
    );
    assert_eq!(subnet.delegations, ["Microsoft.Web/hostingEnvironments"]);
    let endpoint = ServiceEndpoint {
        service: "Microsoft.Sql".to_owned(),
        locations: vec!["westeurope".to_owned()],
    };
    assert_eq!(subnet.service_endpoints, [endpoint]);
    assert_eq!(subnet.private_endpoints, ["/pe/x"]);
    assert_eq!(subnet.private_endpoint_policies, "Enabled");
    let peering = &network.peerings[0];
    assert!(!peering.connected && peering.remote_gateway);
    assert_eq!(
        (peering.remote.as_str(), prefixes(&peering.space)),
        ("/v/hub", "10.30.0.0/16".to_owned())
    );
}

#[test]
fn a_template_names_groups_by_expressions() {
    let azure = read(&json!({
        "$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
        "parameters": {"open": {"type": "string"}},
        "variables": {"name": "nsg-a"},
        "resources": [
            {"type": "Microsoft.Network/virtualNetworks", "name": "v", "properties": {
                "addressSpace": {"addressPrefixes": ["[parameters('open')]"]}, "subnets": []}},
            {"type": "Microsoft.Network/virtualNetworks/subnets", "name": "v/a", "properties": {
                "addressPrefix": "10.0.0.0/24",
                "networkSecurityGroup": {"id":
                    "[resourceId('Microsoft.Network/networkSecurityGroups', variables('name'))]"}}},
            {"type": "Microsoft.Compute/virtualMachines", "name": "m"},
        ],
    }));
    let network = &azure.networks[0];
    assert_eq!(network.unknown, ["[parameters('open')]"]);
    assert_eq!(
        network.subnets[0].nsg.as_deref(),
        Some("/providers/Microsoft.Network/networkSecurityGroups/nsg-a")
    );
    assert!(azure.faults.is_empty());
    assert_eq!(azure.remarks.len(), 1);
}

#[test]
fn a_list_of_subnets_is_read_for_its_network() {
    let subnet = |name: &str, prefix: &str| {
        json!({"id": format!("{GROUP}/virtualNetworks/v/subnets/{name}"), "name": name,
            "addressPrefix": prefix})
    };
    let azure = quiet(&json!([
        subnet("a", "10.0.0.0/24"),
        subnet("b", "10.0.1.0/24")
    ]));
    let network = &azure.networks[0];
    assert!(network.parts_only);
    assert_eq!((network.name.as_str(), network.subnets.len()), ("v", 2));
}

#[test]
fn route_tables_are_read() {
    let id = format!("{GROUP}/routeTables/r");
    let route = |name: &str, prefix: &str, hop: &str, address: Value| json!({"name": name, "addressPrefix": prefix, "nextHopType": hop, "nextHopIpAddress": address});
    let azure = read(&json!([{
        "id": id, "name": "r", "subnets": [{"id": "/v/subnets/a"}],
        "routes": [
            route("all", "0.0.0.0/0", "VirtualAppliance", json!("10.20.9.4")),
            route("tag", "Storage", "Internet", Value::Null),
            route("odd", "10.0.0.0/8", "Hyperspace", json!("nowhere")),
            {"name": "none"},
        ],
    }]));
    let table = &azure.route_tables[0];
    assert_eq!(table.subnets, ["/v/subnets/a"]);
    let [all, tag, odd, none] = &table.routes[..] else {
        panic!("four routes");
    };
    assert_eq!(prefixes(&all.destination.prefixes), "0.0.0.0/0");
    assert_eq!(
        (&all.next_hop, all.next_hop_address),
        (&NextHop::Appliance, "10.20.9.4".parse().ok())
    );
    assert_eq!(
        (&tag.destination.tags[..], &tag.next_hop),
        (&["Storage".to_owned()][..], &NextHop::Internet)
    );
    assert_eq!(odd.next_hop, NextHop::Unknown("Hyperspace".to_owned()));
    assert_eq!(none.destination.unknown.len(), 1);
    assert_eq!(azure.faults.len(), 4);
}

#[test]
fn admin_rules_are_read() {
    let collection =
        format!("{GROUP}/networkManagers/m/securityAdminConfigurations/c/ruleCollections/k");
    let rule = |name: &str, access: &str, sources: Value| {
        json!({"id": format!("{collection}/rules/{name}"), "name": name, "kind": "Custom",
            "access": access, "direction": "Inbound", "priority": 10, "protocol": "Any",
            "sources": sources, "sourcePortRanges": ["0-65535"],
            "destinations": [{"addressPrefix": "*", "addressPrefixType": "IPPrefix"}],
            "destinationPortRanges": ["22", "3389"]})
    };
    let tag = json!([{"addressPrefix": "Internet", "addressPrefixType": "ServiceTag"}]);
    let group =
        json!([{"addressPrefix": "/g/networkGroups/x", "addressPrefixType": "NetworkGroup"}]);
    let azure = read(&json!([
        rule("a", "Deny", tag),
        rule("b", "AlwaysAllow", json!([])),
        rule("c", "Allow", group),
        rule("d", "Maybe", json!([])),
    ]));
    let [a, b, c] = &azure.admin_rules[..] else {
        panic!("three rules");
    };
    assert_eq!(
        (a.access, a.direction, a.priority),
        (AdminAccess::Deny, Direction::Inbound, 10)
    );
    assert_eq!(
        (&a.source.tags[..], a.destination.any),
        (&["Internet".to_owned()][..], true)
    );
    assert_eq!(a.destination.ports.to_string(), "22, 3389");
    assert_eq!(a.collection, collection);
    assert!(b.access == AdminAccess::AlwaysAllow && b.source.any);
    assert_eq!(c.source.unknown.len(), 1);
    assert_eq!(azure.unread_admin_rules[0].name, "d");
    assert_eq!(azure.faults.len(), 2);
}

#[test]
fn other_documents_are_named() {
    for (json, words) in [
        ("{", "no JSON"),
        ("[]", "found a list of 0"),
        ("{\"records\": []}", "an object of records"),
        (
            r#"[{"type": "Microsoft.Compute/virtualMachines", "id": "x"}]"#,
            "found microsoft.compute/virtualmachines",
        ),
    ] {
        let message = parse(json.as_bytes(), "").unwrap_err();
        assert!(message.contains(words), "{message}");
    }
}

const KINDS: [&str; 5] = [
    include_str!("../../../testdata/azure/asgs.json"),
    include_str!("../../../testdata/azure/nics.json"),
    include_str!("../../../testdata/azure/nsgs.json"),
    include_str!("../../../testdata/azure/route-tables.json"),
    include_str!("../../../testdata/azure/vnet.json"),
];

proptest! {
    #[test]
    fn no_document_panics(kind in 0usize..5, at in 0usize..4000, keep in 0usize..4000) {
        let json = KINDS[kind];
        let mut text: String = json.chars().take(at).collect();
        text.extend(json.chars().skip(keep));
        drop(parse(text.as_bytes(), ""));
    }

    #[test]
    fn no_value_panics(kind in 0usize..5, at in 0usize..400, with in prop::sample::select(vec![
        json!(null), json!(7), json!(-1.5), json!("[a"), json!("[b()]"), json!(""), json!([]),
        json!([[[[[1]]]]]), json!({}), json!({"id": 1}), json!(true), json!("10.0.0.0/99"),
    ])) {
        let mut document: Value = serde_json::from_str(KINDS[kind]).unwrap();
        replace(&mut document, &mut { at }, &with);
        drop(parse(document.to_string().as_bytes(), ""));
    }
}

/// Puts a value in the place of the one of that number.
fn replace(value: &mut Value, at: &mut usize, with: &Value) {
    if *at == 0 {
        *value = with.clone();
    }
    *at = at.wrapping_sub(1);
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| replace(item, at, with)),
        Value::Object(fields) => fields.values_mut().for_each(|item| replace(item, at, with)),
        _ => {}
    }
}
