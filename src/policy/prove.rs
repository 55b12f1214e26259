//! All packets of a cube: exactly what rules do with them, and which rules.

use super::bits::Bits;
use super::classes::Compiled;
use super::count::Count;
use super::decider::Ruling;
use super::first_match::rulings;
use super::grid::{Grid, High, Steps};
use super::regions::{Region, partition};

pub use super::regions::Extent;
use super::rule::{Answer, Cube, Level, Probe};

/// What rules do with all packets of a cube.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proof {
    /// In one word.
    pub verdict: Verdict,
    /// Allowed packets.
    pub allowed: Count,
    /// Denied packets.
    pub denied: Count,
    /// Packets of which it is not known.
    pub undetermined: Count,
    /// The packets by what becomes of them and by whom: disjoint, and together the cube. Allowed
    /// ones first.
    pub parts: Vec<Part>,
}

/// What rules do with the packets of a cube, in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verdict {
    /// All are allowed.
    Allowed,
    /// Some are allowed and some are denied.
    Partly,
    /// All are denied.
    Blocked,
    /// Neither: what becomes of some (or of all) is not known, or the cube has no packet.
    Undetermined,
}

/// Packets with which the same rules do the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// What becomes of them, and by whom.
    pub ruling: Ruling,
    /// How many. Protocols without ports have one packet a pair of addresses.
    pub count: Count,
    /// The lowest: by protocol, source, source port, destination, destination port.
    pub witness: Probe,
    /// All of them, as few disjoint cubes; the largest where there are very many, and none in an
    /// [outline](Prover::outline). Within a cube IPv4 goes to IPv4 and IPv6 to IPv6.
    pub cubes: Vec<Cube>,
    /// How many more cubes there are. [`Prover::part`] gives all.
    pub left_out: usize,
}

impl Part {
    /// A region that a ruling is on.
    pub(super) fn new(ruling: Ruling, region: Region) -> Self {
        Self {
            ruling,
            count: region.count,
            witness: region.witness,
            cubes: region.cubes,
            left_out: region.left_out,
        }
    }
}

/// Rules, compiled once for many proofs.
#[derive(Debug)]
pub struct Prover<'a> {
    levels: &'a [Level],
    compiled: Compiled,
    /// How many an answer may take.
    steps: Steps,
}

impl<'a> Prover<'a> {
    /// Compiles the rules of all levels on a path.
    pub fn new(levels: &'a [Level]) -> Self {
        Self {
            levels,
            compiled: Compiled::of_levels(levels),
            steps: Steps::of_an_answer(),
        }
    }

    /// Answers take so many steps at most; the rest of their packets is undetermined.
    #[must_use]
    pub fn with_steps(self, steps: u64) -> Self {
        Self {
            steps: Steps::new(steps),
            ..self
        }
    }

    /// What the rules do with every low of a high.
    fn rulings(&self, grid: &Grid, high: &High) -> Vec<(Ruling, Bits)> {
        let all = Bits::full(grid.lows.len());
        rulings(grid, high, &self.compiled.lists, self.levels, all)
    }

    /// One part of a proof, with every one of its cubes however many; `None` where the cube has no
    /// packet of that ruling.
    pub fn part(&self, packets: &Cube, ruling: &Ruling) -> Option<Part> {
        let (mut steps, beyond) = (self.steps.clone(), Ruling::not_followed());
        let regions = partition(
            &self.compiled,
            packets,
            Extent::Cubes(usize::MAX),
            &mut steps,
            &beyond,
            |grid, high| {
                let mut rulings = self.rulings(grid, high);
                rulings.retain(|(other, _)| other == ruling);
                rulings
            },
        );
        let (ruling, region) = regions.into_iter().find(|(other, _)| other == ruling)?;
        Some(Part::new(ruling, region))
    }

    /// What the rules do with every packet of a cube. Where they are too intricate to be followed to the
    /// end, what is left is undetermined.
    pub fn prove(&self, packets: &Cube) -> Proof {
        self.proof(packets, Extent::ALL)
    }

    /// The same without cubes: sooner, where it is enough how many packets of each part there are, and
    /// which is the lowest.
    pub fn outline(&self, packets: &Cube) -> Proof {
        self.proof(packets, Extent::Outline)
    }

    fn proof(&self, packets: &Cube, extent: Extent) -> Proof {
        let (mut steps, beyond) = (self.steps.clone(), Ruling::not_followed());
        let regions = partition(
            &self.compiled,
            packets,
            extent,
            &mut steps,
            &beyond,
            |grid, high| self.rulings(grid, high),
        );
        let parts: Vec<_> = regions
            .into_iter()
            .map(|(ruling, region)| Part::new(ruling, region))
            .collect();
        let count = |answer: Answer| -> Count {
            parts
                .iter()
                .filter(|part| part.ruling.answer == answer)
                .map(|part| part.count)
                .sum()
        };
        let [allowed, denied, undetermined] =
            [Answer::Allow, Answer::Deny, Answer::Undetermined].map(count);
        let verdict = match (allowed.is_zero(), denied.is_zero(), undetermined.is_zero()) {
            (false, false, _) => Verdict::Partly,
            (false, true, true) => Verdict::Allowed,
            (true, false, true) => Verdict::Blocked,
            (true, true, _) | (_, _, false) => Verdict::Undetermined,
        };
        Proof {
            verdict,
            allowed,
            denied,
            undetermined,
            parts,
        }
    }
}

/// What `levels` do with every packet of a cube: exact, over all of them. Of many cubes against the
/// same levels, a [`Prover`] saves compiling them again.
///
/// A packet of a protocol without ports is in a cube whose ports are all, and in no other.
pub fn prove(levels: &[Level], packets: &Cube) -> Proof {
    Prover::new(levels).prove(packets)
}

#[cfg(test)]
mod tests;
