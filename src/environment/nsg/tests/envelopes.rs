use super::*;

const ID: &str = "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/rg/providers/\
    Microsoft.Network/networkSecurityGroups/NSG-A";

/// A group as the command line prints it.
fn flat() -> Value {
    json!({
        "id": ID, "name": "NSG-A", "type": "Microsoft.Network/networkSecurityGroups",
        "resourceGroup": "rg",
        "securityRules": [
            rule(&json!({
                "name": "web", "id": format!("{ID}/securityRules/web"), "resourceGroup": "rg",
                "sourceAddressPrefix": null, "sourceAddressPrefixes": ["192.0.2.0/24", "198.51.100.7"],
                "sourceApplicationSecurityGroups": null, "sourcePortRanges": [],
                "destinationPortRange": null, "destinationPortRanges": ["80", "443", "8000-8080"],
                "destinationAddressPrefix": "10.20.0.0/27", "destinationAddressPrefixes": [],
            })),
            rule(&json!({
                "name": "out", "direction": "Outbound", "protocol": "UDP", "access": "Deny",
                "sourceAddressPrefix": "VirtualNetwork", "destinationAddressPrefix": "Sql.WestEurope",
            })),
        ],
        "defaultSecurityRules": [
            rule(&json!({"name": "AllowVnetInBound", "priority": 65000, "protocol": "*",
                "sourceAddressPrefix": "VirtualNetwork", "destinationAddressPrefix": "VirtualNetwork",
                "destinationPortRange": "*"})),
            rule(&json!({"name": "DenyAllInBound", "priority": 65500, "protocol": "*",
                "access": "Deny", "destinationPortRange": "*"})),
        ],
        "subnets": [{"id": "/s/subnets/a", "resourceGroup": "rg"}],
        "networkInterfaces": [{"id": "/s/networkInterfaces/n"}],
    })
}

/// The same under `properties`, as REST prints it.
fn nested(flat: &Value) -> Value {
    let outer = ["id", "name", "type", "etag", "location"];
    let mut top = json!({"properties": {}});
    for (key, value) in flat.as_object().unwrap() {
        let value = match value.as_array() {
            Some(items) if key.ends_with("Rules") => items.iter().map(nested).collect(),
            _ => value.clone(),
        };
        if outer.contains(&key.as_str()) {
            top[key] = value;
        } else {
            top["properties"][key] = value;
        }
    }
    top
}

/// The same in Pascal case, lists of one unrolled, as `PowerShell` may print it.
fn pascal(value: &Value) -> Value {
    match value {
        Value::Array(items) if items.len() == 1 => pascal(&items[0]),
        Value::Array(items) => items.iter().map(pascal).collect(),
        Value::Object(fields) => fields
            .iter()
            .filter(|(key, _)| *key != "type" && *key != "resourceGroup")
            .map(|(key, value)| {
                let name = format!("{}{}", key[..1].to_uppercase(), &key[1..]);
                (name, pascal(value))
            })
            .collect(),
        other => other.clone(),
    }
}

/// A group without the places in its document.
fn placeless(mut nsg: Nsg) -> Nsg {
    for rule in &mut nsg.rules {
        rule.path.clear();
    }
    nsg
}

#[test]
fn all_envelopes_say_the_same() {
    let expected = only(&flat());
    assert_eq!(expected.rules.len(), 8);
    assert!(expected.defaults_added);
    assert_eq!(
        (expected.name.as_str(), expected.id.as_str()),
        ("NSG-A", ID)
    );
    assert_eq!(expected.subnets, ["/s/subnets/a"]);
    assert_eq!(expected.interfaces, ["/s/networkInterfaces/n"]);
    let web = &expected.rules[0];
    assert_eq!(
        prefixes(&web.source.prefixes),
        "192.0.2.0/24, 198.51.100.7/32"
    );
    assert_eq!(web.destination.ports.to_string(), "80, 443, 8000-8080");
    assert_eq!(web.path, "securityRules[0]");
    let out = &expected.rules[1];
    assert_eq!(
        (out.direction, out.access),
        (Direction::Outbound, Decision::Deny)
    );
    assert_eq!(out.protocols, ProtocolSet::UDP);
    assert_eq!(out.destination.tags, ["Sql.WestEurope"]);

    let (flat, rest, shell) = (flat(), nested(&flat()), pascal(&flat()));
    for document in [
        json!([flat]),
        json!({"NewNSG": flat}),
        rest.clone(),
        json!({"value": [rest]}),
        json!({"count": 1, "data": [rest], "skip_token": null, "total_records": 1}),
        shell.clone(),
        json!([shell]),
        json!({"value": [shell], "Count": 1}),
    ] {
        let read = read_value(&document);
        assert!(
            read.faults.is_empty() && read.remarks.is_empty(),
            "{:?}",
            read.faults
        );
        assert_eq!(
            placeless(only(&document)),
            placeless(expected.clone()),
            "{document}"
        );
    }
    let listed = read_value(&json!({"value": [rest]}));
    assert_eq!(
        listed.nsgs[0].rules[0].path,
        "value[0].properties.securityRules[0]"
    );
}

#[test]
fn lists_in_lists_of_powershell_are_read() {
    let rule = first(&json!({
        "destinationPortRange": {"value": ["22", "80-81"], "Count": 2},
        "sourceAddressPrefix": ["192.0.2.0/24", "2001:db8::/32"],
        "protocol": ["Tcp", "Udp"],
    }));
    assert_eq!(rule.destination.ports.to_string(), "22, 80-81");
    assert_eq!(
        prefixes(&rule.source.prefixes),
        "192.0.2.0/24, 2001:db8::/32"
    );
    assert_eq!(rule.protocols, ProtocolSet::TCP.union(ProtocolSet::UDP));
}

#[test]
fn a_list_of_rules_is_read_for_its_group() {
    let rules = |names: &[(&str, u32)]| -> Vec<Value> {
        names
            .iter()
            .map(|&(name, priority)| {
                rule(
                    &json!({"name": name, "id": format!("{ID}/securityRules/{name}"),
                    "priority": priority}),
                )
            })
            .collect()
    };
    let document = Value::from(rules(&[("a", 100), ("b", 200)]));
    let nsg = only(&document);
    assert_eq!((nsg.name.as_str(), nsg.id.as_str()), ("NSG-A", ID));
    assert!(nsg.rules_only && nsg.defaults_added && nsg.unread.is_empty());
    assert_eq!(nsg.rules.len(), 8);
    // One rule alone tells nothing of the others.
    let nsg = only(&rules(&[("a", 100)])[0]);
    assert_eq!(nsg.unread.len(), 1);
    let message = parse(rule(&json!({})).to_string().as_bytes(), "").unwrap_err();
    assert!(message.contains("give the group itself"), "{message}");
}

#[test]
fn utf16_and_marks_are_read() {
    let text = flat().to_string();
    let marked = format!("\u{FEFF}{text}");
    let wide: Vec<u8> = marked.encode_utf16().flat_map(u16::to_le_bytes).collect();
    for bytes in [marked.as_bytes(), &wide] {
        assert_eq!(parse(bytes, "").unwrap().nsgs.len(), 1);
    }
}

#[test]
fn pages_that_go_on_are_a_fault() {
    for key in ["nextLink", "skip_token"] {
        let mut document = json!({"value": [flat()]});
        document[key] = json!("https://management.example/next");
        let faults = read_value(&document).faults;
        assert_eq!(faults.len(), 1);
        assert_eq!(faults[0].path, key);
    }
}

#[test]
fn other_documents_are_refused() {
    for (json, words) in [
        ("", "no JSON"),
        ("[]", "found a list of 0"),
        ("{\"records\": []}", "an object of records"),
        (
            "{\"name\": \"a\", \"addressSpace\": {}}",
            "an object of addressSpace, name",
        ),
        ("7", "found 7"),
    ] {
        let message = parse(json.as_bytes(), "").unwrap_err();
        assert!(message.contains(words), "{message}");
    }
}
