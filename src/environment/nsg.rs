//! Network security groups as Azure prints them: `az network nsg show` and `list` (flat), REST, the
//! portal and Resource Graph (under `properties`), `PowerShell`, templates and exports, and the
//! effective rules of an interface.
//!
//! What a document does not say is never taken for nothing, nor for everything: an address that only
//! a deployment knows is unknown, a rule that cannot be read is kept as one that is there.

use serde_json::Value;

use super::azure::decode::decode;
use super::azure::node::{Notes, describe};
use super::azure::walk::walk;
use super::rules::{DocumentFault, Nsg};

mod defaults;
mod group;
pub(super) mod rule;
pub(super) mod side;

pub use defaults::default_name;
pub(super) use group::read;

/// What a document says of network security groups.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Document {
    /// The groups, in its order.
    pub nsgs: Vec<Nsg>,
    /// Effective rules: one group for each level of an interface.
    pub effective: Vec<Effective>,
    /// What is not as it should be.
    pub faults: Vec<DocumentFault>,
    /// What is to be known, and is no fault: host bits, defaults of parameters.
    pub remarks: Vec<DocumentFault>,
}

/// The rules of a group as Azure applies them: their tags are resolved, [`Side::expanded`] says so.
///
/// The group's `subnets` and `interfaces` hold the one that the rules were listed for.
///
/// [`Side::expanded`]: super::rules::Side::expanded
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Effective {
    /// The group.
    pub nsg: Nsg,
    /// JSON path in its file.
    pub path: String,
}

const EXPECTED: &str = "network security groups, as `az network nsg list -o json` prints them, or \
    effective rules, as `az network nic list-effective-nsg` does";

/// Reads all groups of a document. `file` is what its faults name.
///
/// # Errors
/// The document is no JSON, or holds none: what was expected, what was found.
pub fn parse(json: &[u8], file: &str) -> Result<Document, String> {
    let document = decode(json).map_err(|message| format!("expected {EXPECTED}, but {message}"))?;
    let read = self::document(&document, file);
    if read.nsgs.is_empty() && read.effective.is_empty() {
        let why = read
            .faults
            .first()
            .map(|fault| format!(" ({})", fault.detail));
        return Err(format!(
            "expected {EXPECTED}, found {}{}",
            describe(&document),
            why.unwrap_or_default()
        ));
    }
    Ok(read)
}

fn document(document: &Value, file: &str) -> Document {
    let mut notes = Notes::of(file);
    let walked = walk(document);
    let (nsgs, effective) = read(&walked, &mut notes);
    if !nsgs.is_empty() || !effective.is_empty() {
        super::azure::general(&walked, &mut notes);
    }
    Document {
        nsgs,
        effective,
        faults: notes.faults,
        remarks: notes.remarks,
    }
}

#[cfg(test)]
mod tests;
