use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::policy::testing::{cube, inside, level, naive, packets_of};

/// Counts and lowest packets, packet by packet.
fn brute_force(levels: &[Level], packets: &[(Probe, u128)]) -> BTreeMap<Ruling, (u128, Probe)> {
    let mut parts = BTreeMap::new();
    for &(probe, weight) in packets {
        let part = parts.entry(naive(levels, &probe)).or_insert((0, probe));
        part.0 += weight;
        part.1 = part.1.min(probe);
    }
    parts
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn parts_are_what_every_packet_says(
        levels in prop::collection::vec(level(), 0..3), cube in cube(),
    ) {
        let packets = packets_of(&cube);
        let expected = brute_force(&levels, &packets);
        let proof = prove(&levels, &cube);
        let found: BTreeMap<_, _> = proof
            .parts
            .iter()
            .map(|part| (part.ruling.clone(), (part.count.exact().unwrap(), part.witness)))
            .collect();
        prop_assert_eq!(&found, &expected);
        prop_assert_eq!(found.len(), proof.parts.len());
        for (probe, _) in &packets {
            let ruling = naive(&levels, probe);
            for part in &proof.parts {
                let holds = part.cubes.iter().filter(|cube| inside(cube, probe)).count();
                prop_assert_eq!(holds, usize::from(part.ruling == ruling), "{:?}", probe);
            }
        }
        let weight: u128 = packets.iter().map(|(_, weight)| weight).sum();
        for part in &proof.parts {
            let inside: u128 = part
                .cubes
                .iter()
                .map(|cube| packets_of(cube).iter().map(|(_, weight)| weight).sum::<u128>())
                .sum();
            prop_assert_eq!(Some(inside), part.count.exact());
        }
        let all = proof.allowed.plus(proof.denied).plus(proof.undetermined);
        prop_assert_eq!(all.exact(), Some(weight));
    }
}
