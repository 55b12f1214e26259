//! The careful tuple parser: every shape, every check, the first fault in a fixed order.
//!
//! Fields are told apart by their own look (`docs/formats.md`): a number in field 6 makes a VNet
//! tuple, anything else an NSG tuple (8 fields version 1, 13 version 2). The vector loop of
//! [`crate::simd`] takes the common shape; all else ends here.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::batch::{Bits, FlowState, LogKind, Tuple, Wide};
use crate::fault::FaultKind;
use crate::net::{Decision, Direction, prefix, time};

/// A tuple; and what does not fit it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parsed {
    /// The tuple, without group and offset. Where it is wide, `source` is not yet set.
    pub tuple: Tuple,
    /// Addresses and counters of a wide tuple.
    pub wide: Option<Wide>,
}

/// Below this a time is in seconds, from here on in milliseconds: the year 5138 and 1973.
const FIRST_MILLISECONDS: u64 = 100_000_000_000;
/// Fields of version 2 and VNet tuples.
const FIELDS: usize = 13;
/// Fields of version 1 tuples.
const FIELDS_V1: usize = 8;

/// Reads a tuple of any shape.
///
/// # Errors
/// The first fault, in the order: field count, protocol, time, source, destination, ports,
/// direction, decision or state, counters.
pub fn parse(text: &[u8]) -> Result<Parsed, FaultKind> {
    let mut fields = [&text[..0]; FIELDS];
    let count = split(text, &mut fields)?;
    let letter = fields[5].is_empty() || !fields[5].iter().all(u8::is_ascii_digit);
    let expected = if letter && count < FIELDS {
        FIELDS_V1
    } else {
        FIELDS
    };
    if count < expected
        || (count > expected
            && fields[expected..count]
                .iter()
                .any(|field| !field.is_empty()))
    {
        return Err(FaultKind::FieldCount);
    }
    let protocol = protocol(fields[5]).ok_or(FaultKind::BadProtocol)?;
    let time = time(fields[0]).ok_or(FaultKind::BadTime)?;
    let source = address(fields[1]).ok_or(FaultKind::BadAddress)?;
    let destination = address(fields[2]).ok_or(FaultKind::BadAddress)?;
    let source_port = port(fields[3]).ok_or(FaultKind::BadPort)?;
    let destination_port = port(fields[4]).ok_or(FaultKind::BadPort)?;
    let direction = match fields[6] {
        b"I" => Direction::Inbound,
        b"O" => Direction::Outbound,
        _ => return Err(FaultKind::BadDirection),
    };
    let bits = match (letter, expected) {
        (true, FIELDS_V1) => Bits::new(
            direction,
            decision(fields[7])?,
            FlowState::None,
            LogKind::NsgV1,
        ),
        (true, _) => Bits::new(
            direction,
            decision(fields[7])?,
            state(fields[8])?,
            LogKind::NsgV2,
        ),
        (false, _) => vnet_bits(direction, fields[7], fields[8])?,
    };
    let counters = if expected == FIELDS {
        counters(&fields)?
    } else {
        [0; 4]
    };
    let tuple = Tuple {
        time,
        source_port,
        destination_port,
        protocol,
        bits,
        ..Tuple::default()
    };
    Ok(complete(tuple, source, destination, counters))
}

/// Cuts `text` at its commas; fields beyond the thirteenth must be empty.
fn split<'a>(text: &'a [u8], fields: &mut [&'a [u8]; FIELDS]) -> Result<usize, FaultKind> {
    let mut count = 0;
    let mut start = 0;
    for (at, &byte) in text.iter().enumerate() {
        if byte == b',' {
            if count < FIELDS {
                fields[count] = &text[start..at];
            } else if at > start {
                return Err(FaultKind::FieldCount);
            }
            count += 1;
            start = at + 1;
        }
    }
    if count < FIELDS {
        fields[count] = &text[start..];
    } else if text.len() > start {
        return Err(FaultKind::FieldCount);
    }
    count += 1;
    if count < FIELDS_V1 {
        Err(FaultKind::FieldCount)
    } else {
        Ok(count.min(FIELDS))
    }
}

fn complete(mut tuple: Tuple, source: IpAddr, destination: IpAddr, counters: [u64; 4]) -> Parsed {
    let [
        packets_forward,
        bytes_forward,
        packets_reverse,
        bytes_reverse,
    ] = counters;
    if let (IpAddr::V4(from), IpAddr::V4(to)) = (source, destination)
        && counters
            .iter()
            .all(|&counter| u32::try_from(counter).is_ok())
    {
        tuple.source = from.into();
        tuple.destination = to.into();
        tuple.packets = [packets_forward as u32, packets_reverse as u32];
        tuple.bytes = [bytes_forward as u32, bytes_reverse as u32];
        return Parsed { tuple, wide: None };
    }
    let begins = matches!(tuple.bits.state(), FlowState::Begin | FlowState::None);
    tuple.bits.0 |= Bits::WIDE;
    let wide = Wide {
        source,
        destination,
        packets: [packets_forward, packets_reverse],
        bytes: [bytes_forward, bytes_reverse],
        flows: u32::from(begins),
        last: tuple.time,
    };
    Parsed {
        tuple,
        wide: Some(wide),
    }
}

/// A number of ASCII digits only, at most `longest` of them.
#[inline]
fn digits(text: &[u8], longest: usize) -> Option<u64> {
    if text.is_empty() || text.len() > longest {
        return None;
    }
    let mut value = 0u64;
    for &byte in text {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        value = value.checked_mul(10)?.checked_add(digit as u64)?;
    }
    Some(value)
}

fn time(text: &[u8]) -> Option<i64> {
    let value = digits(text, 15)?;
    let milliseconds = if value < FIRST_MILLISECONDS {
        value * 1_000
    } else {
        value
    };
    (milliseconds > 0 && milliseconds <= time::LATEST.0 as u64).then_some(milliseconds as i64)
}

fn port(text: &[u8]) -> Option<u16> {
    u16::try_from(digits(text, 5)?).ok()
}

/// `T`, `U`, and `I` as third-party code has it for ICMP; or an IANA number.
fn protocol(text: &[u8]) -> Option<u8> {
    match text {
        b"T" => Some(6),
        b"U" => Some(17),
        b"I" => Some(1),
        _ => u8::try_from(digits(text, 3)?).ok(),
    }
}

fn decision(text: &[u8]) -> Result<Decision, FaultKind> {
    match text {
        b"A" => Ok(Decision::Allow),
        b"D" => Ok(Decision::Deny),
        _ => Err(FaultKind::BadState),
    }
}

fn state(text: &[u8]) -> Result<FlowState, FaultKind> {
    match text {
        b"B" => Ok(FlowState::Begin),
        b"C" => Ok(FlowState::Continue),
        b"E" => Ok(FlowState::End),
        _ => Err(FaultKind::BadState),
    }
}

/// State `D` is the denial; the field after it is encryption, whatever the state.
fn vnet_bits(
    direction: Direction,
    state_text: &[u8],
    encryption: &[u8],
) -> Result<Bits, FaultKind> {
    if !encryption
        .iter()
        .all(|&byte| byte.is_ascii_alphabetic() || byte == b'_')
    {
        return Err(FaultKind::BadState);
    }
    if state_text == b"D" {
        return Ok(Bits::new(
            direction,
            Decision::Deny,
            FlowState::Begin,
            LogKind::VnetV4,
        ));
    }
    Ok(Bits::new(
        direction,
        Decision::Allow,
        state(state_text)?,
        LogKind::VnetV4,
    ))
}

/// Packets and bytes sent, packets and bytes received; an empty field is no statement, counted 0.
fn counters(fields: &[&[u8]; FIELDS]) -> Result<[u64; 4], FaultKind> {
    let mut counters = [0; 4];
    for (counter, field) in counters.iter_mut().zip(&fields[9..]) {
        if !field.is_empty() {
            *counter = digits(field, 19).ok_or(FaultKind::BadCounter)?;
        }
    }
    Ok(counters)
}

/// An address as `std` reads it: no leading zeros in IPv4, no brackets, no zone.
fn address(text: &[u8]) -> Option<IpAddr> {
    if let Some(v4) = ipv4(text) {
        return Some(IpAddr::V4(v4));
    }
    if text.len() > 45 {
        return None;
    }
    if text.contains(&b'.') {
        // An IPv4 address within: rare.
        let text = std::str::from_utf8(text).ok()?;
        return text.parse::<Ipv6Addr>().ok().map(IpAddr::V6);
    }
    ipv6(text).map(|number| IpAddr::V6(number.into()))
}

/// What a hexadecimal digit is worth; 16 for other bytes.
static HEX: [u8; 256] = {
    let mut worth = [16; 256];
    let mut digit = 0;
    while digit < 16 {
        worth[b"0123456789abcdef"[digit] as usize] = digit as u8;
        worth[b"0123456789ABCDEF"[digit] as usize] = digit as u8;
        digit += 1;
    }
    worth
};

/// Up to eight groups of one to four hexadecimal digits; `::` once, for one group at least.
fn ipv6(text: &[u8]) -> Option<u128> {
    let (mut number, mut groups, mut before_gap) = (0u128, 0, None);
    let mut at = 0;
    if text.starts_with(b"::") {
        before_gap = Some(0);
        at = 2;
    }
    while before_gap != Some(groups) || at < text.len() {
        let start = at;
        let mut group = 0u32;
        while let Some(&digit) = text.get(at).map(|&byte| &HEX[byte as usize])
            && digit < 16
        {
            group = group << 4 | digit as u32;
            at += 1;
        }
        groups += 1;
        if !(1..=4).contains(&(at - start)) || groups > 8 {
            return None;
        }
        number = number << 16 | group as u128;
        match text[at..] {
            [] => break,
            [b':', b':', ..] if before_gap.is_none() => {
                before_gap = Some(groups);
                at += 2;
            }
            [b':', next, ..] if next != b':' => at += 1,
            _ => return None,
        }
    }
    let Some(before) = before_gap else {
        return (groups == 8).then_some(number);
    };
    if groups == 0 || groups > 7 {
        return (groups == 0).then_some(0);
    }
    let after = 16 * (groups - before);
    let gap = 16 * (8 - groups);
    let upper = number >> after << after;
    Some(upper << gap | (number ^ upper))
}

fn ipv4(text: &[u8]) -> Option<Ipv4Addr> {
    if text.len() > 15 {
        return None;
    }
    let (mut value, mut octet, mut length, mut dots) = (0u32, 0u32, 0, 0);
    for &byte in text {
        if byte == b'.' {
            if length == 0 || dots == 3 {
                return None;
            }
            value = value << 8 | octet;
            (octet, length, dots) = (0, 0, dots + 1);
            continue;
        }
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 || (length > 0 && octet == 0) {
            return None;
        }
        octet = octet * 10 + digit as u32;
        length += 1;
        if octet > 255 {
            return None;
        }
    }
    (dots == 3 && length > 0).then(|| Ipv4Addr::from(value << 8 | octet))
}

/// Mixes a tuple's content into 64 bits. Sums of these identify a record whatever the order of its
/// tuples, so that the same minute in two downloads is counted once.
#[inline]
pub fn hash(tuple: &Tuple) -> u64 {
    let addresses = (tuple.source as u64) << 32 | tuple.destination as u64;
    let rest = tuple.source_port as u64
        | (tuple.destination_port as u64) << 16
        | (tuple.protocol as u64) << 32
        | (tuple.bits.0 as u64) << 40;
    let packets = (tuple.packets[0] as u64) << 32 | tuple.packets[1] as u64;
    let bytes = (tuple.bytes[0] as u64) << 32 | tuple.bytes[1] as u64;
    fold(
        addresses ^ 0x9e37_79b9_7f4a_7c15,
        tuple.time as u64 ^ 0xd1b5_4a32_d192_ed03,
    ) ^ fold(
        rest ^ packets.rotate_left(17) ^ 0xaef1_7502_108e_f2d9,
        bytes ^ 0x8ebc_6af0_9c88_c6e3,
    )
}

/// As [`hash`], for a wide tuple.
pub fn hash_wide(tuple: &Tuple, wide: &Wide) -> u64 {
    let mut mixed = hash(&Tuple {
        source: 0,
        ..*tuple
    });
    for address in [wide.source, wide.destination] {
        let (family, number) = prefix::number(address);
        mixed = fold(
            mixed ^ number as u64 ^ family as u64,
            (number >> 64) as u64 ^ 0x5895_89e7_b5c1_3d35,
        );
    }
    for counter in wide
        .packets
        .into_iter()
        .chain(wide.bytes)
        .chain([wide.flows as u64, wide.last as u64])
    {
        mixed = fold(mixed ^ counter, 0x1d8e_4e27_c47d_124f);
    }
    mixed
}

/// High and low half of the product: the usual fast mixer.
#[inline]
pub fn fold(a: u64, b: u64) -> u64 {
    let product = a as u128 * b as u128;
    product as u64 ^ (product >> 64) as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn narrow(text: &str) -> Tuple {
        let parsed = parse(text.as_bytes()).expect(text);
        assert_eq!(parsed.wide, None, "{text}");
        parsed.tuple
    }

    proptest! {
        #[test]
        fn addresses_are_what_std_reads(text in "[0-9a-fA-F:]{0,20}|([0-9a-f]{0,5}:){0,9}[0-9a-f]{0,5}|[0-9.:f]{0,20}|(([0-9a-f]{1,4}:){0,4}:?){2}[0-9a-f]{0,4}") {
            prop_assert_eq!(address(text.as_bytes()), text.parse::<IpAddr>().ok(), "{}", text);
        }

        #[test]
        fn every_ipv6_address_is_read(number: u128, zeros: u128, more: u128) {
            for number in [number, number & zeros, number & zeros & more, number >> (zeros % 128)] {
                let address = Ipv6Addr::from(number);
                prop_assert_eq!(super::address(address.to_string().as_bytes()), Some(IpAddr::V6(address)));
            }
        }
    }

    #[test]
    fn each_format_is_known_by_its_fields() {
        let v1 = narrow("1767607200,10.30.4.5,198.51.100.7,51544,443,T,O,A");
        assert_eq!(
            (v1.bits.kind(), v1.bits.state(), v1.time),
            (LogKind::NsgV1, FlowState::None, 1_767_607_200_000)
        );
        let begin = narrow("1767607200,10.30.4.5,198.51.100.7,51544,443,T,O,A,B,,,,");
        assert_eq!(
            (begin.bits.kind(), begin.bits.state()),
            (LogKind::NsgV2, FlowState::Begin)
        );
        let end = narrow("1767607206,10.30.4.5,198.51.100.7,51544,443,T,O,A,E,12,2310,10,6502");
        assert_eq!((end.packets, end.bytes), ([12, 10], [2310, 6502]));
        let deny = narrow("1767607207789,203.0.113.9,10.30.4.5,40112,3389,6,I,D,NX,0,0,0,0");
        assert_eq!(
            (deny.bits.kind(), deny.bits.decision(), deny.bits.state()),
            (LogKind::VnetV4, Decision::Deny, FlowState::Begin)
        );
        assert_eq!(deny.time, 1_767_607_207_789);
    }

    #[test]
    fn the_field_after_a_vnet_state_is_encryption_and_never_a_decision() {
        let allowed = narrow("1767607200123,10.30.4.5,198.51.100.7,51544,443,6,O,B,D,0,0,0,0");
        assert_eq!(allowed.bits.decision(), Decision::Allow);
        narrow("1767607200123,10.30.4.5,198.51.100.7,51544,443,6,O,B,NX_HW_NOT_SUPPORTED,,,,");
    }

    #[test]
    fn ten_digit_times_of_vnet_logs_are_seconds() {
        assert_eq!(
            narrow("1708978215,192.0.2.125,192.0.2.180,35370,23,6,I,B,NX,,,,").time,
            1_708_978_215_000
        );
    }

    #[test]
    fn empty_fields_beyond_the_last_are_allowed_and_others_are_not() {
        narrow("1767607200,10.30.4.5,198.51.100.7,51544,443,T,O,A,B,,,,,");
        narrow("1767607200,10.30.4.5,198.51.100.7,51544,443,T,O,A,");
        for text in [
            "1767607200,10.30.4.5,198.51.100.7,51544,443,T,O,A,B,,,,,7",
            "1767607200,10.30.4.5,198.51.100.7,51544,443,T,O",
            "1767607200,10.30.4.5,198.51.100.7,51544,443,6,O,B,NX",
            "",
        ] {
            assert_eq!(parse(text.as_bytes()), Err(FaultKind::FieldCount), "{text}");
        }
    }

    #[test]
    fn what_does_not_fit_is_wide() {
        let v6 = parse(b"1767607200,2001:db8::1,2001:db8::2,51544,443,T,O,A,B,,,,").unwrap();
        assert_eq!(
            v6.wide.unwrap().source,
            "2001:db8::1".parse::<IpAddr>().unwrap()
        );
        let large =
            parse(b"1767607200,10.0.0.1,10.0.0.2,51544,443,T,O,A,E,1,5000000000,1,1").unwrap();
        assert_eq!(
            (large.wide.unwrap().bytes, large.wide.unwrap().flows),
            ([5_000_000_000, 1], 0)
        );
    }

    #[test]
    fn the_first_fault_is_told() {
        for (text, fault) in [
            (
                "1767607200,10.0.0.1,10.0.0.2,1,2,X,O,A,B,,,,",
                FaultKind::BadProtocol,
            ),
            (
                "1767607200x,10.0.0.1,10.0.0.2,1,2,T,O,A,B,,,,",
                FaultKind::BadTime,
            ),
            ("0,10.0.0.1,10.0.0.2,1,2,T,O,A,B,,,,", FaultKind::BadTime),
            (
                "1767607200,10.0.0.01,10.0.0.2,1,2,T,O,A,B,,,,",
                FaultKind::BadAddress,
            ),
            (
                "1767607200,10.0.0.1,10.0.0.256,1,2,T,O,A,B,,,,",
                FaultKind::BadAddress,
            ),
            (
                "1767607200,10.0.0.1,10.0.0.2,65536,2,T,O,A,B,,,,",
                FaultKind::BadPort,
            ),
            (
                "1767607200,10.0.0.1,10.0.0.2,1,,T,O,A,B,,,,",
                FaultKind::BadPort,
            ),
            (
                "1767607200,10.0.0.1,10.0.0.2,1,2,T,X,A,B,,,,",
                FaultKind::BadDirection,
            ),
            (
                "1767607200,10.0.0.1,10.0.0.2,1,2,T,O,X,B,,,,",
                FaultKind::BadState,
            ),
            (
                "1767607200,10.0.0.1,10.0.0.2,1,2,T,O,A,D,,,,",
                FaultKind::BadState,
            ),
            (
                "1767607200,10.0.0.1,10.0.0.2,1,2,6,O,A,B,,,,",
                FaultKind::BadState,
            ),
            (
                "1767607200,10.0.0.1,10.0.0.2,1,2,T,O,A,B,-1,,,",
                FaultKind::BadCounter,
            ),
            (
                "1767607200,10.0.0.1,10.0.0.2,1,2,T,O,A,B,99999999999999999999,,,",
                FaultKind::BadCounter,
            ),
        ] {
            assert_eq!(parse(text.as_bytes()), Err(fault), "{text}");
        }
    }

    proptest! {
        #[test]
        fn addresses_are_what_std_says(text in "[0-9a-f.:]{0,20}") {
            prop_assert_eq!(address(text.as_bytes()), text.parse::<IpAddr>().ok());
        }

        #[test]
        fn no_text_panics(text: Vec<u8>) {
            prop_assert_eq!(parse(&text).is_ok(), parse(&text).is_ok());
        }
    }
}
