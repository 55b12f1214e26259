use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::environment::rules::SecurityRule;
use crate::environment::text::describe as prefixes;
use crate::net::{Decision, Direction, PrefixSet, ProtocolSet};

mod effective;
mod envelopes;
mod faults;
mod templates;

fn read_value(value: &Value) -> Document {
    parse(value.to_string().as_bytes(), "nsgs.json").unwrap()
}

/// The only group.
fn only(value: &Value) -> Nsg {
    let mut nsgs = read_value(value).nsgs;
    assert_eq!(nsgs.len(), 1);
    nsgs.remove(0)
}

/// A rule in the form of `az`, changed by `with`; null takes a field away.
fn rule(with: &Value) -> Value {
    let mut rule = json!({
        "name": "a", "access": "Allow", "direction": "Inbound", "priority": 100, "protocol": "Tcp",
        "sourceAddressPrefix": "*", "sourcePortRange": "*",
        "destinationAddressPrefix": "*", "destinationPortRange": "443",
    });
    for (key, value) in with.as_object().unwrap() {
        rule[key] = value.clone();
    }
    rule
}

/// A document of one group with such rules.
fn with_rules(rules: &[Value]) -> Value {
    json!({"name": "nsg", "id": "/s/nsg", "securityRules": rules, "defaultSecurityRules": []})
}

/// The first rule, read from a change to [`rule`].
fn first(with: &Value) -> SecurityRule {
    only(&with_rules(&[rule(with)])).rules.remove(0)
}

fn set(texts: &[&str]) -> PrefixSet {
    PrefixSet::parse(texts.iter().copied()).unwrap()
}

#[test]
fn every_spelling_of_open_is_read_as_open() {
    let all_v4 = set(&["0.0.0.0/0"]);
    for (with, any, expected) in [
        (
            json!({"sourceAddressPrefix": "*"}),
            true,
            PrefixSet::empty(),
        ),
        (
            json!({"sourceAddressPrefix": "0.0.0.0/0"}),
            false,
            all_v4.clone(),
        ),
        (
            json!({"sourceAddressPrefix": "::/0"}),
            false,
            set(&["::/0"]),
        ),
        (
            json!({"sourceAddressPrefix": null, "sourceAddressPrefixes": ["0.0.0.0/1", "128.0.0.0/1"]}),
            false,
            all_v4.clone(),
        ),
        (
            json!({"sourceAddressPrefix": "", "sourceAddressPrefixes": ["*"]}),
            true,
            PrefixSet::empty(),
        ),
    ] {
        let rule = first(&with);
        assert_eq!(
            (rule.source.any, &rule.source.prefixes),
            (any, &expected),
            "{with}"
        );
        assert!(rule.source.unknown.is_empty());
    }
    for (with, port) in [
        (json!({"destinationPortRange": "*"}), 22),
        (
            json!({"destinationPortRange": null, "destinationPortRanges": ["22", "3389"]}),
            22,
        ),
        (
            json!({"destinationPortRange": null, "destinationPortRanges": ["22", "3389"]}),
            3389,
        ),
        (
            json!({"destinationPortRange": "", "destinationPortRanges": ["0-65535"]}),
            22,
        ),
        (json!({"destinationPortRange": 22}), 22),
    ] {
        assert!(first(&with).destination.ports.contains(port), "{with}");
    }
}

#[test]
fn tags_and_groups_are_neither_nothing_nor_everything() {
    let rule = first(&json!({
        "sourceAddressPrefix": "Internet",
        "destinationAddressPrefix": null, "destinationAddressPrefixes": [],
        "destinationApplicationSecurityGroups": [{"id": "/s/asg-web"}, {"id": "/s/asg-db"}],
    }));
    assert_eq!(rule.source.tags, ["Internet"]);
    assert_eq!(rule.destination.groups, ["/s/asg-web", "/s/asg-db"]);
    assert!(!rule.destination.any && rule.destination.prefixes.is_empty());
    let rule = first(&json!({"sourceAddressPrefix": "Storage.WestEurope"}));
    assert_eq!(rule.source.tags, ["Storage.WestEurope"]);
    let rule = first(&json!({"sourceAddressPrefix": "NewTagOfTomorrow"}));
    assert_eq!(rule.source.tags, ["NewTagOfTomorrow"]);
    let rule = first(&json!({"sourceAddressPrefix": "VIRTUAL_NETWORK"}));
    assert_eq!(rule.source.tags, ["VirtualNetwork"]);
}

#[test]
fn a_deny_above_an_allow_keeps_its_priority() {
    let nsg = only(&with_rules(&[
        rule(&json!({"name": "allow", "priority": 200})),
        rule(
            &json!({"name": "deny", "access": "deny", "protocol": "*", "destinationPortRange": "*"}),
        ),
    ]));
    let deny = &nsg.rules[1];
    assert_eq!((deny.access, deny.priority), (Decision::Deny, 100));
    assert_eq!(
        (deny.protocols, deny.destination.ports.is_any()),
        (ProtocolSet::ANY, true)
    );
    assert!(nsg.rules[0].priority > deny.priority);
}

#[test]
fn defaults_are_added_where_they_are_missing() {
    let nsg = only(&with_rules(&[]));
    assert!(nsg.defaults_added);
    let told: Vec<_> = nsg
        .rules
        .iter()
        .map(|rule| (rule.name.as_str(), rule.priority))
        .collect();
    assert_eq!(
        told,
        [
            ("AllowVnetInBound", 65_000),
            ("AllowAzureLoadBalancerInBound", 65_001),
            ("DenyAllInBound", 65_500),
            ("AllowVnetOutBound", 65_000),
            ("AllowInternetOutBound", 65_001),
            ("DenyAllOutBound", 65_500),
        ]
    );
    assert!(nsg.rules[2].source.any && nsg.rules[2].destination.any);
    assert_eq!(nsg.rules[3].direction, Direction::Outbound);
    for (name, known) in [
        ("AllowVNetInBound", "AllowVnetInBound"),
        ("DefaultInboundDenyAll", "DenyAllInBound"),
        ("defaultoutbounddenyall", "DenyAllOutBound"),
    ] {
        assert_eq!(default_name(name), Some(known));
    }
    assert_eq!(default_name("AllowAll"), None);
}

/// JSON with the names that the reader looks for.
fn documents() -> impl Strategy<Value = Value> {
    let text = prop_oneof![
        "[*a-zA-Z0-9./:'() \\[\\],-]{0,12}",
        prop::sample::select(vec![
            "*",
            "443",
            "9-8",
            "70000",
            "10.0.0.1/8",
            "::/0",
            "Inbound",
            "Allow",
            "Tcp",
            "a/b",
            "[parameters('a')]",
            "[concat(variables('a'), '/b')]",
            "\u{1b}[2J",
            "Microsoft.Network/networkSecurityGroups",
            "Microsoft.Resources/deployments",
            "Microsoft.Network/networkSecurityGroups/securityRules",
            "/providers/Microsoft.Network/networkSecurityGroups/a/securityRules/b",
        ])
        .prop_map(str::to_owned),
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        (0_u32..70_000).prop_map(Value::from),
        text.prop_map(Value::from),
    ];
    let key = prop::sample::select(vec![
        "name",
        "id",
        "type",
        "value",
        "data",
        "resources",
        "properties",
        "securityRules",
        "copy",
        "defaultSecurityRules",
        "effectiveSecurityRules",
        "association",
        "networkSecurityGroup",
        "subnet",
        "priority",
        "direction",
        "access",
        "protocol",
        "sourceAddressPrefix",
        "count",
        "destinationAddressPrefixes",
        "sourcePortRange",
        "destinationPortRanges",
        "template",
        "sourceApplicationSecurityGroups",
        "expandedSourceAddressPrefix",
        "parameters",
        "variables",
        "$schema",
        "contentVersion",
        "a",
        "b",
        "defaultValue",
        "condition",
        "addressSpace",
        "subnets",
        "ipConfigurations",
        "macAddress",
        "routes",
        "sources",
        "destinations",
    ]);
    leaf.prop_recursive(6, 80, 8, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::btree_map(key.clone(), inner, 0..8).prop_map(|fields| {
                fields
                    .into_iter()
                    .map(|(key, value)| (key.to_owned(), value))
                    .collect()
            }),
        ]
    })
}

proptest! {
    #[test]
    fn no_document_panics(document in documents()) {
        let bytes = document.to_string();
        if let Ok(read) = parse(bytes.as_bytes(), "any.json") {
            for nsg in read.nsgs.iter().chain(read.effective.iter().map(|one| &one.nsg)) {
                prop_assert!(nsg.rules.len() + nsg.unread.len() >= 6, "{nsg:?}");
                prop_assert!(!nsg.name.contains(char::is_control));
            }
        }
    }

    #[test]
    fn no_rule_is_nothing(fields in documents()) {
        let mut rule = rule(&json!({}));
        if let Some(fields) = fields.as_object() {
            for (key, value) in fields {
                rule[key] = value.clone();
            }
        }
        let nsg = only(&json!({"name": "nsg", "securityRules": [rule]}));
        prop_assert_eq!(nsg.rules.len() + nsg.unread.len(), 7);
        for rule in &nsg.rules {
            for side in [&rule.source, &rule.destination] {
                prop_assert!(side.any || !side.prefixes.is_empty()
                    || side.tags.len() + side.groups.len() + side.unknown.len() > 0);
                prop_assert!(!side.ports.is_empty());
            }
        }
    }
}
