//! Address classes: the address space cut once into the largest sets of addresses that no subnet,
//! service tag, profile row or scope tells apart.

pub mod classes;

pub use classes::{Class, ClassId, Classes, Membership, Scope};
