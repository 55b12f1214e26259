//! What documents say of interfaces, networks, routes and admin rules.

use std::net::IpAddr;

use crate::environment::rules::Side;
use crate::net::{Direction, Mac, PrefixSet, ProtocolSet};

/// A network interface.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Interface {
    /// Resource ID as written; empty where the document has none.
    pub id: String,
    /// Name.
    pub name: String,
    /// The file that states it.
    pub file: String,
    /// MAC address, by which flow logs know it; none before its machine first ran.
    pub mac: Option<Mac>,
    /// Resource ID of its own NSG, if it has one.
    pub nsg: Option<String>,
    /// Resource ID of the private endpoint that it is of, if it is of one.
    pub private_endpoint: Option<String>,
    /// Its addresses.
    pub configurations: Vec<IpConfiguration>,
}

/// An IP configuration of an interface.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct IpConfiguration {
    /// Name.
    pub name: String,
    /// Private address; none where it could not be read.
    pub address: Option<IpAddr>,
    /// Resource ID of its subnet; empty where not said.
    pub subnet: String,
    /// Resource IDs of the application security groups that the address is in.
    pub groups: Vec<String>,
}

/// An application security group.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AppGroup {
    /// Resource ID as written; empty where the document has none.
    pub id: String,
    /// Name.
    pub name: String,
    /// The file that states it.
    pub file: String,
}

/// A virtual network.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Network {
    /// Resource ID as written; empty where the document has none.
    pub id: String,
    /// Name.
    pub name: String,
    /// The file that states it.
    pub file: String,
    /// Its address space.
    pub space: PrefixSet,
    /// Parts of the address space that could not be read.
    pub unknown: Vec<String>,
    /// Its subnets, in the order of the document.
    pub subnets: Vec<NetworkSubnet>,
    /// Its peerings.
    pub peerings: Vec<Peering>,
    /// Custom DNS servers; none where Azure's own are used.
    pub dns_servers: PrefixSet,
    /// Whether the document states subnets or peerings of it but not the network itself.
    pub parts_only: bool,
}

/// A subnet of a virtual network.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NetworkSubnet {
    /// Resource ID as written; empty where the document has none.
    pub id: String,
    /// Name.
    pub name: String,
    /// Its prefixes.
    pub prefixes: PrefixSet,
    /// Prefixes that could not be read.
    pub unknown: Vec<String>,
    /// Resource ID of its NSG, if it has one.
    pub nsg: Option<String>,
    /// Resource ID of its route table, if it has one.
    pub route_table: Option<String>,
    /// Services that it is delegated to.
    pub delegations: Vec<String>,
    /// Services with an endpoint in it.
    pub service_endpoints: Vec<ServiceEndpoint>,
    /// Resource IDs of the private endpoints in it.
    pub private_endpoints: Vec<String>,
    /// Whether NSGs and routes apply to private endpoints in it, as written; empty where not said.
    pub private_endpoint_policies: String,
    /// JSON path in its file.
    pub path: String,
}

/// A service with an endpoint in a subnet.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct ServiceEndpoint {
    /// The service: `Microsoft.Storage`, …
    pub service: String,
    /// The regions that it reaches, `*` for all; none where not said.
    pub locations: Vec<String>,
}

/// A peering of a virtual network.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Peering {
    /// Name.
    pub name: String,
    /// Whether it is connected.
    pub connected: bool,
    /// Resource ID of the other network.
    pub remote: String,
    /// Address space of the other network; empty where not said.
    pub space: PrefixSet,
    /// Whether the other network's gateway is used.
    pub remote_gateway: bool,
}

/// A route table.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RouteTable {
    /// Resource ID as written; empty where the document has none.
    pub id: String,
    /// Name.
    pub name: String,
    /// The file that states it.
    pub file: String,
    /// Its routes, in the order of the document.
    pub routes: Vec<Route>,
    /// Resource IDs of the subnets that use it.
    pub subnets: Vec<String>,
    /// Whether its subnets get no routes that a gateway learned; `None` where not said.
    pub without_learned: Option<bool>,
    /// Whether the document states routes of it but not the table itself.
    pub routes_only: bool,
}

/// A route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// Name.
    pub name: String,
    /// Where it leads to: prefixes, a service tag, or what could not be read. Its ports are empty.
    pub destination: Side,
    /// By what.
    pub next_hop: NextHop,
    /// Address of a virtual appliance.
    pub next_hop_address: Option<IpAddr>,
    /// JSON path in its file.
    pub path: String,
}

/// The routes of an interface as Azure applies them: `az network nic show-effective-route-table`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EffectiveRoutes {
    /// Resource ID of the interface; empty where the listing does not say it, as Azure prints it: then
    /// the file is named after the interface.
    pub interface: String,
    /// The file that states it.
    pub file: String,
    /// The routes that are in force.
    pub routes: Vec<EffectiveRoute>,
    /// Routes that could not be read.
    pub unread: usize,
    /// JSON path in its file.
    pub path: String,
}

/// A route that is in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EffectiveRoute {
    /// The route.
    pub route: Route,
    /// Who states it.
    pub source: RouteSource,
}

/// Who states a route that is in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RouteSource {
    /// The user, in a route table.
    User,
    /// A gateway, which learned it or was given it.
    Gateway,
    /// The system.
    System,
}

/// What a route leads through.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum NextHop {
    /// A gateway of the virtual network.
    Gateway,
    /// The virtual network itself.
    Local,
    /// The internet.
    Internet,
    /// A virtual appliance, such as a firewall.
    Appliance,
    /// A peered virtual network.
    Peering,
    /// A service, by a service endpoint or a private endpoint.
    Endpoint,
    /// Nothing: packets are dropped.
    None,
    /// What could not be read, as written.
    Unknown(String),
}

/// A security admin rule of a network manager: asked before all NSGs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdminRule {
    /// Resource ID as written; empty where the document has none.
    pub id: String,
    /// Name.
    pub name: String,
    /// The file that states it.
    pub file: String,
    /// Resource ID of its rule collection; empty where not said.
    pub collection: String,
    /// Priority: the lowest is asked first.
    pub priority: u32,
    /// What it does with what it matches.
    pub access: AdminAccess,
    /// Direction.
    pub direction: Direction,
    /// Protocols.
    pub protocols: ProtocolSet,
    /// Sources.
    pub source: Side,
    /// Destinations.
    pub destination: Side,
    /// What its document says of whether it is in effect.
    pub standing: AdminStanding,
    /// Resource IDs of the network groups that it applies to, where said.
    pub groups: Vec<String>,
    /// Resource IDs of virtual networks in those groups, where said.
    pub members: Vec<String>,
    /// JSON path in its file.
    pub path: String,
}

/// What a document says of whether a security admin rule is in effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum AdminStanding {
    /// Nothing: the rule is one of a configuration, which may not be deployed.
    #[default]
    Configured,
    /// It is deployed in a region, to the members of its network groups: `az network manager
    /// list-active-security-admin-rule`.
    Deployed,
    /// It is in effect on the virtual network that it is listed for, which the listing does not name:
    /// `az network manager list-effective-security-admin-rule`.
    Effective,
}

/// A network manager, and what it may manage.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Manager {
    /// Resource ID as written.
    pub id: String,
    /// Name.
    pub name: String,
    /// The file that states it.
    pub file: String,
    /// Management groups in its scope.
    pub management_groups: Vec<String>,
    /// Subscriptions in its scope.
    pub subscriptions: Vec<String>,
}

/// A static member of a network group.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct GroupMember {
    /// Resource ID of the network group.
    pub group: String,
    /// Resource ID of the virtual network.
    pub network: String,
}

/// What a security admin rule does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AdminAccess {
    /// NSGs decide.
    Allow,
    /// Let through, whatever NSGs say.
    AlwaysAllow,
    /// Dropped.
    Deny,
}
