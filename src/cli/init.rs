//! `nsgaudit init`: what the logs show, as an `nsgaudit.toml` to be corrected.

use std::io::IsTerminal as _;

use super::args::InitArgs;
use super::{Status, output, setup, tell};
use crate::environment;
use crate::error::Result;
use crate::tally::TallyLimits;

pub(super) fn run(args: &InitArgs) -> Result<Status> {
    let stated = setup::Stated {
        assumed: true,
        ..setup::Stated::default()
    };
    let catalogue = setup::catalogue(&[&args.profile])?;
    let basis = setup::basis(&catalogue, &args.profile, &[])?;
    let logs = setup::logs(&args.logs, &stated.environment)?;
    let read = setup::read(
        &logs,
        stated,
        &basis,
        TallyLimits::default(),
        std::io::stderr().is_terminal(),
    )?;
    if read.facts.read.flow_files == 0 {
        tell(
            "error",
            "no flow record was read, so there is nothing to write down",
        );
        return Ok(Status::Incomplete);
    }
    let mut remarks = read.assumptions;
    remarks.extend(environment::remarks(&read.environment));
    let text = crate::config::write_toml(&read.environment, &args.profile, &remarks);
    output::write(args.output.as_deref(), text.as_bytes())?;
    Ok(Status::Quiet)
}
