//! Subnets of a virtual network: prefixes, and what their delegations and names tell of them.

use std::borrow::Cow;

use super::super::Subnet;
use super::super::text::parse_prefix;
use super::json::{Object, objects};
use crate::net::PrefixSet;

/// Delegations that tell a role.
const ROLES: [(&str, &str); 4] = [
    ("microsoft.logic/integrationserviceenvironments", "compute"),
    ("microsoft.web/hostingenvironments", "ase"),
    ("microsoft.apimanagement", "apim"),
    ("microsoft.sql/managedinstances", "mi"),
];

/// Subnets whose name Azure prescribes, for services that are not audited.
const PLATFORM: [&str; 5] = [
    "azurebastionsubnet",
    "azurefirewallmanagementsubnet",
    "azurefirewallsubnet",
    "gatewaysubnet",
    "routeserversubnet",
];

/// Words in a name that tell a role.
const HINTS: [(&str, &str); 9] = [
    ("redis", "redis"),
    ("rediscache", "redis"),
    ("ase", "ase"),
    ("appserviceenvironment", "ase"),
    ("apim", "apim"),
    ("apimanagement", "apim"),
    ("apimgmt", "apim"),
    ("sqlmi", "mi"),
    ("managedinstance", "mi"),
];

/// Reads the subnets of a virtual network, in the file's order.
pub(super) fn read(vnet: Object<'_>, remarks: &mut Vec<String>) -> Result<Vec<Subnet>, String> {
    objects(vnet.get("subnets"))
        .map(|object| subnet(object, remarks))
        .collect()
}

fn subnet(object: Object<'_>, remarks: &mut Vec<String>) -> Result<Subnet, String> {
    let name = object.text("name").unwrap_or_default();
    let prefixes: Result<Vec<_>, _> = ["addressPrefix", "addressPrefixes"]
        .into_iter()
        .flat_map(|key| object.texts(key))
        .map(|text| parse_prefix(text).map_err(|message| format!("subnet {name:?}: {message}")))
        .collect();
    let (role, audited) = judge(&name, &delegations(object), remarks);
    Ok(Subnet {
        name: name.into_owned(),
        prefixes: PrefixSet::new(prefixes?),
        role: role.to_owned(),
        audited,
    })
}

/// Services that the subnet is delegated to.
fn delegations(object: Object<'_>) -> Vec<Cow<'_, str>> {
    objects(object.get("delegations"))
        .filter_map(|delegation| delegation.text("serviceName"))
        .collect()
}

/// Role, and whether the subnet is audited.
fn judge(
    name: &str,
    delegations: &[Cow<'_, str>],
    remarks: &mut Vec<String>,
) -> (&'static str, bool) {
    if PLATFORM.contains(&name.to_lowercase().as_str()) {
        if name.eq_ignore_ascii_case("GatewaySubnet") {
            remarks.push(
                "there is a GatewaySubnet: on-premises space behind it is not in the file, state \
                 it as `on-premises`"
                    .to_owned(),
            );
        }
        return ("", false);
    }
    if let Some(role) = delegations.iter().find_map(|service| role_of(service)) {
        return (role, true);
    }
    if let Some(service) = delegations.first() {
        let integration = service.eq_ignore_ascii_case("Microsoft.Web/serverFarms");
        remarks.push(format!(
            "subnet {name} is delegated to {service} and not audited; `audited = true` changes that"
        ));
        return (if integration { "integration" } else { "" }, false);
    }
    match hint(name) {
        Some(role) => {
            remarks.push(format!(
                "subnet {name} is taken to have the role `{role}`, from its name alone"
            ));
            (role, true)
        }
        None => ("", true),
    }
}

fn role_of(service: &str) -> Option<&'static str> {
    let service = service.to_lowercase();
    let found = ROLES.iter().find(|(known, _)| {
        let rest = service.strip_prefix(known);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    });
    found.map(|&(_, role)| role)
}

/// The role that a name tells, where all its telling words agree.
fn hint(name: &str) -> Option<&'static str> {
    let lower = name.to_lowercase();
    let words: Vec<_> = lower.split(|c: char| !c.is_ascii_alphabetic()).collect();
    let mut roles = HINTS
        .iter()
        .filter(|(word, _)| words.contains(word))
        .map(|&(_, role)| role);
    let first = roles.next()?;
    roles.all(|role| role == first).then_some(first)
}
