//! A contract: what its author wants of the rules, property by property, over all packets of each.
//!
//! A property is a line in the syntax of a packet, with sets in place of single addresses and ports:
//! `allow inbound tcp 10.1.0.0/16,AzureConnectors -> subnet:compute:454,3443`.

mod parse;
mod prove;

use std::fmt;

pub use parse::{Mistake, parse};
pub use prove::{Found, Held, Holds, cubes, prove};

use crate::catalogue::AddressTerm;
use crate::net::{Decision, Direction, PortSet, ProtocolSet};

/// Something that is to hold of every packet of a set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Property {
    /// Line in its file, from 1 on.
    pub line: usize,
    /// What its author calls it; empty where it has no name. Unique in a file.
    pub name: String,
    /// What is to become of each of the packets.
    pub expected: Decision,
    /// Inbound where the destination is in the network, outbound where the source is.
    pub direction: Direction,
    /// Protocols, at least one.
    pub protocols: ProtocolSet,
    /// Where the packets come from.
    pub source: End,
    /// Where they go to.
    pub destination: End,
}

impl Property {
    /// The end that is in the network.
    pub fn local(&self) -> &End {
        match self.direction {
            Direction::Inbound => &self.destination,
            Direction::Outbound => &self.source,
        }
    }

    /// The other end.
    pub fn remote(&self) -> &End {
        match self.direction {
            Direction::Inbound => &self.source,
            Direction::Outbound => &self.destination,
        }
    }
}

/// One end of the packets of a property.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct End {
    /// Addresses: those of any of the terms, of which there is at least one.
    pub terms: Vec<Term>,
    /// Ports. Protocols without ports have packets only where these are all, as in a rule.
    pub ports: PortSet,
}

/// Addresses, as a contract names them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Term {
    /// A subnet by its name, or by `network/name`.
    Subnet(String),
    /// A prefix, a service tag, `any`, or an `@name` of the environment.
    Addresses(AddressTerm),
}

impl fmt::Display for Property {
    /// The line without its comment, one blank between words.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.name.is_empty() {
            write!(f, "{}: ", self.name)?;
        }
        let protocols = match self.protocols {
            ProtocolSet::ANY => "any".to_owned(),
            some => some.to_string().replace(", ", ","),
        };
        write!(
            f,
            "{} {} {protocols} {} -> {}",
            self.expected, self.direction, self.source, self.destination
        )
    }
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, term) in self.terms.iter().enumerate() {
            let comma = if number == 0 { "" } else { "," };
            write!(f, "{comma}{term}")?;
        }
        if self.ports.is_any() {
            return Ok(());
        }
        write!(f, ":{}", self.ports.to_string().replace(", ", ","))
    }
}

impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Subnet(name) => write!(f, "subnet:{name}"),
            Self::Addresses(AddressTerm::Any) => f.write_str("any"),
            Self::Addresses(term) => match term.to_string() {
                v6 if v6.contains(':') => write!(f, "[{v6}]"),
                text => f.write_str(&text),
            },
        }
    }
}

#[cfg(test)]
mod tests;
