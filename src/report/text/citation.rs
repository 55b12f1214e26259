//! Files that evidence cites: beside it where the name fits, by number where it does not.
//!
//! The path of a blob is longer than a page is wide. Here alone its middle is left out; all other
//! formats have the whole path.

use super::page::{Page, Text, Tone};

/// The files cited by number, in the order of their first citation.
#[derive(Debug, Default)]
pub(super) struct Citations<'a> {
    files: Vec<&'a str>,
}

impl<'a> Citations<'a> {
    /// `PT1H.json:48211`, or `#1:48211` where that takes more than `room` columns.
    pub(super) fn place(&mut self, file: &'a str, offset: u64, room: usize) -> String {
        let short = format!("{}:{offset}", shorten(file));
        if Text::new().plain(&short).width() <= room {
            return short;
        }
        let known = self.files.iter().position(|known| *known == file);
        let index = known.unwrap_or_else(|| {
            self.files.push(file);
            self.files.len() - 1
        });
        format!("#{}:{offset}", index + 1)
    }

    /// The files behind the numbers.
    pub(super) fn print(&self, page: &mut Page) {
        if self.files.is_empty() {
            return;
        }
        page.heading("FILES", "cited above as #number:offset");
        let shown: Vec<String> = self.files.iter().map(|file| shorten(file)).collect();
        for (index, file) in self.files.iter().enumerate() {
            // What is left out may be all that tells two files apart.
            let twice = shown.iter().filter(|other| **other == shown[index]).count() > 1;
            let name = if twice { file } else { shown[index].as_str() };
            let lead = Text::new()
                .plain("  ")
                .push(Tone::Strong, &format!("#{}", index + 1))
                .padded(6);
            page.hanging(&lead, &Text::new().plain(name), 6);
        }
    }
}

/// The path without the long middle that is the same for every blob of a target.
///
/// `logs/resourceId=/SUBSCRIPTIONS/…/NETWORKSECURITYGROUPS/X/y=2026/…` becomes
/// `logs/…/X/y=2026/…`; a path of another form stays as it is.
fn shorten(path: &str) -> String {
    let parts: Vec<&str> = path.split('/').collect();
    let names = |part: &str, name: &str| {
        part.get(..name.len())
            .is_some_and(|head| head.eq_ignore_ascii_case(name))
    };
    let root = parts
        .iter()
        .position(|part| names(part, "resourceid=") || names(part, "flowlogresourceid="));
    let date = parts.windows(4).rposition(|window| {
        let marks = ["y=", "m=", "d=", "h="];
        window
            .iter()
            .zip(marks)
            .all(|(part, mark)| names(part, mark))
    });
    match (root, date) {
        (Some(root), Some(date)) if root + 2 < date => {
            let short = [&parts[..root], &["…"], &parts[date - 1..]].concat();
            short.join("/")
        }
        _ => path.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TAIL: &str = "y=2026/m=01/d=05/h=10/m=00/macAddress=00224812AB34/PT1H.json";

    fn blob(group: &str) -> String {
        format!(
            "logs/resourceId=/SUBSCRIPTIONS/0/RESOURCEGROUPS/{group}/PROVIDERS/M/NETWORKSECURITYGROUPS/X/{TAIL}"
        )
    }

    #[test]
    fn a_shortened_path_keeps_what_tells_blobs_apart() {
        let path = blob("R");
        assert_eq!(shorten(&path), format!("logs/…/X/{TAIL}"));
        assert_eq!(shorten(&format!("/{path}")), format!("/logs/…/X/{TAIL}"));
        for whole in ["", "a/b.json", TAIL, "/x/y=1/z"] {
            assert_eq!(shorten(whole), whole);
        }
    }

    #[test]
    fn files_that_look_the_same_when_short_are_named_in_full() {
        let (a, b) = (blob("A"), blob("B"));
        let mut files = Citations::default();
        assert_eq!(files.place(&a, 7, 20), "#1:7");
        assert_eq!(files.place(&b, 7, 20), "#2:7");
        let mut page = Page::new(300);
        files.print(&mut page);
        let text = page.finish(false);
        assert!(text.contains(&a) && text.contains(&b), "{text}");
    }

    proptest! {
        #[test]
        fn no_path_panics(path in ".*", parts in "((y=|m=|d=|h=|macAddress=|resourceId=|é)[0-9]{0,5}/){0,9}") {
            shorten(&path);
            shorten(&parts);
        }
    }

    #[test]
    fn long_names_are_numbered_once_each() {
        let mut files = Citations::default();
        assert_eq!(files.place("a.json", 7, 20), "a.json:7");
        assert_eq!(files.place("folder/of/b.json", 7, 10), "#1:7");
        assert_eq!(files.place("folder/of/c.json", 8, 10), "#2:8");
        assert_eq!(files.place("folder/of/b.json", 9, 10), "#1:9");
        let mut page = Page::new(80);
        files.print(&mut page);
        let text = page.finish(false);
        assert!(text.ends_with("  #1  folder/of/b.json\n  #2  folder/of/c.json\n"));
    }
}
