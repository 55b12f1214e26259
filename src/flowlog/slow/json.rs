//! A JSON value that keeps the order of members and where in the text each value is.

use super::{FLOWS_KEYS, RECORD_KEYS, WRAPPER_KEYS, is_single, skip_space};

/// Deepest nesting of objects and arrays: as `serde_json` has it.
const DEEPEST: usize = 127;
/// Most lists of tuples in a record.
const MOST_LISTS: usize = 65_535;

/// A value and its place in the text.
#[derive(Debug)]
pub(super) struct Json {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) value: Value,
}

/// A JSON value. Numbers, booleans and null are kept as they are written.
#[derive(Debug)]
pub(super) enum Value {
    Object(Vec<(String, Json)>),
    Array(Vec<Json>),
    Text(String),
    Plain(String),
}

/// Why there is no value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stop {
    /// The text ends inside it.
    Ends,
    /// It is no JSON, or no record; what was expected.
    Damaged(&'static str),
}

/// Reads the object at `at`.
pub(super) fn read(text: &[u8], at: usize) -> Result<Json, Stop> {
    let mut reader = Reader {
        text,
        at,
        depth: 0,
        lists: 0,
        is_record: true,
    };
    reader.value("", Within::Other)
}

/// A member of an object around a list of records.
#[derive(Debug)]
pub(super) enum Member {
    /// A list under a wrapper's key starts here.
    List(usize),
    /// Another value, which ends here.
    Other(usize),
}

/// Reads the member at `at`.
pub(super) fn read_member(text: &[u8], at: usize) -> Result<Member, Stop> {
    let mut reader = Reader {
        text,
        at,
        depth: 0,
        lists: 0,
        is_record: false,
    };
    if reader.next()? != b'"' {
        return Err(Stop::Damaged("a key"));
    }
    let start = reader.at + 1;
    reader.string()?;
    let key = &text[start..reader.at - 1];
    if reader.next()? != b':' {
        return Err(Stop::Damaged("a colon"));
    }
    reader.at += 1;
    let is_wrapped = WRAPPER_KEYS.iter().any(|known| known.as_bytes() == key);
    if reader.next()? == b'[' && is_wrapped {
        return Ok(Member::List(reader.at));
    }
    Ok(Member::Other(reader.value("", Within::Other)?.end))
}

/// What list an element is in.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Within {
    Flows,
    Tuples,
    Other,
}

struct Reader<'a> {
    text: &'a [u8],
    at: usize,
    depth: usize,
    lists: usize,
    /// Whether it is a record that is read: then what no record has is damage.
    is_record: bool,
}

impl Reader<'_> {
    /// The byte at the next place that is no white space.
    fn next(&mut self) -> Result<u8, Stop> {
        let rest = skip_space(&self.text[self.at..]);
        self.at = self.text.len() - rest.len();
        rest.first().copied().ok_or(Stop::Ends)
    }

    /// The value of the member `key`, or an element of a list.
    fn value(&mut self, key: &str, within: Within) -> Result<Json, Stop> {
        let first = self.next()?;
        let start = self.at;
        let is_list = matches!(first, b'{' | b'[');
        let within = if self.is_record {
            within
        } else {
            Within::Other
        };
        if is_list && within == Within::Tuples {
            return Err(Stop::Damaged("a tuple"));
        }
        if is_list && self.depth == DEEPEST {
            return Err(Stop::Damaged("at most 127 levels"));
        }
        let value = match first {
            b'{' => Value::Object(self.object(within)?),
            b'[' => Value::Array(self.array(key)?),
            b'"' => {
                let text = self.string()?;
                if is_single(key) {
                    self.count_list()?;
                }
                Value::Text(text)
            }
            _ => Value::Plain(self.plain()?),
        };
        Ok(Json {
            start,
            end: self.at,
            value,
        })
    }

    fn object(&mut self, within: Within) -> Result<Vec<(String, Json)>, Stop> {
        let mut members = Vec::new();
        (self.at, self.depth) = (self.at + 1, self.depth + 1);
        if self.next()? != b'}' {
            loop {
                if self.next()? != b'"' {
                    return Err(Stop::Damaged("a key"));
                }
                let key = self.string()?;
                if self.next()? != b':' {
                    return Err(Stop::Damaged("a colon"));
                }
                self.at += 1;
                if within == Within::Flows && RECORD_KEYS.contains(&key.as_str()) {
                    return Err(Stop::Damaged("flows, not another record"));
                }
                let value = self.value(&key, Within::Other)?;
                members.push((key, value));
                if self.ends(b'}')? {
                    break;
                }
            }
        }
        (self.at, self.depth) = (self.at + 1, self.depth - 1);
        Ok(members)
    }

    fn array(&mut self, key: &str) -> Result<Vec<Json>, Stop> {
        let within = match key {
            "flowTuples" => Within::Tuples,
            _ if FLOWS_KEYS.contains(&key) => Within::Flows,
            _ => Within::Other,
        };
        if within == Within::Tuples {
            self.count_list()?;
        }
        let mut items = Vec::new();
        (self.at, self.depth) = (self.at + 1, self.depth + 1);
        if self.next()? != b']' {
            loop {
                items.push(self.value("", within)?);
                if self.ends(b']')? {
                    break;
                }
            }
        }
        (self.at, self.depth) = (self.at + 1, self.depth - 1);
        Ok(items)
    }

    /// Whether `closer` is next, not a comma, which is passed by.
    fn ends(&mut self, closer: u8) -> Result<bool, Stop> {
        match self.next()? {
            b',' => self.at += 1,
            byte if byte == closer => return Ok(true),
            _ => return Err(Stop::Damaged("a comma or the end")),
        }
        Ok(false)
    }

    /// A string. One that is not closed is where the text ends, whatever is in it.
    fn string(&mut self) -> Result<String, Stop> {
        let rest = &self.text[self.at..];
        let mut end = 1;
        loop {
            match rest.get(end) {
                None => return Err(Stop::Ends),
                Some(b'"') => break,
                Some(b'\\') => end += 2,
                Some(_) => end += 1,
            }
        }
        self.at += end + 1;
        serde_json::from_slice(&rest[..=end]).map_err(|_| Stop::Damaged("a string"))
    }

    /// A number or word. One that the end of the text touches may go on.
    fn plain(&mut self) -> Result<String, Stop> {
        let rest = &self.text[self.at..];
        let is_part = |byte: &u8| {
            byte.is_ascii_digit() || byte.is_ascii_lowercase() || b"+-.E".contains(byte)
        };
        let length = rest
            .iter()
            .position(|byte| !is_part(byte))
            .ok_or(Stop::Ends)?;
        let token = String::from_utf8_lossy(&rest[..length]);
        self.at += length;
        serde_json::from_str::<serde_json::Value>(&token).map_err(|_| Stop::Damaged("a value"))?;
        Ok(token.into_owned())
    }

    fn count_list(&mut self) -> Result<(), Stop> {
        self.lists += 1;
        if self.lists > MOST_LISTS && self.is_record {
            return Err(Stop::Damaged("at most 65,535 lists of tuples"));
        }
        Ok(())
    }
}

impl Json {
    /// The members, if it is an object.
    pub(super) fn members(&self) -> &[(String, Self)] {
        match &self.value {
            Value::Object(members) => members,
            _ => &[],
        }
    }

    /// The text, if it is a string.
    pub(super) fn as_text(&self) -> Option<&str> {
        match &self.value {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The last string among the members called `key`.
    pub(super) fn text(&self, key: &str) -> Option<&str> {
        self.last(|name| name == key, Self::as_text)
    }

    /// What the last member under a `wanted` key gives that gives anything.
    pub(super) fn last<'a, T>(
        &'a self,
        wanted: impl Fn(&str) -> bool,
        give: impl Fn(&'a Self) -> Option<T>,
    ) -> Option<T> {
        let members = self.members().iter().rev();
        members
            .filter(|(key, _)| wanted(key))
            .find_map(|(_, member)| give(member))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// What `serde_json` reads, this reads, and to the same end; and nothing else.
        #[test]
        fn json_is_what_serde_says(pieces in prop::collection::vec(prop_oneof![
            Just("{".to_owned()), Just("}".to_owned()), Just("[".to_owned()), Just("]".to_owned()),
            Just(",".to_owned()), Just(":".to_owned()), Just("\"a\":".to_owned()), Just("\"\\u0041\\n\"".to_owned()),
            Just("\"\\ud800\"".to_owned()), Just("1e999".to_owned()), Just("-0.5E+3".to_owned()), Just("null".to_owned()),
            Just("true ".to_owned()), Just("01".to_owned()), "[ -~]{0,3}", "\"[ -~]{0,3}\"", Just("\"\n\"".to_owned()),
        ], 0..8)) {
            let text = format!("{{\"x\":{}}}", pieces.concat());
            let mut serde = serde_json::Deserializer::from_str(&text).into_iter::<serde::de::IgnoredAny>();
            let valid = matches!(serde.next(), Some(Ok(_)));
            match read(text.as_bytes(), 0) {
                Ok(json) => {
                    prop_assert_eq!(json.end, serde.byte_offset());
                    // Ignored strings and numbers are not checked; a value's are.
                    prop_assert!(serde_json::from_str::<serde_json::Value>(&text[..json.end]).is_ok());
                }
                Err(Stop::Ends) => prop_assert!(!valid),
                Err(Stop::Damaged(_)) => {
                    let end = serde.byte_offset();
                    let whole = serde_json::from_str::<serde_json::Value>(&text[..end]);
                    prop_assert!(!valid || whole.is_err());
                }
            }
        }
    }
}
