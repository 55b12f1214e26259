//! What packets say: enough of each protocol that a dissector finds nothing malformed.

/// Fewest bytes of a packet of data: a header of any of the protocols.
pub(crate) const SHORTEST: usize = 14;

/// Fills a packet of data: a TLS record of its own, as nearly all that Azure's services say is;
/// Redis and HTTP in plain text.
pub(crate) fn data(port: u16, number: u32, payload: &mut [u8]) {
    if payload.is_empty() {
        return;
    }
    for (place, byte) in payload.iter_mut().enumerate() {
        *byte = (place as u32)
            .wrapping_add(number)
            .wrapping_mul(0x9e37_79b1)
            .to_be_bytes()[0];
    }
    let length = payload.len();
    match port {
        80 | 6_379..=6_383 => payload.fill(b'.'),
        53 => {
            // A message of its own: a header with flags, and nothing asked.
            payload.fill(0);
            payload[..2].copy_from_slice(&(length as u16 - 2).to_be_bytes());
            payload[4] = 1;
        }
        _ => {
            payload[..3].copy_from_slice(&[0x17, 3, 3]);
            payload[3..5].copy_from_slice(&(length as u16 - 5).to_be_bytes());
        }
    }
}

const NAMES: [(&[u8], &[u8]); 4] = [
    (b"logs-01", b"blob"),
    (b"sql-integration", b"database"),
    (b"hub-integration", b"servicebus"),
    (b"cache-01", b"redis"),
];

/// A query for an address of one of Azure's services, or the answer to it.
pub(crate) fn dns(id: u16, answer: bool) -> Vec<u8> {
    let (name, service) = NAMES[id as usize % NAMES.len()];
    let mut message = Vec::with_capacity(96);
    message.extend_from_slice(&id.to_be_bytes());
    message.extend_from_slice(if answer { &[0x81, 0x80] } else { &[1, 0] });
    message.extend_from_slice(&[0, 1, 0, u8::from(answer), 0, 0, 0, 0]);
    for label in [name, service, b"core", b"windows", b"net"] {
        message.push(label.len() as u8);
        message.extend_from_slice(label);
    }
    message.extend_from_slice(&[0, 0, 1, 0, 1]);
    if answer {
        // The name at offset 12, an address, for a minute.
        message.extend_from_slice(&[0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4]);
        message.extend_from_slice(&[52, 239, 140, (id >> 8) as u8]);
    }
    message
}
