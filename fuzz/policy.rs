//! Contracts, and what is made of documents of Azure beyond reading them: levels and routes.

use std::sync::LazyLock;

use nsgaudit::environment::azure::{self, Azure};
use nsgaudit::environment::{ServiceTags, TagEdition};
use nsgaudit::net::{Direction, PrefixSet, Timestamp};
use nsgaudit::policy::contract::{self, Property};
use nsgaudit::policy::network::Network;

/// Two tags, one within the other.
static TAGS: LazyLock<ServiceTags> = LazyLock::new(|| {
    let prefix = |text: &str| vec![text.parse().expect("a prefix")];
    let tags = [
        ("Storage".to_owned(), prefix("20.60.0.0/16")),
        ("Storage.WestEurope".to_owned(), prefix("20.60.4.0/22")),
    ];
    ServiceTags {
        editions: vec![TagEdition::new(Timestamp(0), "fuzz", tags)],
    }
});

/// A network to prove contracts of.
static WORLD: LazyLock<Azure> = LazyLock::new(|| {
    let document = br#"[{"id": "/v", "name": "v", "addressSpace": {"addressPrefixes": ["10.0.0.0/16"]},
        "subnets": [{"id": "/v/subnets/a", "name": "a", "addressPrefix": "10.0.0.0/24",
            "networkSecurityGroup": {"id": "/n"}}]},
        {"id": "/n", "name": "n", "securityRules": [{"name": "web", "priority": 100, "access": "Allow",
            "direction": "Inbound", "protocol": "Tcp", "sourceAddressPrefix": "*", "sourcePortRange": "*",
            "destinationAddressPrefix": "10.0.0.4", "destinationPortRange": "443"}]}]"#;
    azure::parse(document, "world").expect("a network")
});

/// Contracts: no text panics; mistakes are in the text; what is read prints as what reads the same, and
/// can be proved.
pub(crate) fn contracts(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    match contract::parse(text) {
        Err(mistakes) => {
            assert!(!mistakes.is_empty());
            for mistake in mistakes {
                assert!((1..=text.lines().count()).contains(&mistake.line));
            }
        }
        Ok(properties) => {
            let environment = WORLD.environment();
            let network = Network::new(&WORLD, &environment, &TAGS, 0);
            for property in properties.iter().take(4) {
                let again = contract::parse(&property.to_string()).expect("what was printed");
                let line = property.line;
                let again: Vec<_> = again
                    .into_iter()
                    .map(|one| Property { line, ..one })
                    .collect();
                assert_eq!(again, std::slice::from_ref(property));
                contract::prove(property, &network);
            }
        }
    }
}

/// Levels and routes of any documents: no panic, each address in one place, and with one route.
pub(crate) fn routing(bytes: &[u8]) {
    let Ok(azure) = azure::parse(bytes, "fuzz") else {
        return;
    };
    let environment = azure.environment();
    let network = Network::new(&azure, &environment, &TAGS, 0);
    let routing = network.routing();
    for subnet in environment.subnets.iter().take(8) {
        for direction in [Direction::Inbound, Direction::Outbound] {
            let places = network.places(&subnet.prefixes, direction);
            disjoint(
                &subnet.prefixes,
                places.iter().map(|place| &place.addresses),
            );
        }
        let first = subnet.prefixes.first();
        let Some(Some(Ok(routes))) = first.map(|first| routing.of(first)) else {
            continue;
        };
        let everything = PrefixSet::any();
        let parts = routes.parts(&everything);
        disjoint(&everything, parts.iter().map(|part| &part.addresses));
        for part in &parts {
            let first = part.addresses.first().expect("no part is empty");
            let one = routes.of(first);
            assert_eq!((one.route, &one.doubts), (part.route, &part.doubts));
        }
    }
}

/// Parts that have no address in common make up a set.
fn disjoint<'p>(whole: &PrefixSet, parts: impl Iterator<Item = &'p PrefixSet>) {
    let mut all = PrefixSet::empty();
    for part in parts {
        assert!(all.intersection(part).is_empty());
        all = all.union(part);
    }
    assert_eq!(all, *whole);
}
