//! What a row and a profile look like in TOML, and how they become ours.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use toml::Value;

use super::term::parse_term;
use super::{AddressTerm, Condition, Include, KnownPeers, Profile, Reference, Row};
use crate::net::{Direction, PortSet, Protocol};

/// Most entries in one list of a row.
const MAX_LIST: usize = 1_000;

/// A row as TOML has it: `[[row]]` in a profile, `[[requirement]]` in `nsgaudit.toml`.
///
/// Only `direction`, `ports` and a name must be there: the `purpose` in a profile, where it names the
/// row if `id` is left out; either of both in `nsgaudit.toml`. What else is left out takes the value
/// that Azure's own default rules suggest: protocol TCP, from `VirtualNetwork`, to `Internet` for
/// outbound rows and to `VirtualNetwork` for the others.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RowSpec {
    /// Stable name; made of the purpose where it is left out.
    #[serde(default)]
    pub id: String,
    /// Place in the source's table.
    #[serde(default)]
    pub row: String,
    /// What the traffic is for; the `id` where it is left out.
    #[serde(default)]
    pub purpose: String,
    /// `inbound`, `outbound` or `both`, seen from the subnet.
    pub direction: String,
    /// `tcp`, `udp`, `tcp+udp`, `icmp`, `any` or `unspecified`; TCP where it is left out.
    #[serde(default)]
    pub protocol: Option<String>,
    /// Destination ports: `443`, `"6379-6383"`, `"*"`, or a list of them.
    pub ports: Value,
    /// Where it comes from: an address term or a list of them.
    #[serde(default)]
    pub source: Option<Value>,
    /// Where it goes to: an address term or a list of them.
    #[serde(default)]
    pub destination: Option<Value>,
    /// Who really calls.
    #[serde(default)]
    pub known_callers: Vec<PeersSpec>,
    /// Where it really goes.
    #[serde(default)]
    pub known_destinations: Vec<PeersSpec>,
    /// When the row is required, in words; empty for always.
    #[serde(default)]
    pub condition: String,
    /// What must be stated in the environment for the row to be required.
    #[serde(default)]
    pub when: BTreeMap<String, Value>,
    /// Whether it is advice and not a requirement.
    #[serde(default)]
    pub advice: bool,
    /// What stops working when it is blocked.
    #[serde(default)]
    pub impact: String,
    /// `stated`, `inferred` or `none`; `none` where it is left out.
    #[serde(default)]
    pub impact_basis: Option<String>,
    /// Remarks.
    #[serde(default)]
    pub note: String,
    /// Which text says so: keys of references, each with its place, parted by `;`.
    #[serde(default)]
    pub source_reference: String,
}

/// The real peers of some of a row's ports, as TOML has them.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PeersSpec {
    /// Which of the row's ports; all of them where it is left out.
    #[serde(default)]
    pub ports: Option<Value>,
    /// Who: an address term or a list of them.
    pub peers: Value,
    /// Key of the reference that names them.
    #[serde(default)]
    pub since: String,
}

/// A profile as TOML has it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ProfileSpec {
    name: String,
    #[serde(default)]
    aliases: Vec<String>,
    title: String,
    #[serde(default)]
    edition: String,
    #[serde(default)]
    status: String,
    #[serde(default)]
    notes: Vec<String>,
    #[serde(default)]
    reference: Vec<ReferenceSpec>,
    #[serde(default)]
    include: Vec<IncludeSpec>,
    #[serde(default)]
    row: Vec<RowSpec>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ReferenceSpec {
    key: String,
    location: String,
    #[serde(default)]
    edition: String,
    #[serde(default)]
    note: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct IncludeSpec {
    profile: String,
    #[serde(default)]
    why: String,
}

impl RowSpec {
    /// The row, checked. `where_from` opens each message, such as `[[requirement]] 2`.
    ///
    /// # Errors
    /// Which row and field, what was expected and found, what to do.
    pub fn into_row(mut self, where_from: &str) -> Result<Row, String> {
        if self.purpose.trim().is_empty() {
            self.purpose.clone_from(&self.id);
        }
        let id = if self.id.is_empty() {
            slug(&self.purpose)
        } else {
            self.id.clone()
        };
        let place = format!("{where_from}, row `{}`", super::escape(&id));
        self.checked(id)
            .map_err(|message| format!("{place}: {message}"))
    }

    fn checked(self, id: String) -> Result<Row, String> {
        if id.trim().is_empty() {
            return Err(NO_NAME.to_owned());
        }
        let directions = directions(&self.direction)?;
        let ports = ports("ports", &self.ports)?;
        let inside = || vec![AddressTerm::VirtualNetwork];
        let outside = if directions == [Direction::Outbound] {
            vec![AddressTerm::Internet]
        } else {
            inside()
        };
        Ok(Row {
            source: terms_or("source", self.source.as_ref(), inside())?,
            destination: terms_or("destination", self.destination.as_ref(), outside)?,
            known_callers: peers("known_callers", self.known_callers, &ports)?,
            known_destinations: peers("known_destinations", self.known_destinations, &ports)?,
            protocols: protocols(self.protocol.as_deref().unwrap_or("tcp"))?,
            condition: Condition {
                text: self.condition,
                when: when(&self.when)?,
            },
            impact_basis: basis(self.impact_basis.as_deref())?,
            id,
            row: self.row,
            purpose: self.purpose,
            directions,
            ports,
            advice: self.advice,
            impact: self.impact,
            note: self.note,
            source_reference: self.source_reference,
        })
    }
}

impl ProfileSpec {
    /// The profile, checked.
    pub(super) fn into_profile(self) -> Result<Profile, String> {
        for name in std::iter::once(&self.name).chain(&self.aliases) {
            if !is_name(name) {
                return Err(format!(
                    "expected a name of lower-case letters, digits, `-` and `.`, found {:?}; \
                     write such as `name = \"my-service\"`",
                    super::escape(name)
                ));
            }
        }
        if self.row.is_empty() {
            return Err("a profile needs at least one `[[row]]`".to_owned());
        }
        Ok(Profile {
            rows: rows(self.row, "[[row]]")?,
            name: self.name,
            aliases: self.aliases,
            title: self.title,
            edition: self.edition,
            status: self.status,
            notes: self.notes,
            references: self
                .reference
                .into_iter()
                .map(ReferenceSpec::into)
                .collect(),
            includes: self.include.into_iter().map(IncludeSpec::into).collect(),
        })
    }
}

impl From<ReferenceSpec> for Reference {
    fn from(spec: ReferenceSpec) -> Self {
        Self {
            key: spec.key,
            location: spec.location,
            edition: spec.edition,
            note: spec.note,
        }
    }
}

impl From<IncludeSpec> for Include {
    fn from(spec: IncludeSpec) -> Self {
        Self {
            profile: spec.profile,
            why: spec.why,
        }
    }
}

const NO_NAME: &str = "expected an `id` of lower-case letters, digits, `-` and `.`; give the row \
                       one, such as `id = \"smtp-relay\"`";

/// All rows of a profile, checked, no id twice. `table` names the list in messages, such as `[[row]]`.
///
/// # Errors
/// The first row that is wrong: which, what was expected and found, what to do.
pub fn rows(specs: Vec<RowSpec>, table: &str) -> Result<Vec<Row>, String> {
    let mut seen = BTreeSet::new();
    let mut rows = Vec::with_capacity(specs.len());
    for (at, spec) in specs.into_iter().enumerate() {
        let place = format!("{table} {}", at + 1);
        let unnamed = spec.purpose.trim().is_empty();
        let row = spec.into_row(&place)?;
        let wrong = if !is_name(&row.id) {
            NO_NAME
        } else if unnamed {
            "`purpose` is empty; say what the traffic is for"
        } else if !seen.insert(row.id.clone()) {
            "the id is there twice; give each row its own"
        } else {
            rows.push(row);
            continue;
        };
        return Err(format!(
            "{place}, row `{}`: {wrong}",
            super::escape(&row.id)
        ));
    }
    Ok(rows)
}

fn is_name(text: &str) -> bool {
    (1..=100).contains(&text.len())
        && text.bytes().all(|byte| {
            byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'.')
        })
}

/// `Mail out (SMTP)` becomes `mail-out-smtp`.
fn slug(purpose: &str) -> String {
    let words: Vec<_> = purpose
        .split(|letter: char| !letter.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty())
        .take(8)
        .map(str::to_ascii_lowercase)
        .collect();
    words.join("-")
}

fn directions(text: &str) -> Result<Vec<Direction>, String> {
    match text.to_ascii_lowercase().as_str() {
        "inbound" => Ok(vec![Direction::Inbound]),
        "outbound" => Ok(vec![Direction::Outbound]),
        "both" => Ok(vec![Direction::Inbound, Direction::Outbound]),
        _ => Err(format!(
            "`direction`: expected `inbound`, `outbound` or `both`, found {text:?}"
        )),
    }
}

fn protocols(text: &str) -> Result<Vec<Protocol>, String> {
    match text.to_ascii_lowercase().as_str() {
        "tcp" => Ok(vec![Protocol::TCP]),
        "udp" => Ok(vec![Protocol::UDP]),
        "tcp+udp" => Ok(vec![Protocol::TCP, Protocol::UDP]),
        "icmp" => Ok(vec![Protocol::ICMP]),
        "any" | "unspecified" => Ok(Vec::new()),
        _ => Err(format!(
            "`protocol`: expected `tcp`, `udp`, `tcp+udp`, `icmp`, `any` or `unspecified`, \
             found {text:?}"
        )),
    }
}

fn basis(text: Option<&str>) -> Result<String, String> {
    let text = text.unwrap_or("none");
    match text {
        "stated" | "inferred" | "none" => Ok(text.to_owned()),
        _ => Err(format!(
            "`impact_basis`: expected `stated`, `inferred` or `none`, found {text:?}"
        )),
    }
}

/// The texts of a field that may be one value or a list; whole numbers count as text.
fn texts(field: &str, value: &Value) -> Result<Vec<String>, String> {
    let one = |value: &Value| match value {
        Value::String(text) => Ok(text.clone()),
        Value::Integer(number) => Ok(number.to_string()),
        other => Err(format!(
            "`{field}`: expected text, a whole number, or a list of them, found {}",
            other.type_str()
        )),
    };
    let list = match value {
        Value::Array(values) if values.len() > MAX_LIST => {
            return Err(format!(
                "`{field}`: expected at most {MAX_LIST} entries, found {}; use wider ranges",
                values.len()
            ));
        }
        Value::Array(values) => values.iter().map(one).collect::<Result<Vec<_>, _>>()?,
        single => vec![one(single)?],
    };
    if list.is_empty() {
        return Err(format!("`{field}`: the list is empty; name at least one"));
    }
    Ok(list)
}

fn ports(field: &str, value: &Value) -> Result<PortSet, String> {
    let mut all = PortSet::default();
    for text in texts(field, value)? {
        let set = PortSet::parse(text.trim()).ok_or_else(|| {
            format!(
                "`{field}`: expected a port from 0 to 65535, a range such as \"6379-6383\", \
                 or \"*\", found {text:?}"
            )
        })?;
        all = all.union(&set);
    }
    Ok(all)
}

fn terms(field: &str, value: &Value) -> Result<Vec<AddressTerm>, String> {
    texts(field, value)?
        .iter()
        .map(|text| parse_term(text).map_err(|message| format!("`{field}`: {message}")))
        .collect()
}

fn terms_or(
    field: &str,
    value: Option<&Value>,
    default: Vec<AddressTerm>,
) -> Result<Vec<AddressTerm>, String> {
    value.map_or(Ok(default), |value| terms(field, value))
}

fn peers(field: &str, specs: Vec<PeersSpec>, all: &PortSet) -> Result<Vec<KnownPeers>, String> {
    specs
        .into_iter()
        .map(|spec| {
            Ok(KnownPeers {
                ports: match &spec.ports {
                    Some(value) => ports(&format!("{field}.ports"), value)?,
                    None => all.clone(),
                },
                peers: terms(&format!("{field}.peers"), &spec.peers)?,
                since: spec.since,
            })
        })
        .collect()
}

fn when(table: &BTreeMap<String, Value>) -> Result<BTreeMap<String, String>, String> {
    table
        .iter()
        .map(|(key, value)| {
            let text = match value {
                Value::String(text) => text.clone(),
                Value::Boolean(truth) => truth.to_string(),
                Value::Integer(number) => number.to_string(),
                other => {
                    return Err(format!(
                        "`when.{}`: expected text, true, false or a whole number, found {}",
                        super::escape(key),
                        other.type_str()
                    ));
                }
            };
            Ok((key.to_lowercase(), text.to_lowercase()))
        })
        .collect()
}
