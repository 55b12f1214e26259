//! Community IDs: the name that network tools give a connection, the same in each of them.

use std::net::IpAddr;

use base64::Engine as _;
use sha1::{Digest as _, Sha1};

/// The Community ID, version 1, seed 0 (<https://github.com/corelight/community-id-spec>), of a
/// connection between two ends, whichever is named first. None for ICMP, whose types and codes are
/// not kept, and where the ends are of different families.
pub(super) fn community_id(
    protocol: u8,
    one: (IpAddr, u16),
    other: (IpAddr, u16),
) -> Option<String> {
    if matches!(protocol, 1 | 58) || one.0.is_ipv4() != other.0.is_ipv4() {
        return None;
    }
    // The lesser end first: by address, then by port.
    let (first, second) = if one <= other {
        (one, other)
    } else {
        (other, one)
    };
    let mut hash = Sha1::new();
    hash.update([0, 0]);
    for (address, _) in [first, second] {
        match address {
            IpAddr::V4(v4) => hash.update(v4.octets()),
            IpAddr::V6(v6) => hash.update(v6.octets()),
        }
    }
    hash.update([protocol, 0]);
    // Only protocols with ports have them in the hash.
    if matches!(protocol, 6 | 17 | 132) {
        for (_, port) in [first, second] {
            hash.update(port.to_be_bytes());
        }
    }
    let digest = base64::engine::general_purpose::STANDARD.encode(hash.finalize());
    Some(format!("1:{digest}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ids_are_those_of_the_specification() {
        let end = |text: &str, port| (text.parse().unwrap(), port);
        // Published test vectors of the specification.
        let id = Some("1:LQU9qZlK+B5F3KDmev6m5PMibrg=".to_owned());
        let (one, other) = (end("128.232.110.120", 34_855), end("66.35.250.204", 80));
        assert_eq!(community_id(6, one, other), id);
        assert_eq!(community_id(6, other, one), id);
        assert_eq!(community_id(1, one, other), None);
    }
}
