//! Reading a contract: line by line, each mistake with its place.

use std::collections::BTreeMap;
use std::fmt;

use super::{End, Property, Term};
use crate::catalogue::{AddressTerm, parse_term};
use crate::net::{Decision, Direction, PortSet, ProtocolSet};

/// Most mistakes that are told of a file.
const MOST_MISTAKES: usize = 20;
/// Longest name of a property or a subnet, in bytes.
const LONGEST_NAME: usize = 128;

/// Something in a contract that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// Line, from 1 on.
    pub line: usize,
    /// Column in characters, from 1 on.
    pub column: usize,
    /// What was expected.
    pub expected: String,
    /// What was found.
    pub found: String,
}

impl fmt::Display for Mistake {
    /// `3:21: expected ..., found ...`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}:{}: expected {}, found {}",
            self.line, self.column, self.expected, self.found
        )
    }
}

/// Reads a contract: a property a line; `#` begins a comment; empty lines are skipped.
///
/// # Errors
/// What cannot be read: the first mistake of each line, at most 20.
pub fn parse(text: &str) -> Result<Vec<Property>, Vec<Mistake>> {
    let (mut properties, mut mistakes) = (Vec::new(), Vec::new());
    let mut names: BTreeMap<String, usize> = BTreeMap::new();
    for (number, text) in text.lines().enumerate() {
        let line = Line {
            number: number + 1,
            text: text.split('#').next().unwrap_or_default(),
        };
        match line.property(&mut names) {
            Ok(property) => properties.extend(property),
            Err(mistake) => mistakes.push(mistake),
        }
        if mistakes.len() == MOST_MISTAKES {
            break;
        }
    }
    if mistakes.is_empty() {
        Ok(properties)
    } else {
        Err(mistakes)
    }
}

/// A line without its comment.
struct Line<'a> {
    number: usize,
    text: &'a str,
}

impl<'a> Line<'a> {
    /// The mistake that `found`, a part of the line, is.
    fn mistake(&self, found: &str, expected: impl Into<String>) -> Mistake {
        let start = (found.as_ptr() as usize).saturating_sub(self.text.as_ptr() as usize);
        let before = self.text.get(..start).unwrap_or(self.text);
        Mistake {
            line: self.number,
            column: before.chars().count() + 1,
            expected: expected.into(),
            found: if found.is_empty() {
                "nothing more".to_owned()
            } else {
                let short: String = found.chars().take(LONGEST_NAME).collect();
                format!("{short:?}")
            },
        }
    }

    /// The end of what is written.
    fn end(&self) -> &'a str {
        &self.text[self.text.trim_end().len()..][..0]
    }

    fn property(&self, names: &mut BTreeMap<String, usize>) -> Result<Option<Property>, Mistake> {
        let mut words = self.text.split_whitespace();
        let Some(first) = words.next() else {
            return Ok(None);
        };
        let mut next = || words.next().unwrap_or(self.end());
        let (name, decision) = match first.strip_suffix(':') {
            Some(name) => (self.name(name, names)?, next()),
            None => (String::new(), first),
        };
        let expected = self.decision(decision)?;
        let direction = self.direction(next())?;
        let protocols = self.protocols(next())?;
        let source = self.side(next(), protocols)?;
        let arrow = next();
        if arrow != "->" {
            return Err(self.mistake(arrow, "`->` (lists have no blanks)"));
        }
        let destination = self.side(next(), protocols)?;
        let more = next();
        if !more.is_empty() {
            return Err(self.mistake(more, "the end of the line (lists have no blanks)"));
        }
        Ok(Some(Property {
            line: self.number,
            name,
            expected,
            direction,
            protocols,
            source,
            destination,
        }))
    }

    fn name(&self, name: &str, names: &mut BTreeMap<String, usize>) -> Result<String, Mistake> {
        if name.is_empty() || name.len() > LONGEST_NAME {
            let expected = format!("a name of 1 to {LONGEST_NAME} bytes before `:`");
            return Err(self.mistake(name, expected));
        }
        match names.insert(name.to_owned(), self.number) {
            None => Ok(name.to_owned()),
            Some(line) => {
                let expected = format!("another name than that of line {line}");
                Err(self.mistake(name, expected))
            }
        }
    }

    fn decision(&self, word: &str) -> Result<Decision, Mistake> {
        match word.to_ascii_lowercase().as_str() {
            "allow" => Ok(Decision::Allow),
            "deny" => Ok(Decision::Deny),
            _ => Err(self.mistake(word, "`allow` or `deny`")),
        }
    }

    fn direction(&self, word: &str) -> Result<Direction, Mistake> {
        match word.to_ascii_lowercase().as_str() {
            "inbound" | "in" => Ok(Direction::Inbound),
            "outbound" | "out" => Ok(Direction::Outbound),
            _ => Err(self.mistake(word, "`inbound` or `outbound`")),
        }
    }

    fn protocols(&self, word: &str) -> Result<ProtocolSet, Mistake> {
        let mut all = ProtocolSet::default();
        for item in word.split(',') {
            let expected = "tcp, udp, icmp, esp, ah or any";
            let one = ProtocolSet::parse(item).ok_or_else(|| self.mistake(item, expected))?;
            all = all.union(one);
        }
        Ok(all)
    }

    /// An end: terms, and after the last `:` ports.
    fn side(&self, word: &str, protocols: ProtocolSet) -> Result<End, Mistake> {
        let mut terms = Vec::new();
        let mut rest = word;
        loop {
            let (term, after) = self.term(rest)?;
            terms.push(term);
            if let Some(next) = after.strip_prefix(',') {
                rest = next;
            } else if let Some(ports) = after.strip_prefix(':') {
                let ports = self.ports(ports)?;
                if !protocols.has_ports() && !ports.is_any() {
                    let expected = format!("no ports, which {protocols} has none of");
                    return Err(self.mistake(&after[1..], expected));
                }
                return Ok(End { terms, ports });
            } else if after.is_empty() {
                let ports = PortSet::any();
                return Ok(End { terms, ports });
            } else {
                return Err(self.mistake(after, "`,`, `:` or a blank after `]`"));
            }
        }
    }

    /// The first term of a text, and what follows it.
    fn term(&self, text: &'a str) -> Result<(Term, &'a str), Mistake> {
        if let Some(inner) = text.strip_prefix('[') {
            let Some((inner, after)) = inner.split_once(']') else {
                return Err(self.mistake(text, "`]` after an IPv6 prefix"));
            };
            let expected = "an IPv6 address or prefix in brackets";
            return match parse_term(inner) {
                Ok(term @ AddressTerm::Prefixes(_)) if inner.contains(':') => {
                    Ok((Term::Addresses(term), after))
                }
                _ => Err(self.mistake(inner, expected)),
            };
        }
        let named = text
            .get(..7)
            .filter(|lead| lead.eq_ignore_ascii_case("subnet:"))
            .map(|lead| &text[lead.len()..]);
        let of = named.unwrap_or(text);
        let length = of.find([',', ':']).unwrap_or(of.len());
        let (word, after) = of.split_at(length);
        if named.is_some() {
            return self.subnet(word).map(|subnet| (subnet, after));
        }
        if after.starts_with(':') && is_v6(of) {
            return Err(self.mistake(of, "brackets around IPv6, such as [fd00::/64]:443"));
        }
        match parse_term(word) {
            Ok(AddressTerm::SameSubnet) => {
                Err(self.mistake(word, "the name of a subnet, such as `subnet:compute`"))
            }
            Ok(term) => Ok((Term::Addresses(term), after)),
            Err(_) => Err(self.mistake(
                word,
                "a prefix without host bits (10.0.0.0/24), a service tag (Storage.WestEurope), \
                 `subnet:NAME`, an `@name` or `any`",
            )),
        }
    }

    fn subnet(&self, name: &str) -> Result<Term, Mistake> {
        let valid =
            |letter: char| letter.is_alphanumeric() || matches!(letter, '.' | '_' | '-' | '/');
        if name.is_empty() || name.len() > LONGEST_NAME || !name.chars().all(valid) {
            let expected =
                "the name of a subnet: letters, digits, `.`, `_`, `-`, or `network/name`";
            return Err(self.mistake(name, expected));
        }
        Ok(Term::Subnet(name.to_owned()))
    }

    fn ports(&self, text: &str) -> Result<PortSet, Mistake> {
        let mut all = PortSet::default();
        for item in text.split(',') {
            let plain = |letter: char| letter.is_ascii_digit() || letter == '-';
            let set = PortSet::parse(item).filter(|_| item == "*" || item.chars().all(plain));
            let expected = "a port (443), a range (6379-6383) or `*`; addresses stand before `:`";
            all = all.union(&set.ok_or_else(|| self.mistake(item, expected))?);
        }
        Ok(all)
    }
}

/// Whether a text begins with an IPv6 address or prefix that lacks its brackets.
fn is_v6(text: &str) -> bool {
    let first = text.split(',').next().unwrap_or_default();
    first.contains("::") || first.matches(':').count() > 2
}
