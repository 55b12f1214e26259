//! How profiles write addresses: service tags, `@names`, prefixes; read and printed.

use std::fmt;

use ipnet::{IpNet, IpSubnets, Ipv4Subnets, Ipv6Subnets};

use super::AddressTerm;
use crate::net::prefix::{Family, address};
use crate::net::{PrefixSet, prefix};

/// Longest text that can be an address term.
const MAX_TERM: usize = 128;

/// Base names of the service tags that Azure publishes or once published, in canonical spelling.
const TAGS: &[&str] = &[
    "ActionGroup",
    "ApiManagement",
    "ApplicationInsightsAvailability",
    "AppConfiguration",
    "AppService",
    "AppServiceManagement",
    "AutonomousDevelopmentPlatform",
    "AzureActiveDirectory",
    "AzureActiveDirectoryDomainServices",
    "AzureAdvancedThreatProtection",
    "AzureArcInfrastructure",
    "AzureAttestation",
    "AzureBackup",
    "AzureBotService",
    "AzureCloud",
    "AzureCognitiveSearch",
    "AzureConnectors",
    "AzureContainerAppsService",
    "AzureContainerRegistry",
    "AzureCosmosDB",
    "AzureDatabricks",
    "AzureDataExplorerManagement",
    "AzureDeviceUpdate",
    "AzureDevOps",
    "AzureDigitalTwins",
    "AzureEventGrid",
    "AzureFrontDoor",
    "AzureHealthcareAPIs",
    "AzureInformationProtection",
    "AzureIoTHub",
    "AzureKeyVault",
    "AzureLoadBalancer",
    "AzureLoadTestingInstanceManagement",
    "AzureMachineLearning",
    "AzureMachineLearningInference",
    "AzureManagedGrafana",
    "AzureMonitor",
    "AzureMonitorForSAP",
    "AzureOpenDatasets",
    "AzurePlatformDNS",
    "AzurePlatformIMDS",
    "AzurePlatformLKM",
    "AzureResourceManager",
    "AzureSecurityCenter",
    "AzureSentinel",
    "AzureSignalR",
    "AzureSiteRecovery",
    "AzureSphere",
    "AzureSpringCloud",
    "AzureStack",
    "AzureTrafficManager",
    "AzureUpdateDelivery",
    "AzureVideoAnalyzerForMedia",
    "AzureVirtualDesktop",
    "AzureWebPubSub",
    "BatchNodeManagement",
    "ChaosStudio",
    "CognitiveServicesFrontend",
    "CognitiveServicesManagement",
    "CorpnetPublic",
    "CorpnetSaw",
    "DataFactory",
    "DataFactoryManagement",
    "Dynamics365BusinessCentral",
    "Dynamics365ForMarketingEmail",
    "EOPExternalPublishedIPs",
    "EventHub",
    "GatewayManager",
    "GenevaActions",
    "GuestAndHybridManagement",
    "HDInsight",
    "Internet",
    "LogicApps",
    "LogicAppsManagement",
    "M365ManagementActivityApi",
    "M365ManagementActivityApiWebhook",
    "Marketplace",
    "MicrosoftAzureFluidRelay",
    "MicrosoftCloudAppSecurity",
    "MicrosoftContainerRegistry",
    "MicrosoftDefenderForEndpoint",
    "MicrosoftPurviewPolicyDistribution",
    "OneDsCollector",
    "PowerBI",
    "PowerPlatformInfra",
    "PowerPlatformPlex",
    "PowerQueryOnline",
    "SCCservice",
    "Scuba",
    "ServiceBus",
    "ServiceFabric",
    "Sql",
    "SqlManagement",
    "Storage",
    "StorageMover",
    "StorageSyncService",
    "TrafficManager",
    "VideoIndexer",
    "VirtualNetwork",
    "WindowsAdminCenter",
    "WindowsVirtualDesktop",
];

/// Reads one address as profiles write it.
///
/// A tag is compared without case and underscores (`VIRTUAL_NETWORK` is `VirtualNetwork`); one that
/// is not known is kept as it stands. `@name` is an address set that is no tag; everything else
/// is an address or a prefix.
///
/// # Errors
/// What was expected and found.
pub fn parse_term(text: &str) -> Result<AddressTerm, String> {
    let text = text.trim();
    if text.is_empty() || text.len() > MAX_TERM {
        return Err(format!(
            "expected a service tag, an `@name` or a prefix of 1 to {MAX_TERM} bytes, found {} bytes",
            text.len()
        ));
    }
    if let Some(name) = text.strip_prefix('@') {
        return parse_name(&name.to_lowercase()).ok_or_else(|| {
            format!("expected letters, digits and `-` after `@`, found {text:?}; write such as `@custom-dns`")
        });
    }
    if text == "*" || text.eq_ignore_ascii_case("any") {
        return Ok(AddressTerm::Any);
    }
    if let Some(prefix) = prefix::parse_prefix(text) {
        if text.parse().is_ok_and(|written: IpNet| written != prefix) {
            return Err(format!(
                "expected a prefix, and {text} is an address inside one: {prefix} is the prefix"
            ));
        }
        return Ok(AddressTerm::Prefixes(PrefixSet::new([prefix])));
    }
    parse_tag(text).ok_or_else(|| {
        format!(
            "expected a service tag (`Storage`, `Sql.WestEurope`), an `@name` or a prefix \
             (`10.0.0.0/24`), found {text:?}; check the spelling"
        )
    })
}

/// Whether the base name of a tag (before the region) is one that Azure publishes.
pub fn is_known_tag(tag: &str) -> bool {
    TAGS.contains(&base_of(tag))
}

fn base_of(tag: &str) -> &str {
    tag.split_once('.').map_or(tag, |(base, _)| base)
}

fn parse_name(name: &str) -> Option<AddressTerm> {
    let valid = name.bytes().all(|byte| {
        byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_' | b'.')
    });
    if !valid || !name.starts_with(|first: char| first.is_ascii_alphanumeric()) {
        return None;
    }
    Some(match name {
        "any" | "clients" | "varies" => AddressTerm::Any,
        "same-subnet" => AddressTerm::SameSubnet,
        "vnet-address-space" => AddressTerm::VnetAddressSpace,
        // Subnets that may lie in another virtual network: the environment has to name them.
        "client-subnet" | "geo-peer-subnet" => AddressTerm::Named(name.to_owned()),
        _ => match name.strip_suffix("-subnet") {
            Some(role) => AddressTerm::SubnetRole(role.to_owned()),
            None => AddressTerm::Named(name.to_owned()),
        },
    })
}

fn parse_tag(text: &str) -> Option<AddressTerm> {
    let valid = text
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'));
    if !valid || !text.starts_with(|first: char| first.is_ascii_alphabetic()) {
        return None;
    }
    let folded = fold(base_of(text));
    let Some(base) = TAGS.iter().find(|tag| fold(tag) == folded) else {
        return Some(AddressTerm::ServiceTag(text.to_owned()));
    };
    let region = &text[base_of(text).len()..];
    Some(match (*base, region) {
        ("VirtualNetwork", "") => AddressTerm::VirtualNetwork,
        ("Internet", "") => AddressTerm::Internet,
        ("AzureLoadBalancer", "") => AddressTerm::AzureLoadBalancer,
        _ => AddressTerm::ServiceTag(format!("{base}{region}")),
    })
}

/// A tag without what may differ between spellings.
fn fold(tag: &str) -> String {
    tag.chars()
        .filter(|&letter| letter != '_')
        .map(|letter| letter.to_ascii_lowercase())
        .collect()
}

impl fmt::Display for AddressTerm {
    /// As a profile writes it: `VirtualNetwork`, `@redis-subnet`, `10.0.0.0/24`, `@any`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.pad("@any"),
            Self::VirtualNetwork => f.pad("VirtualNetwork"),
            Self::Internet => f.pad("Internet"),
            Self::AzureLoadBalancer => f.pad("AzureLoadBalancer"),
            Self::VnetAddressSpace => f.pad("@vnet-address-space"),
            Self::SameSubnet => f.pad("@same-subnet"),
            Self::SubnetRole(role) => f.pad(&format!("@{role}-subnet")),
            Self::Named(name) => f.pad(&format!("@{name}")),
            Self::ServiceTag(tag) => f.pad(tag),
            Self::Prefixes(set) => f.pad(&prefixes_text(set)),
        }
    }
}

/// The fewest prefixes that cover the set, host prefixes as bare addresses.
fn prefixes_text(set: &PrefixSet) -> String {
    let mut parts = Vec::new();
    for family in [Family::V4, Family::V6] {
        for &(low, high) in set.ranges(family) {
            parts.extend(subnets(family, low, high).map(|prefix| {
                if prefix.prefix_len() == prefix.max_prefix_len() {
                    prefix.addr().to_string()
                } else {
                    prefix.to_string()
                }
            }));
        }
    }
    parts.join(", ")
}

fn subnets(family: Family, low: u128, high: u128) -> impl Iterator<Item = IpNet> {
    use std::net::IpAddr::{V4, V6};
    match (address(family, low), address(family, high)) {
        (V4(low), V4(high)) => Some(IpSubnets::V4(Ipv4Subnets::new(low, high, 0))),
        (V6(low), V6(high)) => Some(IpSubnets::V6(Ipv6Subnets::new(low, high, 0))),
        _ => None,
    }
    .into_iter()
    .flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn classic_and_modern_spellings_are_one_tag() {
        for text in ["VIRTUAL_NETWORK", "VirtualNetwork", "virtualnetwork"] {
            assert_eq!(parse_term(text), Ok(AddressTerm::VirtualNetwork), "{text}");
        }
        for (text, canonical) in [
            ("APIManagement", "ApiManagement"),
            ("SQL", "Sql"),
            ("storage.WestEurope", "Storage.WestEurope"),
            ("azure_traffic_manager", "AzureTrafficManager"),
            ("NoSuchTag", "NoSuchTag"),
        ] {
            let term = parse_term(text).unwrap();
            assert_eq!(term, AddressTerm::ServiceTag(canonical.to_owned()));
            assert_eq!(is_known_tag(canonical), canonical != "NoSuchTag");
        }
        assert_eq!(parse_term("INTERNET"), Ok(AddressTerm::Internet));
        assert_eq!(
            parse_term("AZURE_LOADBALANCER"),
            Ok(AddressTerm::AzureLoadBalancer)
        );
    }

    #[test]
    fn names_are_sets_roles_or_everything() {
        use AddressTerm::*;
        for (text, term) in [
            ("@any", Any),
            ("*", Any),
            ("@clients", Any),
            ("@varies", Any),
            ("@same-subnet", SameSubnet),
            ("@vnet-address-space", VnetAddressSpace),
            ("@redis-subnet", SubnetRole("redis".to_owned())),
            ("@integration-subnet", SubnetRole("integration".to_owned())),
            ("@client-subnet", Named("client-subnet".to_owned())),
            ("@geo-peer-subnet", Named("geo-peer-subnet".to_owned())),
            ("@custom-dns", Named("custom-dns".to_owned())),
        ] {
            assert_eq!(parse_term(text), Ok(term), "{text}");
        }
    }

    #[test]
    fn what_is_no_address_says_what_is() {
        for bad in [
            "",
            "@",
            "@a b",
            "10.0.0.0/33",
            "10.0.0.5/27",
            "two words",
            "-x",
            "\u{1b}[31m",
        ] {
            assert!(parse_term(bad).is_err(), "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn printed_terms_read_back(text in "\\PC{0,20}|@?[a-z-]{1,12}(-subnet)?|[0-9.]{7,15}/[0-9]{1,2}") {
            if let Ok(term) = parse_term(&text) {
                prop_assert_eq!(parse_term(&term.to_string()), Ok(term));
            }
        }
    }
}
