//! The door for untrusted text: rule names, file names and details come from logs, and a log may
//! have been written by whoever wants the reader deceived.

use std::borrow::Cow;
use std::fmt::Write;

/// `text` with everything that a terminal would obey, or not show, written out: `\x1b`, `\u{202e}`.
///
/// What is printable comes through unchanged, the backslash too: names on Windows are full of them.
pub fn terminal(text: &str) -> Cow<'_, str> {
    rewrite(text, |c, out| match c {
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        c if (c as u32) < 0x100 => hex(out, "\\x", c as u32, 2, ""),
        c => hex(out, "\\u{", c as u32, 1, "}"),
    })
}

/// As [`terminal`], but line breaks and tabs stay: for cells of tables that quote them.
pub fn cell(text: &str) -> Cow<'_, str> {
    rewrite(text, |c, out| match c {
        '\n' | '\r' | '\t' => out.push(c),
        c if (c as u32) < 0x100 => hex(out, "\\x", c as u32, 2, ""),
        c => hex(out, "\\u{", c as u32, 1, "}"),
    })
}

/// An argument as a POSIX shell reads it back; one that a terminal would obey in `$'…'`, for bash.
pub fn shell(argument: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+=:,@%".contains(c);
    if !argument.is_empty() && argument.chars().all(plain) {
        return argument.to_owned();
    }
    if !argument.chars().any(is_unsafe) {
        return format!("'{}'", argument.replace('\'', "'\\''"));
    }
    let mut out = String::from("$'");
    for c in argument.chars() {
        match c {
            '\'' | '\\' => out.extend(['\\', c]),
            c if !is_unsafe(c) => out.push(c),
            c => {
                for byte in c.encode_utf8(&mut [0; 4]).bytes() {
                    hex(&mut out, "\\x", u32::from(byte), 2, "");
                }
            }
        }
    }
    out.push('\'');
    out
}

/// JSON text with the same characters as `\uXXXX`, so that printing it is harmless.
///
/// The document's value stays what it is: outside strings, JSON has none of them but line breaks,
/// which are left alone.
pub fn json(document: &str) -> Cow<'_, str> {
    if !document.chars().any(|c| c != '\n' && is_unsafe(c)) {
        return Cow::Borrowed(document);
    }
    let mut out = String::with_capacity(document.len() + 16);
    for c in document.chars() {
        if c == '\n' || !is_unsafe(c) {
            out.push(c);
            continue;
        }
        for unit in c.encode_utf16(&mut [0; 2]) {
            hex(&mut out, "\\u", u32::from(*unit), 4, "");
        }
    }
    Cow::Owned(out)
}

/// Text for XML 1.0, in an attribute or an element.
///
/// XML cannot hold most control characters in any form: what a terminal would obey is written out,
/// but line breaks and tabs, which come back from a reader as they were.
pub fn xml(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    for c in cell(text).chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' => out.push_str("&#10;"),
            '\r' => out.push_str("&#13;"),
            '\t' => out.push_str("&#9;"),
            // No characters, and not allowed.
            '\u{fffe}' | '\u{ffff}' => hex(&mut out, "\\u{", c as u32, 1, "}"),
            c => out.push(c),
        }
    }
    out
}

fn rewrite(text: &str, write: impl Fn(char, &mut String)) -> Cow<'_, str> {
    if !text.chars().any(is_unsafe) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if is_unsafe(c) {
            write(c, &mut out);
        } else {
            out.push(c);
        }
    }
    Cow::Owned(out)
}

fn hex(out: &mut String, open: &str, value: u32, digits: usize, close: &str) {
    out.push_str(open);
    // Writing to a string does not fail.
    _ = write!(out, "{value:0digits$x}");
    out.push_str(close);
}

/// Control characters (C0, DEL, C1), marks and overrides of direction, what has no width, line and
/// paragraph separators, and tag characters.
fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{ad}'
                | '\u{61c}'
                | '\u{115f}'
                | '\u{1160}'
                | '\u{180e}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{3164}'
                | '\u{feff}'
                | '\u{ffa0}'
                | '\u{fff9}'..='\u{fffb}'
                | '\u{e0000}'..='\u{e007f}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_and_foreign_names_come_through_unchanged() {
        for name in ["UserRule_a-b", "C:\\logs\\PT1H.json", "Règle 規則 🚫", ""] {
            assert!(matches!(terminal(name), Cow::Borrowed(same) if same == name));
        }
    }

    #[test]
    fn what_a_terminal_obeys_is_written_out() {
        assert_eq!(terminal("\u{1b}[2Jx"), "\\x1b[2Jx");
        assert_eq!(terminal("a\u{202e}b\u{2066}"), "a\\u{202e}b\\u{2066}");
        assert_eq!(terminal("\u{9b}31m\u{7f}"), "\\x9b31m\\x7f");
        assert_eq!(terminal("a\r\nb\t\0"), "a\\r\\nb\\t\\x00");
        assert_eq!(terminal("\u{200b}\u{e0041}"), "\\u{200b}\\u{e0041}");
    }

    #[test]
    fn every_overriding_character_of_the_two_ranges_is_written_out() {
        for code in (0x202a..=0x202e).chain(0x2066..=0x2069) {
            let text = char::from_u32(code).unwrap().to_string();
            assert_eq!(terminal(&text), format!("\\u{{{code:x}}}"));
        }
    }

    #[test]
    fn xml_has_its_marks_and_nothing_that_it_cannot_hold() {
        assert_eq!(
            xml("<a b=\"c\">&\n\t\u{1b}\u{ffff}'"),
            "&lt;a b=&quot;c&quot;&gt;&amp;&#10;&#9;\\x1b\\u{ffff}'"
        );
    }

    #[test]
    fn json_keeps_its_value() {
        let value = serde_json::json!({ "rule": "a\u{202e}\u{9b}\u{e0041}\u{1b}b", "n": 1 });
        let text = serde_json::to_string_pretty(&value).unwrap();
        let safe = json(&text);
        assert!(!safe.chars().any(|c| c != '\n' && is_unsafe(c)));
        assert_eq!(
            serde_json::from_str::<serde_json::Value>(&safe).unwrap(),
            value
        );
    }
}
