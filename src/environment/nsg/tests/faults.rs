use super::*;

/// The only fault of a document of one rule, which is kept or not.
fn fault(with: &Value) -> (DocumentFault, bool) {
    let read = read_value(&with_rules(&[rule(with)]));
    assert_eq!(read.faults.len(), 1, "{with}: {:?}", read.faults);
    let nsg = &read.nsgs[0];
    assert_eq!(nsg.rules.len() + nsg.unread.len(), 7);
    (read.faults[0].clone(), nsg.unread.is_empty())
}

#[test]
fn faults_name_place_and_find() {
    let long = "n".repeat(81);
    for (with, path, words, kept) in [
        (json!({"priority": null}), "", "found nothing", false),
        (
            json!({"priority": "high"}),
            ".priority",
            "found \"high\"",
            false,
        ),
        (
            json!({"priority": 99_999_999_999_999_999_u64}),
            ".priority",
            "99999999999999999",
            false,
        ),
        (json!({"priority": 1e300}), ".priority", "1e+300", false),
        (json!({"priority": 100.5}), ".priority", "100.5", false),
        (json!({"priority": -1}), ".priority", "-1", false),
        (
            json!({"priority": 99}),
            ".priority",
            "100 to 4096, found 99",
            true,
        ),
        (
            json!({"priority": {"a": 1}}),
            ".priority",
            "an object of a",
            false,
        ),
        (
            json!({"direction": "Sideways"}),
            ".direction",
            "found \"Sideways\"",
            false,
        ),
        (
            json!({"access": "Audit"}),
            ".access",
            "found \"Audit\"",
            false,
        ),
        (
            json!({"protocol": "Tcpp"}),
            ".protocol",
            "found \"Tcpp\"",
            false,
        ),
        (json!({"protocol": null}), "", "`protocol`", false),
        (
            json!({"destinationPortRange": "443-80"}),
            ".destinationPortRange",
            "443-80",
            false,
        ),
        (
            json!({"destinationPortRange": "70000"}),
            ".destinationPortRange",
            "70000",
            false,
        ),
        (
            json!({"destinationPortRange": true}),
            ".destinationPortRange",
            "true",
            false,
        ),
        (
            json!({"destinationPortRange": null}),
            "",
            "destination ports",
            false,
        ),
        (
            json!({"sourceAddressPrefix": "10.0.0.0/33"}),
            ".sourceAddressPrefix",
            "10.0.0.0/33",
            true,
        ),
        (
            json!({"sourceAddressPrefix": {"a": 1}}),
            ".sourceAddressPrefix",
            "an object of a",
            true,
        ),
        (
            json!({"sourceAddressPrefix": null}),
            "",
            "source address, tag or group",
            true,
        ),
        (
            json!({"sourceAddressPrefixes": ["192.0.2.0/24", false]}),
            ".sourceAddressPrefixes[1]",
            "found false",
            true,
        ),
        (
            json!({"sourceAddressPrefix": "System.Collections.Generic.List`1[System.String]"}),
            ".sourceAddressPrefix",
            "-Depth 10",
            true,
        ),
        (
            json!({"sourceApplicationSecurityGroups": [7]}),
            ".sourceApplicationSecurityGroups[0]",
            "found 7",
            true,
        ),
        (json!({"name": null}), "", "expected a name", true),
        (json!({"name": long}), ".name", "at most 80", true),
    ] {
        let (fault, is_kept) = fault(&with);
        assert_eq!(fault.path, format!("securityRules[0]{path}"), "{with}");
        assert!(fault.detail.contains(words), "{with}: {}", fault.detail);
        assert_eq!(is_kept, kept, "{with}");
        assert_eq!(fault.file, "nsgs.json");
    }
}

#[test]
fn what_is_bad_in_a_list_of_addresses_is_unknown_and_the_rest_is_read() {
    let rule = first(&json!({"sourceAddressPrefix": null,
        "sourceAddressPrefixes": ["192.0.2.0/24", "010.0.0.1", "Bad Tag"]}));
    assert_eq!(prefixes(&rule.source.prefixes), "192.0.2.0/24");
    assert_eq!(rule.source.unknown, ["010.0.0.1", "Bad Tag"]);
}

#[test]
fn odd_addresses_are_remarks() {
    for (with, words) in [
        (
            json!({"sourceAddressPrefix": "10.20.0.5/27"}),
            "10.20.0.0/27",
        ),
        (
            json!({"sourceAddressPrefix": null, "sourceAddressPrefixes": ["Sql", "Storage"]}),
            "several tags: Sql, Storage",
        ),
        (
            json!({"sourceAddressPrefix": null, "sourceAddressPrefixes": ["192.0.2.1", "2001:db8::1"]}),
            "both IPv4 and IPv6",
        ),
    ] {
        let read = read_value(&with_rules(&[rule(&with)]));
        assert!(read.faults.is_empty(), "{:?}", read.faults);
        assert_eq!(read.remarks.len(), 1, "{with}");
        assert!(
            read.remarks[0].detail.contains(words),
            "{}",
            read.remarks[0].detail
        );
    }
    let rule = first(&json!({"sourceAddressPrefix": "192.0.2.4-192.0.2.9"}));
    assert_eq!(
        prefixes(&rule.source.prefixes),
        "192.0.2.4/30, 192.0.2.8/31"
    );
}

#[test]
fn rules_of_one_priority_are_named_and_kept() {
    let read = read_value(&with_rules(&[
        rule(&json!({"name": "one"})),
        rule(&json!({"name": "two"})),
        rule(&json!({"name": "out", "direction": "Outbound"})),
    ]));
    assert_eq!(read.nsgs[0].rules.len(), 9);
    assert_eq!(read.faults.len(), 1);
    assert!(
        read.faults[0]
            .detail
            .starts_with("one and two of nsg are both inbound")
    );
    assert_eq!(read.faults[0].path, "securityRules[1]");
}

#[test]
fn names_cannot_command_the_terminal() {
    let nsg =
        only(&json!({"name": "a\u{1b}[2J", "securityRules": [rule(&json!({"name": "\u{7}b"}))]}));
    assert_eq!(nsg.name, "a\\u{1b}[2J");
    assert_eq!(nsg.rules[0].name, "\\u{7}b");
}

#[test]
fn rules_that_powershell_cut_off_are_there_but_not_read() {
    let read = read_value(&json!({
        "Name": "a",
        "SecurityRules": ["Microsoft.Azure.Commands.Network.Models.PSSecurityRule"],
    }));
    assert_eq!(read.nsgs[0].unread.len(), 1);
    assert_eq!(read.nsgs[0].unread[0].direction, None);
    assert_eq!(read.faults[0].path, "SecurityRules[0]");
    assert!(
        read.faults[0].detail.contains("-Depth 10"),
        "{:?}",
        read.faults
    );
}
