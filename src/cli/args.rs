//! The command line: types only.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// Audits Azure flow logs and packet captures against what a service requires: what is blocked but
/// required, and what is open but unneeded.
#[derive(Debug, Parser)]
#[command(
    name = "nsgaudit",
    version,
    max_term_width = 100,
    subcommand_required = true,
    arg_required_else_help = true
)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub verb: Verb,
}

/// The verbs.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Audit flow logs and captures against a profile.
    Audit(Box<AuditArgs>),
    /// Say what is broken, since when, by which change, how sure, and what to do: the audit as a story.
    Diagnose(Box<super::diagnose::DiagnoseArgs>),
    /// Print the flow records of logs or the connections of captures, to be piped on.
    Flows(Box<FlowsArgs>),
    /// Write an nsgaudit.toml of what logs, captures and --vnet show, to be corrected.
    Init(Box<InitArgs>),
    /// Say what the rules do with packets, and why: `inbound tcp 13.71.0.5:40000 -> 10.0.1.4:3443`.
    Test(Box<TestArgs>),
    /// Prove of every requirement whether the rules allow all of it.
    Prove(Box<ProveArgs>),
    /// Compare two audits: findings that are new, gone and changed; exit status 1 where any is new.
    Diff(Box<super::diff::DiffArgs>),
    /// List every tuple behind a finding: file, offset, and how to find it there.
    Evidence(Box<super::evidence::EvidenceArgs>),
    /// Check that the inputs and outputs of an audit are still those of its manifest.
    Verify(Box<super::verify::VerifyArgs>),
    /// Print the `az` commands that fetch the rules, for `--azure`, and tell where the logs are.
    Collect(super::collect::CollectArgs),
    /// Say what a change of rules newly allows and denies, exactly.
    DiffRules(Box<DiffRulesArgs>),
    /// Propose a change of rules that allows what is required: proved first, printed as `az`, Bicep,
    /// Terraform or a template, never applied.
    Fix(Box<super::fix::FixArgs>),
    /// Say what proposed rules would have done with past traffic: newly denied, newly allowed.
    Replay(Box<super::replay::ReplayArgs>),
    /// List, show, check or compare profiles.
    Profiles(ProfilesArgs),
    /// Explain a check: what it looks for, why it matters, what to do.
    Explain {
        /// Code of the check, such as NSG101.
        code: String,
    },
    /// List the checks.
    Checks,
    /// Print the JSON schema of the report, or of another document.
    Schema(super::schema::SchemaArgs),
}

/// Which logs, and what of them.
#[derive(Debug, Args)]
pub struct LogArgs {
    /// Files, folders (walked), quoted globs, or - for standard input: flow logs and captures.
    #[arg(required = true, value_name = "LOGS")]
    pub logs: Vec<OsString>,
    /// Only flows at or after this time (RFC 3339, or a date).
    #[arg(long, value_name = "TIME", help_heading = "Narrowing")]
    pub since: Option<String>,
    /// Only flows before this time.
    #[arg(long, value_name = "TIME", help_heading = "Narrowing")]
    pub until: Option<String>,
    /// Only this NSG, by name or resource ID; may be given more than once.
    #[arg(long, value_name = "NAME", help_heading = "Narrowing")]
    pub nsg: Vec<String>,
    /// Only this interface's MAC address; may be given more than once.
    #[arg(long, value_name = "MAC", help_heading = "Narrowing")]
    pub mac: Vec<String>,
    /// Only flows whose logged interface has an address in this subnet: a prefix, or the name of a
    /// subnet of the environment; may be given more than once.
    #[arg(long, value_name = "PREFIX", help_heading = "Narrowing")]
    pub subnet: Vec<String>,
    /// Threads to read with; by default one a core.
    #[arg(long, value_name = "N", help_heading = "Limits")]
    pub threads: Option<usize>,
    /// Longest record, in bytes.
    #[arg(long, value_name = "BYTES", default_value_t = 4 << 20, help_heading = "Limits")]
    pub max_record: usize,
    /// Most a compressed file may inflate to, in bytes; 0 for no limit.
    #[arg(
        long,
        value_name = "BYTES",
        default_value_t = 0,
        help_heading = "Limits"
    )]
    pub max_inflated: u64,
    /// Most connections of a capture that are kept at a time, at 160 bytes each; beyond it the oldest
    /// are taken to have ended.
    #[arg(
        long,
        value_name = "N",
        default_value_t = 1_000_000,
        help_heading = "Captures"
    )]
    pub max_connections: usize,
    /// UDP port that carries VXLAN (as of a virtual network TAP), in place of 4789 and 8472; may be
    /// given more than once.
    #[arg(long, value_name = "PORT", help_heading = "Captures")]
    pub vxlan_port: Vec<u16>,
    /// Use portable code only, no vector instructions.
    #[arg(long, hide = true)]
    pub scalar: bool,
}

/// What the network looks like.
#[derive(Debug, Args)]
pub struct EnvironmentArgs {
    /// The environment; by default nsgaudit.toml in the current folder, where there is one.
    #[arg(
        long,
        value_name = "FILE",
        conflicts_with = "vnet",
        help_heading = "Environment"
    )]
    pub config: Option<PathBuf>,
    /// The environment as `az network vnet show` or `list` prints it (-o json); what --config states
    /// is laid over it.
    #[arg(long, value_name = "FILE", help_heading = "Environment")]
    pub vnet: Option<PathBuf>,
    /// Which virtual network of the --vnet file.
    #[arg(
        long,
        value_name = "NAME",
        requires = "vnet",
        help_heading = "Environment"
    )]
    pub vnet_name: Option<String>,
}

/// Options of `audit`.
#[derive(Debug, Args)]
pub struct AuditArgs {
    /// What is read, and what it is held against.
    #[command(flatten)]
    pub read: super::judge::ReadArgs,
    /// Format of the report.
    #[arg(long, value_enum, default_value_t = Format::Text, help_heading = "Report")]
    pub format: Format,
    /// Write the report to a file, whole or not at all.
    #[arg(long, short, value_name = "FILE", help_heading = "Report")]
    pub output: Option<PathBuf>,
    /// Write a further report of the same run, as in `--report sarif=audit.sarif`: any format of
    /// --format; may be given more than once.
    #[arg(long, value_name = "FORMAT=FILE", value_parser = Report::parse, help_heading = "Report")]
    pub report: Vec<Report>,
    /// Every finding and sample, not only the worst.
    #[arg(long, help_heading = "Report")]
    pub all: bool,
    /// Colour: auto, always, never.
    #[arg(long, value_enum, default_value_t = Colour::Auto, value_name = "WHEN", help_heading = "Report")]
    pub color: Colour,
    /// What is accepted, and what is kept of the run.
    #[command(flatten)]
    pub baseline: super::baseline::BaselineArgs,
    /// No progress bar.
    #[arg(long, short, help_heading = "Report")]
    pub quiet: bool,
    /// What makes the run fail.
    #[command(flatten)]
    pub exit: super::judge::ExitArgs,
}

/// Options of `flows`.
#[derive(Debug, Args)]
pub struct FlowsArgs {
    /// Which logs.
    #[command(flatten)]
    pub logs: LogArgs,
    /// What the network looks like: for --subnet by name.
    #[command(flatten)]
    pub environment: EnvironmentArgs,
    /// What to print: the flow records of logs, or the connections of captures as Zeek lists them.
    #[arg(long, value_enum, default_value_t = From::Logs)]
    pub from: From,
    /// Format of the records: jsonl of both, tsv of captures only, all others of logs only.
    #[arg(long, value_enum, default_value_t = FlowsFormat::Jsonl)]
    pub format: FlowsFormat,
    /// Only this decision.
    #[arg(long, value_enum)]
    pub decision: Option<DecisionArg>,
    /// Only this direction.
    #[arg(long, value_enum)]
    pub direction: Option<DirectionArg>,
    /// Only this destination port or range, such as 443 or 6379-6383; may be given more than once.
    #[arg(long, value_name = "PORT")]
    pub port: Vec<String>,
    /// Only flows from or to an address in this prefix; may be given more than once.
    #[arg(long, value_name = "PREFIX")]
    pub address: Vec<String>,
    /// Stop after so many records.
    #[arg(long, value_name = "N")]
    pub limit: Option<u64>,
    /// Write to a file, whole or not at all.
    #[arg(long, short, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

/// What the rules are, and in which network.
#[derive(Debug, Args)]
pub struct RulesArgs {
    /// Folder of what `az … list -o json` prints: NSGs, virtual networks, interfaces, application
    /// security groups, route tables. What each file is, is found out.
    #[arg(long, value_name = "FOLDER", help_heading = "Environment")]
    pub azure: PathBuf,
    /// What the network looks like; by default what the folder says of it.
    #[command(flatten)]
    pub environment: EnvironmentArgs,
    /// Service tags as Microsoft publishes them or `az network list-service-tags` prints them. By
    /// default the built-in snapshot. Of several the newest counts.
    #[arg(long, value_name = "FILE", help_heading = "Environment")]
    pub service_tags: Vec<PathBuf>,
}

/// Options of `test`.
#[derive(Debug, Args)]
pub struct TestArgs {
    /// The rules.
    #[command(flatten)]
    pub rules: RulesArgs,
    /// Packets, each as one argument. With `allow` or `deny` before it, an answer that is expected: the
    /// exit status is 1 where another is given.
    #[arg(value_name = "PACKET")]
    pub packets: Vec<String>,
    /// File of packets, one a line; # begins a comment; - for standard input.
    #[arg(long, value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// Only the answers, not why.
    #[arg(long)]
    pub short: bool,
    /// Logs in place of packets.
    #[command(flatten)]
    pub from_logs: super::from_logs::FromLogsArgs,
    /// Format of what is printed.
    #[arg(long, value_enum, default_value_t = RulesFormat::Text)]
    pub format: RulesFormat,
}

/// Options of `diff-rules`.
#[derive(Debug, Args)]
pub struct DiffRulesArgs {
    /// Folder of the rules as they were, as for --azure of `test`.
    #[arg(value_name = "OLD")]
    pub old: PathBuf,
    /// Folder of the rules as they are to be.
    #[arg(value_name = "NEW")]
    pub new: PathBuf,
    /// What the network looks like; by default what the folder of the new rules says of it.
    #[command(flatten)]
    pub environment: EnvironmentArgs,
    /// Service tags, as for `test`.
    #[arg(long, value_name = "FILE", help_heading = "Environment")]
    pub service_tags: Vec<PathBuf>,
    /// Format of what is printed.
    #[arg(long, value_enum, default_value_t = RulesFormat::Text)]
    pub format: RulesFormat,
}

/// Options of `prove`.
#[derive(Debug, Args)]
pub struct ProveArgs {
    /// The rules.
    #[command(flatten)]
    pub rules: RulesArgs,
    /// Profile to prove: a name, or a file of your own. By default the one that the environment
    /// states, else `ise`.
    #[arg(long, value_name = "NAME", help_heading = "Environment")]
    pub profile: Option<String>,
    /// Allowed requirements too, not only the others.
    #[arg(long)]
    pub all: bool,
    /// Also what the rules allow and no requirement needs.
    #[arg(long)]
    pub unneeded: bool,
    /// Also rules that never decide, and rules that change nothing.
    #[arg(long)]
    pub anomalies: bool,
    /// Properties to prove in place of a profile's requirements; those too, where --profile is given.
    #[command(flatten)]
    pub contract: super::contract::ContractArgs,
    /// Format of what is printed.
    #[arg(long, value_enum, default_value_t = RulesFormat::Text)]
    pub format: RulesFormat,
}

/// Formats of what is said of rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum RulesFormat {
    /// For people, 80 columns.
    Text,
    /// One document; docs/rules.schema.json is its schema.
    Json,
}

/// Options of `init`.
#[derive(Debug, Args)]
pub struct InitArgs {
    /// Which logs.
    #[command(flatten)]
    pub logs: LogArgs,
    /// The network as `az network vnet show` or `list` prints it (-o json); without it, subnets are
    /// assumed around the logged interfaces.
    #[arg(long, value_name = "FILE")]
    pub vnet: Option<PathBuf>,
    /// Which virtual network of the --vnet file.
    #[arg(long, value_name = "NAME", requires = "vnet")]
    pub vnet_name: Option<String>,
    /// Profile to name in the file.
    #[arg(long, value_name = "NAME", default_value = "ise")]
    pub profile: String,
    /// Write to a file, whole or not at all.
    #[arg(long, short, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

/// Options of `profiles`.
#[derive(Debug, Args)]
pub struct ProfilesArgs {
    /// What to do with profiles; by default list them.
    #[command(subcommand)]
    pub verb: Option<ProfilesVerb>,
}

/// Verbs of `profiles`.
#[derive(Debug, Subcommand)]
pub enum ProfilesVerb {
    /// List the built-in profiles.
    List,
    /// Show a profile, row by row.
    Show {
        /// Name or file.
        profile: String,
    },
    /// Check profiles for mistakes.
    Lint {
        /// Names or files.
        #[arg(required = true)]
        profiles: Vec<String>,
    },
    /// Compare two profiles.
    Diff {
        /// Name or file.
        before: String,
        /// Name or file.
        after: String,
    },
}

/// Formats of the audit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people, 80 columns.
    Text,
    /// The whole audit; `nsgaudit schema` prints its schema.
    Json,
    /// For people, in a browser or printed: one file, which loads nothing.
    Html,
    /// The whole audit, an item a line.
    Jsonl,
    /// Flow groups as CSV.
    Csv,
    /// Requirements and their verdicts as CSV.
    CsvRequirements,
    /// Findings as CSV.
    CsvFindings,
    /// Job summary of a build server.
    Markdown,
    /// Verdicts as test cases.
    Junit,
    /// Findings for code scanning, SARIF 2.1.0.
    Sarif,
    /// Verdicts and flow groups as OCSF events.
    Ocsf,
    /// Flow groups as Parquet.
    Parquet,
    /// Numbers as Prometheus text.
    Prometheus,
}

/// A further report: its format, and where it goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Its format.
    pub format: Format,
    /// The file.
    pub file: PathBuf,
}

impl Report {
    /// Reads `FORMAT=FILE`.
    fn parse(text: &str) -> Result<Self, String> {
        let expected = "expected FORMAT=FILE, such as sarif=audit.sarif";
        let (format, file) = text.split_once('=').ok_or(expected)?;
        if file.is_empty() || file == "-" {
            return Err(format!("{expected}; standard output is for --format"));
        }
        let format = Format::from_str(format, false).map_err(|_| {
            let names = Format::value_variants().iter();
            let names =
                names.filter_map(|format| Some(format.to_possible_value()?.get_name().to_owned()));
            let names: Vec<String> = names.collect();
            format!(
                "no format is called {format:?}: there are {}",
                names.join(", ")
            )
        })?;
        Ok(Self {
            format,
            file: file.into(),
        })
    }
}

/// Formats of flow records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum FlowsFormat {
    /// JSON, a record a line.
    Jsonl,
    /// CSV with a header.
    Csv,
    /// Zeek's tab-separated text with its header.
    Tsv,
    /// Elastic Common Schema, an event a line.
    Ecs,
    /// OCSF Network Activities, an event a line.
    Ocsf,
    /// Parquet.
    Parquet,
}

/// What flow records are printed from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum From {
    /// Flow logs.
    Logs,
    /// Packet captures.
    Capture,
}

/// When to colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Colour {
    /// Where standard output is a terminal and `NO_COLOR` is not set.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// From which severity on findings fail the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum FailOn {
    /// Any finding.
    Info,
    /// Low and above.
    Low,
    /// Medium and above.
    Medium,
    /// High and above.
    High,
    /// Critical only.
    Critical,
    /// None.
    Never,
}

/// A decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum DecisionArg {
    /// Let through.
    Allow,
    /// Dropped.
    Deny,
}

/// A direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum DirectionArg {
    /// Towards the interface.
    Inbound,
    /// From the interface.
    Outbound,
}
