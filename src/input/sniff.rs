//! What a file is, by its first bytes.

use memchr::memmem;

/// What a file holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// A flow log: NSG or VNet, in whatever envelope.
    FlowLogJson,
    /// A Traffic Analytics export as CSV.
    TrafficAnalyticsCsv,
    /// A Traffic Analytics export as JSON.
    TrafficAnalyticsJson,
    /// Something else: what it is, in words.
    NotFlowLog(String),
    /// Nothing, or nothing but white space.
    Empty,
}

/// What magic numbers say, and what the file is.
const MAGIC: [(&[u8], &str); 15] = [
    (b"\xff\xfe", "UTF-16 text: convert it to UTF-8"),
    (b"\xfe\xff", "UTF-16 text: convert it to UTF-8"),
    (b"\xa1\xb2\xc3\xd4", CAPTURE),
    (b"\xd4\xc3\xb2\xa1", CAPTURE),
    (b"\xa1\xb2\x3c\x4d", CAPTURE),
    (b"\x4d\x3c\xb2\xa1", CAPTURE),
    (b"\x0a\x0d\x0d\x0a", CAPTURE),
    (
        b"GMBU",
        "a Microsoft Network Monitor capture: save it as pcap",
    ),
    (
        b"RTSS",
        "a Microsoft Network Monitor 1 capture: save it as pcap",
    ),
    (b"PK\x03\x04", "a zip archive: unpack it"),
    (b"\x89PNG", "a picture"),
    (b"%PDF", "a PDF document"),
    (b"PAR1", "a Parquet file"),
    (b"7z\xbc\xaf", "a 7z archive: unpack it"),
    (b"BZh", "bzip2 data: unpack it"),
];
const CAPTURE: &str = "a packet capture, which this version does not read";

/// Marks of a flow log.
const FLOW_MARKS: [&str; 6] = [
    "flowTuple",
    "NetworkSecurityGroupFlowEvent",
    "FlowLogFlowEvent",
    "flowRecords",
    "\"flow.0\"",
    "flowLogVersion",
];
/// Marks of Traffic Analytics rows.
const ROW_MARKS: [&str; 4] = [
    "\"FlowStatus",
    "\"FlowDirection",
    "AzureNetworkAnalytics_CL",
    "NTANetAnalytics",
];
/// Marks of other JSON, and what it is.
const OTHER_MARKS: [(&str, &str); 6] = [
    ("\"metricName\"", "Azure metrics"),
    (
        "\"addressPrefixes\"",
        "service tags or network resources: give them with --service-tags or --vnet",
    ),
    ("\"securityRules\"", "network security groups"),
    (
        "\"addressSpace\"",
        "virtual networks: give them with --vnet",
    ),
    ("\"resources\"", "an ARM template"),
    ("\"schema\": \"nsgaudit/", "a report of nsgaudit"),
];

/// Tells what a file is by its first bytes (64 KiB are enough).
pub fn sniff(head: &[u8]) -> Kind {
    if let Some((_, what)) = MAGIC.iter().find(|(magic, _)| head.starts_with(magic)) {
        return Kind::NotFlowLog((*what).to_owned());
    }
    let text = head
        .strip_prefix(b"\xef\xbb\xbf")
        .unwrap_or(head)
        .trim_ascii_start();
    match text.first() {
        None => Kind::Empty,
        Some(b'<') => Kind::NotFlowLog(markup(text)),
        Some(b'{' | b'[' | b',' | b']' | b'}') => json(text),
        Some(_) if is_rows_header(text) => Kind::TrafficAnalyticsCsv,
        Some(_) if FLOW_MARKS.iter().any(|mark| has(text, mark)) => Kind::FlowLogJson,
        Some(_) if text.iter().take(1_024).any(|&byte| byte == 0) => {
            Kind::NotFlowLog("binary data".to_owned())
        }
        Some(_) => Kind::NotFlowLog(format!("text that begins with {:?}", beginning(text))),
    }
}

fn has(text: &[u8], mark: &str) -> bool {
    memmem::find(text, mark.as_bytes()).is_some()
}

fn json(text: &[u8]) -> Kind {
    if FLOW_MARKS.iter().any(|mark| has(text, mark)) {
        return Kind::FlowLogJson;
    }
    if ROW_MARKS.iter().any(|mark| has(text, mark))
        || (has(text, "\"PrimaryResult\"") && has(text, "\"tables\""))
    {
        return Kind::TrafficAnalyticsJson;
    }
    if let Some(category) = member(text, "\"category\"").or_else(|| member(text, "\"Category\"")) {
        return Kind::NotFlowLog(format!("an Azure log of category {category}"));
    }
    if let Some((_, what)) = OTHER_MARKS.iter().find(|(mark, _)| has(text, mark)) {
        return Kind::NotFlowLog((*what).to_owned());
    }
    // A blob whose hour has just begun, or one with a long head: the decoder says what is in it.
    Kind::FlowLogJson
}

/// The text of the first member of that name, cut at 80 characters.
fn member(text: &[u8], key: &str) -> Option<String> {
    let after = &text[memmem::find(text, key.as_bytes())? + key.len()..];
    let value = after
        .trim_ascii_start()
        .strip_prefix(b":")?
        .trim_ascii_start()
        .strip_prefix(b"\"")?;
    let end = value.iter().position(|&byte| byte == b'"')?;
    Some(
        String::from_utf8_lossy(&value[..end])
            .chars()
            .take(80)
            .collect(),
    )
}

/// What an XML or HTML page is: storage answers errors with these.
fn markup(text: &[u8]) -> String {
    let between = |open: &str, close: &str| {
        let after = &text[memmem::find(text, open.as_bytes())? + open.len()..];
        let end = memmem::find(after, close.as_bytes())?;
        Some(
            String::from_utf8_lossy(&after[..end])
                .chars()
                .take(80)
                .collect::<String>(),
        )
    };
    if let Some(code) = between("<Code>", "</Code>") {
        return format!("an error page of Azure storage: {code}");
    }
    match between("<title>", "</title>") {
        Some(title) => format!("a web page: {title}"),
        None => "XML or HTML".to_owned(),
    }
}

/// Whether the first line names the columns of Traffic Analytics.
fn is_rows_header(text: &[u8]) -> bool {
    let line = text.split(|&byte| byte == b'\n').next().unwrap_or(text);
    let mut columns = line.split(|&byte| byte == b',').map(<[u8]>::trim_ascii);
    columns.any(|column| {
        let name: Vec<u8> = column
            .iter()
            .copied()
            .filter(|&byte| byte != b'"')
            .collect();
        name.eq_ignore_ascii_case(b"FlowStatus") || name.eq_ignore_ascii_case(b"FlowStatus_s")
    })
}

fn beginning(text: &[u8]) -> String {
    String::from_utf8_lossy(&text[..text.len().min(40)])
        .chars()
        .take_while(|&letter| letter != '\n')
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn content_decides() {
        for (text, expected) in [
            ("", Kind::Empty),
            (" \r\n", Kind::Empty),
            (
                "\u{feff},{\"time\":\"\",\"category\":\"NetworkSecurityGroupFlowEvent\"",
                Kind::FlowLogJson,
            ),
            ("{\"records\":[", Kind::FlowLogJson),
            ("[{\"FlowStatus_s\":\"A\"}]", Kind::TrafficAnalyticsJson),
            ("TenantId,\"FlowStatus\",x\n", Kind::TrafficAnalyticsCsv),
        ] {
            assert_eq!(sniff(text.as_bytes()), expected, "{text}");
        }
    }

    #[test]
    fn what_is_no_flow_log_is_named() {
        for (text, expected) in [
            (
                &b"{ \"time\": \"\", \"category\": \"AppServiceAppLogs\" }"[..],
                "AppServiceAppLogs",
            ),
            (
                b"<?xml version=\"1.0\"?><Error><Code>AuthenticationFailed</Code></Error>",
                "AuthenticationFailed",
            ),
            (b"<html><head><title>Sign in</title>", "Sign in"),
            (b"\xd4\xc3\xb2\xa1\x02\x00", "packet capture"),
            (b"GMBU\x01", "Network Monitor"),
            (b"\xff\xfe{\x00", "UTF-16"),
            (b"hello\nworld", "hello"),
            (b"\x01\x00\x02", "binary"),
        ] {
            let Kind::NotFlowLog(what) = sniff(text) else {
                panic!("{}", String::from_utf8_lossy(text))
            };
            assert!(what.contains(expected), "{what}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes: Vec<u8>) {
            let _ = sniff(&bytes);
        }
    }
}
