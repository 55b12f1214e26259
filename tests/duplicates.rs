//! What is written twice is counted once.

#![expect(clippy::unwrap_used, reason = "a test may")]

mod support;

use std::path::Path;

use serde_json::Value;
use support::blob::{self, APIM, APP, COMPUTE, CONFIG, Flow, Format, OUTSIDE, Record, START};
use support::{Bench, assert_reconciled, assert_same, judged, number};

fn bench() -> Bench {
    let bench = Bench::new();
    bench.write("nsgaudit.toml", CONFIG);
    bench
}

#[test]
fn two_downloads_of_a_blob_are_one() {
    let records = blob::mixed(11, 200, 15);
    let text = blob::blob(Format::NsgV2, &records);
    let once = bench();
    once.write("logs/PT1H.json", &text);
    let plain = once.report(["logs"]);

    // Flat names; in Azure's layout; and one of each.
    let layout = Path::new("b").join(blob::nsg_path("NSG-APIM", "00224812A000", 14));
    let in_azure = Path::new("a").join(blob::nsg_path("NSG-APIM", "00224812A000", 14));
    for names in [
        [Path::new("a/PT1H.json"), Path::new("b/PT1H.json")],
        [&in_azure, &layout],
        [Path::new("a/PT1H.json"), &layout],
    ] {
        let twice = bench();
        for name in names {
            twice.write(Path::new("logs").join(name), &text);
        }
        for threads in ["1", "4"] {
            let report = twice.report(["logs", "--threads", threads]);
            assert_reconciled(&report);
            assert_eq!(number(&report, "/input/records/duplicate"), 200);
            assert_eq!(number(&report, "/input/records/counted"), 200);
            assert_eq!(
                report["input"]["tuples"]["counted"],
                plain["input"]["tuples"]["counted"]
            );
            assert_eq!(
                report["input"]["tuples"]["duplicate"],
                plain["input"]["tuples"]["counted"]
            );
            assert_same(&judged(&report), &judged(&plain));
        }
    }
}

#[test]
fn an_earlier_download_of_the_open_hour_adds_nothing() {
    let records = blob::mixed(12, 240, 14);
    let whole = blob::blob(Format::NsgV2, &records);
    // Azure closes the blob after each append; a download may also be cut anywhere.
    let earlier = blob::blob(Format::NsgV2, &records[..100]);
    let name = blob::nsg_path("NSG-APIM", "00224812A000", 14);
    let once = bench();
    once.write(Path::new("logs").join(&name), &whole);
    let plain = once.report(["logs"]);
    for (early, kept) in [
        (earlier.clone(), 100),
        (whole[..earlier.len() + 40].to_owned(), 100),
    ] {
        let both = bench();
        both.write(Path::new("early").join(&name), early);
        both.write(Path::new("late").join(&name), &whole);
        for order in [["early", "late"], ["late", "early"]] {
            let report = both.report(order);
            assert_reconciled(&report);
            assert_eq!(number(&report, "/input/records/duplicate"), kept);
            assert_same(&judged(&report), &judged(&plain));
        }
    }
}

/// Flows of a purpose of the profile (Event Hub from `compute` and `apim`), some denied.
fn event_hub() -> Vec<Record> {
    (0..30)
        .map(|minute| {
            let time = START + minute * 60;
            let flow =
                Flow::out(time, APIM, "20.86.89.41", 5_672).with_port(40_000 + minute as u16);
            let flow = if minute < 20 { flow } else { flow.deny() };
            let rule = if minute < 20 {
                "UserRule_Allow"
            } else {
                "UserRule_Deny"
            };
            Record::new(time + 10, "00224812A004", "NSG-APIM", rule, vec![flow])
        })
        .collect()
}

fn requirement<'a>(report: &'a Value, row: &str, subnet: &str) -> &'a Value {
    report["requirements"]
        .as_array()
        .unwrap()
        .iter()
        .find(|requirement| {
            requirement["row"].as_str().unwrap().ends_with(row) && requirement["subnet"] == subnet
        })
        .unwrap_or_else(|| panic!("no requirement {row} of {subnet}"))
}

#[test]
fn nsg_and_vnet_logs_of_the_same_flows_do_not_double() {
    let records = event_hub();
    let counts = |report: &Value| {
        let requirement = requirement(report, "event-hub-log", "apim").clone();
        let of = |which: &str, what: &str| requirement[which][what].clone();
        (
            [of("allowed", "flows"), of("denied", "flows")],
            [of("allowed", "tuples"), of("denied", "tuples")],
            requirement["verdict"].clone(),
            report["matrix"].clone(),
        )
    };
    let nsg = bench();
    nsg.write("nsg.json", blob::blob(Format::NsgV2, &records));
    let vnet = bench();
    vnet.write("vnet.json", blob::blob(Format::VnetV4, &records));
    let both = bench();
    both.write("logs/nsg.json", blob::blob(Format::NsgV2, &records));
    both.write("logs/vnet.json", blob::blob(Format::VnetV4, &records));

    let alone = counts(&nsg.report(["nsg.json"]));
    assert_eq!(alone.0, [20, 10]);
    assert_eq!(alone.2, "blocked");
    assert_eq!(counts(&vnet.report(["vnet.json"])), alone);
    let report = both.report(["logs"]);
    assert_eq!(counts(&report), alone);
    assert_reconciled(&report);
    // Both kinds of log are in the groups, as their observers saw them.
    let logs: Vec<&Value> = report["groups"]
        .as_array()
        .unwrap()
        .iter()
        .map(|group| &group["log"])
        .collect();
    assert_eq!(logs.len(), 4, "{logs:?}");
}

#[test]
fn both_ends_of_a_flow_do_not_double() {
    let flow = |minute: i64| {
        Flow::out(START + minute * 60, APIM, COMPUTE, 443)
            .with_port(50_000 + minute as u16)
            .end([10, 1_000, 20, 2_000])
    };
    let sending: Vec<Record> = (0..12)
        .map(|minute| {
            let flow = flow(minute);
            Record::apim(
                flow.time + 10,
                vec![
                    Flow {
                        state: 'B',
                        counters: [0; 4],
                        ..flow.clone()
                    },
                    flow,
                ],
            )
        })
        .collect();
    let receiving: Vec<Record> = sending
        .iter()
        .map(|record| {
            let flows = record.flows.iter().map(|flow| flow.clone().inbound());
            Record::new(
                record.time,
                "00224812A009",
                "NSG-COMPUTE",
                "UserRule_In",
                flows.collect(),
            )
        })
        .collect();
    let cell = |report: &Value| {
        let cells = report["matrix"].as_array().unwrap();
        assert_eq!(cells.len(), 1, "{cells:?}");
        cells[0].clone()
    };
    let bench = bench();
    bench.write("one/sending.json", blob::blob(Format::NsgV2, &sending));
    bench.write("two/sending.json", blob::blob(Format::NsgV2, &sending));
    bench.write("two/receiving.json", blob::blob(Format::NsgV2, &receiving));
    let one = cell(&bench.report(["one"]));
    assert_eq!(one["source"], "apim");
    assert_eq!(one["destination"], "compute");
    assert_eq!(one["allowed"], 12);
    assert_eq!(one["bytes"], 12 * 3_000);
    assert_eq!(cell(&bench.report(["two"])), one);
}

#[test]
fn what_both_ends_decide_differently_is_in_both_columns() {
    let flow = Flow::out(START, APP, COMPUTE, 443);
    let bench = bench();
    let out = Record::new(
        START + 9,
        "00224812A001",
        "NSG-APP",
        "Out",
        vec![flow.clone()],
    );
    let denied = vec![flow.inbound().deny()];
    let into = Record::new(START + 9, "00224812A009", "NSG-COMPUTE", "In", denied);
    bench.write("log.json", blob::blob(Format::NsgV2, &[out, into]));
    let report = bench.report(["log.json"]);
    let cell = &report["matrix"][0];
    assert_eq!([&cell["allowed"], &cell["denied"]], [1, 1]);
}

#[test]
fn the_same_tuple_in_two_records_is_two() {
    // Only whole records are told to be the same: an interface may well log a tuple twice.
    let flow = Flow::out(START, APIM, OUTSIDE, 443);
    let records = [10, 70].map(|after| Record::apim(START + after, vec![flow.clone()]));
    let bench = bench();
    bench.write("log.json", blob::blob(Format::NsgV2, &records));
    let report = bench.report(["log.json"]);
    assert_eq!(number(&report, "/input/tuples/counted"), 2);
    assert_eq!(number(&report, "/input/records/duplicate"), 0);
}

/// The report of overlapping downloads with few records remembered, for several thread counts.
fn over_the_limit(bench: &Bench, limit: &str) -> Value {
    let arguments = ["logs", "--max-records", limit, "--threads"];
    let run = |threads| {
        let report = bench.report_text(arguments.into_iter().chain([threads]), &[]);
        assert_reconciled(&report.json());
        report
    };
    let one = run("1").json();
    for threads in ["2", "3", "7"] {
        assert_same(&run(threads).json(), &one);
    }
    one
}

#[test]
fn beyond_the_limit_all_is_counted_and_said() {
    let records = blob::mixed(13, 60, 15);
    let tuples: u64 = records.iter().map(|record| record.flows.len() as u64).sum();
    let bench = bench();
    for name in ["a", "b", "c"] {
        let text = blob::blob(Format::NsgV2, &records);
        bench.write(format!("logs/{name}.json"), text);
    }
    let report = over_the_limit(&bench, "10");
    assert_eq!(report["input"]["duplicates_kept"], true);
    assert_eq!(number(&report, "/input/records/read"), 180);
    let grouped: u64 = report["groups"]
        .as_array()
        .unwrap()
        .iter()
        .map(|group| group["tuples"].as_u64().unwrap())
        .sum();
    assert_eq!(grouped, 3 * tuples, "all are in the groups");
    assert_eq!(number(&report, "/input/tuples/counted"), 3 * tuples);
    assert_eq!(number(&report, "/input/tuples/duplicate"), 0);
    let text = bench.run(["audit", "logs", "--max-records", "10", "--fail-on", "never"]);
    assert!(
        text.expect(0).stdout.contains("duplicate"),
        "the text report says that duplicates are in the counts"
    );

    let report = over_the_limit(&bench, "60");
    assert_eq!(report["input"]["duplicates_kept"], false);
    assert_eq!(number(&report, "/input/records/duplicate"), 120);
}

#[test]
fn whether_the_limit_was_reached_does_not_depend_on_who_came_first() {
    // The first file takes long, and ends with what the second one holds.
    let records = blob::mixed(14, 4_000, 2);
    for (format, limit) in [
        (Format::NsgV2, 3_900),
        (Format::VnetV4, 4_000),
        (Format::VnetV4, 150),
    ] {
        let bench = bench();
        let path = Path::new("logs").join(blob::nsg_path("NSG-APIM", "00224812A000", 14));
        bench.write("logs/long.json", blob::blob(format, &records));
        bench.write(path, blob::blob(format, &records[3_800..]));
        let report = over_the_limit(&bench, &limit.to_string());
        assert_eq!(report["input"]["duplicates_kept"], limit < 4_000);
    }
}
