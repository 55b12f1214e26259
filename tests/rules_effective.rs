//! Effective rules, as `az network nic list-effective-nsg` prints them: rules where no group is given,
//! what tags hold where one is, and remarks where the two differ.

mod support;

use serde_json::{Value, json};
use support::azure::{Folder, id, interface, network, nsg, rule, with};

const SSH: &str = "inbound tcp 192.0.2.1:40000 -> 10.0.1.4:22";

/// An effective inbound rule.
fn listed(name: &str, priority: u32, access: &str, source: &str, port: &str) -> Value {
    json!({
        "name": format!("securityRules/{name}"), "access": access, "direction": "Inbound",
        "priority": priority, "protocol": "All",
        "sourceAddressPrefix": source, "sourceAddressPrefixes": [source],
        "expandedSourceAddressPrefix": null,
        "sourcePortRange": "0-65535", "sourcePortRanges": ["0-65535"],
        "destinationAddressPrefix": "0.0.0.0/0", "destinationAddressPrefixes": ["0.0.0.0/0"],
        "expandedDestinationAddressPrefix": null,
        "destinationPortRange": port, "destinationPortRanges": [port],
    })
}

fn for_subnet(group: &str, rules: &[Value]) -> Value {
    json!({"value": [{
        "networkSecurityGroup": {"id": id(&format!("networkSecurityGroups/{group}"))},
        "association": {"subnet": {"id": id("virtualNetworks/vnet/subnets/app")}},
        "effectiveSecurityRules": rules,
    }]})
}

fn for_interface(group: &str, interface: &str, rules: &[Value]) -> Value {
    json!({"value": [{
        "networkSecurityGroup": {"id": id(&format!("networkSecurityGroups/{group}"))},
        "association": {"networkInterface": {"id": id(&format!("networkInterfaces/{interface}"))}},
        "effectiveSecurityRules": rules,
    }]})
}

fn vnet(nsg: Option<&str>) -> Value {
    network("vnet", "10.0.0.0/16", "10.0.1.0/24", nsg)
}

#[test]
fn they_are_the_rules_of_a_level_whose_group_is_not_given() {
    let folder = Folder::new(&[("vnet", vnet(Some("nsg")))]);
    assert_eq!(folder.answer(SSH), "undetermined");
    let rules = [listed("AllowSsh", 100, "Allow", "0.0.0.0/0", "22-22")];
    folder.add("effective", &for_subnet("nsg", &rules));
    let told = folder.told(SSH);
    assert!(
        told.contains("subnet nsg: allow by AllowSsh (allow, priority 100)"),
        "{told}"
    );
    assert_eq!(
        folder.answer("inbound tcp 192.0.2.1:40000 -> 10.0.1.4:80"),
        "deny"
    );
    // Another group than the subnet names was listed before the subnet got this one.
    folder.add("effective", &for_subnet("old", &rules));
    assert_eq!(folder.answer(SSH), "undetermined");
}

#[test]
fn those_of_an_interface_are_a_level_of_its_own() {
    let rules = [
        listed("DenySsh", 100, "Deny", "0.0.0.0/0", "22-22"),
        listed("All", 200, "Allow", "0.0.0.0/0", "0-65535"),
    ];
    let folder = Folder::new(&[
        ("vnet", vnet(None)),
        ("nics", json!([interface("nic", "10.0.1.4", Some("own"))])),
        ("effective", for_interface("own", "nic", &rules)),
    ]);
    let told = folder.told(SSH);
    assert!(told.contains("interface own: deny by DenySsh"), "{told}");
    assert_eq!(
        folder.answer("inbound tcp 192.0.2.1:40000 -> 10.0.1.4:80"),
        "allow"
    );
    assert_eq!(
        folder.answer("inbound tcp 192.0.2.1:40000 -> 10.0.1.5:22"),
        "allow"
    );

    let folder = Folder::new(&[
        ("vnet", vnet(None)),
        ("effective", for_interface("own", "nic", &rules)),
    ]);
    let said = folder.said();
    assert!(said.contains("effective.json value[0]: are the effective rules of an interface that no document gives"), "{said}");
}

#[test]
fn what_they_say_a_tag_holds_is_what_it_holds() {
    let tagged = rule("AllowTag", 100, "Allow", "Mystery", "22");
    let folder = Folder::of_rules(&[tagged]);
    assert_eq!(folder.answer(SSH), "undetermined");
    let expanded = with(
        listed("AllowTag", 100, "Allow", "Mystery", "22-22"),
        &json!({"expandedSourceAddressPrefix": ["192.0.2.0/28"]}),
    );
    folder.add("effective", &for_subnet("nsg", &[expanded]));
    assert_eq!(folder.answer(SSH), "allow");
    assert_eq!(
        folder.answer("inbound tcp 192.0.2.17:40000 -> 10.0.1.4:22"),
        "deny"
    );
    assert!(!folder.said().contains("AllowTag"));
    // VirtualNetwork is what the effective rules say, not what the documents make of it.
    let default = json!({
        "name": "defaultSecurityRules/AllowVnetInBound", "access": "Allow", "direction": "Inbound",
        "priority": 65000, "protocol": "All",
        "sourceAddressPrefix": "VirtualNetwork", "sourceAddressPrefixes": ["VirtualNetwork"],
        "expandedSourceAddressPrefix": ["10.0.0.0/16", "172.16.0.0/12", "168.63.129.16/32"],
        "sourcePortRange": "0-65535", "sourcePortRanges": ["0-65535"],
        "destinationAddressPrefix": "VirtualNetwork", "destinationAddressPrefixes": ["VirtualNetwork"],
        "expandedDestinationAddressPrefix": ["10.0.0.0/16", "172.16.0.0/12", "168.63.129.16/32"],
        "destinationPortRange": "0-65535", "destinationPortRanges": ["0-65535"],
    });
    let on_premises = "inbound tcp 172.20.0.9:40000 -> 10.0.1.4:80";
    assert_eq!(folder.answer(on_premises), "deny");
    folder.add("effective", &for_subnet("nsg", &[default]));
    assert_eq!(folder.answer(on_premises), "allow");
}

#[test]
fn differences_from_the_group_are_told_and_the_group_stands() {
    let folder = Folder::of_rules(&[
        rule("AllowSsh", 100, "Allow", "*", "22"),
        rule("AllowWeb", 110, "Allow", "10.9.0.0/16", "443"),
        rule("Gone", 120, "Deny", "*", "80"),
    ]);
    folder.add(
        "effective",
        &for_subnet(
            "nsg",
            &[
                listed("AllowSsh", 100, "Deny", "0.0.0.0/0", "22-23"),
                listed("AllowWeb", 110, "Allow", "10.8.0.0/16", "443-443"),
                listed("New", 130, "Allow", "0.0.0.0/0", "8080-8080"),
            ],
        ),
    );
    let said = folder.said();
    for told in [
        "AllowSsh of nsg has other access, destination ports in azure/nsgs.json, which is taken",
        "AllowWeb of nsg has other sources in azure/nsgs.json, which is taken",
        "New (allow, priority 130) is in effect, but not among the rules of nsg in azure/nsgs.json",
        "lacks Gone (deny, priority 120) of nsg, which azure/nsgs.json states",
    ] {
        assert!(said.contains(told), "{told}: {said}");
    }
    assert_eq!(said.lines().count(), 4, "{said}");
    assert_eq!(folder.answer(SSH), "allow");
    assert_eq!(
        folder.answer("inbound tcp 192.0.2.1:40000 -> 10.0.1.4:8080"),
        "deny"
    );
}

#[test]
fn a_group_that_says_where_it_is_attached_holds_for_the_subnet_of_a_configuration() {
    let mut group = nsg(
        "nsg",
        &[
            rule("DenySsh", 100, "Deny", "*", "22"),
            rule("All", 200, "Allow", "*", "*"),
        ],
    );
    group["subnets"] = json!([{"id": id("virtualNetworks/vnet/subnets/app")}]);
    let folder = Folder::new(&[("nsgs", json!([group]))]);
    folder.bench.write(
        "nsgaudit.toml",
        "[virtual-network]\naddress-space = [\"10.0.0.0/16\"]\n[[subnet]]\nname = \"app\"\nprefixes = [\"10.0.1.0/24\"]\n",
    );
    let ran = folder.bench.run([
        "test",
        "--short",
        "--azure",
        "azure",
        "--config",
        "nsgaudit.toml",
        SSH,
    ]);
    let told = ran.expect(0).stdout;
    assert!(told.ends_with(": deny\n"), "{told}");
}
