//! Proposed rules in place of today's.

use super::model::Network;
use super::{Azure, merge};
use crate::environment::rules::{DocumentFault, Nsg};

impl Azure {
    /// These documents with `proposed` laid over them: a proposed NSG takes the place of the one with
    /// its resource ID, or with its name where one of both has no ID or nothing attaches the proposed
    /// one, and stays attached where that is unless it says itself where it is. Other resources take
    /// the place of those with their ID; the rest is kept.
    ///
    /// # Errors
    /// A proposed NSG may be any of several: which, and what to state.
    pub fn with_proposed(mut self, mut proposed: Self) -> Result<Self, String> {
        let networks = [&self.networks[..], &proposed.networks].concat();
        let nics = self.interfaces.iter().chain(&proposed.interfaces);
        let on_nics: Vec<_> = nics.filter_map(|nic| nic.nsg.clone()).collect();
        let is_attached = |nsg: &Nsg| is_attached(nsg, &networks, &on_nics);
        for nsg in std::mem::take(&mut proposed.nsgs) {
            let place = place(&self.nsgs, &nsg, is_attached(&nsg))?;
            if let Some(at) = place {
                replace(&mut self.nsgs[at], nsg);
                continue;
            }
            if !is_attached(&nsg) {
                proposed.remarks.push(DocumentFault {
                    file: nsg.file.clone(),
                    path: String::new(),
                    detail: format!(
                        "its security group {} takes the place of none that is given, and nothing \
                         attaches it: its rules decide nothing",
                        nsg.name
                    ),
                });
            }
            self.nsgs.push(nsg);
        }
        // What was said of today's documents has been said.
        self.faults = Vec::new();
        self.remarks = Vec::new();
        merge::add(&mut self, proposed);
        merge::settle(&mut self);
        Ok(self)
    }
}

/// Which of today's NSGs a proposed one takes the place of.
fn place(all: &[Nsg], proposed: &Nsg, is_attached: bool) -> Result<Option<usize>, String> {
    let same = |one: &str, other: &str| {
        let trim = |id: &str| id.trim_end_matches('/').to_lowercase();
        trim(one) == trim(other)
    };
    let by_id = all
        .iter()
        .position(|nsg| !nsg.id.is_empty() && same(&nsg.id, &proposed.id));
    if by_id.is_some() {
        return Ok(by_id);
    }
    let named = all.iter().enumerate().filter(|(_, nsg)| {
        let told_apart = !nsg.id.is_empty() && !proposed.id.is_empty() && is_attached;
        !told_apart && same(&nsg.name, &proposed.name)
    });
    let named: Vec<_> = named.collect();
    match named[..] {
        [] => Ok(None),
        [(at, _)] => Ok(Some(at)),
        [(_, one), (_, other), ..] => Err(format!(
            "expected a resource ID (`id`) of the security group {}, since there are several of that \
             name: {} and {}",
            proposed.name, one.id, other.id
        )),
    }
}

fn replace(today: &mut Nsg, proposed: Nsg) {
    let says = !proposed.subnets.is_empty() || !proposed.interfaces.is_empty();
    let old = std::mem::replace(today, proposed);
    if !old.id.is_empty() {
        today.id = old.id;
    }
    today.name = old.name;
    today.rules_only = today.rules_only && old.rules_only;
    if !says {
        today.subnets = old.subnets;
        today.interfaces = old.interfaces;
    }
}

/// Whether an NSG says where it is attached, or a subnet or an interface does.
fn is_attached(nsg: &Nsg, networks: &[Network], on_nics: &[String]) -> bool {
    let subnets = networks.iter().flat_map(|network| &network.subnets);
    let named = subnets.filter_map(|subnet| subnet.nsg.as_ref());
    !nsg.subnets.is_empty()
        || !nsg.interfaces.is_empty()
        || !nsg.id.is_empty()
            && named
                .chain(on_nics)
                .any(|id| id.eq_ignore_ascii_case(&nsg.id))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nsg(id: &str, name: &str, subnets: &[&str]) -> Nsg {
        Nsg {
            id: id.to_owned(),
            name: name.to_owned(),
            subnets: subnets.iter().map(|&id| id.to_owned()).collect(),
            ..Nsg::default()
        }
    }

    fn azure(nsgs: &[Nsg]) -> Azure {
        Azure {
            nsgs: nsgs.to_vec(),
            ..Azure::default()
        }
    }

    /// The NSGs afterwards: ID and first subnet.
    fn over(today: &[Nsg], proposed: &[Nsg]) -> Vec<(String, String)> {
        let all = azure(today).with_proposed(azure(proposed)).unwrap();
        let told = all.nsgs.into_iter();
        told.map(|nsg| (nsg.id, nsg.subnets.concat())).collect()
    }

    fn told(id: &str, subnets: &str) -> (String, String) {
        (id.to_owned(), subnets.to_owned())
    }

    #[test]
    fn a_proposed_group_takes_the_place_of_its_id_or_its_name_and_stays_attached() {
        let today = [nsg("/s/a", "a", &["x"]), nsg("/s/b", "b", &["y"])];
        let same = [told("/s/a", "x"), told("/s/b", "y")];
        assert_eq!(over(&today, &[nsg("/S/A", "a", &[])]), same);
        assert_eq!(over(&today, &[nsg("", "A", &[])]), same);
        assert_eq!(over(&today, &[nsg("/t/a", "a", &[])]), same);
        let moved = over(&today, &[nsg("", "a", &["z"])]);
        assert_eq!(moved[0], told("/s/a", "z"));
        let beside = over(&today, &[nsg("/t/a", "a", &["z"])]);
        assert_eq!(beside.len(), 3);
    }

    #[test]
    fn a_name_of_several_is_an_error_and_a_group_before_nothing_is_told() {
        let today = [nsg("/s/a", "a", &["x"]), nsg("/t/a", "a", &["y"])];
        let wrong = azure(&today).with_proposed(azure(&[nsg("", "a", &[])]));
        assert!(wrong.unwrap_err().contains("/s/a and /t/a"));
        let unused = azure(&today).with_proposed(azure(&[nsg("", "c", &[])]));
        assert!(unused.unwrap().remarks[0].detail.contains("decide nothing"));
    }
}
