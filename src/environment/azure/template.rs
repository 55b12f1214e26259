//! Expressions of templates: what can be told of `[...]` without deploying it.
//!
//! Parameters by their defaults, variables, texts put together, resource IDs. All else is not known,
//! which is neither nothing nor everything.

use serde_json::{Map, Value};

mod parse;

use parse::{Expression, parse};

/// The most evaluations for one text: variables may refer to one another.
const STEPS: u32 = 512;

/// The longest text that is put together.
const LONGEST: usize = 8192;

/// Where expressions are looked up.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::environment) struct Scope<'a> {
    parameters: Option<&'a Map<String, Value>>,
    variables: Option<&'a Map<String, Value>>,
    /// Parameters that a deployment gives to its inner template: their defaults do not count.
    given: Option<&'a Map<String, Value>>,
}

/// What an expression stands for.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::environment) enum Resolved<'a> {
    /// A value of the template.
    Value(&'a Value),
    /// A text that was put together.
    Text(String),
    /// Only a deployment would tell.
    Unknown,
}

impl<'a> Scope<'a> {
    /// The scope of a template; `given` are the parameters that an outer template hands to it.
    pub(in crate::environment) fn new(template: &'a Value, given: Option<&'a Value>) -> Self {
        let section =
            |key| super::node::field(template, key).and_then(|(_, value)| value.as_object());
        Self {
            parameters: section("parameters"),
            variables: section("variables"),
            given: given.and_then(Value::as_object),
        }
    }

    /// The parameters that have a default, by name.
    pub(in crate::environment) fn defaults(self) -> Vec<&'a str> {
        let parameters = self.parameters.into_iter().flatten();
        parameters
            .filter(|(_, parameter)| super::node::field(parameter, "defaultValue").is_some())
            .map(|(name, _)| name.as_str())
            .collect()
    }

    /// What a text of the template stands for: itself, where it is no expression.
    pub(in crate::environment) fn resolve(self, text: &str) -> Resolved<'a> {
        let Some(inner) = expression(text) else {
            return Resolved::Text(plain(text).to_owned());
        };
        match parse(inner) {
            Some(expression) => self.evaluate(&expression, &mut { STEPS }),
            None => Resolved::Unknown,
        }
    }

    /// A value that may be an expression for another value of the template.
    pub(in crate::environment) fn value(self, value: &'a Value) -> Resolved<'a> {
        self.follow(value, &mut { STEPS })
    }

    /// A name, in which what is not known stays as `[...]`: names that are made of the same
    /// unknown parts are the same.
    pub(in crate::environment) fn name(self, text: &str) -> String {
        let Some(inner) = expression(text) else {
            return plain(text).to_owned();
        };
        match parse(inner) {
            Some(expression) => self.pieces(&expression, &mut { STEPS }),
            None => text.to_owned(),
        }
    }

    fn pieces(self, expression: &Expression<'_>, steps: &mut u32) -> String {
        if let Expression::Call {
            name, arguments, ..
        } = expression
        {
            let name = name.to_ascii_lowercase();
            let joins = matches!(name.as_str(), "concat" | "format" | "resourceid");
            if joins && arguments.len() < 32 {
                let parts: Vec<_> = arguments
                    .iter()
                    .map(|argument| self.pieces(argument, &mut { STEPS }))
                    .collect();
                if let Some(text) = join(&name, &parts) {
                    return text;
                }
            }
        }
        match self.evaluate(expression, steps) {
            Resolved::Text(text) => text,
            Resolved::Value(Value::String(text)) => text.clone(),
            Resolved::Value(Value::Number(number)) => number.to_string(),
            _ => format!("[{}]", expression.source()),
        }
    }

    fn evaluate(self, expression: &Expression<'_>, steps: &mut u32) -> Resolved<'a> {
        let Some(left) = steps.checked_sub(1) else {
            return Resolved::Unknown;
        };
        *steps = left;
        match expression {
            Expression::Text { text, .. } => Resolved::Text(text.clone()),
            Expression::Other { .. } => Resolved::Unknown,
            Expression::Call {
                name, arguments, ..
            } => {
                let found = self.call(&name.to_ascii_lowercase(), arguments, steps);
                found.unwrap_or(Resolved::Unknown)
            }
        }
    }

    fn call(
        self,
        name: &str,
        arguments: &[Expression<'_>],
        steps: &mut u32,
    ) -> Option<Resolved<'a>> {
        match (name, arguments) {
            ("parameters", [argument]) => {
                let name = self.text(argument, steps)?;
                let given = self.given.and_then(|given| entry(given, &name));
                let parameter = entry(self.parameters?, &name).filter(|_| given.is_none())?;
                let (_, value) = super::node::field(parameter, "defaultValue")?;
                Some(self.follow(value, steps))
            }
            ("variables", [argument]) => {
                let name = self.text(argument, steps)?;
                Some(self.follow(entry(self.variables?, &name)?, steps))
            }
            ("tolower", [argument]) => {
                let text = self.text(argument, steps)?;
                Some(Resolved::Text(text.to_lowercase()))
            }
            ("toupper", [argument]) => {
                let text = self.text(argument, steps)?;
                Some(Resolved::Text(text.to_uppercase()))
            }
            ("concat" | "format" | "resourceid", _) => {
                let texts: Option<Vec<_>> = arguments
                    .iter()
                    .map(|argument| self.text(argument, steps))
                    .collect();
                join(name, &texts?).map(Resolved::Text)
            }
            _ => None,
        }
    }

    /// An argument that is one text or number.
    fn text(self, expression: &Expression<'_>, steps: &mut u32) -> Option<String> {
        match self.evaluate(expression, steps) {
            Resolved::Text(text) => Some(text),
            Resolved::Value(Value::String(text)) => Some(text.clone()),
            Resolved::Value(Value::Number(number)) => Some(number.to_string()),
            _ => None,
        }
    }

    fn follow(self, value: &'a Value, steps: &mut u32) -> Resolved<'a> {
        match value.as_str() {
            None => Resolved::Value(value),
            Some(text) => match expression(text) {
                None => Resolved::Text(plain(text).to_owned()),
                Some(inner) => match parse(inner) {
                    Some(expression) => self.evaluate(&expression, steps),
                    None => Resolved::Unknown,
                },
            },
        }
    }
}

/// What stands in the brackets of an expression.
pub(in crate::environment) fn expression(text: &str) -> Option<&str> {
    let inner = text.trim().strip_prefix('[')?.strip_suffix(']')?;
    (!inner.starts_with('[')).then_some(inner)
}

/// A text that is no expression: two opening brackets stand for one.
fn plain(text: &str) -> &str {
    if text.starts_with("[[") {
        &text[1..]
    } else {
        text
    }
}

/// A member, compared without case as templates do.
fn entry<'a>(map: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    let other = || map.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
    map.get(name).or_else(|| other().map(|(_, value)| value))
}

/// Texts put together by one of the functions that do so.
fn join(name: &str, texts: &[String]) -> Option<String> {
    let joined = match name {
        "concat" => Some(texts.concat()),
        "format" => format(texts),
        _ => resource_id(texts),
    };
    joined.filter(|text| text.len() <= LONGEST)
}

/// `format('{0}/{1}', …)`.
fn format(texts: &[String]) -> Option<String> {
    let (pattern, values) = texts.split_first()?;
    let mut text = String::new();
    let mut rest = pattern.as_str();
    while let Some((before, after)) = rest.split_once('{') {
        let (number, after) = after.split_once('}')?;
        text.push_str(before);
        text.push_str(values.get(number.trim().parse::<usize>().ok()?)?);
        if text.len() > LONGEST {
            return None;
        }
        rest = after;
    }
    text.push_str(rest);
    Some(text)
}

/// `resourceId([subscription, [group,]] 'Provider/type/inner', name, inner)`: without what only the
/// deployment knows.
fn resource_id(texts: &[String]) -> Option<String> {
    let at = texts.iter().position(|text| text.contains('/'))?;
    let (kind, names) = (&texts[at], &texts[at + 1..]);
    let mut kinds = kind.split('/');
    let mut id = format!("/providers/{}", kinds.next()?);
    let kinds: Vec<_> = kinds.collect();
    if kinds.len() != names.len() {
        return None;
    }
    for (kind, name) in kinds.iter().zip(names) {
        id.push('/');
        id.push_str(kind);
        id.push('/');
        id.push_str(name);
    }
    Some(id)
}

#[cfg(test)]
mod tests;
