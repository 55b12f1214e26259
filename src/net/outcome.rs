//! What became of a connection that was captured.

use super::Decision;

/// What the packets of a connection say became of it. Flow logs have none.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    serde::Serialize,
    serde::Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
#[repr(u8)]
pub enum Outcome {
    /// It began and was answered.
    Answered = 0,
    /// Both sides spoke, but it began before the capture did.
    Midstream = 1,
    /// It was answered, and a side reset it.
    Reset = 2,
    /// A host was reached and refused: RST, or ICMP port unreachable.
    Refused = 3,
    /// A router or firewall said that it forbids it.
    Prohibited = 4,
    /// A router said that there is no way to the host.
    Unreachable = 5,
    /// Nobody answered: dropped silently, as an NSG does, or the host is not there.
    Unanswered = 6,
    /// The capture has one direction only, though there must have been another.
    OneSided = 7,
}

impl Outcome {
    /// All, in order.
    pub const ALL: [Self; 8] = [
        Self::Answered,
        Self::Midstream,
        Self::Reset,
        Self::Refused,
        Self::Prohibited,
        Self::Unreachable,
        Self::Unanswered,
        Self::OneSided,
    ];

    /// The stable name that reports print.
    pub fn name(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::Midstream => "midstream",
            Self::Reset => "reset",
            Self::Refused => "refused",
            Self::Prohibited => "prohibited",
            Self::Unreachable => "unreachable",
            Self::Unanswered => "unanswered",
            Self::OneSided => "one-sided",
        }
    }

    /// What it says of rules: whether the first packet was let through to where it went. `None`
    /// where the packets do not tell.
    pub fn decision(self) -> Option<Decision> {
        match self {
            Self::Answered | Self::Midstream | Self::Reset => Some(Decision::Allow),
            Self::Prohibited | Self::Unreachable | Self::Unanswered => Some(Decision::Deny),
            Self::Refused | Self::OneSided => None,
        }
    }

    /// What it means for an NSG, and what to look at next.
    pub fn advice(self) -> &'static str {
        match self {
            Self::Answered => "It works: nothing on the way drops it.",
            Self::Midstream => {
                "It went on from before the capture: it was let through when it began, which says nothing of rules changed since."
            }
            Self::Reset => {
                "It was let through and then reset: look at the application, at idle time-outs, at a firewall that inspects."
            }
            Self::Refused => {
                "A host was reached and refused: not an NSG, which drops silently. Look at whether the service runs and listens on that port."
            }
            Self::Prohibited => {
                "A router or firewall says that it forbids it: an NSG drops silently, so look at the firewall or network appliance on the route."
            }
            Self::Unreachable => {
                "A router says that there is no way: look at routes, peerings and gateways."
            }
            Self::Unanswered => {
                "Nobody answered: an NSG drops silently, and so do firewalls, missing routes and hosts that are down. Look at the NSGs at both ends first, then at the route. Where the capture is of the machine that was called, its NSGs have let it in: look at the host."
            }
            Self::OneSided => {
                "The capture has one direction only: an asymmetric route, or a tap that sees one way. Capture where both directions pass."
            }
        }
    }
}
