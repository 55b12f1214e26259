//! Virtual networks as Azure prints them: `az network vnet show` and `list` (flat), REST and the
//! portal (under `properties`), lists under `value`, rows of Resource Graph, `PowerShell`.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use serde_json::Value;

use super::Environment;
use super::check::contradiction;
use super::text::{list, parse_prefix};
use crate::error::{Error, Result};
use crate::net::PrefixSet;

mod json;
mod subnets;

use json::{Object, objects};

/// The most that a file may hold.
const MAX_FILE: u64 = 64 << 20;

/// The keys under which lists and new resources come.
const ENVELOPES: [&str; 5] = ["value", "data", "resources", "newVNet", "virtualNetworks"];

/// One virtual network of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vnet {
    /// Resource ID; empty where the file does not say.
    pub id: String,
    /// What the file says of it.
    pub environment: Environment,
    /// What was taken from hints, left out, or is for the user to state: sentences.
    pub remarks: Vec<String>,
}

/// Reads the file of `--vnet` and takes the network of the given name, or its only one.
///
/// # Errors
/// The file cannot be read, is no such document, or holds several networks and none is named.
pub fn read(path: &Path, name: Option<&str>) -> Result<Vnet> {
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(MAX_FILE + 1).read_to_end(&mut bytes))
        .map_err(|source| Error::Read {
            path: path.to_owned(),
            source,
        })?;
    let vnets = if bytes.len() as u64 > MAX_FILE {
        Err("expected a virtual network in at most 64 MiB, and the file is larger".to_owned())
    } else {
        parse(&bytes, &path.display().to_string())
    };
    vnets
        .and_then(|vnets| select(vnets, name))
        .map_err(|message| Error::Invalid {
            path: path.to_owned(),
            message,
        })
}

/// Reads all virtual networks of a document, in its order. `source` becomes the environments' own.
///
/// # Errors
/// What was expected, what was found and what to do.
pub fn parse(json: &[u8], source: &str) -> std::result::Result<Vec<Vnet>, String> {
    let json = json.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(json);
    let document: Value = serde_json::from_slice(json)
        .map_err(|error| format!("expected {EXPECTED}, but it is no JSON: {error}"))?;
    let mut vnets = Vec::new();
    for object in networks(&document) {
        vnets.push(vnet(object, source)?);
    }
    if vnets.is_empty() {
        return Err(format!(
            "expected {EXPECTED}, found {}",
            json::describe(&document)
        ));
    }
    Ok(vnets)
}

const EXPECTED: &str = "a virtual network with its `addressSpace`, as \
    `az network vnet show -g GROUP -n NAME -o json` prints it";

/// Takes the network of a name (`NAME`, `GROUP/NAME` or the resource ID, compared without case),
/// or the only one.
///
/// # Errors
/// None of the name, or several and no name that tells them apart: the names are listed.
pub fn select(vnets: Vec<Vnet>, name: Option<&str>) -> std::result::Result<Vnet, String> {
    let all: Vec<String> = vnets.iter().map(Vnet::label).collect();
    let mut found: Vec<Vnet> = match name {
        Some(name) => vnets.into_iter().filter(|vnet| vnet.is(name)).collect(),
        None => vnets,
    };
    match (found.pop(), found.is_empty(), name) {
        (Some(vnet), true, _) => Ok(vnet),
        (None, _, _) => Err(format!(
            "expected a virtual network {}, found {}",
            name.map_or_else(
                || "at least".to_owned(),
                |name| format!("of the name {name:?}")
            ),
            list(&all)
        )),
        (Some(_), false, Some(name)) => Err(format!(
            "several virtual networks have the name {name:?}: name one as GROUP/NAME of {}",
            list(&all)
        )),
        (Some(_), false, None) => Err(format!(
            "holds several virtual networks, and one is audited: name it, of {}",
            list(&all)
        )),
    }
}

impl Vnet {
    /// `GROUP/NAME`, or the name where the group is not known.
    pub fn label(&self) -> String {
        let name = &self.environment.name;
        match self.group() {
            Some(group) => format!("{group}/{name}"),
            None => name.clone(),
        }
    }

    fn group(&self) -> Option<&str> {
        let mut parts = self.id.split('/');
        parts.find(|part| part.eq_ignore_ascii_case("resourceGroups"))?;
        parts.next()
    }

    fn is(&self, name: &str) -> bool {
        [&self.environment.name, &self.label(), &self.id]
            .iter()
            .any(|own| own.eq_ignore_ascii_case(name))
    }
}

/// The objects of a document that are virtual networks.
fn networks(document: &Value) -> Vec<Object<'_>> {
    let mut found = Vec::new();
    let mut waiting = vec![document];
    while let Some(value) = waiting.pop() {
        match value {
            Value::Array(items) => waiting.extend(items.iter().rev()),
            Value::Object(_) => {
                let object = Object(value);
                let kind = object.text("type").unwrap_or_default().to_lowercase();
                let fits = kind.is_empty() || kind == "microsoft.network/virtualnetworks";
                if fits && object.get("addressSpace").is_some() {
                    found.push(object);
                } else {
                    waiting.extend(ENVELOPES.iter().filter_map(|key| object.get(key)));
                }
            }
            _ => {}
        }
    }
    found
}

fn vnet(object: Object<'_>, source: &str) -> std::result::Result<Vnet, String> {
    let name = object.text("name").unwrap_or_default().into_owned();
    let place = |message| format!("virtual network {name:?}: {message}");
    let mut remarks = Vec::new();
    let mut environment = Environment {
        name: name.clone(),
        source: source.to_owned(),
        address_space: object
            .get("addressSpace")
            .map_or_else(|| Ok(PrefixSet::empty()), space)
            .map_err(place)?,
        subnets: subnets::read(object, &mut remarks).map_err(place)?,
        peered: peered(object, &mut remarks).map_err(place)?,
        ..Environment::default()
    };
    dns(object, &mut environment).map_err(place)?;
    widen(&mut environment, &mut remarks);
    if let Some((_, message)) = contradiction(&environment.address_space, &environment.subnets) {
        return Err(place(message));
    }
    environment.subnets.sort();
    remarks.extend(unsure(&environment));
    Ok(Vnet {
        id: object.text("id").unwrap_or_default().into_owned(),
        environment,
        remarks,
    })
}

/// Subnets that are audited although nothing says that they belong to the service.
fn unsure(environment: &Environment) -> Option<String> {
    let unsure: Vec<&str> = environment
        .subnets
        .iter()
        .filter(|subnet| subnet.audited && subnet.role.is_empty())
        .map(|subnet| subnet.name.as_str())
        .collect();
    (!unsure.is_empty()).then(|| {
        format!(
            "subnets without a delegation are audited: {}; `audited = false` for those that do \
             not belong to the service, and `role` for those that do",
            list(&unsure)
        )
    })
}

/// A file that was anonymised by hand may place subnets outside of the address space.
fn widen(environment: &mut Environment, remarks: &mut Vec<String>) {
    for subnet in &environment.subnets {
        let outside = subnet.prefixes.difference(&environment.address_space);
        if !outside.is_empty() {
            remarks.push(format!(
                "subnet {} lies outside of the address space in the file, which is widened by {}",
                subnet.name,
                super::text::describe(&outside)
            ));
            environment.address_space = environment.address_space.union(&outside);
        }
    }
}

/// Prefixes of `{"addressPrefixes": [...]}`.
fn space(value: &Value) -> std::result::Result<PrefixSet, String> {
    Object(value)
        .texts("addressPrefixes")
        .map(parse_prefix)
        .collect::<std::result::Result<Vec<_>, _>>()
        .map(PrefixSet::new)
}

fn peered(object: Object<'_>, remarks: &mut Vec<String>) -> std::result::Result<PrefixSet, String> {
    let mut peered = PrefixSet::empty();
    for peering in objects(object.get("virtualNetworkPeerings")) {
        let name = peering.text("name").unwrap_or("without a name".into());
        let state = peering.text("peeringState").unwrap_or("Connected".into());
        if !state.eq_ignore_ascii_case("Connected") {
            remarks.push(format!(
                "peering {name} is {state}, not Connected: its space is left out"
            ));
            continue;
        }
        let mut remote = PrefixSet::empty();
        for key in ["remoteAddressSpace", "remoteVirtualNetworkAddressSpace"] {
            if let Some(value) = peering.get(key) {
                remote = remote.union(&space(value)?);
            }
        }
        if remote.is_empty() {
            remarks.push(format!(
                "peering {name} does not say its address space: add it to `peered`"
            ));
        }
        peered = peered.union(&remote);
    }
    Ok(peered)
}

/// Custom DNS servers; an empty list says that Azure's own are used.
fn dns(object: Object<'_>, environment: &mut Environment) -> std::result::Result<(), String> {
    let Some(options) = object.get("dhcpOptions").map(Object) else {
        return Ok(());
    };
    if options.get("dnsServers").is_none() {
        return Ok(());
    }
    let servers: std::result::Result<Vec<_>, _> =
        options.texts("dnsServers").map(parse_prefix).collect();
    let servers = PrefixSet::new(servers?);
    let custom = !servers.is_empty();
    let stated = &mut environment.stated;
    stated.insert("custom-dns".to_owned(), custom.to_string());
    if custom {
        for name in ["custom-dns", "dns-servers"] {
            let addresses = &mut environment.addresses;
            addresses.insert(name.to_owned(), servers.clone());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
