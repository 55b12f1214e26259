//! A fix as Terraform, for the provider `azurerm`.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::comments;
use super::fields::{Fields, Place};
use crate::fix::{Fix, Kind, NsgChange};
use crate::report::escape::terminal;

/// The configuration. Rules that are there already and change are imported first.
pub fn render(fix: &Fix) -> String {
    let mut text = comments(fix, "#");
    text += "# Do not use it beside an azurerm_network_security_group of the same NSG that states its \
             rules\n# itself: add the rules there.\n";
    if fix.kind == Kind::LeastPrivilege && !fix.changes.is_empty() {
        text += "\nvariable \"location\" {\n  type = string\n}\n";
    }
    let mut labels = Labels::default();
    for change in &fix.changes {
        let part = match fix.kind {
            Kind::Smallest => single(change, &mut labels),
            Kind::LeastPrivilege => whole(change, &mut labels),
        };
        text += &part;
    }
    text
}

fn single(change: &NsgChange, labels: &mut Labels) -> String {
    let mut text = String::new();
    let mut before: Option<String> = None;
    let moved = change.moves.iter().map(|moved| {
        let fields = Fields::new(&moved.rule, moved.to, String::new());
        (fields, true)
    });
    let new = change.new.iter().map(|new| {
        let fields = Fields::new(&new.rule, new.rule.priority, new.description());
        (fields, false)
    });
    for (fields, is_moved) in moved.chain(new) {
        let label = labels.unique(&format!("{}_{}", change.nsg.name, fields.name));
        let address = format!("azurerm_network_security_rule.{label}");
        if is_moved {
            let id = format!("{}/securityRules/{}", change.nsg.id, fields.name);
            _ = write!(
                text,
                "\nimport {{\n  to = {address}\n  id = {}\n}}\n",
                string(&id)
            );
        }
        _ = write!(
            text,
            "\nresource \"azurerm_network_security_rule\" \"{label}\" {{\n  resource_group_name = {}\n  \
             network_security_group_name = {}\n{}",
            string(&change.nsg.resource_group),
            string(&change.nsg.name),
            arguments(&fields, "  ")
        );
        // One after another: two rules must never have the same priority, not even for a moment.
        if let Some(before) = &before {
            _ = writeln!(text, "  depends_on = [{before}]");
        }
        text += "}\n";
        before = Some(address);
    }
    text
}

fn whole(change: &NsgChange, labels: &mut Labels) -> String {
    let label = labels.unique(&change.nsg.name);
    let mut text = String::new();
    if !change.nsg.id.is_empty() {
        _ = write!(
            text,
            "\nimport {{\n  to = azurerm_network_security_group.{label}\n  id = {}\n}}\n",
            string(&change.nsg.id)
        );
    }
    _ = write!(
        text,
        "\nresource \"azurerm_network_security_group\" \"{label}\" {{\n  name = {}\n  \
         resource_group_name = {}\n  location = var.location\n",
        string(&change.nsg.name),
        string(&change.nsg.resource_group)
    );
    for new in &change.new {
        let fields = Fields::new(&new.rule, new.rule.priority, new.description());
        _ = write!(
            text,
            "\n  security_rule {{\n{}  }}\n",
            arguments(&fields, "    ")
        );
    }
    text + "}\n"
}

fn arguments(fields: &Fields, lead: &str) -> String {
    let mut lines = vec![
        format!("name = {}", string(&fields.name)),
        format!("priority = {}", fields.priority),
        format!("direction = {}", string(fields.direction)),
        format!("access = {}", string(fields.access)),
        format!("protocol = {}", string(fields.protocol)),
    ];
    if !fields.description.is_empty() {
        lines.push(format!("description = {}", string(&fields.description)));
    }
    for (end, place) in [
        ("source", &fields.source),
        ("destination", &fields.destination),
    ] {
        side(&mut lines, end, place);
    }
    let lines = lines.iter().map(|line| format!("{lead}{line}\n"));
    lines.collect()
}

fn side(lines: &mut Vec<String>, end: &str, place: &Place) {
    let list = |words: &[String]| -> String {
        let words: Vec<_> = words.iter().map(|word| string(word)).collect();
        format!("[{}]", words.join(", "))
    };
    let mut put = |key: &str, plural: &str, words: &[String]| match words {
        [] => {}
        [one] => lines.push(format!("{end}_{key} = {}", string(one))),
        several => lines.push(format!("{end}_{plural} = {}", list(several))),
    };
    put("address_prefix", "address_prefixes", &place.prefixes);
    put("port_range", "port_ranges", &place.ports);
    if !place.groups.is_empty() {
        lines.push(format!(
            "{end}_application_security_group_ids = {}",
            list(&place.groups)
        ));
    }
}

/// Labels that are given: letters, digits and underscores, each once.
#[derive(Default)]
struct Labels(BTreeSet<String>);

impl Labels {
    fn unique(&mut self, name: &str) -> String {
        let mut label: String = name
            .chars()
            .map(|c| {
                if c.is_ascii_alphanumeric() {
                    c.to_ascii_lowercase()
                } else {
                    '_'
                }
            })
            .collect();
        if !label.starts_with(|c: char| c.is_ascii_alphabetic()) {
            label.insert(0, 'r');
        }
        let mut unique = label.clone();
        let mut number = 2;
        while !self.0.insert(unique.clone()) {
            unique = format!("{label}_{number}");
            number += 1;
        }
        unique
    }
}

/// A string of Terraform: its own escapes, nothing put in.
fn string(text: &str) -> String {
    let mut out = String::from("\"");
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => out += "\\\\",
            '"' => out += "\\\"",
            '\n' => out += "\\n",
            '\r' => out += "\\r",
            '\t' => out += "\\t",
            c @ ('$' | '%') if letters.peek() == Some(&'{') => out.extend([c, c]),
            c if terminal(c.encode_utf8(&mut [0; 4])) != c.to_string() => {
                let code = c as u32;
                let escaped = if code > 0xffff {
                    format!("\\U{code:08x}")
                } else {
                    format!("\\u{code:04x}")
                };
                out += &escaped;
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_hold_what_they_say() {
        for (text, expected) in [
            ("plain", "\"plain\""),
            ("a \"b\" \\", "\"a \\\"b\\\" \\\\\""),
            ("${x}%{y}", "\"$${x}%%{y}\""),
            ("$x 5%", "\"$x 5%\""),
            ("\u{202e}\n", "\"\\u202e\\n\""),
            ("\u{e0041}", "\"\\U000e0041\""),
        ] {
            assert_eq!(string(text), expected);
        }
    }

    #[test]
    fn labels_are_told_apart() {
        let mut labels = Labels::default();
        let told: Vec<_> = ["NSG-A_x", "nsg.a-x", "1"]
            .map(|name| labels.unique(name))
            .into();
        assert_eq!(told, ["nsg_a_x", "nsg_a_x_2", "r1"]);
    }
}
