//! Azure's JSON, whose fields are flat or under `properties`, in camel or Pascal case.

use std::borrow::Cow;

use serde_json::Value;

/// An object of a document.
#[derive(Debug, Clone, Copy)]
pub(super) struct Object<'a>(pub(super) &'a Value);

impl<'a> Object<'a> {
    /// A field that is not null: its own, or that of its `properties`.
    pub(super) fn get(self, key: &str) -> Option<&'a Value> {
        let found = field(self.0, key)
            .or_else(|| field(self.0, "properties").and_then(|inner| field(inner, key)));
        found.filter(|value| !value.is_null())
    }

    /// A text, its control characters escaped: names end up in reports and terminals.
    pub(super) fn text(self, key: &str) -> Option<Cow<'a, str>> {
        let text = self.get(key)?.as_str()?;
        Some(if text.contains(char::is_control) {
            text.escape_default().to_string().into()
        } else {
            text.into()
        })
    }

    /// The texts of a list, or one text.
    pub(super) fn texts(self, key: &str) -> impl Iterator<Item = &'a str> {
        let value = self.get(key);
        let items = value.and_then(Value::as_array).into_iter().flatten();
        let one = value.filter(|value| value.is_string());
        items.chain(one).filter_map(Value::as_str)
    }
}

/// The objects of a list; none where it is missing.
pub(super) fn objects(value: Option<&Value>) -> impl Iterator<Item = Object<'_>> {
    let items = value.and_then(Value::as_array).into_iter().flatten();
    items.filter(|item| item.is_object()).map(Object)
}

/// What a document is, for an error.
pub(super) fn describe(value: &Value) -> String {
    match value {
        Value::Object(fields) => {
            let names: Vec<_> = fields.keys().map(|key| format!("{key:?}")).collect();
            format!("an object of {}", crate::environment::text::list(&names))
        }
        Value::Array(items) => format!("a list of {}, none of which is one", items.len()),
        Value::String(_) => "a text".to_owned(),
        other => other.to_string(),
    }
}

/// A field, its first letter in either case.
fn field<'a>(value: &'a Value, key: &str) -> Option<&'a Value> {
    let fields = value.as_object()?;
    fields.get(key).or_else(|| {
        let (first, rest) = key.split_at_checked(1)?;
        fields.get(&format!("{}{rest}", first.to_uppercase()))
    })
}
