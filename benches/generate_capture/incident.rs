//! The bundled captures: an hour of `testdata/incident`, seen in the packets of the hosts.
//!
//! The conversations are ones that the generated logs tell of, with the same five-tuples at the
//! same times; so many as fit a small file, and some that no log of an NSG tells.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;

use super::conversation::{Conversation, Outcome, Plan};
use super::finish;
use super::frame::Wrapping;
use super::logs::blob::Record;
use super::logs::network::{Network, PLATFORM};
use super::logs::options::Options;
use super::logs::traffic::{Flow, RULES, Rng, Traffic};
use super::plan::{SECOND, START};
use super::schedule::{Truth, play};
use super::writer::Capture;

/// From when Storage does not answer in the second capture: 14:40.
const BEHIND: u64 = START + 40 * MINUTE;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;
const EVENT_HUB: u16 = 5_672;
/// Ports of what nothing requires.
const EXTRAS: [u16; 3] = [22, 3_389, 8_080];
const FIREWALL: [u8; 4] = [10, 20, 3, 4];

/// Writes both captures with their truth.
pub(crate) fn write(folder: &Path) -> io::Result<String> {
    let logged = logged().map_err(io::Error::other)?;
    let mut summaries = Vec::new();
    for (name, behind) in [("ise", false), ("ise-behind", true)] {
        let mut capture = Capture::create(&folder.join(format!("{name}.pcap")), false, false)?;
        let mut truth = Truth::create(Some(&folder.join(format!("{name}.csv"))))?;
        let mut plans = plans(&logged, behind);
        plans.sort_by_key(|plan| plan.start);
        play(
            plans.into_iter().map(Conversation::new),
            &mut capture,
            &mut truth,
        )?;
        summaries.push(finish(capture, truth)?);
    }
    Ok(summaries.join("\n"))
}

/// A conversation of the logs, and the subnet whose log it is in.
struct Logged {
    flow: Flow,
    subnet: usize,
}

/// The conversations of the hour that a host would see packets of.
fn logged() -> Result<Vec<Logged>, String> {
    let arguments = ["--preset", "incident", "--out", ""].map(str::to_owned);
    let options = Options::parse(arguments.into_iter())?;
    let network = Network::new(&options);
    let mut traffic = Traffic::new(&options, &network);
    let share = options.share(network.nics.len());
    let mut all = Vec::new();
    // In the order in which the generator writes the logs, lest its random numbers differ.
    for hour in 0..options.hours {
        for nic in 0..network.nics.len() {
            for minute in options.minutes_of(hour) {
                let record = Record {
                    options: &options,
                    network: &network,
                    nic,
                    minute,
                };
                let subnet = network.nics[nic].subnet;
                let flows = record.flows(&mut traffic, share);
                all.extend(flows.into_iter().map(|flow| Logged { flow, subnet }));
            }
        }
    }
    let mut seen = BTreeSet::new();
    let mut kinds = BTreeMap::new();
    all.sort_by_key(|logged| logged.flow.time);
    all.retain(|Logged { flow, subnet }| {
        let time = flow.time as u64 * 1_000_000;
        // A minute from the end nothing begins, so that everything ends within the hour.
        let within = (START..START + HOUR - MINUTE / 6).contains(&time);
        // What is denied on its way in never comes to a host, and what a host sends itself never
        // leaves it.
        let seen_at_host = (flow.outbound || !flow.denied) && flow.source != flow.destination;
        let tuple = (flow.source, flow.source_port, flow.destination);
        if !within || !seen_at_host || !seen.insert((tuple, flow.destination_port)) {
            return false;
        }
        // Of those between the subnets, both directions are one kind; elsewhere the peer matters.
        let inner = flow.source >> 16 == flow.destination >> 16;
        let peer = if flow.outbound {
            flow.destination
        } else {
            flow.source
        };
        let kind = (
            if inner { *subnet % 2 } else { *subnet },
            flow.outbound && !inner,
            peer >> 24,
            flow.destination_port,
        );
        let number = kinds.entry(kind).or_insert(0);
        *number += 1;
        match flow.destination_port {
            _ if flow.denied || EXTRAS.contains(&flow.destination_port) => true,
            _ if is_compute_to_storage(flow, *subnet) => time >= BEHIND || *number % 3 == 1,
            EVENT_HUB => *number % 4 == 1,
            _ => *number == 1,
        }
    });
    Ok(all)
}

fn is_compute_to_storage(flow: &Flow, subnet: usize) -> bool {
    subnet == 0 && RULES[flow.rule] == "UserRule_AllowStorageOut" && flow.destination_port == 443
}

fn plans(logged: &[Logged], behind: bool) -> Vec<Plan> {
    // Each conversation has a seed by its place, so that both captures have the same packets but
    // for those that Storage did not answer.
    let mut rng = Rng::new(5);
    let mut plans: Vec<Plan> = logged
        .iter()
        .map(|Logged { flow, subnet }| {
            let start = flow.time as u64 * 1_000_000;
            let lost = behind && start >= BEHIND && is_compute_to_storage(flow, *subnet);
            let outcome = if flow.denied || lost {
                Outcome::Dropped(3)
            } else {
                Outcome::Closed(usize::from(rng.below(4) == 0))
            };
            Plan {
                data: 1 + rng.below(2) as u32,
                ..plan(
                    (start, outcome),
                    [flow.source, flow.destination],
                    [flow.source_port, flow.destination_port],
                    rng.next(),
                )
            }
        })
        .collect();
    plans.extend(besides(&mut rng));
    plans
}

/// What the logs do not tell: refused, prohibited, begun before, and names looked up.
fn besides(rng: &mut Rng) -> Vec<Plan> {
    let number = |address: [u8; 4]| u32::from_be_bytes(address);
    let port = |rng: &mut Rng| 49_152 + rng.below(10_000) as u16;
    let mut plans = Vec::new();
    for (round, time) in (0..5).map(|round| (round, START + (7 + 11 * round) * MINUTE)) {
        let host = number([10, 20, 0, 4 + (round % 2) as u8]);
        let time = time + rng.below(30_000) as u64 * 1_000_000;
        plans.push(plan(
            (time, Outcome::Refused),
            [host, number([192, 168, 1, 10])],
            [port(rng), 445],
            rng.next(),
        ));
        plans.push(plan(
            (time + 2 * MINUTE, Outcome::Prohibited(2)),
            [number([10, 20, 0, 36]), number([192, 168, 3, 20])],
            [port(rng), 1_521],
            rng.next(),
        ));
    }
    plans.push(Plan {
        data: 40,
        payload: 18,
        pause: 300 * SECOND,
        ..plan(
            (START + SECOND / 5, Outcome::Midstream),
            [number([10, 20, 0, 4]), number([68, 219, 168, 9])],
            [49_731, 1_433],
            rng.next(),
        )
    });
    for round in 0..3 {
        for host in [4, 5, 36, 37, 68, 69, 100, 101] {
            let time = START + round * 18 * MINUTE + rng.below(500_000) as u64 * 1_000_000;
            plans.push(plan(
                (time, Outcome::Answered),
                [number([10, 20, 0, host]), PLATFORM],
                [port(rng), 53],
                rng.next(),
            ));
        }
    }
    plans
}

fn plan((start, outcome): (u64, Outcome), ends: [u32; 2], ports: [u16; 2], seed: u64) -> Plan {
    Plan {
        start,
        addresses: ends.map(|end| IpAddr::V4(Ipv4Addr::from(end))),
        ports,
        outcome,
        data: 0,
        payload: 30,
        round_trip: 3_000_000,
        pause: SECOND / 5,
        wrapping: Wrapping::None,
        firewall: IpAddr::from(FIREWALL),
        seed,
    }
}
