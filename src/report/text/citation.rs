//! Files that evidence cites: beside it where the name fits, by number where it does not.

use super::page::{Page, Text, Tone};

/// The files cited by number, in the order of their first citation.
#[derive(Debug, Default)]
pub(super) struct Citations<'a> {
    files: Vec<&'a str>,
}

impl<'a> Citations<'a> {
    /// `PT1H.json:48211`, or `#1:48211` where that takes more than `room` columns.
    pub(super) fn place(&mut self, file: &'a str, offset: u64, room: usize) -> String {
        let full = format!("{file}:{offset}");
        if Text::new().plain(&full).width() <= room {
            return full;
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
        for (index, file) in self.files.iter().enumerate() {
            let lead = Text::new()
                .plain("  ")
                .push(Tone::Strong, &format!("#{}", index + 1))
                .padded(6);
            page.hanging(&lead, &Text::new().plain(file), 6);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
