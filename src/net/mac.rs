//! MAC addresses of logged network interfaces.

/// A 48-bit MAC address, the name Azure gives a logged network interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mac(pub u64);

impl Mac {
    /// Reads `00224812AB34`, `00-22-48-12-AB-34` or `00:22:48:12:ab:34`.
    pub fn parse(text: &[u8]) -> Option<Self> {
        let mut value = 0u64;
        let mut digits = 0;
        for &byte in text {
            if matches!(byte, b'-' | b':') {
                continue;
            }
            value = value << 4 | (byte as char).to_digit(16)? as u64;
            digits += 1;
            if digits > 12 {
                return None;
            }
        }
        (digits == 12).then_some(Self(value))
    }
}

/// Reads addresses of which most are the one before, again.
#[derive(Debug, Default)]
pub struct LastMac {
    text: Vec<u8>,
    mac: Option<Mac>,
}

impl LastMac {
    /// Longest text that is remembered: longer ones are no address.
    const LONGEST: usize = 64;

    /// What [`Mac::parse`] says of the text.
    #[inline]
    pub fn parse(&mut self, text: &[u8]) -> Option<Mac> {
        if text.len() > Self::LONGEST {
            return Mac::parse(text);
        }
        if self.text != text {
            self.mac = Mac::parse(text);
            self.text.clear();
            self.text.extend_from_slice(text);
        }
        self.mac
    }
}

impl std::fmt::Display for Mac {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(&format!("{:012X}", self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_that_azure_uses_is_one_address() {
        for text in ["00224812AB34", "00-22-48-12-AB-34", "00:22:48:12:ab:34"] {
            assert_eq!(
                Mac::parse(text.as_bytes()),
                Some(Mac(0x0022_4812_AB34)),
                "{text}"
            );
        }
        assert_eq!(Mac(0x0022_4812_AB34).to_string(), "00224812AB34");
    }

    #[test]
    fn what_is_not_twelve_digits_is_no_address() {
        for text in ["", "0022", "00224812AB3", "00224812AB345", "00224812AB3G"] {
            assert_eq!(Mac::parse(text.as_bytes()), None, "{text}");
        }
    }
}
