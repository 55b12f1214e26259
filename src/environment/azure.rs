//! An environment as the documents of Azure state it: groups, networks, interfaces, routes.

pub(in crate::environment) mod decode;
pub(in crate::environment) mod node;
pub(in crate::environment) mod template;
pub(in crate::environment) mod walk;

use node::Notes;
use walk::Walked;

/// What is to be said of a document as a whole.
pub(in crate::environment) fn general(walked: &Walked<'_>, notes: &mut Notes) {
    for path in &walked.pages {
        notes.fault(
            path,
            "says that there is more on a further page, which the document lacks",
        );
    }
    for (path, what) in &walked.hidden {
        notes.fault(path, format!("expected resources, found {what}"));
    }
    for (path, names) in &walked.defaults {
        let names = super::text::list(names);
        notes.remark(
            path,
            format!("parameters are taken by their defaults: {names}"),
        );
    }
}
