//! The fast scanner against its slow twin, on valid and damaged logs, whole and in segments.

use std::io::Cursor;

use nsgaudit::fault::FaultKind;
use nsgaudit::flowlog::{Limits, Outcome, RecordBatch, Scanner, Segment, Sink, slow};
use nsgaudit::simd::Level;
use proptest::prelude::*;

/// What a decoder said, in a form that both twins share: faults by kind and record, tuples with
/// their names.
#[derive(Debug, Default, PartialEq, Eq, Clone)]
struct Heard {
    records: Vec<(Option<i64>, String, Vec<String>)>,
    faults: Vec<FaultKind>,
    counted: Vec<FaultKind>,
    broken: bool,
    /// Where the fast scanner says that tuples are, and when.
    places: Vec<(u64, i64)>,
}

impl Sink for Heard {
    fn record(&mut self, batch: &RecordBatch) {
        let mut tuples: Vec<String> = batch
            .tuples
            .iter()
            .map(|tuple| {
                let group = &batch.groups[tuple.group as usize];
                assert!(
                    group.tuples.contains(&0) || group.tuples.start > 0 || group.tuples.is_empty()
                );
                format!(
                    "{:?} {:?} {} {} {} {} {:?} {} {} {:?} {}",
                    tuple.time,
                    batch.addresses(tuple),
                    tuple.source_port,
                    tuple.destination_port,
                    tuple.protocol,
                    tuple.bits.0,
                    batch.counters(tuple),
                    batch.flows(tuple),
                    group.rule,
                    group.mac,
                    group.acl
                )
            })
            .collect();
        tuples.sort();
        let time = batch.time.map(|time| time.0);
        let placed = batch.tuples.iter().filter(|tuple| tuple.offset > 0);
        self.places
            .extend(placed.map(|tuple| (batch.offset + tuple.offset as u64, tuple.time)));
        self.records.push((time, batch.target.clone(), tuples));
    }

    fn fault(&mut self, _: u64, kind: FaultKind, _: String) {
        self.faults.push(kind);
    }
}

impl Heard {
    /// In an order that does not depend on the twin. Whether a text that is damaged and then ends is
    /// called damaged or cut, and how often, depends on which is met first: of those faults only
    /// that there are any is compared.
    fn sorted(mut self) -> Self {
        let broken =
            |kind: &FaultKind| matches!(kind, FaultKind::Truncated | FaultKind::DamagedRecord);
        self.broken = self.faults.iter().any(broken);
        self.counted = self
            .faults
            .iter()
            .copied()
            .filter(|kind| !broken(kind))
            .collect();
        self.counted.sort();
        self
    }

    fn compared(self) -> impl PartialEq + std::fmt::Debug {
        (self.records, self.counted, self.broken)
    }
}

/// Gives a text in pieces of `step` bytes.
struct Pieces<'a>(Cursor<&'a [u8]>, usize);

impl std::io::Read for Pieces<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let length = buffer.len().min(self.1);
        self.0.read(&mut buffer[..length])
    }
}

fn segment(text: &[u8], segment: Segment, level: Level, step: usize, heard: &mut Heard) -> Outcome {
    let mut scanner = Scanner::new(level, Limits::default());
    let rest = &text[(segment.start as usize).min(text.len())..];
    let (outcome, result) = scanner.scan(&mut Pieces(Cursor::new(rest), step), segment, 0, heard);
    result.expect("reading from memory");
    outcome
}

fn fast(text: &[u8], level: Level, step: usize) -> Heard {
    let mut heard = Heard::default();
    let outcome = segment(text, Segment::WHOLE, level, step, &mut heard);
    if outcome.opened > 0 && !outcome.truncated {
        heard.faults.push(FaultKind::Truncated);
    }
    for (offset, time) in heard.places.drain(..) {
        let digits: String = text[offset as usize..]
            .iter()
            .take_while(|byte| byte.is_ascii_digit())
            .map(|&byte| byte as char)
            .collect();
        let number: i64 = digits.parse().unwrap_or_default();
        assert!(
            number == time || number * 1_000 == time || text[offset as usize] == b'\\',
            "no tuple of {time} at {offset}"
        );
    }
    heard.sorted()
}

fn twin(text: &[u8]) -> Heard {
    let mut heard = Heard::default();
    slow::decode(text, 0, &mut heard);
    heard.sorted()
}

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

fn array() -> impl Strategy<Value = String> {
    prop::collection::vec(tuple(), 0..6).prop_map(|tuples| {
        let quoted: Vec<_> = tuples
            .into_iter()
            .map(|tuple| format!("\"{tuple}\""))
            .collect();
        format!("[{}]", quoted.join(","))
    })
}

fn nsg_record() -> impl Strategy<Value = String> {
    let group =
        (array(), "[A-Za-z_<>-]{0,12}", any::<bool>()).prop_map(|(array, rule, rule_last)| {
            let flows = format!(
                "\"flows\":[{{\"mac\":\"0022481{:05}\",\"flowTuples\":{array}}}]",
                rule.len()
            );
            if rule_last {
                format!("{{{flows},\"rule\":\"{rule}\"}}")
            } else {
                format!("{{\"rule\":\"{rule}\",{flows}}}")
            }
        });
    (prop::collection::vec(group, 0..4), 1u8..=3, any::<bool>()).prop_map(|(groups, version, mac)| {
        let mac = if mac { "\"macAddress\":\"00224812AB34\"," } else { "" };
        format!(
            "{{\"time\":\"2026-01-05T10:00:37.1234567Z\",{mac}\"category\":\"NetworkSecurityGroupFlowEvent\",\
             \"resourceId\":\"/SUBSCRIPTIONS/A/NETWORKSECURITYGROUPS/N\",\"properties\":{{\"Version\":{version},\
             \"flows\":[{}]}}}}",
            groups.join(",")
        )
    })
}

fn vnet_record() -> impl Strategy<Value = String> {
    let group = (array(), "[A-Za-z_]{0,12}")
        .prop_map(|(array, rule)| format!("{{\"flowTuples\":{array},\"rule\":\"{rule}\"}}"));
    prop::collection::vec(group, 0..4).prop_map(|groups| {
        format!(
            "{{\"category\":\"FlowLogFlowEvent\",\"flowLogVersion\":4,\"flowRecords\":{{\"flows\":[{{\"aclID\":\"acl\",\
             \"flowGroups\":[{}]}}]}},\"macAddress\":\"0022486DBA37\",\"targetResourceID\":\"/t\",\"time\":\"2026-01-05T10:00:00Z\"}}",
            groups.join(", ")
        )
    })
}

fn document() -> impl Strategy<Value = String> {
    let other = prop_oneof![
        Just("{\"time\":\"x\",\"category\":\"AppServiceAppLogs\",\"properties\":{\"a\":[1,2.5e3,null,true]}}".to_owned()),
        Just("{\"_raw\":\"{\\\"records\\\":[{\\\"time\\\":\\\"\\\",\\\"flowTuples\\\":[\\\"1767607200,10.0.0.1,10.0.0.2,1,2,T,O,A\\\"]}]}\"}".to_owned()),
        Just("{\"flowTuple\":\"1767607200,10.0.0.1,10.0.0.2,1,2,T,O,A\"}".to_owned()),
    ];
    let record = prop_oneof![4 => nsg_record(), 4 => vnet_record(), 1 => other];
    (prop::collection::vec(record, 0..6), 0u8..5).prop_map(|(records, shape)| match shape {
        0 => format!("{{\"records\":[{}]}}", records.join(",")),
        1 => records.join("\n"),
        2 => format!("[{}]", records.join(" ,\r\n")),
        3 => format!("\u{feff},{}", records.join(",")),
        _ => format!(
            "{{ \"records\" : [ {{\"records\":[{}]}} ]\n}}",
            records.join(",")
        ),
    })
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
    #![proptest_config(ProptestConfig::with_cases(1_500))]

    #[test]
    fn fast_and_slow_read_the_same(text in document(), damages in prop::collection::vec(damage(), 0..4), step in 1usize..700) {
        let bytes = damaged(&text, &damages);
        let expected = twin(&bytes).compared();
        prop_assert_eq!(&fast(&bytes, Level::best(), step).compared(), &expected, "{}", String::from_utf8_lossy(&bytes));
        prop_assert_eq!(&fast(&bytes, Level::Scalar, usize::MAX).compared(), &expected);
    }

    #[test]
    fn segments_are_the_whole_or_are_known_not_to_be(text in document(), damages in prop::collection::vec(damage(), 0..3), cuts in prop::collection::vec(0usize..1000, 1..4)) {
        let bytes = damaged(&text, &damages);
        let mut borders: Vec<u64> = cuts.iter().map(|cut| (cut * bytes.len() / 1000) as u64).filter(|&cut| cut > 0).collect();
        borders.sort_unstable();
        borders.dedup();
        let starts: Vec<u64> = [0].into_iter().chain(borders.iter().copied()).collect();
        let ends = borders.iter().copied().chain([u64::MAX]);
        let mut heard = Heard::default();
        let mut outcomes = Vec::new();
        for (start, end) in starts.into_iter().zip(ends) {
            outcomes.push(segment(&bytes, Segment { start, end }, Level::best(), 100, &mut heard));
        }
        if let Some(joined) = Outcome::join(&outcomes) {
            if joined.opened > 0 && !joined.truncated {
                heard.faults.push(FaultKind::Truncated);
            }
            heard.places.clear();
            prop_assert_eq!(heard.sorted().compared(), fast(&bytes, Level::best(), 100).compared());
            prop_assert_eq!(joined.bytes, bytes.len() as u64);
        }
    }
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
        let heard = fast(&text.as_bytes()[..cut], Level::best(), usize::MAX);
        let mut whole = 0;
        let mut end = "{\"records\":[".len();
        while whole < 3 && end + records[whole].len() <= cut {
            end += records[whole].len() + 1;
            whole += 1;
        }
        assert_eq!(heard.records.len(), whole, "cut at {cut}");
        assert_eq!(heard.faults, [FaultKind::Truncated], "cut at {cut}");
    }
    assert_eq!(fast(text.as_bytes(), Level::best(), usize::MAX).faults, []);
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
        let heard = fast(&bytes, Level::best(), usize::MAX);
        let minutes: Vec<_> = heard
            .records
            .iter()
            .map(|record| record.0.unwrap() / 60_000 % 60)
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
                .filter(|&&kind| kind == FaultKind::DamagedRecord)
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
        let heard = fast(text.as_bytes(), Level::best(), usize::MAX);
        assert!(heard.records.is_empty());
        assert!(!heard.faults.is_empty());
    }
}
