//! The grammar of expressions: calls, texts, numbers, and what is taken of their results.

/// How deep calls may stand in one another.
const DEEPEST: u32 = 24;

/// The longest expression that is read.
const LONGEST: usize = 32 << 10;

/// A part of an expression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Expression<'a> {
    /// A text or a number.
    Text { text: String, source: &'a str },
    /// A call.
    Call {
        name: &'a str,
        arguments: Vec<Expression<'a>>,
        source: &'a str,
    },
    /// A member of a result (`resourceGroup().id`), which is never known here.
    Other { source: &'a str },
}

impl<'a> Expression<'a> {
    /// As it is written.
    pub(super) fn source(&self) -> &'a str {
        match self {
            Self::Text { source, .. } | Self::Call { source, .. } | Self::Other { source } => {
                source
            }
        }
    }
}

/// Reads what stands in the brackets.
pub(super) fn parse(text: &str) -> Option<Expression<'_>> {
    if text.len() > LONGEST {
        return None;
    }
    let (expression, rest) = part(text.trim(), DEEPEST)?;
    rest.trim().is_empty().then_some(expression)
}

/// One part, and what follows it.
fn part(text: &str, depth: u32) -> Option<(Expression<'_>, &str)> {
    let depth = depth.checked_sub(1)?;
    let text = text.trim_start();
    if text.starts_with('\'') {
        return literal(text);
    }
    let letter = |c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == '.');
    let sign = usize::from(text.starts_with('-'));
    let word = &text[sign..];
    let end = sign + word.find(letter).unwrap_or(word.len());
    let (name, rest) = text.split_at(end);
    if name.starts_with(|c: char| c.is_ascii_digit() || c == '-') {
        let text = name.to_owned();
        return Some((Expression::Text { text, source: name }, rest));
    }
    let rest = rest.trim_start().strip_prefix('(')?;
    let (arguments, rest) = arguments(rest, depth)?;
    let source = &text[..text.len() - rest.len()];
    let call = Expression::Call {
        name,
        arguments,
        source,
    };
    Some(member(text, rest).unwrap_or((call, rest)))
}

/// A text in quotes, in which two stand for one.
fn literal(text: &str) -> Option<(Expression<'_>, &str)> {
    let mut found = String::new();
    let mut letters = text.char_indices().skip(1).peekable();
    while let Some((at, letter)) = letters.next() {
        if letter != '\'' {
            found.push(letter);
        } else if letters.next_if(|&(_, next)| next == '\'').is_some() {
            found.push('\'');
        } else {
            let (source, rest) = text.split_at(at + 1);
            return Some((
                Expression::Text {
                    text: found,
                    source,
                },
                rest,
            ));
        }
    }
    None
}

/// Arguments up to the closing bracket.
fn arguments(mut rest: &str, depth: u32) -> Option<(Vec<Expression<'_>>, &str)> {
    let mut found = Vec::new();
    if let Some(rest) = rest.trim_start().strip_prefix(')') {
        return Some((found, rest));
    }
    loop {
        let (argument, after) = part(rest, depth)?;
        found.push(argument);
        let after = after.trim_start();
        match after.strip_prefix(',') {
            Some(next) => rest = next,
            None => return Some((found, after.strip_prefix(')')?)),
        }
    }
}

/// `.name` and `[0]` behind a call.
fn member<'a>(text: &'a str, rest: &'a str) -> Option<(Expression<'a>, &'a str)> {
    let mut after = rest;
    loop {
        if let Some(name) = after.strip_prefix('.') {
            let end = name.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
            after = &name[end.unwrap_or(name.len())..];
        } else if let Some(index) = after.strip_prefix('[') {
            after = &index[index.find(']')? + 1..];
        } else {
            break;
        }
    }
    let source = &text[..text.len() - after.len()];
    (after.len() < rest.len()).then_some((Expression::Other { source }, after))
}
