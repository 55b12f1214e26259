//! Where the machine copies fast.

/// Bytes of a cache line.
pub const LINE: usize = 64;

/// Bytes before the first cache line of a buffer, less than [`LINE`].
///
/// Files are read to such places: of a copy to 1 to 31 bytes behind a line, as to where large
/// allocations begin, the kernel's `rep movsb` takes three times as long on AMD's Zen (measured in
/// `docs/performance.md`).
pub fn to_line(buffer: &[u8]) -> usize {
    buffer.as_ptr().align_offset(LINE) % LINE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_begins_within_its_length() {
        let buffer = vec![0; 4 * LINE];
        for start in 0..LINE {
            let ahead = to_line(&buffer[start..]);
            assert!(ahead < LINE);
            assert_eq!(to_line(&buffer[start + ahead..]), 0);
        }
    }
}
