//! Tests of [`sniff`].

use super::*;
use proptest::prelude::*;

/// What a file is named as, if it is no flow log.
fn named(head: &[u8]) -> String {
    match sniff(head) {
        Kind::NotFlowLog(what) => what,
        kind => panic!("{kind:?}: {}", String::from_utf8_lossy(head)),
    }
}

const NSG: &str = r#"{"records":[{"time":"2026-01-05T10:00:37.1Z","category":"NetworkSecurityGroupFlowEvent","properties":{"Version":2,"flows":[]}}]}"#;

#[test]
fn flow_logs_are_known_in_every_form() {
    let bare = &NSG[12..NSG.len() - 2];
    for head in [
        NSG.to_owned(),
        format!("\u{feff}{NSG}"),
        format!("\r\n \u{feff},\n{bare}"),
        format!(",,{bare}"),
        format!("[{bare}"),
        bare[..60].to_owned() + r#""flowRecords":{"flows"#,
        r#"[{"_raw":"{\"rule\":\"x\",\"flowTuples\":[\"1,2"#.to_owned(),
        r#"{"host":"a","flowTuple":"1767607200,10.30.4.5"}"#.to_owned(),
        "{\"records\":[".to_owned(),
        " { \"records\" : [\n]}".to_owned(),
        r#"0,10.0.0.1,443"]}]},{"rule":"x","flowTuples": ["1"#.to_owned(),
        r#"<134>1 host app: {\"flowTuples\":[]}"#.replace('<', "x"),
    ] {
        assert_eq!(sniff(head.as_bytes()), Kind::FlowLogJson, "{head}");
    }
}

#[test]
fn traffic_analytics_exports_are_known() {
    for head in [
        r#"[{"FlowStatus":"Allowed"}]"#,
        r#"{"FlowStatus_s":"A"}"#,
        r#"{"Type":"AzureNetworkAnalytics_CL"}"#,
        r#"{"tables":[{"name":"PrimaryResult","columns":["#,
    ] {
        assert_eq!(sniff(head.as_bytes()), Kind::TrafficAnalyticsJson, "{head}");
    }
    for head in [
        "TenantId,FlowStatus\r\n1,Allowed",
        "\u{feff}\"TimeGenerated [UTC]\",\"FlowStatus_s\"",
        "flowstatus",
    ] {
        assert_eq!(sniff(head.as_bytes()), Kind::TrafficAnalyticsCsv, "{head}");
    }
    assert!(named(b"TenantId;FlowStatus\n").contains("semicolons"));
}

#[test]
fn other_logs_and_documents_are_named() {
    for (head, words) in [
        (
            r#"{ "time": "2025-07-29", "category": "AppServiceAppLogs" }"#,
            "AppServiceAppLogs",
        ),
        (r#"{"records":[{"category":"AuditEvent"}"#, "AuditEvent"),
        (
            r#"{ "count": 4, "metricName": "cpu_percent"}"#,
            "metrics (cpu_percent)",
        ),
        (
            r#"{"records":[{"properties":{"flows":[{"flowTuples":["1531963580,192.122.0.22"]}]},"time":"20180719:L012620622","category":"NetworkSecurityGroupFlowEvent"}"#,
            "Windows Server",
        ),
        (
            r#"{"changeNumber": 401, "cloud": "X", "values": ["#,
            "service tags",
        ),
        (
            r#"{"value":[{"properties":{"securityRules":["#,
            "network security group",
        ),
        (r#"{"defaultSecurityRules":[]"#, "network security group"),
        (
            r#"{"networkInterface":{},"effectiveSecurityRules":["#,
            "effective",
        ),
        (r#"{"properties":{"addressSpace":{}}}"#, "virtual network"),
        (r#"{"a":1}"#, "JSON without flow records"),
        (
            "<html><title> Sign in\nnow </title>",
            "HTML page (“Sign innow”)",
        ),
        (
            "<?xml version=\"1.0\"?><Error><Code>AuthenticationFailed</Code>",
            "AuthenticationFailed",
        ),
        ("<a/>", "XML"),
        (
            "1767607200,10.30.4.5,198.51.100.7,51544,443,T,O,A\n",
            "bare flow tuples",
        ),
        (
            "\"1767607200123,::1,198.51.100.7,51544,443,6,O,B,NX\"",
            "bare flow tuples",
        ),
        ("a,b,c\n1,2,3", "CSV"),
        ("hello", "neither JSON nor CSV"),
    ] {
        let what = named(head.as_bytes());
        assert!(what.contains(words), "{head}: {what}");
    }
}

#[test]
fn captures_are_told_by_their_first_bytes() {
    for head in [b"\xd4\xc3\xb2\xa1\x02\0", b"\x0a\x0d\x0d\x0a\x1c\0"] {
        assert_eq!(sniff(head), Kind::Capture);
    }
}

#[test]
fn other_formats_are_named_by_their_first_bytes() {
    let tar = [&[b'a'; 257][..], b"ustar\0"].concat();
    for (head, words) in [
        (&b"GMBU\x03\x01"[..], "Network Monitor"),
        (b"PK\x03\x04", "zip"),
        (b"\x1f\x8b\x08\0", "more than twice"),
        (b"\xff\xfe{\0\"\0", "UTF-16"),
        (b"{\0\"\0r\0", "UTF-16"),
        (b"\0{\0\"", "UTF-16"),
        (&[0; 500], "zeros"),
        (&tar, "tar archive"),
        (b"\x01\x02\x03\x04\x05abc", "binary"),
    ] {
        assert!(named(head).contains(words), "{}", named(head));
    }
}

#[test]
fn files_of_settings_are_named_although_a_header_starts_as_a_list() {
    for head in [
        "[virtual-network]\nname = \"x\"",
        "\n[[subnet]] # of the service\r\n",
        "[a.b-c]",
        "# What is known, to be corrected.\n#\n\n[virtual-network]\n",
        "# nsgaudit, as of today\r\nname = 1\r\n",
    ] {
        assert!(named(head.as_bytes()).contains("TOML"), "{head}");
    }
    for head in [
        "[true]",
        "[1]",
        "[\"a\"]",
        "[[\"a\"]]",
        "[a] b",
        "[[a]\n]",
        "[a",
    ] {
        assert!(named(head.as_bytes()).contains("JSON"), "{head}");
    }
    assert!(named(b"# a, b\n1,2").contains("CSV"));
    // Lines of a collector may start so too, and hold records.
    let log = format!("[info]\n{NSG}");
    assert_eq!(sniff(log.as_bytes()), Kind::FlowLogJson);
}

#[test]
fn the_answer_of_a_query_is_traffic_analytics_whatever_it_holds() {
    for head in [
        r#"{"tables":[]}"#,
        r#" { "tables" : [{"name":"x","columns":[],"rows":[]}]}"#,
        r#"{"a":1,"tables":[{"name":"PrimaryResult","columns":[]"#,
    ] {
        assert_eq!(sniff(head.as_bytes()), Kind::TrafficAnalyticsJson, "{head}");
    }
    assert!(named(br#"{"tables":{}}"#).contains("JSON without flow records"));
}

#[test]
fn nothing_white_space_and_an_empty_list_are_empty() {
    for head in [
        "",
        " \r\n\t",
        "\u{feff}",
        "\u{feff}\n",
        "[]",
        "\u{feff}[\n]\n",
    ] {
        assert_eq!(sniff(head.as_bytes()), Kind::Empty);
    }
}

proptest! {
    #[test]
    fn no_bytes_panic(
        bytes in proptest::collection::vec(any::<u8>(), 0..300),
        json in r#"[\{\[,"]("(time|category|records|FlowStatus|metricName)": ?"?[a-z0-9:L\[]{0,12}"?[,\{]?){0,6}"#,
        cut in 0usize..200,
    ) {
        sniff(&bytes);
        sniff(json.as_bytes());
        sniff(&json.as_bytes()[..cut.min(json.len())]);
        sniff(&NSG.as_bytes()[..cut.min(NSG.len())]);
    }
}
