//! The resources of a document, whatever wraps them: lists, pages, templates and their nested ones.

use serde_json::Value;

use super::node::{Node, field};
use super::template::Scope;

mod kind;

pub(in crate::environment) use kind::{Kind, id_name, id_parent};

/// The keys under which lists and new resources come.
const ENVELOPES: [&str; 9] = [
    "value",
    "data",
    "resources",
    "NewNSG",
    "NewNIC",
    "newVNet",
    "networkSecurityGroups",
    "virtualNetworks",
    "networkInterfaces",
];

/// A resource.
#[derive(Debug)]
pub(in crate::environment) struct Found<'a> {
    pub(in crate::environment) kind: Kind,
    pub(in crate::environment) node: Node<'a>,
    /// The resource that it stands in, as a number in [`Walked::found`].
    pub(in crate::environment) within: Option<usize>,
    /// Whether it is one of a list that is complete: of a page that a command printed.
    pub(in crate::environment) listed: bool,
}

/// All that a document holds.
#[derive(Debug, Default)]
pub(in crate::environment) struct Walked<'a> {
    pub(in crate::environment) found: Vec<Found<'a>>,
    /// Types of resources that are of no use here.
    pub(in crate::environment) others: Vec<String>,
    /// Places that say that there is more than the document holds.
    pub(in crate::environment) pages: Vec<String>,
    /// Templates whose parameters are taken by their defaults: path and names.
    pub(in crate::environment) defaults: Vec<(String, Vec<&'a str>)>,
    /// Places that only a deployment would tell: path and what stands there.
    pub(in crate::environment) hidden: Vec<(String, String)>,
}

/// Where the walk is.
#[derive(Debug, Clone, Copy, Default)]
struct Place {
    within: Option<usize>,
    template: bool,
    listed: bool,
}

/// Finds all resources, in the order of the document.
pub(in crate::environment) fn walk(document: &Value) -> Walked<'_> {
    let mut walked = Walked::default();
    walked.visit(&Node::root(document), "", Place::default());
    walked
}

impl<'a> Walked<'a> {
    fn visit(&mut self, node: &Node<'a>, parent: &str, place: Place) {
        match node.value {
            Value::Array(items) => {
                let listed = !place.template;
                for (at, item) in items.iter().enumerate() {
                    self.visit(&node.element(at, item), parent, Place { listed, ..place });
                }
            }
            Value::Object(_) => self.object(node, parent, place),
            Value::String(text) if place.template => {
                self.hidden
                    .push((node.path.clone(), super::node::shown(text)));
            }
            _ => {}
        }
    }

    fn object(&mut self, node: &Node<'a>, parent: &str, place: Place) {
        let kind = Kind::of(node, parent);
        match &kind {
            Kind::Deployment => self.deployment(node, place),
            Kind::None => self.envelope(node, place),
            Kind::Other(name) => {
                self.others.push(name.clone());
                self.nested(node, name, place);
            }
            _ => {
                let name = kind.type_name();
                let within = Some(self.found.len());
                self.found.push(Found {
                    kind,
                    node: node.clone(),
                    within: place.within,
                    listed: place.listed,
                });
                self.nested(node, name, Place { within, ..place });
            }
        }
    }

    /// What is in an object that is no resource.
    fn envelope(&mut self, node: &Node<'a>, place: Place) {
        for key in ["nextLink", "skipToken", "skip_token", "$skipToken"] {
            if let Some(link) = node.own(key)
                && link.value.as_str().is_some_and(|text| !text.is_empty())
            {
                self.pages.push(link.path);
            }
        }
        let template = is_template(node.value);
        let mut node = node.clone();
        if template {
            self.enter(&mut node, None);
        }
        let template = template || place.template;
        for key in ENVELOPES {
            let Some((name, value)) = field(node.value, key) else {
                continue;
            };
            let child = node.child(name, value);
            // Templates with symbolic names have an object of resources.
            match value.as_object().filter(|_| key == "resources" && template) {
                Some(named) => {
                    for (name, value) in named {
                        self.visit(&child.child(name, value), "", Place { template, ..place });
                    }
                }
                None => self.visit(&child, "", Place { template, ..place }),
            }
        }
    }

    /// The resources that stand in a resource.
    fn nested(&mut self, node: &Node<'a>, parent: &str, place: Place) {
        if let Some((name, value)) = field(node.value, "resources") {
            self.visit(&node.child(name, value), parent, place);
        }
    }

    fn deployment(&mut self, node: &Node<'a>, place: Place) {
        let Some(mut template) = node
            .own("properties")
            .and_then(|inner| inner.own("template"))
        else {
            self.others.push(Kind::Deployment.type_name().to_owned());
            return;
        };
        let options = node.get("expressionEvaluationOptions");
        let inner =
            options.is_some_and(|options| options.word("scope").eq_ignore_ascii_case("inner"));
        let given = node.get("parameters").map(|given| given.value);
        if inner || field(template.value, "parameters").is_some() {
            self.enter(&mut template, given);
        }
        let place = Place {
            template: true,
            listed: false,
            ..place
        };
        self.envelope_of_deployment(&template, place);
    }

    /// An inner template has its scope already.
    fn envelope_of_deployment(&mut self, template: &Node<'a>, place: Place) {
        let Some((name, value)) = field(template.value, "resources") else {
            return;
        };
        let child = template.child(name, value);
        match value.as_object() {
            Some(named) => {
                for (name, value) in named {
                    self.visit(&child.child(name, value), "", place);
                }
            }
            None => self.visit(&child, "", place),
        }
    }

    fn enter(&mut self, node: &mut Node<'a>, given: Option<&'a Value>) {
        node.scope = Scope::new(node.value, given);
        let names = node.scope.defaults();
        if !names.is_empty() {
            self.defaults.push((node.path.clone(), names));
        }
    }
}

/// Whether an object is a template of a deployment.
fn is_template(value: &Value) -> bool {
    let schema = field(value, "$schema").and_then(|(_, schema)| schema.as_str());
    let told =
        schema.is_some_and(|schema| schema.to_ascii_lowercase().contains("deploymenttemplate"));
    let has = |key| field(value, key).is_some();
    has("resources") && (told || has("contentVersion") || has("parameters") || has("variables"))
}
