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
