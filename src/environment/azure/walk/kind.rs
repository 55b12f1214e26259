//! What a resource is: by its type, its ID, or the fields that it has.

use super::super::node::{Node, field};

/// The provider of all that is of use here.
const NETWORK: &str = "microsoft.network/";

/// What an object is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::environment) enum Kind {
    Nsg,
    Rule,
    DefaultRule,
    Effective,
    /// What `az network watcher show-security-group-view` prints.
    View,
    Network,
    Subnet,
    Peering,
    Interface,
    Group,
    RouteTable,
    Route,
    /// A listing of effective routes that names its interface.
    EffectiveRoutes,
    /// An effective route by itself, as `az network nic show-effective-route-table` prints them.
    EffectiveRoute,
    AdminRule,
    /// A network manager.
    Manager,
    /// A static member of a network group.
    GroupMember,
    Deployment,
    /// A resource that is of no use here: its type.
    Other(String),
    /// No resource.
    None,
}

/// Types by kind.
const TYPES: [(&str, Kind); 14] = [
    ("microsoft.network/networksecuritygroups", Kind::Nsg),
    (
        "microsoft.network/networksecuritygroups/securityrules",
        Kind::Rule,
    ),
    (
        "microsoft.network/networksecuritygroups/defaultsecurityrules",
        Kind::DefaultRule,
    ),
    ("microsoft.network/virtualnetworks", Kind::Network),
    ("microsoft.network/virtualnetworks/subnets", Kind::Subnet),
    (
        "microsoft.network/virtualnetworks/virtualnetworkpeerings",
        Kind::Peering,
    ),
    ("microsoft.network/networkinterfaces", Kind::Interface),
    ("microsoft.network/applicationsecuritygroups", Kind::Group),
    ("microsoft.network/routetables", Kind::RouteTable),
    ("microsoft.network/routetables/routes", Kind::Route),
    (
        "microsoft.network/networkmanagers/securityadminconfigurations/rulecollections/rules",
        Kind::AdminRule,
    ),
    ("microsoft.network/networkmanagers", Kind::Manager),
    (
        "microsoft.network/networkmanagers/networkgroups/staticmembers",
        Kind::GroupMember,
    ),
    ("microsoft.resources/deployments", Kind::Deployment),
];

impl Kind {
    /// What an object is; `parent` is the type of the resource that it stands in.
    pub(super) fn of(node: &Node<'_>, parent: &str) -> Self {
        if field(node.value, "effectiveSecurityRules").is_some() {
            return Self::Effective;
        }
        if field(node.value, "securityRuleAssociations").is_some() {
            return Self::View;
        }
        let text = node
            .own("type")
            .map(|kind| node.scope.name(kind.value.as_str().unwrap_or_default()));
        let mut name = text.unwrap_or_default().to_ascii_lowercase();
        // A resource in another says only the rest of its type.
        if !name.is_empty() && !parent.is_empty() && !name.contains('.') {
            name = format!("{parent}/{name}");
        }
        if name.contains('/') {
            return Self::of_type(&name);
        }
        let id = node.own("id").and_then(|id| id.value.as_str());
        match id.and_then(id_kind) {
            Some(name) => Self::of_type(&name),
            None => Self::of_fields(node),
        }
    }

    fn of_type(name: &str) -> Self {
        let known = TYPES.iter().find(|(known, _)| *known == name);
        known.map_or_else(
            || Self::Other(super::super::node::shown(name)),
            |(_, kind)| kind.clone(),
        )
    }

    /// `PowerShell` and examples give no type, and IDs may be replaced by other texts.
    fn of_fields(node: &Node<'_>) -> Self {
        let has = |key| node.get(key).is_some();
        if has("securityRules") || has("defaultSecurityRules") {
            Self::Nsg
        } else if has("addressSpace") {
            Self::Network
        } else if has("ipConfigurations") && (has("macAddress") || has("enableIPForwarding")) {
            Self::Interface
        } else if has("routes") && (has("disableBgpRoutePropagation") || has("subnets")) {
            Self::RouteTable
        } else if has("networkInterface") && has("value") {
            Self::EffectiveRoutes
        } else if has("nextHopType") && has("source") && has("state") {
            Self::EffectiveRoute
        } else if has("access") && has("direction") && (has("sources") || has("destinations")) {
            Self::AdminRule
        } else if has("access") && has("direction") && has("priority") {
            Self::Rule
        } else {
            Self::None
        }
    }

    /// The type, in lower case; empty for what is none.
    pub(super) fn type_name(&self) -> &'static str {
        TYPES
            .iter()
            .find(|(_, kind)| kind == self)
            .map_or("", |(name, _)| name)
    }
}

/// The type that an ID tells, in lower case: `microsoft.network/virtualnetworks/subnets`.
fn id_kind(id: &str) -> Option<String> {
    let lower = id.to_ascii_lowercase();
    let at = lower.rfind(NETWORK)?;
    let mut name = NETWORK.trim_end_matches('/').to_owned();
    for kind in lower[at + NETWORK.len()..].split('/').step_by(2) {
        if kind.is_empty() {
            break;
        }
        name.push('/');
        name.push_str(kind);
    }
    name.contains('/').then_some(name)
}

/// The last name of an ID.
pub(in crate::environment) fn id_name(id: &str) -> &str {
    id.trim_end_matches('/')
        .rsplit('/')
        .next()
        .unwrap_or_default()
}

/// The ID of the resource that a rule, subnet or route belongs to.
pub(in crate::environment) fn id_parent(id: &str) -> Option<&str> {
    let (rest, _) = id.trim_end_matches('/').rsplit_once('/')?;
    let (parent, _) = rest.rsplit_once('/')?;
    parent.contains('/').then_some(parent)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_tell_type_name_and_parent() {
        let id = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Network/virtualNetworks/v/subnets/a/";
        assert_eq!(
            id_kind(id).unwrap(),
            "microsoft.network/virtualnetworks/subnets"
        );
        assert_eq!(id_name(id), "a");
        assert_eq!(
            id_parent(id).unwrap(),
            "/subscriptions/s/resourceGroups/g/providers/Microsoft.Network/virtualNetworks/v"
        );
        assert_eq!(id_kind("x/y"), None);
    }
}
