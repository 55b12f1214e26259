//! The files of `testdata/fuzz/`, seeds and what fuzzing found, through the fuzz targets' bodies.

#[path = "../fuzz/bodies.rs"]
mod bodies;

use std::path::Path;

#[test]
fn every_kept_file_passes_its_target() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/fuzz");
    for (name, body) in bodies::TARGETS {
        let mut files = 0;
        for entry in std::fs::read_dir(folder.join(name)).expect("a folder for each target") {
            let path = entry.expect("a readable folder").path();
            body(&std::fs::read(&path).expect("a readable file"));
            files += 1;
        }
        assert!(files > 0, "{name} has no file");
    }
}
