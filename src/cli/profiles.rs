//! `nsgaudit profiles`.

use super::args::{ProfilesArgs, ProfilesVerb};
use super::{Status, print, setup};
use crate::catalogue::{Catalogue, diff, lint, text};
use crate::error::Result;

pub(super) fn run(args: ProfilesArgs) -> Result<Status> {
    match args.verb.unwrap_or(ProfilesVerb::List) {
        ProfilesVerb::List => print(&text::list(&Catalogue::embedded()?)),
        ProfilesVerb::Show { profile } => {
            let catalogue = setup::catalogue(&[&profile])?;
            print(&text::show(catalogue.get(&profile)?))
        }
        ProfilesVerb::Lint { profiles } => check(&profiles),
        ProfilesVerb::Diff { before, after } => {
            let catalogue = setup::catalogue(&[&before, &after])?;
            print(&text::diff(&diff(
                catalogue.get(&before)?,
                catalogue.get(&after)?,
            )))
        }
    }
}

/// Lints each; findings where any has an error.
fn check(names: &[String]) -> Result<Status> {
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let catalogue = setup::catalogue(&names)?;
    let mut messages = Vec::new();
    for name in &names {
        messages.extend(lint(catalogue.get(name)?, &catalogue));
    }
    print(&text::lint(&messages))?;
    let failed = messages
        .iter()
        .any(|message| message.severity == lint::Severity::Error);
    Ok(if failed {
        Status::Findings
    } else {
        Status::Quiet
    })
}
