use serde_json::{Value, json};

use crate::environment::azure::{Azure, parse};
use crate::environment::{Environment, ServiceTags};
use crate::net::Direction;
use crate::policy::evaluate::evaluate;
use crate::policy::network::Network;
use crate::policy::packet::Packet;
use crate::policy::rule::Answer;

/// A subnet whose NSG denies everything from outside, with a private endpoint at 10.0.0.5 and a machine
/// at 10.0.0.4.
fn world(policies: &Value, with_endpoint: bool) -> Azure {
    let group = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Network";
    let interface = |name: &str, address: &str| {
        json!({"id": format!("{group}/networkInterfaces/{name}"), "name": name,
            "ipConfigurations": [{"name": "one", "privateIPAddress": address,
                "subnet": {"id": format!("{group}/virtualNetworks/v/subnets/data")}}]})
    };
    let mut endpoint = interface("nic-pe", "10.0.0.5");
    endpoint["privateEndpoint"] = json!({"id": "/pe/store"});
    let mut subnet = json!({
        "id": format!("{group}/virtualNetworks/v/subnets/data"), "name": "data",
        "addressPrefix": "10.0.0.0/24", "privateEndpoints": [{"id": "/pe/store"}],
        "networkSecurityGroup": {"id": format!("{group}/networkSecurityGroups/n")},
    });
    if !policies.is_null() {
        subnet["privateEndpointNetworkPolicies"] = policies.clone();
    }
    let mut documents = vec![
        json!({"id": format!("{group}/networkSecurityGroups/n"), "name": "n", "securityRules": []}),
        json!({"id": format!("{group}/virtualNetworks/v"), "name": "v",
            "addressSpace": {"addressPrefixes": ["10.0.0.0/16"]}, "subnets": [subnet]}),
        interface("nic-vm", "10.0.0.4"),
    ];
    if with_endpoint {
        documents.push(endpoint);
    }
    parse(json!(documents).to_string().as_bytes(), "a.json").unwrap()
}

fn answer(azure: &Azure, packet: &str) -> Answer {
    let (environment, tags) = (azure.environment(), ServiceTags::embedded());
    let network = Network::new(azure, &environment, &tags, 0);
    let packet = Packet::parse(packet).unwrap();
    evaluate(
        &network.levels(packet.local(), packet.direction),
        &packet.probe,
    )
    .answer()
}

#[test]
fn policies_tell_whether_the_nsg_filters_a_private_endpoint() {
    for (policies, expected) in [
        (json!("Disabled"), Answer::Allow),
        (json!("RouteTableEnabled"), Answer::Allow),
        (json!("enabled"), Answer::Deny),
        (json!("NetworkSecurityGroupEnabled"), Answer::Deny),
        (json!("Sometimes"), Answer::Undetermined),
        (Value::Null, Answer::Undetermined),
    ] {
        let azure = world(&policies, true);
        let to = |host: &str| {
            answer(
                &azure,
                &format!("inbound tcp 203.0.113.9:40000 -> {host}:443"),
            )
        };
        assert_eq!(to("10.0.0.5"), expected, "{policies}");
        // Other addresses of the subnet are filtered, those of no interface too.
        assert_eq!(
            (to("10.0.0.4"), to("10.0.0.6")),
            (Answer::Deny, Answer::Deny),
            "{policies}"
        );
    }
}

#[test]
fn an_endpoint_whose_address_is_not_given_may_be_anywhere_in_its_subnet() {
    let azure = world(&json!("Disabled"), false);
    let to = |host: &str| {
        answer(
            &azure,
            &format!("inbound tcp 203.0.113.9:40000 -> {host}:443"),
        )
    };
    assert_eq!(
        (to("10.0.0.4"), to("10.0.0.5")),
        (Answer::Deny, Answer::Undetermined)
    );
    // What the NSG allows is allowed either way.
    let within = answer(&azure, "inbound tcp 10.0.0.9:40000 -> 10.0.0.5:443");
    assert_eq!(within, Answer::Allow);
    let filtered = world(&json!("Enabled"), false);
    assert_eq!(
        answer(&filtered, "inbound tcp 203.0.113.9:40000 -> 10.0.0.5:443"),
        Answer::Deny
    );
}

#[test]
fn places_tell_private_endpoints_apart() {
    let azure = world(&json!("Disabled"), true);
    let (environment, tags): (Environment, _) = (azure.environment(), ServiceTags::embedded());
    let network = Network::new(&azure, &environment, &tags, 0);
    let places = network.places(&environment.subnets[0].prefixes, Direction::Inbound);
    let sizes: Vec<_> = places
        .iter()
        .map(|place| place.addresses.prefixes().len())
        .collect();
    assert_eq!(sizes[0], 1);
    assert!(places[0].addresses.contains("10.0.0.5".parse().unwrap()));
    assert!(!places[1].addresses.contains("10.0.0.5".parse().unwrap()));
}
