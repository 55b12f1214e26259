//! Tuple text, field by field, in the order in which faults are reported.

use std::net::IpAddr;

use crate::fault::FaultKind;
use crate::flowlog::batch::{Bits, FlowState, LogKind, RecordBatch, Tuple, Wide};
use crate::net::time::LATEST;
use crate::net::{Decision, Direction};

/// What is wrong with a tuple, and what was found.
type Bad = (FaultKind, String);

/// Below this, a time counts seconds.
const SECONDS_BELOW: u64 = 100_000_000_000;

/// The fields of one tuple.
pub(super) struct Fields {
    time: i64,
    source: IpAddr,
    destination: IpAddr,
    source_port: u16,
    destination_port: u16,
    protocol: u8,
    bits: Bits,
    packets: [u64; 2],
    bytes: [u64; 2],
}

/// Reads the text of a tuple.
pub(super) fn read(text: &str) -> Result<Fields, Bad> {
    let fields: Vec<&str> = text.split(',').collect();
    let kind =
        kind(&fields).ok_or_else(|| (FaultKind::FieldCount, format!("{} fields", fields.len())))?;
    let protocol = protocol(fields[5]).ok_or_else(|| bad(FaultKind::BadProtocol, fields[5]))?;
    let time = time(fields[0]).ok_or_else(|| bad(FaultKind::BadTime, fields[0]))?;
    let source = address(fields[1])?;
    let destination = address(fields[2])?;
    let source_port = port(fields[3])?;
    let destination_port = port(fields[4])?;
    let direction = match fields[6] {
        "I" => Direction::Inbound,
        "O" => Direction::Outbound,
        other => return Err(bad(FaultKind::BadDirection, other)),
    };
    let (decision, state) = decision_and_state(kind, &fields)?;
    let [packets, bytes] = counters(kind, &fields)?;
    Ok(Fields {
        time,
        source,
        destination,
        source_port,
        destination_port,
        protocol,
        bits: Bits::new(direction, decision, state, kind),
        packets,
        bytes,
    })
}

/// What wrote the tuple, by its protocol field and the number of its fields; further fields must be
/// empty.
fn kind(fields: &[&str]) -> Option<LogKind> {
    let protocol = fields.get(5)?;
    let is_number = !protocol.is_empty() && protocol.bytes().all(|byte| byte.is_ascii_digit());
    let (kind, count) = match (is_number, fields.len()) {
        (true, 13..) => (LogKind::VnetV4, 13),
        (false, 13..) => (LogKind::NsgV2, 13),
        (false, 8..) => (LogKind::NsgV1, 8),
        _ => return None,
    };
    let beyond = &fields[count..];
    beyond.iter().all(|field| field.is_empty()).then_some(kind)
}

fn protocol(text: &str) -> Option<u8> {
    match text {
        "T" => Some(6),
        "U" => Some(17),
        "I" => Some(1),
        _ => u8::try_from(digits(text, 3)?).ok(),
    }
}

fn time(text: &str) -> Option<i64> {
    let number = digits(text, 15)?;
    let milliseconds = if number < SECONDS_BELOW {
        number * 1000
    } else {
        number
    };
    let time = i64::try_from(milliseconds).ok()?;
    (1..=LATEST.0).contains(&time).then_some(time)
}

fn address(text: &str) -> Result<IpAddr, Bad> {
    text.parse().map_err(|_| bad(FaultKind::BadAddress, text))
}

fn port(text: &str) -> Result<u16, Bad> {
    digits(text, 5)
        .and_then(|number| u16::try_from(number).ok())
        .ok_or_else(|| bad(FaultKind::BadPort, text))
}

fn decision_and_state(kind: LogKind, fields: &[&str]) -> Result<(Decision, FlowState), Bad> {
    let decision = match (kind, fields[7]) {
        (LogKind::VnetV4, "D") => return encryption(fields[8], Decision::Deny, FlowState::Begin),
        (LogKind::VnetV4, letter) => {
            return encryption(fields[8], Decision::Allow, state(letter)?);
        }
        (_, "A") => Decision::Allow,
        (_, "D") => Decision::Deny,
        (_, other) => return Err(bad(FaultKind::BadState, other)),
    };
    if kind == LogKind::NsgV1 {
        return Ok((decision, FlowState::None));
    }
    Ok((decision, state(fields[8])?))
}

/// Passes decision and state on if the encryption field is well formed.
fn encryption(
    text: &str,
    decision: Decision,
    state: FlowState,
) -> Result<(Decision, FlowState), Bad> {
    if text
        .bytes()
        .all(|byte| byte.is_ascii_alphabetic() || byte == b'_')
    {
        Ok((decision, state))
    } else {
        Err(bad(FaultKind::BadState, text))
    }
}

fn state(letter: &str) -> Result<FlowState, Bad> {
    match letter {
        "B" => Ok(FlowState::Begin),
        "C" => Ok(FlowState::Continue),
        "E" => Ok(FlowState::End),
        other => Err(bad(FaultKind::BadState, other)),
    }
}

/// Packets and bytes, each source to destination and back.
fn counters(kind: LogKind, fields: &[&str]) -> Result<[[u64; 2]; 2], Bad> {
    if kind == LogKind::NsgV1 {
        return Ok([[0; 2]; 2]);
    }
    let counter = |text: &str| match text {
        "" => Ok(0),
        _ => digits(text, 19).ok_or_else(|| bad(FaultKind::BadCounter, text)),
    };
    let [packets, bytes] = [counter(fields[9])?, counter(fields[10])?];
    let [packets_back, bytes_back] = [counter(fields[11])?, counter(fields[12])?];
    Ok([[packets, packets_back], [bytes, bytes_back]])
}

/// One to `most` ASCII digits.
fn digits(text: &str, most: usize) -> Option<u64> {
    let all_digits = text.bytes().all(|byte| byte.is_ascii_digit());
    (all_digits && text.len() <= most).then_some(())?;
    text.parse().ok()
}

fn bad(kind: FaultKind, found: &str) -> Bad {
    (kind, format!("found {found:?}"))
}

impl Fields {
    /// Adds the tuple to the batch's next group: narrow if it fits, else wide.
    pub(super) fn store(self, batch: &mut RecordBatch, offset: u32) {
        let mut tuple = Tuple {
            time: self.time,
            source_port: self.source_port,
            destination_port: self.destination_port,
            group: batch.groups.len() as u16,
            protocol: self.protocol,
            bits: self.bits,
            offset,
            ..Tuple::default()
        };
        let counters = self.packets.iter().chain(&self.bytes);
        let fits = counters.max() <= Some(&u64::from(u32::MAX));
        match (self.source, self.destination) {
            (IpAddr::V4(source), IpAddr::V4(destination)) if fits => {
                tuple.source = source.into();
                tuple.destination = destination.into();
                tuple.packets = self.packets.map(|count| count as u32);
                tuple.bytes = self.bytes.map(|count| count as u32);
            }
            _ => {
                tuple.bits.0 |= Bits::WIDE;
                tuple.source = batch.wide.len() as u32;
                let begun = matches!(self.bits.state(), FlowState::Begin | FlowState::None);
                batch.wide.push(Wide {
                    source: self.source,
                    destination: self.destination,
                    packets: self.packets,
                    bytes: self.bytes,
                    flows: u32::from(begun),
                    last: self.time,
                });
            }
        }
        batch.tuples.push(tuple);
    }
}
