//! OCSF and ECS: what event stores read.

use super::*;

#[test]
fn ocsf_events_hold_to_the_schema_and_tell_every_verdict_once() {
    for reports in [Reports::incident(), Reports::hostile()] {
        let events = read(&["ocsf", &reports.file("ocsf")]);
        let events = events.as_array().unwrap();
        let of = |class: u64| {
            events
                .iter()
                .filter(move |event| event["class_uid"] == class)
        };
        let flows = of(4001).map(|event| event["unmapped"]["flows"].as_u64().unwrap());
        assert_eq!(flows.sum::<u64>(), reports.sum("flows"));
        assert_eq!(of(4001).count(), reports.list("groups").len());
        let told: Vec<&Value> = of(2003)
            .map(|event| &event["finding_info"]["uid"])
            .collect();
        for finding in reports.list("findings") {
            assert!(told.contains(&&finding["fingerprint"]), "{finding}");
        }
        for requirement in reports.list("requirements") {
            let row = &requirement["row"];
            let events = of(2003).filter(|event| {
                event["compliance"]["requirements"]
                    .as_array()
                    .unwrap()
                    .contains(row)
            });
            assert!(events.count() > 0, "{row} is not told");
        }
        let uids: BTreeSet<&str> = told.iter().filter_map(|uid| uid.as_str()).collect();
        assert_eq!(uids.len(), told.len(), "an event is told twice");
    }
    let reports = Reports::hostile();
    let events = read(&["ocsf", &reports.file("ocsf")]);
    let events = events.as_array().unwrap();
    assert_names(
        &texts(events.iter().map(|event| &event["firewall_rule"]["name"])),
        str::to_owned,
    );
}

#[test]
fn flows_as_ocsf_hold_to_the_schema() {
    let (bench, arguments) = hostile();
    let own = ["flows", "--format", "ocsf", "-o", "flows.ocsf"].map(OsString::from);
    bench
        .run(own.iter().chain(&arguments[..HOSTILE.len()]))
        .expect(0);
    let events = read(&["ocsf", bench.path("flows.ocsf").to_str().unwrap()]);
    let events = events.as_array().unwrap();
    assert_eq!(events.len(), 2 * HOSTILE.len());
    let rules = texts(events.iter().map(|event| &event["firewall_rule"]["name"]));
    assert_eq!(rules, names());
    let files = texts(events.iter().map(|event| &event["unmapped"]["file"]));
    assert_names(&files, |name| format!("{}.json", name.replace('/', "_")));
    assert!(events.iter().any(|event| event["action_id"] == 2));
    assert_real(&["--format", "ocsf"], |path| {
        read(&["ocsf", path]).as_array().unwrap().len()
    });
}

/// Writes flows of all kinds of log and has them read: as many as the lines are.
#[track_caller]
fn assert_real(format: &[&str], read: impl Fn(&str) -> usize) {
    let bench = Bench::new();
    let logs = ["testdata/quirks", "testdata/traffic-analytics"].map(|name| root().join(name));
    let mut arguments: Vec<OsString> = vec!["flows".into(), "-o".into(), "flows".into()];
    arguments.extend(format.iter().map(OsString::from));
    arguments.extend(logs.iter().map(OsString::from));
    // Some of these are damaged on purpose.
    let ran = bench.run(&arguments);
    assert!(matches!(ran.status, 0 | 2), "{}", ran.stderr);
    let file = bench.path("flows");
    let lines = fs::read_to_string(&file).unwrap().lines().count();
    assert!(lines > 100, "{lines} flows");
    assert_eq!(read(file.to_str().unwrap()), lines);
}

/// What the TypeScript compiler has against events, by the types that Elastic publishes for its schema.
#[track_caller]
fn ecs_faults(path: &str) -> String {
    // Elastic's types know no fields of others: ours stand below `azure` alone.
    let mut script = String::from(
        "import type { Ecs } from '@elastic/ecs';\n\
         type Ours = Ecs & { azure: { flowlog: Record<string, string | number> } };\n\
         let event: Ours;\n",
    );
    let text = fs::read_to_string(path).unwrap();
    for line in text.lines() {
        script.push_str("event = ");
        script.push_str(line);
        script.push_str(";\n");
    }
    let place = tempfile::Builder::new()
        .suffix(".ts")
        .tempfile_in(reader(""))
        .unwrap();
    fs::write(place.path(), script).unwrap();
    let mut command = Command::new("node");
    command
        .arg(reader("node_modules/typescript/bin/tsc"))
        .args(["--noEmit", "--strict", "--skipLibCheck"])
        .args(["--moduleResolution", "node10", "--module", "commonjs"])
        .args(["--target", "es2022"])
        .arg(place.path());
    finish(command, &[]).stdout
}

/// Asserts that Elastic's types have nothing against events; how many there are.
#[track_caller]
fn assert_ecs(path: &str) -> usize {
    assert_eq!(ecs_faults(path), "");
    fs::read_to_string(path).unwrap().lines().count()
}

#[test]
fn flows_as_ecs_have_the_fields_and_types_that_elastic_publishes() {
    let (bench, arguments) = hostile();
    let own = ["flows", "--format", "ecs", "-o", "flows.ecs"].map(OsString::from);
    bench
        .run(own.iter().chain(&arguments[..HOSTILE.len()]))
        .expect(0);
    let path = bench.path("flows.ecs");
    assert_eq!(assert_ecs(path.to_str().unwrap()), 2 * HOSTILE.len());
    let text = fs::read_to_string(path).unwrap();
    let events: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(
        texts(events.iter().map(|event| &event["rule"]["name"])),
        names()
    );
    assert_real(&["--format", "ecs"], assert_ecs);
}

#[test]
fn elastics_types_refuse_what_is_not_theirs() {
    let bench = Bench::new();
    for (field, fault) in [
        (
            r#""source":{"address":1}"#,
            "'number' is not assignable to type 'string'",
        ),
        (r#""sauce":{}"#, "does not exist in type"),
    ] {
        let head = r#""@timestamp":"2026-01-05T00:00:00Z","ecs":{"version":"9.4.0"}"#;
        let event = format!(r#"{{{head},{field},"azure":{{"flowlog":{{}}}}}}"#);
        let path = bench.write("wrong", event);
        let faults = ecs_faults(path.to_str().unwrap());
        assert!(faults.contains(fault), "{faults}");
    }
}
