//! What the logs show of an environment that is stated: which subnets have logged interfaces.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use super::text::list;
use super::{Environment, Subnet};
use crate::net::Mac;
use crate::tally::Interface;

/// How many interfaces of each subnet were logged, which audited subnets have none, and which
/// interfaces are of no subnet: sentences.
pub fn logged(environment: &Environment, interfaces: &BTreeMap<Mac, Interface>) -> Vec<String> {
    let mut said = Vec::new();
    let mut silent = Vec::new();
    for subnet in &environment.subnets {
        let inside: Vec<&Interface> = interfaces
            .values()
            .filter(|interface| is_in(interface, subnet))
            .collect();
        if inside.is_empty() {
            if subnet.audited {
                silent.push(subnet.name.as_str());
            }
            continue;
        }
        let plural = if inside.len() == 1 { "" } else { "s" };
        said.push(format!(
            "subnet {}: {} logged interface{plural}",
            subnet.name,
            inside.len()
        ));
    }
    if !silent.is_empty() {
        said.push(format!(
            "no interface was logged in {}: without logs nothing is proven of an audited subnet",
            list(&silent)
        ));
    }
    let of_none = |address: &IpAddr| {
        let mut subnets = environment.subnets.iter();
        !subnets.any(|subnet| subnet.prefixes.contains(*address))
    };
    let outside: BTreeSet<IpAddr> = interfaces
        .values()
        .flat_map(|interface| &interface.addresses)
        .copied()
        .filter(of_none)
        .collect();
    if !outside.is_empty() {
        let texts: Vec<_> = outside.iter().map(ToString::to_string).collect();
        said.push(format!(
            "interfaces with the addresses {} were logged and are of no subnet here: logs of \
             another network, or subnets that are missing",
            list(&texts)
        ));
    }
    said
}

fn is_in(interface: &Interface, subnet: &Subnet) -> bool {
    let mut addresses = interface.addresses.iter();
    addresses.any(|address| subnet.prefixes.contains(*address))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::PrefixSet;

    #[test]
    fn subnets_are_told_by_what_was_logged_in_them() {
        let subnet = |name: &str, prefix: &str, audited| Subnet {
            name: name.to_owned(),
            prefixes: PrefixSet::parse([prefix]).unwrap(),
            role: String::new(),
            audited,
        };
        let environment = Environment {
            subnets: vec![
                subnet("a", "10.0.0.0/27", true),
                subnet("b", "10.0.0.32/27", true),
                subnet("c", "10.0.0.64/27", false),
            ],
            ..Environment::default()
        };
        let interface = |address: &str| Interface {
            addresses: vec![address.parse().unwrap()],
            ..Interface::default()
        };
        let interfaces = [
            (Mac(1), "10.0.0.4"),
            (Mac(2), "10.0.0.5"),
            (Mac(3), "10.9.0.4"),
        ];
        let interfaces = interfaces
            .into_iter()
            .map(|(mac, address)| (mac, interface(address)))
            .collect();
        let said = logged(&environment, &interfaces);
        assert_eq!(said[0], "subnet a: 2 logged interfaces");
        assert!(said[1].starts_with("no interface was logged in b: "));
        assert!(said[2].contains("10.9.0.4 were logged"));
        assert_eq!(said.len(), 3);
    }
}
