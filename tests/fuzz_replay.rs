//! Every file that fuzzing starts from, or once failed on, through the same bodies on stable.

#[expect(dead_code, reason = "parts of it are for other tests")]
#[path = "../fuzz/bodies.rs"]
mod bodies;

use std::path::Path;

#[test]
fn every_kept_file_passes_its_target() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/fuzz");
    for (target, body) in bodies::TARGETS {
        let files = std::fs::read_dir(folder.join(target)).expect("a folder for each target");
        let mut paths: Vec<_> = files.map(|file| file.expect("a file").path()).collect();
        paths.sort();
        assert!(!paths.is_empty(), "{target} has no file");
        for path in paths {
            let bytes = std::fs::read(&path).expect("a readable file");
            let result = std::panic::catch_unwind(|| body(&bytes));
            assert!(result.is_ok(), "{} fails", path.display());
        }
    }
}

/// Files of the targets that read documents and contracts, changed at random: as many of each as
/// `FUZZ_ROUNDS` says. The changes are the same each time, so that a failure can be had again.
#[test]
fn files_that_were_changed_at_random_pass_too() {
    let rounds = std::env::var_os("FUZZ_ROUNDS");
    let rounds = rounds.and_then(|text| text.to_str()?.parse().ok());
    let rounds: u64 = rounds.unwrap_or(100);
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/fuzz");
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    for (target, body) in bodies::TARGETS {
        if !["azure_documents", "contracts", "routing"].contains(&target) {
            continue;
        }
        let files = std::fs::read_dir(folder.join(target)).expect("a folder for each target");
        let mut paths: Vec<_> = files.map(|file| file.expect("a file").path()).collect();
        paths.sort();
        let seeds: Vec<_> = paths
            .iter()
            .map(|path| std::fs::read(path).expect("readable"))
            .collect();
        for _ in 0..rounds {
            let bytes = random.changed(&seeds);
            let result = std::panic::catch_unwind(|| body(&bytes));
            assert!(
                result.is_ok(),
                "{target} fails: {}",
                String::from_utf8_lossy(&bytes)
            );
        }
    }
}

/// xorshift64.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % bound.max(1) as u64) as usize
    }

    /// One of the seeds with up to four changes: a byte exchanged, a piece left out, doubled, or taken
    /// from another seed.
    fn changed(&mut self, seeds: &[Vec<u8>]) -> Vec<u8> {
        const LIKELY: &[u8] = b"\"{}[]:,0123456789./*-># \n\x00\xff";
        let mut bytes = seeds[self.below(seeds.len())].clone();
        for _ in 0..=self.below(4) {
            let (at, length) = (self.below(bytes.len()), 1 + self.below(24));
            let end = (at + length).min(bytes.len());
            match self.below(4) {
                0 if at < bytes.len() => bytes[at] = LIKELY[self.below(LIKELY.len())],
                1 => drop(bytes.drain(at..end)),
                2 => {
                    let piece = bytes[at..end].to_vec();
                    bytes.splice(at..at, piece);
                }
                _ => {
                    let other = &seeds[self.below(seeds.len())];
                    let from = self.below(other.len());
                    let piece = other[from..(from + length).min(other.len())].to_vec();
                    bytes.splice(at..end, piece);
                }
            }
        }
        bytes
    }
}
