//! Names of link types that are met but not decoded.

/// The well-known ones, by number.
const NAMES: [(u16, &str); 42] = [
    (3, "AX.25"),
    (6, "IEEE 802.5 Token Ring"),
    (7, "ARCNET"),
    (8, "SLIP"),
    (10, "FDDI"),
    (100, "LLC-encapsulated ATM"),
    (105, "IEEE 802.11"),
    (107, "Frame Relay"),
    (109, "OpenBSD IPsec"),
    (114, "LocalTalk"),
    (117, "OpenBSD pflog"),
    (119, "IEEE 802.11 with Prism header"),
    (122, "IP over Fibre Channel"),
    (123, "SunATM"),
    (127, "IEEE 802.11 radiotap"),
    (129, "ARCNET of Linux"),
    (138, "IP over IEEE 1394"),
    (143, "DOCSIS"),
    (144, "Linux IrDA"),
    (163, "IEEE 802.11 with AVS header"),
    (182, "Multilink Frame Relay"),
    (187, "Bluetooth HCI"),
    (189, "Linux USB"),
    (192, "Per-Packet Information"),
    (195, "IEEE 802.15.4"),
    (197, "ERF"),
    (201, "Bluetooth HCI with direction"),
    (204, "PPP with direction"),
    (220, "Linux USB, padded"),
    (224, "Fibre Channel FC-2"),
    (226, "Solaris IPNET"),
    (227, "CAN bus"),
    (230, "IEEE 802.15.4 without FCS"),
    (239, "Linux netfilter log"),
    (242, "IP over InfiniBand"),
    (247, "InfiniBand"),
    (249, "Windows USB"),
    (252, "Wireshark upper PDU"),
    (253, "Linux netlink"),
    (258, "Apple PKTAP"),
    (284, "Marvell DSA"),
    (285, "Marvell DSA with EtherType"),
];

/// A link type in words.
pub(super) fn describe(link: u16) -> String {
    let name = match NAMES.binary_search_by_key(&link, |&(number, _)| number) {
        Ok(found) => NAMES[found].1,
        Err(_) if (147..=162).contains(&link) => "for private use",
        Err(_) => return format!("link type {link} is not decoded"),
    };
    format!("link type {link} ({name}) is not decoded")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_in_order_and_are_found() {
        assert!(NAMES.is_sorted_by(|one, next| one.0 < next.0));
        for (number, name) in NAMES {
            assert!(describe(number).contains(name));
        }
        assert_eq!(
            describe(127),
            "link type 127 (IEEE 802.11 radiotap) is not decoded"
        );
        assert_eq!(
            describe(150),
            "link type 150 (for private use) is not decoded"
        );
        assert_eq!(describe(999), "link type 999 is not decoded");
    }
}
