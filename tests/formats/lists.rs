//! JSON, JSON lines, CSV and Parquet: the audit's lists as tables.

use super::*;

#[test]
fn json_tells_the_names_as_they_were() {
    let reports = Reports::hostile();
    let rules = texts(reports.list("groups").iter().map(|group| &group["rule"]));
    assert!(rules.is_superset(&names()), "{rules:?}");
    assert_eq!(
        reports.text("json"),
        format!("{}\n", reports.text("json").trim_end())
    );
    assert!(!reports.text("json").contains('\u{1b}'));
}

#[test]
fn json_lines_tell_what_the_json_tells_to_duckdb() {
    for reports in [Reports::incident(), Reports::hostile()] {
        let file = reports.file("jsonl");
        let sql = format!(
            "select count(*), sum(flows)::bigint, sum(bytes_forward)::bigint from \
             read_json_auto('{file}', union_by_name = true) where type = 'group'"
        );
        let groups = reports.list("groups").len();
        assert_eq!(
            read(&["duckdb", &sql]),
            json!([[groups, reports.sum("flows"), reports.sum("bytes_forward")]])
        );
        let sql =
            format!("select distinct rule from read_json_auto('{file}') where type = 'group'");
        let rules = read(&["duckdb", &sql]);
        let rules = texts(rules.as_array().unwrap().iter().map(|row| &row[0]));
        let told = texts(reports.list("groups").iter().map(|group| &group["rule"]));
        assert_eq!(rules, told);
    }
}

#[test]
fn csv_is_read_by_python_and_duckdb_with_the_totals_of_the_audit() {
    let reports = Reports::incident();
    let file = reports.file("csv");
    // Without an option: the header, the types and the times are found.
    let sql =
        format!("select count(*), sum(flows)::bigint, sum(bytes_reverse)::bigint from '{file}'");
    let groups = reports.list("groups").len();
    assert_eq!(
        read(&["duckdb", &sql]),
        json!([[groups, reports.sum("flows"), reports.sum("bytes_reverse")]])
    );
    let rows = read(&["csv", &reports.file("csv-requirements")]);
    let (rows, requirements) = (rows.as_array().unwrap(), reports.list("requirements"));
    assert_eq!(rows.len(), requirements.len());
    for (row, requirement) in rows.iter().zip(requirements) {
        assert_eq!(row["row"], requirement["row"]);
        assert_eq!(
            row["verdict"]
                .as_str()
                .unwrap()
                .replace(", ", "-")
                .replace(' ', "-"),
            requirement["verdict"].as_str().unwrap()
        );
        assert_eq!(
            row["denied_flows"],
            requirement["denied"]["flows"].to_string()
        );
    }
    let rows = read(&["csv", &reports.file("csv-findings")]);
    let found = rows
        .as_array()
        .unwrap()
        .iter()
        .map(|row| &row["fingerprint"]);
    let findings = reports.list("findings").iter();
    assert!(found.eq(findings.map(|finding| &finding["fingerprint"])));
}

#[test]
fn csv_guards_formulas_and_writes_out_what_a_terminal_obeys() {
    let reports = Reports::hostile();
    let guarded = |name: &str| {
        let guard = if name.starts_with(['=', '+', '-', '@']) {
            "'"
        } else {
            ""
        };
        guard.to_owned() + &written_out(name)
    };
    let rows = read(&["csv", &reports.file("csv")]);
    let rules = texts(rows.as_array().unwrap().iter().map(|row| &row["rule"]));
    assert_names(&rules, guarded);
    let sql = format!(
        "select distinct rule from read_csv('{}')",
        reports.file("csv")
    );
    let rows = read(&["duckdb", &sql]);
    let rules = texts(rows.as_array().unwrap().iter().map(|row| &row[0]));
    assert_names(&rules, guarded);
}

#[test]
fn parquet_opens_without_options_and_has_the_totals_of_the_audit() {
    for reports in [Reports::incident(), Reports::hostile()] {
        let file = reports.file("parquet");
        let sql = format!(
            "select count(*), sum(flows)::bigint, sum(tuples)::bigint, sum(bytes_forward)::bigint from '{file}'"
        );
        let groups = reports.list("groups");
        let sums = ["flows", "tuples", "bytes_forward"].map(|field| reports.sum(field));
        assert_eq!(
            read(&["duckdb", &sql]),
            json!([[groups.len(), sums[0], sums[1], sums[2]]])
        );
        let table = read(&["pyarrow", &file]);
        assert_eq!(table["schema"]["port"], "uint16");
        assert_eq!(table["schema"]["flows"], "uint64");
        assert_eq!(table["schema"]["first"], "timestamp[ms, tz=UTC]");
        let rows = table["rows"].as_array().unwrap();
        assert_eq!(rows.len(), groups.len());
        for (row, group) in rows.iter().zip(groups) {
            for field in [
                "source",
                "destination",
                "protocol",
                "port",
                "direction",
                "decision",
                "log",
                "nsg",
                "rule",
                "outcome",
                "class",
                "flows",
                "tuples",
                "bytes_forward",
                "bytes_reverse",
            ] {
                let told = match &group[field] {
                    Value::String(text) if text.is_empty() => &Value::Null,
                    told => told,
                };
                assert_eq!(&row[field], told, "{field} of {group}");
            }
            let first = row["first"].as_str().unwrap().replace(".000Z", "Z");
            assert_eq!(first, group["first"].as_str().unwrap());
        }
    }
}

#[test]
fn flows_in_parquet_are_those_of_the_csv_and_the_lines() {
    let (bench, arguments) = hostile();
    let logs = &arguments[..HOSTILE.len()];
    for format in ["parquet", "jsonl", "csv"] {
        let own = [
            "flows",
            "--format",
            format,
            "--output",
            &format!("flows.{format}"),
        ];
        bench
            .run(own.iter().map(OsString::from).chain(logs.iter().cloned()))
            .expect(0);
    }
    let table = read(&["pyarrow", bench.path("flows.parquet").to_str().unwrap()]);
    let lines = fs::read_to_string(bench.path("flows.jsonl")).unwrap();
    let lines: Vec<Value> = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines.len(), 2 * HOSTILE.len());
    assert_eq!(table["rows"], Value::from(lines.clone()));
    assert_eq!(texts(lines.iter().map(|line| &line["rule"])), names());
    let sums: Vec<Value> = ["csv", "parquet"]
        .iter()
        .map(|format| {
            let path = bench.path(format!("flows.{format}"));
            let sql = "select count(*), sum(flows)::bigint, min(time)::text, count(distinct rule)";
            read(&["duckdb", &format!("{sql} from '{}'", path.display())])
        })
        .collect();
    assert_eq!(sums[0], sums[1]);
}
