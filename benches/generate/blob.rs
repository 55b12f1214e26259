//! Records and blobs, as Azure writes them.

use std::path::PathBuf;

use super::network::{Network, SUBNETS};
use super::options::{Format, Options, date};
use super::traffic::{Flow, RULES, Traffic};

const SUBSCRIPTION: &str = "00000000-0000-0000-0000-000000000001";

/// One interface's minute.
pub(crate) struct Record<'a> {
    pub(crate) options: &'a Options,
    pub(crate) network: &'a Network,
    pub(crate) nic: usize,
    pub(crate) minute: i64,
}

impl Record<'_> {
    /// Appends the record, of about `share` bytes, after a comma where `more` says so.
    pub(crate) fn write(
        &self,
        traffic: &mut Traffic<'_>,
        share: usize,
        more: bool,
        text: &mut Vec<u8>,
    ) {
        let flows = self.flows(traffic, share);
        if more {
            text.push(b',');
        }
        let start = text.len();
        match self.options.format {
            Format::Vnet4 => self.vnet(&flows, text),
            Format::Nsg1 | Format::Nsg2 => self.nsg(&flows, text),
        }
        if self.options.pretty {
            let pretty = indent(&text[start..]);
            text.truncate(start);
            text.extend_from_slice(&pretty);
        }
    }

    /// The record's tuples, sorted as they are written: as many as fill `share` bytes.
    pub(crate) fn flows(&self, traffic: &mut Traffic<'_>, share: usize) -> Vec<Flow> {
        // Bytes of a record without tuples, and of a tuple with its quotes and comma.
        let (around, each) = match self.options.format {
            Format::Nsg1 => (1_500, 62),
            Format::Nsg2 => (1_500, 72),
            Format::Vnet4 => (1_900, 78),
        };
        let wanted = share.saturating_sub(around) / each + 2;
        let mut flows = Vec::with_capacity(wanted + 4);
        traffic.minute(self.nic, self.minute, |count| count >= wanted, &mut flows);
        flows.sort_by_key(|flow| (flow.rule, flow.time));
        for flow in &flows {
            traffic.count(flow, self.options.format == Format::Nsg1);
        }
        flows
    }

    /// When the record was logged: a minute after its tuples.
    fn time(&self) -> String {
        let minutes = self.options.start * 60 + self.minute + 1;
        let (year, month, day) = date(minutes.div_euclid(1_440));
        let (hour, minute) = (minutes.rem_euclid(1_440) / 60, minutes.rem_euclid(60));
        format!(
            "{year}-{month:02}-{day:02}T{hour:02}:{minute:02}:{:02}.{:07}Z",
            self.nic % 60,
            self.nic * 12_345 % 10_000_000
        )
    }

    fn nsg(&self, flows: &[Flow], text: &mut Vec<u8>) {
        let version = if self.options.format == Format::Nsg1 {
            1
        } else {
            2
        };
        put(
            text,
            &format!(
                "{{\"time\":\"{}\",\"systemId\":\"{}\",\"macAddress\":\"{:012X}\",\"category\":\"NetworkSecurityGroupFlowEvent\",\
             \"resourceId\":\"{}\",\"operationName\":\"NetworkSecurityGroupFlowEvents\",\"properties\":{{\"Version\":{version},\"flows\":[",
                self.time(),
                SUBSCRIPTION,
                self.network.nics[self.nic].mac,
                nsg_id(self.network, self.nic).to_uppercase()
            ),
        );
        let mac = self.network.nics[self.nic].mac;
        for (number, group) in flows.chunk_by(|a, b| a.rule == b.rule).enumerate() {
            let comma = if number > 0 { "," } else { "" };
            put(
                text,
                &format!(
                    "{comma}{{\"rule\":\"{}\",\"flows\":[{{\"mac\":\"{mac:012X}\",\"flowTuples\":[",
                    rule(group[0].rule)
                ),
            );
            self.tuples(group, text);
            put(text, "]}]}");
        }
        put(text, "]}}");
    }

    fn vnet(&self, flows: &[Flow], text: &mut Vec<u8>) {
        put(
            text,
            &format!(
                "{{\"time\":\"{}\",\"flowLogGUID\":\"{}\",\"macAddress\":\"{:012X}\",\"category\":\"FlowLogFlowEvent\",\"flowLogResourceID\":\
             \"/SUBSCRIPTIONS/{}/RESOURCEGROUPS/NETWORKWATCHERRG/PROVIDERS/MICROSOFT.NETWORK/NETWORKWATCHERS/NETWORKWATCHER_WESTEUROPE/FLOWLOGS/VNET-INTEGRATION\",\
             \"targetResourceID\":\"/subscriptions/{}/resourceGroups/rg-integration/providers/Microsoft.Network/virtualNetworks/vnet-integration\",\
             \"flowLogVersion\":4,\"operationName\":\"FlowLogFlowEvent\",\"flowRecords\":{{\"flows\":[{{\"aclID\":\"{}\",\"flowGroups\":[",
                self.time(),
                SUBSCRIPTION,
                self.network.nics[self.nic].mac,
                SUBSCRIPTION,
                SUBSCRIPTION,
                nsg_id(self.network, self.nic)
            ),
        );
        for (number, group) in flows.chunk_by(|a, b| a.rule == b.rule).enumerate() {
            let comma = if number > 0 { "," } else { "" };
            put(
                text,
                &format!(
                    "{comma}{{\"rule\":\"{}\",\"flowTuples\":[",
                    rule(group[0].rule)
                ),
            );
            self.tuples(group, text);
            put(text, "]}");
        }
        put(text, "]}]}}");
    }

    fn tuples(&self, flows: &[Flow], text: &mut Vec<u8>) {
        for (number, flow) in flows.iter().enumerate() {
            if number > 0 {
                text.push(b',');
            }
            text.push(b'"');
            self.tuple(flow, text);
            text.push(b'"');
        }
    }

    fn tuple(&self, flow: &Flow, text: &mut Vec<u8>) {
        let vnet = self.options.format == Format::Vnet4;
        number(
            text,
            (if vnet { flow.time } else { flow.time / 1_000 }) as u64,
        );
        for address in [flow.source, flow.destination] {
            text.push(b',');
            if flow.ipv6 {
                put(text, &format!("fd20:20:8:1::{:x}", address & 0xffff));
            } else {
                let [a, b, c, d] = address.to_be_bytes();
                for (place, octet) in [a, b, c, d].into_iter().enumerate() {
                    if place > 0 {
                        text.push(b'.');
                    }
                    number(text, u64::from(octet));
                }
            }
        }
        for port in [flow.source_port, flow.destination_port] {
            text.push(b',');
            number(text, u64::from(port));
        }
        text.push(b',');
        put(
            text,
            match (vnet, flow.udp) {
                (true, false) => "6",
                (true, true) => "17",
                (false, false) => "T",
                (false, true) => "U",
            },
        );
        put(text, if flow.outbound { ",O," } else { ",I," });
        self.rest(flow, text);
    }

    /// Decision, state, encryption, counters.
    fn rest(&self, flow: &Flow, text: &mut Vec<u8>) {
        if self.options.format == Format::Vnet4 {
            text.push(if flow.denied { b'D' } else { flow.state });
            put(text, ",NX");
            for counter in [
                flow.packets[0],
                flow.bytes[0],
                flow.packets[1],
                flow.bytes[1],
            ] {
                text.push(b',');
                // Some logs leave the counters of a beginning flow empty.
                if !(flow.state == b'B' && flow.source_port.is_multiple_of(200)) {
                    number(text, counter);
                }
            }
            return;
        }
        text.push(if flow.denied { b'D' } else { b'A' });
        if self.options.format == Format::Nsg1 {
            return;
        }
        text.push(b',');
        text.push(flow.state);
        for counter in [
            flow.packets[0],
            flow.bytes[0],
            flow.packets[1],
            flow.bytes[1],
        ] {
            text.push(b',');
            if flow.state != b'B' {
                number(text, counter);
            }
        }
    }
}

fn put(text: &mut Vec<u8>, part: &str) {
    text.extend_from_slice(part.as_bytes());
}

/// Writes a number in decimal.
fn number(text: &mut Vec<u8>, mut value: u64) {
    let mut digits = [0; 20];
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + (value % 10) as u8;
        value /= 10;
        if value == 0 {
            break;
        }
    }
    text.extend_from_slice(&digits[at..]);
}

fn rule(number: usize) -> String {
    RULES.get(number).map_or_else(
        || format!("UserRule_generated-{number}"),
        |rule| (*rule).to_owned(),
    )
}

fn nsg_id(network: &Network, nic: usize) -> String {
    let subnet = SUBNETS[network.nics[nic].subnet].name;
    format!(
        "/subscriptions/{SUBSCRIPTION}/resourceGroups/rg-integration/providers/Microsoft.Network/networkSecurityGroups/nsg-{subnet}"
    )
}

/// Where the blob of an interface's hour lies.
pub(crate) fn path(options: &Options, network: &Network, nic: usize, hour: i64) -> PathBuf {
    let hours = options.start + hour * options.stride;
    let (year, month, day) = date(hours.div_euclid(24));
    let start = match options.format {
        Format::Vnet4 => format!(
            "insights-logs-flowlogflowevent/flowLogResourceID=/{SUBSCRIPTION}_NETWORKWATCHERRG/NETWORKWATCHER_WESTEUROPE_VNET-INTEGRATION"
        ),
        Format::Nsg1 | Format::Nsg2 => {
            let id = nsg_id(network, nic).to_uppercase();
            format!("insights-logs-networksecuritygroupflowevent/resourceId={id}")
        }
    };
    let hour = hours.rem_euclid(24);
    let mac = network.nics[nic].mac;
    PathBuf::from(format!(
        "{start}/y={year}/m={month:02}/d={day:02}/h={hour:02}/m=00/macAddress={mac:012X}/PT1H.json"
    ))
}

/// Indents compact JSON whose strings hold no escapes.
fn indent(compact: &[u8]) -> Vec<u8> {
    let mut pretty = Vec::with_capacity(compact.len() * 2);
    let (mut depth, mut quoted) = (0usize, false);
    let line = |pretty: &mut Vec<u8>, depth: usize| {
        pretty.push(b'\n');
        pretty.resize(pretty.len() + 2 * depth, b' ');
    };
    for &byte in compact {
        quoted ^= byte == b'"';
        match byte {
            b'{' | b'[' if !quoted => {
                depth += 1;
                pretty.push(byte);
                line(&mut pretty, depth);
            }
            b'}' | b']' if !quoted => {
                depth -= 1;
                line(&mut pretty, depth);
                pretty.push(byte);
            }
            b',' if !quoted => {
                pretty.push(byte);
                line(&mut pretty, depth);
            }
            _ => pretty.push(byte),
        }
    }
    pretty
}
