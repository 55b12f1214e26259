//! Every file that fuzzing starts from, or once failed on, through the same bodies on stable.

#[expect(dead_code, reason = "parts of it are for other tests")]
#[path = "../fuzz/bodies.rs"]
mod bodies;

use std::path::Path;

fn replay(target: &str, body: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("testdata/fuzz")
        .join(target);
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .expect("a folder of files")
        .map(|entry| entry.expect("a file").path())
        .collect();
    files.sort();
    assert!(!files.is_empty(), "files of {target}");
    for file in files {
        let bytes = std::fs::read(&file).expect("a file");
        let result = std::panic::catch_unwind(|| body(&bytes));
        assert!(result.is_ok(), "{} fails", file.display());
    }
}

#[test]
fn flow_log() {
    replay("flow_log", bodies::flow_log);
}

#[test]
fn tuple() {
    replay("tuple", bodies::tuple);
}

#[test]
fn segments() {
    replay("segments", bodies::segments);
}

#[test]
fn traffic_analytics() {
    replay("traffic_analytics", bodies::traffic_analytics);
}

#[test]
fn blob_path() {
    replay("blob_path", bodies::blob_path);
}

#[test]
fn sniff() {
    replay("sniff", bodies::sniff);
}
