//! Bytes of a document to JSON: the encodings that command lines write.

use std::borrow::Cow;

use serde_json::Value;

/// Reads JSON in UTF-8, with or without byte order mark, or in the UTF-16 of `PowerShell`'s `>`.
pub(in crate::environment) fn decode(bytes: &[u8]) -> Result<Value, String> {
    let text = utf8(bytes)?;
    serde_json::from_slice(&text).map_err(|error| format!("it is no JSON: {error}"))
}

fn utf8(bytes: &[u8]) -> Result<Cow<'_, [u8]>, String> {
    let little = |pair: &[u8]| u16::from_le_bytes([pair[0], pair[1]]);
    let big = |pair: &[u8]| u16::from_be_bytes([pair[0], pair[1]]);
    if let Some(rest) = bytes.strip_prefix(b"\xFF\xFE") {
        utf16(rest, little).map(Cow::Owned)
    } else if let Some(rest) = bytes.strip_prefix(b"\xFE\xFF") {
        utf16(rest, big).map(Cow::Owned)
    } else {
        Ok(bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes).into())
    }
}

fn utf16(bytes: &[u8], unit: fn(&[u8]) -> u16) -> Result<Vec<u8>, String> {
    if !bytes.len().is_multiple_of(2) {
        return Err("its UTF-16 text is cut off".to_owned());
    }
    char::decode_utf16(bytes.chunks_exact(2).map(unit))
        .collect::<Result<String, _>>()
        .map(String::into_bytes)
        .map_err(|_| "it is no UTF-16 text, as its first bytes say".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_encoding_of_a_command_line_is_read() {
        let expected = serde_json::json!({"name": "Küche"});
        let text = r#"{"name": "Küche"}"#;
        let units: Vec<u16> = "\u{FEFF}"
            .encode_utf16()
            .chain(text.encode_utf16())
            .collect();
        let little: Vec<u8> = units.iter().flat_map(|unit| unit.to_le_bytes()).collect();
        let big: Vec<u8> = units.iter().flat_map(|unit| unit.to_be_bytes()).collect();
        let marked = format!("\u{FEFF}{text}").into_bytes();
        for bytes in [text.as_bytes(), &marked, &little, &big] {
            assert_eq!(decode(bytes), Ok(expected.clone()));
        }
        assert!(
            decode(&little[..little.len() - 1])
                .unwrap_err()
                .contains("cut off")
        );
        assert!(decode(b"").unwrap_err().contains("no JSON"));
    }
}
