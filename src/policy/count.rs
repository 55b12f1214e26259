//! Exact numbers of packets: IPv6 has more than 2^256 of them.

/// A number of packets, exact. All there are, of both families, is below 2^290.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Count {
    /// Most significant first, so that the derived order is that of numbers.
    words: [u64; Self::WORDS],
}

impl Count {
    const WORDS: usize = 5;

    /// No packet.
    pub const ZERO: Self = Self {
        words: [0; Self::WORDS],
    };

    /// How many numbers an inclusive range has.
    pub(super) fn of_range(low: u128, high: u128) -> Self {
        Self::from(high - low).plus(Self::from(1))
    }

    /// The sum. Of packets it cannot overflow.
    pub(crate) fn plus(self, other: Self) -> Self {
        let mut sum = Self::ZERO;
        let mut carry = 0u128;
        for at in (0..Self::WORDS).rev() {
            carry += self.words[at] as u128 + other.words[at] as u128;
            sum.words[at] = carry as u64;
            carry >>= 64;
        }
        sum
    }

    /// The product. Of sizes of packets' parts it cannot overflow.
    pub(super) fn times(self, other: Self) -> Self {
        let mut product = Self::ZERO;
        for right in (0..Self::WORDS).rev().filter(|&at| other.words[at] != 0) {
            let shift = Self::WORDS - 1 - right;
            let mut carry = 0u128;
            for left in (shift..Self::WORDS).rev() {
                let to = left - shift;
                carry += self.words[left] as u128 * other.words[right] as u128
                    + product.words[to] as u128;
                product.words[to] = carry as u64;
                carry >>= 64;
            }
        }
        product
    }

    /// Whether there is none.
    pub fn is_zero(&self) -> bool {
        *self == Self::ZERO
    }

    /// The number, where it is below 2^128.
    pub fn exact(&self) -> Option<u128> {
        let [high @ .., upper, lower] = self.words;
        (high == [0; Self::WORDS - 2]).then_some((upper as u128) << 64 | lower as u128)
    }

    /// The greatest power of two that is not above it; `None` of zero.
    pub fn log2(&self) -> Option<u32> {
        let first = self.words.iter().position(|&word| word != 0)?;
        Some((Self::WORDS - 1 - first) as u32 * 64 + self.words[first].ilog2())
    }
}

impl From<u128> for Count {
    fn from(number: u128) -> Self {
        let mut count = Self::ZERO;
        count.words[Self::WORDS - 1] = number as u64;
        count.words[Self::WORDS - 2] = (number >> 64) as u64;
        count
    }
}

impl std::iter::Sum for Count {
    fn sum<I: Iterator<Item = Self>>(counts: I) -> Self {
        counts.fold(Self::ZERO, Self::plus)
    }
}

impl std::fmt::Display for Count {
    /// All digits where it is below 2^128, else `2^n or more`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.exact() {
            Some(number) => std::fmt::Display::fmt(&number, f),
            None => f.pad(&format!("2^{} or more", self.log2().unwrap_or_default())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn small_numbers_add_and_multiply(a: u64, b: u64, c: u64, shift in 0u32..64) {
            let (a, b) = ((a >> shift) as u128, b as u128);
            let (x, y, z) = (Count::from(a), Count::from(b), Count::from(c as u128));
            prop_assert_eq!(x.plus(y).exact(), Some(a + b));
            prop_assert_eq!(x.times(y).exact(), Some(a * b));
            prop_assert_eq!(x.cmp(&y), a.cmp(&b));
            prop_assert_eq!(x.times(y).times(z), y.times(z).times(x));
            prop_assert_eq!(x.plus(y).times(z), x.times(z).plus(y.times(z)));
        }
    }

    #[test]
    fn all_packets_of_ipv6_fit() {
        let addresses = Count::of_range(0, u128::MAX);
        let rest = Count::from(2 << 32).plus(Count::from(3));
        let all = addresses.times(addresses).times(rest);
        assert_eq!(all.log2(), Some(289));
        assert_eq!(all.exact(), None);
        assert_eq!(all.to_string(), "2^289 or more");
        assert_eq!(Count::ZERO.log2(), None);
    }
}
