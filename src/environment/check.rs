//! What makes an environment contradict itself.

use std::collections::BTreeMap;

use super::text::describe;
use super::{Environment, Subnet};
use crate::net::PrefixSet;

/// More subnets than Azure lets a virtual network have.
pub const MAX_SUBNETS: usize = 4096;

/// The first contradiction among the subnets of an address space: number of the subnet, and what
/// is wrong with it.
pub fn contradiction(space: &PrefixSet, subnets: &[Subnet]) -> Option<(usize, String)> {
    if subnets.len() > MAX_SUBNETS {
        let message = format!(
            "expected at most {MAX_SUBNETS} subnets, found {}",
            subnets.len()
        );
        return Some((MAX_SUBNETS, message));
    }
    let mut names = BTreeMap::new();
    for (at, subnet) in subnets.iter().enumerate() {
        let name = &subnet.name;
        if subnet.prefixes.is_empty() {
            return Some((
                at,
                format!("subnet {name:?} has no prefix: give it at least one"),
            ));
        }
        if let Some(other) = names.insert(name.to_lowercase(), name) {
            let message = format!(
                "subnet {name:?} has the name of another, {other:?} (case does not count): \
                 rename one"
            );
            return Some((at, message));
        }
        let outside = subnet.prefixes.difference(space);
        if !outside.is_empty() {
            let message = format!(
                "subnet {name:?} has addresses outside of the address space: {} is not in {}",
                describe(&outside),
                describe(space)
            );
            return Some((at, message));
        }
    }
    overlap(subnets)
}

/// The first subnet that shares addresses with another.
fn overlap(subnets: &[Subnet]) -> Option<(usize, String)> {
    let mut taken = PrefixSet::empty();
    for (at, subnet) in subnets.iter().enumerate() {
        if !taken.intersection(&subnet.prefixes).is_empty() {
            let (other, shared) = subnets[..at].iter().find_map(|other| {
                let shared = other.prefixes.intersection(&subnet.prefixes);
                (!shared.is_empty()).then_some((&other.name, shared))
            })?;
            let message = format!(
                "subnets {other:?} and {:?} overlap: both hold {}",
                subnet.name,
                describe(&shared)
            );
            return Some((at, message));
        }
        taken = taken.union(&subnet.prefixes);
    }
    None
}

impl Environment {
    /// Puts what is stated here over what is read or assumed elsewhere: a name, an address space
    /// and a list of subnets replace the other's, peers and on-premises space are added, named
    /// sets, stated facts and requirements are added and win.
    #[must_use]
    pub fn over(self, base: Self) -> Self {
        let mut both = base;
        if !self.name.is_empty() {
            both.name = self.name;
        }
        if !self.source.is_empty() {
            both.source = match both.source.as_str() {
                "" => self.source,
                below => format!("{} over {below}", self.source),
            };
        }
        if !self.subnets.is_empty() {
            both.subnets = self.subnets;
            both.address_space = PrefixSet::empty();
        }
        if !self.address_space.is_empty() {
            both.address_space = self.address_space;
        }
        for subnet in &both.subnets {
            both.address_space = both.address_space.union(&subnet.prefixes);
        }
        both.peered = both.peered.union(&self.peered);
        both.on_premises = both.on_premises.union(&self.on_premises);
        both.all_private |= self.all_private;
        both.addresses.extend(self.addresses);
        both.stated.extend(self.stated);
        both.requirements.extend(self.requirements);
        both
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(texts: &[&str]) -> PrefixSet {
        PrefixSet::parse(texts.iter().copied()).unwrap()
    }

    fn subnet(name: &str, prefixes: &[&str]) -> Subnet {
        Subnet {
            name: name.to_owned(),
            prefixes: set(prefixes),
            role: String::new(),
            audited: true,
        }
    }

    #[test]
    fn contradictions_are_named() {
        let space = set(&["10.20.0.0/24", "fd00::/48"]);
        let a = subnet("a", &["10.20.0.0/27", "fd00::/64"]);
        for (other, message) in [
            (subnet("A", &["10.20.0.32/27"]), "rename one"),
            (subnet("b", &[]), "at least one"),
            (
                subnet("b", &["10.20.1.0/27"]),
                "10.20.1.0/27 is not in 10.20.0.0/24, fd00::/48",
            ),
            (
                subnet("b", &["10.20.0.16/28"]),
                r#""a" and "b" overlap: both hold 10.20.0.16/28"#,
            ),
            (subnet("b", &["fd00::/80"]), "both hold fd00::/80"),
        ] {
            let found = contradiction(&space, &[a.clone(), other]).unwrap();
            assert_eq!(found.0, 1);
            assert!(found.1.contains(message), "{}", found.1);
        }
        let fine = [a, subnet("b", &["10.20.0.32/27", "fd00:0:0:1::/64"])];
        assert_eq!(contradiction(&space, &fine), None);
    }

    #[test]
    fn what_is_stated_lies_over_what_is_read() {
        let read = Environment {
            name: "hub".to_owned(),
            source: "vnet.json".to_owned(),
            address_space: set(&["10.20.0.0/16"]),
            subnets: vec![subnet("a", &["10.20.0.0/27"])],
            peered: set(&["10.30.0.0/16"]),
            ..Environment::default()
        };
        let stated = Environment {
            source: "nsgaudit.toml".to_owned(),
            peered: set(&["10.40.0.0/16"]),
            stated: [("endpoint".to_owned(), "internal".to_owned())].into(),
            ..Environment::default()
        };
        let both = stated.clone().over(read.clone());
        assert_eq!(both.name, "hub");
        assert_eq!(both.source, "nsgaudit.toml over vnet.json");
        assert_eq!(both.subnets, read.subnets);
        assert_eq!(both.address_space, read.address_space);
        assert_eq!(both.peered, set(&["10.30.0.0/16", "10.40.0.0/16"]));
        assert_eq!(both.stated, stated.stated);
    }
}
