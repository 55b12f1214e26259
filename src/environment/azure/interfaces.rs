//! Network interfaces and application security groups.

use super::model::{AppGroup, Interface, IpConfiguration};
use super::node::{Content, Items, Node, Notes};
use super::walk::{Kind, Walked, id_name};
use crate::net::Mac;

/// Reads all interfaces.
pub(super) fn read(walked: &Walked<'_>, notes: &mut Notes) -> Vec<Interface> {
    let found = walked.of(Kind::Interface);
    found.map(|found| interface(&found.node, notes)).collect()
}

/// Reads all application security groups.
pub(super) fn groups(walked: &Walked<'_>, file: &str) -> Vec<AppGroup> {
    let found = walked.of(Kind::Group);
    found
        .map(|found| {
            let (id, name) = id_and_name(&found.node);
            AppGroup {
                id,
                name,
                file: file.to_owned(),
            }
        })
        .collect()
}

/// ID and name of a resource; the name is in the ID too.
pub(super) fn id_and_name(node: &Node<'_>) -> (String, String) {
    let id = node.word("id");
    let name = node.name("name").unwrap_or_else(|| id_name(&id).to_owned());
    (id, name)
}

fn interface(node: &Node<'_>, notes: &mut Notes) -> Interface {
    let (id, name) = id_and_name(node);
    let mac = node.leaf("macAddress").and_then(|leaf| {
        let mac = match &leaf.content {
            Content::Text(text) => Mac::parse(text.as_bytes()),
            _ => None,
        };
        if mac.is_none() {
            let found = leaf.found();
            notes.fault(&leaf.path, format!("expected a MAC address, found {found}"));
        }
        mac
    });
    let configurations = match node.items("ipConfigurations") {
        Items::Absent => Vec::new(),
        Items::List(items) => items
            .iter()
            .map(|item| configuration(item, notes))
            .collect(),
        Items::Unread(path, found) => {
            notes.fault(&path, format!("expected IP configurations, found {found}"));
            Vec::new()
        }
    };
    Interface {
        id,
        name,
        file: notes.file.clone(),
        mac,
        nsg: node.reference("networkSecurityGroup"),
        private_endpoint: node.reference("privateEndpoint"),
        configurations,
    }
}

fn configuration(node: &Node<'_>, notes: &mut Notes) -> IpConfiguration {
    let address = node.leaf("privateIPAddress").and_then(|leaf| {
        let address = match &leaf.content {
            Content::Text(text) => text.parse().ok(),
            _ => None,
        };
        match &leaf.content {
            Content::Unknown(text) => {
                notes.remark(&leaf.path, format!("{text} is known to a deployment only"));
            }
            _ if address.is_none() => {
                let found = leaf.found();
                notes.fault(&leaf.path, format!("expected an address, found {found}"));
            }
            _ => {}
        }
        address
    });
    IpConfiguration {
        name: node.word("name"),
        address,
        subnet: node.reference("subnet").unwrap_or_default(),
        groups: node.references("applicationSecurityGroups"),
    }
}
