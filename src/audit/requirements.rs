//! Rows x subnets x directions -> requirements: which rows apply to which subnet, and whether
//! their condition holds.

use std::collections::BTreeSet;

use crate::catalogue::{AddressTerm, Condition, Profile, Row};
use crate::environment::{Environment, Subnet};
use crate::net::Direction;

/// Name of the profile that holds the user's own requirements.
pub const OWN_PROFILE: &str = "own";

/// How a requirement stands before any traffic is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// It is required.
    Required,
    /// Its condition is not settled: it counts as required, and the report says what to state.
    Unsettled,
    /// What is stated contradicts its condition.
    NotApplicable,
    /// It may apply: its row belongs to a role that no subnet states. Matches of it leave traffic
    /// undetermined; it gets no verdict.
    Possible,
}

/// A row bound to one subnet and one direction.
#[derive(Debug, Clone)]
pub(crate) struct Bound<'a> {
    /// `profile/row-id`.
    pub(crate) name: String,
    /// The row.
    pub(crate) row: &'a Row,
    /// Place of the row among all rows judged: profiles in order, rows in the table's order.
    pub(crate) order: usize,
    /// Index of the subnet.
    pub(crate) subnet: u16,
    /// Direction, seen from the subnet.
    pub(crate) direction: Direction,
    /// How it stands.
    pub(crate) standing: Standing,
}

impl Bound<'_> {
    /// The terms of the end that is not the subnet.
    pub(crate) fn remote(&self) -> &[AddressTerm] {
        match self.direction {
            Direction::Inbound => &self.row.source,
            Direction::Outbound => &self.row.destination,
        }
    }

    /// The terms of the subnet's own end.
    pub(crate) fn local(&self) -> &[AddressTerm] {
        local_side(self.row, self.direction)
    }
}

/// All requirements of a run, with what had to be assumed to bind them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Requirements<'a> {
    /// The requirements: rows in order, then subnets, then directions.
    pub(crate) bound: Vec<Bound<'a>>,
    /// Roles that no subnet states and that all audited subnets are therefore taken to have.
    pub(crate) assumed_roles: BTreeSet<String>,
    /// What was assumed, in sentences.
    pub(crate) assumptions: Vec<String>,
}

/// Binds the rows of the profile, of the profiles that it includes and of the user.
pub(crate) fn bind<'a>(
    profile: &'a Profile,
    included: &[&'a Profile],
    environment: &'a Environment,
) -> Requirements<'a> {
    let mut binder = Binder {
        environment,
        order: 0,
        out: Requirements::default(),
    };
    binder.assume_roles(profile);
    binder.add(&profile.name, &profile.rows);
    for other in included {
        binder.note_missing_roles(other);
        binder.add(&other.name, &other.rows);
    }
    binder.add(OWN_PROFILE, &environment.requirements);
    binder.out
}

struct Binder<'a> {
    environment: &'a Environment,
    order: usize,
    out: Requirements<'a>,
}

impl<'a> Binder<'a> {
    /// Where the audited service itself is written in roles that nobody stated, judging nothing
    /// would help nobody: its roles are taken to be those of all audited subnets.
    fn assume_roles(&mut self, profile: &Profile) {
        for role in local_roles(profile) {
            if !has_role(self.environment, &role) {
                self.out.assumptions.push(format!(
                    "no subnet has role {role}: all audited subnets are taken to have it; state \
                     roles in nsgaudit.toml"
                ));
                self.out.assumed_roles.insert(role);
            }
        }
    }

    /// An included profile of a role that no subnet states: its rows are not judged.
    fn note_missing_roles(&mut self, profile: &Profile) {
        for role in local_roles(profile) {
            if !has_role(self.environment, &role) && !self.out.assumed_roles.contains(&role) {
                self.out.assumptions.push(format!(
                    "no subnet has role {role}: rows of {} were not judged; state roles in \
                     nsgaudit.toml",
                    profile.name
                ));
            }
        }
    }

    fn add(&mut self, profile: &str, rows: &'a [Row]) {
        for row in rows {
            self.note_missing_sets(profile, row);
            for (index, subnet) in self.environment.subnets.iter().enumerate() {
                if !subnet.audited {
                    continue;
                }
                for direction in [Direction::Inbound, Direction::Outbound] {
                    if !row.directions.contains(&direction) {
                        continue;
                    }
                    if let Some(standing) = self.standing(row, subnet, direction) {
                        self.out.bound.push(Bound {
                            name: format!("{profile}/{}", row.id),
                            row,
                            order: self.order,
                            subnet: index as u16,
                            direction,
                            standing,
                        });
                    }
                }
            }
            self.order += 1;
        }
    }

    /// A row at addresses that nobody states is not judged, and the report says so.
    fn note_missing_sets(&mut self, profile: &str, row: &Row) {
        for &direction in &row.directions {
            for term in local_side(row, direction) {
                let AddressTerm::Named(name) = term else {
                    continue;
                };
                let note = format!(
                    "{name} is not stated: rows of {profile} that apply there were not judged; \
                     state it under [addresses] in nsgaudit.toml"
                );
                if !self.environment.addresses.contains_key(name)
                    && !self.out.assumptions.contains(&note)
                {
                    self.out.assumptions.push(note);
                }
            }
        }
    }

    /// How a row stands for a subnet; `None` where it does not concern it.
    fn standing(&self, row: &Row, subnet: &Subnet, direction: Direction) -> Option<Standing> {
        let sides = local_side(row, direction)
            .iter()
            .map(|term| self.holds(term, subnet));
        let settled = settle(&row.condition, self.environment);
        match sides.max()? {
            Holds::Yes => Some(settled),
            Holds::Perhaps if settled != Standing::NotApplicable => Some(Standing::Possible),
            Holds::Perhaps | Holds::No => None,
        }
    }

    fn holds(&self, term: &AddressTerm, subnet: &Subnet) -> Holds {
        let yes = match term {
            AddressTerm::Any
            | AddressTerm::VirtualNetwork
            | AddressTerm::VnetAddressSpace
            | AddressTerm::SameSubnet => true,
            AddressTerm::SubnetRole(role) => {
                if has_role(self.environment, role) {
                    subnet.role.eq_ignore_ascii_case(role)
                } else if self.out.assumed_roles.contains(role) {
                    true
                } else if subnet.role.is_empty() {
                    return Holds::Perhaps;
                } else {
                    false
                }
            }
            AddressTerm::Named(name) => match self.environment.addresses.get(name) {
                Some(set) => !set.intersection(&subnet.prefixes).is_empty(),
                None => return Holds::Perhaps,
            },
            AddressTerm::Prefixes(set) => !set.intersection(&subnet.prefixes).is_empty(),
            AddressTerm::Internet | AddressTerm::AzureLoadBalancer | AddressTerm::ServiceTag(_) => {
                false
            }
        };
        if yes { Holds::Yes } else { Holds::No }
    }
}

/// Whether a local side holds a subnet; the better answer is the greater one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Holds {
    No,
    Perhaps,
    Yes,
}

/// The row's terms for the subnet's own end.
fn local_side(row: &Row, direction: Direction) -> &[AddressTerm] {
    match direction {
        Direction::Inbound => &row.destination,
        Direction::Outbound => &row.source,
    }
}

fn local_roles(profile: &Profile) -> BTreeSet<String> {
    let mut roles = BTreeSet::new();
    for row in &profile.rows {
        for &direction in &row.directions {
            for term in local_side(row, direction) {
                if let AddressTerm::SubnetRole(role) = term {
                    roles.insert(role.clone());
                }
            }
        }
    }
    roles
}

fn has_role(environment: &Environment, role: &str) -> bool {
    environment
        .subnets
        .iter()
        .any(|subnet| subnet.role.eq_ignore_ascii_case(role))
}

/// Holds a condition against what the environment states.
fn settle(condition: &Condition, environment: &Environment) -> Standing {
    let stated = |key: &String| environment.stated.get(key);
    if condition
        .when
        .iter()
        .any(|(key, value)| stated(key).is_some_and(|said| said != value))
    {
        return Standing::NotApplicable;
    }
    let open = condition.when.keys().any(|key| stated(key).is_none());
    if open || (condition.when.is_empty() && !condition.text.is_empty()) {
        Standing::Unsettled
    } else {
        Standing::Required
    }
}

/// What to state to settle a condition, in a sentence.
pub(crate) fn to_settle(condition: &Condition, environment: &Environment) -> String {
    let missing: Vec<_> = condition
        .when
        .iter()
        .filter(|(key, _)| !environment.stated.contains_key(*key))
        .map(|(key, value)| format!("{key} (it is required where that is {value})"))
        .collect();
    if missing.is_empty() {
        return format!(
            "Counted as required, for nothing that can be stated settles its condition: {}.",
            condition.text
        );
    }
    format!(
        "Counted as required, for its condition is not settled: state {} in nsgaudit.toml.",
        missing.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::testing::{environment, profile, row};

    fn standings(requirements: &Requirements<'_>) -> Vec<(String, u16, Direction, Standing)> {
        requirements
            .bound
            .iter()
            .map(|bound| {
                (
                    bound.name.clone(),
                    bound.subnet,
                    bound.direction,
                    bound.standing,
                )
            })
            .collect()
    }

    #[test]
    fn a_row_of_both_directions_binds_twice_to_each_audited_subnet_only() {
        let environment = environment();
        let profile = profile(vec![
            row("intersubnet").both().ports("80").between_subnets(),
        ]);
        let bound = bind(&profile, &[], &environment);
        let expected = [
            (0, Direction::Inbound),
            (0, Direction::Outbound),
            (1, Direction::Inbound),
            (1, Direction::Outbound),
        ];
        assert_eq!(
            standings(&bound),
            expected.map(|(subnet, direction)| (
                "p/intersubnet".into(),
                subnet,
                direction,
                Standing::Required
            ))
        );
        assert!(bound.assumptions.is_empty());
    }

    #[test]
    fn a_condition_holds_or_is_contradicted_or_needs_stating() {
        let mut environment = environment();
        let profile = profile(vec![
            row("probe")
                .inbound("AzureTrafficManager", "454")
                .when("endpoint", "internal"),
        ]);
        let standing =
            |environment: &Environment| bind(&profile, &[], environment).bound[0].standing;
        assert_eq!(standing(&environment), Standing::Unsettled);
        assert!(to_settle(&profile.rows[0].condition, &environment).contains("state endpoint"));
        environment
            .stated
            .insert("endpoint".into(), "internal".into());
        assert_eq!(standing(&environment), Standing::Required);
        environment
            .stated
            .insert("endpoint".into(), "external".into());
        assert_eq!(standing(&environment), Standing::NotApplicable);
    }

    #[test]
    fn an_included_profile_of_a_role_that_nobody_states_is_not_judged_but_remembered() {
        let mut environment = environment();
        let main = profile(vec![]);
        let mut redis = profile(vec![row("in-8443").both().ports("8443").role("redis")]);
        redis.name = "redis-vnet".into();
        let bound = bind(&main, &[&redis], &environment);
        assert!(bound.bound.iter().all(|b| b.standing == Standing::Possible));
        assert_eq!(bound.assumptions.len(), 1);
        assert!(bound.assumptions[0].contains("rows of redis-vnet were not judged"));

        environment.subnets[1].role = "redis".into();
        let bound = bind(&main, &[&redis], &environment);
        assert!(bound.bound.iter().all(|b| b.subnet == 1));
        assert_eq!(bound.bound.len(), 2);
        assert!(bound.assumptions.is_empty());
    }

    #[test]
    fn roles_of_the_audited_profile_itself_are_taken_to_be_everywhere() {
        let environment = environment();
        let main = profile(vec![row("in-8443").both().ports("8443").role("redis")]);
        let bound = bind(&main, &[], &environment);
        assert_eq!(bound.bound.len(), 4);
        assert!(bound.bound.iter().all(|b| b.standing == Standing::Required));
        assert!(bound.assumptions[0].contains("taken to have it"));
    }
}
