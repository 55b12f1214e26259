use proptest::prelude::*;

use super::*;
use crate::flowlog::batch::{FlowState, LogKind};
use crate::net::Decision;

/// Keeps what it is given.
#[derive(Default)]
struct Kept {
    records: Vec<RecordBatch>,
    faults: Vec<(u64, FaultKind)>,
}

impl Sink for Kept {
    fn record(&mut self, batch: &RecordBatch) {
        self.records.push(batch.clone());
    }

    fn fault(&mut self, offset: u64, kind: FaultKind, _: String) {
        self.faults.push((offset, kind));
    }
}

fn kept(text: &[u8]) -> Kept {
    let mut kept = Kept::default();
    decode(text, Limits::default(), 0, &mut kept);
    kept
}

/// Faults and, of each record, how many tuples it has.
fn outline(text: &str) -> (Vec<(u64, FaultKind)>, Vec<usize>) {
    let kept = kept(text.as_bytes());
    let sizes = kept.records.iter().map(|record| record.tuples.len());
    (kept.faults, sizes.collect())
}

const V1: &str = "1767607200,10.30.4.5,198.51.100.7,51544,443,T,O,A";
const V2: &str = "1767607206,10.30.4.5,198.51.100.7,51544,443,U,O,A,E,12,2310,10,6502";
const V4: &str = "1767607207789,203.0.113.9,10.30.4.5,40112,3389,6,I,D,NX,0,0,0,0";

fn nsg(tuples: &str) -> String {
    format!(
        r#"{{"time":"2026-01-05T10:00:37.1234567Z","category":"NetworkSecurityGroupFlowEvent","resourceId":"/NSG/A","properties":{{"Version":2,"flows":[{{"rule":"UserRule_x","flows":[{{"mac":"00224812AB34","flowTuples":[{tuples}]}}]}}]}}}}"#
    )
}

fn vnet(tuples: &str) -> String {
    format!(
        r#"{{"time":"2026-01-05T10:00:37Z","macAddress":"00224812AB34","targetResourceID":"/vnet","flowRecords":{{"flows":[{{"aclID":"/nsg","flowGroups":[{{"flowTuples":[{tuples}],"rule":"DefaultRule_x"}}]}}]}}}}"#
    )
}

#[test]
fn both_nsg_versions_and_vnet_records_are_read_from_one_blob() {
    let tuples = format!(r#""{V1}","{V2}""#);
    let text = format!(
        r#"{{"records":[{},{}]}}"#,
        nsg(&tuples),
        vnet(&format!("\"{V4}\""))
    );
    let kept = kept(text.as_bytes());
    assert_eq!(kept.faults, []);
    let [first, second] = &kept.records[..] else {
        panic!("{} records", kept.records.len())
    };
    let kinds: Vec<_> = first.tuples.iter().map(|tuple| tuple.bits.kind()).collect();
    assert_eq!(kinds, [LogKind::NsgV1, LogKind::NsgV2]);
    assert_eq!((first.offset, first.groups[0].acl.as_str()), (12, "/NSG/A"));
    assert_eq!(first.tuples[1].packets, [12, 10]);
    assert_eq!(first.tuples[1].bytes, [2310, 6502]);
    assert_eq!(first.tuples[0].time, 1_767_607_200_000);
    let denied = second.tuples[0];
    assert_eq!(denied.bits.decision(), Decision::Deny);
    assert_eq!(
        (denied.bits.state(), denied.bits.kind()),
        (FlowState::Begin, LogKind::VnetV4)
    );
    let group = &second.groups[0];
    assert_eq!(
        (group.rule.as_str(), group.acl.as_str()),
        ("DefaultRule_x", "/nsg")
    );
    assert_eq!(
        (group.mac, second.target.as_str()),
        (Some(Mac(0x0022_4812_AB34)), "/vnet")
    );
}

#[test]
fn every_envelope_gives_the_same_records() {
    let record = nsg(&format!("\"{V2}\""));
    let escaped = serde_json::to_string(&record).unwrap();
    for text in [
        format!(r#"{{"records":[{record}]}}"#),
        format!("\u{feff}{{ \"records\" :\r\n[\r\n{record}\r\n]\r\n}}\r\n"),
        format!(r#"{{"value":[{record},]}}"#),
        format!("[{record}]"),
        record.clone(),
        format!("{record}\n"),
        format!("\u{feff},{record}"),
        format!(r#"{{"records":[{{"records":[{record}]}}]}}"#),
        format!(r#"{{"host":"x","records":[{record}]}}"#),
        format!(r#"{{"records":[{record}],"count":5}}"#),
        format!(r#"{{"a":{{"b":[]}}, "value":[{record}] , "nextLink":"https://x?a=\"]}}" }}"#),
        format!(r#"{{"value":[],"records":[{record}],"a":[[{{}}]],"records":[]}}"#),
        format!(r#"{{"time":"","records":[{{"records":[{record}],"count":5}}],"count":5}}"#),
        format!(r#"{{"_raw":{escaped},"flowTuple":"{V1}"}}"#),
        format!(r#"{{"event":{{"original":{escaped}}}}}"#),
        format!(r#"{{"time":"","flow.0":"{V2}"}}"#),
        format!(r#"{{"rule":"x","flowTuple":"{V2},,"}}"#),
    ] {
        assert_eq!(outline(&text), (vec![], vec![1]), "{text}");
    }
}

#[test]
fn a_cut_text_gives_its_whole_records_and_one_fault() {
    let record = vnet(&format!("\"{V4}\""));
    let text = format!(r#"{{"records":[{record},{record}]}}"#);
    for end in 13..text.len() {
        let (faults, sizes) = outline(&text[..end]);
        assert_eq!(faults.len(), 1, "{}", &text[..end]);
        assert_eq!(faults[0].1, FaultKind::Truncated);
        let whole = (12 + record.len() <= end) as usize + (13 + 2 * record.len() <= end) as usize;
        assert_eq!(sizes.len(), whole, "{}", &text[..end]);
    }
}

#[test]
fn damage_costs_the_record_it_is_in() {
    let record = nsg(&format!("\"{V2}\""));
    let (before, after) = (12, 13 + record.len());
    let broken = record.replace("\"rule\":", "\"rule\";");
    let text = format!(r#"{{"records":[{broken},{record}]}}"#);
    assert_eq!(
        outline(&text),
        (vec![(before, FaultKind::DamagedRecord)], vec![1])
    );
    let text = format!(r#"{{"records":[{record},lost{record}]}}"#);
    assert_eq!(
        outline(&text),
        (vec![(after as u64, FaultKind::StrayText)], vec![1, 1])
    );
    let text = format!(
        r#"{{"records":[{},{record}]}}"#,
        &record[..record.len() - 8]
    );
    assert_eq!(
        outline(&text),
        (vec![(before, FaultKind::DamagedRecord)], vec![1])
    );
}

#[test]
fn other_logs_and_empty_lists_are_told_apart() {
    let other = r#"{"time":"2026-01-05T10:00:37Z","category":"AuditEvent"}"#;
    assert_eq!(
        outline(other),
        (vec![(0, FaultKind::NotFlowRecord)], vec![])
    );
    assert_eq!(outline(&vnet("")), (vec![], vec![0]));
}

#[test]
fn groups_are_numbered_as_they_appear_and_empty_ones_dropped() {
    let text = format!(
        r#"{{"records":[{{"time":"","z":[{{"rule":"a","flowTuples":[]}},{{"rule":"b","flowTuples":["{V4}"]}}],"c":{{"flowTuples":["{V1}"]}}}}]}}"#
    );
    let kept = kept(text.as_bytes());
    let rules: Vec<_> = kept.records[0]
        .groups
        .iter()
        .map(|group| &*group.rule)
        .collect();
    assert_eq!(rules, ["b", ""]);
    assert_eq!(kept.records[0].tuples[1].group, 1);
}

#[test]
fn a_bad_tuple_is_one_fault_the_first_in_order() {
    use FaultKind::*;
    for (from, to, kind) in [
        (",0,0,0,0", "", FieldCount),
        (",0,0,0,0", ",0,0,0,0,x", FieldCount),
        (",6,", ",256,", BadProtocol),
        (",6,", ",TCP,", BadProtocol),
        ("1767607207789", "0", BadTime),
        ("1767607207789", "999999999999999", BadTime),
        ("203.0.113.9", "203.0.113.256", BadAddress),
        ("10.30.4.5", "[2001:db8::1]", BadAddress),
        ("40112", "65536", BadPort),
        ("3389", "", BadPort),
        (",I,", ",X,", BadDirection),
        (",D,", ",A,", BadState),
        ("NX", "N-X", BadState),
        ("NX,0", "NX,-1", BadCounter),
    ] {
        let bad = V4.replace(from, to);
        let text = vnet(&format!(r#""{bad}","{V4}""#));
        let place = text.find(&bad).unwrap() as u64;
        assert_eq!(outline(&text), (vec![(place, kind)], vec![1]), "{bad}");
    }
    let text = vnet("7");
    let place = text.find("[7").unwrap() as u64 + 1;
    assert_eq!(outline(&text), (vec![(place, FieldCount)], vec![0]));
}

#[test]
fn what_does_not_fit_is_kept_wide() {
    let six = "1767607200123,2001:db8::1,2001:db8::2,51544,443,58,O,C,NX,1,2,3,4";
    let large = "1767607200123,10.0.0.1,192.0.2.1,51544,443,6,O,B,,1,4294967296,,";
    let kept = kept(vnet(&format!(r#""{six}","{large}""#)).as_bytes());
    let batch = &kept.records[0];
    assert!(batch.tuples.iter().all(|tuple| tuple.bits.is_wide()));
    assert_eq!(
        batch.counters(&batch.tuples[1]),
        ([1, 0], [4_294_967_296, 0])
    );
    assert_eq!(
        batch
            .tuples
            .iter()
            .map(|tuple| batch.flows(tuple))
            .collect::<Vec<_>>(),
        [0, 1]
    );
}

proptest! {
    #[test]
    fn no_text_panics(pieces in prop::collection::vec(prop_oneof![
        "\\PC{0,6}", Just("{".to_owned()), Just("]}".to_owned()), Just("\"records\":[".to_owned()),
        Just(vnet(&format!("\"{V4}\""))), Just("{\"time\":".to_owned()),
    ], 0..12)) {
        kept(pieces.concat().as_bytes());
    }
}
