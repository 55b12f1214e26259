//! Address -> tags, for one edition.
//!
//! Prefixes either nest or are apart. Sorted by first address, the widest first, each has at most
//! one narrowest prefix around it: its parent. An address lies in exactly the chain of parents
//! that starts at the last prefix which begins at or before it, less those that end too early.

use std::cmp::Reverse;
use std::net::IpAddr;

use ipnet::IpNet;

use super::store::TagId;
use crate::net::prefix::{Family, number};

/// The prefixes of all tags, and how many addresses each tag has.
pub(super) struct Index {
    v4: Vec<Node>,
    v6: Vec<Node>,
    /// Addresses a tag, by family.
    sizes: Vec<[u128; 2]>,
}

/// A prefix of a tag.
struct Node {
    low: u128,
    high: u128,
    tag: TagId,
    /// Number of the narrowest prefix around it, plus one; 0 where there is none.
    parent: u32,
}

impl Index {
    /// From the prefixes of each tag, in order of the tags.
    pub(super) fn new(tags: impl Iterator<Item = Vec<IpNet>>) -> Self {
        let mut index = Self {
            v4: Vec::new(),
            v6: Vec::new(),
            sizes: Vec::new(),
        };
        for (tag, prefixes) in tags.enumerate() {
            let mut sizes = [0u128; 2];
            for prefix in prefixes {
                let (family, low) = number(prefix.network());
                let (_, high) = number(prefix.broadcast());
                let size = &mut sizes[family as usize];
                *size = size.saturating_add(high - low).saturating_add(1);
                index.nodes_mut(family).push(Node {
                    low,
                    high,
                    tag: tag as TagId,
                    parent: 0,
                });
            }
            index.sizes.push(sizes);
        }
        link(&mut index.v4);
        link(&mut index.v6);
        index
    }

    /// The tags that hold `address`, those with the fewest addresses of its family first.
    pub(super) fn tags_of(&self, address: IpAddr) -> std::vec::IntoIter<TagId> {
        let (family, number) = number(address);
        let nodes = match family {
            Family::V4 => &self.v4,
            Family::V6 => &self.v6,
        };
        let mut found = Vec::new();
        let mut next = nodes.partition_point(|node| node.low <= number);
        while let Some(node) = next.checked_sub(1).and_then(|at| nodes.get(at)) {
            if node.high >= number {
                found.push(node.tag);
            }
            next = node.parent as usize;
        }
        // Tags are numbered in order of their names.
        found.sort_unstable_by_key(|&tag| (self.sizes[tag as usize][family as usize], tag));
        found.dedup();
        found.into_iter()
    }

    fn nodes_mut(&mut self, family: Family) -> &mut Vec<Node> {
        match family {
            Family::V4 => &mut self.v4,
            Family::V6 => &mut self.v6,
        }
    }
}

/// Sorts prefixes and gives each its parent.
fn link(nodes: &mut [Node]) {
    nodes.sort_unstable_by_key(|node| (node.low, Reverse(node.high), node.tag));
    let mut around: Vec<usize> = Vec::new();
    for at in 0..nodes.len() {
        while let Some(&outer) = around.last() {
            if nodes[outer].high >= nodes[at].high {
                break;
            }
            around.pop();
        }
        nodes[at].parent = around.last().map_or(0, |&outer| outer as u32 + 1);
        around.push(at);
    }
}
