//! The head of an audit: what it was held against, what was read, how much of it there was.

use std::collections::BTreeSet;

use crate::catalogue::Profile;
use crate::environment::{Environment, ServiceTags};
use crate::fault::KindTally;
use crate::net::Timestamp;
use crate::tally::{CaptureTotals, Coverage, Facts, Hours};

use super::model::{
    Basis, CapturesText, CoverageText, FaultSample, FaultText, Gap, Input, PacketsText, Reconciled,
    SubnetCoverage, SubnetText,
};
use super::names;

/// Length of the date in an RFC 3339 text.
const DATE: usize = "2026-01-05".len();

/// What the audit was held against.
pub(crate) fn basis(profile: &Profile, environment: &Environment, tags: &ServiceTags) -> Basis {
    Basis {
        profile: profile.name.clone(),
        title: profile.title.clone(),
        edition: profile.edition.clone(),
        service_tags: tags
            .editions
            .iter()
            .map(|edition| {
                let date = edition.date.to_string();
                format!("{} ({})", date.get(..DATE).unwrap_or(&date), edition.source)
            })
            .collect(),
        environment: if environment.source.is_empty() {
            "assumed".to_owned()
        } else {
            environment.source.clone()
        },
        subnets: environment
            .subnets
            .iter()
            .map(|subnet| SubnetText {
                name: subnet.name.clone(),
                prefixes: names::prefixes(&subnet.prefixes),
                role: subnet.role.clone(),
                audited: subnet.audited,
            })
            .collect(),
    }
}

/// What was read, and what could not be.
pub(crate) fn input(
    facts: &Facts,
    environment: &Environment,
    file_name: &dyn Fn(u32) -> String,
) -> Input {
    let read = facts.read;
    Input {
        first: facts.window.map(|(first, _)| names::time(first)),
        last: facts.window.map(|(_, last)| names::time(last)),
        files: read.files,
        flow_files: read.flow_files,
        bytes: read.bytes,
        records: Reconciled {
            read: read.records,
            counted: read.records_counted,
            duplicate: read.records_duplicate,
            filtered: read.records_filtered,
            faulty: read.records_faulty,
        },
        tuples: Reconciled {
            read: read.tuples,
            counted: read.tuples_counted,
            duplicate: read.tuples_duplicate,
            filtered: read.tuples_filtered,
            faulty: read.tuples_faulty,
        },
        faults: facts
            .faults
            .kinds()
            .map(|(kind, tally)| FaultText {
                kind: kind.code().to_owned(),
                count: tally.count,
                samples: fault_samples(tally, file_name),
            })
            .collect(),
        coverage: coverage(&facts.coverage, environment),
        coarsening: facts.coarsening,
        duplicates_kept: facts.duplicates_kept,
        captures: captures(&read.captures),
    }
}

fn captures(read: &CaptureTotals) -> Option<CapturesText> {
    (read.files > 0).then_some(CapturesText {
        files: read.files,
        captures: read.captures,
        packets: PacketsText {
            read: read.packets,
            counted: read.packets_counted,
            not_ip: read.packets_not_ip,
            skipped: read.packets_skipped,
        },
        connections: read.connections,
        connections_evicted: read.connections_evicted,
        connections_tunnelled: read.connections_tunnelled,
        lost_errors: read.lost_errors,
    })
}

fn fault_samples(tally: &KindTally, file_name: &dyn Fn(u32) -> String) -> Vec<FaultSample> {
    tally
        .samples
        .iter()
        .map(|fault| FaultSample {
            file: file_name(fault.file),
            offset: fault.offset,
            detail: fault.detail.clone(),
        })
        .collect()
}

/// Interface-hours with records, of those from the first to the last hour of any interface.
fn coverage(coverage: &Coverage, environment: &Environment) -> CoverageText {
    let hours = coverage
        .interfaces
        .values()
        .map(|interface| &interface.hours);
    let ends = hours.clone().filter_map(Hours::ends);
    let ends = ends.reduce(|all, part| (all.0.min(part.0), all.1.max(part.1)));
    let window = ends.map_or(0, |(first, last)| last.abs_diff(first) + 1);
    let interfaces = coverage.interfaces.len() as u64;
    let covered = hours.map(Hours::count).sum();
    let possible = interfaces.saturating_mul(window);
    CoverageText {
        interfaces,
        hours: window,
        covered,
        possible,
        per_mille: (u128::from(covered) * 1000)
            .checked_div(u128::from(possible))
            .unwrap_or(0) as u64,
        subnets: subnets(coverage, environment, ends),
    }
}

/// Most gaps that are told of a subnet.
const GAPS: usize = 8;

/// When no interface of a subnet has records, of the hours between the first and the last of any.
/// Where nothing was logged at all, nothing is told.
fn subnets(
    coverage: &Coverage,
    environment: &Environment,
    ends: Option<(i64, i64)>,
) -> Vec<SubnetCoverage> {
    let Some((first, last)) = ends else {
        return Vec::new();
    };
    let audited = environment.subnets.iter().filter(|subnet| subnet.audited);
    audited
        .map(|subnet| {
            let held = coverage.interfaces.values().filter(|interface| {
                let mut addresses = interface.addresses.iter();
                addresses.any(|&address| subnet.prefixes.contains(address))
            });
            let mut hours: BTreeSet<i64> = BTreeSet::new();
            let mut interfaces = 0;
            for interface in held {
                interfaces += 1;
                hours.extend(interface.hours.iter());
            }
            let mut gaps: Vec<(i64, i64)> = Vec::new();
            let mut from = first;
            for at in hours.into_iter().chain([last + 1]) {
                if at > from {
                    gaps.push((from, at));
                }
                from = at + 1;
            }
            SubnetCoverage {
                subnet: subnet.name.clone(),
                interfaces,
                gap_count: gaps.len() as u64,
                gaps: gaps
                    .into_iter()
                    .take(GAPS)
                    .map(|(from, to)| Gap {
                        from: hour(from),
                        to: hour(to),
                    })
                    .collect(),
            }
        })
        .collect()
}

/// First instant of an hour, in words.
pub(crate) fn hour(hour: i64) -> String {
    Timestamp(hour.saturating_mul(3_600_000)).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::testing::environment;
    use crate::net::Mac;
    use crate::tally::Interface;

    #[test]
    fn coverage_counts_the_hours_of_the_whole_window_for_every_interface() {
        let mut facts = Facts::default();
        for (mac, hours) in [(1u64, vec![10, 11, 13]), (2, vec![10])] {
            let interface = Interface {
                addresses: vec![[10, 0, 1, mac as u8].into()],
                hours: hours.into_iter().collect(),
                ..Interface::default()
            };
            facts.coverage.interfaces.insert(Mac(mac), interface);
        }
        let text = coverage(&facts.coverage, &environment());
        assert_eq!((text.interfaces, text.hours), (2, 4));
        assert_eq!((text.covered, text.possible, text.per_mille), (4, 8, 500));
        let [apim, compute] = &text.subnets[..] else {
            panic!("{:?}", text.subnets);
        };
        assert_eq!((apim.interfaces, apim.gap_count), (2, 1));
        assert_eq!(apim.gaps[0].from, "1970-01-01T12:00:00Z");
        assert_eq!(apim.gaps[0].to, "1970-01-01T13:00:00Z");
        assert_eq!((compute.interfaces, compute.gap_count), (0, 1));
    }

    #[test]
    fn no_logs_is_no_coverage() {
        assert_eq!(coverage(&Coverage::default(), &environment()).per_mille, 0);
    }
}
