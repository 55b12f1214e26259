//! What must hold of every page, without a browser. Browsers look at it in `tests/html.rs`.

use std::collections::BTreeSet;

use super::*;
use crate::report::sample;

fn page(audit: &Audit) -> String {
    let mut bytes = Vec::new();
    write(audit, &mut bytes).unwrap();
    String::from_utf8(bytes).unwrap()
}

#[test]
fn the_same_audit_gives_the_same_bytes() {
    let audit = sample::incident();
    assert_eq!(page(&audit), page(&audit));
}

#[test]
fn no_page_holds_what_deceives_the_eye_or_a_second_script() {
    for audit in [
        sample::incident(),
        sample::hostile(),
        sample::empty(),
        sample::quiet(),
        sample::large(),
    ] {
        let page = page(&audit);
        assert!(
            !page
                .chars()
                .any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t'))
        );
        assert!(!page.contains('\u{202e}'));
        assert_eq!(
            page.matches("<script").count(),
            2,
            "the data and the script"
        );
        assert_eq!(page.matches("</script").count(), 2);
        for outside in ["http://", "https://", "src=", "@import", "url("] {
            assert!(!page.contains(outside), "{outside}");
        }
    }
}

#[test]
fn script_and_style_are_named_by_the_policy_as_they_stand_in_the_page() {
    let page = page(&sample::incident());
    for (open, close, text) in [
        ("<style>", "</style>", STYLE),
        ("<script>", "</script>", SCRIPT),
    ] {
        let (_, after) = page.split_once(open).unwrap();
        assert_eq!(after.split_once(close).unwrap().0, text);
        assert!(!text.contains('&') || open == "<script>" || !text.contains("</"));
    }
    assert!(!SCRIPT.contains("</") && !SCRIPT.contains("<!--"));
}

#[test]
fn links_inside_the_page_lead_somewhere() {
    let page = page(&sample::incident());
    let values = |before: &str| -> BTreeSet<String> {
        page.split(before)
            .skip(1)
            .filter_map(|after| after.split_once('"'))
            .map(|(value, _)| value.to_owned())
            .collect()
    };
    let ids = values(" id=\"");
    for link in values("href=\"#") {
        let place = link.split('?').next().unwrap();
        assert!(ids.contains(place), "#{link} leads nowhere");
    }
}
