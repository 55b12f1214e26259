//! Files made for tests.

/// How a pcap file is written.
pub(super) struct Pcap {
    pub(super) big: bool,
    pub(super) magic: u32,
    pub(super) version: (u16, u16),
    pub(super) snap: u32,
    pub(super) link: u32,
}

impl Default for Pcap {
    fn default() -> Self {
        Self {
            big: false,
            magic: 0xa1b2_c3d4,
            version: (2, 4),
            snap: 65_535,
            link: 1,
        }
    }
}

/// Bytes of a number in a byte order.
pub(super) fn word(big: bool, number: u32) -> [u8; 4] {
    if big {
        number.to_be_bytes()
    } else {
        number.to_le_bytes()
    }
}

pub(super) fn half(big: bool, number: u16) -> [u8; 2] {
    if big {
        number.to_be_bytes()
    } else {
        number.to_le_bytes()
    }
}

impl Pcap {
    pub(super) fn head(&self) -> Vec<u8> {
        let mut file = word(self.big, self.magic).to_vec();
        file.extend(half(self.big, self.version.0));
        file.extend(half(self.big, self.version.1));
        for number in [0, 0, self.snap, self.link] {
            file.extend(word(self.big, number));
        }
        file
    }

    /// A record: second and two microseconds, the two lengths as they stand, and the bytes.
    pub(super) fn record(&self, second: u32, lengths: (u32, u32), data: &[u8]) -> Vec<u8> {
        let mut record = Vec::new();
        for number in [second, 2, lengths.0, lengths.1] {
            record.extend(word(self.big, number));
        }
        if self.magic == 0xa1b2_cd34 {
            record.extend([9; 8]);
        }
        record.extend(data);
        record
    }

    /// A file of packets: second and length.
    pub(super) fn file(&self, packets: &[(u32, usize)]) -> Vec<u8> {
        let mut file = self.head();
        for &(second, length) in packets {
            let data = vec![0xee; length];
            let kept = length as u32;
            file.extend(self.record(second, (kept, kept + 4), &data));
        }
        file
    }
}

/// A block of a pcapng file, its body padded.
pub(super) fn block(big: bool, kind: u32, body: &[u8]) -> Vec<u8> {
    let padded = body.len().next_multiple_of(4);
    let length = word(big, padded as u32 + 12);
    let mut block = word(big, kind).to_vec();
    block.extend(length);
    block.extend(body);
    block.resize(8 + padded, 0);
    block.extend(length);
    block
}

/// A section header that claims a length.
pub(super) fn section(big: bool, length: u64) -> Vec<u8> {
    let mut body = word(big, 0x1a2b_3c4d).to_vec();
    body.extend(half(big, 1));
    body.extend(half(big, 0));
    body.extend(if big {
        length.to_be_bytes()
    } else {
        length.to_le_bytes()
    });
    block(big, 0x0a0d_0d0a, &body)
}

/// An interface with options that are given as bytes.
pub(super) fn interface(big: bool, link: u16, snap: u32, options: &[u8]) -> Vec<u8> {
    let mut body = half(big, link).to_vec();
    body.extend([0, 0]);
    body.extend(word(big, snap));
    body.extend(options);
    block(big, 1, &body)
}

/// An enhanced packet block.
pub(super) fn enhanced(big: bool, interface: u32, ticks: u64, data: &[u8]) -> Vec<u8> {
    let kept = data.len() as u32;
    let mut body = Vec::new();
    for number in [
        interface,
        (ticks >> 32) as u32,
        ticks as u32,
        kept,
        kept + 4,
    ] {
        body.extend(word(big, number));
    }
    body.extend(data);
    block(big, 6, &body)
}

/// A file of one section and interface, and packets: second and length.
pub(super) fn pcapng(big: bool, packets: &[(u32, usize)]) -> Vec<u8> {
    let mut file = section(big, u64::MAX);
    file.extend(interface(big, 1, 0, &[]));
    for &(second, length) in packets {
        let ticks = u64::from(second) * 1_000_000 + 2;
        file.extend(enhanced(big, 0, ticks, &vec![0xee; length]));
    }
    file
}
