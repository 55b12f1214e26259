//! `nsgaudit test` and `nsgaudit prove`: what the rules do with packets.

use std::io::Read as _;
use std::path::Path;

use super::args::{DiffRulesArgs, ProveArgs, RulesArgs, RulesFormat, TestArgs};
use super::{Status, contract, from_logs, output, setup, tell};
use crate::audit::configured::{Configured, OpenBeyond, configured, open_beyond};
use crate::environment::azure::{Azure, read_folder};
use crate::environment::rules::DocumentFault;
use crate::environment::{Environment, ServiceTags};
use crate::error::{Error, Result};
use crate::policy::contract::cubes;
use crate::policy::evaluate::evaluate;
use crate::policy::network::{Network, changes};
use crate::policy::packet::Packet;
use crate::policy::prove::Verdict;
use crate::policy::rule::{Answer, Level};
use crate::report;
use crate::report::rules_json::{self as json, Document};

/// Longest file of packets, in bytes.
const LONGEST: u64 = 64 << 20;

/// The rules, and what they are held against.
struct Rules {
    azure: Azure,
    environment: Environment,
    profile: Option<String>,
    tags: ServiceTags,
}

/// Reads a folder of documents, and says what is wrong with them.
pub(super) fn read(folder: &Path) -> Result<Azure> {
    let azure = read_folder(folder)?;
    for fault in &azure.faults {
        tell(
            "fault",
            &format!("{} {}: {}", fault.file, fault.path, fault.detail),
        );
    }
    tell_remarks(&azure.remarks);
    Ok(azure)
}

/// Says what is to be known of documents.
pub(super) fn tell_remarks(remarks: &[DocumentFault]) {
    for remark in remarks {
        tell(
            "note",
            &format!("{} {}: {}", remark.file, remark.path, remark.detail),
        );
    }
}

impl Rules {
    fn read(args: &RulesArgs) -> Result<Self> {
        let azure = read(&args.azure)?;
        let stated = setup::environment(&args.environment)?;
        let environment = if stated.assumed {
            azure.environment()
        } else {
            stated.environment
        };
        let tags = if args.service_tags.is_empty() {
            ServiceTags::embedded()
        } else {
            ServiceTags::from_files(&args.service_tags)?
        };
        Ok(Self {
            azure,
            environment,
            profile: stated.profile,
            tags,
        })
    }

    fn network(&self) -> Network<'_> {
        let newest = self.tags.editions.len().saturating_sub(1);
        Network::new(&self.azure, &self.environment, &self.tags, newest)
    }
}

/// A packet, and the answer that is expected.
struct Asked {
    packet: Packet,
    expected: Option<Answer>,
}

fn asked(text: &str, place: &str) -> Result<Asked> {
    let text = text.trim();
    let (expected, packet) = match text.split_once(char::is_whitespace) {
        Some(("allow", rest)) => (Some(Answer::Allow), rest),
        Some(("deny", rest)) => (Some(Answer::Deny), rest),
        _ => (None, text),
    };
    let packet = Packet::parse(packet).map_err(|message| Error::Usage {
        message: format!("{place}: {message}"),
    })?;
    Ok(Asked { packet, expected })
}

fn all_asked(args: &TestArgs) -> Result<Vec<Asked>> {
    let mut all = Vec::new();
    for (number, text) in args.packets.iter().enumerate() {
        all.push(asked(text, &format!("packet {}", number + 1))?);
    }
    if let Some(file) = &args.file {
        let text = contents(file)?;
        for (number, line) in text.lines().enumerate() {
            let line = line.split('#').next().unwrap_or_default().trim();
            if !line.is_empty() {
                all.push(asked(line, &format!("{}:{}", file.display(), number + 1))?);
            }
        }
    }
    if all.is_empty() {
        return Err(Error::Usage {
            message:
                "no packet: give one, such as 'inbound tcp 13.71.0.5:40000 -> 10.0.1.4:3443', \
                      or --file, or --from-logs"
                    .to_owned(),
        });
    }
    Ok(all)
}

fn contents(file: &Path) -> Result<String> {
    let mut text = String::new();
    let read = if file.as_os_str() == "-" {
        std::io::stdin()
            .lock()
            .take(LONGEST)
            .read_to_string(&mut text)
    } else {
        std::fs::File::open(file).and_then(|file| file.take(LONGEST).read_to_string(&mut text))
    };
    read.map(|_| text).map_err(|source| Error::Read {
        path: file.to_owned(),
        source,
    })
}

/// `nsgaudit test`.
pub(super) fn test(args: &TestArgs) -> Result<Status> {
    let as_json = args.format == RulesFormat::Json;
    if args.from_logs.are_given()? {
        let rules = Rules::read(&args.rules)?;
        let network = rules.network();
        return from_logs::run(&args.from_logs, &rules.environment, &network, as_json);
    }
    let asked = all_asked(args)?;
    let rules = Rules::read(&args.rules)?;
    let network = rules.network();
    let mut text = String::new();
    let mut answers = Vec::new();
    let mut failed = 0u64;
    for Asked { packet, expected } in &asked {
        let levels = network.levels(packet.local(), packet.direction);
        let decided = evaluate(&levels, &packet.probe);
        if as_json {
            let expected = expected.map(Answer::name);
            answers.push(json::answered(packet, &levels, &decided, expected));
        } else {
            text += &report::rules::trace(packet, &levels, &decided, args.short);
        }
        if expected.is_some_and(|expected| expected != decided.answer()) {
            failed += 1;
            let expected = expected.map_or("", Answer::name);
            // What JSON says, it says in a field.
            text.extend(["  expected ", expected, "\n"]);
        }
    }
    if as_json {
        text = json::render(&Document::Test(json::Test {
            schema: "nsgaudit/test/1",
            packets: answers,
            otherwise: failed,
        }));
    }
    output::write(None, text.as_bytes())?;
    if failed > 0 {
        tell(
            "error",
            &format!(
                "{failed} of {} packets are answered otherwise than expected",
                asked.len()
            ),
        );
        return Ok(Status::Findings);
    }
    Ok(Status::Quiet)
}

/// `nsgaudit diff-rules`.
pub(super) fn diff(args: DiffRulesArgs) -> Result<Status> {
    let DiffRulesArgs {
        old,
        new,
        environment,
        service_tags,
        format,
    } = args;
    let new = Rules::read(&RulesArgs {
        azure: new,
        environment,
        service_tags,
    })?;
    let old = read(&old)?;
    let newest = new.tags.editions.len().saturating_sub(1);
    let before = Network::new(&old, &new.environment, &new.tags, newest);
    let changes = changes(&before, &new.network(), &new.environment);
    let quiet = changes.iter().all(|change| change.difference.is_empty());
    let text = match format {
        RulesFormat::Text => report::rules::changes(&changes),
        RulesFormat::Json => json::render(&Document::DiffRules(json::DiffRules {
            schema: "nsgaudit/diff-rules/1",
            changes: json::changes(&changes),
        })),
    };
    output::write(None, text.as_bytes())?;
    Ok(if quiet {
        Status::Quiet
    } else {
        Status::Findings
    })
}

/// `nsgaudit prove`.
pub(super) fn prove(args: &ProveArgs) -> Result<Status> {
    let contracts = contract::read(&args.contract)?;
    let rules = Rules::read(&args.rules)?;
    let network = rules.network();
    let profile = args
        .profile
        .as_deref()
        .or(rules.profile.as_deref())
        .unwrap_or(super::judge::DEFAULT_PROFILE)
        .to_owned();
    let catalogue = setup::catalogue(&[&profile])?;
    let basis = setup::basis(&catalogue, &profile, &args.rules.service_tags)?;
    let of_profile = contracts.is_empty() || args.profile.is_some();
    let mut said = Said::default();
    if of_profile {
        said.requirements = Some(configured(
            basis.profile,
            &basis.included,
            &rules.environment,
            &rules.tags,
            &network,
        ));
    }
    if args.unneeded {
        let own = contracts.iter().flat_map(|one| &one.properties).cloned();
        let own = cubes(&own.collect::<Vec<_>>(), &network);
        said.unneeded = Some(open_beyond(
            basis.profile,
            &basis.included,
            &rules.environment,
            &rules.tags,
            &network,
            &own,
        ));
    }
    if !contracts.is_empty() {
        said.contract = Some(contract::proved(contracts, &network));
    }
    if args.anomalies {
        said.anomalies = Some(network.all_levels());
    }
    let text = match args.format {
        RulesFormat::Text => said.text(args.all),
        RulesFormat::Json => said.json(),
    };
    output::write(None, text.as_bytes())?;
    let open = |of: &Configured| of.verdict != Verdict::Allowed && !of.advice;
    Ok(if said.requirements.iter().flatten().any(open) {
        Status::Findings
    } else {
        contract::status(said.contract.as_deref().unwrap_or_default())
    })
}

/// What `prove` has to say: what was asked for.
#[derive(Default)]
struct Said {
    requirements: Option<Vec<Configured>>,
    contract: Option<Vec<report::contract::Proved>>,
    unneeded: Option<Vec<OpenBeyond>>,
    anomalies: Option<Vec<Level>>,
}

impl Said {
    fn text(&self, all: bool) -> String {
        let contract = self.contract.as_ref();
        let parts = [
            contract.map(|those| report::contract::properties(those, all)),
            self.requirements
                .as_ref()
                .map(|those| report::rules::proofs(those, all)),
            self.unneeded
                .as_ref()
                .map(|those| report::rules::unneeded(those)),
            self.anomalies
                .as_ref()
                .map(|levels| report::rules::anomalies(levels)),
        ];
        parts.into_iter().flatten().collect()
    }

    fn json(&self) -> String {
        json::render(&Document::Prove(json::Prove {
            schema: "nsgaudit/prove/1",
            requirements: self.requirements.as_deref().map(json::requirements),
            contract: self.contract.as_deref().map(json::properties),
            unneeded: self.unneeded.as_deref().map(json::unneeded),
            anomalies: self.anomalies.as_deref().map(json::anomalies),
        }))
    }
}
