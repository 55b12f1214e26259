//! The fast scanner against its slow twin, on valid and damaged logs, whole and in segments.

#[expect(dead_code, reason = "the other bodies are for the fuzzer")]
#[path = "../fuzz/bodies.rs"]
mod bodies;

use bodies::{Way, fast, in_segments, twin};
use nsgaudit::fault::FaultKind;
use nsgaudit::flowlog::Limits;
use nsgaudit::simd::Level;
use proptest::prelude::*;

fn tuple() -> impl Strategy<Value = String> {
    let address = prop_oneof![
        6 => any::<[u8; 4]>().prop_map(|o| format!("{}.{}.{}.{}", o[0], o[1], o[2], o[3])),
        1 => Just("2001:db8::7".to_owned()),
    ];
    let tail = prop_oneof![
        Just("T,O,A".to_owned()),
        "[TU],[IO],[AD],B,,,,",
        "[TU],[IO],A,[CE],[0-9]{1,6},[0-9]{1,9},[0-9]{1,6},[0-9]{1,12}",
    ];
    let vnet = prop_oneof![
        "(6|17),[IO],[BD],NX,0,0,0,0",
        "6,O,E,(X|NX_FALLBACK),[0-9]{1,4},[0-9]{1,8},,"
    ];
    let odd = prop_oneof![
        Just(String::new()),
        "[0-9,.TOA]{0,40}",
        Just("\\u0031,\\n".to_owned()),
        "[ -~&&[^\"\\\\]]{0,50}"
    ];
    prop_oneof![
        6 => (1_700_000_000u64..1_800_000_000, address.clone(), address.clone(), any::<u16>(), any::<u16>(), tail)
            .prop_map(|(time, from, to, source, destination, tail)| format!("{time},{from},{to},{source},{destination},{tail}")),
        4 => (1_700_000_000_000u64..1_800_000_000_000, address.clone(), address, any::<u16>(), any::<u16>(), vnet)
            .prop_map(|(time, from, to, source, destination, tail)| format!("{time},{from},{to},{source},{destination},{tail}")),
        1 => odd,
    ]
}

/// A JSON text before it is written.
#[derive(Debug, Clone)]
enum Node {
    Object(Vec<(String, Node)>),
    List(Vec<Node>),
    /// A string, written as it is: escapes are escapes.
    Text(String),
    Plain(String),
}

use Node::{List, Object, Plain, Text};

fn object<const N: usize>(members: [(&str, Node); N]) -> Node {
    let owned = members.map(|(key, member)| (key.to_owned(), member));
    Object(owned.into_iter().collect())
}

fn text(text: impl Into<String>) -> Node {
    Text(text.into())
}

fn plain(token: impl Into<String>) -> Node {
    Plain(token.into())
}

fn array() -> impl Strategy<Value = Node> {
    let few = prop::collection::vec(tuple().prop_map(Text), 0..6).prop_map(List);
    let odd = (prop::collection::vec(tuple().prop_map(Text), 0..4), value())
        .prop_map(|(tuples, odd)| List(tuples.into_iter().chain([odd]).collect()));
    prop_oneof![12 => few, 1 => odd]
}

fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        6 => "[A-Za-z_<>-]{0,12}",
        1 => Just("UserRule_\\u00e9\\n\\\"x\\\\".to_owned()),
        1 => Just("\u{1b}".escape_unicode().to_string().replace("{1b}", "001b")),
        1 => Just("Ω規則🙂".to_owned()),
        1 => Just("\\ud83d\\ude00<script>".to_owned()),
        1 => (1_000usize..1_040).prop_map(|length| "é".repeat(length / 2)),
    ]
}

fn version() -> impl Strategy<Value = Node> {
    prop_oneof![
        8 => (1u8..=4).prop_map(|number| plain(number.to_string())),
        1 => prop_oneof![Just("2.0"), Just("1e999"), Just("-0"), Just("4e0"), Just("null"), Just("18446744073709551616")].prop_map(plain),
        1 => prop_oneof![Just("2"), Just(""), Just(" 4 "), Just("two")].prop_map(text),
        1 => value(),
    ]
}

/// Any JSON value.
fn value() -> impl Strategy<Value = Node> {
    let leaf = prop_oneof![
        Just(plain("null")),
        Just(plain("-1.5e-3")),
        Just(plain("123456789012345678901234567890")),
        Just(text("{\\\"time\\\":")),
        Just(text("[{]}")),
        name().prop_map(Text),
        tuple().prop_map(Text),
    ];
    leaf.prop_recursive(4, 16, 4, |inner| {
        let key = prop_oneof![
            Just("time"),
            Just("rule"),
            Just("mac"),
            Just("aclID"),
            Just("flows"),
            Just("flowTuples"),
            Just("flowTuple"),
            Just("flow.0"),
            Just("flow."),
            Just("records"),
            Just("value"),
            Just("Version"),
            Just("original"),
            Just("message"),
            Just("a")
        ];
        let member = (key.prop_map(str::to_owned), inner.clone());
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(List),
            prop::collection::vec(member, 0..4).prop_map(Object),
            (1usize..130, inner).prop_map(|(depth, inner)| {
                (0..depth).fold(inner, |inner, _| List(vec![inner]))
            }),
        ]
    })
}

fn nsg_record() -> impl Strategy<Value = Node> {
    let group = (array(), name()).prop_map(|(array, rule)| {
        let flows = object([
            ("mac", text(format!("0022481{:05}", rule.len()))),
            ("flowTuples", array),
        ]);
        object([("rule", Text(rule)), ("flows", List(vec![flows]))])
    });
    (prop::collection::vec(group, 0..4), version()).prop_map(|(groups, version)| {
        object([
            ("time", text("2026-01-05T10:00:37.1234567Z")),
            ("macAddress", text("00224812AB34")),
            ("category", text("NetworkSecurityGroupFlowEvent")),
            (
                "resourceId",
                text("/SUBSCRIPTIONS/A/NETWORKSECURITYGROUPS/N"),
            ),
            (
                "properties",
                object([("Version", version), ("flows", List(groups))]),
            ),
        ])
    })
}

fn vnet_record() -> impl Strategy<Value = Node> {
    let group = (array(), name())
        .prop_map(|(array, rule)| object([("flowTuples", array), ("rule", Text(rule))]));
    (prop::collection::vec(group, 0..4), version()).prop_map(|(groups, version)| {
        let flows = object([("aclID", text("acl")), ("flowGroups", List(groups))]);
        object([
            ("category", text("FlowLogFlowEvent")),
            ("flowLogVersion", version),
            ("flowRecords", object([("flows", List(vec![flows]))])),
            ("macAddress", text("0022486DBA37")),
            ("targetResourceID", text("/t")),
            ("time", text("2026-01-05T10:00:00Z")),
        ])
    })
}

/// Records of other logs, of collectors, and around lists of records.
fn other_record() -> impl Strategy<Value = Node> {
    let wrapped = prop_oneof![
        Just(
            "{\\\"records\\\":[{\\\"time\\\":\\\"\\\",\\\"flowTuples\\\":[\\\"1767607200,10.0.0.1,10.0.0.2,1,2,T,O,A\\\",\\\"x\\\"]}]}"
        ),
        Just(" \\r\\n[{\\\"time\\\":5"),
        Just(
            "{\\\"_raw\\\":\\\"{}\\\",\\\"flow.1\\\":\\\"1767607200,10.0.0.1,10.0.0.2,1,2,T,O,A\\\"}"
        ),
        Just("plain words"),
    ];
    let key = prop_oneof![
        Just("_raw"),
        Just("message"),
        Just("event.original"),
        Just("event")
    ];
    let wrapper = (key, wrapped).prop_map(|(key, wrapped)| match key {
        "event" => object([("event", object([("original", text(wrapped))]))]),
        key => object([("host", text("h")), (key, text(wrapped))]),
    });
    let list = prop::collection::vec(prop_oneof![nsg_record(), vnet_record(), value()], 0..3);
    let listed = list.prop_map(|records| object([("host", text("h")), ("records", List(records))]));
    let single = (tuple(), 0u8..3).prop_map(|(tuple, number)| {
        Object(vec![
            ("time".to_owned(), text("2026-01-05T10:00:00Z")),
            (format!("flow.{number}"), Text(tuple.clone())),
            ("flowTuple".to_owned(), Text(tuple)),
        ])
    });
    let any = value().prop_map(|value| object([("time", text("x")), ("properties", value)]));
    prop_oneof![wrapper, listed, single, any]
}

/// A small generator of choices that are not worth shrinking.
struct Dice(u64);

impl Dice {
    fn one_in(&mut self, sides: u64) -> bool {
        self.below(sides) == 0
    }

    fn below(&mut self, end: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }
}

/// A member that means something at some depth.
fn stranger(dice: &mut Dice) -> (String, Node) {
    let nested = 110 + dice.below(20) as usize;
    let strangers = [
        ("mac", text("AABBCCDDEEFF")),
        ("mac", text("none")),
        ("macAddress", text("00-22-48-12-AB-35")),
        ("rule", text("stranger")),
        ("rule", plain("null")),
        ("aclID", text("/stranger")),
        ("RESOURCEID", text("/STRANGER")),
        ("targetResourceID", text("/strange")),
        ("Version", plain("2")),
        ("Version", text("9")),
        ("flowLogVersion", plain("4")),
        ("time", text("2026-02-03")),
        ("category", text("X")),
        ("original", text("[")),
        ("records", List(vec![Object(vec![])])),
        ("flow.7", text("1767607200,10.0.0.7,10.0.0.8,1,2,T,O,A")),
        ("flows", List(vec![Text(String::new())])),
        (
            "deep",
            (0..nested).fold(plain("0"), |inner, _| List(vec![inner])),
        ),
        (
            "flowTuples",
            (0..nested).fold(List(vec![]), |inner, _| object([("flowTuples", inner)])),
        ),
    ];
    let (key, member) = &strangers[dice.below(strangers.len() as u64) as usize];
    ((*key).to_owned(), member.clone())
}

/// Other key orders, repeated members, escaped letters.
fn vary(node: &mut Node, dice: &mut Dice) {
    match node {
        Object(members) => {
            if dice.one_in(3) {
                let length = members.len() as u64;
                for at in 0..members.len() {
                    members.swap(at, dice.below(length) as usize);
                }
            }
            if dice.one_in(12) && !members.is_empty() {
                let mut again = members[dice.below(members.len() as u64) as usize].clone();
                if dice.one_in(2) {
                    again.1 = [text("again"), plain("3"), List(vec![]), Object(vec![])]
                        [dice.below(4) as usize]
                        .clone();
                }
                members.push(again);
            }
            for (key, member) in members.iter_mut() {
                if dice.one_in(40) && !key.is_empty() {
                    let letter = dice.below(key.chars().count() as u64) as usize;
                    *key = key
                        .chars()
                        .enumerate()
                        .map(|(at, c)| {
                            if at == letter {
                                format!("\\u{:04x}", c as u32)
                            } else {
                                c.to_string()
                            }
                        })
                        .collect();
                }
                vary(member, dice);
            }
            if dice.one_in(8) {
                let at = dice.below(members.len() as u64 + 1) as usize;
                members.insert(at, stranger(dice));
            }
        }
        List(items) => {
            for item in items {
                vary(item, dice);
            }
        }
        Text(text) => {
            if dice.one_in(60) && text.is_ascii() && !text.contains('\\') && !text.is_empty() {
                let at = dice.below(text.len() as u64) as usize;
                let escaped = format!("\\u{:04X}", text.as_bytes()[at]);
                text.replace_range(at..=at, &escaped);
            }
        }
        Plain(_) => {}
    }
}

/// Writes with `space` after commas and colons, and `line` and indents where it is not empty.
fn write(node: &Node, space: &str, line: &str, depth: usize, out: &mut String) {
    let newline = |out: &mut String, depth: usize| {
        if !line.is_empty() {
            out.push_str(line);
            out.push_str(&"  ".repeat(depth));
        }
    };
    match node {
        Object(members) => {
            out.push('{');
            for (number, (key, member)) in members.iter().enumerate() {
                out.push_str(if number == 0 { "" } else { "," });
                out.push_str(if number == 0 { "" } else { space });
                newline(out, depth + 1);
                out.extend(["\"", key, "\":", space]);
                write(member, space, line, depth + 1, out);
            }
            newline(out, depth);
            out.push('}');
        }
        List(items) => {
            out.push('[');
            for (number, item) in items.iter().enumerate() {
                out.push_str(if number == 0 { "" } else { "," });
                out.push_str(if number == 0 { "" } else { space });
                newline(out, depth + 1);
                write(item, space, line, depth + 1, out);
            }
            newline(out, depth);
            out.push(']');
        }
        Text(text) => out.extend(["\"", text, "\""]),
        Plain(token) => out.push_str(token),
    }
}

/// Members around an array of records: most that are passed by, some that may hold flows.
fn around(dice: &mut Dice) -> String {
    let members = [
        "\"count\":5",
        "\"nextLink\": \"https://x?a=\\\"{[]}\"",
        "\"a\" :{\"b\":[1,{\"c\":null}, []],\"time\":-1e3}",
        "\"flows\":[{\"a\":1,\"time\":2}]",
        "\"records\":[]",
        "\"value\":[{\"time\":\"\",\"flow.0\":\"\"}]",
        "\"more\":[{\"time\":\"\",\"flow.0\":\"\"}]",
        "\"message\":\"{\\\"flowTuples\\\":[]}\"",
        "\"records\":true",
        "\"bad\":01",
        "\"bad\":\"\\ud800\"",
    ];
    let count = 1 + dice.below(3);
    let chosen = (0..count).map(|_| {
        // Half of the time one of the first, which are always glue.
        let among = if dice.one_in(2) { 4 } else { members.len() };
        members[dice.below(among as u64) as usize]
    });
    chosen.collect::<Vec<_>>().join(" ,")
}

fn document() -> impl Strategy<Value = String> {
    let record = prop_oneof![4 => nsg_record(), 4 => vnet_record(), 2 => other_record()];
    let records = prop::collection::vec(record, 0..6);
    (records, 0u8..10, 0u8..5, any::<u64>()).prop_map(|(records, shape, style, seed)| {
        let mut dice = Dice(seed);
        let (space, line) =
            [("", ""), (" ", ""), (" ", "\n"), ("\t", "\r\n"), ("", "")][style as usize];
        let written: Vec<_> = records
            .into_iter()
            .map(|mut record| {
                vary(&mut record, &mut dice);
                let mut out = String::new();
                write(&record, space, line, 0, &mut out);
                out
            })
            .collect();
        let commas = written.join(&format!(",{space}{line}"));
        match shape {
            0 => format!("{{\"records\":[{commas}]}}"),
            1 => written.join("\n"),
            2 => format!("[{}]", written.join(" ,\r\n")),
            3 => format!("\u{feff},{commas}"),
            4 => format!("{{ \"records\" : [ {{\"records\":[{commas}]}} ]\n}}"),
            5 => format!("{{\"host\":\"h\",{line}\"records\":[{commas}]{line}}}"),
            6 => format!("{{\"value\":{line}[{commas},]}}"),
            7 => format!(
                "{{{},{line}\"records\":[{commas}]{line},{}}}",
                around(&mut dice),
                around(&mut dice)
            ),
            8 => format!(
                "{{\"value\":[{commas}],{space}{}}}{line}{{{},\"value\":[{commas}]}}",
                around(&mut dice),
                around(&mut dice)
            ),
            _ => format!(
                "{{\"time\":\"\",\"records\":[{{\"records\":[{commas}],{}}}],{}}}",
                around(&mut dice),
                around(&mut dice)
            ),
        }
    })
}

/// `PROPTEST_CASES` of a thousand, or so many.
fn config(cases: u32) -> ProptestConfig {
    let default = ProptestConfig::default();
    let asked = std::env::var_os("PROPTEST_CASES").map(|_| default.cases);
    ProptestConfig {
        failure_persistence: None,
        cases: asked.map_or(cases, |asked| (asked as u64 * cases as u64 / 1_000) as u32),
        ..default
    }
}

/// A damage: where (in thousandths of the text), what.
#[derive(Debug, Clone)]
enum Damage {
    Cut(usize),
    Remove(usize, usize),
    Put(usize, u8),
    Repeat(usize, usize),
}

fn damage() -> impl Strategy<Value = Damage> {
    let byte = prop_oneof![
        Just(b'"'),
        Just(b'\\'),
        Just(b'{'),
        Just(b'}'),
        Just(b','),
        Just(b']'),
        Just(0xff),
        Just(0),
        any::<u8>()
    ];
    prop_oneof![
        (0usize..1000).prop_map(Damage::Cut),
        (0usize..1000, 1usize..200).prop_map(|(at, length)| Damage::Remove(at, length)),
        (0usize..1000, byte).prop_map(|(at, byte)| Damage::Put(at, byte)),
        (0usize..1000, 1usize..300).prop_map(|(at, length)| Damage::Repeat(at, length)),
    ]
}

fn damaged(text: &str, damages: &[Damage]) -> Vec<u8> {
    let mut bytes = text.as_bytes().to_vec();
    for damage in damages {
        let place = |at: usize, length: usize| at * length / 1000;
        let length = bytes.len();
        match *damage {
            Damage::Cut(at) => bytes.truncate(place(at, length)),
            Damage::Remove(at, count) => {
                let at = place(at, length);
                bytes.drain(at..(at + count).min(length));
            }
            Damage::Put(at, byte) if length > 0 => bytes[place(at, length)] = byte,
            Damage::Repeat(at, count) => {
                let at = place(at, length);
                let again = bytes[at..(at + count).min(length)].to_vec();
                bytes.splice(at..at, again);
            }
            Damage::Put(..) => {}
        }
    }
    bytes
}

proptest! {
    #![proptest_config(config(1_000))]

    #[test]
    fn fast_and_slow_read_the_same(
        text in document(), damages in prop::collection::vec(damage(), 0..4),
        piece in 1usize..700, step in 1usize..200, record in 1usize..2_000,
    ) {
        let bytes = damaged(&text, &damages);
        let whole = Way::usual();
        let scalar = Way { level: Level::Scalar, ..whole };
        let expected = twin(&bytes, whole.limits);
        for way in [whole, scalar, Way { piece, step, ..whole }] {
            prop_assert_eq!(&fast(&bytes, way), &expected, "{}", String::from_utf8_lossy(&bytes));
        }
        let limits = Limits { record };
        let expected = twin(&bytes, limits);
        for way in [Way { limits, ..whole }, Way { limits, piece, step, ..scalar }] {
            prop_assert_eq!(&fast(&bytes, way), &expected, "{} {}", record, String::from_utf8_lossy(&bytes));
        }
    }

    #[test]
    fn segments_are_the_whole_or_are_known_not_to_be(
        text in document(), damages in prop::collection::vec(damage(), 0..3),
        cuts in prop::collection::vec(0usize..1000, 1..4), piece in 1usize..700,
    ) {
        let bytes = damaged(&text, &damages);
        let mut borders: Vec<u64> = cuts.iter().map(|cut| (cut * bytes.len() / 1000) as u64).collect();
        borders.sort_unstable();
        in_segments(&bytes, &borders, Way { piece, ..Way::usual() });
    }
}

proptest! {
    #![proptest_config(config(12))]

    /// Records beyond a piece, lists beyond what is decoded at a time.
    #[test]
    fn large_records_read_the_same(
        tuples in prop::collection::vec(tuple(), 1..8), count in 3_000usize..20_000, lists in 1usize..4,
        damages in prop::collection::vec(damage(), 0..2), step in 1usize..300_000,
    ) {
        let tuples: Vec<_> = (0..count).map(|number| Text(tuples[number % tuples.len()].clone())).collect();
        let groups = (0..lists).map(|number| object([("flowTuples", List(tuples.clone())), ("rule", text(format!("r{number}")))]));
        let record = object([("time", text("2026-01-05T10:00:00Z")), ("flowRecords", object([("flows", List(groups.collect()))]))]);
        let mut out = String::new();
        write(&record, "", "", 0, &mut out);
        let bytes = damaged(&format!("{{\"records\":[{out},{out}]}}"), &damages);
        let whole = Way::usual();
        let expected = twin(&bytes, whole.limits);
        for way in [Way { step, ..whole }, Way { level: Level::Scalar, ..whole }] {
            prop_assert!(fast(&bytes, way) == expected);
        }
        in_segments(&bytes, &[bytes.len() as u64 / 3, bytes.len() as u64 / 2], Way { step, ..whole });
    }
}

#[test]
fn a_record_may_have_65_535_lists_and_no_more() {
    for (lists, is_read) in [(65_535, true), (65_536, false)] {
        let tuples = ",\"flow.0\":\"1,1.1.1.1,1.1.1.1,1,1,T,I,A\"".repeat(lists);
        let text = format!("{{\"time\":\"\"{tuples}}}");
        let heard = fast(text.as_bytes(), Way::usual());
        assert_eq!(heard, twin(text.as_bytes(), Limits::default()));
        assert_eq!(heard.records.len(), usize::from(is_read));
        assert_eq!(heard.faults.is_empty(), is_read);
    }
}

#[test]
fn a_long_list_is_one_group() {
    let tuples = vec!["\"1767607200,10.0.0.1,10.0.0.2,1,2,T,O,A\""; 9_000].join(",");
    let heard = fast(
        format!("{{\"rule\":\"r\",\"flowTuples\":[{tuples}]}}").as_bytes(),
        Way::usual(),
    );
    assert_eq!(heard.records[0].groups.len(), 1);
    assert_eq!(heard.records[0].groups[0].tuples, 0..9_000);
}

#[test]
fn a_blob_cut_anywhere_gives_all_its_whole_records_and_one_fault() {
    let record = |minute: u32| {
        format!(
            "{{\"time\":\"2026-01-05T10:{minute:02}:00Z\",\"properties\":{{\"Version\":2,\"flows\":[{{\"rule\":\"r\",\"flows\":[{{\"mac\":\"00224812AB34\",\"flowTuples\":[\"1767607200,10.0.0.1,10.0.0.2,1,2,T,O,A,B,,,,\"]}}]}}]}}}}"
        )
    };
    let records: Vec<_> = (0..3).map(record).collect();
    let text = format!("{{\"records\":[{}]}}", records.join(","));
    for cut in 1..text.len() {
        let heard = fast(&text.as_bytes()[..cut], Way::usual());
        let mut whole = 0;
        let mut end = "{\"records\":[".len();
        while whole < 3 && end + records[whole].len() <= cut {
            end += records[whole].len() + 1;
            whole += 1;
        }
        assert_eq!(heard.records.len(), whole, "cut at {cut}");
        assert_eq!(heard.kinds(), [FaultKind::Truncated], "cut at {cut}");
    }
    assert_eq!(fast(text.as_bytes(), Way::usual()).faults, []);
}

/// A record of one tuple.
const SMALL: &str = "{\"time\":\"\",\"flow.0\":\"1,1.1.1.1,1.1.1.1,1,1,T,I,A\"}";

#[test]
fn members_around_the_records_are_glue_wherever_the_text_is_cut() {
    for (before, after) in [
        ("", ",\"count\":5"),
        (
            "",
            ", \"nextLink\": \"https://x/?a=\\\"]}\", \"a\":{\"b\":[1,{}]}\n",
        ),
        ("\"count\":5,\"a\":[null], ", ""),
        ("\"count\":5,", ",\"count\":5"),
    ] {
        let head = format!("{{{before}\"records\":[");
        let text = format!("{head}{SMALL},{SMALL}]{after}}}");
        for end in 1..=text.len() {
            let bytes = &text.as_bytes()[..end];
            let whole = fast(bytes, Way::usual());
            assert_eq!(whole, twin(bytes, Limits::default()), "cut at {end}");
            let ends = [1, 2].map(|count| head.len() + count * (SMALL.len() + 1) - 1);
            let records = ends.iter().filter(|&&record| record <= end).count();
            assert_eq!(whole.records.len(), records, "cut at {end}");
            let faults = if end < text.len() {
                vec![FaultKind::Truncated]
            } else {
                vec![]
            };
            assert_eq!(whole.kinds(), faults, "{}", &text[..end]);
            for piece in [1, 3, 64] {
                let way = Way {
                    piece,
                    step: 1,
                    ..Way::usual()
                };
                assert_eq!(fast(bytes, way), whole, "cut at {end}");
            }
            // Whatever a border is in, the segments are the whole or are known not to be.
            in_segments(bytes, &[end as u64 / 2, end as u64 * 9 / 10], Way::usual());
        }
        let lines = format!("{text}\n{text}");
        let borders = [text.len() as u64 - 2, text.len() as u64 + 3];
        in_segments(lines.as_bytes(), &borders, Way::usual());
    }
}

#[test]
fn damage_in_members_around_the_records_is_one_fault_where_it_is() {
    let start = "{\"records\":[".len() + SMALL.len() + 2;
    for (member, records) in [
        ("\"count\":5x", 1),
        ("\"count\" 5", 1),
        ("\"count\":[5}", 1),
        ("\"count\":05", 1),
        ("\"a\":{\"b\":1,}", 1),
        ("\"a\":\"\t\"", 1),
        ("count:5", 1),
        // Not damaged, but these may be flows.
        ("\"a\":[{\"rule\":\"\",\"flowTuples\":[]}]", 1),
        ("\"_raw\":\"{\\\"flowTuples\\\":[]}\"", 1),
    ] {
        let text = format!("{{\"records\":[{SMALL}],{member}}}");
        let heard = fast(text.as_bytes(), Way::usual());
        assert_eq!(heard, twin(text.as_bytes(), Limits::default()));
        assert_eq!(heard.records.len(), records, "{text}");
        assert_eq!(
            heard.faults[0],
            (start as u64, FaultKind::StrayText),
            "{text}"
        );
        let is_key = member.starts_with('"');
        assert_eq!(heard.faults.len(), if is_key { 1 } else { 2 }, "{text}");
        let text = format!("{text}\n{{\"records\":[{SMALL}]}}\n");
        let heard = fast(text.as_bytes(), Way::usual());
        assert_eq!(heard, twin(text.as_bytes(), Limits::default()));
        assert_eq!(heard.records.len(), records + 1, "{text}");
        assert_eq!(
            heard.faults[0],
            (start as u64, FaultKind::StrayText),
            "{text}"
        );
    }
    // Records under another key are read, and said to be in an odd place.
    let text = format!("{{\"records\":[{SMALL}],\"more\":[{SMALL}]}}");
    let heard = fast(text.as_bytes(), Way::usual());
    assert_eq!(heard.records.len(), 2);
    assert_eq!(heard.faults, [(start as u64, FaultKind::StrayText)]);
    // Where no array was closed, a member is stray text as before.
    let text = format!("{{\"records\":[{SMALL},\"count\":5,{SMALL}]}}");
    let heard = fast(text.as_bytes(), Way::usual());
    assert_eq!(heard.records.len(), 2);
    assert_eq!(heard.faults, [(start as u64 - 1, FaultKind::StrayText)]);
}

#[test]
fn a_member_longer_than_a_record_is_stray_text() {
    let text = format!(
        "{{\"records\":[{SMALL}],\"a\":\"{}\"}}",
        "x".repeat(4 << 20)
    );
    let heard = fast(text.as_bytes(), Way::usual());
    assert_eq!(heard, twin(text.as_bytes(), Limits::default()));
    assert_eq!(heard.kinds(), [FaultKind::StrayText]);
}

#[test]
fn a_lost_stretch_costs_the_records_it_touches_and_no_more() {
    let record = |minute: u32| {
        format!(
            "{{\"time\":\"2026-01-05T10:{minute:02}:00Z\",\"properties\":{{\"Version\":2,\"flows\":[{{\"rule\":\"r\",\"flows\":[{{\"mac\":\"00224812AB34\",\"flowTuples\":[\"1767607200,10.0.0.1,10.0.0.2,1,2,T,O,A,B,,,,\"]}}]}}]}}}}"
        )
    };
    let text = format!(
        "{{\"records\":[{},{},{}]}}",
        record(0),
        record(1),
        record(2)
    );
    let start = "{\"records\":[".len() + record(0).len() + 1;
    for lost in 1..record(1).len() {
        let mut bytes = text.clone().into_bytes();
        bytes.drain(start + record(1).len() - lost..start + record(1).len());
        let heard = fast(&bytes, Way::usual());
        let minutes: Vec<_> = heard
            .records
            .iter()
            .map(|record| record.time.unwrap().0 / 60_000 % 60)
            .collect();
        assert!(
            minutes.starts_with(&[0]) && minutes.ends_with(&[2]),
            "{lost} bytes lost: {minutes:?} {:?}",
            heard.faults
        );
        assert_eq!(
            heard
                .faults
                .iter()
                .filter(|&&(_, kind)| kind == FaultKind::DamagedRecord)
                .count(),
            1,
            "{lost}"
        );
    }
}

#[test]
fn absurd_texts_are_faults_and_cost_no_memory() {
    let deep = "[{\"time\":".repeat(1_000_000);
    let arrays = format!("{{\"time\":{}", "[".repeat(1_000_000));
    let long = format!("{{\"time\":\"{}\"}}", "x".repeat(9 << 20));
    for text in [
        deep,
        arrays,
        long,
        "\0".repeat(1 << 20),
        "{".repeat(1 << 20),
        "\"".repeat(1 << 20),
        "\\".repeat(1 << 20),
    ] {
        let heard = fast(text.as_bytes(), Way::usual());
        assert!(heard.records.is_empty());
        assert!(!heard.faults.is_empty());
    }
}
