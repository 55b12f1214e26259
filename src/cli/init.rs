//! `nsgaudit init`: what the logs and the virtual network's document show, as an `nsgaudit.toml` to be corrected.

use std::io::IsTerminal as _;

use super::args::InitArgs;
use super::{Status, output, setup, tell};
use crate::environment;
use crate::error::Result;
use crate::tally::TallyLimits;

pub(super) fn run(args: &InitArgs) -> Result<Status> {
    let stated = match &args.vnet {
        Some(file) => {
            let read = environment::vnet::read(file, args.vnet_name.as_deref())?;
            setup::Stated {
                assumed: read.environment.subnets.is_empty(),
                environment: read.environment,
                remarks: read.remarks,
                profile: None,
            }
        }
        None => setup::Stated {
            assumed: true,
            ..setup::Stated::default()
        },
    };
    let catalogue = setup::catalogue(&[&args.profile])?;
    let basis = setup::basis(&catalogue, &args.profile, &[])?;
    let logs = setup::logs(&args.logs, &stated.environment)?;
    let read = setup::read(
        &logs,
        stated,
        &basis,
        &[],
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
    if args.vnet.is_some() {
        let interfaces = &read.facts.coverage.interfaces;
        remarks.extend(environment::logged(&read.environment, interfaces));
    }
    remarks.extend(environment::remarks(&read.environment));
    let text = crate::config::write_toml(&read.environment, &args.profile, &remarks);
    output::write(args.output.as_deref(), text.as_bytes())?;
    Ok(Status::Quiet)
}
