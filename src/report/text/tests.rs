//! The report as its reader sees it.

use unicode_width::UnicodeWidthStr;

use super::{TextOptions, render};
use crate::audit::Audit;
use crate::report::sample;

fn text(audit: &Audit) -> String {
    render(audit, &TextOptions::default())
}

fn samples() -> Vec<Audit> {
    vec![
        sample::incident(),
        sample::empty(),
        sample::hostile(),
        sample::large(),
        sample::quiet(),
    ]
}

#[test]
fn the_committed_reports_are_what_we_write() {
    for (name, audit, all) in [
        ("incident", sample::incident(), false),
        ("incident-all", sample::incident(), true),
        ("empty", sample::empty(), false),
        ("quiet", sample::quiet(), false),
        ("large", sample::large(), false),
        ("hostile", sample::hostile(), false),
    ] {
        let options = TextOptions {
            all,
            ..TextOptions::default()
        };
        sample::assert_committed(
            &format!("testdata/reports/{name}.txt"),
            "UPDATE_SNAPSHOTS",
            &render(&audit, &options),
        );
    }
}

#[test]
fn no_line_exceeds_the_width() {
    for audit in samples() {
        for width in [0, 60, 80, 81, 132] {
            for all in [false, true] {
                let options = TextOptions {
                    colour: false,
                    width,
                    all,
                };
                for line in render(&audit, &options).lines() {
                    assert!(
                        line.width() <= width.max(60),
                        "{} > {width}: {line}",
                        line.width()
                    );
                }
            }
        }
    }
}

#[test]
fn colour_adds_nothing_but_colour() {
    for audit in samples() {
        let coloured = render(
            &audit,
            &TextOptions {
                colour: true,
                ..TextOptions::default()
            },
        );
        assert!(coloured.contains('\u{1b}'));
        assert_eq!(
            anstream::adapter::strip_str(&coloured).to_string(),
            text(&audit)
        );
    }
}

#[test]
fn a_hostile_name_is_shown_and_not_obeyed() {
    let text = text(&sample::hostile());
    assert!(text.contains("\\x1b[2J"), "{text}");
    assert!(text.contains("\\u{202e}"));
    for c in text.chars() {
        assert!(c == '\n' || !c.is_control(), "{c:?}");
        assert!(!('\u{202a}'..='\u{202e}').contains(&c), "{c:?}");
        assert!(!('\u{2066}'..='\u{2069}').contains(&c), "{c:?}");
    }
}

#[test]
fn the_first_line_is_the_answer() {
    let first = |audit: &Audit| {
        let text = text(audit);
        text.split("\n\n").next().unwrap().replace("\n  ", " ")
    };
    let incident = first(&sample::incident());
    assert!(incident.starts_with("1 required purpose is BLOCKED: "));
    assert!(incident.contains("since 2026-01-05T14:24:07Z, by UserRule_DenyAmqp of NSG nsg-ise."));
    assert!(first(&sample::empty()).starts_with("NOTHING WAS COUNTED"));
    assert!(first(&sample::quiet()).starts_with("No required purpose was seen blocked"));
}

#[test]
fn long_lists_say_what_they_leave_out() {
    let audit = sample::large();
    let short = text(&audit);
    assert!(short.contains("  and 5 more: --all, or --format json\n"));
    let long = render(
        &audit,
        &TextOptions {
            all: true,
            ..TextOptions::default()
        },
    );
    assert!(!long.contains("--all, or"));
    assert!(long.matches("NSG201").count() >= 25);
}

#[test]
fn counts_that_do_not_add_up_are_told() {
    let mut audit = sample::incident();
    assert!(!text(&audit).contains("BUG"));
    audit.input.tuples.read += 1;
    assert!(text(&audit).contains("BUG"));
}

#[test]
fn the_documented_examples_are_real_output() {
    let report = text(&sample::incident());
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/output.md");
    let document = std::fs::read_to_string(path).unwrap();
    let examples = document.split("```text\n").skip(1);
    let mut lines = 0;
    for line in examples.flat_map(|block| block.split("```").next().unwrap().lines()) {
        assert!(
            report.lines().any(|real| real == line),
            "not printed: {line}"
        );
        lines += 1;
    }
    assert!(lines > 30);
}
