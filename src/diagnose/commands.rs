//! `az` lines to copy. Names come from logs: they are quoted for a shell, and what no Azure name can
//! hold is not printed as a command at all.

use std::collections::BTreeSet;

use crate::audit::{Decider, Incident, Requirement};
use crate::net::rule_name::{bare, is_default};
use crate::net::{Direction, Timestamp};

use super::causes::Template;

/// NSGs for which commands are printed.
const NSGS: usize = 4;
/// Changes are looked for so many ms before the last allowed flow: a rule takes a while to act.
const BEFORE: i64 = 15 * 60_000;
/// And after the first denied one.
const AFTER: i64 = 2 * 60_000;

/// The commands of a cause, each once.
pub(super) fn commands(
    templates: &[Template],
    incident: Option<&Incident>,
    requirements: &[&Requirement],
) -> Vec<String> {
    let holders = incident.map_or_else(Vec::new, |incident| holders(&incident.after));
    let mut commands = Vec::new();
    for template in templates {
        match template {
            Template::ShowRule => commands.extend(holders.iter().filter_map(show_rule)),
            Template::WhoChanged => {
                let groups: BTreeSet<_> = holders
                    .iter()
                    .map(|holder| (&holder.subscription, &holder.group))
                    .collect();
                let lines = groups.iter().filter_map(|(subscription, group)| {
                    who_changed(subscription, group, incident?)
                });
                commands.extend(lines);
            }
            Template::Allow => {
                for holder in &holders {
                    commands.extend(allow(holder, requirements));
                }
            }
            Template::Routes => commands.push(
                "az network nic show-effective-route-table --resource-group=GROUP --name=NIC --output=table"
                    .to_owned(),
            ),
            Template::DnsServers => commands.push(
                "az network vnet show --resource-group=GROUP --name=VNET --query=dhcpOptions"
                    .to_owned(),
            ),
        }
    }
    let mut seen = BTreeSet::new();
    commands.retain(|command| seen.insert(command.clone()));
    commands
}

/// An NSG, from its resource ID.
struct Holder {
    subscription: String,
    group: String,
    nsg: String,
    /// As Azure knows it, without the logs' `UserRule_`; none where it is a default rule.
    rule: Option<String>,
}

fn holders(deciders: &[Decider]) -> Vec<Holder> {
    let holder = |decider: &Decider| {
        let mut parts = decider.nsg_id.split('/').filter(|part| !part.is_empty());
        let mut after = |name: &str| {
            parts
                .by_ref()
                .find(|part| part.eq_ignore_ascii_case(name))?;
            parts.next().map(str::to_owned)
        };
        Some(Holder {
            subscription: after("subscriptions")?,
            group: after("resourceGroups")?,
            nsg: after("networkSecurityGroups")?,
            rule: user_rule(&decider.rule).map(str::to_owned),
        })
    };
    deciders.iter().filter_map(holder).take(NSGS).collect()
}

/// The name of a user's rule, as Azure knows it.
pub(super) fn user_rule(rule: &str) -> Option<&str> {
    bare(rule).filter(|_| !is_default(rule))
}

fn show_rule(holder: &Holder) -> Option<String> {
    Some(format!(
        "az network nsg rule show {} --name={}",
        place(holder)?,
        word(holder.rule.as_deref()?)?
    ))
}

fn place(holder: &Holder) -> Option<String> {
    Some(format!(
        "--subscription={} --resource-group={} --nsg-name={}",
        word(&holder.subscription)?,
        word(&holder.group)?,
        word(&holder.nsg)?
    ))
}

fn who_changed(subscription: &str, group: &str, incident: &Incident) -> Option<String> {
    let first = Timestamp::parse(&incident.first_denied)?.0;
    let time = |text: &Option<String>| text.as_deref().and_then(Timestamp::parse);
    let from = time(&incident.last_allowed).map_or(first, |time| time.0) - BEFORE;
    let until = time(&incident.last_start).map_or(first, |time| time.0) + AFTER;
    Some(format!(
        "az monitor activity-log list --subscription={} --resource-group={} --start-time={} \
         --end-time={} --query='[].[eventTimestamp,caller,operationName.value,resourceId]' --output=table",
        word(subscription)?,
        word(group)?,
        Timestamp(from),
        Timestamp(until)
    ))
}

/// What allows the blocked requirements at one NSG. PRIORITY is for the reader: only the rules tell
/// which numbers are free.
fn allow(holder: &Holder, requirements: &[&Requirement]) -> Vec<String> {
    let lines = requirements.iter().filter_map(|requirement| {
        let (source, destination) = (side(&requirement.source)?, side(&requirement.destination)?);
        let row = requirement.row.rsplit('/').next().unwrap_or_default();
        let ports = match requirement.ports.as_str() {
            "*" => "'*'".to_owned(),
            ports => words(ports.split(", "))?,
        };
        let direction = match requirement.direction {
            Direction::Inbound => "Inbound",
            Direction::Outbound => "Outbound",
        };
        Some(format!(
            "az network nsg rule create {} --name={} --priority=PRIORITY --direction={direction} \
             --access=Allow --protocol='*' --source-address-prefixes {source} \
             --destination-address-prefixes {destination} --destination-port-ranges {ports}",
            place(holder)?,
            word(&format!("allow-{row}"))?
        ))
    });
    let lines: BTreeSet<_> = lines.collect();
    lines.into_iter().collect()
}

/// Terms that Azure knows; none where one is only ours.
fn side(terms: &str) -> Option<String> {
    if terms.split(", ").any(|term| term.starts_with(['@', '-'])) {
        return None;
    }
    words(terms.split(", "))
}

fn words<'a>(of: impl Iterator<Item = &'a str>) -> Option<String> {
    let words: Option<Vec<_>> = of.map(word).collect();
    words.map(|words| words.join(" "))
}

/// One word of a shell's command, quoted where it must be; `None` where it holds what no Azure name
/// can, so that it had better not be typed.
pub(super) fn word(text: &str) -> Option<String> {
    if text.is_empty() || !text.chars().all(|c| c.is_ascii_graphic() || c == ' ') {
        return None;
    }
    let plain = |c: char| c.is_ascii_alphanumeric() || "_./:@%+,-".contains(c);
    if text.chars().all(plain) {
        return Some(text.to_owned());
    }
    Some(format!("'{}'", text.replace('\'', r"'\''")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    #[test]
    fn hostile_names_are_one_word_to_a_shell() {
        for name in [
            "plain-1", "a b", "$(id)", "`id`", "';id;'", "x\"y", "a&b|c>d", "*", "~", "#x", "!x",
            "a\\b",
        ] {
            let quoted = word(name).unwrap();
            let script = format!("printf '%s|' --name={quoted}");
            let ran = Command::new("sh").args(["-c", &script]).output().unwrap();
            let expected = format!("--name={name}|");
            assert_eq!(String::from_utf8(ran.stdout).unwrap(), expected);
        }
        for name in ["", "a\nb", "\u{1b}[2J", "\u{202e}x", "ä"] {
            assert_eq!(word(name), None, "{name:?}");
        }
    }

    #[test]
    fn rules_are_named_as_azure_knows_them() {
        assert_eq!(user_rule("UserRule_x_y"), Some("x_y"));
        assert_eq!(user_rule("DefaultRule_DenyAllInBound"), None);
        assert_eq!(user_rule("plain"), Some("plain"));
        assert_eq!(user_rule(""), None);
    }
}
