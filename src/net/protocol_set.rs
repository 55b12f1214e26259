//! The protocols that a security rule can tell apart.

use super::Protocol;

/// A set of the protocols that security rules know: TCP, UDP, ICMP, ESP, AH.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct ProtocolSet(u8);

impl ProtocolSet {
    /// TCP.
    pub const TCP: Self = Self(1);
    /// UDP.
    pub const UDP: Self = Self(2);
    /// ICMP.
    pub const ICMP: Self = Self(4);
    /// Encapsulating security payload.
    pub const ESP: Self = Self(8);
    /// Authentication header.
    pub const AH: Self = Self(16);
    /// All five.
    pub const ANY: Self = Self(31);

    /// Each protocol of the five as a set of its own, in a fixed order.
    pub const EACH: [Self; 5] = [Self::TCP, Self::UDP, Self::ICMP, Self::ESP, Self::AH];

    /// The set of one protocol number; empty where rules do not know it. ICMP of IPv6 is ICMP.
    pub fn of(protocol: Protocol) -> Self {
        match protocol.0 {
            6 => Self::TCP,
            17 => Self::UDP,
            1 | 58 => Self::ICMP,
            50 => Self::ESP,
            51 => Self::AH,
            _ => Self(0),
        }
    }

    /// Reads what a rule has under `protocol`, in any case: `*`, `Any` or `All`, `Tcp`, `Udp`, `Icmp`,
    /// `Esp`, `Ah`, or a number.
    pub fn parse(text: &str) -> Option<Self> {
        Some(match text.trim().to_ascii_lowercase().as_str() {
            "*" | "any" | "all" => Self::ANY,
            "tcp" | "6" => Self::TCP,
            "udp" | "17" => Self::UDP,
            "icmp" | "icmpv6" | "1" | "58" => Self::ICMP,
            "esp" | "50" => Self::ESP,
            "ah" | "51" => Self::AH,
            _ => return None,
        })
    }

    /// Protocols in both.
    #[must_use]
    pub fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Protocols in either.
    #[must_use]
    pub fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Protocols of this one that are not in the other.
    #[must_use]
    pub fn difference(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Whether there is none.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether its protocols have ports: all others match a rule for every port only.
    pub fn has_ports(self) -> bool {
        !self.intersection(Self::TCP.union(Self::UDP)).is_empty()
    }
}

impl std::fmt::Display for ProtocolSet {
    /// `*`, `tcp`, `tcp, udp`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        const NAMES: [&str; 5] = ["tcp", "udp", "icmp", "esp", "ah"];
        if *self == Self::ANY {
            return f.pad("*");
        }
        let names: Vec<_> = Self::EACH
            .into_iter()
            .zip(NAMES)
            .filter(|&(one, _)| !self.intersection(one).is_empty())
            .map(|(_, name)| name)
            .collect();
        f.pad(&names.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_rules_write_is_read_in_any_case() {
        assert_eq!(ProtocolSet::parse("TCP"), Some(ProtocolSet::TCP));
        assert_eq!(ProtocolSet::parse("All"), Some(ProtocolSet::ANY));
        assert_eq!(ProtocolSet::parse("Tcpp"), None);
        assert_eq!(
            ProtocolSet::TCP.union(ProtocolSet::UDP).to_string(),
            "tcp, udp"
        );
        assert_eq!(ProtocolSet::ANY.to_string(), "*");
    }
}
