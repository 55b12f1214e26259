//! Texts made to do harm: each is read, or is a fault, at a bounded cost.

#[expect(dead_code, reason = "the other bodies are for the fuzzer")]
#[path = "../fuzz/bodies.rs"]
mod bodies;

use std::io::Read;

use bodies::{Heard, Way, fast, traffic_analytics, twin};
use nsgaudit::fault::FaultKind;
use nsgaudit::flowlog::{Limits, Scanner, Segment};
use nsgaudit::simd::Level;

const V1: &str = "1767607200,10.30.4.5,198.51.100.7,51544,443,T,O,A";
const V2: &str = "1767607206,10.30.4.5,198.51.100.7,51544,443,U,O,A,E,12,2310,10,6502";
const V4: &str = "1767607207789,203.0.113.9,10.30.4.5,40112,3389,6,I,D,NX,0,0,0,0";

fn nsg(rule: &str, version: u8, tuple: &str) -> String {
    format!(
        r#"{{"time":"2026-01-05T10:00:37Z","category":"NetworkSecurityGroupFlowEvent","resourceId":"/NSG/A","properties":{{"Version":{version},"flows":[{{"rule":"{rule}","flows":[{{"mac":"00224812AB34","flowTuples":["{tuple}"]}}]}}]}}}}"#
    )
}

fn vnet(rule: &str, tuple: &str) -> String {
    format!(
        r#"{{"time":"2026-01-05T10:00:37Z","macAddress":"00224812AB34","flowLogVersion":4,"targetResourceID":"/vnet","flowRecords":{{"flows":[{{"aclID":"/nsg","flowGroups":[{{"rule":"{rule}","flowTuples":["{tuple}"]}}]}}]}}}}"#
    )
}

/// One record of each format.
fn formats() -> [String; 3] {
    [nsg("r", 1, V1), nsg("r", 2, V2), vnet("r", V4)]
}

/// Both levels, large pieces and small ones, and the twin agree.
fn heard(text: &[u8]) -> Heard {
    let usual = Way::usual();
    let expected = twin(text, usual.limits);
    let scalar = Way {
        level: Level::Scalar,
        piece: 100,
        ..usual
    };
    for way in [usual, scalar] {
        assert_eq!(
            fast(text, way),
            expected,
            "{}",
            String::from_utf8_lossy(text)
        );
    }
    expected
}

#[test]
fn a_blob_of_each_format_cut_at_every_byte_loses_its_last_record_only() {
    for record in formats() {
        let text = format!("{{\"records\":[{record},{record}]}}");
        let first = text.find(&record).unwrap() + record.len();
        let second = text.rfind(&record).unwrap() + record.len();
        for cut in 1..text.len() {
            let heard = heard(&text.as_bytes()[..cut]);
            assert_eq!(heard.kinds(), [FaultKind::Truncated], "{cut}");
            let whole = usize::from(cut >= first) + usize::from(cut >= second);
            assert_eq!(heard.records.len(), whole, "{cut}");
        }
    }
}

#[test]
fn odd_shapes_cut_at_every_byte_read_alike() {
    let [v1, v2, v4] = formats();
    let escaped = v2.replace('"', "\\\"");
    for text in [
        format!("\u{feff},\r\n{v1} ,\r\n{v4},"),
        format!("{v1}\n{v4}\n"),
        format!("[{v2} , {v4},]"),
        format!("{{\"host\":\"h\",\"records\":[{v2},5,{{\"records\":[{v4}]}}]}}{v1}"),
        format!("{{\"_raw\":\"{escaped}\"}}"),
        format!("{{\"event\":{{\"original\":\" \\n[{escaped}]\"}}}}"),
        format!("{{\"time\":\"\",\"flow.0\":\"{v1}\",\"flow.1\":\"{V4}\"}}"),
        "{\"time\":\"\\u0041\\ud83d\\ude00\",\"flowTuple\":\"\\u0031\"}".to_owned(),
    ] {
        for cut in 0..=text.len() {
            let heard = heard(&text.as_bytes()[..cut]);
            assert!(heard.records.len() <= 3 && heard.faults.len() <= 4, "{cut}");
        }
    }
}

#[test]
fn an_export_cut_at_every_byte_does_not_panic() {
    for file in ["rows.csv", "rows.json", "lines.jsonl", "tables.json"] {
        let folder = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/testdata/fuzz/traffic_analytics/"
        );
        let bytes = std::fs::read(format!("{folder}{file}")).unwrap();
        for cut in 0..=bytes.len() {
            traffic_analytics(&bytes[..cut]);
        }
    }
}

#[test]
fn a_byte_that_is_no_text_costs_one_record_at_most() {
    for record in formats() {
        let text = format!("{record}\n{record}\n{record}");
        let (start, end) = (record.len() + 1, 2 * record.len() + 1);
        for place in start..end {
            for byte in [0xff, 0xc0, 0x80, 0xed, 0x00, 0x1f] {
                let mut bytes = text.clone().into_bytes();
                bytes[place] = byte;
                let heard = heard(&bytes);
                assert_eq!(heard.records.len(), 2, "0x{byte:02x} at {place}");
                assert_eq!(heard.faults.len(), 1, "0x{byte:02x} at {place}");
            }
        }
    }
}

/// Every value in `value`, replaced by `other`, one at a time.
fn replaced(value: &serde_json::Value, other: &serde_json::Value) -> Vec<serde_json::Value> {
    use serde_json::Value::{Array, Object};
    let mut all = vec![other.clone()];
    match value {
        Object(members) => {
            for (key, member) in members {
                for new in replaced(member, other) {
                    let mut changed = members.clone();
                    changed.insert(key.clone(), new);
                    all.push(Object(changed));
                }
            }
        }
        Array(items) => {
            for (number, item) in items.iter().enumerate() {
                for new in replaced(item, other) {
                    let mut changed = items.clone();
                    changed[number] = new;
                    all.push(Array(changed));
                }
            }
        }
        _ => {}
    }
    all
}

#[test]
fn a_field_of_the_wrong_type_is_a_fault_or_is_not_there() {
    let [v1, _, v4] = formats();
    for record in [v1, v4] {
        let value: serde_json::Value = serde_json::from_str(&record).unwrap();
        for other in ["null", "7", "-1e300", "true", "\"\"", "[]", "{}", "[[]]"] {
            let other = serde_json::from_str(other).unwrap();
            for changed in replaced(&value, &other) {
                let heard = heard(format!("{changed}\n{record}").as_bytes());
                assert!(heard.records.contains(&{
                    let mut last = twin(record.as_bytes(), Limits::default()).records.remove(0);
                    last.offset = changed.to_string().len() as u64 + 1;
                    last
                }));
            }
        }
    }
}

#[test]
fn absurd_numbers_are_faults() {
    for number in [
        "0",
        "-1",
        "1e9",
        "99999999999999999999",
        "18446744073709551616",
        "4294967296",
        "0x1",
        "1.5",
        "NaN",
        "+1",
        "٣",
        " 1",
        "000000000000000000001",
    ] {
        for tuple in [V1, V2, V4] {
            let fields: Vec<&str> = tuple.split(',').collect();
            for at in 0..fields.len() {
                let mut fields = fields.clone();
                fields[at] = number;
                let tuple = fields.join(",");
                let heard = heard(vnet("r", &tuple).as_bytes());
                assert_eq!(heard.records.len(), 1, "{tuple}");
                let read = heard.records[0].tuples.len();
                assert_eq!(read + heard.faults.len(), 1, "{tuple}");
            }
        }
        let version = nsg("r", 2, V2).replace("\"Version\":2", &format!("\"Version\":{number}"));
        let is_one = number.trim() == "1";
        assert_eq!(heard(version.as_bytes()).faults.is_empty(), is_one);
    }
}

#[test]
fn a_million_levels_are_damage_and_cost_no_stack() {
    let record = vnet("r", V4);
    for opening in [
        "[",
        "{\"a\":",
        "[{\"flows\":",
        "{\"records\":[",
        "{\"time\":[",
    ] {
        for lead in ["{\"time\":", ""] {
            let deep = opening.repeat(1_000_000);
            let heard = fast(
                format!("{record}{lead}{deep}\n{record}").as_bytes(),
                Way::usual(),
            );
            assert!(!heard.records.is_empty(), "{lead}{opening}");
        }
    }
}

/// A record around a value of so many bytes, made as it is read.
struct Long<'a> {
    before: &'a [u8],
    length: usize,
    after: &'a [u8],
}

impl Read for Long<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        if !self.before.is_empty() {
            return self.before.read(buffer);
        }
        if self.length == 0 {
            return self.after.read(buffer);
        }
        let length = self.length.min(buffer.len());
        buffer[..length].fill(b'x');
        self.length -= length;
        Ok(length)
    }
}

#[test]
fn a_record_without_end_takes_no_more_memory_than_the_limit() {
    const PIECE: usize = 192 * 1024;
    let after = format!("\"}}\n{}", nsg("r", 2, V2));
    for (limits, length) in [
        (Limits::default(), 64 << 20),
        (Limits { record: 40_000 }, 4 << 20),
    ] {
        for before in [
            "{\"time\":\"",
            "{\"time\":\"\",\"properties\":{\"flows\":[{\"flowTuples\":[\"",
            "{\"",
            "",
            "{\"_raw\":\"{",
        ] {
            let mut scanner = Scanner::new(Level::best(), limits);
            let mut heard = Heard::default();
            let mut reader = Long {
                before: before.as_bytes(),
                length,
                after: after.as_bytes(),
            };
            let (outcome, result) = scanner.scan(&mut reader, Segment::WHOLE, 0, &mut heard);
            result.unwrap();
            assert_eq!(heard.records.len(), 1, "{before}");
            assert!(!heard.faults.is_empty() && heard.faults.len() <= 2);
            let length = before.len() + length + after.len();
            assert_eq!(outcome.bytes, length as u64);
            assert!(scanner.capacity() <= limits.record + 2 * PIECE);
        }
    }
}

#[test]
fn names_with_terminal_escapes_and_markup_survive_as_text() {
    for (written, name) in [
        ("\\u001b]0;title\\u0007", "\u{1b}]0;title\u{7}"),
        ("<script>alert(1)</script>", "<script>alert(1)</script>"),
        ("\\u202e\\\"'&amp;\\\\", "\u{202e}\"'&amp;\\"),
        ("\\r\\n{\\\"time\\\":", "\r\n{\"time\":"),
    ] {
        for record in [nsg(written, 2, V2), vnet(written, V4)] {
            let heard = heard(record.as_bytes());
            assert_eq!(heard.records[0].groups[0].rule, name);
            assert_eq!(heard.faults, []);
        }
    }
    // Written as they are, control characters are no JSON.
    let raw = heard(vnet("\u{1b}[2J", V4).as_bytes());
    assert_eq!(raw.kinds(), [FaultKind::DamagedRecord]);
}
