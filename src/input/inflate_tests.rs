//! Tests of the inflating streams.

use super::*;
use flate2::{Compression, write::GzEncoder};
use proptest::prelude::*;
use std::io::Write;

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

fn zstd(text: &[u8]) -> Vec<u8> {
    zstd::encode_all(text, 3).unwrap()
}

fn text() -> Vec<u8> {
    (0..3000u32)
        .flat_map(|at| format!("{},", at * at).into_bytes())
        .collect()
}

/// All bytes before the end or the error, and the error's fault.
fn read(compressed: &[u8], limits: &Limits) -> (Vec<u8>, Option<FaultKind>) {
    let codec = Codec::of(compressed).unwrap();
    let source = Box::new(Cursor::new(compressed.to_vec()));
    drain(inflate(source, codec, limits).unwrap())
}

fn drain(mut stream: Bytes) -> (Vec<u8>, Option<FaultKind>) {
    let mut bytes = Vec::new();
    let fault = stream.read_to_end(&mut bytes).err();
    if fault.is_some() {
        assert_eq!(
            stream.read(&mut [0; 8]).unwrap(),
            0,
            "nothing after an error"
        );
    }
    (bytes, fault.as_ref().map(stream_fault))
}

#[test]
fn members_frames_and_padding_are_one_text() {
    let whole = [text(), text()].concat();
    let limits = Limits::default();
    let padding = vec![0; 70_000];
    for compressed in [
        [gzip(&text()), gzip(&text())].concat(),
        [
            gzip(&text()),
            gzip(b""),
            padding.clone(),
            gzip(&text()),
            padding,
        ]
        .concat(),
        [zstd(&text()), zstd(&text())].concat(),
        [
            vec![0x50, 0x2a, 0x4d, 0x18, 2, 0, 0, 0, 9, 9],
            zstd(&text()),
            zstd(&text()),
        ]
        .concat(),
    ] {
        assert_eq!(read(&compressed, &limits), (whole.clone(), None));
    }
}

#[test]
fn one_nested_level_is_inflated_and_no_more() {
    let limits = Limits::default();
    for twice in [
        gzip(&gzip(&text())),
        zstd(&gzip(&text())),
        gzip(&zstd(&text())),
    ] {
        assert_eq!(read(&twice, &limits), (text(), None));
    }
    let once = gzip(&text());
    assert_eq!(read(&gzip(&gzip(&once)), &limits), (once, None));
}

#[test]
fn damage_is_told_from_an_unreadable_source() {
    let limits = Limits::default();
    let mut compressed = gzip(&text());
    let trailer = compressed.len() - 8;
    compressed[trailer] ^= 1;
    let (bytes, fault) = read(&compressed, &limits);
    assert_eq!(bytes, text(), "a wrong checksum is told after the text");
    assert_eq!(fault, Some(FaultKind::DamagedCompression));

    let garbage = [gzip(&text()), b"garbage".to_vec()].concat();
    assert_eq!(
        read(&garbage, &limits),
        (text(), Some(FaultKind::DamagedCompression))
    );

    let half = Cursor::new(gzip(&text())[..900].to_vec());
    let broken = Fails(Some(io::Error::other("the disk is gone")));
    let stream = inflate(Box::new(half.chain(broken)), Codec::Gzip, &limits).unwrap();
    let (bytes, fault) = drain(stream);
    assert!(text().starts_with(&bytes) && !bytes.is_empty());
    assert_eq!(fault, Some(FaultKind::Unreadable));
}

#[test]
fn a_file_that_is_only_a_magic_number_is_damaged() {
    for head in [&[0x1f, 0x8b, 8][..], &[0x28, 0xb5, 0x2f, 0xfd]] {
        let (bytes, fault) = read(head, &Limits::default());
        assert_eq!(
            (bytes.len(), fault),
            (0, Some(FaultKind::DamagedCompression))
        );
    }
}

#[test]
fn what_inflates_beyond_the_limits_is_stopped() {
    let limits = Limits {
        inflate_bytes: 10_000,
        ..Limits::default()
    };
    let (bytes, fault) = read(&gzip(&text()), &limits);
    assert_eq!(fault, Some(FaultKind::CompressionBomb));
    assert!(bytes.len() > 10_000 && text().starts_with(&bytes));

    let bomb = zstd(&vec![0; 1 << 20]);
    assert_eq!(read(&bomb, &Limits::default()).1, None, "too small to harm");
    let (taken, size) = (Arc::new(AtomicU64::new(0)), bomb.len());
    let inner = Codec::Zstd
        .decoder(steady(Box::new(Cursor::new(bomb)), &taken))
        .unwrap();
    let (bytes, fault) = drain(Box::new(Limited {
        inner,
        taken,
        given: 0,
        ratio_free: 1000,
        limits: Limits::default(),
        over: false,
    }));
    assert_eq!(fault, Some(FaultKind::CompressionBomb));
    assert!(bytes.len() < 1 << 20 && bytes.len() > 1000 * size);
}

#[test]
fn a_window_beyond_the_limit_is_refused() {
    // A frame header that asks for a window of 2 GiB.
    let frame = [0x28, 0xb5, 0x2f, 0xfd, 0x00, 0xa8, 1, 0, 0];
    let (_, fault) = read(&frame, &Limits::default());
    assert_eq!(fault, Some(FaultKind::DamagedCompression));
}

#[test]
fn a_cut_at_every_byte_gives_a_prefix_and_then_a_fault() {
    let text = &text()[..4000];
    for whole in [gzip(text), zstd(text)] {
        for cut in MAGIC..whole.len() {
            let (bytes, fault) = read(&whole[..cut], &Limits::default());
            assert!(text.starts_with(&bytes), "{cut}");
            assert_eq!(fault, Some(FaultKind::DamagedCompression), "{cut}");
        }
    }
    let (bytes, _) = read(&gzip(text)[..gzip(text).len() - 8], &Limits::default());
    assert_eq!(bytes, text, "all that inflates is delivered");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn any_split_into_members_is_the_same_text(cuts in proptest::collection::vec(0usize..14_000, 0..6)) {
        let text = text();
        let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(text.len())).collect();
        cuts.extend([0, text.len()]);
        cuts.sort_unstable();
        let members: Vec<u8> = cuts
            .windows(2)
            .flat_map(|cut| gzip(&text[cut[0]..cut[1]]))
            .collect();
        prop_assert_eq!(read(&members, &Limits::default()), (text, None));
    }

    #[test]
    fn damaged_bytes_never_panic(at in 0usize..400, byte: u8) {
        for mut whole in [gzip(&text()[..800]), zstd(&text()[..800])] {
            let at = MAGIC + at % (whole.len() - MAGIC);
            whole[at] = byte;
            read(&whole, &Limits::default());
        }
    }
}
