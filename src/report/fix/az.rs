//! A fix as a script of `az` commands for a POSIX shell.

use std::fmt::Write as _;

use super::comments;
use super::fields::{Fields, Place};
use crate::fix::{Fix, NsgName};
use crate::report::escape::{shell, terminal};

/// The script. It stops at the first command that fails.
pub fn render(fix: &Fix) -> String {
    let mut text = format!("#!/bin/sh\n{}set -eu\n", comments(fix, "#"));
    for change in &fix.changes {
        let Some(place) = place(&change.nsg) else {
            _ = writeln!(
                text,
                "# {} is left out: its name or its group is none that Azure takes",
                terminal(&change.nsg.name)
            );
            continue;
        };
        _ = write!(text, "\n# {}\n", terminal(&change.nsg.name));
        let mut command = |verb: &str, name: &str, arguments: &str| {
            let line = match name_word(name) {
                Some(name) => {
                    format!("az network nsg rule {verb} {place} --name={name}{arguments}\n")
                }
                None => format!(
                    "# {verb} {} is left out: no rule of Azure has that name\n",
                    terminal(name)
                ),
            };
            text += &line;
        };
        for moved in &change.moves {
            command(
                "update",
                &moved.rule.name,
                &format!(" --priority={}", moved.to),
            );
        }
        for new in &change.new {
            let fields = Fields::new(&new.rule, new.rule.priority, new.description());
            command("create", &fields.name, &arguments(&fields));
        }
        for gone in &change.removed {
            command("delete", &gone.name, "");
        }
    }
    text
}

fn arguments(fields: &Fields) -> String {
    format!(
        " --priority={} --direction={} --access={} --protocol={}{}{} --description={}",
        fields.priority,
        fields.direction,
        fields.access,
        shell(fields.protocol),
        side("source", &fields.source),
        side("destination", &fields.destination),
        shell(&fields.description)
    )
}

fn side(end: &str, place: &Place) -> String {
    let words = |all: &[String]| -> String {
        let words: Vec<_> = all.iter().map(|word| shell(word)).collect();
        words.join(" ")
    };
    let addresses = if place.groups.is_empty() {
        format!("--{end}-address-prefixes {}", words(&place.prefixes))
    } else {
        format!("--{end}-asgs {}", words(&place.groups))
    };
    format!(" {addresses} --{end}-port-ranges {}", words(&place.ports))
}

/// A name as one word; none where a terminal would obey it: Azure has no such names.
fn name_word(name: &str) -> Option<String> {
    (!name.is_empty() && terminal(name) == name).then(|| shell(name))
}

/// Where the NSG is. A group that no document names is asked for when the script runs.
fn place(nsg: &NsgName) -> Option<String> {
    let mut text = String::new();
    if !nsg.subscription.is_empty() {
        _ = write!(text, "--subscription={} ", name_word(&nsg.subscription)?);
    }
    let group = if nsg.resource_group.is_empty() {
        "--resource-group=\"${GROUP:?set it to the resource group of the NSG}\"".to_owned()
    } else {
        format!("--resource-group={}", name_word(&nsg.resource_group)?)
    };
    text += &group;
    _ = write!(text, " --nsg-name={}", name_word(&nsg.name)?);
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::super::tests::hostile;
    use super::*;
    use std::process::Command;

    #[test]
    fn hostile_names_reach_az_as_single_words() {
        for name in [
            "$(touch pwned)",
            "`id`",
            "';id;'",
            "a b",
            "x\"y",
            "a&b|c>d",
            "*",
            "~",
            "#x",
            "!x",
            "a\\b",
            "-rf",
            "ä 規則",
        ] {
            let script = render(&hostile(name));
            let fake = "az() { for word in \"$@\"; do printf '%s\\n' \"$word\"; done; }\n";
            let ran = Command::new("sh")
                .args(["-c", &format!("{fake}{script}")])
                .output()
                .unwrap();
            assert!(ran.status.success(), "{name}: {script}");
            let words = String::from_utf8(ran.stdout).unwrap();
            for expected in [
                format!("--nsg-name={name}"),
                format!("--resource-group={name}"),
                format!("--name={name}"),
                name.to_owned(),
            ] {
                assert!(
                    words.lines().any(|word| word == expected),
                    "{expected}\n{words}"
                );
            }
        }
        let script = render(&hostile("a\nrm -rf /"));
        let commands = script
            .lines()
            .filter(|line| !line.starts_with('#') && !line.is_empty());
        assert_eq!(commands.collect::<Vec<_>>(), ["set -eu"]);
    }

    #[test]
    fn a_group_that_is_not_known_is_asked_for() {
        let mut fix = hostile("x");
        fix.changes[0].nsg.resource_group.clear();
        let script = render(&fix);
        let fake = "az() { printf '%s\\n' \"$@\"; }\n";
        let run = |group: &str| {
            let mut command = Command::new("sh");
            command.args(["-c", &format!("{fake}{script}")]);
            if !group.is_empty() {
                command.env("GROUP", group);
            }
            command.output().unwrap()
        };
        assert!(!run("").status.success());
        let words = String::from_utf8(run("my group").stdout).unwrap();
        assert!(words.contains("--resource-group=my group\n"));
    }
}
