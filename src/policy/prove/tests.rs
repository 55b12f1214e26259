use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::net::prefix::Family;
use crate::net::{Decision, PortSet, PrefixSet, ProtocolSet};
use crate::policy::rule::{Addresses, LevelKind, Rule};
use crate::policy::testing::{cube, default_rule, everything, inside, levels, naive, packets_of};

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
        levels in levels(), cube in cube(),
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
        let prover = Prover::new(&levels);
        for part in &proof.parts {
            let again = prover.part(&cube, &part.ruling);
            prop_assert_eq!(again.as_ref(), Some(part));
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

    #[test]
    fn what_there_are_no_steps_for_is_undetermined_and_the_rest_as_it_is(
        levels in levels(), cube in cube(), steps in 0u64..600,
    ) {
        let packets = packets_of(&cube);
        let proof = Prover::new(&levels).with_steps(steps).prove(&cube);
        let beyond = Ruling::not_followed();
        for (probe, _) in &packets {
            let ruling = naive(&levels, probe);
            let holding: Vec<_> = proof
                .parts
                .iter()
                .flat_map(|part| part.cubes.iter().map(move |cube| (part, cube)))
                .filter(|(_, cube)| inside(cube, probe))
                .collect();
            prop_assert_eq!(holding.len(), 1);
            prop_assert!(holding[0].0.ruling == ruling || holding[0].0.ruling == beyond);
        }
        for part in &proof.parts {
            let inside: u128 = part
                .cubes
                .iter()
                .map(|cube| packets_of(cube).iter().map(|(_, weight)| weight).sum::<u128>())
                .sum();
            prop_assert_eq!(Some(inside), part.count.exact());
            let lowest = packets.iter().map(|(probe, _)| *probe);
            let lowest = lowest.filter(|probe| part.cubes.iter().any(|cube| self::inside(cube, probe)));
            prop_assert_eq!(lowest.min(), Some(part.witness));
        }
        if steps == 0 && !packets.is_empty() {
            prop_assert_eq!(proof.verdict, Verdict::Undetermined);
        }
    }
}

#[test]
fn without_room_the_largest_cubes_are_kept_and_the_others_counted() {
    let rule = |port: u16| Rule {
        protocols: ProtocolSet::TCP,
        destination_ports: PortSet::new([(port, port + 9)]),
        source: Addresses {
            known: PrefixSet::parse([format!("10.0.0.{port}").as_str()]).unwrap(),
            unknown: Vec::new(),
        },
        ..default_rule(Decision::Deny)
    };
    let level = Level {
        kind: LevelKind::Subnet,
        name: String::new(),
        id: String::new(),
        rules: vec![rule(10), rule(50), default_rule(Decision::Allow)],
    };
    let compiled = Compiled::of_levels(std::slice::from_ref(&level));
    let within = Cube {
        source: PrefixSet::parse(["10.0.0.0/24"]).unwrap(),
        destination: PrefixSet::parse(["10.0.1.0/24"]).unwrap(),
        ..everything()
    };
    let allowed = |room: usize| {
        let lists = &compiled.lists;
        let (mut steps, beyond) = (Steps::of_an_answer(), Ruling::not_followed());
        let regions = partition(
            &compiled,
            &within,
            Extent::Cubes(room),
            &mut steps,
            &beyond,
            |grid, high| {
                let all = Bits::full(grid.lows.len());
                rulings(grid, high, lists, std::slice::from_ref(&level), all)
            },
        );
        regions.into_values().next().unwrap()
    };
    let whole = allowed(usize::MAX);
    assert_eq!(whole.left_out, 0);
    let size = |cube: &Cube| {
        cube.source
            .ranges(Family::V4)
            .iter()
            .map(|&(low, high)| high - low + 1)
            .sum::<u128>()
    };
    let largest = whole.cubes.iter().max_by_key(|cube| size(cube)).unwrap();
    // A third of it: ten ranges for the largest, too few for another.
    let some = allowed(33);
    assert_eq!(some.cubes, std::slice::from_ref(largest));
    assert_eq!(some.left_out, whole.cubes.len() - 1);
    assert_eq!(some.count, whole.count);
    let none = allowed(0);
    assert_eq!((none.cubes.len(), none.left_out), (0, whole.cubes.len()));
    assert_eq!(none.witness, whole.witness);
}

#[test]
fn protocols_without_ports_count_once_however_often_ports_are_cut() {
    let rule = |port: u16| Rule {
        protocols: ProtocolSet::TCP,
        destination_ports: PortSet::new([(port * 10, port * 10)]),
        ..default_rule(if port.is_multiple_of(2) {
            Decision::Allow
        } else {
            Decision::Deny
        })
    };
    let mut rules: Vec<_> = (1..=200).map(rule).collect();
    rules.push(default_rule(Decision::Deny));
    let level = Level {
        kind: LevelKind::Subnet,
        name: String::new(),
        id: String::new(),
        rules,
    };
    let host = PrefixSet::parse(["10.0.0.1"]).unwrap();
    let proof = prove(
        &[level],
        &Cube {
            source: host.clone(),
            destination: host,
            ..everything()
        },
    );
    let all = proof.allowed.plus(proof.denied);
    assert_eq!(all.exact(), Some(2 * (1 << 32) + 3));
    assert_eq!(proof.allowed.exact(), Some(100 * 65_536));
    let rest = proof.parts.last().unwrap();
    // TCP to the ports that no rule has, and all of UDP, ICMP, ESP and AH.
    assert_eq!(rest.cubes.len(), 2);
    assert_eq!(rest.left_out, 0);
}
