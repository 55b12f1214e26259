//! A fix as a Bicep file.

use std::fmt::Write as _;

use super::arm::rules;
use super::fields::{Fields, Place};
use super::{API, by_group, comments};
use crate::fix::{Fix, Kind, NsgChange};
use crate::report::escape::terminal;

/// The file, to be deployed to the resource group of the NSGs; `None` where they are in several: a Bicep
/// file changes one.
pub fn render(fix: &Fix) -> Option<String> {
    let mut text = comments(fix, "//");
    let groups = by_group(fix);
    if groups.len() > 1 {
        return None;
    }
    for (nsg, _) in &groups {
        _ = writeln!(
            text,
            "// az deployment group create --resource-group {} --template-file FILE",
            terminal(&nsg.resource_group)
        );
    }
    if fix.kind == Kind::LeastPrivilege && !groups.is_empty() {
        text += "\nparam location string = resourceGroup().location\n";
    }
    let changes = groups.iter().flat_map(|(_, changes)| changes);
    for (number, change) in changes.enumerate() {
        let part = match fix.kind {
            Kind::Smallest => single(number, change),
            Kind::LeastPrivilege => whole(number, change),
        };
        text += &part;
    }
    Some(text)
}

fn single(number: usize, change: &NsgChange) -> String {
    let mut text = format!(
        "\nresource nsg{number} 'Microsoft.Network/networkSecurityGroups@{API}' existing = {{\n  name: {}\n}}\n",
        string(&change.nsg.name)
    );
    for (rule, fields) in rules(change).iter().enumerate() {
        _ = write!(
            text,
            "\nresource nsg{number}rule{rule} 'Microsoft.Network/networkSecurityGroups/securityRules@{API}' = {{\n  \
             parent: nsg{number}\n  name: {}\n",
            string(&fields.name)
        );
        // One after another: two rules must never have the same priority, not even for a moment.
        if rule > 0 {
            _ = write!(
                text,
                "  dependsOn: [\n    nsg{number}rule{}\n  ]\n",
                rule - 1
            );
        }
        _ = write!(
            text,
            "  properties: {{\n{}  }}\n}}\n",
            properties(fields, 4)
        );
    }
    text
}

fn whole(number: usize, change: &NsgChange) -> String {
    let mut text = format!(
        "\nresource nsg{number} 'Microsoft.Network/networkSecurityGroups@{API}' = {{\n  name: {}\n  \
         location: location\n  properties: {{\n    securityRules: [\n",
        string(&change.nsg.name)
    );
    for fields in rules(change) {
        _ = write!(
            text,
            "      {{\n        name: {}\n        properties: {{\n{}        }}\n      }}\n",
            string(&fields.name),
            properties(&fields, 10)
        );
    }
    text + "    ]\n  }\n}\n"
}

fn properties(fields: &Fields, indent: usize) -> String {
    let mut lines = Vec::new();
    if !fields.description.is_empty() {
        lines.push(format!("description: {}", string(&fields.description)));
    }
    lines.push(format!("priority: {}", fields.priority));
    lines.push(format!("direction: {}", string(fields.direction)));
    lines.push(format!("access: {}", string(fields.access)));
    lines.push(format!("protocol: {}", string(fields.protocol)));
    for (end, place) in [
        ("source", &fields.source),
        ("destination", &fields.destination),
    ] {
        side(&mut lines, end, place);
    }
    let lead = " ".repeat(indent);
    let lines = lines.iter().map(|line| {
        let line = line.replace('\n', &format!("\n{lead}"));
        format!("{lead}{line}\n")
    });
    lines.collect()
}

fn side(lines: &mut Vec<String>, end: &str, place: &Place) {
    let mut put = |key: &str, plural: &str, words: &[String]| match words {
        [] => {}
        [one] => lines.push(format!("{end}{key}: {}", string(one))),
        several => {
            let words = several.iter().map(|word| format!("  {}\n", string(word)));
            lines.push(format!("{end}{plural}: [\n{}]", words.collect::<String>()));
        }
    };
    put("AddressPrefix", "AddressPrefixes", &place.prefixes);
    put("PortRange", "PortRanges", &place.ports);
    if !place.groups.is_empty() {
        let ids = place.groups.iter();
        let ids = ids.map(|id| format!("  {{\n    id: {}\n  }}\n", string(id)));
        lines.push(format!(
            "{end}ApplicationSecurityGroups: [\n{}]",
            ids.collect::<String>()
        ));
    }
}

/// A string of Bicep: its own escapes, nothing put in.
fn string(text: &str) -> String {
    let mut out = String::from("'");
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => out += "\\\\",
            '\'' => out += "\\'",
            '\n' => out += "\\n",
            '\r' => out += "\\r",
            '\t' => out += "\\t",
            '$' if letters.peek() == Some(&'{') => out += "\\$",
            c if terminal(c.encode_utf8(&mut [0; 4])) != c.to_string() => {
                _ = write!(out, "\\u{{{:x}}}", c as u32);
            }
            c => out.push(c),
        }
    }
    out.push('\'');
    out
}

#[cfg(test)]
mod tests {
    use super::super::tests::hostile;
    use super::*;

    #[test]
    fn strings_hold_what_they_say() {
        for (text, expected) in [
            ("plain", "'plain'"),
            ("it's", "'it\\'s'"),
            ("${x}", "'\\${x}'"),
            ("$x {", "'$x {'"),
            ("$${x}", "'$\\${x}'"),
            ("a\\b\n", "'a\\\\b\\n'"),
            ("\u{202e}\u{1b}", "'\\u{202e}\\u{1b}'"),
        ] {
            assert_eq!(string(text), expected);
        }
    }

    #[test]
    fn a_file_changes_one_group() {
        let mut fix = hostile("x");
        assert!(render(&fix).is_some());
        let mut other = fix.changes[0].clone();
        other.nsg.resource_group = "other".to_owned();
        fix.changes.push(other);
        assert!(render(&fix).is_none());
    }
}
