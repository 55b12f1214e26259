//! Prometheus and Markdown: numbers for alerts, and a page for people.

use super::*;

#[test]
fn prometheus_reads_the_numbers_of_the_audit() {
    for reports in [Reports::incident(), Reports::hostile()] {
        let samples = read(&["prometheus", &reports.file("prometheus")]);
        let samples = samples.as_array().unwrap();
        let named = |name: &str| -> Vec<&Value> {
            samples
                .iter()
                .filter(|sample| sample["name"] == name)
                .collect()
        };
        let sum = |name: &str| -> f64 {
            named(name)
                .iter()
                .map(|sample| sample["value"].as_f64().unwrap())
                .sum()
        };
        assert_eq!(sum("nsgaudit_flows") as u64, reports.sum("flows"));
        let requirements = reports.list("requirements");
        assert_eq!(sum("nsgaudit_requirements") as usize, requirements.len());
        let verdicts = named("nsgaudit_requirement_verdict");
        assert_eq!(verdicts.len(), requirements.len());
        for (sample, requirement) in verdicts.iter().zip(requirements) {
            for field in ["row", "subnet", "direction", "verdict"] {
                assert_eq!(sample["labels"][field], requirement[field]);
            }
        }
        assert_eq!(
            sum("nsgaudit_findings") as usize,
            reports.list("findings").len()
        );
        let counted = named("nsgaudit_tuples");
        let counted = counted
            .iter()
            .find(|sample| sample["labels"]["result"] == "counted");
        let told = reports.json["input"]["tuples"]["counted"].as_f64();
        assert_eq!(counted.unwrap()["value"].as_f64(), told);
    }
}

#[test]
fn markdown_shows_names_as_code_and_makes_nothing_of_them() {
    let reports = Reports::hostile();
    let page = read(&["markdown", &reports.file("markdown")]);
    let ours: BTreeSet<String> = [
        "main", "h1", "h2", "h3", "p", "ul", "li", "code", "table", "thead", "tbody", "tr", "th",
        "td",
    ]
    .map(str::to_owned)
    .into();
    let tags = texts(page["tags"].as_array().unwrap());
    assert!(tags.is_subset(&ours), "{tags:?}");
    let codes = texts(page["codes"].as_array().unwrap());
    for name in HOSTILE {
        let name = in_one_line(name);
        assert!(codes.contains(&name), "{name:?} is not among {codes:?}");
    }
    // A row of a table has as many cells as its head, whatever bars the names hold.
    let rows = page["rows"].as_array().unwrap();
    let widths: BTreeSet<usize> = rows
        .iter()
        .map(|row| row.as_array().unwrap().len())
        .collect();
    assert_eq!(widths, BTreeSet::from([2, 6]));
}

#[test]
fn markdown_counts_the_verdicts_of_the_audit() {
    let reports = Reports::incident();
    let page = read(&["markdown", &reports.file("markdown")]);
    let rows = page["rows"].as_array().unwrap();
    for verdict in ["blocked", "unproven", "satisfied"] {
        let requirements = reports.list("requirements").iter();
        let count = requirements
            .filter(|requirement| requirement["verdict"] == verdict)
            .count();
        let row = json!([verdict, count.to_string()]);
        assert!(rows.contains(&row), "{row} is not among {rows:?}");
    }
}
