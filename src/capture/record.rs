//! Connections that have ended -> flow records, as decoders of logs give them.

use std::net::IpAddr;

use super::connection::Connection;
use super::packet::{Tunnel, address};
use super::state::Judged;
use super::table::Finished;
use crate::flowlog::{Bits, FlowState, LogKind, RecordBatch, Sink, Tuple, TupleGroup, Wide};
use crate::net::{Decision, Direction, Outcome};

/// What a connection's record asks of the run.
pub trait Vantage {
    /// Whether an address is one that logs of the audited network would be written for.
    fn is_local(&self, address: IpAddr) -> bool;
    /// Whether a port is a service's: below 1024, or named by a row of the profile.
    fn is_service(&self, port: u16) -> bool;
}

/// Turns connections into records for a [`Sink`].
///
/// One record a connection and local end: outbound where the initiator is local, inbound where the
/// responder is, both where both are, just as flow logs of both would have it; outbound where
/// neither is.
#[derive(Debug)]
pub struct Recorder<'a, S, V> {
    sink: &'a mut S,
    vantage: V,
    batch: RecordBatch,
    /// Of the batch's tuples, by outcome; they are put into the batch in this order.
    by_outcome: [Vec<Tuple>; Outcome::ALL.len()],
    /// Connections by tunnel.
    pub tunnels: [u64; 5],
}

impl<'a, S: Sink, V: Vantage> Recorder<'a, S, V> {
    /// A recorder for `sink`.
    pub fn new(sink: &'a mut S, vantage: V) -> Self {
        Self {
            sink,
            vantage,
            batch: RecordBatch::default(),
            by_outcome: Default::default(),
            tunnels: [0; 5],
        }
    }

    /// Records connections of one file whose offsets lie within 4 GiB.
    fn record(&mut self, connections: &[Connection]) {
        let Some(first) = connections.first() else {
            return;
        };
        self.batch.clear();
        self.batch.file = first.file;
        self.batch.offset = first.offset;
        self.batch.connections = connections.len() as u32;
        for connection in connections {
            self.tunnels[connection.tunnel as usize] += 1;
            self.add(connection);
        }
        for (outcome, tuples) in Outcome::ALL.into_iter().zip(&mut self.by_outcome) {
            if tuples.is_empty() {
                continue;
            }
            let (start, group) = (self.batch.tuples.len(), self.batch.groups.len());
            self.batch
                .tuples
                .extend(tuples.drain(..).map(|tuple| Tuple {
                    group: group as u16,
                    ..tuple
                }));
            self.batch.groups.push(TupleGroup {
                outcome: Some(outcome),
                tuples: start as u32..self.batch.tuples.len() as u32,
                ..TupleGroup::default()
            });
        }
        self.sink.record(&self.batch);
    }

    fn add(&mut self, connection: &Connection) {
        let judged = Judged::new(connection, &|port| self.vantage.is_service(port));
        let outcome = judged.outcome();
        let ends = [judged.source(), judged.destination()];
        let [source, destination] = ends.map(|(number, _)| address(number));
        let inbound = self.vantage.is_local(destination);
        let outbound = self.vantage.is_local(source) || !inbound;
        let tuple = self.tuple(&judged, outcome);
        for (direction, holds) in [
            (Direction::Outbound, outbound),
            (Direction::Inbound, inbound),
        ] {
            if holds {
                let direction = u8::from(direction == Direction::Outbound) * Bits::OUTBOUND;
                let bits = Bits(tuple.bits.0 | direction);
                self.by_outcome[outcome as usize].push(Tuple { bits, ..tuple });
            }
        }
    }

    /// The tuple of a connection, as if inbound.
    fn tuple(&mut self, judged: &Judged<'_>, outcome: Outcome) -> Tuple {
        let connection = judged.connection;
        let (source, destination) = (judged.source(), judged.destination());
        let state = match outcome {
            Outcome::Midstream => FlowState::Continue,
            _ => FlowState::Begin,
        };
        let decision = outcome.decision().unwrap_or(Decision::Allow);
        let bits = Bits::new(Direction::Inbound, decision, state, LogKind::Capture);
        let [forward, back] =
            [judged.initiator, judged.initiator.other()].map(|side| connection.sent[side as usize]);
        let time = milliseconds(connection.first);
        let mut tuple = Tuple {
            time,
            source_port: source.1,
            destination_port: destination.1,
            protocol: connection.key.protocol,
            bits,
            offset: (connection.offset - self.batch.offset) as u32,
            ..Tuple::default()
        };
        // What was let through counts from when it began; what was not, as long as it was tried.
        let last = match (decision, state) {
            (Decision::Allow, FlowState::Begin) => time,
            _ => milliseconds(connection.last).max(time),
        };
        let (from, to) = (address(source.0), address(destination.0));
        let counters = [forward.packets, back.packets, forward.bytes, back.bytes];
        let small = counters.map(|counter| u32::try_from(counter).ok());
        if let (IpAddr::V4(from), IpAddr::V4(to), [Some(a), Some(b), Some(c), Some(d)]) =
            (from, to, small)
            && last == time
        {
            (tuple.source, tuple.destination) = (from.into(), to.into());
            (tuple.packets, tuple.bytes) = ([a, b], [c, d]);
            return tuple;
        }
        tuple.bits.0 |= Bits::WIDE;
        tuple.source = self.batch.wide.len() as u32;
        self.batch.wide.push(Wide {
            source: from,
            destination: to,
            packets: [forward.packets, back.packets],
            bytes: [forward.bytes, back.bytes],
            flows: u32::from(state == FlowState::Begin),
            last,
        });
        tuple
    }
}

impl<S: Sink, V: Vantage> Finished for Recorder<'_, S, V> {
    fn finished(&mut self, connections: &[Connection]) {
        let mut rest = connections;
        while let Some(first) = rest.first() {
            let together = rest.partition_point(|connection| {
                connection.file == first.file
                    && u32::try_from(connection.offset - first.offset).is_ok()
            });
            let (these, others) = rest.split_at(together);
            self.record(these);
            rest = others;
        }
    }
}

/// Milliseconds since the epoch; a time before it is taken for the epoch.
fn milliseconds(nanoseconds: i64) -> i64 {
    nanoseconds.max(0) / 1_000_000
}

/// The name that reports print for a tunnel.
pub fn tunnel_name(tunnel: Tunnel) -> &'static str {
    match tunnel {
        Tunnel::None => "none",
        Tunnel::Vxlan => "vxlan",
        Tunnel::Gre => "gre",
        Tunnel::Geneve => "geneve",
        Tunnel::IpInIp => "ip-in-ip",
    }
}
