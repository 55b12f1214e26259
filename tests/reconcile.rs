//! Everything that was read is accounted for, whatever was wrong with it or left out of it.

mod support;

use std::path::Path;

use support::blob::{self, CONFIG, Flow, Format, Record, START};
use support::{Bench, assert_reconciled, assert_same, faults, judged, number};

fn bench() -> Bench {
    let bench = Bench::new();
    bench.write("nsgaudit.toml", CONFIG);
    bench
}

fn tuples(records: &[Record]) -> u64 {
    records.iter().map(|record| record.flows.len() as u64).sum()
}

#[test]
fn bad_tuples_are_faulty_and_the_rest_is_counted() {
    let bench = bench();
    let good = Flow::out(START, blob::APIM, blob::OUTSIDE, 443);
    let text = good.text(Format::NsgV2);
    let bad = [
        ("bad-time", text.replacen("17", "x7", 1)),
        (
            "bad-address",
            text.replacen("198.51.100.25", "198.51.100.256", 1),
        ),
        ("bad-port", text.replacen(",443,", ",65536,", 1)),
        ("bad-protocol", text.replacen(",T,", ",Q,", 1)),
        ("bad-direction", text.replacen(",O,", ",X,", 1)),
        ("bad-state", text.replacen(",A,B", ",A,Z", 1)),
        ("bad-counter", text.replacen(",B,,,,", ",E,1,-2,3,4", 1)),
        ("field-count", text.replacen(",B,,,,", ",B", 1)),
        ("field-count", String::new()),
    ];
    let record = Record::apim(START + 10, Vec::new());
    for (number_of_bad, (kind, bad_text)) in bad.iter().enumerate() {
        let own = [text.clone(), bad_text.clone(), text.clone()];
        let name = format!("{number_of_bad}.json");
        bench.write(&name, blob::join([record.text_of(Format::NsgV2, &own)]));
        let report = bench.report([&name]);
        assert_reconciled(&report);
        assert_eq!(faults(&report, kind), 1, "{kind} {}", report["input"]);
        assert_eq!(number(&report, "/input/tuples/read"), 3, "{kind}");
        assert_eq!(number(&report, "/input/tuples/faulty"), 1, "{kind}");
        assert_eq!(number(&report, "/input/tuples/counted"), 2, "{kind}");
    }
    // A record of nearly only bad tuples is a record all the same.
    let mut all_bad: Vec<String> = bad.iter().map(|(_, text)| text.clone()).collect();
    all_bad.push(text);
    bench.write(
        "all.json",
        blob::join([record.text_of(Format::NsgV2, &all_bad)]),
    );
    let report = bench.report(["all.json"]);
    assert_reconciled(&report);
    assert_eq!(number(&report, "/input/tuples/faulty"), 9);
    assert_eq!(number(&report, "/input/records/read"), 1);
}

/// What is done to a record's text.
type Damage = fn(&str) -> String;

#[test]
fn damaged_records_are_faults_and_their_neighbours_are_counted() {
    let records = blob::mixed(21, 30, 20);
    let texts: Vec<String> = records
        .iter()
        .map(|record| record.text(Format::VnetV4))
        .collect();
    let damages: [(&str, &str, Damage); 4] = [
        ("cut", "damaged-record", |text| {
            text[..text.len() / 2].to_owned()
        }),
        ("quote", "damaged-record", |text| {
            text.replacen("\"rule\":", "\"rule\":\"", 1)
        }),
        ("other", "not-flow-record", |_| {
            r#"{"time":"2026-01-05T14:00:00Z","category":"AuditEvent","properties":{}}"#.to_owned()
        }),
        ("version", "unknown-version", |text| {
            text.replacen("\"flowLogVersion\":4", "\"flowLogVersion\":9", 1)
        }),
    ];
    for (name, kind, damage) in damages {
        let bench = bench();
        let mut damaged = texts.clone();
        damaged[13] = damage(&texts[13]);
        bench.write("damaged.json", blob::join(damaged));
        let mut left = records.clone();
        left.remove(13);
        bench.write("left.json", blob::blob(Format::VnetV4, &left));
        let report = bench.report(["damaged.json"]);
        assert_reconciled(&report);
        assert_eq!(
            faults(&report, kind),
            1,
            "{name}: {}",
            report["input"]["faults"]
        );
        assert_eq!(
            number(&report, "/input/tuples/counted"),
            tuples(&left),
            "{name}"
        );
        assert_same(&judged(&report), &judged(&bench.report(["left.json"])));
    }
}

#[test]
fn a_cut_blob_is_read_up_to_the_cut() {
    let records = blob::mixed(22, 12, 20);
    let text = blob::blob(Format::NsgV2, &records);
    let bench = bench();
    let mut most = 0;
    for cut in (30..text.len()).step_by(149) {
        bench.write("cut.json", &text[..cut]);
        let ran = bench.run(["audit", "--format=json", "--fail-on=never", "cut.json"]);
        let report = ran.json();
        assert_reconciled(&report);
        assert_eq!(faults(&report, "truncated"), 1, "cut at {cut}");
        let counted = number(&report, "/input/records/counted");
        assert!(counted >= most, "no record is lost by a later cut");
        most = counted;
    }
    assert!(most >= 11);
}

/// Runs with options, and over a blob that holds only what the options ask for.
fn assert_restricted(
    records: &[Record],
    format: Format,
    options: &[&str],
    keeps: impl Fn(&Record, &Flow) -> bool,
) {
    let restricted: Vec<Record> = records
        .iter()
        .filter_map(|record| {
            let mut record = record.clone();
            let flows = std::mem::take(&mut record.flows);
            record.flows = flows
                .into_iter()
                .filter(|flow| keeps(&record, flow))
                .collect();
            (!record.flows.is_empty()).then_some(record)
        })
        .collect();
    let kept = tuples(&restricted);
    assert!(
        kept > 0 && kept < tuples(records),
        "{options:?} tells apart"
    );
    let bench = bench();
    bench.write("all.json", blob::blob(format, records));
    bench.write("restricted.json", blob::blob(format, &restricted));
    // Twice the same, and a bad tuple, so that all columns are used.
    let mut bad = Record::apim(START + 1, Vec::new()).text_of(format, &["nonsense".to_owned()]);
    bad = blob::join([bad]);
    bench.write("bad.json", &bad);
    bench.write("again.json", blob::blob(format, records));
    let report = bench.report(["all.json", "again.json", "bad.json"].iter().chain(options));
    assert_reconciled(&report);
    assert_eq!(
        number(&report, "/input/tuples/counted"),
        kept,
        "{options:?}"
    );
    assert_eq!(
        number(&report, "/input/tuples/duplicate"),
        kept,
        "{options:?}"
    );
    assert_eq!(number(&report, "/input/tuples/faulty"), 1, "{options:?}");
    assert_eq!(
        number(&report, "/input/tuples/filtered"),
        2 * (tuples(records) - kept)
    );
    assert_same(
        &judged(&report),
        &judged(&bench.report(["restricted.json"])),
    );
    // The flow records are the same too.
    let printed = bench
        .run(["flows", "all.json"].iter().chain(options))
        .expect(0);
    assert_eq!(printed.stdout.lines().count() as u64, kept, "{options:?}");
}

#[test]
fn narrowing_by_record_is_as_if_the_rest_were_not_there() {
    let records = blob::mixed(23, 400, 9);
    let (since, until) = (START + 1_000, START + 2_500);
    for format in [Format::NsgV1, Format::NsgV2, Format::VnetV4] {
        assert_restricted(
            &records,
            format,
            &["--since", "2026-01-05T14:16:40Z"],
            |_, flow| flow.time >= since,
        );
        assert_restricted(
            &records,
            format,
            &[
                "--since=2026-01-05T14:16:40Z",
                "--until=2026-01-05T14:41:40Z",
            ],
            |_, flow| (since..until).contains(&flow.time),
        );
        assert_restricted(&records, format, &["--nsg", "nsg-apim"], |record, _| {
            record.nsg == "NSG-APIM"
        });
        let id = blob::nsg_id("NSG-COMPUTE");
        assert_restricted(&records, format, &["--nsg", &id], |record, _| {
            record.nsg == "NSG-COMPUTE"
        });
        assert_restricted(
            &records,
            format,
            &["--mac", "00-22-48-12-A0-01", "--mac=00224812a003"],
            |record, _| ["00224812A001", "00224812A003"].contains(&record.mac.as_str()),
        );
        let own = |flow: &Flow| {
            let address = if flow.outbound {
                &flow.source
            } else {
                &flow.destination
            };
            address.clone()
        };
        assert_restricted(
            &records,
            format,
            &["--subnet", "10.20.0.64/27"],
            |_, flow| own(flow).starts_with("10.20.0.6"),
        );
        assert_restricted(&records, format, &["--subnet", "compute"], |_, flow| {
            !own(flow).starts_with("10.20.0.6")
        });
        assert_restricted(
            &records,
            format,
            &[
                "--subnet=apim",
                "--nsg=nsg-apim",
                "--mac=00224812A001",
                "--until=2026-01-05T14:41:40Z",
            ],
            |record, flow| record.mac == "00224812A001" && flow.time < until,
        );
    }
}

/// Four blobs in Azure's layout: two NSGs, two hours.
fn layout(bench: &Bench) -> Vec<Record> {
    let mut all = Vec::new();
    for hour in [14, 17] {
        for (nsg, machine) in [("NSG-APIM", 1), ("NSG-COMPUTE", 2)] {
            let records: Vec<Record> = blob::mixed(24, 200, 17)
                .into_iter()
                .map(|mut record| {
                    record.time += (i64::from(hour) - 14) * 3_600;
                    for flow in &mut record.flows {
                        flow.time = flow.time.max(START) + (i64::from(hour) - 14) * 3_600;
                    }
                    record
                })
                .filter(|record| record.nsg == nsg && record.mac.ends_with(&machine.to_string()))
                .collect();
            let name = blob::nsg_path(nsg, &format!("00224812A00{machine}"), hour);
            bench.write(
                Path::new("logs").join(name),
                blob::blob(Format::NsgV2, &records),
            );
            all.extend(records);
        }
    }
    all
}

#[test]
fn narrowing_by_path_leaves_files_out() {
    let bench = bench();
    let all = layout(&bench);
    bench.write("flat.json", blob::blob(Format::NsgV2, &all));
    assert_eq!(number(&bench.report(["logs"]), "/input/files"), 4);
    for (options, files) in [
        (&["--nsg=nsg-apim"][..], 2),
        (&["--mac=00224812A002"], 2),
        (&["--until=2026-01-05T15:00:00Z"], 2),
        (&["--since=2026-01-05T16:30:00Z"], 2),
        (&["--since=2026-01-05T17:10:00Z", "--nsg=nsg-apim"], 1),
    ] {
        let narrowed = bench.report(["logs"].iter().chain(options));
        assert_reconciled(&narrowed);
        assert_eq!(number(&narrowed, "/input/files"), files, "{options:?}");
        // By record it comes to the same.
        let by_record = bench.report(["flat.json"].iter().chain(options));
        assert_reconciled(&by_record);
        assert_same(&judged(&narrowed), &judged(&by_record));
        assert_eq!(
            narrowed["input"]["tuples"]["counted"],
            by_record["input"]["tuples"]["counted"]
        );
        assert!(number(&by_record, "/input/tuples/filtered") > 0);
    }
    let nothing = bench
        .run(["audit", "logs", "--nsg", "nsg-of-nobody"])
        .expect(2);
    assert!(
        nothing.stderr.contains("leave out all 4 files"),
        "{}",
        nothing.stderr
    );
}
