//! `--azure`: the rules that an audit is given.

use std::path::Path;

use super::{rules, setup::Stated};
use crate::environment::azure::Azure;
use crate::environment::{Environment, ServiceTags};
use crate::error::{Error, Result};
use crate::policy::network::Network;

/// Reads the folder of rules, where one is given. Where nothing else states the network, the folder does.
pub(super) fn read(folder: Option<&Path>, stated: &mut Stated) -> Result<Option<Azure>> {
    let Some(folder) = folder else {
        return Ok(None);
    };
    let azure = rules::read(folder)?;
    if stated.assumed {
        let environment = std::mem::take(&mut stated.environment);
        stated.environment = environment.over(azure.environment());
        stated.assumed = false;
    }
    Ok(Some(azure))
}

/// Reads rules that are proposed, and lays them over those that are given. Where nothing states the
/// network, their documents do.
///
/// # Errors
/// They cannot be read, hold no rules, or do not tell which NSG they are of; or nothing states the
/// subnets of the network.
pub(super) fn proposed(
    path: Option<&Path>,
    today: Option<&Azure>,
    stated: &mut Stated,
) -> Result<Option<Azure>> {
    let Some(path) = path else {
        return Ok(None);
    };
    let wrong = |message: String| Error::Invalid {
        path: path.to_owned(),
        message,
    };
    let proposed = rules::read(path)?;
    // A file that is unread may hold the very rules that are asked of.
    if let Some(unread) = proposed.faults.iter().find(|fault| fault.path.is_empty()) {
        return Err(wrong(format!("{}: {}", unread.file, unread.detail)));
    }
    if proposed.nsgs.is_empty() && proposed.admin_rules.is_empty() {
        let message = "expected security groups, as `az network nsg list -o json` prints them, and \
                       found none";
        return Err(wrong(message.to_owned()));
    }
    let said = proposed.remarks.len();
    let merged = today.cloned().unwrap_or_default().with_proposed(proposed);
    let merged = merged.map_err(wrong)?;
    rules::tell_remarks(&merged.remarks[said..]);
    if stated.environment.subnets.is_empty() {
        let environment = std::mem::take(&mut stated.environment);
        stated.environment = environment.over(merged.environment());
        stated.assumed = false;
    }
    if stated.environment.subnets.is_empty() {
        let message = "the subnets of the network are not known, and so not which rules stand before \
                       them: state them with --config, --vnet, or --azure with the document of the \
                       virtual network";
        return Err(Error::Usage {
            message: message.to_owned(),
        });
    }
    Ok(Some(merged))
}

/// The rules, with the newest service tags.
pub(super) fn network<'a>(
    azure: Option<&'a Azure>,
    environment: &'a Environment,
    tags: &'a ServiceTags,
) -> Option<Network<'a>> {
    let newest = tags.editions.len().saturating_sub(1);
    azure.map(|azure| Network::new(azure, environment, tags, newest))
}
