//! Documents that are not as they should be: a fault with file, place, what was expected and found;
//! the rest is still evaluated, and what depends on the bad rule is undetermined.

mod support;

use serde_json::{Value, json};
use support::azure::{Folder, rule, with};

const SSH: &str = "inbound tcp 203.0.113.9:40000 -> 10.0.1.4:22";
const WEB: &str = "inbound tcp 203.0.113.9:40000 -> 10.0.1.4:443";
const OTHER: &str = "inbound tcp 203.0.113.9:40000 -> 10.0.1.4:8080";

/// What is wrong, the fields that make it so, what is said, and the answers to SSH, web and all else.
type Case = (Value, &'static [&'static str], [&'static str; 3]);

#[test]
fn a_bad_field_is_told_and_leaves_open_what_it_would_decide() {
    const OPEN: &str = "undetermined";
    let cases: [Case; 13] = [
        // Wrong types.
        (
            json!({"priority": "first"}),
            &[".priority", "expected", "found"],
            [OPEN; 3],
        ),
        (
            json!({"access": 1}),
            &[".access", "expected Allow or Deny, found \"1\""],
            [OPEN; 3],
        ),
        (
            json!({"destinationPortRange": {}}),
            &[".destinationPortRange", "expected a port"],
            [OPEN; 3],
        ),
        (
            json!({"sourceAddressPrefix": 7}),
            &[".sourceAddressPrefix", "expected an address"],
            [OPEN, "allow", "deny"],
        ),
        // What is missing.
        (
            json!({"priority": null}),
            &["securityRules[0]", "priority"],
            [OPEN; 3],
        ),
        (
            json!({"access": null}),
            &["securityRules[0]", "expected Allow or Deny"],
            [OPEN; 3],
        ),
        (
            json!({"destinationPortRange": null}),
            &["expected destination ports, found none"],
            [OPEN; 3],
        ),
        (
            json!({"sourceAddressPrefix": null}),
            &["expected a source address, tag or group, found none"],
            [OPEN, "allow", "deny"],
        ),
        // Values that are none.
        (
            json!({"destinationPortRange": "22-21"}),
            &[".destinationPortRange", "found \"22-21\""],
            [OPEN; 3],
        ),
        (
            json!({"destinationPortRange": "70000"}),
            &[".destinationPortRange", "found \"70000\""],
            [OPEN; 3],
        ),
        (
            json!({"protocol": "Carrier"}),
            &[".protocol", "found \"Carrier\""],
            [OPEN; 3],
        ),
        (
            json!({"sourceAddressPrefix": "10.0.0.0/40"}),
            &[".sourceAddressPrefix", "found \"10.0.0.0/40\""],
            [OPEN, "allow", "deny"],
        ),
        (
            json!({"priority": "[parameters('p')]"}),
            &[".priority", "[parameters('p')]"],
            [OPEN; 3],
        ),
    ];
    for (fields, told, [ssh, web, other]) in cases {
        let folder = Folder::of_rules(&[
            with(rule("Bad", 100, "Deny", "192.0.2.0/24", "22"), &fields),
            rule("Web", 200, "Allow", "*", "443"),
            rule("Ssh", 210, "Allow", "*", "22"),
        ]);
        let said = folder.said();
        assert!(
            said.contains("azure/nsgs.json [0].securityRules[0]"),
            "{fields}: {said}"
        );
        for words in told {
            assert!(said.contains(words), "{fields}: {words}: {said}");
        }
        for (packet, answer) in [(SSH, ssh), (WEB, web), (OTHER, other)] {
            // What could only deny leaves open nothing that is denied anyway.
            let open = answer == OPEN && packet == OTHER && fields.get("access").is_none();
            let answer = if open { "deny" } else { answer };
            assert_eq!(folder.answer(packet), answer, "{fields}: {packet}");
        }
        // The other direction is not touched.
        assert_eq!(
            folder.answer("outbound tcp 10.0.1.4 -> 20.1.2.3:443"),
            "allow",
            "{fields}"
        );
    }
}

#[test]
fn host_bits_are_told_and_taken_for_their_prefix() {
    let folder = Folder::of_rules(&[rule("Some", 100, "Allow", "203.0.113.77/24", "22")]);
    assert!(
        folder
            .said()
            .contains("203.0.113.77/24 has host bits: it is 203.0.113.0/24")
    );
    assert_eq!(folder.answer(SSH), "allow");
}

#[test]
fn rules_of_one_priority_leave_open_what_both_match() {
    let folder = Folder::of_rules(&[
        rule("AllowSome", 100, "Allow", "203.0.113.0/24", "*"),
        rule("DenySsh", 100, "Deny", "*", "22"),
    ]);
    let said = folder.said();
    assert!(said.contains("[0].securityRules[1]"), "{said}");
    assert!(
        said.contains("are both inbound with priority 100"),
        "{said}"
    );
    assert_eq!(folder.answer(SSH), "undetermined");
    assert_eq!(folder.answer(WEB), "allow");
    assert_eq!(
        folder.answer("inbound tcp 198.51.100.1 -> 10.0.1.4:22"),
        "deny"
    );
    let told = folder.told(SSH);
    assert!(
        told.contains("it is not known which of the rules of priority 100 comes first"),
        "{told}"
    );
    // Two that do the same have no order to speak of.
    let folder = Folder::of_rules(&[
        rule("One", 100, "Allow", "203.0.113.0/24", "*"),
        rule("Two", 100, "Allow", "*", "22"),
    ]);
    assert_eq!(folder.answer(SSH), "allow");
}

#[test]
fn expressions_of_a_template_are_unknown() {
    let folder = Folder::of_rules(&[
        rule("Some", 100, "Deny", "[parameters('from')]", "22"),
        rule("All", 200, "Allow", "*", "*"),
    ]);
    assert_eq!(folder.answer(SSH), "undetermined");
    assert_eq!(folder.answer(WEB), "allow");
}

#[test]
fn files_that_cannot_be_read_are_told_and_the_others_are_read() {
    let folder = Folder::of_rules(&[rule("Ssh", 200, "Allow", "*", "22")]);
    let bench = &folder.bench;
    bench.write("azure/cut.json", "[{\"name\": \"x\", \"securityRules\": [");
    bench.write("azure/deep.json", "[".repeat(100_000));
    bench.write("azure/empty.json", "");
    bench.write("azure/latin.json", b"{\"name\": \"caf\xe9\"}");
    let huge = std::fs::File::create(bench.path("azure/huge.json")).expect("a file");
    huge.set_len((64 << 20) + 1).expect("it grows");
    let said = folder.said();
    for (file, words) in [
        ("cut.json", "expected"),
        ("deep.json", "expected"),
        ("empty.json", "expected"),
        ("latin.json", "expected"),
        ("huge.json", "larger than 64 MiB"),
    ] {
        let line = said.lines().find(|line| line.contains(file));
        let line = line.unwrap_or_else(|| panic!("{file}: {said}"));
        assert!(line.contains("fault") && line.contains(words), "{line}");
    }
    assert_eq!(folder.answer(SSH), "allow");
}

#[cfg(unix)]
#[test]
fn links_in_circles_are_not_followed() {
    let folder = Folder::of_rules(&[rule("Ssh", 200, "Allow", "*", "22")]);
    let link = folder.bench.path("azure/again");
    std::os::unix::fs::symlink(folder.bench.path("azure"), link).expect("a link");
    assert!(
        folder
            .said()
            .contains("is a link to a folder, and not followed")
    );
    assert_eq!(folder.answer(SSH), "allow");
}
