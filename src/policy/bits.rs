//! Sets of small numbers as words of bits. All sets that meet have the same number of words.

/// A set of numbers below a bound.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Bits(Box<[u64]>);

impl Bits {
    /// The empty set of numbers below `bound`.
    pub(super) fn empty(bound: usize) -> Self {
        Self(vec![0; bound.div_ceil(64)].into_boxed_slice())
    }

    /// All numbers below `bound`.
    pub(super) fn full(bound: usize) -> Self {
        let mut all = Self(vec![u64::MAX; bound.div_ceil(64)].into_boxed_slice());
        if let Some(last) = all.0.last_mut().filter(|_| !bound.is_multiple_of(64)) {
            *last = (1 << (bound % 64)) - 1;
        }
        all
    }

    pub(super) fn insert(&mut self, number: usize) {
        self.0[number / 64] |= 1 << (number % 64);
    }

    pub(super) fn flip(&mut self, number: usize) {
        self.0[number / 64] ^= 1 << (number % 64);
    }

    pub(super) fn has(&self, number: usize) -> bool {
        self.0[number / 64] >> (number % 64) & 1 != 0
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.iter().all(|&word| word == 0)
    }

    /// Whether some number is in both.
    pub(super) fn meets(&self, other: &Self) -> bool {
        self.0.iter().zip(&other.0).any(|(a, b)| a & b != 0)
    }

    /// The numbers in both.
    pub(super) fn and(&self, other: &Self) -> Self {
        Self(self.0.iter().zip(&other.0).map(|(a, b)| a & b).collect())
    }

    /// Keeps the numbers that are in `other` too.
    pub(super) fn keep(&mut self, other: &Self) {
        self.0.iter_mut().zip(&other.0).for_each(|(a, b)| *a &= b);
    }

    /// Adds the numbers of `other`.
    pub(super) fn add(&mut self, other: &Self) {
        self.0.iter_mut().zip(&other.0).for_each(|(a, b)| *a |= b);
    }

    /// Removes the numbers of `other`.
    pub(super) fn remove(&mut self, other: &Self) {
        self.0.iter_mut().zip(&other.0).for_each(|(a, b)| *a &= !b);
    }

    /// The numbers, lowest first.
    pub(super) fn ones(&self) -> impl Iterator<Item = usize> + '_ {
        self.0.iter().enumerate().flat_map(|(at, &word)| {
            let mut rest = word;
            std::iter::from_fn(move || {
                let bit = rest.trailing_zeros();
                rest &= rest.wrapping_sub(1);
                (bit < 64).then_some(at * 64 + bit as usize)
            })
        })
    }

    /// The lowest number.
    pub(super) fn first(&self) -> Option<usize> {
        self.ones().next()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    proptest! {
        #[test]
        fn bits_are_sets(
            a in prop::collection::btree_set(0usize..150, 0..20),
            b in prop::collection::btree_set(0usize..150, 0..20),
        ) {
            let bits = |set: &BTreeSet<usize>| {
                let mut bits = Bits::empty(150);
                for &number in set {
                    bits.insert(number);
                }
                bits
            };
            let list = |bits: &Bits| bits.ones().collect::<BTreeSet<_>>();
            let (x, y) = (bits(&a), bits(&b));
            prop_assert_eq!(&list(&x), &a);
            prop_assert_eq!(list(&x.and(&y)), a.intersection(&b).copied().collect());
            prop_assert_eq!(x.meets(&y), !a.is_disjoint(&b));
            let mut left = x.clone();
            left.remove(&y);
            prop_assert_eq!(list(&left), a.difference(&b).copied().collect());
            left.add(&y);
            prop_assert_eq!(list(&left), a.union(&b).copied().collect());
            prop_assert_eq!(x.first(), a.first().copied());
            prop_assert_eq!(list(&Bits::full(150)), (0..150).collect());
        }
    }
}
