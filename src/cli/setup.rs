//! From arguments to what the core asks for: plan, environment, filters, limits.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use super::args::{EnvironmentArgs, LogArgs};
use super::progress::Progress;
use crate::capture::layers::Options;
use crate::catalogue::{Catalogue, Profile};
use crate::classify::{Partition, terms_of};
use crate::environment::{self, Environment, ServiceTags};
use crate::error::{Error, Result};
use crate::flowlog::Limits;
use crate::input::{self, Plan, PlanOptions};
use crate::net::{Mac, PrefixSet, Timestamp, prefix};
use crate::pipeline::{self, CaptureReading, Reading};
use crate::simd::Level;
use crate::tally::finish::Gathered;
use crate::tally::trace::Ground;
use crate::tally::{MOST_EDITIONS, NamedPorts, Narrow, Shared, TallyLimits};

/// The environment of a run, and what stated it.
#[derive(Debug, Default)]
pub(super) struct Stated {
    /// The environment; empty where nothing states it.
    pub(super) environment: Environment,
    /// Whether nothing does.
    pub(super) assumed: bool,
    /// The profile that the configuration names.
    pub(super) profile: Option<String>,
    /// Remarks of its reader.
    pub(super) remarks: Vec<String>,
}

/// The file that is read where no option names an environment.
const DEFAULT_CONFIG: &str = "nsgaudit.toml";

/// The configuration that is read, where there is one.
pub(super) fn config_file(args: &EnvironmentArgs) -> Option<&Path> {
    let default = Path::new(DEFAULT_CONFIG);
    args.config
        .as_deref()
        .or_else(|| default.exists().then_some(default))
}

/// Reads what states the environment: the configuration, laid over the virtual network's document.
pub(super) fn environment(args: &EnvironmentArgs) -> Result<Stated> {
    let vnet = args
        .vnet
        .as_deref()
        .map(|vnet| environment::vnet::read(vnet, args.vnet_name.as_deref()))
        .transpose()?;
    let (below, remarks) = vnet.map(|vnet| (vnet.environment, vnet.remarks)).unzip();
    let config = config_file(args)
        .map(crate::config::Config::read)
        .transpose()?;
    let (above, profile) = config
        .map(|config| (config.environment, config.profile))
        .unzip();
    let environment = match (above, below) {
        (Some(above), Some(below)) => above.over(below),
        (Some(one), None) | (None, Some(one)) => one,
        (None, None) => Environment::default(),
    };
    let assumed = environment.subnets.is_empty();
    Ok(Stated {
        environment,
        assumed,
        profile: profile.flatten(),
        remarks: remarks.unwrap_or_default(),
    })
}

/// What the log options ask for.
pub(super) struct Logs {
    /// The files.
    pub(super) plan: Plan,
    /// What is left out.
    pub(super) narrow: Narrow,
    /// How to read.
    pub(super) reading: Reading,
}

/// Checks the log options and lists the files.
pub(super) fn logs(args: &LogArgs, environment: &Environment) -> Result<Logs> {
    let narrow = Narrow {
        since: time("--since", args.since.as_deref())?,
        until: time("--until", args.until.as_deref())?,
        nsg: args.nsg.clone(),
        mac: args
            .mac
            .iter()
            .map(|text| mac(text))
            .collect::<Result<_>>()?,
        subnet: subnet(&args.subnet, environment)?,
    };
    let options = PlanOptions {
        since: narrow.since,
        until: narrow.until,
        nsg: narrow.nsg.clone(),
        mac: narrow.mac.clone(),
    };
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get);
    let threads = args.threads.unwrap_or(cores);
    if threads == 0 || threads > 1_024 {
        return Err(Error::Usage {
            message: format!("--threads: expected 1 to 1024, found {threads}"),
        });
    }
    if args.max_record < 1_024 || args.max_record > 1 << 30 {
        return Err(Error::Usage {
            message: format!(
                "--max-record: expected 1024 to 1073741824 bytes, found {}",
                args.max_record
            ),
        });
    }
    let mut open = input::Limits::default();
    if args.max_inflated > 0 {
        open.inflate_bytes = args.max_inflated;
    }
    let level = if args.scalar {
        Level::Scalar
    } else {
        Level::best()
    };
    if args.max_connections < 1_024 {
        return Err(Error::Usage {
            message: format!(
                "--max-connections: expected at least 1024, found {}",
                args.max_connections
            ),
        });
    }
    let mut layers = Options::default();
    if !args.vxlan_port.is_empty() {
        layers.vxlan_ports.clone_from(&args.vxlan_port);
    }
    let plan = Plan::new(&args.logs, &options)?;
    if plan.is_empty() {
        let skipped = plan.skipped_by_path();
        let message = format!(
            "nothing to read: --since, --until, --nsg and --mac leave out all {skipped} files, as their paths tell"
        );
        return Err(Error::Usage { message });
    }
    Ok(Logs {
        plan,
        narrow,
        reading: Reading {
            threads,
            level,
            scan: Limits {
                record: args.max_record,
            },
            open,
            captures: CaptureReading {
                connections: args.max_connections,
                layers,
            },
        },
    })
}

fn time(option: &str, text: Option<&str>) -> Result<Option<Timestamp>> {
    let Some(text) = text else { return Ok(None) };
    let parsed = Timestamp::parse(text);
    let message = || {
        format!(
            "{option}: expected a time such as 2026-01-05T14:00:00Z or 2026-01-05, found {text:?}"
        )
    };
    parsed
        .map(Some)
        .ok_or_else(|| Error::Usage { message: message() })
}

fn mac(text: &str) -> Result<Mac> {
    Mac::parse(text.as_bytes()).ok_or_else(|| Error::Usage {
        message: format!("--mac: expected twelve hexadecimal digits, found {text:?}"),
    })
}

fn subnet(texts: &[String], environment: &Environment) -> Result<Option<PrefixSet>> {
    let mut union = PrefixSet::empty();
    for text in texts {
        let named = environment
            .subnets
            .iter()
            .find(|subnet| subnet.name.eq_ignore_ascii_case(text));
        let addresses = named
            .map(|subnet| subnet.prefixes.clone())
            .or_else(|| prefix::parse_prefix(text).map(|prefix| PrefixSet::new([prefix])));
        let message = || {
            format!(
                "--subnet: expected a prefix such as 10.0.0.0/27 or the name of a subnet of the environment, found {text:?}"
            )
        };
        union = union.union(&addresses.ok_or_else(|| Error::Usage { message: message() })?);
    }
    Ok((!texts.is_empty()).then_some(union))
}

/// What a run is held against.
pub(super) struct Basis<'a> {
    /// The profile.
    pub(super) profile: &'a Profile,
    /// Those it includes.
    pub(super) included: Vec<&'a Profile>,
    /// The service tags.
    pub(super) tags: ServiceTags,
}

/// The profile and the tags.
pub(super) fn basis<'a>(
    catalogue: &'a Catalogue,
    profile: &str,
    tags: &[std::path::PathBuf],
) -> Result<Basis<'a>> {
    let profile = catalogue.get(profile)?;
    let tags = if tags.is_empty() {
        ServiceTags::embedded()
    } else {
        ServiceTags::from_files(tags)?
    };
    if tags.editions.len() > MOST_EDITIONS {
        return Err(Error::Usage {
            message: format!(
                "--service-tags: expected at most {MOST_EDITIONS} files, found {}",
                tags.editions.len()
            ),
        });
    }
    let included = catalogue
        .with_includes(profile)
        .into_iter()
        .filter(|included| included.name != profile.name)
        .collect();
    Ok(Basis {
        profile,
        included,
        tags,
    })
}

/// The catalogue, with the user's file where `name` is one.
pub(super) fn catalogue(names: &[&str]) -> Result<Catalogue> {
    let files: Vec<_> = names
        .iter()
        .filter(|name| {
            Path::new(name)
                .extension()
                .is_some_and(|extension| extension == "toml")
                || name.contains(std::path::MAIN_SEPARATOR)
        })
        .collect();
    Catalogue::with_files(&files)
}

/// What was read, and the partitions it speaks of.
pub(super) struct Read {
    /// The environment, assumed from the logs where nothing states it.
    pub(super) environment: Environment,
    /// What was assumed.
    pub(super) assumptions: Vec<String>,
    /// The facts.
    pub(super) facts: crate::tally::Facts,
}

/// Reads the logs. Rules tell the addresses of `cuts` apart.
pub(super) fn read(
    logs: &Logs,
    stated: Stated,
    basis: &Basis<'_>,
    cuts: &[PrefixSet],
    limits: TallyLimits,
    progress: bool,
) -> Result<Read> {
    Ok(read_to_trace(logs, stated, basis, cuts, limits, progress)?.0)
}

/// Reads the logs, and keeps what a second reading needs.
pub(super) fn read_to_trace(
    logs: &Logs,
    stated: Stated,
    basis: &Basis<'_>,
    cuts: &[PrefixSet],
    limits: TallyLimits,
    progress: bool,
) -> Result<(Read, Ground)> {
    let rows = || {
        std::iter::once(&basis.profile)
            .chain(&basis.included)
            .flat_map(|profile| &profile.rows)
            .chain(&stated.environment.requirements)
    };
    let terms = terms_of(rows());
    let ports = NamedPorts::new(rows().map(|row| &row.ports));
    let too_many = |message| Error::Usage { message };
    let counted_by = Partition::new(
        &stated.environment,
        stated.assumed,
        &terms,
        &basis.tags,
        cuts,
    )
    .map_err(too_many)?;
    let editions: Vec<i64> = basis
        .tags
        .editions
        .iter()
        .map(|edition| edition.date.0)
        .collect();
    let gathered = gather(logs, &counted_by, &editions, &ports, limits, progress)?;
    let blocks = gathered.blocks();
    if !stated.assumed {
        let facts = gathered.finish(&counted_by, &counted_by);
        let mut assumptions = stated.remarks;
        if stated.environment.all_private {
            let said = "the tag VirtualNetwork is taken to be all private address space, since \
                        all-private is stated";
            assumptions.push(said.to_owned());
        }
        let read = Read {
            environment: stated.environment,
            assumptions,
            facts,
        };
        let ground = Ground {
            counted_by,
            partition: None,
            editions,
            ports,
            limits,
            blocks,
        };
        return Ok((read, ground));
    }
    let (assumed, mut assumptions) = environment::assume(
        &gathered.coverage.interfaces,
        &gathered.coverage.captured_hosts,
    );
    let environment = stated.environment.over(assumed);
    assumptions.extend(stated.remarks);
    let partition =
        Partition::new(&environment, true, &terms, &basis.tags, &[]).map_err(too_many)?;
    let facts = gathered.finish(&counted_by, &partition);
    let read = Read {
        environment,
        assumptions,
        facts,
    };
    let ground = Ground {
        counted_by,
        partition: Some(partition),
        editions,
        ports,
        limits,
        blocks,
    };
    Ok((read, ground))
}

/// Reads the logs into a tally, with a progress bar where wanted.
pub(super) fn gather(
    logs: &Logs,
    partition: &Partition,
    editions: &[i64],
    ports: &NamedPorts,
    limits: TallyLimits,
    progress: bool,
) -> Result<Gathered> {
    let bytes = Arc::new(AtomicU64::new(0));
    let mut bar = Progress::new(None, progress);
    bar.watch(Arc::clone(&bytes));
    let tally = || {
        Shared::new(
            partition,
            editions.to_vec(),
            ports,
            &logs.narrow,
            logs.reading.threads,
            limits,
        )
    };
    let gathered = pipeline::run(&logs.plan, &logs.reading, &tally, &bytes);
    bar.finish();
    gathered
}
