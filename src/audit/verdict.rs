//! What holds for each requirement, from the flows that were allowed and denied.

use std::collections::{BTreeMap, BTreeSet};

use crate::classify::ClassId;
use crate::flowlog::LogKind;
use crate::net::{Decision, Outcome};
use crate::tally::{Group, Port};

use super::configured::Configured;
use super::joined::{is_dropped_behind, is_same_conversation};
use super::joint;
use super::matching::{Matcher, is_judged_on, is_open_to_the_internet};
use super::model::{Change, ConfiguredVerdict, Observed, OutcomeCount, Requirement, Verdict};
use super::names;
use super::observe::{Presenter, count};
use super::onset;
use super::requirements::{Bound, Requirements, Standing, to_settle};
use super::traffic::Judged;

/// Most conversations that a reason lists.
const LISTED: usize = 3;

/// A requirement with what the checks need to know of its verdict.
#[derive(Debug, Clone)]
pub(crate) struct Decided<'a> {
    /// The requirement and its place.
    pub(crate) bound: &'a Bound<'a>,
    /// As the report prints it.
    pub(crate) requirement: Requirement,
    /// What holds of the traffic alone, whatever the given rules say.
    pub(crate) observed: Verdict,
    /// Denied once, allowed since, and not denied any more.
    pub(crate) repaired: bool,
    /// Allowed, packets were counted, and none ever came back.
    pub(crate) unanswered: bool,
    /// Anyone on the internet may call by the row, so that some denials may be meant.
    pub(crate) open_row: bool,
    /// Where only packets, and no log, show that it is blocked.
    pub(crate) by_packets: Option<ByPackets>,
    /// Where nothing else was seen of it: connections that were refused.
    pub(crate) refused: Option<Observed>,
}

impl Decided<'_> {
    /// Whether routes alone keep it from arriving: no given rule denies any of it, and none was logged
    /// that did.
    pub(crate) fn is_by_routes(&self) -> bool {
        let given = self.requirement.configured.as_ref();
        let kept = given.is_some_and(|given| {
            let blocks = [ConfiguredVerdict::Blocked, ConfiguredVerdict::Partly];
            given.rules.is_empty() && blocks.contains(&given.verdict)
        });
        kept && self.requirement.denied.rules.is_empty()
    }
}

/// What packets show of a requirement that is blocked.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ByPackets {
    /// What became of most of its connections.
    pub(crate) outcome: Outcome,
    /// Logs allow it all the same.
    pub(crate) behind: bool,
}

/// The flows of one requirement.
#[derive(Debug, Clone, Default)]
struct Evidence<'a> {
    allowed: Vec<&'a Group>,
    denied: Vec<&'a Group>,
    /// Of protocols that the verdict does not look at.
    beside: Vec<&'a Group>,
    /// Perhaps the requirement's: its addresses are not known.
    perhaps: Vec<&'a Group>,
    /// Captured: a host was reached, and refused.
    refused: Vec<&'a Group>,
    /// Captured in one direction only.
    one_sided: Vec<&'a Group>,
    /// Allowed by logs, while packets show that nobody answers: what drops them is behind the NSG.
    behind: Vec<&'a Group>,
}

/// What judging asks of the run.
pub(crate) struct Judge<'a> {
    /// The requirements.
    pub(crate) requirements: &'a Requirements<'a>,
    /// The world.
    pub(crate) matcher: Matcher<'a>,
    /// For evidence.
    pub(crate) presenter: &'a Presenter<'a>,
    /// What the given rules do with each requirement, where rules are given.
    pub(crate) configured: &'a [Option<Configured>],
}

impl<'a> Judge<'a> {
    /// The verdicts, worst first.
    pub(crate) fn decide(&self, judged: &[Judged<'a>]) -> Vec<Decided<'a>> {
        let mut evidence: Vec<Evidence<'_>> = Vec::new();
        evidence.resize_with(self.requirements.bound.len(), Evidence::default);
        let mut logged = BTreeSet::new();
        for traffic in judged {
            logged.extend(traffic.end.map(|end| end.subnet));
            for &index in &traffic.needed {
                let row = self.requirements.bound[index].row;
                evidence[index].add(traffic.group, is_judged_on(row, traffic.group.protocol));
            }
            for &index in &traffic.possible {
                evidence[index].perhaps.push(traffic.group);
            }
        }
        let minutes = self.presenter.facts.bucket_minutes;
        for evidence in &mut evidence {
            evidence.set_behind_apart(minutes);
        }
        let begins = kinds_with_begins(judged);
        let mut decided: Vec<_> = self
            .requirements
            .bound
            .iter()
            .zip(&evidence)
            .zip(self.configured)
            .filter(|((bound, _), _)| bound.standing != Standing::Possible)
            .map(|((bound, evidence), configured)| {
                let logged = logged.contains(&bound.subnet);
                self.decide_one(bound, evidence, configured.as_ref(), &begins, logged)
            })
            .collect();
        decided.sort_by_key(|decided| {
            let Bound {
                order,
                subnet,
                direction,
                ..
            } = *decided.bound;
            let requirement = &decided.requirement;
            (
                requirement.verdict,
                requirement.advice,
                order,
                subnet,
                direction,
            )
        });
        decided
    }

    fn decide_one(
        &self,
        bound: &'a Bound<'a>,
        evidence: &Evidence<'_>,
        configured: Option<&'a Configured>,
        begins: &BTreeSet<LogKind>,
        logged: bool,
    ) -> Decided<'a> {
        let let_through = [&evidence.allowed[..], &evidence.behind].concat();
        let allowed = self.presenter.observed(&let_through);
        let denied = self.presenter.observed(&evidence.denied);
        let refused = self.presenter.observed(&evidence.refused);
        let course = Course::of(evidence, begins);
        let unanswered = evidence.denied.is_empty() && is_unanswered(&allowed);
        let observed = match bound.standing {
            Standing::NotApplicable => Verdict::NotApplicable,
            _ => course.verdict(evidence),
        };
        let seen = observed != Verdict::Unproven || !evidence.refused.is_empty();
        let verdict = joint::verdict(observed, seen, configured);
        let by_packets = evidence.by_packets();
        let mut reason = match observed {
            Verdict::Blocked => match by_packets {
                Some(outcome) => Self::silent(evidence, outcome, &course),
                None => blocked(&denied, &allowed, &course),
            },
            Verdict::PartlyBlocked => self.partly_blocked(&denied, &course),
            Verdict::AtRisk | Verdict::SatisfiedUnseen => Vec::new(),
            Verdict::Unproven if verdict != Verdict::Unproven => Vec::new(),
            Verdict::Unproven if evidence.refused.is_empty() => self.unproven(logged, bound),
            Verdict::Unproven => vec![refusal(&refused)],
            Verdict::Satisfied => satisfied(&allowed, unanswered),
            Verdict::NotApplicable => vec![format!(
                "Its condition does not hold here: {}.",
                bound.row.condition.text
            )],
        };
        if matches!(observed, Verdict::Blocked | Verdict::PartlyBlocked) {
            if by_packets.is_none() {
                reason.extend(denial_caveats(bound, evidence));
            }
            reason.extend(self.behind(evidence));
        }
        if let Some(configured) = configured {
            reason.extend(joint::reasons(observed, seen, configured));
        }
        if verdict != Verdict::NotApplicable {
            reason.extend(beside(evidence));
            if bound.standing == Standing::Unsettled {
                reason.push(to_settle(&bound.row.condition, self.matcher.environment));
            }
        }
        let packets = Presenter::outcomes(&evidence.all());
        let reason = reason.join(" ");
        let changes = if verdict == Verdict::NotApplicable {
            Vec::new()
        } else {
            let seen = [&evidence.allowed[..], &evidence.denied].concat();
            onset::changes(&seen, self.presenter)
        };
        let seen = [allowed, denied];
        let mut requirement = self.requirement(bound, verdict, reason, seen, packets, changes);
        requirement.dropped_behind = !evidence.behind.is_empty();
        requirement.configured = configured.map(Configured::text);
        let is_refused = verdict == Verdict::Unproven && !evidence.refused.is_empty();
        Decided {
            bound,
            requirement,
            observed,
            repaired: observed == Verdict::PartlyBlocked && course.is_repaired(),
            unanswered: observed == Verdict::Satisfied && unanswered,
            open_row: is_open_to_the_internet(bound),
            by_packets: by_packets.map(|outcome| ByPackets {
                outcome,
                behind: !evidence.behind.is_empty(),
            }),
            refused: is_refused.then_some(refused),
        }
    }

    fn requirement(
        &self,
        bound: &Bound<'_>,
        verdict: Verdict,
        reason: String,
        [allowed, denied]: [Observed; 2],
        packets: Vec<OutcomeCount>,
        changes: Vec<Change>,
    ) -> Requirement {
        let row = bound.row;
        Requirement {
            row: bound.name.clone(),
            purpose: row.purpose.clone(),
            subnet: self.matcher.environment.subnets[bound.subnet as usize]
                .name
                .clone(),
            direction: bound.direction,
            protocol: names::protocols(row),
            ports: row.ports.to_string(),
            source: names::terms(&row.source),
            destination: names::terms(&row.destination),
            advice: row.advice,
            condition: row.condition.text.clone(),
            impact: row.impact.clone(),
            reference: row.source_reference.clone(),
            verdict,
            reason,
            allowed,
            denied,
            packets,
            configured: None,
            changes,
            dropped_behind: false,
        }
    }

    /// Blocked, as packets alone show.
    fn silent(evidence: &Evidence<'_>, outcome: Outcome, course: &Course) -> Vec<String> {
        let tried = count(evidence.captured()).flows;
        let denied = count(evidence.denied.iter().copied()).flows;
        let since = names::time(course.first_denied);
        let before = match course.began {
            Some(began) => format!("last answered {}", names::time(began)),
            None => "never seen answered".to_owned(),
        };
        let mut reason = vec![format!(
            "Packets: {} tried, {denied} {} since {since}; {before}.",
            names::count(tried, "connection"),
            outcome.name()
        )];
        if evidence.behind.is_empty() {
            reason.push(outcome.advice().to_owned());
        }
        reason
    }

    /// What logs say of traffic that packets show to be dropped.
    fn behind(&self, evidence: &Evidence<'_>) -> Option<String> {
        if evidence.behind.is_empty() {
            return None;
        }
        let logs = self.presenter.observed(&evidence.behind);
        Some(format!(
            "The logs say that it is allowed {}: what drops it is behind the NSG: a route, a \
             firewall or the host.",
            deciders(&logs, "flow")
        ))
    }

    fn partly_blocked(&self, denied: &Observed, course: &Course) -> Vec<String> {
        let mut reason = vec![format!(
            "Denied {} since {}, and allowed as well.",
            deciders(denied, "attempt"),
            names::time(course.first_denied)
        )];
        let last = names::time(course.last_denied);
        if course.is_repaired() {
            reason.push(format!("Not denied since {last}: looks repaired."));
            return reason;
        }
        reason.push(format!("Last denied {last}."));
        let (dead, alive): (Vec<_>, Vec<_>) =
            course.conversations.iter().partition(|(_, c)| c.is_dead());
        if dead.is_empty() {
            reason.push("The same conversations are both denied and allowed.".to_owned());
        } else {
            let listed: Vec<_> = dead
                .iter()
                .map(|(key, conversation)| self.conversation(**key, conversation.edition))
                .collect();
            let others = if alive.iter().any(|(_, c)| c.began.is_some()) {
                "while others work"
            } else {
                "while what worked before has not begun again"
            };
            reason.push(format!(
                "Wholly denied, {others}: {}.",
                names::first_few(&listed, LISTED)
            ));
        }
        reason
    }

    fn unproven(&self, logged: bool, bound: &Bound<'_>) -> Vec<String> {
        let seen = if logged {
            "No flow of it was seen, though the subnet has others"
        } else {
            "No flow of this subnet was seen at all"
        };
        let mut reason = vec![format!(
            "{seen}. Silence is no proof: nothing may have tried, no rules were given to judge \
             by, and flow logs do not support every service's subnets (Logic Apps among them)."
        )];
        let unknown = self.matcher.unknown_terms(bound);
        if !unknown.is_empty() {
            let unknown: Vec<_> = unknown.into_iter().map(names::term).collect();
            reason.push(format!(
                "Addresses of {} are not known: state them in nsgaudit.toml, or give service tags \
                 that have them.",
                unknown.join(", ")
            ));
        }
        reason
    }

    fn conversation(&self, (source, destination, port): ConversationKey, edition: usize) -> String {
        let end = |class| self.presenter.places.endpoint(class, edition);
        format!(
            "{} to {} on {}",
            end(source),
            end(destination),
            names::port(port)
        )
    }
}

impl<'a> Evidence<'a> {
    fn add(&mut self, group: &'a Group, looked_at: bool) {
        let list = match (group.decision, group.outcome) {
            _ if !looked_at => &mut self.beside,
            (_, Some(Outcome::Refused)) => &mut self.refused,
            (_, Some(Outcome::OneSided)) => &mut self.one_sided,
            (Decision::Allow, _) => &mut self.allowed,
            (Decision::Deny, _) => &mut self.denied,
        };
        list.push(group);
    }

    /// Sets apart what logs allow and packets show to be dropped all the same.
    fn set_behind_apart(&mut self, minutes: i64) {
        let allowed = std::mem::take(&mut self.allowed);
        let (behind, allowed) = allowed.iter().copied().partition(|group| {
            let mut silent = self.denied.iter();
            silent.any(|silent| {
                is_dropped_behind(group, silent, minutes)
                    && !self.denied.iter().any(|other| denies_too(other, silent))
                    && !allowed.iter().any(|other| answers_since(other, silent))
            })
        });
        (self.behind, self.allowed) = (behind, allowed);
    }

    /// Where all that was denied was so by packets alone: most connections' outcome.
    fn by_packets(&self) -> Option<Outcome> {
        if self.denied.iter().any(|group| group.outcome.is_none()) {
            return None;
        }
        let outcomes = Presenter::outcomes(&self.denied);
        let most = outcomes
            .iter()
            .max_by_key(|of| (of.connections, of.outcome))?;
        Some(most.outcome)
    }

    /// What was captured of it and tells something.
    fn captured(&self) -> impl Iterator<Item = &'a Group> {
        let lists = [&self.allowed, &self.denied, &self.refused];
        let groups = lists.into_iter().flatten().copied();
        groups.filter(|group| group.outcome.is_some())
    }

    fn all(&self) -> Vec<&'a Group> {
        [
            &self.allowed[..],
            &self.denied,
            &self.refused,
            &self.one_sided,
        ]
        .concat()
    }
}

/// Kinds of log that state when allowed flows begin. Where a kind does, a flow without a begin
/// started before the logs, and says nothing of what is allowed now.
fn kinds_with_begins(judged: &[Judged<'_>]) -> BTreeSet<LogKind> {
    judged
        .iter()
        .filter(|traffic| {
            let group = traffic.group;
            group.decision == Decision::Allow && group.totals.last_begin.is_some()
        })
        .map(|traffic| traffic.group.kind)
        .collect()
}

type ConversationKey = (ClassId, ClassId, Port);

/// One conversation of a requirement: who, with whom, on which port.
#[derive(Debug, Clone, Copy)]
struct Conversation {
    /// The oldest edition of the tags that it was seen in: it names the ends.
    edition: usize,
    /// When a flow last began allowed.
    began: Option<i64>,
    /// First and last denial.
    denied: Option<(i64, i64)>,
}

impl Conversation {
    /// Denied, and nothing began allowed since.
    fn is_dead(&self) -> bool {
        self.denied
            .is_some_and(|(first, _)| self.began.is_none_or(|began| began < first))
    }

    /// Not denied, or begun allowed after the last denial.
    fn is_well(&self) -> bool {
        self.denied
            .is_none_or(|(_, last)| self.began.is_some_and(|began| began > last))
    }
}

/// The course of a requirement's flows in time.
#[derive(Debug, Clone, Default)]
struct Course {
    began: Option<i64>,
    first_denied: i64,
    last_denied: i64,
    conversations: BTreeMap<ConversationKey, Conversation>,
}

impl Course {
    fn of(evidence: &Evidence<'_>, begins: &BTreeSet<LogKind>) -> Self {
        let mut course = Self {
            first_denied: i64::MAX,
            last_denied: i64::MIN,
            ..Self::default()
        };
        for group in &evidence.allowed {
            let began = group
                .totals
                .last_begin
                .or_else(|| (!begins.contains(&group.kind)).then_some(group.totals.last));
            course.began = course.began.max(began);
            let conversation = course.conversation(group);
            conversation.began = conversation.began.max(began);
        }
        for group in &evidence.denied {
            let (first, last) = (group.totals.first, group.totals.last);
            course.first_denied = course.first_denied.min(first);
            course.last_denied = course.last_denied.max(last);
            let conversation = course.conversation(group);
            let denied = conversation.denied.unwrap_or((first, last));
            conversation.denied = Some((denied.0.min(first), denied.1.max(last)));
        }
        course
    }

    fn conversation(&mut self, group: &Group) -> &mut Conversation {
        let key = (group.source, group.destination, group.port);
        let conversation = self.conversations.entry(key).or_insert(Conversation {
            edition: group.edition,
            began: None,
            denied: None,
        });
        conversation.edition = conversation.edition.min(group.edition);
        conversation
    }

    fn verdict(&self, evidence: &Evidence<'_>) -> Verdict {
        match (evidence.allowed.is_empty(), evidence.denied.is_empty()) {
            (true, true) => Verdict::Unproven,
            (false, true) => Verdict::Satisfied,
            _ if self.began.is_none_or(|began| began < self.first_denied) => Verdict::Blocked,
            _ => Verdict::PartlyBlocked,
        }
    }

    fn is_repaired(&self) -> bool {
        self.conversations.values().all(Conversation::is_well)
    }
}

/// Whether a log denies what packets show to be dropped: then an NSG does it.
fn denies_too(logged: &Group, silent: &Group) -> bool {
    let (ours, theirs) = (&logged.totals, &silent.totals);
    logged.outcome.is_none()
        && is_same_conversation(logged, silent)
        && ours.last >= theirs.first
        && ours.first <= theirs.last
}

/// Whether packets show that a conversation was answered after it had been dropped.
fn answers_since(answered: &Group, silent: &Group) -> bool {
    answered.outcome.is_some()
        && is_same_conversation(answered, silent)
        && answered
            .totals
            .last_begin
            .is_some_and(|began| began > silent.totals.last)
}

/// Who decided, in words, and how many attempts (or flows).
fn deciders(decided: &Observed, what: &str) -> String {
    format!(
        "{} ({})",
        names::by(&decided.rules),
        names::count(decided.flows, what)
    )
}

/// Only refused: neither blocked nor seen to work.
fn refusal(refused: &Observed) -> String {
    let times = match (&refused.first, &refused.last) {
        (Some(first), Some(last)) => format!(", {first} to {last}"),
        _ => String::new(),
    };
    format!(
        "Packets: {} refused{times}, none answered. {}",
        names::count(refused.flows, "connection"),
        Outcome::Refused.advice()
    )
}

fn blocked(denied: &Observed, allowed: &Observed, course: &Course) -> Vec<String> {
    let since = names::time(course.first_denied);
    let before = match (&course.began, &allowed.last) {
        (Some(began), _) => format!("last begun allowed {}", names::time(*began)),
        (None, Some(last)) => {
            format!("only flows that began before the logs went on, until {last}")
        }
        (None, None) => "never seen allowed".to_owned(),
    };
    vec![format!(
        "Denied {} since {since}; {before}.",
        deciders(denied, "attempt")
    )]
}

fn satisfied(allowed: &Observed, unanswered: bool) -> Vec<String> {
    let flows = if allowed.flows == 0 {
        names::count(allowed.tuples, "tuple")
    } else {
        names::count(allowed.flows, "flow")
    };
    let last = allowed.last.as_deref().unwrap_or("never");
    let mut reason = vec![format!("Allowed: {flows}, last {last}.")];
    if unanswered {
        reason.push(
            "Allowed, but no bytes came back: look behind the NSG (route, firewall, host)."
                .to_owned(),
        );
    }
    reason
}

fn is_unanswered(allowed: &Observed) -> bool {
    allowed.packets_forward > 0 && allowed.packets_reverse == 0 && allowed.bytes_reverse == 0
}

/// What to bear in mind of denials.
fn denial_caveats(bound: &Bound<'_>, evidence: &Evidence<'_>) -> Vec<String> {
    let mut caveats = Vec::new();
    let mut denied = evidence.denied.iter();
    if denied.all(|group| group.direction != bound.direction) {
        caveats.push("Denied at the other end, not by an NSG of this subnet.".to_owned());
    }
    if is_open_to_the_internet(bound) {
        caveats.push(
            "By the row anyone on the internet may call; where only some are meant, denying the \
             others is right."
                .to_owned(),
        );
    }
    caveats
}

/// What was seen beside the evidence: other protocols, traffic of unknown addresses, and packets that
/// tell nothing.
fn beside(evidence: &Evidence<'_>) -> Vec<String> {
    let mut notes = Vec::new();
    let one_sided = count(evidence.one_sided.iter().copied()).flows;
    if one_sided > 0 {
        notes.push(format!(
            "{} captured in one direction only: what became of them is not known.",
            names::count(one_sided, "connection")
        ));
    }
    for (decision, word) in [(Decision::Allow, "allowed"), (Decision::Deny, "denied")] {
        let of = |list: &[&Group]| {
            let those = list.iter().filter(|group| group.decision == decision);
            count(those.copied()).flows
        };
        let flows = of(&evidence.beside);
        if flows > 0 {
            notes.push(format!(
                "The row names no protocol and is judged on TCP; {} of other protocols also \
                 {word}.",
                names::count(flows, "flow")
            ));
        }
        let flows = of(&evidence.perhaps);
        if flows > 0 {
            notes.push(format!(
                "{} {word} that may be its: addresses of its terms are not known.",
                names::count(flows, "flow")
            ));
        }
    }
    notes
}
