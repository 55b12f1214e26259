//! An environment as the documents of Azure state it: groups, networks, interfaces, routes.
//!
//! Nothing is resolved here: tags, application security groups and references between documents
//! stay as they are written. What documents say wrongly is a fault, what is to be known a remark.

use serde_json::Value;

use super::model::{Environment, Subnet};
use super::nsg::Effective;
use super::rules::{DocumentFault, Nsg, UnreadRule};

pub(in crate::environment) mod decode;
pub(in crate::environment) mod node;
pub(in crate::environment) mod template;
pub(in crate::environment) mod walk;

mod admin;
mod compare;
mod folder;
mod interfaces;
mod merge;
mod model;
mod networks;
mod proposed;
mod routes;

pub use folder::read_folder;
pub use model::*;

use node::{Notes, describe};
use walk::{Kind, Walked, walk};

/// All that the documents of an environment say.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Azure {
    /// Network security groups.
    pub nsgs: Vec<Nsg>,
    /// Effective rules, one for each group and level that they were listed for.
    pub effective: Vec<Effective>,
    /// Virtual networks.
    pub networks: Vec<Network>,
    /// Network interfaces.
    pub interfaces: Vec<Interface>,
    /// Application security groups.
    pub groups: Vec<AppGroup>,
    /// Route tables.
    pub route_tables: Vec<RouteTable>,
    /// Security admin rules of network managers.
    pub admin_rules: Vec<AdminRule>,
    /// Security admin rules that are there but could not be read.
    pub unread_admin_rules: Vec<UnreadRule>,
    /// Security admin rules that the effective rules of an interface show: that they are there, and
    /// not all that they do.
    pub admin_rules_seen: Vec<UnreadRule>,
    /// Members of network groups.
    pub group_members: Vec<GroupMember>,
    /// What is not as it should be.
    pub faults: Vec<DocumentFault>,
    /// What is to be known: files that hold nothing of use, documents that differ, host bits.
    pub remarks: Vec<DocumentFault>,
}

impl Azure {
    /// An environment from the documents alone, where nothing else states one: all subnets are audited.
    pub fn environment(&self) -> Environment {
        let mut environment = Environment {
            source: "documents of Azure".to_owned(),
            ..Environment::default()
        };
        for network in &self.networks {
            environment.address_space = environment.address_space.union(&network.space);
            for peering in &network.peerings {
                environment.peered = environment.peered.union(&peering.space);
            }
            for subnet in &network.subnets {
                environment.subnets.push(Subnet {
                    name: subnet.name.clone(),
                    prefixes: subnet.prefixes.clone(),
                    role: String::new(),
                    audited: true,
                });
            }
        }
        environment.subnets.sort();
        environment
    }
}

/// Why a document gives nothing.
enum Refused {
    /// It cannot be read.
    Unread(String),
    /// It holds nothing of use.
    Other(String),
}

/// Reads all that one document says. `file` is what faults and remarks name.
///
/// # Errors
/// It is no JSON, or holds nothing of use: what was expected, what was found.
pub fn parse(json: &[u8], file: &str) -> Result<Azure, String> {
    document(json, file).map_err(|refused| match refused {
        Refused::Unread(message) | Refused::Other(message) => message,
    })
}

fn document(json: &[u8], file: &str) -> Result<Azure, Refused> {
    let document = decode::decode(json)
        .map_err(|message| Refused::Unread(format!("expected {EXPECTED}, but {message}")))?;
    let mut notes = Notes::of(file);
    let walked = walk(&document);
    if walked.found.is_empty() {
        return Err(Refused::Other(nothing(&document, &walked)));
    }
    let (nsgs, effective) = super::nsg::read(&walked, &mut notes);
    let (admin_rules, unread_admin_rules) = admin::read(&walked, &mut notes);
    let admin_rules_seen = admin::seen(&walked);
    let group_members = admin::members(&walked);
    let mut azure = Azure {
        nsgs,
        effective,
        networks: networks::read(&walked, &mut notes),
        interfaces: interfaces::read(&walked, &mut notes),
        groups: interfaces::groups(&walked, file),
        route_tables: routes::read(&walked, &mut notes),
        admin_rules,
        unread_admin_rules,
        admin_rules_seen,
        group_members,
        ..Azure::default()
    };
    general(&walked, &mut notes);
    azure.faults = notes.faults;
    azure.remarks = notes.remarks;
    Ok(azure)
}

const EXPECTED: &str = "security groups, virtual networks, network interfaces, route tables or the \
    like, as `az … list -o json` prints them";

fn nothing(document: &Value, walked: &Walked<'_>) -> String {
    let mut others = walked.others.clone();
    others.sort();
    others.dedup();
    let found = if others.is_empty() {
        describe(document)
    } else {
        super::text::list(&others)
    };
    format!("expected {EXPECTED}, found {found}")
}

/// What is to be said of a document as a whole.
pub(in crate::environment) fn general(walked: &Walked<'_>, notes: &mut Notes) {
    for path in &walked.pages {
        notes.fault(
            path,
            "says that there is more on a further page, which the document lacks",
        );
    }
    for (path, what) in &walked.hidden {
        notes.fault(path, format!("expected resources, found {what}"));
    }
    for (path, names) in &walked.defaults {
        let names = super::text::list(names);
        notes.remark(
            path,
            format!("parameters are taken by their defaults: {names}"),
        );
    }
}

impl Walked<'_> {
    /// The resources of a kind.
    fn of(&self, kind: Kind) -> impl Iterator<Item = &walk::Found<'_>> {
        self.found.iter().filter(move |found| found.kind == kind)
    }
}

#[cfg(test)]
mod tests;
