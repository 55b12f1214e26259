//! `nsgaudit.toml`: what a user states of the audited network.
//!
//! Every key is described in `docs/environment.md`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::Read;
use std::path::Path;

use ipnet::IpNet;
use serde::Deserialize;
use toml::{Spanned, Value};

use crate::catalogue::{AddressTerm, Row, RowSpec, parse_term};
use crate::environment::check::contradiction;
use crate::environment::text::parse_prefix;
use crate::environment::{Environment, Subnet};
use crate::error::{Error, Result};
use crate::net::PrefixSet;

mod requirement;
mod write;

pub use write::write_toml;

/// The most that a file may hold.
const MAX_FILE: u64 = 4 << 20;

/// What a file states.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Config {
    /// The profile to audit against, where the command line names none.
    pub profile: Option<String>,
    /// The network. Without a subnet where the file states none: then it is laid over what
    /// `--vnet` or the logs say ([`Environment::over`]).
    pub environment: Environment,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct ConfigSpec {
    #[serde(default)]
    virtual_network: VirtualNetworkSpec,
    #[serde(default)]
    subnet: Vec<SubnetSpec>,
    #[serde(default)]
    service: BTreeMap<String, Spanned<Value>>,
    #[serde(default)]
    addresses: BTreeMap<String, Texts>,
    #[serde(default)]
    requirement: Vec<Spanned<RowSpec>>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct VirtualNetworkSpec {
    #[serde(default)]
    name: String,
    #[serde(default)]
    address_space: Texts,
    #[serde(default)]
    peered: Texts,
    #[serde(default)]
    on_premises: Texts,
    #[serde(default)]
    all_private: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct SubnetSpec {
    name: Spanned<String>,
    prefixes: Texts,
    #[serde(default)]
    role: String,
    #[serde(default = "yes")]
    audited: bool,
}

/// Texts with their places.
type Texts = Vec<Spanned<String>>;

fn yes() -> bool {
    true
}

/// What is wrong, and at which byte.
type Wrong = (usize, String);

impl Config {
    /// Reads a file.
    ///
    /// # Errors
    /// The file cannot be read, or is not what it must be: which line, what was expected.
    pub fn read(path: &Path) -> Result<Self> {
        let mut text = String::new();
        File::open(path)
            .and_then(|file| file.take(MAX_FILE + 1).read_to_string(&mut text))
            .map_err(|source| Error::Read {
                path: path.to_owned(),
                source,
            })?;
        if text.len() as u64 > MAX_FILE {
            return Err(Error::Invalid {
                path: path.to_owned(),
                message: "expected at most 4 MiB, and the file is larger".to_owned(),
            });
        }
        Self::parse(&text, path)
    }

    /// Reads a file's text.
    ///
    /// # Errors
    /// Which line, what was expected and found, what to do.
    pub fn parse(text: &str, path: &Path) -> Result<Self> {
        let invalid = |message| Error::Invalid {
            path: path.to_owned(),
            message,
        };
        let text = text.strip_prefix('\u{FEFF}').unwrap_or(text);
        let file: ConfigSpec =
            toml::from_str(text).map_err(|error| invalid(printable(&error.to_string())))?;
        config(file, path.display().to_string())
            .map_err(|(at, message)| invalid(format!("line {}: {message}", line(text, at))))
    }
}

fn config(file: ConfigSpec, source: String) -> std::result::Result<Config, Wrong> {
    let network = file.virtual_network;
    let (profile, stated) = service(file.service)?;
    let mut environment = Environment {
        name: network.name,
        source,
        address_space: prefixes(&network.address_space)?,
        peered: prefixes(&network.peered)?,
        on_premises: prefixes(&network.on_premises)?,
        all_private: network.all_private,
        stated,
        ..Environment::default()
    };
    for (name, texts) in file.addresses {
        let set = prefixes(&texts)?;
        // A row that says `@clients` never asks for a set of that name.
        if parse_term(&format!("@{name}")).is_ok_and(|term| !matches!(term, AddressTerm::Named(_)))
        {
            let at = texts.first().map_or(0, |text| text.span().start);
            let message = format!(
                "a row that says \"@{}\" does not mean a set of [addresses]: give the set another name",
                crate::catalogue::escape(&name)
            );
            return Err((at, message));
        }
        environment.addresses.insert(name.to_lowercase(), set);
    }
    if environment.addresses.contains_key("custom-dns") {
        let custom = environment.stated.entry("custom-dns".to_owned());
        custom.or_insert_with(|| true.to_string());
    }
    subnets(file.subnet, &mut environment)?;
    environment.requirements = requirements(file.requirement)?;
    Ok(Config {
        profile,
        environment,
    })
}

/// The user's own rows. They have no reference to cite: an impact that is told is one that is stated.
fn requirements(specs: Vec<Spanned<RowSpec>>) -> std::result::Result<Vec<Row>, Wrong> {
    let mut seen = BTreeSet::new();
    let mut rows = Vec::with_capacity(specs.len());
    for (index, spec) in specs.into_iter().enumerate() {
        let at = spec.span().start;
        let mut spec = spec.into_inner();
        if spec.impact_basis.is_none() && !spec.impact.is_empty() {
            spec.impact_basis = Some("stated".to_owned());
        }
        let place = format!("[[requirement]] {}", index + 1);
        let row = spec.into_row(&place).map_err(|message| (at, message))?;
        if !seen.insert(row.id.clone()) {
            let id = crate::catalogue::escape(&row.id);
            let message = format!("{place}: the id `{id}` is there twice; give each its own");
            return Err((at, message));
        }
        rows.push(row);
    }
    Ok(rows)
}

/// The subnets, in order of name; without a stated address space they are it.
fn subnets(
    specs: Vec<SubnetSpec>,
    environment: &mut Environment,
) -> std::result::Result<(), Wrong> {
    let mut places = Vec::new();
    for spec in specs {
        places.push(spec.name.span().start);
        environment.subnets.push(Subnet {
            prefixes: prefixes(&spec.prefixes)?,
            name: spec.name.into_inner(),
            role: spec.role.to_lowercase(),
            audited: spec.audited,
        });
    }
    if environment.address_space.is_empty() {
        environment.address_space = environment
            .subnets
            .iter()
            .fold(PrefixSet::empty(), |space, subnet| {
                space.union(&subnet.prefixes)
            });
    }
    if let Some((at, message)) = contradiction(&environment.address_space, &environment.subnets) {
        return Err((places.get(at).copied().unwrap_or(0), message));
    }
    environment.subnets.sort();
    Ok(())
}

/// The profile, and what is stated of the service.
fn service(
    keys: BTreeMap<String, Spanned<Value>>,
) -> std::result::Result<(Option<String>, BTreeMap<String, String>), Wrong> {
    let mut stated = BTreeMap::new();
    for (key, value) in keys {
        let at = value.span().start;
        let text = match value.into_inner() {
            Value::String(text) => text.to_lowercase(),
            Value::Boolean(value) => value.to_string(),
            Value::Integer(value) => value.to_string(),
            other => {
                let message = format!(
                    "expected a text, a number, true or false for {key:?}, found {}",
                    other.type_str()
                );
                return Err((at, message));
            }
        };
        let key = key.to_lowercase();
        if key == "endpoint" && !matches!(text.as_str(), "internal" | "external") {
            let message = format!("expected endpoint \"internal\" or \"external\", found {text:?}");
            return Err((at, message));
        }
        stated.insert(key, text);
    }
    Ok((stated.remove("profile"), stated))
}

fn prefixes(texts: &Texts) -> std::result::Result<PrefixSet, Wrong> {
    let prefixes: std::result::Result<Vec<IpNet>, Wrong> = texts
        .iter()
        .map(|text| parse_prefix(text.get_ref()).map_err(|message| (text.span().start, message)))
        .collect();
    prefixes.map(PrefixSet::new)
}

/// Number of the line that holds a byte.
fn line(text: &str, at: usize) -> usize {
    let before = text.get(..at).unwrap_or_default();
    before.matches('\n').count() + 1
}

/// A message that quotes the file, its control characters escaped.
fn printable(message: &str) -> String {
    let mut safe = String::with_capacity(message.len());
    for c in message.trim_end().chars() {
        if c.is_control() && c != '\n' {
            safe.extend(c.escape_default());
        } else {
            safe.push(c);
        }
    }
    safe
}

#[cfg(test)]
mod tests;
