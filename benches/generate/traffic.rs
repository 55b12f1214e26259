//! The traffic: what flows, how often, and what became of it.

use super::network::{
    API_MANAGEMENT, APP_SERVICE_MANAGEMENT, CONNECTORS, ENTRA, EVENT_HUB, INTERNET, ISE,
    LOGIC_APPS_MANAGEMENT, MONITOR, Network, Nic, ON_PREMISES, PLATFORM, SQL, STORAGE,
};
use super::options::Options;

/// Splitmix64: small, seeded, good enough.
#[derive(Debug, Clone)]
pub(crate) struct Rng(u64);

impl Rng {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    /// Below `end`.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        (((self.next() >> 32) * end as u64) >> 32) as usize
    }

    /// Below `end`, small numbers far more often: a long tail.
    pub(crate) fn skewed(&mut self, end: usize) -> usize {
        let one = self.below(end) as u64;
        let two = self.below(end) as u64;
        let three = self.below(end) as u64;
        (one * two / end as u64 * three / end as u64) as usize
    }

    fn permille(&mut self, chance: u64) -> bool {
        (self.below(1_000) as u64) < chance
    }
}

/// One tuple to be written.
#[expect(
    clippy::struct_excessive_bools,
    reason = "a tuple's letters, each its own"
)]
#[derive(Debug, Clone, Copy)]
pub(crate) struct Flow {
    /// Milliseconds since the epoch.
    pub(crate) time: i64,
    pub(crate) source: u32,
    pub(crate) destination: u32,
    /// Whether both addresses are of the IPv6 subnet.
    pub(crate) ipv6: bool,
    pub(crate) source_port: u16,
    pub(crate) destination_port: u16,
    pub(crate) udp: bool,
    pub(crate) outbound: bool,
    pub(crate) denied: bool,
    /// `B`, `C` or `E`.
    pub(crate) state: u8,
    pub(crate) packets: [u64; 2],
    pub(crate) bytes: [u64; 2],
    pub(crate) rule: usize,
}

/// Rules, as Azure logs them.
pub(crate) const RULES: [&str; 16] = [
    "DefaultRule_AllowInternetOutBound",
    "DefaultRule_AllowVnetOutBound",
    "DefaultRule_AllowVnetInBound",
    "DefaultRule_DenyAllInBound",
    "UserRule_AllowStorageOut",
    "UserRule_AllowSqlOut",
    "UserRule_AllowEventHubOut",
    "UserRule_AllowManagementIn",
    "UserRule_AllowApiManagementIn",
    "UserRule_AllowConnectorsIn",
    "UserRule_AllowHttpsIn",
    "DefaultRule_AllowAzureLoadBalancerInBound",
    "UserRule_hardening-2026-01",
    "UserRule_allow-ssh-any",
    "UserRule_DenyLateral",
    "UserRule_AllowMonitorOut",
];
const HARDENING: usize = 12;

/// What an interface of the ISE does: how often (in thousandths), whom with, over which port.
struct Habit {
    weight: usize,
    peers: &'static [(u32, u32)],
    ports: &'static [u16],
    outbound: bool,
    rule: usize,
}

const fn habit(
    weight: usize,
    peers: &'static [(u32, u32)],
    ports: &'static [u16],
    outbound: bool,
    rule: usize,
) -> Habit {
    Habit {
        weight,
        peers,
        ports,
        outbound,
        rule,
    }
}

const HABITS: [Habit; 14] = [
    habit(220, &STORAGE, &[443, 443, 443, 80], true, 4),
    habit(120, &SQL, &[1433], true, 5),
    habit(140, &EVENT_HUB, &[5672], true, 6),
    habit(60, &MONITOR, &[443], true, 15),
    habit(20, &MONITOR, &[1886], true, 0),
    habit(60, &ENTRA, &[443, 443, 80], true, 0),
    habit(60, &INTERNET, &[443, 443, 80], true, 0),
    habit(30, &APP_SERVICE_MANAGEMENT, &[454, 455], false, 7),
    habit(20, &API_MANAGEMENT, &[3443], false, 8),
    habit(20, &CONNECTORS, &[454], false, 9),
    habit(15, &LOGIC_APPS_MANAGEMENT, &[454], false, 9),
    habit(40, &INTERNET, &[443], false, 10),
    habit(35, &[(PLATFORM, 32)], &[443, 6390, 16001], false, 11),
    habit(30, &ON_PREMISES, &[443], false, 2),
];
/// Ports between the ISE's subnets.
const INNER_PORTS: [u16; 8] = [443, 80, 6379, 6380, 6381, 6382, 6383, 443];
/// Ports that scanners try.
const SCANNED: [u16; 16] = [
    22, 23, 25, 80, 110, 135, 139, 445, 1433, 3306, 3389, 5060, 5900, 6379, 8080, 8443,
];

/// What was written, in all.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Truth {
    pub(crate) tuples: u64,
    pub(crate) flows: u64,
    pub(crate) packets: [u64; 2],
    pub(crate) bytes: [u64; 2],
    pub(crate) denied: u64,
    pub(crate) incident: u64,
    pub(crate) incident_first: Option<i64>,
}

impl Truth {
    pub(crate) fn json(&self) -> String {
        let first = self
            .incident_first
            .map_or("null".to_owned(), |first| first.to_string());
        format!(
            "{{\"tuples\":{},\"flows\":{},\"packets\":[{},{}],\"bytes\":[{},{}],\"denied\":{},\"incident_denied\":{},\"incident_first_ms\":{first}}}\n",
            self.tuples,
            self.flows,
            self.packets[0],
            self.packets[1],
            self.bytes[0],
            self.bytes[1],
            self.denied,
            self.incident
        )
    }
}

/// Makes flows.
#[derive(Debug)]
pub(crate) struct Traffic<'a> {
    options: &'a Options,
    network: &'a Network,
    rng: Rng,
    truth: Truth,
    hostile: u64,
}

impl<'a> Traffic<'a> {
    pub(crate) fn new(options: &'a Options, network: &'a Network) -> Self {
        Self {
            options,
            network,
            rng: Rng::new(options.seed),
            truth: Truth::default(),
            hostile: 0,
        }
    }

    pub(crate) fn truth(&self) -> Truth {
        self.truth
    }

    /// Counts a flow that was written.
    pub(crate) fn count(&mut self, flow: &Flow, v1: bool) {
        let truth = &mut self.truth;
        truth.tuples += 1;
        truth.flows += u64::from(v1 || flow.state == b'B');
        truth.denied += u64::from(flow.denied);
        if !v1 {
            for side in 0..2 {
                truth.packets[side] += flow.packets[side];
                truth.bytes[side] += flow.bytes[side];
            }
        }
        if flow.rule == HARDENING {
            truth.incident += 1;
            truth.incident_first = Some(
                truth
                    .incident_first
                    .map_or(flow.time, |first| first.min(flow.time)),
            );
        }
    }

    /// The tuples of one minute of an interface, until `enough` says so.
    pub(crate) fn minute(
        &mut self,
        nic: usize,
        minute: i64,
        enough: impl Fn(usize) -> bool,
        flows: &mut Vec<Flow>,
    ) {
        flows.clear();
        let start = (self.options.start * 60 + minute) * 60_000;
        if self.options.extras {
            self.extras(nic, minute, start, flows);
        }
        if let (0, Some((second, port))) = (
            nic,
            self.options
                .incident
                .filter(|&(second, _)| second / 60 == minute),
        ) {
            // The first flow that the incident hits.
            let habit = HABITS
                .iter()
                .find(|habit| habit.outbound && habit.ports.contains(&port))
                .unwrap_or(&HABITS[0]);
            let first = self.by_habit(habit, self.network.nics[nic], start + second % 60 * 1_000);
            self.denied(
                Flow {
                    destination_port: port,
                    ..first
                },
                flows,
            );
        }
        while !enough(flows.len()) {
            let time = start + self.rng.below(60_000) as i64;
            self.flow(self.network.nics[nic], time, flows);
        }
    }

    fn flow(&mut self, nic: Nic, time: i64, flows: &mut Vec<Flow>) {
        if self.options.hostile {
            return flows.push(self.hostile_flow(time));
        }
        if self.rng.permille(self.options.scan) {
            return flows.push(self.scan(nic, time));
        }
        let habit = self.habit(nic);
        let mut flow = match habit {
            Some(habit) => self.by_habit(&HABITS[habit], nic, time),
            None => self.inner(nic, time),
        };
        if self.rng.permille(self.options.ipv6) {
            (flow.ipv6, flow.rule) = (true, 1);
        }
        let since = self
            .options
            .incident
            .map(|(second, port)| (self.options.start * 3_600_000 + second * 1_000, port));
        let hit = |(first, port): (i64, u16)| {
            flow.outbound && !flow.ipv6 && flow.destination_port == port && flow.time >= first
        };
        if nic.subnet < ISE && since.is_some_and(hit) {
            self.denied(flow, flows);
        } else {
            flows.push(self.in_some_state(flow));
        }
    }

    /// The incident: denied, and tried again once or twice.
    fn denied(&mut self, mut flow: Flow, flows: &mut Vec<Flow>) {
        (flow.denied, flow.rule, flow.state) = (true, HARDENING, b'B');
        for _ in 0..=self.rng.below(3) {
            flows.push(flow);
            flow.time += 1_000;
        }
    }

    /// Which habit, or none for traffic inside the network.
    fn habit(&mut self, nic: Nic) -> Option<usize> {
        let all: usize = HABITS.iter().map(|habit| habit.weight).sum();
        let inner = if nic.subnet < ISE { 130 } else { 400 };
        let mut drawn = self.rng.below(all + inner);
        HABITS.iter().position(|habit| {
            let hit = drawn < habit.weight;
            drawn = drawn.wrapping_sub(habit.weight);
            hit
        })
    }

    fn by_habit(&mut self, habit: &Habit, nic: Nic, time: i64) -> Flow {
        let (first, length) = habit.peers[self.rng.skewed(habit.peers.len())];
        let room = 1usize << (32 - length);
        let peer = first
            + if room > 1 {
                1 + self.rng.skewed(room.min(254) - 1) as u32
            } else {
                0
            };
        let port = habit.ports[self.rng.below(habit.ports.len())];
        let (source, destination) = if habit.outbound {
            (nic.address, peer)
        } else {
            (peer, nic.address)
        };
        self.plain(time, source, destination, port, habit.outbound, habit.rule)
    }

    /// Between interfaces of the network: logged at both ends, so half of them as the destination.
    fn inner(&mut self, nic: Nic, time: i64) -> Flow {
        let subnet = if nic.subnet < ISE {
            self.rng.below(ISE)
        } else {
            self.rng.below(super::network::SUBNETS.len())
        };
        let peer = self.network.pick(subnet, &mut self.rng).address;
        let outbound = self.rng.below(2) == 0;
        let port = INNER_PORTS[self.rng.below(INNER_PORTS.len())];
        let (source, destination) = if outbound {
            (nic.address, peer)
        } else {
            (peer, nic.address)
        };
        self.plain(
            time,
            source,
            destination,
            port,
            outbound,
            if outbound { 1 } else { 2 },
        )
    }

    fn plain(
        &mut self,
        time: i64,
        source: u32,
        destination: u32,
        port: u16,
        outbound: bool,
        rule: usize,
    ) -> Flow {
        Flow {
            time,
            source,
            destination,
            ipv6: false,
            source_port: 32_768 + self.rng.below(28_000) as u16,
            destination_port: port,
            udp: false,
            outbound,
            denied: false,
            state: b'B',
            packets: [0; 2],
            bytes: [0; 2],
            rule,
        }
    }

    fn scan(&mut self, nic: Nic, time: i64) -> Flow {
        let (first, _) = INTERNET[self.rng.below(INTERNET.len())];
        let source = first + 1 + self.rng.below(253) as u32;
        let port = if self.rng.below(4) == 0 {
            1 + self.rng.below(65_000) as u16
        } else {
            SCANNED[self.rng.skewed(SCANNED.len())]
        };
        // 443 is what anyone may call, and 454, 455 and 3443 what the table opens to the internet.
        let port = if [443, 454, 455, 3443].contains(&port) {
            23
        } else {
            port
        };
        Flow {
            denied: true,
            ..self.plain(time, source, nic.address, port, false, 3)
        }
    }

    fn hostile_flow(&mut self, time: i64) -> Flow {
        self.hostile += 1;
        let number = self.hostile;
        let rule = number as usize;
        let source = Rng::new(number).next() as u32;
        Flow {
            source_port: number as u16,
            ..self.plain(
                time,
                source,
                !source,
                (number >> 3) as u16,
                number & 1 == 0,
                rule,
            )
        }
    }

    /// A third of the tuples begin a flow; the others go on with one or end it.
    fn in_some_state(&mut self, mut flow: Flow) -> Flow {
        flow.state = [b'B', b'E', b'C', b'E', b'B', b'E'][self.rng.below(6)];
        if flow.state != b'B' {
            flow.packets = [
                1 + self.rng.skewed(400) as u64,
                1 + self.rng.skewed(500) as u64,
            ];
            flow.bytes = [
                flow.packets[0] * (60 + self.rng.below(900) as u64),
                flow.packets[1] * (60 + self.rng.below(1_400) as u64),
            ];
        }
        flow
    }

    /// What nothing requires: a shell from the internet, a proxy, a desktop across subnets.
    fn extras(&mut self, nic: usize, minute: i64, start: i64, flows: &mut Vec<Flow>) {
        let address = self.network.nics[nic].address;
        let (source, destination, port, outbound, rule) = match (nic, minute % 30) {
            (0, 11) => (0xcb00_714d, address, 22, false, 13),
            (1, 5) => (address, 0xc633_6414, 8_080, true, 0),
            (2, 17) => (0x0a14_010e, address, 3_389, false, 2),
            _ => return,
        };
        let time = start + self.rng.below(60_000) as i64;
        let begin = self.plain(time, source, destination, port, outbound, rule);
        flows.push(begin);
        flows.push(Flow {
            state: b'E',
            time: time + 900,
            packets: [14, 12],
            bytes: [2_410, 3_760],
            ..begin
        });
    }
}
