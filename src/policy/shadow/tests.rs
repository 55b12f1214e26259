use proptest::prelude::*;

use super::*;
use crate::policy::overlap::{self, overlap};
use crate::policy::rule::LevelKind;
use crate::policy::testing::{
    any_level, default_rule, everything, inside, naive_match, packets_everywhere, packets_of,
    worlds,
};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn dead_and_needless_rules_are_what_every_packet_says(level in any_level()) {
        let found = anomalies(&level);
        let packets = packets_everywhere();
        for (number, rule) in level.rules.iter().enumerate() {
            let (mut decides, mut needed) = (false, false);
            for (probe, _) in &packets {
                let with = worlds(&level, probe, None);
                if !with.contains(&Some(number)) {
                    continue;
                }
                decides = true;
                let access = |rule: Option<usize>| {
                    rule.map(|rule| level.rules[rule].access).or(level.kind.unmatched())
                };
                let without = worlds(&level, probe, Some(number));
                needed |= with.iter().zip(&without).any(|(&a, &b)| access(a) != access(b));
            }
            let shadowed = found.shadowed.iter().find(|shadowed| shadowed.rule == number);
            prop_assert_eq!(shadowed.is_some(), !decides, "rule {}", number);
            let redundant = found.redundant.iter().find(|redundant| redundant.rule == number);
            prop_assert_eq!(redundant.is_some(), decides && !needed, "rule {}", number);
            if let Some(shadowed) = shadowed {
                let takes_all = |by: &[usize]| packets.iter().all(|(probe, _)| {
                    !naive_match(rule, probe).1
                        || by.iter().any(|&other| naive_match(&level.rules[other], probe).0)
                });
                prop_assert!(shadowed.by.iter().all(|&other| other < number));
                prop_assert!(takes_all(&shadowed.by));
                let fewest = (0..1usize << number)
                    .filter(|set| takes_all(
                        &(0..number).filter(|rule| set >> rule & 1 != 0).collect::<Vec<_>>()
                    ))
                    .map(usize::count_ones)
                    .min();
                prop_assert_eq!(fewest, Some(shadowed.by.len() as u32));
                for at in 0..shadowed.by.len() {
                    let mut fewer = shadowed.by.clone();
                    fewer.remove(at);
                    prop_assert!(!takes_all(&fewer), "{:?} is more than needed", shadowed);
                }
            }
            if let Some(redundant) = redundant {
                for &other in &redundant.by {
                    prop_assert!(other > number);
                    prop_assert_eq!(level.rules[other].access, rule.access);
                }
            }
        }
    }

    #[test]
    fn correlated_pairs_share_packets_and_have_others(level in any_level()) {
        let found = anomalies(&level).correlated;
        let (packets, universe) = (packets_everywhere(), everything());
        for later in 0..level.rules.len() {
            for earlier in 0..later {
                let (one, other) = (&level.rules[earlier], &level.rules[later]);
                let some = |first: bool, second: bool| packets.iter().any(|(probe, _)| {
                    naive_match(one, probe).0 == first && naive_match(other, probe).0 == second
                });
                let shared = overlap(one, other);
                prop_assert_eq!(shared.is_some(), some(true, true));
                for (probe, _) in &packets {
                    let both = naive_match(one, probe).0 && naive_match(other, probe).0;
                    prop_assert_eq!(shared.as_ref().is_some_and(|cube| inside(cube, probe)), both);
                }
                let expected = one.access != other.access
                    && !one.is_default
                    && !other.is_default
                    && some(true, true)
                    && some(true, false)
                    && some(false, true);
                if let Some(cube) = &shared {
                    let within = Cube {
                        source: cube.source.intersection(&universe.source),
                        destination: cube.destination.intersection(&universe.destination),
                        ..cube.clone()
                    };
                    let weight: u128 = packets_of(&within).iter().map(|(_, weight)| weight).sum();
                    prop_assert_eq!(overlap::packets(&within).exact(), Some(weight));
                }
                let pair = Correlated { earlier, later };
                prop_assert_eq!(found.contains(&pair), expected, "{:?}", pair);
            }
        }
    }
}

#[test]
fn a_rule_that_two_others_cover_names_both_and_one_that_a_default_repeats_says_so() {
    let rule = |source: &str, access: crate::net::Decision| Rule {
        source: Addresses {
            known: PrefixSet::parse([source]).unwrap(),
            unknown: Vec::new(),
        },
        is_default: false,
        ..default_rule(access)
    };
    let level = Level {
        kind: LevelKind::Subnet,
        name: "nsg".to_owned(),
        id: String::new(),
        rules: vec![
            rule("10.0.0.0/25", crate::net::Decision::Allow),
            rule("10.0.0.64/26", crate::net::Decision::Allow),
            rule("10.0.0.128/25", crate::net::Decision::Deny),
            rule("10.0.0.0/24", crate::net::Decision::Deny),
            rule("192.0.2.0/24", crate::net::Decision::Deny),
            default_rule(crate::net::Decision::Deny),
        ],
    };
    let found = anomalies(&level);
    let shadowed = |rule, by: &[usize], opposed| Shadowed {
        rule,
        by: by.to_vec(),
        opposed,
    };
    assert_eq!(
        found.shadowed,
        [shadowed(1, &[0], false), shadowed(3, &[0, 2], true)]
    );
    let needless: Vec<_> = found
        .redundant
        .iter()
        .map(|redundant| {
            (
                redundant.rule,
                redundant.by.clone(),
                redundant.repeats_defaults,
            )
        })
        .collect();
    // What the second deny has, the third has too.
    assert_eq!(needless, [(2, vec![3], false), (4, vec![5], true)]);
}
