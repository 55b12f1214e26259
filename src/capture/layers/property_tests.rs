use proptest::prelude::*;

use super::samples::all;
use super::{Layer, Options, decode, decode_carefully, fast};
use crate::capture::packet::Tunnel;

const LINKS: [u16; 19] = [
    0, 1, 9, 12, 14, 50, 51, 101, 104, 108, 113, 127, 147, 228, 229, 253, 276, 65535, 10,
];

/// A valid packet with some bytes changed, cut somewhere, of which more may have been on the wire.
fn mutated() -> impl Strategy<Value = (u16, Vec<u8>, u32)> {
    let samples = all();
    let change = (any::<prop::sample::Index>(), any::<u8>());
    (
        prop::sample::select(samples),
        prop::collection::vec(change, 0..4),
        any::<prop::sample::Index>(),
        any::<bool>(),
        0_u32..80,
    )
        .prop_map(|((_, link, mut bytes), changes, cut, is_cut, more)| {
            for (at, value) in changes {
                let at = at.index(bytes.len());
                bytes[at] = value;
            }
            let original = bytes.len() as u32;
            if is_cut {
                bytes.truncate(cut.index(bytes.len() + 1));
            }
            (link, bytes, original + more / 40 * (more % 40))
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn the_fast_way_says_what_the_careful_way_says((link, bytes, original) in mutated()) {
        let options = Options::default();
        let careful = decode_carefully(link, &bytes, original, &options);
        prop_assert_eq!(&decode(link, &bytes, original, &options), &careful);
        if link == 1
            && let Some(packet) = fast::decode(Layer::Ethernet, &bytes, Tunnel::None, &options)
        {
            prop_assert_eq!(Ok(packet), careful);
        }
    }

    #[test]
    fn no_bytes_on_any_link_panic(
        link in prop::sample::select(LINKS.to_vec()),
        bytes in prop::collection::vec(any::<u8>(), 0..200),
        more in 0_u32..2000,
    ) {
        let options = Options::default();
        let original = bytes.len() as u32 + more;
        prop_assert_eq!(
            decode(link, &bytes, original, &options),
            decode_carefully(link, &bytes, original, &options)
        );
    }

    #[test]
    fn headers_of_chance_do_not_panic_after_those_of_ip(
        (_, link, bytes) in prop::sample::select(all()),
        keep in any::<prop::sample::Index>(),
        rest in prop::collection::vec(any::<u8>(), 0..120),
    ) {
        let mut bytes = bytes[..keep.index(bytes.len())].to_vec();
        bytes.extend(rest);
        let options = Options::default();
        prop_assert_eq!(
            decode(link, &bytes, 0, &options),
            decode_carefully(link, &bytes, 0, &options)
        );
    }
}

#[test]
fn the_fast_way_takes_the_plain_packets() {
    let options = Options::default();
    for (name, link, bytes) in all() {
        let is_plain = matches!(name, "ethernet v4" | "ethernet v6" | "802.1Q");
        if link == 1 {
            let found = fast::decode(Layer::Ethernet, &bytes, Tunnel::None, &options);
            assert_eq!(found.is_some(), is_plain, "{name}");
        }
    }
}
