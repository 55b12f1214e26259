//! `nsgaudit prove --contract`: reads contracts and holds the rules to them.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use clap::Args;

use super::{Status, tell};
use crate::error::{Error, Result};
use crate::policy::contract::{Holds, Property, parse, prove};
use crate::policy::network::Network;
use crate::report::contract::Proved;

/// Longest contract, in bytes.
const LONGEST: u64 = 4 << 20;

/// Which contracts.
#[derive(Debug, Args)]
pub struct ContractArgs {
    /// File of properties, one a line, that the rules are held to in place of a profile's
    /// requirements: `deny inbound any Internet -> subnet:compute:22,3389`. - for standard input; may
    /// be given more than once.
    #[arg(long, value_name = "FILE")]
    pub contract: Vec<PathBuf>,
}

/// A contract and its name.
#[derive(Debug)]
pub(super) struct Contract {
    /// The file.
    pub(super) file: String,
    /// What it says.
    pub(super) properties: Vec<Property>,
}

/// Reads contracts; says every mistake.
pub(super) fn read(args: &ContractArgs) -> Result<Vec<Contract>> {
    let mut all = Vec::new();
    for path in &args.contract {
        let file = path.display().to_string();
        let properties = parse(&contents(path)?).map_err(|mistakes| {
            let more = mistakes.len() - 1;
            for mistake in &mistakes[1..] {
                tell("mistake", &format!("{file}:{mistake}"));
            }
            let more = match more {
                0 => String::new(),
                more => format!(" (and {more} more mistakes, told before)"),
            };
            Error::Usage {
                message: format!("{file}:{}{more}", mistakes[0]),
            }
        })?;
        if properties.is_empty() {
            let message = format!(
                "{file}: expected a property, such as \
                 `deny inbound any Internet -> 10.20.0.0/24:22,3389`, found none"
            );
            return Err(Error::Usage { message });
        }
        all.push(Contract { file, properties });
    }
    Ok(all)
}

/// Proves all properties.
pub(super) fn proved(contracts: Vec<Contract>, network: &Network<'_>) -> Vec<Proved> {
    let mut all = Vec::new();
    for Contract { file, properties } in contracts {
        all.extend(properties.into_iter().map(|property| Proved {
            held: prove(&property, network),
            file: file.clone(),
            property,
        }));
    }
    all
}

/// 1 where a property is violated, else 3 where one is undetermined.
pub(super) fn status(all: &[Proved]) -> Status {
    match all.iter().map(|one| one.held.holds).min() {
        Some(Holds::No) => Status::Findings,
        Some(Holds::Undetermined) => Status::Inconclusive,
        Some(Holds::Yes) | None => Status::Quiet,
    }
}

fn contents(path: &Path) -> Result<String> {
    let mut bytes = Vec::new();
    let read = if path.as_os_str() == "-" {
        std::io::stdin()
            .lock()
            .take(LONGEST + 1)
            .read_to_end(&mut bytes)
    } else {
        File::open(path).and_then(|file| file.take(LONGEST + 1).read_to_end(&mut bytes))
    };
    read.map_err(|source| Error::Read {
        path: path.to_owned(),
        source,
    })?;
    let shown = path.display();
    if bytes.len() as u64 > LONGEST {
        let message = format!("{shown}: expected a contract of at most 4 MiB, found a longer one");
        return Err(Error::Usage { message });
    }
    String::from_utf8(bytes).map_err(|error| Error::Usage {
        message: format!(
            "{shown}: expected UTF-8, found other bytes at offset {}",
            error.utf8_error().valid_up_to()
        ),
    })
}
