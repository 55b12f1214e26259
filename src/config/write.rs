//! An environment as `nsgaudit.toml`, for `nsgaudit init`: what is known, and what to correct.

use super::requirement;
use crate::environment::Environment;
use crate::environment::text::prefixes;
use crate::net::PrefixSet;

/// Writes the file. Read again, it gives the same environment; `remarks` become comments.
pub fn write_toml(environment: &Environment, profile: &str, remarks: &[String]) -> String {
    let mut out = Out::default();
    out.comment("What nsgaudit audits: correct what is not so, and pass the file with --config.");
    out.comment("Every key is described in docs/environment.md.");
    if !environment.source.is_empty() {
        out.comment(&format!("Made from {}.", environment.source));
    }
    for remark in remarks {
        out.comment(&format!("- {remark}"));
    }
    network(&mut out, environment);
    subnets(&mut out, environment);
    service(&mut out, environment, profile);
    addresses(&mut out, environment);
    requirements(&mut out, environment);
    out.text
}

fn network(out: &mut Out, environment: &Environment) {
    out.line("\n[virtual-network]");
    out.pair("name", &string(&environment.name));
    out.pair("address-space", &set(&environment.address_space));
    out.comment(
        "Address space of peered networks, and on-premises space behind gateways: both are",
    );
    out.comment("part of the tag VirtualNetwork.");
    out.pair("peered", &set(&environment.peered));
    out.pair("on-premises", &set(&environment.on_premises));
    if environment.all_private {
        out.comment(
            "All private addresses count as that tag: take this away once both are complete.",
        );
        out.pair("all-private", "true");
    }
}

fn subnets(out: &mut Out, environment: &Environment) {
    out.line("");
    out.comment(
        "An ISE has four subnets. Roles that profiles know: compute, ase, apim, redis, mi,",
    );
    out.comment("integration. Subnets of other services are not audited.");
    if environment.subnets.is_empty() {
        out.comment("[[subnet]]");
        out.comment("name = \"LA1\"");
        out.comment("prefixes = [\"10.20.0.0/27\"]");
        out.comment("role = \"compute\"");
    }
    for subnet in &environment.subnets {
        out.line("\n[[subnet]]");
        out.pair("name", &string(&subnet.name));
        out.pair("prefixes", &set(&subnet.prefixes));
        out.pair("role", &string(&subnet.role));
        out.pair("audited", &subnet.audited.to_string());
    }
}

/// What profiles ask for and the environment may not say.
const FACTS: [(&str, &str, &str); 4] = [
    (
        "endpoint",
        "\"internal\"",
        "access endpoint: \"internal\" or \"external\"",
    ),
    ("sku", "\"premium\"", "\"premium\" or \"developer\""),
    (
        "request-triggers",
        "true",
        "logic apps here are called from outside",
    ),
    (
        "run-history",
        "true",
        "operators look at inputs and outputs of runs",
    ),
];

fn service(out: &mut Out, environment: &Environment, profile: &str) {
    out.line("\n[service]");
    if !profile.is_empty() {
        out.pair("profile", &string(profile));
    }
    out.comment("What is not stated counts as so, and the report says what would settle it.");
    for (key, example, meaning) in FACTS {
        if !environment.stated.contains_key(key) {
            out.comment(&format!("{key} = {example}  # {meaning}"));
        }
    }
    for (key, value) in &environment.stated {
        if key != "profile" {
            out.pair(key, &string(value));
        }
    }
}

fn addresses(out: &mut Out, environment: &Environment) {
    out.line("");
    out.comment("Named sets of addresses: the profile's rows and your own requirements name them");
    out.comment("with an @, such as \"@custom-dns\".");
    out.line("[addresses]");
    for (name, addresses) in &environment.addresses {
        out.pair(name, &set(addresses));
    }
}

fn requirements(out: &mut Out, environment: &Environment) {
    out.line("");
    out.comment("What this network needs beside the profile, such as connectors to SFTP servers:");
    if environment.requirements.is_empty() {
        out.comment("[[requirement]]");
        out.comment("id = \"sftp\"");
        out.comment("purpose = \"SFTP connector\"");
        out.comment("direction = \"outbound\"");
        out.comment("ports = [\"22\"]");
        out.comment("destination = [\"192.0.2.10\"]");
    }
    for row in &environment.requirements {
        out.line("\n[[requirement]]");
        for (key, value) in requirement::pairs(row) {
            out.pair(key, &value);
        }
    }
}

/// The text so far.
#[derive(Default)]
struct Out {
    text: String,
}

impl Out {
    fn line(&mut self, line: &str) {
        self.text.push_str(line);
        self.text.push('\n');
    }

    /// A comment of one line, whatever the text holds.
    fn comment(&mut self, text: &str) {
        self.text.push_str("# ");
        for c in text.chars() {
            self.text.push(if c.is_control() { ' ' } else { c });
        }
        self.text.push('\n');
    }

    fn pair(&mut self, key: &str, value: &str) {
        let bare = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        if !key.is_empty() && key.chars().all(bare) {
            self.text.push_str(key);
        } else {
            self.text.push_str(&string(key));
        }
        self.text.push_str(" = ");
        self.line(value);
    }
}

/// A list of prefixes.
fn set(set: &PrefixSet) -> String {
    let quoted: Vec<_> = prefixes(set)
        .iter()
        .map(|prefix| format!("\"{prefix}\""))
        .collect();
    format!("[{}]", quoted.join(", "))
}

/// A basic string of TOML.
pub(super) fn string(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if c.is_control() => quoted.extend(format!("\\u{:04X}", c as u32).chars()),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}
