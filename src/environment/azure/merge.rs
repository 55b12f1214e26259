//! One resource of several documents: the later stands, and where they differ that is said.

use std::collections::BTreeMap;

use super::Azure;
use super::model::{
    AdminRule, AdminStanding, AppGroup, EffectiveRoutes, Interface, Manager, Network, RouteTable,
};
use crate::environment::nsg::Effective;
use crate::environment::rules::{DocumentFault, Nsg};

/// A resource as far as it takes to tell whether two are one.
trait Resource: Clone + PartialEq {
    /// What kind it is, in words.
    const KIND: &'static str;
    /// What it is known by; empty where nothing tells it from others.
    fn key(&self) -> String;
    fn name(&self) -> &str;
    fn file(&self) -> &str;
    /// Whether its document states only parts of it.
    fn is_part(&self) -> bool {
        false
    }
    /// Itself without the places in its document.
    fn bare(&self) -> Self;
}

/// Adds what a document says to what earlier ones did, in the order of the documents.
pub(super) fn add(all: &mut Azure, mut more: Azure) {
    all.nsgs.append(&mut more.nsgs);
    all.effective.append(&mut more.effective);
    all.networks.append(&mut more.networks);
    all.interfaces.append(&mut more.interfaces);
    all.groups.append(&mut more.groups);
    all.route_tables.append(&mut more.route_tables);
    all.effective_routes.append(&mut more.effective_routes);
    all.admin_rules.append(&mut more.admin_rules);
    all.unread_admin_rules.append(&mut more.unread_admin_rules);
    all.admin_rules_seen.append(&mut more.admin_rules_seen);
    all.managers.append(&mut more.managers);
    all.group_members.append(&mut more.group_members);
    all.faults.append(&mut more.faults);
    all.remarks.append(&mut more.remarks);
}

/// Makes one of each resource that several documents state.
pub(super) fn settle(all: &mut Azure) {
    let remarks = &mut all.remarks;
    once(&mut all.nsgs, remarks);
    once(&mut all.effective, remarks);
    once(&mut all.networks, remarks);
    once(&mut all.interfaces, remarks);
    once(&mut all.groups, remarks);
    once(&mut all.route_tables, remarks);
    once(&mut all.effective_routes, remarks);
    once(&mut all.admin_rules, remarks);
    once(&mut all.managers, remarks);
}

fn once<T: Resource>(all: &mut Vec<T>, remarks: &mut Vec<DocumentFault>) {
    let mut kept: Vec<T> = Vec::with_capacity(all.len());
    let mut places: BTreeMap<String, usize> = BTreeMap::new();
    for item in all.drain(..) {
        let key = item.key();
        match places.get(&key).filter(|_| !key.is_empty()) {
            None => {
                places.insert(key, kept.len());
                kept.push(item);
            }
            Some(&at) => {
                let stands = item.is_part() && !kept[at].is_part();
                let (taken, left) = if stands {
                    (kept[at].clone(), item)
                } else {
                    (item, kept[at].clone())
                };
                if taken.bare() != left.bare() {
                    remarks.push(differ(&taken, &left));
                }
                kept[at] = taken;
            }
        }
    }
    *all = without_templates(kept, remarks);
}

/// A template has no IDs: what Azure printed of a resource of the same name stands.
fn without_templates<T: Resource>(all: Vec<T>, remarks: &mut Vec<DocumentFault>) -> Vec<T> {
    let mut printed: BTreeMap<String, Option<usize>> = BTreeMap::new();
    for (at, item) in all
        .iter()
        .enumerate()
        .filter(|(_, item)| !item.key().is_empty())
    {
        let only = printed.entry(item.name().to_lowercase());
        only.and_modify(|only| *only = None).or_insert(Some(at));
    }
    let stand_ins: Vec<Option<usize>> = all
        .iter()
        .map(|item| {
            let nameless = !item.key().is_empty() || item.name().is_empty();
            let found = printed.get(&item.name().to_lowercase()).copied().flatten();
            found.filter(|_| !nameless)
        })
        .collect();
    for (item, stand_in) in all.iter().zip(&stand_ins) {
        if let Some(at) = *stand_in {
            remarks.push(differ(&all[at], item));
        }
    }
    let pairs = all.into_iter().zip(stand_ins);
    pairs
        .filter(|(_, stand_in)| stand_in.is_none())
        .map(|(item, _)| item)
        .collect()
}

fn differ<T: Resource>(taken: &T, left: &T) -> DocumentFault {
    DocumentFault {
        file: left.file().to_owned(),
        path: String::new(),
        detail: format!(
            "its {} {} is left out: {} states it otherwise, and is taken",
            T::KIND,
            taken.name(),
            taken.file()
        ),
    }
}

fn lower(id: &str) -> String {
    id.trim_end_matches('/').to_lowercase()
}

impl Resource for Nsg {
    const KIND: &'static str = "security group";
    fn key(&self) -> String {
        lower(&self.id)
    }
    fn name(&self) -> &str {
        &self.name
    }
    fn file(&self) -> &str {
        &self.file
    }
    fn is_part(&self) -> bool {
        self.rules_only
    }
    fn bare(&self) -> Self {
        let mut bare = self.clone();
        bare.file.clear();
        bare.rules.iter_mut().for_each(|rule| rule.path.clear());
        bare.unread.iter_mut().for_each(|rule| rule.path.clear());
        bare
    }
}

impl Resource for Effective {
    const KIND: &'static str = "listing of the effective rules of";
    fn key(&self) -> String {
        let of = [&self.nsg.subnets[..], &self.nsg.interfaces[..]].concat();
        lower(format!("{} {}", self.nsg.id, of.join(" ")).trim())
    }
    fn name(&self) -> &str {
        &self.nsg.name
    }
    fn file(&self) -> &str {
        &self.nsg.file
    }
    fn bare(&self) -> Self {
        Self {
            nsg: self.nsg.bare(),
            path: String::new(),
        }
    }
}

impl Resource for Network {
    const KIND: &'static str = "virtual network";
    fn key(&self) -> String {
        lower(&self.id)
    }
    fn name(&self) -> &str {
        &self.name
    }
    fn file(&self) -> &str {
        &self.file
    }
    fn is_part(&self) -> bool {
        self.parts_only
    }
    fn bare(&self) -> Self {
        let mut bare = self.clone();
        bare.file.clear();
        bare.subnets
            .iter_mut()
            .for_each(|subnet| subnet.path.clear());
        bare
    }
}

impl Resource for Interface {
    const KIND: &'static str = "network interface";
    fn key(&self) -> String {
        lower(&self.id)
    }
    fn name(&self) -> &str {
        &self.name
    }
    fn file(&self) -> &str {
        &self.file
    }
    fn bare(&self) -> Self {
        Self {
            file: String::new(),
            ..self.clone()
        }
    }
}

impl Resource for AppGroup {
    const KIND: &'static str = "application security group";
    fn key(&self) -> String {
        lower(&self.id)
    }
    fn name(&self) -> &str {
        &self.name
    }
    fn file(&self) -> &str {
        &self.file
    }
    fn bare(&self) -> Self {
        Self {
            file: String::new(),
            ..self.clone()
        }
    }
}

impl Resource for RouteTable {
    const KIND: &'static str = "route table";
    fn key(&self) -> String {
        lower(&self.id)
    }
    fn name(&self) -> &str {
        &self.name
    }
    fn file(&self) -> &str {
        &self.file
    }
    fn is_part(&self) -> bool {
        self.routes_only
    }
    fn bare(&self) -> Self {
        let mut bare = self.clone();
        bare.file.clear();
        bare.routes.iter_mut().for_each(|route| route.path.clear());
        bare
    }
}

impl Resource for EffectiveRoutes {
    const KIND: &'static str = "listing of the effective routes of";
    fn key(&self) -> String {
        lower(&self.interface)
    }
    fn name(&self) -> &str {
        self.interface.rsplit('/').next().unwrap_or_default()
    }
    fn file(&self) -> &str {
        &self.file
    }
    fn bare(&self) -> Self {
        let mut bare = self.clone();
        bare.file.clear();
        bare.path.clear();
        let routes = bare.routes.iter_mut();
        routes.for_each(|one| one.route.path.clear());
        bare
    }
}

impl Resource for Manager {
    const KIND: &'static str = "network manager";
    fn key(&self) -> String {
        lower(&self.id)
    }
    fn name(&self) -> &str {
        &self.name
    }
    fn file(&self) -> &str {
        &self.file
    }
    fn bare(&self) -> Self {
        Self {
            file: String::new(),
            ..self.clone()
        }
    }
}

impl Resource for AdminRule {
    const KIND: &'static str = "security admin rule";
    /// A listing of what is in effect says of no other network that a rule is.
    fn key(&self) -> String {
        match self.standing {
            AdminStanding::Configured => lower(&self.id),
            AdminStanding::Deployed => lower(&format!("{} deployed", self.id)),
            AdminStanding::Effective => lower(&format!("{} in {}", self.id, self.file)),
        }
    }
    fn name(&self) -> &str {
        &self.name
    }
    fn file(&self) -> &str {
        &self.file
    }
    fn bare(&self) -> Self {
        let mut bare = self.clone();
        bare.file.clear();
        bare.path.clear();
        bare
    }
}
