//! What the rules do, as JSON: a document a verb, each with the version of its schema. Fields are only
//! ever added while the number stays.

use schemars::JsonSchema;
use serde::Serialize;

use super::contract::{Proved, word};
use super::json;
use super::rules::lacks;
use crate::audit::configured::{Configured, OpenBeyond};
use crate::net::{Decision, Direction, PortSet, PrefixSet, ProtocolSet};
use crate::policy::contract::Found;
use crate::policy::decider::{Decider, Ruling};
use crate::policy::drift::{Drifted, LoggedRule, Times, Why};
use crate::policy::evaluate::Decided;
use crate::policy::network::Changed;
use crate::policy::packet::Packet;
use crate::policy::prove::{Part, Verdict};
use crate::policy::route;
use crate::policy::rule::{Access, Cube, Level, Probe};
use crate::policy::shadow;

/// Most sets of packets of a part that are listed; the others are counted.
const SETS: usize = 64;
/// Most prefixes of a side that are listed; the others are counted.
const PREFIXES: usize = 1_000;

/// Any of the documents.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum Document {
    /// Of `test`.
    Test(Test),
    /// Of `test --from-logs`.
    FromLogs(FromLogs),
    /// Of `prove`.
    Prove(Prove),
    /// Of `diff-rules`.
    DiffRules(DiffRules),
}

/// The document as text, with a final line break.
pub fn render(document: &Document) -> String {
    json::document(document)
}

/// What becomes of single packets.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Test {
    /// `nsgaudit/test/1`.
    pub schema: &'static str,
    /// The packets, as asked.
    pub packets: Vec<Answered>,
    /// How many are answered otherwise than expected.
    pub otherwise: u64,
}

/// A packet and what becomes of it.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Answered {
    /// In words, as it can be asked again.
    packet: String,
    /// `allow`, `deny` or `undetermined`.
    answer: &'static str,
    /// The answer that was expected, if one was.
    expected: Option<&'static str>,
    /// The route that it takes, where it is allowed to leave a subnet that is given.
    route: Option<Taken>,
    /// Level by level, as they are asked.
    levels: Vec<AtLevel>,
}

/// The route of a packet.
#[derive(Debug, Default, Serialize, JsonSchema)]
struct Taken {
    /// Next hop as Azure names it, with the address of an appliance; `null` where it is not known.
    next_hop: Option<String>,
    /// Name of the route; empty of the system's.
    name: Option<String>,
    /// Name of its table; empty of the system's.
    table: Option<String>,
    /// Prefix or service tag.
    destination: Option<String>,
    /// Why another route may be taken, or why it is not known.
    not_sure: Vec<String>,
}

/// What one level does.
#[derive(Debug, Serialize, JsonSchema)]
struct AtLevel {
    /// What it does.
    answer: &'static str,
    /// Who decides.
    by: Who,
    /// Rules before the one that decides, and what they lack.
    passed: Vec<Passed>,
}

/// A rule that does not match.
#[derive(Debug, Serialize, JsonSchema)]
struct Passed {
    /// Its name.
    rule: String,
    /// Its priority.
    priority: u32,
    /// What of the packet it is not for, in words.
    lacks: String,
}

/// Who decides at a level.
#[derive(Debug, Serialize, JsonSchema)]
struct Who {
    /// Kind of level: `subnet`, `interface`.
    level: &'static str,
    /// Name of what holds the rules.
    holder: String,
    /// Its resource ID; empty where not known.
    id: String,
    /// The rule; `null` where none matches.
    rule: Option<String>,
    /// Its priority.
    priority: Option<u32>,
    /// What it does.
    access: Option<Access>,
    /// Why it is not known, where it is not: the rule is then one that may match.
    unknown: Option<String>,
}

/// Packets with which the same rules do the same.
#[derive(Debug, Serialize, JsonSchema)]
struct Packets {
    /// What becomes of them.
    answer: &'static str,
    /// Who decides, level by level.
    by: Vec<Who>,
    /// How many: all digits, or `2^n or more`.
    count: String,
    /// The lowest of them.
    witness: Witness,
    /// All of them, as disjoint products of sets; the first where there are many.
    sets: Vec<Set>,
    /// How many sets are not listed.
    more_sets: usize,
}

/// A packet.
#[derive(Debug, Serialize, JsonSchema)]
struct Witness {
    /// Protocol.
    protocol: String,
    /// Source address.
    source: String,
    /// Source port; `null` where the protocol has none, or none is told apart.
    source_port: Option<u16>,
    /// Destination address.
    destination: String,
    /// Destination port; `null` where the protocol has none.
    destination_port: Option<u16>,
}

/// Packets: a product of five sets. IPv4 goes to IPv4 and IPv6 to IPv6.
#[derive(Debug, Serialize, JsonSchema)]
struct Set {
    /// Protocols.
    protocols: Vec<String>,
    /// Sources, as the fewest prefixes.
    source: Vec<String>,
    /// How many prefixes of the sources are not listed.
    more_source: usize,
    /// Source ports: numbers and ranges; `*` is all.
    source_ports: Vec<String>,
    /// Destinations, as the fewest prefixes.
    destination: Vec<String>,
    /// How many prefixes of the destinations are not listed.
    more_destination: usize,
    /// Destination ports.
    destination_ports: Vec<String>,
}

/// What was proved over all packets. What was not asked for is `null`.
#[derive(Debug, Default, Serialize, JsonSchema)]
pub struct Prove {
    /// `nsgaudit/prove/1`.
    pub schema: &'static str,
    /// The requirements of the profile.
    pub requirements: Option<Vec<Requirement>>,
    /// The properties of the contract, in the order of their files and lines.
    pub contract: Option<Vec<OfProperty>>,
    /// What is allowed, and nothing needs.
    pub unneeded: Option<Vec<Open>>,
    /// Rules that never decide or change nothing.
    pub anomalies: Option<Vec<Anomaly>>,
}

/// A requirement.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Requirement {
    /// `profile/row-id`.
    row: String,
    /// What it is for.
    purpose: String,
    /// The subnet.
    subnet: String,
    /// Direction, seen from it.
    direction: Direction,
    /// Protocols judged.
    protocols: String,
    /// Ports.
    ports: String,
    /// Advice rather than requirement.
    advice: bool,
    /// `allowed`, `partly-blocked`, `blocked` or `undetermined`.
    verdict: &'static str,
    /// Why, where not all is allowed.
    reasons: Vec<String>,
}

/// A property of a contract.
#[derive(Debug, Serialize, JsonSchema)]
pub struct OfProperty {
    /// File.
    file: String,
    /// Line.
    line: usize,
    /// Name; empty where it has none.
    name: String,
    /// The line, without its comment.
    property: String,
    /// `holds`, `violated` or `undetermined`.
    verdict: &'static str,
    /// Packets that are answered otherwise.
    against: Vec<Packets>,
    /// Packets of which it is not known.
    undetermined: Vec<Packets>,
    /// What of its addresses is not known.
    unknown: Vec<String>,
}

/// What is allowed of a subnet's addresses, and nothing needs.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Open {
    /// The subnet.
    subnet: String,
    /// Direction, seen from it.
    direction: Direction,
    /// The packets, by who allows them.
    allowed: Vec<Packets>,
    /// Packets of which it is not known.
    undetermined: Vec<Packets>,
}

/// A rule that is in vain.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Anomaly {
    /// Name of its NSG.
    holder: String,
    /// The rule.
    rule: String,
    /// Its priority.
    priority: u32,
    /// `shadowed` (it never decides) or `redundant` (without it others would do the same).
    kind: &'static str,
    /// The rules that take its packets.
    by: Vec<String>,
}

/// What a change of rules changes.
#[derive(Debug, Serialize, JsonSchema)]
pub struct DiffRules {
    /// `nsgaudit/diff-rules/1`.
    pub schema: &'static str,
    /// The changes.
    pub changes: Vec<Change>,
}

/// Packets whose answer changes.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Change {
    /// The subnet.
    subnet: String,
    /// Direction, seen from it.
    direction: Direction,
    /// What became of them.
    before: Side,
    /// What becomes of them.
    after: Side,
    /// How many.
    count: String,
    /// The lowest.
    witness: Witness,
    /// All of them; the first where there are many.
    sets: Vec<Set>,
    /// How many sets are not listed.
    more_sets: usize,
}

/// An answer and who gives it.
#[derive(Debug, Serialize, JsonSchema)]
struct Side {
    /// The answer.
    answer: &'static str,
    /// Who decides.
    by: Vec<Who>,
}

/// Where logs and rules do not agree.
#[derive(Debug, Serialize, JsonSchema)]
pub struct FromLogs {
    /// `nsgaudit/test-from-logs/1`.
    pub schema: &'static str,
    /// Tuples read: the sum of the next five.
    tuples: u64,
    /// Tuples that the rules decide alike.
    agree: u64,
    /// Tuples that they decide otherwise.
    differ: u64,
    /// Tuples of which it is not known.
    undetermined: u64,
    /// Tuples that the rules given have no say in.
    out_of_scope: u64,
    /// Tuples that the options leave out.
    left_out: u64,
    /// Of those that agree: by another rule than is logged.
    agree_by_another_rule: u64,
    /// Those out of scope, by why.
    out: Vec<OutOfScope>,
    /// Flows that differ or are undetermined.
    flows: Vec<FlowOf>,
    /// Tuples of flows that are not listed.
    more_tuples: u64,
    /// By logged rule.
    rules: Vec<RuleOf>,
    /// Tuples of logged rules that are not listed.
    more_rule_tuples: u64,
}

/// Tuples that rules have no say in.
#[derive(Debug, Serialize, JsonSchema)]
struct OutOfScope {
    /// Why, in words.
    why: &'static str,
    /// How many.
    tuples: u64,
}

/// A flow that does not agree.
#[derive(Debug, Serialize, JsonSchema)]
struct FlowOf {
    /// Direction.
    direction: Direction,
    /// The packet.
    packet: Witness,
    /// What the log says.
    logged: Logged,
    /// What the rules decide.
    answer: &'static str,
    /// Who decides, in words.
    by: String,
    /// How many, and when.
    times: When,
}

/// A logged rule.
#[derive(Debug, Serialize, JsonSchema)]
struct Logged {
    /// What holds it.
    acl: String,
    /// Its name.
    rule: String,
    /// What it did.
    decision: Decision,
}

/// What became of the tuples of a logged rule.
#[derive(Debug, Serialize, JsonSchema)]
struct RuleOf {
    /// The rule.
    logged: Logged,
    /// Tuples that agree.
    agree: Option<When>,
    /// Of these, by another rule.
    agree_by_another_rule: Option<When>,
    /// Tuples that differ.
    differ: Option<When>,
    /// Tuples of which it is not known.
    undetermined: Option<When>,
}

/// How many, and when.
#[derive(Debug, Serialize, JsonSchema)]
struct When {
    /// Tuples.
    tuples: u64,
    /// Time of the first, RFC 3339.
    first: String,
    /// Time of the last.
    last: String,
}

/// A packet's answer; `route` where it leaves a subnet that is given.
pub fn answered(
    packet: &Packet,
    levels: &[Level],
    decided: &Decided,
    expected: Option<&'static str>,
    route: Option<Result<route::Part<'_>, &str>>,
) -> Answered {
    let at = levels.iter().zip(&decided.levels);
    Answered {
        packet: packet.to_string(),
        answer: decided.answer().name(),
        expected,
        route: route.map(taken),
        levels: at
            .map(|(level, at)| AtLevel {
                answer: at.answer.name(),
                by: who(level, at.decider),
                passed: at
                    .passed
                    .iter()
                    .map(|passed| Passed {
                        rule: level.rules[passed.rule].name.clone(),
                        priority: level.rules[passed.rule].priority,
                        lacks: lacks(passed),
                    })
                    .collect(),
            })
            .collect(),
    }
}

fn taken(route: Result<route::Part<'_>, &str>) -> Taken {
    match route {
        Ok(part) => Taken {
            next_hop: part.hop().map(ToString::to_string),
            name: part.route.map(|route| route.name.clone()),
            table: part.route.map(|route| route.table.clone()),
            destination: part.route.map(|route| route.destination.clone()),
            not_sure: part.doubts.into_iter().map(str::to_owned).collect(),
        },
        Err(why) => Taken {
            not_sure: vec![why.to_owned()],
            ..Taken::default()
        },
    }
}

/// Requirements.
pub fn requirements(all: &[Configured]) -> Vec<Requirement> {
    let one = |of: &Configured| Requirement {
        row: of.row.clone(),
        purpose: of.purpose.clone(),
        subnet: of.subnet.clone(),
        direction: of.direction,
        protocols: of.protocols.clone(),
        ports: of.ports.clone(),
        advice: of.advice,
        verdict: match of.verdict {
            Verdict::Allowed => "allowed",
            Verdict::Partly => "partly-blocked",
            Verdict::Blocked => "blocked",
            Verdict::Undetermined => "undetermined",
        },
        reasons: of.reasons.clone(),
    };
    all.iter().map(one).collect()
}

/// Properties of contracts.
pub fn properties(all: &[Proved]) -> Vec<OfProperty> {
    let those = |found: &[Found]| {
        found
            .iter()
            .map(|one| packets(&one.part, &one.levels))
            .collect()
    };
    let one = |of: &Proved| OfProperty {
        file: of.file.clone(),
        line: of.property.line,
        name: of.property.name.clone(),
        property: of.property.to_string(),
        verdict: word(of.held.holds),
        against: those(&of.held.against),
        undetermined: those(&of.held.open),
        unknown: of.held.unknown.clone(),
    };
    all.iter().map(one).collect()
}

/// What is open beyond need.
pub fn unneeded(all: &[OpenBeyond]) -> Vec<Open> {
    let one = |of: &OpenBeyond| {
        let those = |parts: &[Part]| parts.iter().map(|part| packets(part, &of.levels)).collect();
        Open {
            subnet: of.subnet.clone(),
            direction: of.direction,
            allowed: those(&of.unneeded.allowed),
            undetermined: those(&of.unneeded.undetermined),
        }
    };
    all.iter().map(one).collect()
}

/// Rules in vain.
pub fn anomalies(levels: &[Level]) -> Vec<Anomaly> {
    let mut all = Vec::new();
    for level in levels {
        let found = shadow::anomalies(level);
        let mut add = |rule: usize, kind, by: &[usize]| {
            all.push(Anomaly {
                holder: level.name.clone(),
                rule: level.rules[rule].name.clone(),
                priority: level.rules[rule].priority,
                kind,
                by: by.iter().map(|&by| level.rules[by].name.clone()).collect(),
            });
        };
        for shadowed in &found.shadowed {
            add(shadowed.rule, "shadowed", &shadowed.by);
        }
        for redundant in &found.redundant {
            add(redundant.rule, "redundant", &redundant.by);
        }
    }
    all
}

/// A change of rules.
pub fn changes(all: &[Changed]) -> Vec<Change> {
    let side = |ruling: &Ruling, levels: &[Level]| Side {
        answer: ruling.answer.name(),
        by: by(ruling, levels),
    };
    let of = |changed: &Changed| -> Vec<Change> {
        let one = |change: &crate::policy::diff::Change| Change {
            subnet: changed.subnet.clone(),
            direction: changed.direction,
            before: side(&change.before, &changed.before),
            after: side(&change.after, &changed.after),
            count: change.count.to_string(),
            witness: witness(&change.witness),
            sets: sets(&change.cubes),
            more_sets: change.left_out + change.cubes.len().saturating_sub(SETS),
        };
        changed.difference.changes.iter().map(one).collect()
    };
    all.iter().flat_map(of).collect()
}

/// What logs and rules say.
pub fn from_logs(drifted: &Drifted, left_out: u64) -> FromLogs {
    let why = |why: Why| {
        drifted.out.get(&why).map(|&tuples| OutOfScope {
            why: why.words(),
            tuples,
        })
    };
    FromLogs {
        schema: "nsgaudit/test-from-logs/1",
        tuples: drifted.tuples() + left_out,
        agree: drifted.agree,
        differ: drifted.differ,
        undetermined: drifted.undetermined,
        out_of_scope: drifted.out.values().sum(),
        left_out,
        agree_by_another_rule: drifted.other_rule,
        out: Why::ALL.into_iter().filter_map(why).collect(),
        flows: drifted
            .flows
            .iter()
            .map(|(flow, otherwise)| FlowOf {
                direction: flow.direction,
                packet: Witness {
                    source_port: flow.source_port,
                    ..witness(&flow.probe)
                },
                logged: logged(&flow.logged),
                answer: otherwise.answer.name(),
                by: otherwise.by.clone(),
                times: when(otherwise.times),
            })
            .collect(),
        more_tuples: drifted.not_kept,
        rules: drifted
            .rules
            .iter()
            .map(|(rule, of)| RuleOf {
                logged: logged(rule),
                agree: of.agree.map(when),
                agree_by_another_rule: of.other_rule.map(when),
                differ: of.differ.map(when),
                undetermined: of.undetermined.map(when),
            })
            .collect(),
        more_rule_tuples: drifted.rules_not_kept,
    }
}

fn logged(rule: &LoggedRule) -> Logged {
    Logged {
        acl: rule.acl.clone(),
        rule: rule.rule.clone(),
        decision: rule.decision,
    }
}

fn when(times: Times) -> When {
    When {
        tuples: times.tuples,
        first: times.first.to_string(),
        last: times.last.to_string(),
    }
}

fn who(level: &Level, decider: Decider) -> Who {
    let rule = match decider {
        Decider::Rule(rule) | Decider::May { rule, .. } => Some(&level.rules[rule]),
        Decider::Nothing => None,
    };
    Who {
        level: level.kind.name(),
        holder: level.name.clone(),
        id: level.id.clone(),
        rule: rule.map(|rule| rule.name.clone()),
        priority: rule.map(|rule| rule.priority),
        access: rule.map(|rule| rule.access),
        unknown: decider.reason(level),
    }
}

fn by(ruling: &Ruling, levels: &[Level]) -> Vec<Who> {
    let all = ruling.by.iter();
    all.map(|by| who(&levels[by.level], by.decider)).collect()
}

fn packets(part: &Part, levels: &[Level]) -> Packets {
    Packets {
        answer: part.ruling.answer.name(),
        by: by(&part.ruling, levels),
        count: part.count.to_string(),
        witness: witness(&part.witness),
        sets: sets(&part.cubes),
        more_sets: part.left_out + part.cubes.len().saturating_sub(SETS),
    }
}

fn witness(probe: &Probe) -> Witness {
    let port = |port: u16| probe.protocol.has_ports().then_some(port);
    Witness {
        protocol: probe.protocol.to_string(),
        source: probe.source.to_string(),
        source_port: port(probe.source_port),
        destination: probe.destination.to_string(),
        destination_port: port(probe.destination_port),
    }
}

fn sets(cubes: &[Cube]) -> Vec<Set> {
    cubes.iter().take(SETS).map(set).collect()
}

fn set(cube: &Cube) -> Set {
    let (source, more_source) = prefixes(&cube.source);
    let (destination, more_destination) = prefixes(&cube.destination);
    let each = ProtocolSet::EACH.into_iter();
    Set {
        protocols: each
            .filter(|one| !one.intersection(cube.protocols).is_empty())
            .map(|one| one.to_string())
            .collect(),
        source,
        more_source,
        source_ports: ports(&cube.source_ports),
        destination,
        more_destination,
        destination_ports: ports(&cube.destination_ports),
    }
}

fn prefixes(set: &PrefixSet) -> (Vec<String>, usize) {
    let all = set.prefixes();
    let listed = all.iter().take(PREFIXES).map(ToString::to_string).collect();
    (listed, all.len().saturating_sub(PREFIXES))
}

fn ports(set: &PortSet) -> Vec<String> {
    set.to_string().split(", ").map(str::to_owned).collect()
}

/// The JSON schema (draft 2020-12) of the documents, with a final line break.
pub fn schema() -> String {
    json::schema_of::<Document>("nsgaudit/rules/1", "nsgaudit rules")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_committed_schema_is_the_one_we_write() {
        crate::report::sample::assert_committed("docs/rules.schema.json", "UPDATE_DOCS", &schema());
    }
}
