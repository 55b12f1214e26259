//! The finished classes, as the audit asks them: what scope, which terms.

use std::collections::BTreeMap;
use std::net::IpAddr;

use crate::catalogue::AddressTerm;

/// Number of a class in [`Classes`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClassId(pub u32);

/// Where an address lives.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, schemars::JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Scope {
    /// A subnet of the environment, by its index.
    Subnet(u16),
    /// The virtual network outside the known subnets.
    VirtualNetwork,
    /// A peered network.
    Peered,
    /// On-premises space behind a gateway.
    OnPremises,
    /// The platform's own: 168.63.129.16, 169.254.169.254.
    Platform,
    /// Private or special space that the environment does not place.
    Private,
    /// Publicly reachable space, Azure's included.
    Internet,
}

/// Whether a class lies in the addresses of a term.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Membership {
    /// All of it.
    Inside,
    /// None of it.
    Outside,
    /// The term's addresses are not known (a tag without data, a set that the environment does not
    /// state).
    Unknown,
}

/// One class.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Class {
    /// Where it lives.
    pub scope: Scope,
    /// Membership of each term of [`Classes::terms`], per edition of the service tags.
    pub members: Vec<Vec<Membership>>,
}

/// All classes of a run.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Classes {
    /// The terms that the profile's rows use, each once.
    pub terms: BTreeMap<AddressTerm, usize>,
    /// The classes, in a fixed order.
    pub classes: Vec<Class>,
    /// The first address of each class: what holds of it holds of the class, in all that the
    /// address space was cut by.
    pub first: Vec<IpAddr>,
}

impl Classes {
    /// The class of a number.
    pub fn class(&self, id: ClassId) -> &Class {
        &self.classes[id.0 as usize]
    }

    /// Whether `id` lies in `term` in the tags of `edition`, for a requirement of `subnet`.
    pub fn membership(
        &self,
        id: ClassId,
        edition: usize,
        term: &AddressTerm,
        subnet: u16,
    ) -> Membership {
        let class = self.class(id);
        if *term == AddressTerm::SameSubnet {
            return if class.scope == Scope::Subnet(subnet) {
                Membership::Inside
            } else {
                Membership::Outside
            };
        }
        match self.terms.get(term) {
            Some(&index) => class.members[edition][index],
            None => Membership::Unknown,
        }
    }
}
