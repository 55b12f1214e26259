//! A packet in words: `inbound tcp 13.71.0.5:40000 -> 10.0.1.4:3443`.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use super::rule::Probe;
use crate::net::{Direction, ProtocolSet};

/// A packet, and which way it goes as the network sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Packet {
    /// Inbound where its destination is in the network, outbound where its source is.
    pub direction: Direction,
    /// The packet.
    pub probe: Probe,
}

impl Packet {
    /// The end that is in the network.
    pub fn local(&self) -> IpAddr {
        match self.direction {
            Direction::Inbound => self.probe.destination,
            Direction::Outbound => self.probe.source,
        }
    }

    /// Reads the words. The source port may be left out: it is 49152 then, a port that systems choose.
    ///
    /// # Errors
    /// What was expected, and what was found.
    pub fn parse(text: &str) -> Result<Self, String> {
        let expected = "expected a packet such as `inbound tcp 13.71.0.5:40000 -> 10.0.1.4:3443`";
        let words: Vec<_> = text.split_whitespace().collect();
        let [direction, protocol, source, "->", destination] = words[..] else {
            return Err(format!("{expected}, found {text:?}"));
        };
        let direction = match direction.to_ascii_lowercase().as_str() {
            "inbound" | "in" => Direction::Inbound,
            "outbound" | "out" => Direction::Outbound,
            _ => return Err(format!("{expected}, found direction {direction:?}")),
        };
        let protocol = ProtocolSet::parse(protocol)
            .filter(|&set| set != ProtocolSet::ANY)
            .ok_or_else(|| format!("{expected}, found protocol {protocol:?}"))?;
        let end = |text: &str, port: Option<u16>| -> Result<(IpAddr, u16), String> {
            let wrong = || format!("{expected}, found end {text:?}");
            if !protocol.has_ports() {
                return text
                    .parse()
                    .map(|address| (address, 0))
                    .map_err(|_| wrong());
            }
            if let Ok(end) = text.parse::<SocketAddr>() {
                return Ok((end.ip(), end.port()));
            }
            let address = text.parse().map_err(|_| wrong())?;
            port.map(|port| (address, port)).ok_or_else(wrong)
        };
        let (source, source_port) = end(source, Some(49_152))?;
        let (destination, destination_port) = end(destination, None)?;
        if source.is_ipv4() != destination.is_ipv4() {
            return Err(format!("{expected}, found IPv4 and IPv6 in {text:?}"));
        }
        let probe = Probe {
            protocol,
            source,
            source_port,
            destination,
            destination_port,
        };
        Ok(Self { direction, probe })
    }
}

impl fmt::Display for Packet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.direction, Words(&self.probe))
    }
}

/// A packet without its direction.
#[derive(Debug, Clone, Copy)]
pub struct Words<'a>(pub &'a Probe);

impl fmt::Display for Words<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let probe = self.0;
        if probe.protocol.has_ports() {
            let source = SocketAddr::new(probe.source, probe.source_port);
            let destination = SocketAddr::new(probe.destination, probe.destination_port);
            write!(f, "{} {source} -> {destination}", probe.protocol)
        } else {
            let (source, destination) = (probe.source, probe.destination);
            write!(f, "{} {source} -> {destination}", probe.protocol)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packet_is_read_as_it_is_written() {
        for text in [
            "inbound tcp 13.71.0.5:40000 -> 10.0.1.4:3443",
            "outbound udp [fd00::1]:40000 -> [2001:db8::2]:53",
            "inbound icmp 192.0.2.1 -> 10.0.1.4",
        ] {
            assert_eq!(Packet::parse(text).unwrap().to_string(), text);
        }
        let short = Packet::parse("out TCP 10.0.1.4 -> 192.0.2.1:443").unwrap();
        assert_eq!(short.probe.source_port, 49_152);
        assert_eq!(short.local(), short.probe.source);
    }

    #[test]
    fn what_is_no_packet_is_told() {
        for text in [
            "",
            "tcp 10.0.1.4:1 -> 10.0.1.5:2",
            "inbound * 10.0.1.4:1 -> 10.0.1.5:2",
            "inbound tcp 10.0.1.4:1 -> 10.0.1.5",
            "inbound tcp 10.0.1.4:1 -> [::1]:5",
            "sideways tcp 10.0.1.4:1 -> 10.0.1.5:2",
        ] {
            assert!(
                Packet::parse(text).unwrap_err().contains("expected"),
                "{text}"
            );
        }
    }
}
