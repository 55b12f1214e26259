//! Whether a flow group is traffic of a requirement's row: yes, no, or not known.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use crate::catalogue::{AddressTerm, KnownPeers, Row};
use crate::classify::{ClassId, Classes, Membership, Scope};
use crate::environment::Environment;
use crate::net::{Direction, PortSet, Protocol};
use crate::tally::{Group, Port};

use super::requirements::{Bound, Standing};

/// How a group relates to a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Match {
    /// It is not the row's traffic.
    No,
    /// The row as written would hold it, but its known peers do not: the row does not need it.
    Beyond,
    /// Only terms whose addresses are not known could hold it.
    Unknown,
    /// It is the row's traffic.
    Yes,
}

/// What matching asks of the world.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Matcher<'a> {
    /// The classes of the run.
    pub(crate) classes: &'a Classes,
    /// The environment.
    pub(crate) environment: &'a Environment,
    /// Roles that all audited subnets are taken to have.
    pub(crate) assumed_roles: &'a BTreeSet<String>,
}

impl Matcher<'_> {
    /// Whether `group`, seen from the requirement's subnet, is traffic of its row.
    ///
    /// The caller has found that the local end lies in the subnet and that the direction is the
    /// requirement's.
    pub(crate) fn matches(&self, bound: &Bound<'_>, group: &Group) -> Match {
        if !protocol_matches(bound.row, group.protocol) || !holds_port(&bound.row.ports, group.port)
        {
            return Match::No;
        }
        let (local, remote) = match bound.direction {
            Direction::Inbound => (group.destination, group.source),
            Direction::Outbound => (group.source, group.destination),
        };
        let local = self.union(local, group.edition, bound.local(), bound.subnet);
        let remote = self.remote(bound, group, remote);
        let both = remote.min(from_membership(local));
        match (bound.standing, both) {
            (Standing::NotApplicable, _) => Match::No,
            (Standing::Possible, Match::Yes) => Match::Unknown,
            _ => both,
        }
    }

    fn remote(&self, bound: &Bound<'_>, group: &Group, remote: ClassId) -> Match {
        let scope = self.classes.class(remote).scope;
        let meant = |term: &&AddressTerm| is_meant(scope, term);
        let (edition, subnet) = (group.edition, bound.subnet);
        let written = bound.remote().iter().filter(meant);
        let wide = self.union(remote, edition, written, subnet);
        let mut known = known_peers(bound, group.port).peekable();
        if known.peek().is_none() {
            return from_membership(wide);
        }
        match self.union(remote, edition, known.filter(meant), subnet) {
            Membership::Outside if wide == Membership::Inside => Match::Beyond,
            membership => from_membership(membership),
        }
    }

    fn union<'t>(
        &self,
        class: ClassId,
        edition: usize,
        terms: impl IntoIterator<Item = &'t AddressTerm>,
        subnet: u16,
    ) -> Membership {
        let mut answer = Membership::Outside;
        for term in terms {
            match self.membership(class, edition, term, subnet) {
                Membership::Inside => return Membership::Inside,
                Membership::Unknown => answer = Membership::Unknown,
                Membership::Outside => {}
            }
        }
        answer
    }

    fn membership(
        &self,
        class: ClassId,
        edition: usize,
        term: &AddressTerm,
        subnet: u16,
    ) -> Membership {
        match term {
            AddressTerm::Any => Membership::Inside,
            AddressTerm::SubnetRole(role) if self.assumed_roles.contains(role) => {
                match self.classes.class(class).scope {
                    Scope::Subnet(index) if self.is_audited(index) => Membership::Inside,
                    _ => Membership::Outside,
                }
            }
            AddressTerm::SubnetRole(role) if !self.may_have_role(class, role) => {
                Membership::Outside
            }
            _ => self.classes.membership(class, edition, term, subnet),
        }
    }

    /// Whether a subnet of a role could hold a class. Which subnet it is may be unknown, but it is
    /// none on the internet, none of the platform's, and none that states another role.
    fn may_have_role(&self, class: ClassId, role: &str) -> bool {
        match self.classes.class(class).scope {
            Scope::Internet | Scope::Platform => false,
            Scope::Subnet(index) => {
                self.environment
                    .subnets
                    .get(index as usize)
                    .is_none_or(|subnet| {
                        subnet.role.is_empty() || subnet.role.eq_ignore_ascii_case(role)
                    })
            }
            _ => true,
        }
    }

    /// The terms of a requirement's remote end whose addresses are not known.
    pub(crate) fn unknown_terms<'b>(&self, bound: &'b Bound<'_>) -> Vec<&'b AddressTerm> {
        let known = known_lists(bound).iter().flat_map(|known| &known.peers);
        let mut terms: Vec<_> = if known.clone().next().is_none() {
            bound.remote().iter().collect()
        } else {
            known.collect()
        };
        let classes = self.classes.classes.len() as u32;
        terms.retain(|term| {
            (0..classes).any(|class| {
                self.membership(ClassId(class), 0, term, bound.subnet) == Membership::Unknown
            })
        });
        terms.dedup();
        terms
    }

    /// Whether a subnet belongs to the audited service.
    pub(crate) fn is_audited(&self, subnet: u16) -> bool {
        self.environment
            .subnets
            .get(subnet as usize)
            .is_some_and(|subnet| subnet.audited)
    }

    /// How specific a matching row is: the least sorts first. By the narrowest of its remote terms
    /// that hold the group, then fewer ports, then the row's name.
    pub(crate) fn specificity(
        &self,
        bound: &Bound<'_>,
        group: &Group,
    ) -> (Reverse<u8>, u32, String) {
        let remote = match bound.direction {
            Direction::Inbound => group.source,
            Direction::Outbound => group.destination,
        };
        let mut known = known_peers(bound, group.port).peekable();
        let written = if known.peek().is_none() {
            bound.remote()
        } else {
            &[]
        };
        let rank = known
            .chain(written)
            .filter(|term| {
                self.membership(remote, group.edition, term, bound.subnet) != Membership::Outside
            })
            .map(rank)
            .max()
            .unwrap_or(0);
        (Reverse(rank), bound.row.ports.len(), bound.name.clone())
    }
}

/// The known peers that a row names for a port in the requirement's direction.
pub(crate) fn known_peers<'b>(
    bound: &'b Bound<'_>,
    port: Port,
) -> impl Iterator<Item = &'b AddressTerm> {
    known_lists(bound)
        .iter()
        .filter(move |known| holds_port(&known.ports, port))
        .flat_map(|known| &known.peers)
}

/// The known peers of a requirement's remote end.
pub(crate) fn known_lists<'b>(bound: &'b Bound<'_>) -> &'b [KnownPeers] {
    match bound.direction {
        Direction::Inbound => &bound.row.known_callers,
        Direction::Outbound => &bound.row.known_destinations,
    }
}

/// Whether the requirement's row lets anyone on the internet call, with no word on who really does.
pub(crate) fn is_open_to_the_internet(bound: &Bound<'_>) -> bool {
    bound.direction == Direction::Inbound
        && known_lists(bound).is_empty()
        && bound
            .remote()
            .iter()
            .any(|term| matches!(term, AddressTerm::Internet | AddressTerm::Any))
}

fn protocol_matches(row: &Row, protocol: Protocol) -> bool {
    row.protocols.is_empty() || row.protocols.contains(&protocol)
}

/// Whether a verdict on the row looks at flows of this protocol: a row that names none is judged on
/// TCP, which is what these services speak.
pub(crate) fn is_judged_on(row: &Row, protocol: Protocol) -> bool {
    if row.protocols.is_empty() {
        protocol == Protocol::TCP
    } else {
        row.protocols.contains(&protocol)
    }
}

fn holds_port(ports: &PortSet, port: Port) -> bool {
    match port {
        Port::One(number) => ports.contains(number),
        Port::Other => ports.is_any(),
    }
}

fn from_membership(membership: Membership) -> Match {
    match membership {
        Membership::Inside => Match::Yes,
        Membership::Unknown => Match::Unknown,
        Membership::Outside => Match::No,
    }
}

/// The platform's addresses belong to `VirtualNetwork` too, but no row means them by that name:
/// only terms that name them count.
fn is_meant(remote: Scope, term: &AddressTerm) -> bool {
    remote != Scope::Platform || rank(term) >= RANK_NAMED
}

/// Rank of the widest terms that name single addresses.
const RANK_NAMED: u8 = 3;

/// How narrow a term is: the greater, the narrower.
fn rank(term: &AddressTerm) -> u8 {
    match term {
        AddressTerm::Any => 0,
        AddressTerm::Internet => 1,
        AddressTerm::VnetAddressSpace | AddressTerm::VirtualNetwork => 2,
        AddressTerm::Named(_) | AddressTerm::SubnetRole(_) | AddressTerm::SameSubnet => RANK_NAMED,
        AddressTerm::ServiceTag(_) | AddressTerm::AzureLoadBalancer | AddressTerm::Prefixes(_) => 4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::requirements::bind;
    use crate::audit::testing::{
        APIM, COMPUTE, CONNECTORS, DESIGNER, INTERNET, PLATFORM, RowBuilder, STORAGE, classes,
        environment, group, profile, row,
    };
    use crate::classify::ClassId;

    fn one(row: RowBuilder, group: &Group) -> Match {
        let (classes, environment) = (classes(), environment());
        let profile = profile(vec![row]);
        let requirements = bind(&profile, &[], &environment);
        let matcher = Matcher {
            classes: &classes,
            environment: &environment,
            assumed_roles: &requirements.assumed_roles,
        };
        requirements
            .bound
            .iter()
            .filter(|bound| bound.subnet == 1 && bound.direction == group.direction)
            .map(|bound| matcher.matches(bound, group))
            .max()
            .unwrap_or(Match::No)
    }

    fn connector_deployment() -> RowBuilder {
        row("connector-deployment")
            .inbound("Internet", "454")
            .callers("454", "AzureConnectors")
    }

    #[test]
    fn known_callers_narrow_a_row_that_is_written_as_internet() {
        let calls = |from: ClassId| group(from, COMPUTE, 454).inbound().build();
        assert_eq!(one(connector_deployment(), &calls(CONNECTORS)), Match::Yes);
        assert_eq!(one(connector_deployment(), &calls(INTERNET)), Match::Beyond);
        assert_eq!(one(connector_deployment(), &calls(DESIGNER)), Match::Beyond);
        assert_eq!(one(connector_deployment(), &calls(APIM)), Match::No);
    }

    #[test]
    fn a_set_that_nobody_states_is_unknown_and_never_everything_or_nothing() {
        let dns = row("dns").outbound("@custom-dns", "53");
        let query = group(COMPUTE, INTERNET, 53).outbound().build();
        assert_eq!(one(dns, &query), Match::Unknown);
    }

    #[test]
    fn a_row_without_protocols_matches_any_and_one_with_them_only_those() {
        let udp = group(COMPUTE, STORAGE, 443).udp().outbound().build();
        assert_eq!(one(row("s").outbound("Storage", "443"), &udp), Match::Yes);
        assert_eq!(
            one(row("s").outbound("Storage", "443").tcp(), &udp),
            Match::No
        );
    }

    #[test]
    fn folded_ports_match_only_rows_of_every_port() {
        let mut folded = group(COMPUTE, APIM, 0).outbound().build();
        folded.port = Port::Other;
        assert_eq!(
            one(row("all").both().ports("*").between_subnets(), &folded),
            Match::Yes
        );
        assert_eq!(
            one(row("web").both().ports("80").between_subnets(), &folded),
            Match::No
        );
    }

    #[test]
    fn a_role_that_nobody_states_is_still_no_place_on_the_internet() {
        let redis = || row("redis").inbound("@@redis", "6379");
        let from = |class: ClassId| group(class, COMPUTE, 6379).inbound().build();
        assert_eq!(one(redis(), &from(INTERNET)), Match::No);
        assert_eq!(one(redis(), &from(APIM)), Match::Unknown);
    }

    #[test]
    fn the_platform_is_meant_only_where_it_is_named() {
        let wire = group(COMPUTE, PLATFORM, 80).outbound().build();
        assert_eq!(
            one(row("web").both().ports("80").between_subnets(), &wire),
            Match::No
        );
        let probe = group(PLATFORM, COMPUTE, 8500).inbound().build();
        assert_eq!(
            one(row("probe").inbound("AzureLoadBalancer", "8500"), &probe),
            Match::Yes
        );
    }
}
