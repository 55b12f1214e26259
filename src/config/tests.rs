use proptest::prelude::*;

use super::*;
use crate::catalogue::AddressTerm;
use crate::environment::text::describe;
use crate::net::{Direction, Protocol};

fn parse(text: &str) -> Result<Config> {
    Config::parse(text, Path::new("nsgaudit.toml"))
}

fn message(text: &str) -> String {
    parse(text).unwrap_err().to_string()
}

/// The complete example of the documentation.
fn example() -> String {
    let docs = include_str!("../../docs/environment.md");
    let start = docs.find("```toml\n").unwrap() + "```toml\n".len();
    docs[start..].split("\n```").next().unwrap().to_owned()
}

#[test]
fn the_documented_example_is_read() {
    let config = parse(&example()).unwrap();
    assert_eq!(config.profile.as_deref(), Some("ise-preview-2019"));
    let environment = config.environment;
    assert_eq!(environment.name, "integration-vnet");
    assert_eq!(environment.source, "nsgaudit.toml");
    let names: Vec<_> = environment
        .subnets
        .iter()
        .map(|subnet| subnet.name.as_str())
        .collect();
    assert_eq!(names, ["LA1", "LA2", "LA3", "LA4", "jumpbox"]);
    assert_eq!(environment.subnets[0].role, "compute");
    assert!(environment.subnets[3].audited && !environment.subnets[4].audited);
    assert_eq!(describe(&environment.peered), "10.30.0.0/16");
    assert_eq!(environment.stated["endpoint"], "internal");
    assert_eq!(environment.stated["request-triggers"], "true");
    assert_eq!(environment.stated["custom-dns"], "true");
    assert_eq!(
        describe(&environment.addresses["custom-dns"]),
        "10.30.0.4/31"
    );
    let [ftp, sftp] = environment.requirements.as_slice() else {
        panic!("{:?}", environment.requirements)
    };
    assert_eq!(
        (ftp.id.as_str(), ftp.ports.to_string().as_str()),
        ("ftp", "21, 50000-50100")
    );
    assert_eq!(ftp.destination, [AddressTerm::Named("partners".to_owned())]);
    assert_eq!(sftp.directions, [Direction::Outbound]);
    assert_eq!(sftp.protocols, [Protocol::TCP]);
    assert_eq!(sftp.source, [AddressTerm::SubnetRole("compute".to_owned())]);
    assert_eq!(sftp.impact_basis, "stated");
}

#[test]
fn a_requirement_is_a_row_of_a_profile() {
    let text = "[[requirement]]\nid = \"Old_Mail\"\ndirection = \"Outbound\"\nports = 25\n\
        destination = [\"@Partners\", \"storage.westeurope\"]\nwhen = { mail-route = \"Provider\" }\n\
        known_destinations = [{ peers = \"192.0.2.7\" }]\nnote = \"see the runbook\"\n";
    let rows = parse(text).unwrap().environment.requirements;
    assert_eq!(
        (rows[0].id.as_str(), rows[0].purpose.as_str()),
        ("Old_Mail", "Old_Mail")
    );
    assert_eq!(
        rows[0].destination,
        [
            AddressTerm::Named("partners".to_owned()),
            AddressTerm::ServiceTag("Storage.westeurope".to_owned())
        ]
    );
    assert_eq!(rows[0].condition.when["mail-route"], "provider");
    assert_eq!(rows[0].known_destinations.len(), 1);
    assert_eq!(rows[0].impact_basis, "none");
    let text = "[[requirement]]\npurpose = \"Mail out (SMTP)\"\ndirection = \"both\"\nports = 25\nimpact = \"none sent\"\n";
    let rows = parse(text).unwrap().environment.requirements;
    assert_eq!(rows[0].id, "mail-out-smtp");
    assert_eq!(rows[0].impact_basis, "stated");
}

#[test]
fn an_empty_file_states_nothing() {
    let config = parse("\u{FEFF}# nothing\n").unwrap();
    assert_eq!(config.profile, None);
    let nothing = Environment {
        source: "nsgaudit.toml".to_owned(),
        ..Environment::default()
    };
    assert_eq!(config.environment, nothing);
}

#[test]
fn subnets_without_an_address_space_are_it() {
    let config =
        parse("[[subnet]]\nname = \"a\"\nprefixes = [\"10.0.0.0/27\", \"fd00::/64\"]\n").unwrap();
    assert_eq!(
        describe(&config.environment.address_space),
        "10.0.0.0/27, fd00::/64"
    );
    assert!(config.environment.subnets[0].audited);
}

#[test]
fn mistakes_are_named_with_their_line() {
    let subnet = |name: &str, prefix: &str| {
        format!("[[subnet]]\nname = \"{name}\"\nprefixes = [\"{prefix}\"]\n")
    };
    let a = subnet("a", "10.0.0.0/27");
    for (text, line, words) in [
        (
            "[virtual-network]\nadress-space = []\n".to_owned(),
            "line 2",
            "unknown field `adress-space`",
        ),
        (
            "[virtual-network\n".to_owned(),
            "line 1",
            "TOML parse error",
        ),
        (
            "[virtual-network]\npeered = [\n  \"10.0.0.0/8\",\n  \"10.0.0.0/40\",\n]\n".to_owned(),
            "line 4",
            "10.0.0.0/40",
        ),
        (
            format!("{a}{}", subnet("A", "10.0.0.32/27")),
            "line 5",
            "rename one",
        ),
        (
            format!("{a}{}", subnet("b", "10.0.0.0/28")),
            "line 5",
            "overlap",
        ),
        (
            subnet("b", "10.0.0.1/28"),
            "line 3",
            "10.0.0.0/28 is the prefix",
        ),
        (
            format!("[virtual-network]\naddress-space = [\"10.1.0.0/16\"]\n{a}"),
            "line 4",
            "outside of the address space",
        ),
        (
            "[service]\n\nendpoint = \"public\"\n".to_owned(),
            "line 3",
            "\"internal\" or \"external\"",
        ),
        ("[service]\nsku = []\n".to_owned(), "line 2", "found array"),
        (
            "[addresses]\nx = [\"y\"]\n".to_owned(),
            "line 2",
            "found \"y\"",
        ),
        (
            "\n[[requirement]]\nid = \"x\"\ndirection = \"in\"\nports = 1\n".to_owned(),
            "line 2",
            "[[requirement]] 1, row `x`: `direction`: expected",
        ),
        (
            "[[requirement]]\nid = \"x\"\ndirection = \"both\"\nports = 70000\n".to_owned(),
            "line 1",
            "found \"70000\"",
        ),
        (
            "[[requirement]]\nid = \"x\"\ndirection = \"both\"\nports = []\n".to_owned(),
            "line 1",
            "`ports`: the list is empty",
        ),
        (
            "[[requirement]]\nid = \"x\"\ndirection = \"both\"\nports = 1\nsource = \"a b\"\n"
                .to_owned(),
            "line 1",
            "`source`: expected a service tag",
        ),
        (
            "[[requirement]]\nid = \"x\"\ndirection = \"both\"\nports = 1\nsource = \"10.20.0.5/27\"\n"
                .to_owned(),
            "line 1",
            "10.20.0.0/27 is the prefix",
        ),
        (
            "[[requirement]]\ndirection = \"both\"\nports = 1\n".to_owned(),
            "line 1",
            "expected an `id`",
        ),
        (
            "[[requirement]]\nid = \"x\"\ndirection = \"both\"\nports = 1\n".repeat(2),
            "line 5",
            "`x` is there twice",
        ),
        (
            "[addresses]\nclients = [\"10.0.0.1\"]\n".to_owned(),
            "line 2",
            "give the set another name",
        ),
    ] {
        let message = message(&text);
        assert!(message.starts_with("nsgaudit.toml: "), "{message}");
        assert!(
            message.contains(line) && message.contains(words),
            "{line} {words}: {message}"
        );
    }
}

#[test]
fn a_quoted_line_cannot_command_the_terminal() {
    assert!(!message("name = \"\u{1b}[2J\"").contains('\u{1b}'));
}

#[test]
fn what_is_written_for_a_first_time_explains_itself() {
    let text = write_toml(
        &Environment::default(),
        "ise",
        &["first\nsecond".to_owned()],
    );
    for words in [
        "# - first second\n",
        "# endpoint = \"internal\"",
        "# [[subnet]]",
        "# [[requirement]]",
        "profile = \"ise\"",
    ] {
        assert!(text.contains(words), "{words}: {text}");
    }
    assert_eq!(parse(&text).unwrap().profile.as_deref(), Some("ise"));
    // Its examples are right once their comment signs are taken away.
    let examples: Vec<_> = text
        .lines()
        .filter(|line| line.contains(" = ") || line.contains('['))
        .map(|line| line.trim_start_matches("# "))
        .collect();
    let config = parse(&examples.join("\n")).unwrap();
    assert_eq!(config.environment.requirements[0].id, "sftp");
    assert_eq!(config.environment.stated["run-history"], "true");
}

#[test]
fn a_file_is_read_from_disk() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("nsgaudit.toml");
    assert!(matches!(Config::read(&path), Err(Error::Read { .. })));
    std::fs::write(&path, "[service]\nprofile = \"x\"\n").unwrap();
    assert_eq!(Config::read(&path).unwrap().profile.as_deref(), Some("x"));
}

fn set(host: u32, length: u8, v6: Option<u128>) -> PrefixSet {
    let v4 = IpNet::new(std::net::Ipv4Addr::from(host).into(), length).unwrap();
    let v6 = v6.map(|v6| IpNet::from(std::net::IpAddr::from(std::net::Ipv6Addr::from(v6))));
    PrefixSet::new([v4].into_iter().chain(v6))
}

fn sets() -> impl Strategy<Value = PrefixSet> {
    (any::<u32>(), 0u8..=32, any::<Option<u128>>())
        .prop_map(|(host, length, v6)| set(host, length, v6))
}

prop_compose! {
    fn environments()(
        name: String, texts in prop::collection::vec(any::<String>(), 4), roles: [bool; 3],
        peered in sets(), on_premises in sets(), keys in prop::collection::btree_map(any::<String>(), sets(), 0..3),
        stated in prop::collection::btree_map(any::<String>(), any::<String>(), 0..3), ports: (u16, u16),
    ) -> Environment {
        let mut environment = Environment {
            name,
            source: "nsgaudit.toml".to_owned(),
            peered,
            on_premises,
            all_private: roles[0],
            addresses: keys.into_iter().map(|(key, set)| (key.to_lowercase(), set)).collect(),
            stated: stated.into_iter().map(|(key, value)| (key.to_lowercase(), value.to_lowercase())).collect(),
            ..Environment::default()
        };
        for (at, audited) in roles.into_iter().enumerate() {
            environment.subnets.push(Subnet {
                name: format!("{at}{}", texts[at]),
                prefixes: set(0x0A00_0000 + (at as u32) * 256, 24 + at as u8, audited.then_some(at as u128)),
                role: texts[at].to_lowercase(),
                audited,
            });
        }
        let subnets = environment.subnets.iter();
        environment.address_space = subnets.fold(PrefixSet::empty(), |space, subnet| space.union(&subnet.prefixes));
        let text = "id = \"x\"\ndirection = \"both\"\nprotocol = \"tcp+udp\"\nports = [1, \"5-9\"]\nsource = [\"*\", \"@a-subnet\", \"@b\"]\n\
            destination = [\"Sql.WestEurope\", \"10.0.0.0/24\", \"fd00::1\", \"Internet\"]";
        let text = format!("{text}\nknown_destinations = [{{ ports = 5, peers = [\"@b\", \"10.0.0.0/30\"], since = \"y\" }}]\n\
            when = {{ sku = \"premium\", \"a b\" = true }}\nnote = \"n\"\nadvice = true\nimpact_basis = \"inferred\"");
        let mut row = toml::from_str::<RowSpec>(&text).unwrap().into_row("x").unwrap();
        row.purpose = format!("p{}", texts[3]);
        row.condition.text.clone_from(&texts[0]);
        row.ports = row.ports.union(&crate::net::PortSet::new([ports]));
        environment.requirements.push(row);
        environment
    }
}

proptest! {
    #[test]
    fn what_is_written_is_read_back(environment in environments(), profile in ".+", remarks: Vec<String>) {
        let text = write_toml(&environment, &profile, &remarks);
        let config = parse(&text).unwrap();
        prop_assert_eq!(config.profile, Some(profile.to_lowercase()));
        prop_assert_eq!(config.environment, environment);
    }

    #[test]
    fn no_text_panics(text: String, at in 0usize..4000, skip in 0usize..4000) {
        let example = example();
        let start: String = example.chars().take(at).collect();
        let end: String = example.chars().skip(skip).collect();
        if let Err(error) = parse(&format!("{start}{text}{end}")) {
            prop_assert!(error.to_string().contains("line "), "{}", error);
        }
    }
}
