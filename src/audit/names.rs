//! Words for what the audit speaks of: places, address terms, prefixes, rules.

use std::net::IpAddr;

use ipnet::{Ipv4Subnets, Ipv6Subnets};

use crate::catalogue::{AddressTerm, Row};
use crate::classify::{Class, ClassId, Classes, Membership, Scope};
use crate::environment::Environment;
use crate::net::prefix::{Family, address};
use crate::net::{Outcome, PrefixSet, Protocol, Timestamp, rule_name};
use crate::tally::{Port, RuleName};

use super::model::RuleCount;

/// Most prefixes that a text lists of one set; the rest is counted.
const PREFIXES_LISTED: usize = 8;

/// A place: a subnet's name, or the scope in words.
pub(crate) fn place(scope: Scope, environment: &Environment) -> String {
    let word = match scope {
        Scope::Subnet(index) => {
            return environment
                .subnets
                .get(index as usize)
                .map_or_else(|| format!("subnet-{index}"), |subnet| subnet.name.clone());
        }
        Scope::VirtualNetwork => "virtual-network",
        Scope::Peered => "peered",
        Scope::OnPremises => "on-premises",
        Scope::Platform => "platform",
        Scope::Private => "private",
        Scope::Internet => "internet",
    };
    word.to_owned()
}

/// A place as fingerprints have it: as [`place`], but a subnet that is called like a scope is none.
pub(crate) fn place_identity(scope: Scope, environment: &Environment) -> String {
    const SCOPES: [Scope; 6] = [
        Scope::VirtualNetwork,
        Scope::Peered,
        Scope::OnPremises,
        Scope::Platform,
        Scope::Private,
        Scope::Internet,
    ];
    let name = place(scope, environment);
    let is_subnet = matches!(scope, Scope::Subnet(_));
    if is_subnet
        && SCOPES
            .iter()
            .any(|&other| place(other, environment) == name)
    {
        return format!("subnet {name}");
    }
    name
}

/// The places of a run, with the service tags ordered once: an endpoint is asked for every group.
pub(crate) struct Places<'a> {
    classes: &'a Classes,
    environment: &'a Environment,
    /// The service tags of each edition: index of the term and name, the most specific first.
    tags: Vec<Vec<(usize, &'a str)>>,
}

impl<'a> Places<'a> {
    /// Orders the tags by how many classes they hold. A tag inside another holds no more classes
    /// than it, so that the order is one of specificity without asking for addresses.
    pub(crate) fn new(classes: &'a Classes, environment: &'a Environment) -> Self {
        let editions = classes
            .classes
            .first()
            .map_or(0, |class| class.members.len());
        let tags = (0..editions)
            .map(|edition| {
                let mut tags: Vec<_> = classes
                    .terms
                    .iter()
                    .filter_map(|(term, &index)| match term {
                        AddressTerm::ServiceTag(tag) => {
                            let classes = classes.classes.iter();
                            let held = classes.filter(|class| holds(class, edition, index));
                            Some((held.count(), index, tag.as_str()))
                        }
                        _ => None,
                    })
                    .collect();
                tags.sort_unstable_by_key(|&(held, _, tag)| (held, tag));
                tags.into_iter()
                    .map(|(_, index, tag)| (index, tag))
                    .collect()
            })
            .collect();
        Self {
            classes,
            environment,
            tags,
        }
    }

    /// An endpoint: its place, with the most specific service tag that the catalogue's rows know.
    pub(crate) fn endpoint(&self, id: ClassId, edition: usize) -> String {
        let class = self.classes.class(id);
        let place = place(class.scope, self.environment);
        if let Scope::Subnet(_) = class.scope {
            return format!("subnet {place}");
        }
        let mut tags = self.tags.get(edition).into_iter().flatten();
        match tags.find(|&&(index, _)| holds(class, edition, index)) {
            Some((_, tag)) => format!("{tag} ({place})"),
            None => place,
        }
    }
}

fn holds(class: &Class, edition: usize, term: usize) -> bool {
    let members = class.members.get(edition);
    members.and_then(|members| members.get(term)) == Some(&Membership::Inside)
}

/// Terms as rows and users write them, joined.
pub(crate) fn terms(terms: &[AddressTerm]) -> String {
    terms.iter().map(term).collect::<Vec<_>>().join(", ")
}

/// One term as rows and users write it.
pub(crate) fn term(term: &AddressTerm) -> String {
    match term {
        AddressTerm::Any => "*".to_owned(),
        AddressTerm::VirtualNetwork => "VirtualNetwork".to_owned(),
        AddressTerm::Internet => "Internet".to_owned(),
        AddressTerm::AzureLoadBalancer => "AzureLoadBalancer".to_owned(),
        AddressTerm::VnetAddressSpace => "@vnet-address-space".to_owned(),
        AddressTerm::SameSubnet => "@same-subnet".to_owned(),
        AddressTerm::SubnetRole(role) => format!("@{role}-subnet"),
        AddressTerm::Named(name) => format!("@{name}"),
        AddressTerm::ServiceTag(tag) => tag.clone(),
        AddressTerm::Prefixes(set) => {
            let all = prefixes(set);
            match all.get(PREFIXES_LISTED..) {
                Some(rest) if !rest.is_empty() => format!(
                    "{} and {} more prefixes",
                    all[..PREFIXES_LISTED].join(", "),
                    rest.len()
                ),
                _ => all.join(", "),
            }
        }
    }
}

/// A set as prefixes, IPv4 first.
pub(crate) fn prefixes(set: &PrefixSet) -> Vec<String> {
    let mut texts = Vec::new();
    for family in [Family::V4, Family::V6] {
        for &(low, high) in set.ranges(family) {
            match (address(family, low), address(family, high)) {
                (IpAddr::V4(low), IpAddr::V4(high)) => {
                    texts.extend(Ipv4Subnets::new(low, high, 0).map(|net| net.to_string()));
                }
                (IpAddr::V6(low), IpAddr::V6(high)) => {
                    texts.extend(Ipv6Subnets::new(low, high, 0).map(|net| net.to_string()));
                }
                _ => {}
            }
        }
    }
    texts
}

/// A row's protocols, `any` where it names none.
pub(crate) fn protocols(row: &Row) -> String {
    if row.protocols.is_empty() {
        return "any".to_owned();
    }
    let names: Vec<_> = row.protocols.iter().map(Protocol::to_string).collect();
    names.join(", ")
}

/// A group's port in words.
pub(crate) fn port(port: Port) -> String {
    match port {
        Port::One(number) => number.to_string(),
        Port::Other => "other ports".to_owned(),
    }
}

/// What holds a rule: the last part of its resource ID, or the ID as logged.
pub(crate) fn holder(rule: &RuleName) -> &str {
    rule_name::holder(&rule.acl)
}

/// Most rules that a sentence lists.
const RULES_LISTED: usize = 5;

/// Who decided, in words: `by rule x of y`, or `as packets show (unanswered)`.
pub(crate) fn by(rules: &[RuleCount]) -> String {
    let logged = rules.iter().filter(|rule| rule.outcome.is_none());
    let logged: Vec<_> = logged
        .map(|rule| rule_words(&rule.nsg, &rule.rule))
        .collect();
    let shown: Vec<_> = rules
        .iter()
        .filter_map(|rule| rule.outcome)
        .map(Outcome::name)
        .collect();
    let mut words = Vec::new();
    if !logged.is_empty() {
        words.push(format!("by {}", first_few(&logged, RULES_LISTED)));
    }
    if !shown.is_empty() {
        words.push(format!("as packets show ({})", shown.join(", ")));
    }
    words.join(", ")
}

/// A rule in words: what to open to change it.
pub(crate) fn rule_words(holder: &str, rule: &str) -> String {
    if rule_name::is_encryption(rule) {
        return "virtual network encryption (no rule decided)".to_owned();
    }
    if rule_name::is_platform(holder, rule) {
        return "the platform (no NSG decided)".to_owned();
    }
    match (holder, rule) {
        ("", "") => "a rule that the log does not name".to_owned(),
        ("", rule) => format!("rule {rule}"),
        (holder, "") => format!("a rule of {holder} that the log does not name"),
        (holder, rule) => format!("rule {rule} of {holder}"),
    }
}

/// An event time in words.
pub(crate) fn time(milliseconds: i64) -> String {
    Timestamp(milliseconds).to_string()
}

/// `1 flow`, `2 flows`.
pub(crate) fn count(number: u64, word: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {word}{plural}")
}

/// The first few of a list, and how many more there are.
pub(crate) fn first_few(list: &[String], few: usize) -> String {
    match list.get(few..) {
        Some(rest) if !rest.is_empty() => {
            format!("{} and {} more", list[..few].join(", "), rest.len())
        }
        _ => list.join(", "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_a_subnet_or_the_narrowest_known_tag_with_its_place() {
        use crate::audit::testing::{COMPUTE, INTERNET, PEERED, STORAGE, classes, environment};
        let (classes, environment) = (classes(), environment());
        let places = Places::new(&classes, &environment);
        let words = [COMPUTE, STORAGE, INTERNET, PEERED].map(|class| places.endpoint(class, 0));
        assert_eq!(
            words,
            ["subnet compute", "Storage (internet)", "internet", "peered"]
        );
    }

    #[test]
    fn sets_print_as_prefixes() {
        let set = PrefixSet::parse(["10.0.1.0/24", "10.0.2.0/24", "10.0.3.0/24", "fd00::/8"]);
        assert_eq!(
            prefixes(&set.unwrap()),
            ["10.0.1.0/24", "10.0.2.0/23", "fd00::/8"]
        );
    }

    #[test]
    fn a_rule_is_named_by_what_to_open() {
        let rule = RuleName {
            acl: "/SUBSCRIPTIONS/S/PROVIDERS/MICROSOFT.NETWORK/NETWORKSECURITYGROUPS/NSG-A".into(),
            rule: "UserRule_Deny".into(),
        };
        assert_eq!(
            rule_words(holder(&rule), &rule.rule),
            "rule UserRule_Deny of NSG-A"
        );
        assert_eq!(
            rule_words("unspecified", "unspecified"),
            "virtual network encryption (no rule decided)"
        );
    }

    #[test]
    fn long_lists_end_in_a_count() {
        let list: Vec<_> = ["a", "b", "c"].map(str::to_owned).into();
        assert_eq!(first_few(&list, 2), "a, b and 1 more");
        assert_eq!(first_few(&list, 3), "a, b, c");
    }
}
