//! What logs saw let through: by the two addresses and the port, with what tells whether it was meant.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use super::model::Why;
use crate::net::{Decision, Direction, Protocol, ProtocolSet};

/// Most conversations that are kept; with more, no rule set is made of them.
pub const MOST: usize = 1 << 18;
/// Hosts and ports at which a source must be denied to be taken for a scan. A host that is down or one
/// closed port makes one; who tries ten different ones looks for what is open.
const SCAN: usize = 10;
/// First port that systems give out for connections of their own: Linux from 32,768, others from 49,152.
const EPHEMERAL: u16 = 32_768;
/// From here on it is one even where the log lost the source port (IANA's dynamic ports).
const DYNAMIC: u16 = 49_152;

/// What a log says of a flow.
#[derive(Debug, Clone, Copy)]
pub struct Flow {
    /// Direction, seen from the logged interface.
    pub direction: Direction,
    /// Protocol.
    pub protocol: Protocol,
    /// Source address.
    pub source: IpAddr,
    /// Source port; `None` where the log lost it.
    pub source_port: Option<u16>,
    /// Destination address.
    pub destination: IpAddr,
    /// Destination port.
    pub destination_port: u16,
    /// What was decided.
    pub decision: Decision,
    /// Packets source to destination and back; both 0 where the log does not count.
    pub packets: [u64; 2],
}

/// Who talks with whom, where.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Conversation {
    pub(super) direction: Direction,
    /// One protocol that rules know.
    pub(super) protocol: ProtocolSet,
    pub(super) port: u16,
    /// The logged end.
    pub(super) local: IpAddr,
    pub(super) remote: IpAddr,
}

#[derive(Debug, Clone, Copy, Default)]
struct Told {
    tuples: u64,
    forward: bool,
    back: bool,
    /// Some tuple is not to an ephemeral port.
    service: bool,
}

/// What logs saw.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    allowed: BTreeMap<Conversation, Told>,
    /// By remote address, what it was denied at inbound: up to [`SCAN`].
    denied: BTreeMap<IpAddr, BTreeSet<(IpAddr, u16)>>,
    overflowed: bool,
}

impl Seen {
    /// Adds a flow. In any order the same comes of it.
    pub fn add(&mut self, flow: &Flow) {
        let protocol = ProtocolSet::of(flow.protocol);
        if protocol.is_empty() {
            return;
        }
        let port = if protocol.has_ports() {
            flow.destination_port
        } else {
            0
        };
        let (local, remote) = match flow.direction {
            Direction::Inbound => (flow.destination, flow.source),
            Direction::Outbound => (flow.source, flow.destination),
        };
        if flow.decision == Decision::Deny {
            if flow.direction == Direction::Inbound {
                self.deny(remote, (local, port));
            }
            return;
        }
        let key = Conversation {
            direction: flow.direction,
            protocol,
            port,
            local,
            remote,
        };
        if self.allowed.len() >= MOST && !self.allowed.contains_key(&key) {
            self.overflowed = true;
            return;
        }
        let told = self.allowed.entry(key).or_default();
        told.tuples += 1;
        told.forward |= flow.packets[0] > 0;
        told.back |= flow.packets[1] > 0;
        told.service |= !protocol.has_ports() || !is_way_back(flow);
    }

    fn deny(&mut self, remote: IpAddr, at: (IpAddr, u16)) {
        if self.denied.len() >= MOST && !self.denied.contains_key(&remote) {
            self.overflowed = true;
            return;
        }
        let all = self.denied.entry(remote).or_default();
        if all.len() < SCAN {
            all.insert(at);
        }
    }

    /// Whether there was more than is kept.
    pub fn overflowed(&self) -> bool {
        self.overflowed
    }

    /// What was let through, in order, with its tuples, and why it is set apart if it is.
    pub(super) fn conversations(&self) -> impl Iterator<Item = (&Conversation, u64, Option<Why>)> {
        self.allowed
            .iter()
            .map(|(key, told)| (key, told.tuples, self.why(key, told)))
    }

    fn why(&self, key: &Conversation, told: &Told) -> Option<Why> {
        let denied = self.denied.get(&key.remote);
        let scans = denied.is_some_and(|all| all.len() >= SCAN);
        // One way only is how some speak UDP outbound: logs and metrics that are sent and forgotten.
        let should_answer = key.protocol == ProtocolSet::TCP || key.direction == Direction::Inbound;
        if scans && key.direction == Direction::Inbound {
            Some(Why::Scan)
        } else if !told.service {
            Some(Why::Ephemeral)
        } else if should_answer && told.forward && !told.back {
            Some(Why::Unanswered)
        } else {
            None
        }
    }
}

/// Whether a flow goes to a port that systems give out, from one that services have.
fn is_way_back(flow: &Flow) -> bool {
    match flow.source_port {
        Some(source) => flow.destination_port >= EPHEMERAL && source < EPHEMERAL,
        None => flow.destination_port >= DYNAMIC,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flow(source: &str, port: u16, destination: &str, to: u16) -> Flow {
        Flow {
            direction: Direction::Inbound,
            protocol: Protocol::TCP,
            source: source.parse().unwrap(),
            source_port: Some(port),
            destination: destination.parse().unwrap(),
            destination_port: to,
            decision: Decision::Allow,
            packets: [3, 2],
        }
    }

    fn apart(seen: &Seen) -> Vec<Option<Why>> {
        seen.conversations().map(|(_, _, why)| why).collect()
    }

    #[test]
    fn what_was_answered_is_kept_and_what_was_not_is_set_apart() {
        let mut seen = Seen::default();
        seen.add(&flow("192.0.2.1", 50_000, "10.0.0.4", 443));
        assert_eq!(apart(&seen), [None]);
        let mut silent = flow("192.0.2.2", 50_000, "10.0.0.4", 444);
        silent.packets = [1, 0];
        seen.add(&silent);
        assert_eq!(apart(&seen), [None, Some(Why::Unanswered)]);
        // Where a log counts nothing, that it was let through is all there is.
        silent.packets = [0, 0];
        silent.destination_port = 445;
        seen.add(&silent);
        assert_eq!(apart(&seen), [None, Some(Why::Unanswered), None]);
        let mut sent = silent;
        (sent.direction, sent.protocol) = (Direction::Outbound, Protocol::UDP);
        sent.packets = [9, 0];
        seen.add(&sent);
        assert_eq!(apart(&seen)[3], None);
    }

    #[test]
    fn a_source_that_is_denied_at_ten_places_scans_and_at_nine_does_not() {
        let mut seen = Seen::default();
        seen.add(&flow("192.0.2.1", 50_000, "10.0.0.4", 443));
        for port in 1..=10 {
            assert_eq!(apart(&seen), [None], "{port}");
            let mut denied = flow("192.0.2.1", 50_000, "10.0.0.4", port);
            denied.decision = Decision::Deny;
            seen.add(&denied);
            seen.add(&denied);
        }
        assert_eq!(apart(&seen), [Some(Why::Scan)]);
    }

    #[test]
    fn the_way_back_of_another_flow_is_set_apart_unless_it_is_a_service_too() {
        let mut seen = Seen::default();
        seen.add(&flow("192.0.2.1", 443, "10.0.0.4", 51_000));
        assert_eq!(apart(&seen), [Some(Why::Ephemeral)]);
        seen.add(&flow("192.0.2.1", 50_000, "10.0.0.4", 51_000));
        assert_eq!(apart(&seen), [None]);
        let mut lost = flow("192.0.2.1", 0, "10.0.0.4", 40_000);
        lost.source_port = None;
        seen.add(&lost);
        lost.destination_port = 50_001;
        seen.add(&lost);
        assert_eq!(apart(&seen), [None, Some(Why::Ephemeral), None]);
    }
}
