//! What became of a connection: who began it, Zeek's `conn_state`, and the outcome that is judged.

use super::connection::{Connection, Errors, Event, Side};
use crate::net::Outcome;

/// How the initiator was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Certainty {
    /// A SYN, or the answer to one, was seen.
    Handshake,
    /// One port is a service's, the other is not.
    Port,
    /// It sent the first packet that was captured: uncertain.
    FirstPacket,
}

/// A connection seen from who began it.
#[derive(Debug, Clone, Copy)]
pub struct Judged<'a> {
    /// The sums.
    pub connection: &'a Connection,
    /// Who began it.
    pub initiator: Side,
    /// How that was told.
    pub certainty: Certainty,
}

/// Address and port.
pub type End = (u128, u16);

impl<'a> Judged<'a> {
    /// Tells who began a connection: a SYN decides, then the port that `is_service`, then the first
    /// packet.
    pub fn new(connection: &'a Connection, is_service: &dyn Fn(u16) -> bool) -> Self {
        let history = connection.history;
        let answered = |side| history.has(side, Event::SynAck);
        let [first, second] = connection.key.ports;
        let ports = !matches!(connection.key.protocol, 1 | 58);
        let (initiator, certainty) = if let Some(side) = connection.syn_side {
            (side, Certainty::Handshake)
        } else if answered(Side::First) != answered(Side::Second) {
            let responder = if answered(Side::First) {
                Side::First
            } else {
                Side::Second
            };
            (responder.other(), Certainty::Handshake)
        } else if ports && is_service(first) != is_service(second) {
            let responder = if is_service(first) {
                Side::First
            } else {
                Side::Second
            };
            (responder.other(), Certainty::Port)
        } else if !ports && second != first {
            // Echo requests have their identifier as source port, replies as destination port.
            let side = if first != 0 {
                Side::First
            } else {
                Side::Second
            };
            (side, Certainty::Handshake)
        } else {
            (connection.first_side, Certainty::FirstPacket)
        };
        Self {
            connection,
            initiator,
            certainty,
        }
    }

    /// The initiator's address and port.
    pub fn source(&self) -> End {
        self.end(self.initiator)
    }

    /// The responder's.
    pub fn destination(&self) -> End {
        self.end(self.initiator.other())
    }

    fn end(&self, side: Side) -> End {
        let key = &self.connection.key;
        (key.addresses[side as usize], key.ports[side as usize])
    }

    /// Zeek's `history`; `^` where the first packet captured was not the initiator's.
    pub fn history(&self) -> String {
        let text = self.connection.history.text(self.initiator);
        if self.connection.first_side == self.initiator || text.is_empty() {
            text
        } else {
            format!("^{text}")
        }
    }

    /// Zeek's `conn_state`, by the rules of `base/protocols/conn/main.zeek` on what both sides did.
    pub fn state(&self) -> &'static str {
        let sent = |side: Side| self.connection.sent[side as usize].packets > 0;
        let (initiator, responder) = (self.initiator, self.initiator.other());
        match self.connection.key.protocol {
            6 => tcp_state(self.endpoint(initiator), self.endpoint(responder), self),
            17 => match (sent(initiator), sent(responder)) {
                (true, true) => "SF",
                (true, false) => "S0",
                (false, true) => "SHR",
                (false, false) => "OTH",
            },
            _ => "OTH",
        }
    }

    /// A side's state as Zeek keeps it.
    fn endpoint(&self, side: Side) -> Endpoint {
        let history = self.connection.history;
        let peer = side.other();
        let has = |event| history.has(side, event);
        let answered = history.has(peer, Event::SynAck) && has(Event::Syn);
        let answers = has(Event::SynAck) && history.has(peer, Event::Syn);
        let alone = !history.is_active(peer)
            && ![Event::Syn, Event::SynAck, Event::Ack, Event::Fin]
                .into_iter()
                .any(has);
        // A reset after both sides have closed changes nothing.
        let closed =
            history.has(peer, Event::Fin) && history.is_before(side, Event::Fin, Event::Reset);
        if has(Event::Reset) && !closed {
            // A reset of what nobody has begun changes nothing.
            if alone {
                Endpoint::Inactive
            } else {
                Endpoint::Reset
            }
        } else if has(Event::Fin) {
            Endpoint::Closed
        } else if answered || answers {
            Endpoint::Established
        } else if has(Event::Syn) {
            Endpoint::SynSent
        } else if has(Event::SynAck) {
            Endpoint::SynAckSent
        } else if history.is_active(side) {
            Endpoint::Partial
        } else {
            Endpoint::Inactive
        }
    }

    /// What is judged.
    pub fn outcome(&self) -> Outcome {
        if self.connection.key.protocol == 6 {
            self.tcp_outcome()
        } else {
            self.other_outcome()
        }
    }

    fn tcp_outcome(&self) -> Outcome {
        let (history, responder) = (self.connection.history, self.initiator.other());
        let began = |event| history.has(self.initiator, event);
        let answered = |event| history.has(responder, event);
        let reset = began(Event::Reset) || answered(Event::Reset);
        if answered(Event::SynAck) && began(Event::Syn) {
            return if reset {
                Outcome::Reset
            } else {
                Outcome::Answered
            };
        }
        let spoke = |side: Side| {
            [Event::Ack, Event::Data, Event::Fin]
                .iter()
                .any(|&event| history.has(side, event))
        };
        if began(Event::Syn) {
            return if spoke(responder) {
                Outcome::Answered
            } else if answered(Event::Reset) {
                Outcome::Refused
            } else {
                self.silent(began(Event::Ack) || began(Event::Data))
            };
        }
        match (spoke(self.initiator), spoke(responder)) {
            (true, true) if reset => Outcome::Reset,
            (true, true) => Outcome::Midstream,
            _ => Outcome::OneSided,
        }
    }

    fn other_outcome(&self) -> Outcome {
        let sent = |side: Side| self.connection.sent[side as usize].packets > 0;
        match (sent(self.initiator), sent(self.initiator.other())) {
            (true, true) => Outcome::Answered,
            (true, false) => self.silent(!self.expects_an_answer()),
            _ => Outcome::OneSided,
        }
    }

    /// Of a connection that was not answered: what ICMP errors said of it; else `one_sided` tells
    /// whether there must have been an answer, or none was to be expected.
    fn silent(&self, one_sided: bool) -> Outcome {
        let errors = self.connection.errors;
        if errors.has(Errors::PROHIBITED) {
            Outcome::Prohibited
        } else if errors.has(Errors::PORT_UNREACHABLE) {
            Outcome::Refused
        } else if errors.has(Errors::UNREACHABLE) {
            Outcome::Unreachable
        } else if one_sided {
            Outcome::OneSided
        } else {
            Outcome::Unanswered
        }
    }

    /// Whether silence says something: not of multicast and broadcast, nor of protocols that do not
    /// answer (only UDP and echo requests do).
    fn expects_an_answer(&self) -> bool {
        let destination = super::packet::address(self.destination().0);
        let to_many = match destination {
            std::net::IpAddr::V4(v4) => v4.is_multicast() || v4.octets()[3] == 255,
            std::net::IpAddr::V6(v6) => v6.is_multicast(),
        };
        let asks = match self.connection.key.protocol {
            17 => true,
            1 | 58 => self.source().1 != 0,
            _ => false,
        };
        asks && !to_many
    }
}

/// An endpoint's state, as `TCP_Endpoint` has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Endpoint {
    Inactive,
    SynSent,
    SynAckSent,
    Partial,
    Established,
    Closed,
    Reset,
}

fn tcp_state(initiator: Endpoint, responder: Endpoint, judged: &Judged<'_>) -> &'static str {
    use Endpoint::{Closed, Established, Inactive, Partial, Reset, SynAckSent, SynSent};
    let is_inactive = |end| matches!(end, Inactive | Partial);
    let payload = judged
        .connection
        .sent
        .iter()
        .map(|sent| sent.payload)
        .sum::<u64>();
    match (initiator, responder) {
        (SynSent | SynAckSent, Reset) => "REJ",
        (Reset, Reset) if payload == 0 => "REJ",
        (end, Reset) if is_inactive(end) => "RSTRH",
        (_, Reset) => "RSTR",
        (Reset, end) if is_inactive(end) => "RSTOS0",
        (Reset, _) => "RSTO",
        (Closed, Closed) => "SF",
        (Closed, end) if is_inactive(end) => "SH",
        (Closed, _) => "S2",
        (end, Closed) if is_inactive(end) => "SHR",
        (_, Closed) => "S3",
        (SynSent, Inactive) => "S0",
        (Established, Established) => "S1",
        _ => "OTH",
    }
}
