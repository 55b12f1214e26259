//! Which files are one capture: rotated files are told by what their names have in common.

/// What the names of a capture's rotated files have in common. Numbers count for nothing where a
/// writer puts them: behind `_` or the last dot (`x.pcap1`), two digits or more behind a separator, and
/// folders that are nothing but a number, such as a day's. The 1 of `vm1.pcap` is a name's.
pub(super) fn series(path: &str) -> String {
    let mut parts: Vec<_> = path.split('/').collect();
    let name = parts.pop().unwrap_or_default();
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let folders = parts
        .into_iter()
        .map(|part| if is_number(part) { "#" } else { part });
    let mut series: String = folders.flat_map(|part| [part, "/"]).collect();
    let ending = name.rfind('.').unwrap_or(name.len());
    let mut at = 0;
    while at < name.len() {
        let rest = &name[at..];
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        if digits == 0 {
            let letter = rest.chars().next().unwrap_or_default();
            series.push(letter);
            at += letter.len_utf8();
            continue;
        }
        let behind = name[..at].chars().next_back();
        let counts = at > ending
            || behind == Some('_')
            || digits >= 2 && behind.is_none_or(|letter| !letter.is_alphanumeric());
        series.push_str(if counts { "#" } else { &rest[..digits] });
        at += digits;
    }
    series
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rotated_files_are_one_series_and_machines_are_not() {
        let same = [
            "/vm-1/2026/01/05/packetcapture_14_00_00_000.cap",
            "/vm-1/2026/01/06/packetcapture_00_15_10_123.cap",
        ];
        assert_eq!(series(same[0]), series(same[1]));
        assert_ne!(
            series(same[0]),
            series("/vm-2/2026/01/05/packetcapture_14_00_00_000.cap")
        );
        assert_eq!(series("ring_00001_2026.pcap"), "ring_#_#.pcap");
        assert_eq!(series("x.pcap1"), series("x.pcap12"));
        assert_ne!(series("vm1.pcap"), series("vm2.pcap"));
        assert_ne!(series("vm-1.pcap"), series("vm-2.pcap"));
        assert_eq!(series("x_1.pcap"), series("x_2.pcap"));
        assert_eq!(series("é1.7ü"), "é1.#ü");
    }
}
