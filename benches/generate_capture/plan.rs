//! What conversations a capture holds: between whom, over which ports, how they end, and how much
//! is said so that the file becomes as large as was asked for.

use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use hashbrown::HashSet;

use super::conversation::{Conversation, Outcome, Plan};
use super::frame::Wrapping;
use super::logs::network::{
    API_MANAGEMENT, APP_SERVICE_MANAGEMENT, ENTRA, EVENT_HUB, INTERNET, ISE, MONITOR, PLATFORM,
    SQL, STORAGE, SUBNETS,
};
use super::logs::traffic::Rng;
use super::options::Options;
use super::writer::around;

/// 2026-01-05T14:00:00Z, in nanoseconds.
pub(crate) const START: u64 = 1_767_621_600 * SECOND;
pub(crate) const SECOND: u64 = 1_000_000_000;

type Prefixes = &'static [(u32, u32)];

const ON_PREMISES: Prefixes = &[(0x0ac8_0000, 20)];
const PEERED: Prefixes = &[(0x0a1e_0000, 22), (0x0a28_0000, 22)];
/// In the peered hub.
const FIREWALL: u32 = 0x0a1e_0004;

/// Whom a subnet of the ISE talks with.
struct Habit {
    weight: usize,
    peers: Peers,
    ports: &'static [u16],
    outbound: bool,
}

enum Peers {
    Outside(Prefixes),
    Inside,
}

const fn habit(weight: usize, peers: Peers, ports: &'static [u16], outbound: bool) -> Habit {
    Habit {
        weight,
        peers,
        ports,
        outbound,
    }
}

/// Port 0 stands for any.
const HABITS: [Habit; 18] = [
    habit(200, Peers::Outside(&STORAGE), &[443, 443, 443, 80], true),
    habit(120, Peers::Outside(&SQL), &[1433], true),
    habit(120, Peers::Outside(&EVENT_HUB), &[5672], true),
    habit(60, Peers::Outside(&MONITOR), &[443, 443, 1886], true),
    habit(60, Peers::Outside(&ENTRA), &[443, 443, 80], true),
    habit(60, Peers::Outside(&INTERNET), &[443, 443, 80], true),
    habit(40, Peers::Outside(&INTERNET), &[443], false),
    habit(
        50,
        Peers::Outside(&APP_SERVICE_MANAGEMENT),
        &[454, 455],
        false,
    ),
    habit(30, Peers::Outside(&API_MANAGEMENT), &[3443], false),
    habit(90, Peers::Inside, &[6379, 6380, 6381, 6382, 6383], true),
    habit(60, Peers::Inside, &[443, 80], true),
    habit(20, Peers::Outside(ON_PREMISES), &[445], true),
    habit(15, Peers::Outside(ON_PREMISES), &[53], true),
    habit(20, Peers::Outside(ON_PREMISES), &[443], false),
    habit(20, Peers::Outside(PEERED), &[443, 1433, 445], true),
    habit(15, Peers::Outside(PEERED), &[443], false),
    habit(10, Peers::Outside(&INTERNET), &[0, 8080, 25], true),
    habit(10, Peers::Inside, &[0, 22, 3389], true),
];

/// Ports that scanners try.
const SCANNED: [u16; 12] = [
    22, 23, 25, 135, 445, 1433, 3306, 3389, 5900, 6379, 8080, 8443,
];

/// Draws conversations, one after the other in the order of their starts.
#[derive(Debug)]
pub(crate) struct Plans<'a> {
    options: &'a Options,
    rng: Rng,
    /// How many were drawn.
    drawn: u64,
    packets_left: u64,
    bytes_left: u64,
    /// Packets of handshakes, refusals and the like, and how many conversations they were of.
    around: (u64, u64),
    /// Five-tuples that were drawn, as numbers.
    taken: HashSet<u64>,
}

/// Of a thousand conversations, how many exchange data; see [`Plans::outcome`].
const TALKS: u64 = 560;

impl<'a> Plans<'a> {
    pub(crate) fn new(options: &'a Options) -> Self {
        let packets = options.size / (options.mean + around(options.pcapng));
        Self {
            options,
            rng: Rng::new(options.seed),
            drawn: 0,
            packets_left: packets,
            bytes_left: packets * options.mean,
            around: (400, 100),
            taken: HashSet::new(),
        }
    }

    fn outcome(&mut self) -> Outcome {
        let tries = 1 + self.rng.below(4) as u32;
        let side = usize::from(self.rng.below(4) == 0);
        match self.rng.below(1_000) {
            0..120 => Outcome::Dropped(tries),
            120..180 => Outcome::Refused,
            180..210 => Outcome::Prohibited(tries.min(2)),
            210..640 => Outcome::Closed(side),
            640..690 => Outcome::Reset(0),
            690..730 => Outcome::Reset(1),
            730..750 => Outcome::Open,
            750..760 => Outcome::HalfClosed(side),
            760..770 => Outcome::Midstream,
            770..780 => Outcome::Scan(side == 1),
            780..950 => Outcome::Answered,
            950..970 => Outcome::Lost(tries.min(3)),
            _ => Outcome::Ping(tries),
        }
    }

    fn wrapping(&mut self) -> Wrapping {
        let drawn = self.rng.below(1_000);
        match drawn {
            _ if self.options.plain => Wrapping::None,
            0..40 => Wrapping::Vxlan,
            40..80 => Wrapping::Vlan,
            80..88 => Wrapping::QinQ,
            _ => Wrapping::None,
        }
    }

    /// A host of the ISE, the first ones more often than the others.
    fn inside(&mut self) -> u32 {
        SUBNETS[self.rng.below(ISE)].first + 4 + self.rng.skewed(24) as u32
    }

    fn outside(&mut self, prefixes: Prefixes) -> u32 {
        let (first, length) = prefixes[self.rng.skewed(prefixes.len())];
        let room = 1usize << (32 - length);
        first + 1 + self.rng.skewed(room.min(1_024) - 2) as u32
    }

    /// Addresses, and the port that is called.
    fn ends(&mut self, outcome: Outcome) -> ([u32; 2], u16) {
        let host = self.inside();
        match outcome {
            Outcome::Answered | Outcome::Lost(_) => return ([host, PLATFORM], 53),
            Outcome::Ping(_) => return ([host, self.outside(ON_PREMISES)], 0),
            Outcome::Scan(_) => {
                let port = SCANNED[self.rng.below(SCANNED.len())];
                return ([self.outside(&INTERNET), host], port);
            }
            _ => {}
        }
        let all = HABITS.iter().map(|habit| habit.weight).sum();
        let mut drawn = self.rng.below(all);
        let habit = HABITS.iter().find(|habit| {
            let hit = drawn < habit.weight;
            drawn = drawn.wrapping_sub(habit.weight);
            hit
        });
        let habit = habit.unwrap_or(&HABITS[0]);
        let peer = match habit.peers {
            Peers::Outside(prefixes) => self.outside(prefixes),
            // Another host, however the same was drawn.
            Peers::Inside => match self.inside() {
                same if same == host => host ^ 1,
                other => other,
            },
        };
        let port = match habit.ports[self.rng.below(habit.ports.len())] {
            0 => 1_024 + self.rng.below(30_000) as u16,
            port => port,
        };
        let addresses = if habit.outbound {
            [host, peer]
        } else {
            [peer, host]
        };
        (addresses, port)
    }

    /// Ends with a source port that no conversation had before: each row of the truth is then one
    /// conversation of whoever looks at five-tuples only.
    fn fresh_ends(&mut self, outcome: Outcome) -> ([IpAddr; 2], [u16; 2]) {
        loop {
            let (numbers, port) = self.ends(outcome);
            let ipv6 = (self.rng.below(100) as u64) < self.options.ipv6;
            let addresses = numbers.map(|number| address(number, ipv6));
            if let Outcome::Ping(_) = outcome {
                return (addresses, [0; 2]);
            }
            let source_port = 32_768 + self.rng.below(28_000) as u16;
            let [source, destination] = numbers.map(u64::from);
            // Mixed to 64 bits: a collision costs a draw and no more.
            let key = Rng::new(
                (source << 32 | destination)
                    ^ (u64::from(source_port) << 16 | u64::from(port)).wrapping_mul(0x9e37_79b9)
                    ^ u64::from(ipv6) << 63,
            )
            .next();
            if self.taken.insert(key) {
                return (addresses, [source_port, port]);
            }
        }
    }

    /// How many packets of data a talk has and how much they carry, from what is left to be
    /// written and to be begun.
    fn amount(&mut self, outcome: Outcome) -> (u32, u32) {
        if !outcome.talks() {
            return (0, 0);
        }
        let left = self.options.flows - self.drawn + 1;
        let besides = left * self.around.0 / self.around.1;
        let data = self.packets_left.saturating_sub(besides).max(1);
        // A product of three has the mean of an eighth, and some are fifteen times as long.
        let each = (data * 1_000 / TALKS / left).clamp(1, 1 << 20) * 8 * 10 / 24;
        let long = if self.rng.below(10) == 0 { 15 } else { 1 };
        let packets = 1 + long * self.rng.skewed(each as usize + 1) as u64;
        let payload = self.bytes_left.saturating_sub(self.packets_left * 64) / data;
        (packets.min(1 << 24) as u32, payload.min(1_400) as u32)
    }

    fn plan(&mut self) -> Plan {
        let outcome = self.outcome();
        let (addresses, ports) = self.fresh_ends(outcome);
        let (data, payload) = self.amount(outcome);
        let length = self.options.seconds * SECOND;
        let slot = length / self.options.flows;
        let begun = (self.drawn - 1) * slot;
        let jitter = ((u128::from(self.rng.next()) * u128::from(slot)) >> 64) as u64;
        let start = START + begun + jitter;
        // One in ten goes on for much of the rest of the capture.
        let think = if self.rng.below(10) == 0 {
            (length - begun) / (u64::from(data) / 6 + 1)
        } else {
            50_000_000 + self.rng.below(400) as u64 * 1_000_000
        };
        let far = u64::from(addresses.iter().any(|&end| !is_private(end)));
        Plan {
            start,
            addresses,
            ports,
            outcome,
            data,
            payload,
            round_trip: 300_000 + far * 2_000_000 + self.rng.skewed(30_000) as u64 * 1_000,
            pause: think / 2,
            wrapping: self.wrapping(),
            firewall: address(FIREWALL, addresses[0].is_ipv6()),
            seed: self.rng.next(),
        }
    }
}

impl Iterator for Plans<'_> {
    type Item = Conversation;

    fn next(&mut self) -> Option<Conversation> {
        if self.drawn == self.options.flows {
            return None;
        }
        self.drawn += 1;
        let conversation = Conversation::new(self.plan());
        let (packets, bytes) = conversation.cost();
        self.around.0 += packets - u64::from(conversation.plan.data);
        self.around.1 += 1;
        self.packets_left = self.packets_left.saturating_sub(packets);
        self.bytes_left = self.bytes_left.saturating_sub(bytes);
        Some(conversation)
    }
}

fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4.is_private(),
        IpAddr::V6(v6) => v6.is_unique_local(),
    }
}

/// An address of the network, or the IPv6 address that goes with it.
fn address(number: u32, ipv6: bool) -> IpAddr {
    let v4 = Ipv4Addr::from(number);
    if !ipv6 {
        return IpAddr::V4(v4);
    }
    let [a, b, c, d] = v4.octets();
    let low = u16::from_be_bytes([c, d]);
    // Decimal 20 is written as hexadecimal 20.
    let name = u16::from(b / 100) << 8 | u16::from(b / 10 % 10) << 4 | u16::from(b % 10);
    IpAddr::V6(match (a, b) {
        (10, 20) => Ipv6Addr::new(0xfd20, 0x20, 8, low >> 5, 0, 0, 0, low & 31),
        (10, _) => Ipv6Addr::new(0xfd20, name, 0, 0, 0, 0, 0, low),
        _ => Ipv6Addr::new(0x2001, 0xdb8, (number >> 16) as u16, 0, 0, 0, 0, low),
    })
}

/// The network as `nsgaudit.toml`.
pub(crate) fn environment() -> String {
    let mut text = "\
# The network of the generated captures.
[virtual-network]
name = \"vnet-integration\"
address-space = [\"10.20.0.0/16\", \"fd20:20:8::/48\"]
peered = [\"10.30.0.0/16\", \"10.40.0.0/16\", \"fd20:30::/32\", \"fd20:40::/32\"]
on-premises = [\"10.200.0.0/16\", \"fd20:200::/32\"]

[service]
profile = \"ise-preview-2019\"
"
    .to_owned();
    for (number, subnet) in SUBNETS[..ISE].iter().enumerate() {
        let first = Ipv4Addr::from(subnet.first);
        write!(
            text,
            "\n[[subnet]]\nname = \"{}\"\nprefixes = [\"{first}/{}\", \"fd20:20:8:{number}::/64\"]\nrole = \"{}\"\naudited = true\n",
            subnet.name, subnet.length, subnet.role
        )
        .expect("writing to a string does not fail");
    }
    text
}
