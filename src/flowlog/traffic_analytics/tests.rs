use std::io::{self, Read};

use proptest::prelude::*;

use super::{ROW_LIMIT, decode_csv, decode_json};
use crate::fault::FaultKind;
use crate::flowlog::batch::{FlowState, LogKind, RecordBatch, Sink};
use crate::net::{Decision, Direction, Mac};

/// Keeps what it is given.
#[derive(Default)]
struct Kept {
    records: Vec<RecordBatch>,
    faults: Vec<(u64, FaultKind, String)>,
}

impl Sink for Kept {
    fn record(&mut self, batch: &RecordBatch) {
        self.records.push(batch.clone());
    }

    fn fault(&mut self, offset: u64, kind: FaultKind, detail: String) {
        self.faults.push((offset, kind, detail));
    }
}

impl Kept {
    fn kinds(&self) -> Vec<(u64, FaultKind)> {
        let faults = self.faults.iter();
        faults.map(|&(offset, kind, _)| (offset, kind)).collect()
    }
}

/// Gives one byte a read, as the worst of readers does.
struct Drip<'a>(&'a [u8]);

impl Read for Drip<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let end = buffer.len().min(1);
        self.0.read(&mut buffer[..end])
    }
}

fn csv(text: &[u8]) -> Kept {
    let mut kept = Kept::default();
    assert!(decode_csv(text, 7, &mut kept).unwrap() <= text.len() as u64);
    kept
}

fn json(text: &[u8]) -> Kept {
    let mut kept = Kept::default();
    assert!(decode_json(text, 7, &mut kept).unwrap() <= text.len() as u64);
    kept
}

const HEADER: &str = "TenantId,TimeGenerated [UTC],SubType,FlowStartTime,FlowEndTime,SrcIp,DestIp,\
DestPort,L4Protocol,FlowDirection,FlowStatus,NsgList,MacAddress,TargetResourceId,AllowedInFlows,\
DeniedInFlows,AllowedOutFlows,DeniedOutFlows,PacketsDestToSrc,PacketsSrcToDest,BytesDestToSrc,\
BytesSrcToDest,CompletedFlows,SrcPublicIps,DestPublicIps,AclGroup,AclRule,_ItemId";
const INBOUND: &str = "x,\"8/25/2025 8:11:21.937 PM\",FlowLog,\"8/25/2025 7:06:57.584 PM\",\
\"8/25/2025 7:07:03.373 PM\",192.0.2.4,10.0.0.4,53,UDP,Inbound,Allowed,,00-0D-3A-00-00-01,s/rg/vnet,\
12,0,0,0,22,23,6767,4312,20,,,/nsg/a,allowvnetinbound,id";
const OUTBOUND: &str = "x,\"8/25/2025 8:11:21.937 PM\",FlowLog,\"8/25/2025 7:06:57.584 PM\",\
\"8/25/2025 7:07:03.373 PM\",10.0.0.4,,443,T,O,A,,00-0D-3A-00-00-01,s/rg/vnet,\
0,0,4,0,33,31,12,13,4,,198.51.100.7|3|3|16|18|1922|6187 198.51.100.8|1|0|15|17|1855|6073,\
/nsg/a,allowinternetoutbound,id";

fn table(rows: &[&str]) -> String {
    format!("{HEADER}\r\n{}\r\n", rows.join("\r\n"))
}

/// Addresses, flows, packets and bytes of every tuple.
type Line = (String, u32, [u64; 2], [u64; 2]);

fn lines(batch: &RecordBatch) -> Vec<Line> {
    let line = |tuple| {
        let (source, destination) = batch.addresses(tuple);
        let (packets, bytes) = batch.counters(tuple);
        (
            format!("{source}>{destination}"),
            batch.flows(tuple),
            packets,
            bytes,
        )
    };
    batch.tuples.iter().map(line).collect()
}

#[test]
fn a_row_with_two_plain_addresses_is_one_tuple() {
    let text = table(&[INBOUND]);
    let kept = csv(text.as_bytes());
    assert_eq!(kept.faults, []);
    let batch = &kept.records[0];
    assert_eq!(
        lines(batch),
        [("192.0.2.4>10.0.0.4".to_owned(), 12, [23, 22], [4312, 6767])]
    );
    let (tuple, group) = (&batch.tuples[0], &batch.groups[0]);
    assert_eq!(
        (tuple.time, batch.wide[0].last),
        (1_756_148_817_584, 1_756_148_823_373)
    );
    assert_eq!(
        (tuple.protocol, tuple.destination_port, tuple.source_port),
        (17, 53, 0)
    );
    assert_eq!(tuple.bits.kind(), LogKind::TrafficAnalytics);
    assert_eq!(tuple.bits.state(), FlowState::None);
    assert_eq!(tuple.bits.direction(), Direction::Inbound);
    assert_eq!(tuple.bits.decision(), Decision::Allow);
    assert_eq!(
        (group.rule.as_str(), group.acl.as_str()),
        ("allowvnetinbound", "/nsg/a")
    );
    assert_eq!(
        (group.mac, group.tuples.clone()),
        (Some(Mac(0x000D_3A00_0001)), 0..1)
    );
    assert_eq!((batch.target.as_str(), batch.file), ("s/rg/vnet", 7));
    let start = HEADER.len() as u64 + 2;
    assert_eq!((batch.offset, batch.length), (start, INBOUND.len() as u64));
}

#[test]
fn public_addresses_are_expanded_with_their_own_counts() {
    let kept = csv(table(&[OUTBOUND]).as_bytes());
    assert_eq!(
        lines(&kept.records[0]),
        [
            (
                "10.0.0.4>198.51.100.7".to_owned(),
                3,
                [16, 18],
                [1922, 6187]
            ),
            (
                "10.0.0.4>198.51.100.8".to_owned(),
                1,
                [15, 17],
                [1855, 6073]
            ),
        ]
    );
}

#[test]
fn the_older_table_and_the_oldest_public_column_are_read() {
    let text = "SubType_s,FlowStartTime_t,VMIP_s,PublicIPs_s,DestPort_d,L4Protocol_s,\
        FlowDirection_s,FlowStatus_s,NSGList_s,NSGRules_s,DeniedInFlows_d,OutboundPackets_d\n\
        FlowLog,2019-03-04T10:00:00Z,10.0.0.4,203.0.113.9|2|0|2|0|120|0,3389.0,T,I,D,s/rg/nsg,\
        0|denyall|I|D|2,2,9\n\
        FlowLog,2019-03-04T10:00:00Z,10.0.0.4,203.0.113.9|2|0|2|0|120|0,443,T,O,D,s/rg/nsg,\
        0|denyall|O|D|2,2,9\n";
    let kept = csv(text.as_bytes());
    assert_eq!(kept.faults, []);
    let [inbound, outbound] = &kept.records[..] else {
        panic!("{} records", kept.records.len())
    };
    assert_eq!(
        lines(inbound),
        [("203.0.113.9>10.0.0.4".to_owned(), 2, [2, 0], [120, 0])]
    );
    assert_eq!(lines(outbound)[0].0, "10.0.0.4>203.0.113.9");
    assert_eq!(
        (inbound.groups[0].rule.as_str(), inbound.target.as_str()),
        ("denyall", "s/rg/nsg")
    );
}

#[test]
fn a_bad_value_is_a_bad_row_that_names_column_and_value() {
    for (row, from, to, detail) in [
        (INBOUND, "192.0.2.4", "192.0.2.x", "SrcIp is \"192.0.2.x\""),
        (
            INBOUND,
            "192.0.2.4",
            "",
            "SrcIp and SrcPublicIps are both missing or blank",
        ),
        (
            INBOUND,
            "10.0.0.4",
            "",
            "DestIp and DestPublicIps are both missing or blank",
        ),
        (INBOUND, ",53,", ",65536,", "DestPort is \"65536\""),
        (INBOUND, ",53,", ",53.5,", "DestPort is \"53.5\""),
        (INBOUND, "UDP", "X", "L4Protocol is \"X\""),
        (INBOUND, "Inbound", "", "FlowDirection is missing or blank"),
        (INBOUND, "Allowed", "B", "FlowStatus is \"B\""),
        (
            INBOUND,
            "7:06:57",
            "19:06:57",
            "FlowStartTime is \"8/25/2025 19:06:57.584 PM\"",
        ),
        (INBOUND, ",12,", ",-1,", "AllowedInFlows is \"-1\""),
        (
            OUTBOUND,
            "|6187",
            "",
            "DestPublicIps is \"198.51.100.7|3|3|16|18|1922\"",
        ),
        (
            OUTBOUND,
            "|6187",
            "|6187|1",
            "DestPublicIps is \"198.51.100.7|3|3|16|18|1922|6187|1\"",
        ),
        (INBOUND, ",id", ",id,more", "29 fields under 28 columns"),
    ] {
        let bad = row.replacen(from, to, 1);
        let kept = csv(table(&[INBOUND, &bad, OUTBOUND]).as_bytes());
        let offset = (HEADER.len() + INBOUND.len() + 4) as u64;
        assert_eq!(
            kept.faults,
            [(offset, FaultKind::BadRow, detail.to_owned())]
        );
        assert_eq!(kept.records.len(), 2);
    }
    let other = INBOUND.replace("FlowLog", "Topology");
    let kept = csv(table(&[&other]).as_bytes());
    assert_eq!(kept.faults[0].1, FaultKind::NotFlowRecord);
}

#[test]
fn a_table_without_the_columns_is_no_flow_log() {
    let kept = csv(b"a,b\n1,2\n");
    assert_eq!(kept.kinds(), [(0, FaultKind::NotFlowLog)]);
    assert_eq!(kept.faults[0].2, "no column FlowDirection");
}

#[test]
fn byte_order_mark_blank_lines_and_a_second_header_are_no_rows() {
    let text = format!("\u{feff}{HEADER}\n\n{INBOUND}\n{HEADER}\n{OUTBOUND}");
    let kept = csv(text.as_bytes());
    assert_eq!((kept.records.len(), kept.faults.len()), (2, 0));
    assert_eq!(kept.records[0].offset, HEADER.len() as u64 + 5);
}

/// A table with its columns in another order: those of `order`, where each is a place in [`HEADER`].
fn reordered(order: &[usize]) -> String {
    let line = |cells: Vec<String>| {
        let cells: Vec<_> = order
            .iter()
            .map(|&place| format!("\"{}\"", cells[place]))
            .collect();
        cells.join(",") + "\n"
    };
    let header: Vec<_> = HEADER.split(',').map(str::to_owned).collect();
    line(header) + &line(cells(INBOUND)) + &line(cells(OUTBOUND))
}

#[test]
fn joined_exports_read_as_they_do_apart_whatever_the_order_of_their_columns() {
    let usual = table(&[INBOUND, OUTBOUND]);
    let count = HEADER.split(',').count();
    let backwards: Vec<_> = (0..count).rev().collect();
    let without_first: Vec<_> = (1..count).rev().collect();
    let turned: Vec<_> = (5..count).chain(0..5).collect();
    for order in [backwards, without_first, turned] {
        let other = reordered(&order);
        for (first, second) in [(&usual, &other), (&other, &usual), (&other, &other)] {
            let apart = [csv(first.as_bytes()), csv(second.as_bytes())];
            for joint in ["", "\r\n", "\u{feff}"] {
                let kept = csv(format!("{first}{joint}{second}").as_bytes());
                assert_eq!(kept.faults, [], "{order:?}");
                let before = (first.len() + joint.len()) as u64;
                let mut expected = apart[0].records.clone();
                expected.extend(apart[1].records.iter().cloned().map(|mut record| {
                    record.offset += before;
                    record
                }));
                assert_eq!(kept.records, expected, "{order:?}");
            }
        }
    }
}

#[test]
fn names_behind_a_row_without_a_line_break_cost_that_row() {
    let first = table(&[INBOUND, OUTBOUND]);
    let row = first.find(OUTBOUND).unwrap() as u64;
    let other: Vec<_> = (5..28).chain(0..5).collect();
    for second in [first.clone(), reordered(&other).replace('"', "")] {
        let second = second.replace("[UTC]", "");
        let kept = csv(format!("{}{second}", first.trim_end()).as_bytes());
        assert_eq!(kept.kinds(), [(row, FaultKind::BadRow)]);
        let apart = csv(second.as_bytes());
        let lines_of = |records: &[RecordBatch]| records.iter().map(lines).collect::<Vec<_>>();
        assert_eq!(lines_of(&kept.records[1..]), lines_of(&apart.records));
    }
}

#[test]
fn a_quote_that_never_closes_costs_one_line() {
    let open = INBOUND.replacen("192.0.2.4", "\"192.0.2.4", 1);
    let last = INBOUND.replace('"', "");
    let text = format!("{HEADER}\n{INBOUND}\n{open}\n{last}\n{last}\n");
    let kept = csv(text.as_bytes());
    let offset = (HEADER.len() + INBOUND.len() + 2) as u64;
    assert_eq!(kept.kinds(), [(offset, FaultKind::DamagedRecord)]);
    assert_eq!(kept.records.len(), 3);
}

#[test]
fn a_row_above_the_limit_is_a_fault_and_reading_goes_on() {
    let long = "y".repeat(ROW_LIMIT + 1);
    let kept = csv(table(&[&long, INBOUND]).as_bytes());
    let offset = HEADER.len() as u64 + 2;
    assert_eq!(kept.kinds(), [(offset, FaultKind::RecordTooLarge)]);
    assert_eq!(kept.records.len(), 1);
    let row = object(INBOUND);
    let kept = json(format!("[{{\"x\":\"{long}\"}},{row}]").as_bytes());
    assert_eq!(kept.kinds(), [(1, FaultKind::RecordTooLarge)]);
    assert_eq!(kept.records.len(), 1);
}

/// A row as an object of strings, as `az` prints it.
fn object(row: &str) -> String {
    let cells = cells(row);
    let members = names().zip(&cells);
    let members: Vec<_> = members
        .map(|(name, cell)| format!("{name:?}: {cell:?}"))
        .collect();
    format!(
        "{{\n  \"TableName\": \"PrimaryResult\",\n  {}\n}}",
        members.join(",\n  ")
    )
}

fn names() -> impl Iterator<Item = &'static str> {
    HEADER
        .split(',')
        .map(|name| name.split(' ').next().unwrap())
}

fn cells(row: &str) -> Vec<String> {
    row.split(',')
        .map(|cell| cell.trim_matches('"').to_owned())
        .collect()
}

/// Rows as the query API returns them, numbers as numbers.
fn response(rows: &[&str]) -> String {
    let columns: Vec<_> = names()
        .map(|name| format!("{{\"name\":{name:?},\"type\":\"x\"}}"))
        .collect();
    let row = |row: &&str| {
        let cells = cells(row)
            .into_iter()
            .map(|cell| match cell.parse::<u32>() {
                Ok(number) => number.to_string(),
                Err(_) if cell.is_empty() => "null".to_owned(),
                Err(_) => format!("{cell:?}"),
            });
        format!("[{}]", cells.collect::<Vec<_>>().join(","))
    };
    let rows: Vec<_> = rows.iter().map(row).collect();
    format!(
        "{{\"statistics\": {{\"a\":[1]}}, \"tables\":[{{\"name\":\"PrimaryResult\",\"columns\":[{}],\"rows\":[{}]}}]}}",
        columns.join(","),
        rows.join(",")
    )
}

#[test]
fn every_json_shape_gives_what_the_csv_gives() {
    let expected = csv(table(&[INBOUND, OUTBOUND]).as_bytes());
    let (first, second) = (object(INBOUND), object(OUTBOUND));
    for text in [
        format!("[\n{first},\n{second}\n]\n"),
        format!(
            "\u{feff}{}\n{}\n",
            first.replace('\n', ""),
            second.replace('\n', "")
        ),
        format!("{{\"value\":[{first},{second}], \"nextLink\": null}}"),
        format!("{{\"value\":[{first},{second}], \"nextLink\": \"https://x/?a=]\"}}"),
        format!("{{\"records\":[{first},{second}],\"count\":5, \"a\":{{\"b\":[1]}} }}"),
        format!("{{\"count\":5,\"a\":[{{}}], \"records\": [{first},{second}]}}"),
        response(&[INBOUND, OUTBOUND]),
        format!("{{\"tables\":[{}]}}", response(&[INBOUND, OUTBOUND])),
    ] {
        let kept = json(text.as_bytes());
        assert_eq!(kept.faults, [], "{text}");
        assert_eq!(kept.records.len(), 2, "{text}");
        for (record, expected) in kept.records.iter().zip(&expected.records) {
            let mut record = record.clone();
            let end = (record.offset + record.length) as usize;
            assert!(matches!(
                text.as_bytes()[record.offset as usize],
                b'{' | b'['
            ));
            assert!(matches!(text.as_bytes()[end - 1], b'}' | b']'));
            (record.offset, record.length) = (expected.offset, expected.length);
            assert_eq!(record, *expected, "{text}");
        }
    }
    let [first, second] = &expected.records[..] else {
        panic!("{} records", expected.records.len())
    };
    assert_ne!(first.identity(), second.identity());
}

#[test]
fn damage_costs_the_row_it_is_in() {
    let row = object(INBOUND);
    let flat = row.replace('\n', "");
    let open = flat.replace("FlowLog\"", "FlowLog");
    let kept = json(format!("{flat}\n{open}\n{flat}\n").as_bytes());
    let second = flat.len() as u64 + 1;
    assert_eq!(kept.kinds(), [(second, FaultKind::DamagedRecord)]);
    assert_eq!(kept.records.len(), 2);
    let kept = json(format!("[{row}, lost, {row}]").as_bytes());
    assert_eq!(kept.kinds(), [(row.len() as u64 + 3, FaultKind::StrayText)]);
    assert_eq!(kept.records.len(), 2);
    let kept = json(format!("[{}, {row}]", row.replace("\"SubType\":", "\"SubType\"")).as_bytes());
    assert_eq!(kept.kinds(), [(1, FaultKind::DamagedRecord)]);
}

#[test]
fn damage_in_members_around_the_rows_is_one_fault_where_it_is() {
    let row = object(INBOUND);
    for (before, member) in [
        ("\"count\":", "5x"),
        ("\"count\":", "05"),
        ("\"count\":", "}"),
        ("\"a\":", "[5}"),
        ("\"a\":", "{\"b\" 1}"),
        ("\"a\":", "\"x\ny\""),
        ("\"count\" ", "5"),
    ] {
        let start = format!("{{\"value\":[{row}],{before}");
        let kept = json(format!("{start}{member}}}\n").as_bytes());
        let place = start.len() as u64;
        assert_eq!(kept.kinds(), [(place, FaultKind::StrayText)], "{member}");
        assert_eq!(kept.records.len(), 1);
    }
}

#[test]
fn rows_under_a_key_that_is_not_known_are_one_fault_that_names_it() {
    let (row, table) = (object(INBOUND), response(&[INBOUND]));
    let padding = "{},".repeat(ROW_LIMIT);
    for member in [
        format!("[{row},{row}]"),
        row.clone(),
        table,
        format!("{{\"deeper\":[{row}]}}"),
        format!("[\"\\\\\",\"\\\"\",{row}]"),
        format!("[{row},{padding}{row}]"),
    ] {
        let start = format!("{{\"value\":[{row}],\"Items\":");
        let kept = json(format!("{start}{member},\"a\":[5]}}\n").as_bytes());
        let detail = "rows under the key \"Items\", which is not read";
        assert_eq!(
            kept.faults,
            [(start.len() as u64, FaultKind::BadRow, detail.to_owned())]
        );
        assert_eq!(kept.records.len(), 1);
    }
}

#[test]
fn members_that_name_columns_and_hold_no_rows_are_no_fault() {
    let row = object(INBOUND);
    for member in [
        "\"Statistics\":{\"FlowStatus\":1}",
        "\"render\":{\"series\":[\"FlowStatus\"]}",
        "\"error\":{\"target\":\"FlowStatus\"}",
        "\"query\":\"FlowStatus\"",
        "\"a\":[\"FlowStatus is x\",\"\\\"FlowStatus\\\"\"]",
    ] {
        let kept = json(format!("{{\"value\":[{row}],{member}}}").as_bytes());
        assert_eq!((kept.records.len(), kept.faults), (1, vec![]), "{member}");
    }
}

#[test]
fn tables_without_rows_are_no_fault_whatever_their_columns() {
    for table in [
        response(&[]),
        r#"{"tables":[]}"#.to_owned(),
        r#"{"tables":[{"name":"x","columns":[],"rows":[ ]}]}"#.to_owned(),
        r#"{"tables":[{"rows":[
            ],"columns":[{"name":"a","type":"int"}]}]}"#
            .to_owned(),
    ] {
        let kept = json(table.as_bytes());
        assert_eq!((kept.records.len(), kept.faults), (0, vec![]), "{table}");
    }
}

#[test]
fn tables_that_are_no_flows_are_one_fault() {
    let text =
        r#"{"tables":[{"name":"x","columns":[{"name":"a","type":"int"}],"rows":[[1],[2]]}]}"#;
    assert_eq!(json(text.as_bytes()).kinds(), [(68, FaultKind::NotFlowLog)]);
    let text = r#"{"tables":[{"name":"x","rows":[[1]],"columns":[]}]}"#;
    assert_eq!(json(text.as_bytes()).kinds(), [(30, FaultKind::NotFlowLog)]);
}

#[test]
fn how_the_reader_cuts_the_text_does_not_matter() {
    let text = table(&[INBOUND, OUTBOUND]);
    let mut kept = Kept::default();
    let read = decode_csv(Drip(text.as_bytes()), 7, &mut kept).unwrap();
    assert_eq!(read, text.len() as u64);
    assert_eq!(kept.records, csv(text.as_bytes()).records);
    let text = response(&[INBOUND, OUTBOUND]);
    let mut kept = Kept::default();
    let read = decode_json(Drip(text.as_bytes()), 7, &mut kept).unwrap();
    assert_eq!(read, text.len() as u64);
    assert_eq!(kept.records, json(text.as_bytes()).records);
}

#[test]
fn a_text_cut_anywhere_gives_its_whole_rows_and_at_most_one_fault() {
    let text = table(&[INBOUND, OUTBOUND, INBOUND]);
    let all = csv(text.as_bytes()).records;
    for end in 0..text.len() {
        let kept = csv(&text.as_bytes()[..end]);
        assert!(kept.faults.len() <= 1, "{end}: {:?}", kept.faults);
        let whole = all
            .iter()
            .filter(|row| row.offset + row.length <= end as u64);
        assert!(kept.records.len() >= whole.count(), "{end}");
    }
    for text in [
        format!("[{},{}]", object(INBOUND), object(OUTBOUND)),
        response(&[INBOUND, OUTBOUND]),
        format!(
            "{{\"count\":5,\"value\":[{}],\"a\":[true,{{}}],\"nextLink\":\"https://x/?a=]\"}}",
            object(INBOUND)
        ),
    ] {
        let all = json(text.as_bytes()).records;
        for end in 1..text.len() {
            let kept = json(&text.as_bytes()[..end]);
            let faults: Vec<_> = kept.faults.iter().map(|fault| fault.1).collect();
            assert_eq!(faults, [FaultKind::Truncated], "{end}");
            let whole = all
                .iter()
                .filter(|row| row.offset + row.length <= end as u64);
            assert_eq!(kept.records.len(), whole.count(), "{end}");
        }
    }
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        csv(&bytes);
        json(&bytes);
        csv(&[HEADER.as_bytes(), b"\n", &bytes].concat());
    }

    #[test]
    fn no_mix_of_pieces_panics_or_is_read_differently_in_drips(
        pieces in prop::collection::vec(prop_oneof![
            "\\PC{0,4}",
            prop::sample::select(vec![
                "\"", "\n", "\r", ",", "{", "}", "[", "]", ":", "\\", "\"rows\":[", "{\"tables\":[",
                "{\"columns\":[", "\"\"", INBOUND, OUTBOUND, HEADER, "null", "1",
            ]).prop_map(str::to_owned),
            Just(object(INBOUND)),
            Just(response(&[INBOUND])),
        ], 0..14),
    ) {
        let text = pieces.concat();
        for text in [text.clone(), format!("{HEADER}\n{text}")] {
            let mut kept = Kept::default();
            decode_csv(Drip(text.as_bytes()), 7, &mut kept).unwrap();
            let once = csv(text.as_bytes());
            prop_assert_eq!((kept.records, kept.faults), (once.records, once.faults));
        }
        let mut kept = Kept::default();
        decode_json(Drip(text.as_bytes()), 7, &mut kept).unwrap();
        let once = json(text.as_bytes());
        prop_assert_eq!((kept.records, kept.faults), (once.records, once.faults));
    }
}
