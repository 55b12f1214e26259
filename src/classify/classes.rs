//! The finished classes, as the audit asks them: what scope, which terms.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use crate::catalogue::AddressTerm;
use crate::net::PrefixSet;
use crate::net::prefix::Family;

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
    /// Which addresses the classes have.
    pub spans: Spans,
}

/// The address space as intervals, each of one class. Shared by clones, for it is long.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Spans {
    /// First address and class of each interval, ascending from 0 on; of IPv4.
    v4: Arc<[(u32, u16)]>,
    /// Of IPv6.
    v6: Arc<[(u128, u16)]>,
}

impl Spans {
    pub(super) fn new(v4: &[(u128, u16)], v6: &[(u128, u16)]) -> Self {
        let short = v4.iter().map(|&(start, class)| (start as u32, class));
        Self {
            v4: short.collect(),
            v6: v6.into(),
        }
    }

    /// First and last address and class of each interval of a family.
    fn of(&self, family: Family) -> impl Iterator<Item = (u128, u128, ClassId)> + '_ {
        let start = move |at: usize| match family {
            Family::V4 => self
                .v4
                .get(at)
                .map(|&(start, class)| (start as u128, class)),
            Family::V6 => self.v6.get(at).copied(),
        };
        (0..).map_while(move |at| {
            let (first, class) = start(at)?;
            let last = start(at + 1).map_or(family.max(), |(next, _)| next - 1);
            Some((first, last, ClassId(class.into())))
        })
    }
}

impl Classes {
    /// The class of a number.
    pub fn class(&self, id: ClassId) -> &Class {
        &self.classes[id.0 as usize]
    }

    /// The addresses of a class.
    pub fn addresses(&self, id: ClassId) -> PrefixSet {
        let mut all = PrefixSet::empty();
        for family in [Family::V4, Family::V6] {
            let own = self.spans.of(family).filter(|&(.., class)| class == id);
            let ranges = own.map(|(first, last, _)| (first, last));
            all = all.union(&PrefixSet::from_ranges(family, ranges));
        }
        all
    }

    /// The classes of which some addresses are in `set` and some are not: none, where the space was
    /// cut by it.
    pub fn cut_by(&self, set: &PrefixSet) -> BTreeSet<ClassId> {
        const INSIDE: u8 = 1;
        const OUTSIDE: u8 = 2;
        let mut marks = vec![0; self.classes.len()];
        for family in [Family::V4, Family::V6] {
            let mut ranges = set.ranges(family);
            for (first, last, class) in self.spans.of(family) {
                while let [(_, end), rest @ ..] = ranges
                    && *end < first
                {
                    ranges = rest;
                }
                marks[class.0 as usize] |= match ranges.first() {
                    Some(&(low, high)) if low <= first && last <= high => INSIDE,
                    Some(&(low, _)) if low <= last => INSIDE | OUTSIDE,
                    _ => OUTSIDE,
                };
            }
        }
        let cut = marks.iter().enumerate();
        cut.filter(|&(_, &mark)| mark == INSIDE | OUTSIDE)
            .map(|(class, _)| ClassId(class as u32))
            .collect()
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
