use serde_json::{Value, json};

use crate::environment::ServiceTags;
use crate::environment::azure::{Azure, parse};
use crate::policy::network::Network;

const GROUP: &str = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Network";

fn route(name: &str, prefix: &str, hop: &str, address: &Value) -> Value {
    json!({"name": name, "addressPrefix": prefix, "nextHopType": hop, "nextHopIpAddress": address})
}

fn table(routes: &[Value]) -> Value {
    json!({"id": format!("{GROUP}/routeTables/rt"), "name": "rt", "routes": routes, "subnets": []})
}

/// A network with a subnet that has the route table `rt` and an endpoint of SQL in West Europe.
fn network(peering: &Value, more_subnets: &[Value]) -> Value {
    let subnet = json!({
        "id": format!("{GROUP}/virtualNetworks/v/subnets/a"), "name": "a", "addressPrefix": "10.20.0.0/24",
        "routeTable": {"id": format!("{GROUP}/routeTables/rt")},
        "serviceEndpoints": [{"service": "Microsoft.Sql", "locations": ["westeurope"]}],
    });
    let subnets: Vec<_> = std::iter::once(subnet)
        .chain(more_subnets.iter().cloned())
        .collect();
    json!({"id": format!("{GROUP}/virtualNetworks/v"), "name": "v",
        "addressSpace": {"addressPrefixes": ["10.20.0.0/16"]},
        "subnets": subnets, "virtualNetworkPeerings": [peering]})
}

fn hub(remote_gateway: bool) -> Value {
    json!({"name": "hub", "peeringState": "Connected", "remoteVirtualNetwork": {"id": "/v/hub"},
        "remoteAddressSpace": {"addressPrefixes": ["10.30.0.0/16"]}, "useRemoteGateways": remote_gateway})
}

fn read(documents: &[Value]) -> Azure {
    parse(json!(documents).to_string().as_bytes(), "nic-a.json").unwrap()
}

/// Next hop and name of the route, and whether it is sure.
fn taken(azure: &Azure, to: &str) -> String {
    let (environment, tags) = (azure.environment(), ServiceTags::embedded());
    let network = Network::new(azure, &environment, &tags, 0);
    let routing = network.routing();
    match routing.of("10.20.0.4".parse().unwrap()) {
        None => "no subnet".to_owned(),
        Some(Err(why)) => why.to_owned(),
        Some(Ok(routes)) => {
            let part = routes.of(to.parse().unwrap());
            let route = part
                .route
                .map(|route| format!("{} by {}", route.hop, route.name));
            let sure = if part.is_sure() { "" } else { ", not sure" };
            format!("{}{sure}", route.unwrap_or_else(|| "nothing".to_owned()))
        }
    }
}

fn forced() -> Value {
    table(&[
        route("all", "0.0.0.0/0", "VirtualAppliance", &json!("10.30.0.4")),
        route(
            "management",
            "AppServiceManagement",
            "Internet",
            &Value::Null,
        ),
        route("nowhere", "172.31.0.0/16", "None", &Value::Null),
    ])
}

fn address(tag: &str) -> String {
    let tags = ServiceTags::embedded();
    let prefixes = tags.editions[0].prefixes(tag).unwrap();
    prefixes.first().unwrap().to_string()
}

#[test]
fn tables_endpoints_peers_and_the_systems_routes_are_put_together() {
    let azure = read(&[network(&hub(false), &[]), forced()]);
    assert_eq!(
        taken(&azure, "203.0.113.9"),
        "VirtualAppliance 10.30.0.4 by all"
    );
    assert_eq!(
        taken(&azure, &address("AppServiceManagement")),
        "Internet by management"
    );
    assert_eq!(
        taken(&azure, &address("Sql.WestEurope")),
        "VirtualNetworkServiceEndpoint by "
    );
    assert_eq!(taken(&azure, "172.31.0.9"), "None by nowhere");
    assert_eq!(taken(&azure, "172.30.0.9"), "None by ");
    assert_eq!(taken(&azure, "10.20.9.9"), "VnetLocal by ");
    assert_eq!(taken(&azure, "10.30.9.9"), "VNetPeering by ");
    assert_eq!(taken(&azure, "168.63.129.16"), "VnetLocal by ");
    assert_eq!(taken(&azure, "2001:db8::1"), "Internet by ");
}

#[test]
fn what_a_gateway_may_have_learned_stays_open_unless_the_table_keeps_it_out() {
    for (documents, sure) in [
        (vec![network(&hub(true), &[]), forced()], false),
        (
            vec![
                network(
                    &hub(false),
                    &[json!({"name": "gatewaysubnet", "addressPrefix": "10.20.1.0/27"})],
                ),
                forced(),
            ],
            false,
        ),
        (vec![network(&hub(false), &[]), forced()], true),
    ] {
        let azure = read(&documents);
        assert_eq!(!taken(&azure, "203.0.113.9").ends_with("not sure"), sure);
        for kept in [
            "10.20.9.9",
            "10.30.9.9",
            &address("Sql.WestEurope"),
            "168.63.129.16",
        ] {
            assert!(!taken(&azure, kept).ends_with("not sure"), "{kept}");
        }
    }
    let mut table = forced();
    table["disableBgpRoutePropagation"] = json!(true);
    let azure = read(&[network(&hub(true), &[]), table]);
    assert_eq!(
        taken(&azure, "203.0.113.9"),
        "VirtualAppliance 10.30.0.4 by all"
    );
}

#[test]
fn what_is_not_given_is_told() {
    let azure = read(&[network(&hub(false), &[])]);
    assert_eq!(
        taken(&azure, "203.0.113.9"),
        "its route table rt is not given"
    );
    let odd = table(&[route("odd", "NoSuchTag", "None", &Value::Null)]);
    let azure = read(&[network(&hub(false), &[]), odd]);
    assert_eq!(taken(&azure, "203.0.113.9"), "Internet by , not sure");
    assert_eq!(taken(&read(&[forced()]), "203.0.113.9"), "no subnet");
    let mut without_regions = network(&hub(false), &[]);
    without_regions["subnets"][0]["serviceEndpoints"][0] = json!({"service": "Microsoft.Sql"});
    let azure = read(&[without_regions, forced()]);
    assert!(taken(&azure, &address("Sql")).ends_with("not sure"));
    assert_eq!(
        taken(&azure, "203.0.113.9"),
        "VirtualAppliance 10.30.0.4 by all"
    );
}

#[test]
fn what_azure_lists_of_an_interface_is_what_its_subnet_has() {
    let listed = |prefix: &[&str], hop: &str, source: &str, state: &str| {
        json!({"addressPrefix": prefix, "nextHopType": hop, "nextHopIpAddress": [], "source": source,
            "state": state, "name": null})
    };
    let routes = [
        listed(&["10.20.0.0/16"], "VnetLocal", "Default", "Active"),
        listed(&["0.0.0.0/0"], "Internet", "Default", "Invalid"),
        listed(
            &["0.0.0.0/0"],
            "VirtualNetworkGateway",
            "VirtualNetworkGateway",
            "Active",
        ),
        listed(
            &["20.60.0.0/16", "20.61.0.0/16"],
            "VirtualNetworkServiceEndpoint",
            "Default",
            "Active",
        ),
        listed(&["20.60.9.0/24"], "None", "User", "Active"),
    ];
    let interface = json!({"id": format!("{GROUP}/networkInterfaces/nic-a"), "name": "nic-a",
        "ipConfigurations": [{"privateIPAddress": "10.20.0.4", "subnet": {"id": "/s"}}]});
    let by_id = json!({"networkInterface": {"id": format!("{GROUP}/networkInterfaces/NIC-A")}, "value": routes});
    for listing in [by_id, json!({"value": routes})] {
        let azure = read(&[
            network(&hub(true), &[]),
            forced(),
            interface.clone(),
            listing,
        ]);
        assert!(azure.faults.is_empty(), "{:?}", azure.faults);
        assert_eq!(taken(&azure, "203.0.113.9"), "VirtualNetworkGateway by ");
        assert_eq!(
            taken(&azure, "20.60.9.1"),
            "VirtualNetworkServiceEndpoint by "
        );
        assert_eq!(taken(&azure, "10.20.9.9"), "VnetLocal by ");
        assert_eq!(taken(&azure, "10.30.9.9"), "VirtualNetworkGateway by ");
    }
    let other = json!({"networkInterface": {"id": "/nics/other"}, "value": routes});
    let azure = read(&[network(&hub(true), &[]), forced(), interface, other]);
    assert_eq!(
        taken(&azure, "203.0.113.9"),
        "VirtualAppliance 10.30.0.4 by all, not sure"
    );
}

#[test]
fn a_private_endpoint_has_a_route_of_its_own_unless_its_subnet_lets_tables_apply() {
    let endpoint = json!({"id": format!("{GROUP}/networkInterfaces/pe"), "name": "pe",
        "privateEndpoint": {"id": "/pe"},
        "ipConfigurations": [{"privateIPAddress": "10.20.0.9", "subnet": {"id": "/s"}}]});
    let own = table(&[route(
        "own",
        "10.20.0.0/16",
        "VirtualAppliance",
        &json!("10.30.0.4"),
    )]);
    for (policies, expected) in [
        ("Disabled", "VirtualNetworkServiceEndpoint by "),
        ("RouteTableEnabled", "VirtualAppliance 10.30.0.4 by own"),
    ] {
        let mut network = network(&hub(false), &[]);
        network["subnets"][0]["privateEndpointNetworkPolicies"] = json!(policies);
        let azure = read(&[network, own.clone(), endpoint.clone()]);
        assert_eq!(taken(&azure, "10.20.0.9"), expected);
    }
}
