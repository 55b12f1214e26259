use super::*;

fn effective(name: &str, with: &Value) -> Value {
    let mut rule = json!({
        "name": name, "access": "Allow", "direction": "Outbound", "priority": 200, "protocol": "All",
        "sourceAddressPrefix": "0.0.0.0/0", "sourceAddressPrefixes": ["0.0.0.0/0", "0.0.0.0/0"],
        "expandedSourceAddressPrefix": null,
        "sourcePortRange": "0-65535", "sourcePortRanges": ["0-65535"],
        "destinationAddressPrefix": "Sql", "destinationAddressPrefixes": ["Sql"],
        "expandedDestinationAddressPrefix": ["192.0.2.0/25", "192.0.2.128/25", "2001:db8::/32"],
        "destinationPortRange": "3389-3389", "destinationPortRanges": ["3389-3389"],
    });
    for (key, value) in with.as_object().unwrap() {
        rule[key] = value.clone();
    }
    rule
}

fn entry(rules: &[Value]) -> Value {
    json!({
        "networkSecurityGroup": {"id": "/s/networkSecurityGroups/NSG-A", "resourceGroup": "rg"},
        "association": {"subnet": {"id": "/s/virtualNetworks/v/subnets/a"}, "networkInterface": null},
        "effectiveSecurityRules": rules, "tagMap": null,
    })
}

#[test]
fn all_wrappings_say_the_same() {
    let entry = entry(&[effective("securityRules/AllowSql", &json!({}))]);
    for document in [
        json!({"value": [entry]}),
        json!({"networkSecurityGroups": [entry]}),
        json!([entry]),
        entry.clone(),
    ] {
        let read = read_value(&document);
        assert!(
            read.faults.is_empty() && read.nsgs.is_empty(),
            "{:?}",
            read.faults
        );
        let nsg = &read.effective[0].nsg;
        assert_eq!(
            (nsg.name.as_str(), nsg.subnets.len(), nsg.interfaces.len()),
            ("NSG-A", 1, 0)
        );
        assert_eq!(nsg.rules.len(), 7);
        let rule = &nsg.rules[0];
        assert_eq!((rule.name.as_str(), rule.is_default), ("AllowSql", false));
        assert_eq!(rule.protocols, ProtocolSet::ANY);
        assert!(rule.source.ports.is_any());
        assert_eq!(rule.destination.ports.to_string(), "3389");
        assert!(rule.destination.expanded && !rule.source.expanded);
        assert_eq!(rule.destination.tags, ["Sql"]);
        assert_eq!(
            prefixes(&rule.destination.prefixes),
            "192.0.2.0/24, 2001:db8::/32"
        );
    }
}

#[test]
fn any_address_of_a_user_may_leave_ipv6_open() {
    let document = entry(&[
        effective("securityRules/a", &json!({})),
        effective(
            "defaultSecurityRules/AllowInternetOutBound",
            &json!({
                "priority": 65001, "destinationAddressPrefix": "Internet",
                "destinationAddressPrefixes": ["Internet"], "destinationPortRange": "0-65535",
                "destinationPortRanges": ["0-65535"],
            }),
        ),
        effective(
            "defaultSecurityRules/DefaultOutboundDenyAll",
            &json!({
                "priority": 65500, "access": "Deny", "destinationAddressPrefix": "0.0.0.0/0",
                "destinationAddressPrefixes": null, "expandedDestinationAddressPrefix": [],
            }),
        ),
    ]);
    let nsg = read_value(&document).effective.remove(0).nsg;
    let user = &nsg.rules[0].source;
    assert_eq!(user.prefixes, set(&["0.0.0.0/0"]));
    assert_eq!(user.unknown.len(), 1, "IPv6 is not said");
    let internet = &nsg.rules[1];
    assert!(internet.is_default && internet.source.any && internet.source.unknown.is_empty());
    assert!(internet.destination.expanded);
    let deny = &nsg.rules[2];
    assert_eq!(
        (deny.name.as_str(), deny.is_default),
        ("DenyAllOutBound", true)
    );
    assert!(deny.destination.any && !deny.destination.expanded);
    assert_eq!(nsg.rules.len(), 7, "the missing three are added");
}

#[test]
fn powershell_and_interfaces() {
    let document = json!([{
        "NetworkSecurityGroup": {"Id": "/s/networkSecurityGroups/NSG-B"},
        "Association": {"NetworkInterface": {"Id": "/s/networkInterfaces/n"}, "Subnet": {}},
        "EffectiveSecurityRules": [{
            "Name": "securityRules/ssh", "Protocol": "Tcp", "SourcePortRange": ["0-65535"],
            "DestinationPortRange": ["22-22"], "SourceAddressPrefix": ["192.0.2.0/24"],
            "DestinationAddressPrefix": ["VirtualNetwork"], "ExpandedSourceAddressPrefix": [],
            "ExpandedDestinationAddressPrefix": ["10.20.0.0/16", "168.63.129.16/32"],
            "Access": "Allow", "Priority": 100, "Direction": "Inbound",
        }],
    }]);
    let nsg = read_value(&document).effective.remove(0).nsg;
    assert_eq!(nsg.interfaces, ["/s/networkInterfaces/n"]);
    assert!(nsg.subnets.is_empty());
    assert_eq!(
        prefixes(&nsg.rules[0].destination.prefixes),
        "10.20.0.0/16, 168.63.129.16/32"
    );
}

#[test]
fn other_listings_are_named() {
    let manager = json!({"value": [
        {"association": {"networkManager": {"id": "/s/networkManagers/m"}}, "effectiveSecurityRules": []},
        entry(&[]),
    ]});
    let read = read_value(&manager);
    assert_eq!((read.effective.len(), read.faults.len()), (1, 1));
    let view = json!({"networkInterfaces": [{"id": "/s/n", "securityRuleAssociations": {}}]});
    let message = parse(view.to_string().as_bytes(), "").unwrap_err();
    assert!(message.contains("list-effective-nsg"), "{message}");
}
