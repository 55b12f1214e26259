//! Captures made packet by packet.

use std::net::Ipv4Addr;

use super::blob::{START, Seeded};

/// Flags of TCP.
pub const FIN: u8 = 1;
pub const SYN: u8 = 2;
pub const RST: u8 = 4;
pub const ACK: u8 = 16;

/// Bytes of a pcap file before its first record.
pub const FILE_HEADER: usize = 24;
const RECORD_HEADER: usize = 16;

/// An address and a port.
pub type End<'a> = (&'a str, u16);

/// A pcap file of IP packets, times in microseconds.
#[derive(Debug, Clone)]
pub struct Capture {
    pub bytes: Vec<u8>,
    pub packets: u64,
}

impl Default for Capture {
    fn default() -> Self {
        let header = [0xa1b2_c3d4, 0x0004_0002, 0, 0, 0x0004_0000, 101];
        Self {
            bytes: header.map(u32::to_le_bytes).concat(),
            packets: 0,
        }
    }
}

impl Capture {
    /// Adds a packet so many milliseconds after 14:00.
    pub fn packet(&mut self, at: i64, packet: &[u8]) {
        let (seconds, millis) = (START + at.div_euclid(1_000), at.rem_euclid(1_000));
        let length = packet.len() as u32;
        let header = [seconds as u32, millis as u32 * 1_000, length, length];
        self.bytes.extend(header.map(u32::to_le_bytes).concat());
        self.bytes.extend(packet);
        self.packets += 1;
    }

    /// A connection that is opened, used and closed: seven packets in 60 milliseconds.
    pub fn answered(&mut self, at: i64, from: End<'_>, to: End<'_>) {
        let steps = [
            (true, SYN, 0),
            (false, SYN | ACK, 0),
            (true, ACK, 0),
            (true, ACK, 100),
            (false, ACK, 200),
            (true, FIN | ACK, 0),
            (false, FIN | ACK, 0),
        ];
        for (number, (forward, flags, payload)) in (0..).zip(steps) {
            let (from, to) = if forward { (from, to) } else { (to, from) };
            self.packet(at + 10 * number, &tcp(from, to, flags, 7, payload));
        }
    }

    /// A SYN that is tried three times, each answered by a reset, or by nothing.
    pub fn tried(&mut self, at: i64, from: End<'_>, to: End<'_>, refused: bool) {
        for after in [0, 1_000, 3_000] {
            self.packet(at + after, &tcp(from, to, SYN, 7, 0));
            if refused {
                self.packet(at + after + 5, &tcp(to, from, RST | ACK, 0, 0));
            }
        }
    }
}

/// An IP packet of TCP.
pub fn tcp(from: End<'_>, to: End<'_>, flags: u8, sequence: u32, payload: usize) -> Vec<u8> {
    let mut segment = [from.1, to.1].map(u16::to_be_bytes).concat();
    segment.extend(sequence.to_be_bytes());
    segment.extend([0, 0, 0, 0, 0x50, flags, 0, 0, 0, 0, 0, 0]);
    segment.resize(20 + payload, 0);
    ipv4(6, from.0, to.0, &segment)
}

/// An IP packet of UDP.
pub fn udp(from: End<'_>, to: End<'_>, payload: &[u8]) -> Vec<u8> {
    let length = 8 + payload.len() as u16;
    let mut datagram = [from.1, to.1, length, 0].map(u16::to_be_bytes).concat();
    datagram.extend(payload);
    ipv4(17, from.0, to.0, &datagram)
}

/// A packet in VXLAN, as a tap sends it to this port.
pub fn vxlan(port: u16, packet: &[u8]) -> Vec<u8> {
    let mut payload = vec![8, 0, 0, 0, 0, 0, 1, 0];
    payload.extend([2; 12]);
    payload.extend([8, 0]);
    payload.extend(packet);
    udp(("10.20.3.4", 50_000), ("10.20.3.5", port), &payload)
}

fn ipv4(protocol: u8, from: &str, to: &str, body: &[u8]) -> Vec<u8> {
    let octets = |text: &str| text.parse::<Ipv4Addr>().expect("an address").octets();
    let mut packet = vec![0x45, 0];
    packet.extend((20 + body.len() as u16).to_be_bytes());
    packet.extend([0, 0, 0, 0, 64, protocol, 0, 0]);
    packet.extend(octets(from));
    packet.extend(octets(to));
    packet.extend(body);
    packet
}

/// So many packets between hosts of the tests' network and outside it: of all flags, on few ports, so
/// that conversations end and begin anew.
pub fn mixed(seed: u64, packets: u64) -> Capture {
    let mut random = Seeded::new(seed);
    let mut capture = Capture::default();
    let mut time = 0;
    for _ in 0..packets {
        time += [0, 1, 3, 20, 90, 400][random.below(6) as usize];
        let inside = format!("10.20.0.{}", random.below(28) + 4);
        let other = match random.below(3) {
            0 => format!("10.20.0.{}", random.below(28) + 68),
            1 => format!("10.20.1.{}", random.below(9) + 4),
            _ => format!("198.51.100.{}", random.below(200) + 1),
        };
        let port = [443, 5_672, 1_433, 53, 6_380][random.below(5) as usize];
        let inside = (inside.as_str(), 50_000 + random.below(40) as u16);
        let (from, to) = if random.below(2) == 0 {
            (inside, (other.as_str(), port))
        } else {
            ((other.as_str(), port), inside)
        };
        let payload = random.below(30) as usize;
        let packet = if port == 53 {
            udp(from, to, &vec![0; payload])
        } else {
            let flags = [SYN, SYN | ACK, ACK, ACK, FIN | ACK, RST, SYN][random.below(7) as usize];
            tcp(from, to, flags, random.below(2) as u32, payload)
        };
        capture.packet(time, &packet);
    }
    capture
}

/// Where the records of a pcap file begin, and where the last ends.
pub fn borders(bytes: &[u8]) -> Vec<usize> {
    let mut borders = vec![FILE_HEADER];
    let mut at = FILE_HEADER;
    while let Some(length) = bytes.get(at + 8..at + 12) {
        let length = u32::from_le_bytes(length.try_into().expect("four bytes"));
        at += RECORD_HEADER + length as usize;
        borders.push(at);
    }
    borders
}

/// A pcap file as so many, as a capturing program that rotates its files writes it.
pub fn rotated(bytes: &[u8], parts: usize) -> Vec<Vec<u8>> {
    let borders = borders(bytes);
    let packets = borders.len() - 1;
    let border = |part: usize| borders[packets * part / parts];
    (0..parts)
        .map(|part| {
            [
                &bytes[..FILE_HEADER],
                &bytes[border(part)..border(part + 1)],
            ]
            .concat()
        })
        .collect()
}
