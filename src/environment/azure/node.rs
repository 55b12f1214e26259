//! Azure's JSON with the place of every value: fields flat or under `properties`, in any case,
//! single or in lists, plain or as expressions of a template.

use serde_json::{Map, Value};

use super::super::rules::DocumentFault;
use super::template::{Resolved, Scope, expression};

/// The longest piece of a document that is printed in a sentence.
const SHOWN: usize = 80;

/// A value and where it stands.
#[derive(Debug, Clone)]
pub(in crate::environment) struct Node<'a> {
    pub(in crate::environment) value: &'a Value,
    /// JSON path; empty for the document itself.
    pub(in crate::environment) path: String,
    pub(in crate::environment) scope: Scope<'a>,
}

/// One plain value of a field or list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::environment) struct Leaf {
    pub(in crate::environment) path: String,
    pub(in crate::environment) content: Content,
}

/// What a plain value is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::environment) enum Content {
    /// A text, or a number as one.
    Text(String),
    /// An expression that only a deployment would tell.
    Unknown(String),
    /// Something else, in words.
    Wrong(String),
}

/// The objects of a field.
#[derive(Debug)]
pub(in crate::environment) enum Items<'a> {
    /// The field is missing, null or empty.
    Absent,
    /// Its objects.
    List(Vec<Node<'a>>),
    /// It is an expression, or no list: the path and what was found.
    Unread(String, String),
}

impl<'a> Node<'a> {
    pub(in crate::environment) fn root(value: &'a Value) -> Self {
        Self {
            value,
            path: String::new(),
            scope: Scope::default(),
        }
    }

    pub(in crate::environment) fn child(&self, key: &str, value: &'a Value) -> Self {
        let path = if self.path.is_empty() {
            key.to_owned()
        } else {
            format!("{}.{key}", self.path)
        };
        Self {
            value,
            path,
            scope: self.scope,
        }
    }

    pub(in crate::environment) fn element(&self, at: usize, value: &'a Value) -> Self {
        Self {
            value,
            path: format!("{}[{at}]", self.path),
            scope: self.scope,
        }
    }

    /// A field that is not null, its own or that of its `properties`; references within a template
    /// are followed.
    pub(in crate::environment) fn get(&self, key: &str) -> Option<Self> {
        self.own(key).or_else(|| self.own("properties")?.own(key))
    }

    /// A field that is not null.
    pub(in crate::environment) fn own(&self, key: &str) -> Option<Self> {
        let (name, value) = field(self.value, key)?;
        if value.is_null() {
            return None;
        }
        let mut child = self.child(name, value);
        if let Resolved::Value(value) = self.scope.value(value) {
            child.value = value;
        }
        Some(child)
    }

    /// A text with its control characters escaped: names end up in reports and terminals. Unknown
    /// parts stay as they are written.
    pub(in crate::environment) fn name(&self, key: &str) -> Option<String> {
        let node = self.get(key)?;
        let text = node.scope.name(node.value.as_str()?);
        (!text.is_empty()).then(|| escape(&text))
    }

    /// A resource ID, name or word; empty where there is none.
    pub(in crate::environment) fn word(&self, key: &str) -> String {
        self.name(key).unwrap_or_default()
    }

    /// The ID in an object `{"id": …}` under a key, or the text that stands there.
    pub(in crate::environment) fn reference(&self, key: &str) -> Option<String> {
        let node = self.get(key)?;
        match node.value {
            Value::String(_) => self.name(key),
            _ => node.name("id"),
        }
    }

    /// The IDs in a list of such objects.
    pub(in crate::environment) fn references(&self, key: &str) -> Vec<String> {
        let Items::List(items) = self.items(key) else {
            return self
                .leaves(key)
                .into_iter()
                .filter_map(Leaf::text)
                .collect();
        };
        items.iter().filter_map(|item| item.name("id")).collect()
    }

    /// The objects of a list. One object stands for a list of one: `PowerShell` unrolls those.
    pub(in crate::environment) fn items(&self, key: &str) -> Items<'a> {
        let Some(node) = self.get(key) else {
            return Items::Absent;
        };
        let node = node.unwrapped();
        match node.value {
            Value::Array(items) if items.is_empty() => Items::Absent,
            Value::Array(items) => {
                let nodes = items.iter().enumerate();
                Items::List(nodes.map(|(at, item)| node.element(at, item)).collect())
            }
            Value::Object(_) => Items::List(vec![node]),
            Value::String(text) if text.trim().is_empty() => Items::Absent,
            other => Items::Unread(node.path, describe(other)),
        }
    }

    /// The plain values of a field, or of the lists in it; those that are null or empty left out.
    pub(in crate::environment) fn leaves(&self, key: &str) -> Vec<Leaf> {
        let mut found = Vec::new();
        if let Some(node) = self.get(key) {
            node.collect(&mut found, 4);
        }
        found
    }

    /// The one plain value of a field.
    pub(in crate::environment) fn leaf(&self, key: &str) -> Option<Leaf> {
        let mut leaves = self.leaves(key);
        let first = leaves.pop()?;
        if leaves.is_empty() {
            return Some(first);
        }
        Some(Leaf {
            path: self.get(key)?.path,
            content: Content::Wrong(format!("a list of {}", leaves.len() + 1)),
        })
    }

    fn collect(&self, found: &mut Vec<Leaf>, depth: u32) {
        let node = self.unwrapped();
        let content = match node.value {
            Value::Null => return,
            Value::Array(items) => {
                let Some(depth) = depth.checked_sub(1) else {
                    found.push(node.leaf_of(Content::Wrong("lists in lists".to_owned())));
                    return;
                };
                for (at, item) in items.iter().enumerate() {
                    node.element(at, item).collect(found, depth);
                }
                return;
            }
            Value::String(text) => match node.scope.resolve(text) {
                Resolved::Text(text) if text.trim().is_empty() => return,
                Resolved::Text(text) => Content::Text(text.trim().to_owned()),
                Resolved::Unknown => Content::Unknown(shown(text)),
                Resolved::Value(value) => {
                    let depth = depth.saturating_sub(1);
                    if depth > 0 {
                        Self { value, ..node }.collect(found, depth);
                        return;
                    }
                    Content::Unknown(shown(text))
                }
            },
            Value::Number(number) => Content::Text(number.to_string()),
            other => Content::Wrong(describe(other)),
        };
        found.push(node.leaf_of(content));
    }

    fn leaf_of(&self, content: Content) -> Leaf {
        Leaf {
            path: self.path.clone(),
            content,
        }
    }

    /// The list in `{"value": […], "Count": 2}`, as Windows `PowerShell` writes some.
    fn unwrapped(&self) -> Self {
        let counted = field(self.value, "Count").and_then(|_| self.own("value"));
        counted
            .filter(|inner| inner.value.is_array())
            .unwrap_or_else(|| self.clone())
    }
}

impl Leaf {
    /// The text, escaped, where it is one.
    pub(in crate::environment) fn text(self) -> Option<String> {
        match self.content {
            Content::Text(text) => Some(escape(&text)),
            _ => None,
        }
    }

    /// The value in words.
    pub(in crate::environment) fn found(&self) -> String {
        match &self.content {
            Content::Text(text) => quoted(text),
            Content::Unknown(text) => format!("the expression {text}"),
            Content::Wrong(what) => what.clone(),
        }
    }
}

/// A member and its name as written, its case not regarded.
pub(super) fn field<'a>(value: &'a Value, key: &str) -> Option<(&'a str, &'a Value)> {
    let fields: &Map<String, Value> = value.as_object()?;
    if let Some((name, value)) = fields.get_key_value(key) {
        return Some((name, value));
    }
    let found = fields
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(key));
    found.map(|(name, value)| (name.as_str(), value))
}

/// A text whose control characters are escaped.
pub(in crate::environment) fn escape(text: &str) -> String {
    if text.contains(char::is_control) {
        text.escape_default().to_string()
    } else {
        text.to_owned()
    }
}

/// A text that is not too long for a sentence.
pub(in crate::environment) fn shown(text: &str) -> String {
    let text = escape(text);
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

/// A text in quotes. The name of a type is what `PowerShell` leaves of what lies too deep for it.
fn quoted(text: &str) -> String {
    let cut = ["System.", "Microsoft.Azure.Commands.", "@{"];
    let depth = if cut.iter().any(|start| text.starts_with(start)) {
        ", which `ConvertTo-Json` writes without `-Depth 10`"
    } else {
        ""
    };
    format!("{:?}{depth}", shown(text))
}

/// What a value is, in words.
pub(in crate::environment) fn describe(value: &Value) -> String {
    match value {
        Value::Null => "nothing".to_owned(),
        Value::Bool(value) => value.to_string(),
        Value::Number(value) => shown(&value.to_string()),
        Value::String(text) if expression(text).is_some() => {
            format!("the expression {}", shown(text))
        }
        Value::String(text) => quoted(text),
        Value::Array(items) => format!("a list of {}", items.len()),
        Value::Object(fields) => {
            let names: Vec<_> = fields.keys().map(|key| shown(key)).collect();
            format!("an object of {}", super::super::text::list(&names))
        }
    }
}

/// What is said of a document while it is read.
#[derive(Debug, Default)]
pub(in crate::environment) struct Notes {
    pub(in crate::environment) file: String,
    pub(in crate::environment) faults: Vec<DocumentFault>,
    pub(in crate::environment) remarks: Vec<DocumentFault>,
}

impl Notes {
    pub(in crate::environment) fn of(file: &str) -> Self {
        Self {
            file: file.to_owned(),
            ..Self::default()
        }
    }

    /// Something is not as it should be.
    pub(in crate::environment) fn fault(&mut self, path: &str, detail: impl Into<String>) {
        let fault = self.said(path, detail.into());
        self.faults.push(fault);
    }

    /// Something is to be known.
    pub(in crate::environment) fn remark(&mut self, path: &str, detail: impl Into<String>) {
        let remark = self.said(path, detail.into());
        self.remarks.push(remark);
    }

    fn said(&self, path: &str, detail: String) -> DocumentFault {
        DocumentFault {
            file: self.file.clone(),
            path: path.to_owned(),
            detail,
        }
    }
}
