//! However a capture is cut, its connections are the same.

#[expect(dead_code, reason = "the other bodies are for the fuzzer")]
#[path = "../fuzz/bodies.rs"]
mod bodies;

use bodies::capture_reader;
use bodies::connections::{STEP, Step, cuts_do_not_show, file};
use proptest::prelude::*;

/// So many cases, or as many as `PROPTEST_CASES` says.
fn config() -> ProptestConfig {
    let told = std::env::var_os("PROPTEST_CASES").is_some();
    ProptestConfig {
        cases: if told {
            ProptestConfig::default().cases
        } else {
            2_000
        },
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn any_sequence_of_packets_adds_up_to_the_same_in_any_pieces(
        steps in prop::collection::vec(any::<[u8; STEP]>(), 0..60),
    ) {
        let steps: Vec<Step> = steps.into_iter().map(Step::of).collect();
        cuts_do_not_show(&steps);
    }

    #[test]
    fn two_hosts_on_one_pair_of_ports_add_up_to_the_same_in_any_pieces(
        steps in prop::collection::vec((any::<[u8; STEP]>(), 0u8..2), 0..60),
    ) {
        let steps: Vec<Step> = steps
            .iter()
            .map(|&([kind, _, what, number, gap, cut], back)| {
                Step::of([kind, back << 5, what, number, gap, cut])
            })
            .collect();
        cuts_do_not_show(&steps);
    }
}

#[test]
fn a_capture_cut_at_any_byte_adds_up_to_the_same_in_any_pieces() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/fuzz");
    for name in ["ise.pcap", "sections.pcapng"] {
        let path = folder.join("capture_connections").join(name);
        let bytes = std::fs::read(path).expect("a kept file");
        for length in 0..bytes.len() {
            capture_reader(&bytes[..length]);
            file(&bytes[..length]);
        }
    }
}
