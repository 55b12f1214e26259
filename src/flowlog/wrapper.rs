//! Members of the object around an array of records: `"count":5` in `{"records":[…],"count":5}`.
//!
//! Nothing that may hold flows is passed over as one: such a member is stray text.

use memchr::memmem;

use super::json_text::check_string;
use super::record::{Stop, is_record_key};
use super::scan::{FirstKey, first_key};

/// Deepest nesting that is followed, as in a record.
const DEEPEST: usize = 127;
/// What stands in every text of flows, be it escaped or not.
const FLOWS: [&[u8]; 2] = [b"flowTuple", b"\"flow."];
const FLOWS_INSIDE: Stop = Stop::Damaged("a member without flows");

/// A member of a wrapper.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Member {
    /// An array of records begins here.
    Records(usize),
    /// It ends here, and holds no flows.
    Plain(usize),
}

/// Whether a wrapper's array of records has this key.
pub(super) fn is_array_key(key: &[u8]) -> bool {
    matches!(key, b"records" | b"value")
}

/// Where the array of records begins in the object at `object`, if only plain members are before it.
pub(super) fn head(text: &[u8], object: usize) -> Result<Option<usize>, Stop> {
    let mut reader = Reader {
        text,
        at: object + 1,
    };
    while reader.byte()? == b'"' {
        match reader.member() {
            Ok(Member::Records(array)) => return Ok(Some(array)),
            Ok(Member::Plain(_)) => {}
            Err(Stop::Incomplete) => return Err(Stop::Incomplete),
            Err(Stop::Damaged(_)) => return Ok(None),
        }
        if reader.byte()? != b',' {
            return Ok(None);
        }
        reader.at += 1;
    }
    Ok(None)
}

/// Reads the member at `at`. That more text may follow changes nothing but [`Stop::Incomplete`].
pub(super) fn member(text: &[u8], at: usize) -> Result<Member, Stop> {
    Reader { text, at }.member()
}

struct Reader<'a> {
    text: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    /// The next byte that is no white space.
    fn byte(&mut self) -> Result<u8, Stop> {
        while let Some(&byte) = self.text.get(self.at) {
            if !matches!(byte, b' ' | b'\n' | b'\r' | b'\t') {
                return Ok(byte);
            }
            self.at += 1;
        }
        Err(Stop::Incomplete)
    }

    fn member(&mut self) -> Result<Member, Stop> {
        let start = self.at;
        self.string()?;
        let key = &self.text[start + 1..self.at - 1];
        self.colon()?;
        if self.byte()? == b'[' && is_array_key(key) {
            return Ok(Member::Records(self.at));
        }
        self.value()?;
        let member = &self.text[start..self.at];
        if FLOWS
            .iter()
            .any(|mark| memmem::find(member, mark).is_some())
        {
            return Err(FLOWS_INSIDE);
        }
        Ok(Member::Plain(self.at))
    }

    fn colon(&mut self) -> Result<(), Stop> {
        if self.byte()? != b':' {
            return Err(Stop::Damaged("a colon"));
        }
        self.at += 1;
        Ok(())
    }

    /// Goes to the end of a value.
    fn value(&mut self) -> Result<(), Stop> {
        // What closes the lists and objects around.
        let mut closers = Vec::new();
        loop {
            match self.byte()? {
                b'{' | b'[' if closers.len() == DEEPEST => {
                    return Err(Stop::Damaged("at most 127 levels of nesting"));
                }
                opener @ (b'{' | b'[') => {
                    if matches!(first_key(self.text, self.at), FirstKey::Key(key, _) if is_record_key(key))
                    {
                        return Err(FLOWS_INSIDE);
                    }
                    self.at += 1;
                    // `]` and `}` are two after what opens them.
                    closers.push(opener + 2);
                    if self.byte()? != opener + 2 {
                        if opener == b'{' {
                            self.key()?;
                        }
                        continue;
                    }
                }
                b'"' => self.string()?,
                _ => self.plain()?,
            }
            // After a value: what it ends, too, or the next one.
            loop {
                let Some(&closer) = closers.last() else {
                    return Ok(());
                };
                let byte = self.byte()?;
                if byte == closer {
                    self.at += 1;
                    closers.pop();
                } else if byte == b',' {
                    self.at += 1;
                    if closer == b'}' {
                        self.key()?;
                    }
                    break;
                } else {
                    return Err(Stop::Damaged("a comma or the end"));
                }
            }
        }
    }

    fn key(&mut self) -> Result<(), Stop> {
        if self.byte()? != b'"' {
            return Err(Stop::Damaged("a key"));
        }
        self.string()?;
        self.colon()
    }

    fn string(&mut self) -> Result<(), Stop> {
        let start = self.at + 1;
        let mut end = start;
        loop {
            let rest = self.text.get(end..).ok_or(Stop::Incomplete)?;
            end += memchr::memchr2(b'"', b'\\', rest).ok_or(Stop::Incomplete)?;
            if self.text[end] == b'"' {
                break;
            }
            end += 2;
        }
        self.at = end + 1;
        check_string(&self.text[start..end], true)
    }

    /// A number or word. One that the end of the text touches may go on.
    fn plain(&mut self) -> Result<(), Stop> {
        let rest = &self.text[self.at..];
        let is_part =
            |byte: &u8| matches!(byte, b'0'..=b'9' | b'a'..=b'z' | b'+' | b'-' | b'.' | b'E');
        let length = rest
            .iter()
            .position(|byte| !is_part(byte))
            .ok_or(Stop::Incomplete)?;
        self.at += length;
        match serde_json::from_slice::<serde_json::Value>(&rest[..length]) {
            Ok(_) => Ok(()),
            Err(_) => Err(Stop::Damaged("a JSON value")),
        }
    }
}
