//! Security admin rules of Virtual Network Manager: asked before all NSGs, where they are in effect.

mod support;

use serde_json::{Value, json};
use support::azure::{Folder, id, network, rule};

const SSH: &str = "inbound tcp 192.0.2.1:40000 -> 10.0.1.4:22";
const WEB: &str = "inbound tcp 192.0.2.1:40000 -> 10.0.1.4:443";
const DATABASE: &str = "inbound tcp 192.0.2.1:40000 -> 10.0.1.4:1433";

/// A rule as a configuration states it.
fn configured(name: &str, priority: u32, access: &str, port: &str) -> Value {
    let path = "networkManagers/avnm/securityAdminConfigurations/c/ruleCollections/k/rules";
    json!({
        "id": id(&format!("{path}/{name}")), "name": name, "kind": "Custom", "access": access,
        "direction": "Inbound", "priority": priority, "protocol": "Tcp",
        "sources": [{"addressPrefix": "Internet", "addressPrefixType": "ServiceTag"}],
        "sourcePortRanges": ["0-65535"],
        "destinations": [{"addressPrefix": "*", "addressPrefixType": "IPPrefix"}],
        "destinationPortRanges": [port],
    })
}

/// The group that all rules apply to.
fn group() -> String {
    id("networkManagers/avnm/networkGroups/g")
}

/// A rule as `az network manager list-effective-security-admin-rule` prints it.
fn effective(name: &str, priority: u32, access: &str, port: &str) -> Value {
    let mut rule = configured(name, priority, access, port);
    rule["ruleCollectionAppliesToGroups"] = json!([{"networkGroupId": group()}]);
    rule["ruleGroups"] = json!([{"id": group(), "memberType": "VirtualNetwork"}]);
    rule
}

fn listed(rules: &[Value]) -> Value {
    json!({"skipToken": "", "value": rules})
}

/// A rule of another manager.
fn of_other(mut rule: Value) -> Value {
    rule["id"] = json!(
        rule["id"]
            .as_str()
            .unwrap_or_default()
            .replace("avnm", "central")
    );
    rule
}

/// A network manager, with management groups or subscriptions in its scope.
fn manager(name: &str, key: &str) -> Value {
    json!({"id": id(&format!("networkManagers/{name}")), "name": name,
        "type": "Microsoft.Network/networkManagers", "networkManagerScopes": {key: ["/x"]}})
}

#[test]
fn of_several_managers_the_one_with_the_higher_scope_comes_first_where_that_is_known() {
    let folder = folder();
    let rules = [
        effective("DenyWeb", 10, "Deny", "443"),
        of_other(effective("AllowWeb", 20, "Allow", "443")),
        effective("DenySsh", 30, "Deny", "22"),
        of_other(effective("DenySshToo", 40, "Deny", "22")),
    ];
    folder.add("admin", &listed(&rules));
    assert_eq!(
        (folder.answer(WEB), folder.answer(SSH)),
        ("undetermined".to_owned(), "deny".to_owned())
    );
    folder.add("managers", &json!([manager("avnm", "subscriptions")]));
    assert_eq!(folder.answer(WEB), "undetermined");
    let both = [
        manager("avnm", "subscriptions"),
        manager("central", "managementGroups"),
    ];
    folder.add("managers", &json!(both));
    assert_eq!(
        (folder.answer(WEB), folder.answer(SSH)),
        ("allow".to_owned(), "deny".to_owned())
    );
    let other = [
        manager("central", "subscriptions"),
        manager("avnm", "managementGroups"),
    ];
    folder.add("managers", &json!(other));
    assert_eq!(folder.answer(WEB), "deny");
    let alike = [
        manager("central", "managementGroups"),
        manager("avnm", "managementGroups"),
    ];
    folder.add("managers", &json!(alike));
    assert_eq!(folder.answer(WEB), "undetermined");
}

/// An NSG that lets HTTPS in and nothing else from outside.
fn folder() -> Folder {
    Folder::of_rules(&[rule("AllowHttps", 200, "Allow", "*", "443")])
}

#[test]
fn deny_ends_allow_goes_on_and_always_allow_passes_the_nsgs() {
    let folder = folder();
    assert_eq!(folder.answer(SSH), "deny");
    folder.add(
        "admin",
        &listed(&[
            effective("AllowDatabase", 10, "Allow", "1433"),
            effective("AlwaysSsh", 20, "AlwaysAllow", "22"),
            effective("DenyHttps", 30, "Deny", "443"),
        ]),
    );
    assert_eq!(
        folder.told(SSH),
        format!(
            "{SSH}: allow interface: no NSG, which allows network manager avnm: allow by AlwaysSsh \
             (always allow, priority 20) passed AllowDatabase (allow, priority 10): destination port \
             22 is not in 1433 subnet nsg: not asked"
        )
    );
    let told = folder.told(WEB);
    assert!(told.contains(": deny interface"), "{told}");
    assert!(
        told.contains("network manager avnm: deny by DenyHttps (deny, priority 30)"),
        "{told}"
    );
    assert!(told.ends_with("subnet nsg: not asked"), "{told}");
    let told = folder.told(DATABASE);
    assert!(
        told.contains("network manager avnm: allow by AllowDatabase"),
        "{told}"
    );
    assert!(
        told.contains("subnet nsg: deny by DenyAllInBound"),
        "{told}"
    );
    let told = folder.told("inbound tcp 192.0.2.1:40000 -> 10.0.1.4:80");
    assert!(
        told.contains("network manager avnm: no rule matches, so the NSGs decide"),
        "{told}"
    );
    assert!(!folder.said().contains("not evaluated"));
}

#[test]
fn every_verb_asks_them() {
    let folder = folder();
    folder.bench.write(
        "old/vnet.json",
        std::fs::read(folder.bench.path("azure/vnet.json")).expect("it is there"),
    );
    folder.bench.write(
        "old/nsgs.json",
        std::fs::read(folder.bench.path("azure/nsgs.json")).expect("it is there"),
    );
    folder.add(
        "admin",
        &listed(&[
            effective("AlwaysSsh", 20, "AlwaysAllow", "22"),
            effective("DenySsh", 30, "Deny", "22"),
            effective("AllowRest", 40, "Allow", "80"),
        ]),
    );
    let flat = |text: String| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let told = flat(
        folder
            .bench
            .run(["diff-rules", "old", "azure"])
            .expect(1)
            .stdout,
    );
    assert!(told.contains("inbound of app: deny -> allow"), "{told}");
    assert!(
        told.contains("after: by AlwaysSsh (always allow, priority 20) of network manager avnm"),
        "{told}"
    );
    assert!(told.contains("port 22"), "{told}");
    let ran = folder
        .bench
        .run(["prove", "--azure", "azure", "--unneeded", "--anomalies"]);
    let told = flat(ran.stdout);
    assert!(
        told.contains("nothing requires it, by AlwaysSsh (always allow, priority 20)"),
        "{told}"
    );
    assert!(
        told.contains(
            "avnm: DenySsh (deny, priority 30) never decides: AlwaysSsh (always allow, priority 20)"
        ),
        "{told}"
    );
    assert!(
        told.contains("avnm: AllowRest (allow, priority 40) changes nothing: without it its packets would go on"),
        "{told}"
    );
}

#[test]
fn rules_that_may_not_be_in_effect_leave_open_what_they_would_change_and_no_more() {
    let folder = folder();
    folder.add(
        "admin",
        &listed(&[
            configured("AlwaysSsh", 20, "AlwaysAllow", "22"),
            configured("DenyHttps", 30, "Deny", "443"),
            configured("DenyDatabase", 40, "Deny", "1433"),
        ]),
    );
    for (packet, answer) in [
        (SSH, "undetermined"),
        (WEB, "undetermined"),
        (DATABASE, "deny"),
    ] {
        assert_eq!(folder.answer(packet), answer, "{packet}");
    }
    let told = folder.told(SSH);
    assert!(
        told.contains(
            "rule AlwaysSsh may match: it is not known whether it is deployed, and to which"
        ),
        "{told}"
    );
}

#[test]
fn of_several_networks_the_file_or_the_group_says_which() {
    let documents = |file: &str, rules: Value| {
        let folder = Folder::new(&[
            ("vnet", network("vnet", "10.0.0.0/16", "10.0.1.0/24", None)),
            (
                "other",
                network("other", "10.9.0.0/16", "10.9.1.0/24", None),
            ),
        ]);
        folder.add(file, &rules);
        folder
    };
    let elsewhere = "inbound tcp 192.0.2.1:40000 -> 10.9.1.4:22";
    let deny = || listed(&[effective("DenySsh", 20, "Deny", "22")]);
    let folder = documents("admin/vnet", deny());
    assert_eq!(folder.answer(SSH), "deny");
    assert_eq!(folder.answer(elsewhere), "allow");
    let folder = documents("admin/rules", deny());
    assert_eq!(folder.answer(SSH), "undetermined");
    assert_eq!(folder.answer(WEB), "allow");

    // What is deployed applies to the members of its groups; those that a policy adds are not listed.
    let mut active = effective("DenySsh", 20, "Deny", "22");
    active["commitTime"] = json!("2026-01-05T00:00:00Z");
    active["region"] = json!("westeurope");
    let folder = documents("active", listed(&[active]));
    assert_eq!(folder.answer(SSH), "undetermined");
    folder.add(
        "members",
        &json!([{"id": format!("{}/staticMembers/m", group()), "name": "m",
            "resourceId": id("virtualNetworks/vnet")}]),
    );
    assert_eq!(folder.answer(SSH), "deny");
    assert_eq!(folder.answer(elsewhere), "undetermined");
}

#[test]
fn a_rule_that_cannot_be_read_or_is_only_seen_is_there() {
    let folder = folder();
    let mut bad = effective("Odd", 20, "Sometimes", "22");
    bad["priority"] = json!("first");
    folder.add("admin", &listed(&[bad]));
    let said = folder.said();
    assert!(said.contains("admin.json value[0].access"), "{said}");
    assert!(
        said.contains("expected Allow, AlwaysAllow or Deny, found \"Sometimes\""),
        "{said}"
    );
    assert_eq!(folder.answer(SSH), "undetermined");

    let folder = self::folder();
    folder.add(
        "effective",
        &json!({"value": [{
            "networkSecurityGroup": null,
            "association": {"networkManager": {"id": id("networkManagers/avnm")}},
            "effectiveSecurityRules": [{"name": "DenySsh", "access": "Deny"}],
        }]}),
    );
    assert!(folder.said().contains("list-effective-security-admin-rule"));
    assert_eq!(folder.answer(SSH), "undetermined");
}
