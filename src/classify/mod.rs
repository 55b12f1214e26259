//! Address classes: the address space cut once into the largest sets of addresses that no subnet,
//! service tag, profile row or scope tells apart.

pub mod classes;
pub mod lookup;
pub mod partition;

pub use classes::{Class, ClassId, Classes, Membership, Scope, Spans};
pub use lookup::Lookup;
pub use partition::{Partition, addresses_of, terms_of};
