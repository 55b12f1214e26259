//! NSG105, NSG908 to NSG910: where packets and logs meet, and what captures lack.

use std::collections::BTreeMap;

use super::super::joined::{is_contradicted, is_dropped_behind, is_same_conversation};
use super::super::model::{Finding, Observed};
use super::super::names;
use super::super::observe::count;
use super::super::traffic::Judged;
use super::{Findings, finding};
use crate::net::{Decision, Outcome, Protocol};
use crate::tally::{Group, Port};

/// What logs and packets both speak of: from where, to where, on what.
type Conversation = (String, String, Protocol, Port);

/// Groups of one conversation.
#[derive(Default)]
struct Both<'a> {
    logged: Vec<&'a Group>,
    captured: Vec<&'a Group>,
}

impl<'a> Both<'a> {
    fn add(&mut self, logged: &'a Group, captured: &'a Group) {
        for (list, group) in [(&mut self.logged, logged), (&mut self.captured, captured)] {
            if !list.iter().any(|kept| std::ptr::eq(*kept, group)) {
                list.push(group);
            }
        }
    }
}

impl Findings<'_> {
    /// Where packets say otherwise than logs, and what captures could not show.
    pub(super) fn captures(&self, findings: &mut Vec<Finding>) {
        let minutes = self.presenter.facts.bucket_minutes;
        let denied = |group: &Group| group.outcome.is_none() && group.decision == Decision::Deny;
        let mut behind: BTreeMap<Conversation, Both<'_>> = BTreeMap::new();
        let mut contradicted: BTreeMap<Conversation, Both<'_>> = BTreeMap::new();
        for (captured, logged) in self.met() {
            let is_behind = logged
                .iter()
                .any(|group| is_dropped_behind(group, captured, minutes))
                && !logged.iter().any(|group| denied(group));
            for group in logged {
                if is_behind && is_dropped_behind(group, captured, minutes) {
                    behind
                        .entry(self.conversation(captured))
                        .or_default()
                        .add(group, captured);
                }
                if is_contradicted(group, captured, minutes) {
                    contradicted
                        .entry(self.conversation(captured))
                        .or_default()
                        .add(group, captured);
                }
            }
        }
        findings.extend(behind.iter().map(|met| self.dropped_behind(met)));
        findings.extend(contradicted.iter().map(|met| self.disagreement(met)));
        findings.extend(self.one_sided());
        findings.extend(self.evicted());
    }

    /// Captured groups of audited subnets, each with the logged groups of the same conversation.
    fn met(&self) -> Vec<(&Group, Vec<&Group>)> {
        let groups = || self.judged.iter().filter(|judged| judged.end.is_some());
        let mut logged: BTreeMap<_, Vec<&Group>> = BTreeMap::new();
        for Judged { group, .. } in groups().filter(|judged| judged.group.outcome.is_none()) {
            let key = (group.source, group.destination, group.protocol, group.port);
            logged.entry(key).or_default().push(group);
        }
        groups()
            .filter(|judged| judged.group.outcome.is_some())
            .filter_map(|judged| {
                let group = judged.group;
                let key = (group.source, group.destination, group.protocol, group.port);
                let logged = logged.get(&key)?;
                debug_assert!(logged.iter().all(|one| is_same_conversation(one, group)));
                Some((group, logged.clone()))
            })
            .collect()
    }

    fn conversation(&self, group: &Group) -> Conversation {
        let end = |class| self.presenter.places.endpoint(class, group.edition);
        (
            end(group.source),
            end(group.destination),
            group.protocol,
            group.port,
        )
    }

    /// A finding of a conversation, with what both saw of it as evidence.
    fn met_in(
        &self,
        code: &'static str,
        (key, both): (&Conversation, &Both<'_>),
        what: &str,
        details: impl FnOnce(&Observed, &Observed) -> Vec<String>,
    ) -> Finding {
        let (words, identity) = words(key);
        let identity: Vec<_> = identity.iter().map(String::as_str).collect();
        let logs = self.presenter.observed(&both.logged);
        let packets = self.presenter.observed(&both.captured);
        Finding {
            details: details(&logs, &packets),
            evidence: Some(packets),
            contrast: Some(logs),
            ..finding(code, &identity, format!("{words}: {what}"))
        }
    }

    fn dropped_behind(&self, met: (&Conversation, &Both<'_>)) -> Finding {
        let what = "the NSG allows it, and nobody answers";
        self.met_in("NSG105", met, what, |logs, packets| {
            vec![
                format!(
                    "Logs: {} allowed {}, some of them while packets show {} not answered, from {} to {}.",
                    names::count(logs.flows, "flow"),
                    names::by(&logs.rules),
                    names::count(packets.flows, "connection"),
                    packets.first.as_deref().unwrap_or("an unknown time"),
                    packets.last.as_deref().unwrap_or("an unknown one"),
                ),
                "What drops it is behind the NSG that logged it: look at the NSG of the other end, \
                 then at routes (a firewall or appliance on the way), then at the host."
                    .to_owned(),
            ]
        })
    }

    fn disagreement(&self, met: (&Conversation, &Both<'_>)) -> Finding {
        let what = "logs deny it, packets are answered";
        self.met_in("NSG908", met, what, |logs, packets| {
            vec![
                format!(
                    "Logs: {} denied, some of them while packets show {} answered.",
                    names::count(logs.flows, "attempt"),
                    names::count(packets.flows, "connection"),
                ),
                "Different hosts of the same kind may differ; else the clock of the capture is off, \
                 addresses are translated between the two, or rules changed in between: compare the \
                 samples."
                    .to_owned(),
            ]
        })
    }

    /// Where the captures have connections in one direction only.
    fn one_sided(&self) -> Option<Finding> {
        let of = |wanted: fn(Outcome) -> bool| -> Vec<&Group> {
            let groups = self.judged.iter().map(|judged| judged.group);
            groups
                .filter(|group| group.outcome.is_some_and(wanted))
                .collect()
        };
        let one_sided: Vec<_> = of(|outcome| outcome == Outcome::OneSided)
            .into_iter()
            .filter(|group| group.protocol == Protocol::TCP)
            .collect();
        let flows = count(one_sided.iter().copied()).flows;
        if flows == 0 {
            return None;
        }
        let whole = count(of(|outcome| outcome.decision() == Some(Decision::Allow))).flows;
        let mut details = vec![format!(
            "{} captured in one direction only, and {whole} in both. The former prove nothing.",
            names::count(flows, "TCP connection")
        )];
        if whole == 0 {
            details.push(
                "No connection was seen answered: the capture may hold one direction of everything. \
                 Then its unanswered connections prove nothing either."
                    .to_owned(),
            );
        }
        details.push(Outcome::OneSided.advice().to_owned());
        Some(Finding {
            details,
            evidence: Some(self.presenter.observed(&one_sided)),
            ..finding(
                "NSG909",
                &[],
                format!("TCP connections captured in one direction only: {flows}"),
            )
        })
    }

    fn evicted(&self) -> Option<Finding> {
        let captures = self
            .read
            .captures
            .filter(|read| read.connections_evicted > 0)?;
        let evicted = captures.connections_evicted;
        Some(Finding {
            details: vec![
                "The oldest were taken to have ended: where they went on, the rest of them is counted \
                 as a connection of its own. Give --max-connections more, at 160 bytes each."
                    .to_owned(),
            ],
            ..finding(
                "NSG910",
                &[],
                format!("{evicted} of {} connections were ended early, for want of room", captures.connections),
            )
        })
    }
}

/// `tcp 443 from compute to Storage`, and what a fingerprint is made of.
fn words((source, destination, protocol, port): &Conversation) -> (String, [String; 4]) {
    let (protocol, port) = (protocol.to_string(), names::port(*port));
    let words = format!("{protocol} {port} from {source} to {destination}");
    (words, [source.clone(), destination.clone(), protocol, port])
}
