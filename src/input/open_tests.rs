//! Tests of opening.

use super::*;
use crate::input::{PlanOptions, stream_fault};
use std::fs;
use std::path::PathBuf;

fn plan_of(name: &str, bytes: &[u8]) -> (tempfile::TempDir, Plan) {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join(name), bytes).unwrap();
    let plan = Plan::new(&[folder.path()], &PlanOptions::default()).unwrap();
    (folder, plan)
}

fn stream_text(opened: Opened) -> String {
    let Opened::Stream(mut stream) = opened else {
        panic!("a stream was expected, not {opened:?}");
    };
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    text
}

#[test]
fn a_plain_file_is_seekable_and_at_its_start() {
    for text in ["", "{", "{\"records\":[]}"] {
        let (_folder, plan) = plan_of("x.gz", text.as_bytes());
        let Opened::Seekable { mut file, length } = plan.open(0, &Limits::default()).unwrap()
        else {
            panic!("the name does not make it compressed");
        };
        let mut read = String::new();
        file.read_to_string(&mut read).unwrap();
        assert_eq!((read.as_str(), length), (text, text.len() as u64));
    }
}

#[test]
fn compressed_files_are_streams_small_or_large() {
    // Noise, so that the large one stays large when compressed.
    let noise = |count: u32| -> String {
        let mut state = 1u32;
        (0..count)
            .map(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                char::from(b' ' + (state >> 24) as u8 % 90)
            })
            .collect()
    };
    for text in [noise(10), noise(1_000_000)] {
        let packed = zstd::encode_all(text.as_bytes(), 1).unwrap();
        let (_folder, plan) = plan_of("x.json", &packed);
        let opened = plan.open(0, &Limits::default()).unwrap();
        assert!(stream_text(opened) == text);
    }
}

#[test]
fn the_fault_of_a_large_stream_passes_the_thread() {
    let text: Vec<u8> = (0..500_000u32).flat_map(u32::to_le_bytes).collect();
    let mut packed = zstd::encode_all(&text[..], 1).unwrap();
    assert!(packed.len() as u64 > SMALL + 9);
    packed.truncate(packed.len() - 9);
    let (_folder, plan) = plan_of("x", &packed);
    let Opened::Stream(mut stream) = plan.open(0, &Limits::default()).unwrap() else {
        panic!("a stream was expected");
    };
    let mut read = Vec::new();
    let error = stream.read_to_end(&mut read).unwrap_err();
    assert_eq!(stream_fault(&error), FaultKind::DamagedCompression);
    assert!(text.starts_with(&read) && read.len() > text.len() / 2);
}

#[test]
fn a_file_that_is_gone_is_a_fault() {
    let (folder, plan) = plan_of("x", b"1");
    fs::remove_file(folder.path().join("x")).unwrap();
    let fault = plan.open(0, &Limits::default()).unwrap_err();
    assert_eq!(fault.kind, FaultKind::Unreadable);
    fs::create_dir(folder.path().join("x")).unwrap();
    let fault = plan.open(0, &Limits::default()).unwrap_err();
    assert_eq!(
        (fault.kind, fault.detail.as_str()),
        (FaultKind::Unreadable, "a folder")
    );
    assert!(plan.open(Plan::NO_FILE, &Limits::default()).is_err());
}

#[cfg(unix)]
#[test]
fn named_pipes_are_streams_and_sockets_are_faults() {
    use std::os::unix::net::UnixListener;
    let folder = tempfile::tempdir().unwrap();
    let (pipe, socket) = (folder.path().join("pipe"), folder.path().join("socket"));
    let made = std::process::Command::new("mkfifo").arg(&pipe).status();
    assert!(made.unwrap().success());
    let _listener = UnixListener::bind(&socket).unwrap();

    let inside = Plan::new(&[folder.path()], &PlanOptions::default());
    assert!(inside.is_err(), "a folder's pipes and sockets are no files");

    let plan = Plan::new(&[&pipe, &socket], &PlanOptions::default()).unwrap();
    let packed = zstd::encode_all(&b"through a pipe"[..], 1).unwrap();
    let writer = std::thread::spawn(move || fs::write(pipe, packed));
    let opened = plan.open(0, &Limits::default()).unwrap();
    assert_eq!(stream_text(opened), "through a pipe");
    writer.join().unwrap().unwrap();
    let fault = plan.open(1, &Limits::default()).unwrap_err();
    assert_eq!(fault.detail, "a socket, not a file");
}

#[cfg(target_os = "linux")]
#[test]
fn files_of_the_kernel_are_streams() {
    let plan = Plan::new(&[PathBuf::from("/proc/version")], &PlanOptions::default()).unwrap();
    let opened = plan.open(0, &Limits::default()).unwrap();
    assert!(stream_text(opened).starts_with("Linux"));
}
