//! Flow log blobs in Azure's layout.

use std::fmt::Write as _;

/// 2026-01-05T14:00:00Z, in seconds.
pub const START: i64 = 1_767_621_600;

/// The subscription that everything belongs to.
const SUBSCRIPTION: &str = "00000000-0000-0000-0000-000000000001";

/// A network that the flows of these tests are in.
pub const CONFIG: &str = r#"
[virtual-network]
name = "vnet-test"
address-space = ["10.20.0.0/16"]

[service]
profile = "ise-preview-2019"

[[subnet]]
name = "compute"
prefixes = ["10.20.0.0/27"]
role = "compute"

[[subnet]]
name = "apim"
prefixes = ["10.20.0.64/27"]
role = "apim"

[[subnet]]
name = "app"
prefixes = ["10.20.1.0/24"]
audited = false
"#;

/// Addresses of the network, and outside it.
pub const COMPUTE: &str = "10.20.0.4";
pub const APIM: &str = "10.20.0.68";
pub const APP: &str = "10.20.1.10";
pub const OUTSIDE: &str = "198.51.100.25";

/// Formats of a blob.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    NsgV1,
    NsgV2,
    VnetV4,
}

/// One flow tuple.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flow {
    /// Seconds.
    pub time: i64,
    pub source: String,
    pub source_port: u16,
    pub destination: String,
    pub port: u16,
    pub udp: bool,
    pub outbound: bool,
    pub allowed: bool,
    /// `B`, `C` or `E`.
    pub state: char,
    pub counters: [u64; 4],
}

impl Flow {
    /// An outbound TCP flow that was let through, and has just begun.
    pub fn out(time: i64, source: &str, destination: &str, port: u16) -> Self {
        Self {
            time,
            source: source.to_owned(),
            source_port: 40_000,
            destination: destination.to_owned(),
            port,
            udp: false,
            outbound: true,
            allowed: true,
            state: 'B',
            counters: [0; 4],
        }
    }

    /// The same flow seen at its other end.
    pub fn inbound(mut self) -> Self {
        self.outbound = false;
        self
    }

    pub fn deny(mut self) -> Self {
        self.allowed = false;
        self
    }

    pub fn with_port(mut self, port: u16) -> Self {
        self.source_port = port;
        self
    }

    pub fn end(mut self, counters: [u64; 4]) -> Self {
        self.state = 'E';
        self.counters = counters;
        self
    }

    /// As the format writes it.
    pub fn text(&self, format: Format) -> String {
        let direction = if self.outbound { 'O' } else { 'I' };
        let ends = format!(
            "{},{},{},{}",
            self.source, self.destination, self.source_port, self.port
        );
        let decision = if self.allowed { 'A' } else { 'D' };
        let letter = if self.udp { 'U' } else { 'T' };
        let [a, b, c, d] = self.counters;
        match format {
            Format::NsgV1 => format!("{},{ends},{letter},{direction},{decision}", self.time),
            Format::NsgV2 if self.state == 'B' => {
                format!("{},{ends},{letter},{direction},{decision},B,,,,", self.time)
            }
            Format::NsgV2 => format!(
                "{},{ends},{letter},{direction},{decision},{},{a},{b},{c},{d}",
                self.time, self.state
            ),
            Format::VnetV4 => {
                let protocol = if self.udp { 17 } else { 6 };
                let state = if self.allowed { self.state } else { 'D' };
                format!(
                    "{}000,{ends},{protocol},{direction},{state},NX,{a},{b},{c},{d}",
                    self.time
                )
            }
        }
    }
}

/// One record: what one interface saw in a minute, under one rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Seconds.
    pub time: i64,
    pub mac: String,
    pub nsg: String,
    pub rule: String,
    pub flows: Vec<Flow>,
}

impl Record {
    pub fn new(time: i64, mac: &str, nsg: &str, rule: &str, flows: Vec<Flow>) -> Self {
        let [mac, nsg, rule] = [mac, nsg, rule].map(str::to_owned);
        Self {
            time,
            mac,
            nsg,
            rule,
            flows,
        }
    }

    /// A record of the tests' usual interface at `nsg-apim`.
    pub fn apim(time: i64, flows: Vec<Flow>) -> Self {
        Self::new(time, "00224812A004", "NSG-APIM", "UserRule_Test", flows)
    }

    /// As the format writes it.
    pub fn text(&self, format: Format) -> String {
        let tuples: Vec<String> = self.flows.iter().map(|flow| flow.text(format)).collect();
        self.text_of(format, &tuples)
    }

    /// With these tuples instead.
    pub fn text_of(&self, format: Format, tuples: &[String]) -> String {
        let time = stamp(self.time);
        let mac = &self.mac;
        let rule = serde_json::Value::from(self.rule.as_str());
        let nsg = nsg_id(&self.nsg);
        let tuples = serde_json::to_string(tuples).expect("texts");
        let version = match format {
            Format::NsgV1 => 1,
            Format::NsgV2 => 2,
            Format::VnetV4 => {
                return format!(
                    r#"{{"time":"{time}","flowLogVersion":4,"flowLogGUID":"00000000-0000-0000-0000-0000000000aa","macAddress":"{mac}","category":"FlowLogFlowEvent","flowLogResourceID":"/SUBSCRIPTIONS/{SUBSCRIPTION}/RESOURCEGROUPS/NETWORKWATCHERRG/PROVIDERS/MICROSOFT.NETWORK/NETWORKWATCHERS/NETWORKWATCHER_WESTEUROPE/FLOWLOGS/VNET-TEST","targetResourceID":"/subscriptions/{SUBSCRIPTION}/resourceGroups/rg-test/providers/Microsoft.Network/virtualNetworks/vnet-test","operationName":"FlowLogFlowEvent","flowRecords":{{"flows":[{{"aclID":"{nsg}","flowGroups":[{{"rule":{rule},"flowTuples":{tuples}}}]}}]}}}}"#
                );
            }
        };
        format!(
            r#"{{"time":"{time}","systemId":"{SUBSCRIPTION}","macAddress":"{mac}","category":"NetworkSecurityGroupFlowEvent","resourceId":"{nsg}","operationName":"NetworkSecurityGroupFlowEvents","properties":{{"Version":{version},"flows":[{{"rule":{rule},"flows":[{{"mac":"{mac}","flowTuples":{tuples}}}]}}]}}}}"#
        )
    }
}

/// The resource ID of an NSG.
pub fn nsg_id(name: &str) -> String {
    format!(
        "/SUBSCRIPTIONS/{SUBSCRIPTION}/RESOURCEGROUPS/RG-TEST/PROVIDERS/MICROSOFT.NETWORK/NETWORKSECURITYGROUPS/{name}"
    )
}

/// A whole blob.
pub fn blob(format: Format, records: &[Record]) -> String {
    join(records.iter().map(|record| record.text(format)))
}

/// A whole blob of records' texts.
pub fn join(records: impl IntoIterator<Item = String>) -> String {
    let mut text = String::from("{\"records\":[");
    for (number, record) in records.into_iter().enumerate() {
        if number > 0 {
            text.push(',');
        }
        text.push_str(&record);
    }
    text.push_str("]}");
    text
}

/// Where Azure puts the blob of an NSG's interface and hour (of 2026-01-05).
pub fn nsg_path(nsg: &str, mac: &str, hour: u32) -> String {
    format!(
        "resourceId={}/y=2026/m=01/d=05/h={hour:02}/m=00/macAddress={mac}/PT1H.json",
        nsg_id(nsg)
    )
}

/// The same of a virtual network's flow log.
pub fn vnet_path(mac: &str, hour: u32) -> String {
    format!(
        "flowLogResourceID=/{SUBSCRIPTION}_NETWORKWATCHERRG/NETWORKWATCHER_WESTEUROPE_VNET-TEST/y=2026/m=01/d=05/h={hour:02}/m=00/macAddress={mac}/PT1H.json"
    )
}

/// A time as records write it; times of 2026-01-05 only.
pub fn stamp(seconds: i64) -> String {
    let of_day = seconds - (START - 14 * 3_600);
    assert!((0..86_400).contains(&of_day), "a time of 2026-01-05");
    let mut text = String::from("2026-01-05T");
    let (hours, minutes, seconds) = (of_day / 3_600, of_day / 60 % 60, of_day % 60);
    write!(text, "{hours:02}:{minutes:02}:{seconds:02}.0049380Z").expect("a string takes all");
    text
}

/// Numbers that are the same in every run (xorshift).
#[derive(Debug)]
pub struct Seeded(u64);

impl Seeded {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}

/// So many records of mixed traffic, in order of time from 14:00 on, at four interfaces under two
/// NSGs and six rules.
pub fn mixed(seed: u64, records: usize, seconds_apart: i64) -> Vec<Record> {
    const PORTS: [u16; 8] = [443, 3_443, 5_672, 1_433, 445, 6_381, 22, 12_000];
    let mut numbers = Seeded::new(seed);
    let mut list = Vec::with_capacity(records);
    for number in 0..records {
        let time = START + number as i64 * seconds_apart;
        let machine = numbers.below(4);
        let (own, nsg) = if machine < 2 {
            (format!("10.20.0.{}", 68 + machine), "NSG-APIM")
        } else {
            (format!("10.20.0.{}", 2 + machine), "NSG-COMPUTE")
        };
        let rule = numbers.below(6);
        let allowed = rule > 1;
        let mut flows = Vec::new();
        for _ in 0..=numbers.below(6) {
            let port = PORTS[numbers.below(8) as usize];
            let other = match numbers.below(4) {
                0 => format!("10.20.0.{}", 4 + numbers.below(80)),
                1 => format!("10.20.1.{}", 4 + numbers.below(80)),
                _ => format!("198.51.100.{}", numbers.below(256)),
            };
            let outbound = numbers.below(3) > 0;
            let (source, destination) = if outbound {
                (&own, &other)
            } else {
                (&other, &own)
            };
            let mut flow = Flow::out(time - numbers.below(50) as i64, source, destination, port)
                .with_port(1_024 + numbers.below(60_000) as u16);
            flow.outbound = outbound;
            flow.allowed = allowed;
            flow.udp = numbers.below(9) == 0;
            if allowed && numbers.below(2) == 0 {
                flow = flow.end([1, 2, 3, 4].map(|most| numbers.below(most * 1_000)));
            }
            flows.push(flow);
        }
        list.push(Record::new(
            time,
            &format!("00224812A00{machine}"),
            nsg,
            &format!("UserRule_Rule{rule}"),
            flows,
        ));
    }
    list
}
