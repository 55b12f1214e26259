//! What other tools get wrong about rules, each with the right answer.
//!
//! Posture scanners ask each rule by itself and by the spelling of its fields; a parser of
//! configurations leaves out the NSG of the interface and takes tags that it does not know for nothing.

mod support;

use serde_json::{Value, json};
use support::azure::{Folder, id, interface, network, nsg, rule, with};

/// One wrong answer of another tool.
struct Case {
    /// What it gets wrong.
    wrong: &'static str,
    folder: Folder,
    /// Packets and what becomes of them.
    right: &'static [(&'static str, &'static str)],
}

#[track_caller]
fn check(cases: impl IntoIterator<Item = Case>) {
    for Case {
        wrong,
        folder,
        right,
    } in cases
    {
        assert!(!right.is_empty());
        for (packet, answer) in right {
            assert_eq!(folder.answer(packet), *answer, "{wrong}: {packet}");
        }
    }
}

const SSH: &str = "inbound tcp 203.0.113.9:40000 -> 10.0.1.4:22";
const SSH_V6: &str = "inbound tcp [2001:db8::9]:40000 -> [fd00:1::4]:22";

/// Rules of an NSG on a subnet of both families.
fn of_rules(rules: &[Value]) -> Folder {
    let mut vnet = network("vnet", "10.0.0.0/16", "10.0.1.0/24", Some("nsg"));
    vnet["addressSpace"]["addressPrefixes"] = json!(["10.0.0.0/16", "fd00:1::/48"]);
    vnet["subnets"][0]["addressPrefix"] = Value::Null;
    vnet["subnets"][0]["addressPrefixes"] = json!(["10.0.1.0/24", "fd00:1::/64"]);
    Folder::new(&[("vnet", vnet), ("nsgs", json!([nsg("nsg", rules)]))])
}

/// One rule that lets SSH in, with some fields otherwise.
fn ssh(fields: &Value) -> Folder {
    of_rules(&[with(rule("Ssh", 200, "Allow", "*", "22"), fields)])
}

#[test]
fn whether_ssh_is_open_does_not_hang_on_how_that_is_written() {
    let case = |wrong, fields: Value, right| Case {
        wrong,
        folder: ssh(&fields),
        right,
    };
    check([
        case("nothing", json!({}), &[(SSH, "allow"), (SSH_V6, "allow")]),
        case(
            "port * passes, since it is not 22 (Prowler)",
            json!({"destinationPortRange": "*"}),
            &[(SSH, "allow")],
        ),
        case(
            "a list of ports passes (Prowler)",
            json!({"destinationPortRange": null, "destinationPortRanges": ["22", "3389"]}),
            &[
                (SSH, "allow"),
                ("inbound tcp 203.0.113.9 -> 10.0.1.4:3389", "allow"),
            ],
        ),
        case(
            "a range around the port passes",
            json!({"destinationPortRange": "20-25"}),
            &[
                (SSH, "allow"),
                ("inbound tcp 203.0.113.9 -> 10.0.1.4:26", "deny"),
            ],
        ),
        case(
            "a list of sources passes (Prowler), or means any source (Batfish)",
            json!({"sourceAddressPrefix": null, "sourceAddressPrefixes": ["203.0.113.0/24"]}),
            &[
                (SSH, "allow"),
                ("inbound tcp 198.51.100.1 -> 10.0.1.4:22", "deny"),
            ],
        ),
        case(
            "0.0.0.0/0 passes (Checkov)",
            json!({"sourceAddressPrefix": "0.0.0.0/0"}),
            &[(SSH, "allow"), (SSH_V6, "deny")],
        ),
        case(
            "::/0 passes (Prowler, Checkov)",
            json!({"sourceAddressPrefix": "::/0"}),
            &[(SSH, "deny"), (SSH_V6, "allow")],
        ),
        case(
            "two halves pass (Prowler, Checkov)",
            json!({"sourceAddressPrefix": "", "sourceAddressPrefixes": ["0.0.0.0/1", "128.0.0.0/1"]}),
            &[
                (SSH, "allow"),
                ("inbound tcp 9.9.9.9 -> 10.0.1.4:22", "allow"),
            ],
        ),
        case(
            "the tag Internet passes (Trivy), or is nothing (Batfish)",
            json!({"sourceAddressPrefix": "Internet"}),
            &[
                (SSH, "allow"),
                ("inbound tcp 20.1.2.3 -> 10.0.1.4:22", "allow"),
                ("inbound tcp 10.0.9.9 -> 10.0.1.4:22", "allow"),
            ],
        ),
        case(
            "protocol * is no protocol that a packet has (Batfish)",
            json!({"protocol": "*"}),
            &[
                (SSH, "allow"),
                ("inbound udp 203.0.113.9 -> 10.0.1.4:22", "allow"),
                ("inbound icmp 203.0.113.9 -> 10.0.1.4", "deny"),
            ],
        ),
        case(
            "ports count for all protocols",
            json!({"protocol": "Icmp", "destinationPortRange": "*"}),
            &[
                ("inbound icmp 203.0.113.9 -> 10.0.1.4", "allow"),
                (SSH, "deny"),
            ],
        ),
    ]);
}

#[test]
fn the_first_rule_that_matches_decides_and_no_later_one() {
    let deny = rule("DenyAll", 100, "Deny", "*", "*");
    let narrow = rule("DenySome", 100, "Deny", "203.0.113.0/28", "*");
    let allow = || rule("Ssh", 200, "Allow", "*", "22");
    check([
        Case {
            wrong: "a deny of lower priority number is not read (Prowler, Checkov, Trivy)",
            folder: of_rules(&[deny, allow()]),
            right: &[(SSH, "deny"), (SSH_V6, "deny")],
        },
        Case {
            wrong: "a deny of some closes all, or none",
            folder: of_rules(&[allow(), narrow]),
            right: &[
                (SSH, "deny"),
                ("inbound tcp 203.0.113.16 -> 10.0.1.4:22", "allow"),
            ],
        },
        Case {
            wrong: "defaults are not read",
            folder: of_rules(&[]),
            right: &[
                (SSH, "deny"),
                ("inbound tcp 10.0.7.7 -> 10.0.1.4:22", "allow"),
                ("inbound tcp 168.63.129.16 -> 10.0.1.4:80", "allow"),
                ("outbound tcp 10.0.1.4 -> 20.1.2.3:443", "allow"),
                ("outbound tcp 10.0.1.4 -> 192.168.9.9:443", "deny"),
            ],
        },
    ]);
}

#[test]
fn both_levels_are_asked_within_a_subnet_too() {
    let documents = |own: &[Value], subnet: &[Value]| {
        Folder::new(&[
            (
                "vnet",
                network("vnet", "10.0.0.0/16", "10.0.1.0/24", Some("nsg")),
            ),
            ("nics", json!([interface("nic", "10.0.1.4", Some("own"))])),
            ("nsgs", json!([nsg("nsg", subnet), nsg("own", own)])),
        ])
    };
    let ssh = |access| rule("Ssh", 200, access, "*", "22");
    let neighbour = "inbound tcp 10.0.1.9:40000 -> 10.0.1.4:22";
    check([
        Case {
            wrong: "the NSG of the interface is read and never asked (Batfish)",
            folder: documents(&[ssh("Deny")], &[ssh("Allow")]),
            right: &[
                (SSH, "deny"),
                ("inbound tcp 203.0.113.9 -> 10.0.1.5:22", "allow"),
            ],
        },
        Case {
            wrong: "an allow of one level is enough",
            folder: documents(&[ssh("Allow")], &[]),
            right: &[(SSH, "deny")],
        },
        Case {
            wrong: "traffic within a subnet is not filtered",
            folder: documents(&[], &[ssh("Deny")]),
            right: &[("inbound tcp 10.0.1.9:40000 -> 10.0.1.4:22", "deny")],
        },
    ]);
    let folder = documents(&[ssh("Allow")], &[ssh("Allow")]);
    let order = |packet: &str| {
        let told = folder.told(packet);
        let at = |words: &str| told.find(words).unwrap_or(usize::MAX);
        (at("subnet nsg") != usize::MAX && at("interface own") != usize::MAX)
            .then(|| at("subnet nsg") < at("interface own"))
    };
    assert_eq!(
        order(neighbour),
        Some(true),
        "inbound the subnet comes first"
    );
    let back = "outbound tcp 10.0.1.4:22 -> 10.0.1.9:40000";
    assert_eq!(
        order(back),
        Some(false),
        "outbound the interface comes first"
    );
}

#[test]
fn tags_are_what_they_hold_and_unknown_ones_are_unknown() {
    let allow = |source: &str| of_rules(&[rule("Ssh", 200, "Allow", source, "22")]);
    let closed = |source: &str| {
        of_rules(&[
            rule("No", 100, "Deny", source, "22"),
            rule("Ssh", 200, "Allow", "*", "22"),
            rule("Rest", 210, "Deny", "*", "*"),
        ])
    };
    check([
        Case {
            wrong: "a deny of a tag that is not known vanishes (Batfish)",
            folder: closed("NoSuchTag"),
            right: &[
                (SSH, "undetermined"),
                ("inbound tcp 203.0.113.9 -> 10.0.1.4:80", "deny"),
            ],
        },
        Case {
            wrong: "an allow of a tag that is not known allows nothing, or everything",
            folder: allow("NoSuchTag"),
            right: &[
                (SSH, "undetermined"),
                ("inbound tcp 203.0.113.9 -> 10.0.1.4:80", "deny"),
            ],
        },
        Case {
            wrong: "VirtualNetwork is all private space, of 172.16.0.0 a /20 (Batfish)",
            folder: allow("VirtualNetwork"),
            right: &[
                ("inbound tcp 10.0.200.1 -> 10.0.1.4:22", "allow"),
                ("inbound tcp 10.1.0.1 -> 10.0.1.4:22", "deny"),
                ("inbound tcp 172.16.0.1 -> 10.0.1.4:22", "deny"),
                ("inbound tcp 192.168.0.1 -> 10.0.1.4:22", "deny"),
                ("inbound tcp 168.63.129.16 -> 10.0.1.4:22", "allow"),
            ],
        },
        Case {
            wrong: "AzureLoadBalancer is not known (Batfish)",
            folder: closed("AzureLoadBalancer"),
            right: &[
                ("inbound tcp 168.63.129.16 -> 10.0.1.4:22", "deny"),
                (SSH, "allow"),
            ],
        },
        Case {
            wrong: "a service tag is nothing",
            folder: allow("LogicAppsManagement"),
            right: &[
                ("inbound tcp 13.69.109.144 -> 10.0.1.4:22", "allow"),
                (SSH, "deny"),
            ],
        },
    ]);
}

#[test]
fn peers_routes_and_groups_are_read() {
    let space = |range: &str| {
        let mut vnet = network("vnet", "10.0.0.0/16", "10.0.1.0/24", Some("nsg"));
        vnet["virtualNetworkPeerings"] = json!([{
            "name": "hub", "peeringState": "Connected",
            "remoteVirtualNetwork": {"id": id("virtualNetworks/hub")},
            "remoteAddressSpace": {"addressPrefixes": [range]},
        }]);
        Folder::new(&[("vnet", vnet), ("nsgs", json!([nsg("nsg", &[])]))])
    };
    let routed = |prefix: &str| {
        let folder = Folder::of_rules(&[]);
        folder.add(
            "routes",
            &json!([{"id": id("routeTables/r"), "name": "r", "subnets": [], "routes": [
                {"name": "one", "addressPrefix": prefix, "nextHopType": "VirtualAppliance",
                    "nextHopIpAddress": "10.0.0.4"}]}]),
        );
        folder
    };
    let group = id("applicationSecurityGroups/web");
    let mut member = interface("nic", "10.0.1.4", None);
    member["ipConfigurations"][0]["applicationSecurityGroups"] = json!([{"id": group}]);
    let to_group = with(
        rule("Ssh", 200, "Allow", "*", "22"),
        &json!({"destinationAddressPrefix": "", "destinationApplicationSecurityGroups": [{"id": group}]}),
    );
    let grouped = Folder::of_rules(&[to_group]);
    grouped.add("nics", &json!([member]));
    check([
        Case {
            wrong: "peered networks are no part of VirtualNetwork (Batfish)",
            folder: space("10.9.0.0/16"),
            right: &[
                ("inbound tcp 10.9.0.1 -> 10.0.1.4:80", "allow"),
                ("inbound tcp 10.8.0.1 -> 10.0.1.4:80", "deny"),
            ],
        },
        Case {
            wrong: "prefixes of routes are no part of VirtualNetwork (Batfish)",
            folder: routed("192.168.0.0/16"),
            right: &[
                ("inbound tcp 192.168.0.1 -> 10.0.1.4:80", "allow"),
                ("inbound tcp 172.16.0.1 -> 10.0.1.4:80", "deny"),
            ],
        },
        Case {
            wrong: "a default route leaves VirtualNetwork as it is",
            folder: routed("0.0.0.0/0"),
            right: &[
                ("inbound tcp 10.0.7.7 -> 10.0.1.4:80", "allow"),
                ("inbound tcp 203.0.113.9 -> 10.0.1.4:80", "undetermined"),
            ],
        },
        Case {
            wrong: "application security groups are not read (Batfish), or mean any address",
            folder: grouped,
            right: &[
                (SSH, "allow"),
                ("inbound tcp 203.0.113.9 -> 10.0.1.5:22", "deny"),
            ],
        },
    ]);
}
