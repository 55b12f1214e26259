//! Capture files: pcap and pcapng.

use std::fs::File;
use std::io::{self, BufWriter, Write as _};
use std::path::Path;

/// Longest frame that the file says it would hold.
const SNAP_LENGTH: u32 = 262_144;
const ETHERNET: u32 = 1;

/// A capture being written.
#[derive(Debug)]
pub(crate) struct Capture {
    out: BufWriter<File>,
    pcapng: bool,
    nanoseconds: bool,
    pub(crate) packets: u64,
    pub(crate) bytes: u64,
}

/// Bytes of the file for each packet, besides its frame and padding.
pub(crate) fn around(pcapng: bool) -> u64 {
    if pcapng { 32 } else { 16 }
}

impl Capture {
    pub(crate) fn create(path: &Path, pcapng: bool, nanoseconds: bool) -> io::Result<Self> {
        let mut head = Vec::new();
        if pcapng {
            words(&mut head, &[0x0a0d_0d0a, 28, 0x1a2b_3c4d, 1]);
            // A section of unknown length.
            words(&mut head, &[u32::MAX, u32::MAX, 28]);
            words(&mut head, &[1, 32, ETHERNET, SNAP_LENGTH]);
            // Option 9, a byte: the resolution of the times, as a power of ten.
            let resolution = if nanoseconds { 9 } else { 6 };
            words(&mut head, &[0x0001_0009, resolution, 0, 32]);
        } else {
            let magic = if nanoseconds {
                0xa1b2_3c4d
            } else {
                0xa1b2_c3d4
            };
            words(
                &mut head,
                &[magic, 0x0004_0002, 0, 0, SNAP_LENGTH, ETHERNET],
            );
        }
        let mut out = BufWriter::with_capacity(1 << 20, File::create(path)?);
        out.write_all(&head)?;
        Ok(Self {
            out,
            pcapng,
            nanoseconds,
            packets: 0,
            bytes: head.len() as u64,
        })
    }

    /// A time as the file can say it.
    pub(crate) fn rounded(&self, nanoseconds: u64) -> u64 {
        if self.nanoseconds {
            nanoseconds
        } else {
            nanoseconds / 1_000 * 1_000
        }
    }

    pub(crate) fn write(&mut self, time: u64, frame: &[u8]) -> io::Result<()> {
        let unit = if self.nanoseconds { 1 } else { 1_000 };
        let length = frame.len() as u32;
        let mut head = Vec::with_capacity(28);
        let padding = if self.pcapng {
            let padding = frame.len().wrapping_neg() % 4;
            let ticks = time / unit;
            let whole = 32 + length + padding as u32;
            let (high, low) = ((ticks >> 32) as u32, ticks as u32);
            words(&mut head, &[6, whole, 0, high, low, length, length]);
            padding
        } else {
            let second = 1_000_000_000;
            let (seconds, rest) = (time / second, time % second / unit);
            words(&mut head, &[seconds as u32, rest as u32, length, length]);
            0
        };
        self.out.write_all(&head)?;
        self.out.write_all(frame)?;
        if self.pcapng {
            self.out.write_all(&[0; 3][..padding])?;
            let whole = 32 + length + padding as u32;
            self.out.write_all(&whole.to_le_bytes())?;
        }
        self.packets += 1;
        self.bytes += around(self.pcapng) + frame.len() as u64 + padding as u64;
        Ok(())
    }

    pub(crate) fn finish(mut self) -> io::Result<()> {
        self.out.flush()
    }
}

fn words(out: &mut Vec<u8>, words: &[u32]) {
    for word in words {
        out.extend_from_slice(&word.to_le_bytes());
    }
}
