//! What Microsoft's text on ISE subnets asks for and an environment does not give: sentences.

use super::text::{describe, list, prefixes};
use super::{Environment, Subnet};
use crate::net::PrefixSet;

/// Spaces that neither the virtual network nor a subnet may use, says the ISE text since 2020.
const FORBIDDEN: [&str; 5] = [
    "0.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "168.63.129.16/32",
    "169.254.169.254/32",
];

/// Remarks on an environment that holds an ISE. What is not known is not remarked upon.
pub fn remarks(environment: &Environment) -> Vec<String> {
    let mut remarks = Vec::new();
    let audited: Vec<&Subnet> = environment
        .subnets
        .iter()
        .filter(|subnet| subnet.audited)
        .collect();
    if audited.len() < 4 {
        remarks.push(count(&audited));
    }
    remarks.extend(audited.iter().filter_map(|subnet| size(subnet)));
    remarks.extend(audited.iter().filter_map(|subnet| name(subnet)));
    remarks.extend(forbidden(environment));
    remarks.extend(overlaps(environment));
    remarks
}

fn count(audited: &[&Subnet]) -> String {
    let found = match audited {
        [] => "none is".to_owned(),
        [one] => format!("only {} is", one.name),
        several => {
            let names: Vec<_> = several.iter().map(|subnet| subnet.name.as_str()).collect();
            format!("only {} are", list(&names))
        }
    };
    format!(
        "an ISE has four subnets, and {found} audited here: requirements between the missing \
         subnets are not judged"
    )
}

/// /28 is too small: each subnet needs 32 addresses.
fn size(subnet: &Subnet) -> Option<String> {
    let whole = prefixes(&subnet.prefixes);
    let v4: Vec<_> = whole
        .iter()
        .filter(|prefix| prefix.addr().is_ipv4())
        .collect();
    let enough = v4.iter().any(|prefix| prefix.prefix_len() <= 27);
    (!v4.is_empty() && !enough).then(|| {
        format!(
            "subnet {} ({}) is smaller than the /27 (32 addresses) that an ISE subnet needs",
            subnet.name,
            describe(&subnet.prefixes)
        )
    })
}

/// The rule for names; subnets that are assumed or read from elsewhere are named by their prefix.
fn name(subnet: &Subnet) -> Option<String> {
    let name = &subnet.name;
    if name.parse::<ipnet::IpNet>().is_ok() {
        return None;
    }
    let start = name.starts_with(|first: char| first.is_alphabetic() || first == '_');
    let clean = !name.contains(['<', '>', '%', '&', '\\', '?', '/']);
    (!start || !clean).then(|| {
        format!(
            "subnet name {name:?} is not what an ISE accepts: it starts with a letter or an \
             underscore, and holds none of < > % & \\ ? /"
        )
    })
}

fn forbidden(environment: &Environment) -> Option<String> {
    let forbidden = PrefixSet::parse(FORBIDDEN).ok()?;
    let mut space = environment.address_space.clone();
    for subnet in &environment.subnets {
        space = space.union(&subnet.prefixes);
    }
    let used = space.intersection(&forbidden);
    (!used.is_empty()).then(|| {
        format!(
            "the virtual network uses {}, in space that an ISE does not work with ({})",
            describe(&used),
            FORBIDDEN.join(", ")
        )
    })
}

fn overlaps(environment: &Environment) -> Vec<String> {
    let spaces = [
        ("the virtual network", &environment.address_space),
        ("its peers", &environment.peered),
        ("on-premises space", &environment.on_premises),
    ];
    let mut found = Vec::new();
    for (first, second) in [(0, 1), (0, 2), (1, 2)] {
        let shared = spaces[first].1.intersection(spaces[second].1);
        if !shared.is_empty() {
            found.push(format!(
                "{} and {} share {}: such addresses are taken to be the former's",
                spaces[first].0,
                spaces[second].0,
                describe(&shared)
            ));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(space: &str, subnets: &[(&str, &str)]) -> Environment {
        let set = |text: &str| PrefixSet::parse(text.split(' ')).unwrap();
        Environment {
            address_space: set(space),
            subnets: subnets
                .iter()
                .map(|&(name, prefixes)| Subnet {
                    name: name.to_owned(),
                    prefixes: set(prefixes),
                    role: String::new(),
                    audited: name != "other",
                })
                .collect(),
            ..Environment::default()
        }
    }

    const FOUR: [(&str, &str); 5] = [
        ("LA1", "10.20.0.0/27"),
        ("LA2", "10.20.0.32/27"),
        ("_LA3", "10.20.0.64/27"),
        ("LA4", "10.20.0.96/27 fd00::/64"),
        ("other", "10.20.0.128/29"),
    ];

    #[test]
    fn four_subnets_of_the_right_size_need_no_remark() {
        assert_eq!(
            remarks(&environment("10.20.0.0/24 fd00::/48", &FOUR)),
            [""; 0]
        );
    }

    #[test]
    fn what_an_ise_does_not_accept_is_said() {
        for (space, subnets, words) in [
            (
                "10.20.0.0/24",
                &FOUR[..3],
                "only LA1, LA2, _LA3 are audited",
            ),
            ("10.20.0.0/24", &[], "none is audited"),
            (
                "10.20.0.0/24",
                &[("a", "10.20.0.0/28")],
                "smaller than the /27",
            ),
            (
                "10.20.0.0/24",
                &[("1a", "10.20.0.0/27")],
                "starts with a letter",
            ),
            (
                "10.20.0.0/24",
                &[("a?", "10.20.0.0/27")],
                "subnet name \"a?\"",
            ),
            (
                "100.64.0.0/24",
                &[("a", "100.64.0.0/27")],
                "uses 100.64.0.0/24",
            ),
            ("168.63.128.0/17", &[], "uses 168.63.129.16/32"),
        ] {
            let remarks = remarks(&environment(space, subnets));
            assert!(
                remarks.iter().any(|remark| remark.contains(words)),
                "{words}: {remarks:?}"
            );
        }
    }

    #[test]
    fn a_peer_in_the_own_space_is_said() {
        let mut environment = environment("10.20.0.0/24", &FOUR[..3]);
        environment.peered = environment.address_space.clone();
        let remarks = remarks(&environment);
        assert!(
            remarks[1].contains("its peers share 10.20.0.0/24"),
            "{remarks:?}"
        );
    }
}
