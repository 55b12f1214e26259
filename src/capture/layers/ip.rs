//! IPv4 and IPv6 headers, and the extension headers that follow.

use std::net::IpAddr;

use etherparse::{
    IpAuthHeaderSlice, Ipv4HeaderSlice, Ipv6FragmentHeaderSlice, Ipv6HeaderSlice,
    Ipv6RawExtHeaderSlice, err::ip_auth,
};

use super::view::{View, malformed};
use crate::capture::packet::{Fragment, Skip, number};

/// How many extension headers are skipped.
const LIMIT: usize = 16;

const HOP_BY_HOP: u8 = 0;
const ROUTING: u8 = 43;
const FRAGMENT: u8 = 44;
const AUTHENTICATION: u8 = 51;
const NONE: u8 = 59;
const DESTINATION: u8 = 60;
const MOBILITY: u8 = 135;
const HOST_IDENTITY: u8 = 139;
const SHIM6: u8 = 140;

/// What IP headers say.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ip<'a> {
    pub(super) source: u128,
    pub(super) destination: u128,
    pub(super) is_v6: bool,
    /// What follows the headers.
    pub(super) protocol: u8,
    /// Bytes of the whole packet, by its own length field.
    pub(super) length: usize,
    /// Bytes of the headers.
    pub(super) headers: usize,
    pub(super) fragment: Option<Fragment>,
    /// What follows the headers, without what follows the packet.
    pub(super) body: View<'a>,
}

impl Ip<'_> {
    /// Whether it is a fragment that begins in the middle: no header follows.
    pub(super) fn is_later_fragment(&self) -> bool {
        self.fragment.is_some_and(|fragment| !fragment.first)
    }
}

/// Reads IP headers.
pub(super) fn parse(view: View<'_>) -> Result<Ip<'_>, Skip> {
    let ip = fixed(view)?;
    if ip.length < ip.headers {
        return Err(malformed(format!(
            "IPv4 total length: at least {} expected, {} found",
            ip.headers, ip.length
        )));
    }
    extensions(ip)
}

/// Reads what an error message quotes: [`parse`] without trust in lengths, which some hosts change
/// before they quote, and satisfied with addresses.
pub(super) fn parse_quoted(view: View<'_>) -> Option<Ip<'_>> {
    let mut ip = fixed(view).ok()?;
    ip.body = view.skip(ip.headers);
    let nothing = ip.body.limit(0);
    Some(extensions(ip).unwrap_or(Ip {
        body: nothing,
        ..ip
    }))
}

/// Reads the header without extensions.
fn fixed(view: View<'_>) -> Result<Ip<'_>, Skip> {
    let [first] = view.header("IP header")?;
    match first >> 4 {
        4 => fixed_v4(view, usize::from(first & 15) * 4),
        6 => fixed_v6(view),
        version => Err(malformed(format!(
            "IP version: 4 or 6 expected, {version} found"
        ))),
    }
}

fn fixed_v4(view: View<'_>, headers: usize) -> Result<Ip<'_>, Skip> {
    if headers < 20 {
        return Err(malformed(format!(
            "IPv4 header length: at least 20 expected, {headers} found"
        )));
    }
    let Ok(header) = Ipv4HeaderSlice::from_slice(view.bytes) else {
        return Err(view.lacks(headers, "IPv4 header"));
    };
    let length = match usize::from(header.total_len()) {
        // The network card was to cut it up, and to write the lengths.
        0 => view.wire,
        length => length,
    };
    let offset = header.fragments_offset().value();
    let fragment = (offset > 0 || header.more_fragments()).then(|| Fragment {
        id: u32::from(header.identification()),
        first: offset == 0,
    });
    Ok(Ip {
        source: number(IpAddr::V4(header.source_addr())),
        destination: number(IpAddr::V4(header.destination_addr())),
        is_v6: false,
        protocol: header.protocol().0,
        length,
        headers,
        fragment,
        body: view.limit(length).skip(headers),
    })
}

fn fixed_v6(view: View<'_>) -> Result<Ip<'_>, Skip> {
    let Ok(header) = Ipv6HeaderSlice::from_slice(view.bytes) else {
        return Err(view.lacks(40, "IPv6 header"));
    };
    let protocol = header.next_header().0;
    let length = match usize::from(header.payload_length()) {
        // As in IPv4, or a jumbogram, which no link of a capture has.
        0 if protocol != NONE => view.wire,
        length => 40 + length,
    };
    Ok(Ip {
        source: number(IpAddr::V6(header.source_addr())),
        destination: number(IpAddr::V6(header.destination_addr())),
        is_v6: true,
        protocol,
        length,
        headers: 40,
        fragment: None,
        body: view.limit(length).skip(40),
    })
}

/// Skips extension headers. Those after a fragment header are in the first fragment only, and IPv4
/// has but one.
fn extensions(mut ip: Ip<'_>) -> Result<Ip<'_>, Skip> {
    for _ in 0..LIMIT {
        if ip.is_later_fragment() || !(ip.is_v6 || ip.protocol == AUTHENTICATION) {
            return Ok(ip);
        }
        let (next, length) = match ip.protocol {
            HOP_BY_HOP | ROUTING | DESTINATION | MOBILITY | HOST_IDENTITY | SHIM6 => {
                options(ip.body)?
            }
            FRAGMENT => fragment(&mut ip)?,
            AUTHENTICATION => authentication(ip.body)?,
            _ => return Ok(ip),
        };
        if next == NONE && matches!(ip.protocol, MOBILITY | HOST_IDENTITY | SHIM6) {
            // A message of its own: its number says more than that nothing follows.
            return Ok(ip);
        }
        ip.protocol = next;
        ip.headers += length;
        ip.body = ip.body.skip(length);
    }
    Err(malformed(format!(
        "at most {LIMIT} extension headers expected, found more"
    )))
}

/// The next header's number and the length of one that says its length in eights.
fn options(body: View<'_>) -> Result<(u8, usize), Skip> {
    match Ipv6RawExtHeaderSlice::from_slice(body.bytes) {
        Ok(header) => Ok((header.next_header().0, header.slice().len())),
        Err(error) => Err(body.lacks(error.required_len, "IPv6 extension header")),
    }
}

fn fragment(ip: &mut Ip<'_>) -> Result<(u8, usize), Skip> {
    let Ok(header) = Ipv6FragmentHeaderSlice::from_slice(ip.body.bytes) else {
        return Err(ip.body.lacks(8, "IPv6 fragment header"));
    };
    // One that is the whole packet is no fragment (RFC 6946).
    if header.is_fragmenting_payload() {
        ip.fragment = Some(Fragment {
            id: header.identification(),
            first: header.fragment_offset().value() == 0,
        });
    }
    Ok((header.next_header().0, header.slice().len()))
}

fn authentication(body: View<'_>) -> Result<(u8, usize), Skip> {
    match IpAuthHeaderSlice::from_slice(body.bytes) {
        Ok(header) => Ok((header.next_header().0, header.slice().len())),
        Err(ip_auth::HeaderSliceError::Len(error)) => {
            Err(body.lacks(error.required_len, "authentication header"))
        }
        Err(ip_auth::HeaderSliceError::Content(_)) => Err(malformed(
            "authentication header length: at least 1 expected, 0 found".to_owned(),
        )),
    }
}
