use super::*;

fn template(resources: &Value) -> Value {
    json!({
        "$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
        "contentVersion": "1.0.0.0",
        "parameters": {
            "networkSecurityGroups_NSG_A_name": {"defaultValue": "NSG-A", "type": "String"},
            "open": {"type": "string"},
            "priority": {"type": "int", "defaultValue": 300},
        },
        "variables": {"ports": ["80", "443"], "access": "Deny"},
        "resources": resources,
    })
}

fn group(name: &str, rules: &[Value]) -> Value {
    json!({"type": "Microsoft.Network/networkSecurityGroups", "apiVersion": "2024-05-01",
        "name": name, "properties": {"securityRules": rules}})
}

fn child(name: &str, with: &Value) -> Value {
    let mut properties = rule(with);
    properties.as_object_mut().unwrap().remove("name");
    json!({"type": "Microsoft.Network/networkSecurityGroups/securityRules",
        "name": name, "properties": properties})
}

#[test]
fn an_export_states_a_rule_once() {
    let name = "[parameters('networkSecurityGroups_NSG_A_name')]";
    let beside = "[concat(parameters('networkSecurityGroups_NSG_A_name'), '/web')]";
    let inner = rule(&json!({"name": "web"}));
    let document = template(&json!([
        group(name, std::slice::from_ref(&inner)),
        child(beside, &json!({}))
    ]));
    let read = read_value(&document);
    assert!(read.faults.is_empty(), "{:?}", read.faults);
    let nsg = &read.nsgs[0];
    assert_eq!((nsg.name.as_str(), nsg.rules.len()), ("NSG-A", 7));
    assert_eq!(read.remarks.len(), 1, "defaults of parameters");

    let other = child(beside, &json!({"destinationPortRange": "22"}));
    let read = read_value(&template(&json!([group(name, &[inner]), other])));
    assert_eq!(read.faults.len(), 1, "{:?}", read.faults);
    let kept = read.nsgs[0]
        .rules
        .iter()
        .find(|rule| rule.name == "web")
        .unwrap();
    assert_eq!(kept.destination.ports.to_string(), "22");
}

#[test]
fn plain_parameters_and_variables_are_put_in() {
    let name = "[parameters('networkSecurityGroups_NSG_A_name')]";
    let rule = rule(&json!({
        "priority": "[parameters('priority')]", "access": "[variables('access')]",
        "destinationPortRange": null, "destinationPortRanges": "[variables('ports')]",
    }));
    let rule = only(&template(&json!([group(name, &[rule])])))
        .rules
        .remove(0);
    assert_eq!((rule.priority, rule.access), (300, Decision::Deny));
    assert_eq!(rule.destination.ports.to_string(), "80, 443");
}

#[test]
fn what_only_a_deployment_knows_is_unknown() {
    let rules = [
        rule(&json!({"name": "a", "sourceAddressPrefix": "[parameters('open')]"})),
        rule(&json!({"name": "b", "priority": 110, "direction": "[parameters('open')]"})),
        rule(&json!({"name": "c", "priority": "[add(1, 2)]"})),
        rule(
            &json!({"name": "d", "priority": 130, "destinationPortRange": "[parameters('open')]"}),
        ),
        rule(
            &json!({"name": "e", "priority": 140, "sourceAddressPrefix": null,
            "sourceAddressPrefixes": ["192.0.2.0/24", "[parameters('open')]"]}),
        ),
        rule(&json!({"name": "f", "priority": 150, "condition": "[parameters('open')]"})),
    ];
    let read = read_value(&template(&json!([group("g", &rules)])));
    let nsg = &read.nsgs[0];
    let (a, e) = (&nsg.rules[0].source, &nsg.rules[1].source);
    assert_eq!(a.unknown, ["[parameters('open')]"]);
    assert!(!a.any && a.prefixes.is_empty());
    assert_eq!(
        (e.unknown.len(), prefixes(&e.prefixes)),
        (1, "192.0.2.0/24".to_owned())
    );
    let unread: Vec<_> = nsg
        .unread
        .iter()
        .map(|rule| (rule.name.as_str(), rule.direction, rule.priority))
        .collect();
    let inbound = Some(Direction::Inbound);
    assert_eq!(
        unread,
        [
            ("b", None, Some(110)),
            ("c", inbound, None),
            ("d", inbound, Some(130)),
            ("f", inbound, Some(150)),
        ]
    );
    assert_eq!(read.faults.len(), 4);
    assert_eq!(
        nsg.unread[0].path,
        "resources[0].properties.securityRules[1]"
    );
}

#[test]
fn children_find_their_group() {
    let nested = json!({
        "type": "Microsoft.Network/networkSecurityGroups", "name": "[parameters('open')]",
        "properties": {},
        "resources": [
            {"type": "securityRules", "name": "in", "properties": rule(&json!({}))},
        ],
    });
    let beside = child(
        "[concat(parameters('open'), '/', 'beside')]",
        &json!({"priority": 110}),
    );
    let other = child("elsewhere/alone", &json!({}));
    let read = read_value(&template(&json!([beside, nested, other])));
    assert_eq!(read.nsgs.len(), 2);
    let names: Vec<_> = read.nsgs[0]
        .rules
        .iter()
        .map(|rule| rule.name.as_str())
        .collect();
    assert_eq!(names[..2], ["beside", "in"]);
    let alone = &read.nsgs[1];
    assert_eq!((alone.name.as_str(), alone.rules_only), ("elsewhere", true));
    assert_eq!(
        alone.unread.len(),
        1,
        "its other rules are not in the template"
    );
}

#[test]
fn loops_and_references_hide_rules() {
    let looped = json!({"type": "Microsoft.Network/networkSecurityGroups", "name": "a",
        "properties": {"copy": [{"name": "securityRules", "count": 3, "input": {}}]}});
    let referred = json!({"type": "Microsoft.Network/networkSecurityGroups", "name": "b",
        "properties": {"securityRules": "[parameters('open')]"}});
    let read = read_value(&template(&json!([looped, referred])));
    assert!(
        read.nsgs
            .iter()
            .all(|nsg| nsg.unread.len() == 1 && nsg.rules.len() == 6)
    );
    assert_eq!(read.faults.len(), 2);
}

#[test]
fn named_resources_and_inner_deployments_are_found() {
    let inner = template(&json!([group("inner", &[])]));
    let document = template(&json!({
        "one": group("outer", &[]),
        "two": {"type": "Microsoft.Resources/deployments", "name": "d",
            "properties": {"template": inner}},
    }));
    let names: Vec<_> = read_value(&document)
        .nsgs
        .into_iter()
        .map(|nsg| nsg.name)
        .collect();
    assert_eq!(names, ["outer", "inner"]);
}
