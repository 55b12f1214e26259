//! `--azure`: the rules that an audit is given.

use std::path::Path;

use super::{rules, setup::Stated};
use crate::environment::azure::Azure;
use crate::environment::{Environment, ServiceTags};
use crate::error::Result;
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

/// The rules, with the newest service tags.
pub(super) fn network<'a>(
    azure: Option<&'a Azure>,
    environment: &'a Environment,
    tags: &'a ServiceTags,
) -> Option<Network<'a>> {
    let newest = tags.editions.len().saturating_sub(1);
    azure.map(|azure| Network::new(azure, environment, tags, newest))
}
