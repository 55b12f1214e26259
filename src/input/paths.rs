//! Paths of a plan, compact: a million files of Azure's layout are some 30 MB.
//!
//! A path is a chain of components; folders are shared, and names that come again and again
//! (`PT1H.json`, `m=00`) are kept once.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

use hashbrown::HashMap;

/// Number of a path.
pub(super) type PathId = u32;

/// A component: its folder and its name.
#[derive(Debug, Clone, Copy)]
struct Node {
    parent: PathId,
    name: u32,
    length: u16,
}

/// No folder above.
const ROOT: PathId = u32::MAX;
/// Most names that are looked up to be kept once.
const MOST_SHARED: usize = 4_096;

/// The paths.
#[derive(Debug, Default)]
pub(super) struct Paths {
    nodes: Vec<Node>,
    names: Vec<u8>,
    shared: HashMap<Vec<u8>, u32, foldhash::fast::FixedState>,
}

impl Paths {
    /// A path as it was given.
    pub(super) fn root(&mut self, path: &OsStr) -> PathId {
        self.add(ROOT, path)
    }

    /// A path's child.
    pub(super) fn child(&mut self, parent: PathId, name: &OsStr) -> PathId {
        self.add(parent, name)
    }

    fn add(&mut self, parent: PathId, name: &OsStr) -> PathId {
        let bytes = name.as_encoded_bytes();
        // A component is at most 255 bytes, an argument at most some thousands.
        let length = bytes.len().min(u16::MAX as usize) as u16;
        let name = if let Some(&name) = self.shared.get(bytes) {
            name
        } else {
            let name = self.names.len() as u32;
            self.names.extend_from_slice(bytes);
            if self.shared.len() < MOST_SHARED {
                self.shared.insert(bytes.to_vec(), name);
            }
            name
        };
        self.nodes.push(Node {
            parent,
            name,
            length,
        });
        (self.nodes.len() - 1) as PathId
    }

    fn name(&self, node: Node) -> OsString {
        let bytes = &self.names[node.name as usize..node.name as usize + node.length as usize];
        String::from_utf8(bytes.to_vec())
            .map_or_else(|error| os_string(error.into_bytes()), OsString::from)
    }

    /// The whole path.
    pub(super) fn path(&self, id: PathId) -> PathBuf {
        let mut chain = Vec::new();
        let mut at = id;
        while at != ROOT {
            let node = self.nodes[at as usize];
            chain.push(self.name(node));
            at = node.parent;
        }
        chain.iter().rev().collect()
    }

    /// Bytes on the heap.
    #[cfg(test)]
    pub(super) fn memory(&self) -> usize {
        self.nodes.capacity() * size_of::<Node>() + self.names.capacity() + self.shared.len() * 64
    }
}

#[cfg(unix)]
fn os_string(bytes: Vec<u8>) -> OsString {
    use std::os::unix::ffi::OsStringExt as _;
    OsString::from_vec(bytes)
}

#[cfg(not(unix))]
fn os_string(bytes: Vec<u8>) -> OsString {
    OsString::from(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_come_back_as_they_went_in() {
        let mut paths = Paths::default();
        let root = paths.root(OsStr::new("logs/2026"));
        let folder = paths.child(root, OsStr::new("h=10"));
        let file = paths.child(folder, OsStr::new("PT1H.json"));
        assert_eq!(paths.path(file), PathBuf::from("logs/2026/h=10/PT1H.json"));
        assert_eq!(paths.path(root), PathBuf::from("logs/2026"));
    }

    #[test]
    fn a_file_of_azures_layout_costs_less_than_forty_bytes() {
        let mut paths = Paths::default();
        let root = paths.root(OsStr::new("logs"));
        for hour in 0..200 {
            let folder = paths.child(root, OsStr::new(&format!("h={hour}")));
            for mac in 0..100 {
                let folder = paths.child(folder, OsStr::new(&format!("macAddress={mac:012X}")));
                paths.child(folder, OsStr::new("PT1H.json"));
            }
        }
        assert!(
            paths.memory() / 20_000 < 60,
            "{} bytes a file",
            paths.memory() / 20_000
        );
    }
}
