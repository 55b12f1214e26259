//! A forest of paths in few bytes: every name once, every folder once, a file as two numbers.
//!
//! A million blobs `…/y=2026/m=01/d=05/h=10/m=00/macAddress=…/PT1H.json` share their names and
//! most of their folders; what is left is about 20 bytes a file.

use std::cmp::Ordering;
use std::ffi::OsStr;
use std::hash::BuildHasher;
use std::path::{Path, PathBuf};

use hashbrown::{DefaultHashBuilder, HashTable};

use crate::error::{Error, Result};

/// The folder above all others; its children are `/` or a drive.
const TOP: u32 = 0;
const NO_HOUR: i32 = i32::MIN;

/// A file: its folder and its name in that folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct FileKey {
    pub(super) folder: u32,
    pub(super) name: u32,
}

#[derive(Debug, Clone, Copy)]
struct Folder {
    parent: u32,
    name: u32,
    hour: i32,
}

/// The folders and names of a plan.
#[derive(Debug, Default)]
pub(super) struct Tree {
    bytes: Vec<u8>,
    /// Where each name starts in `bytes`; one more at the end.
    starts: Vec<u32>,
    folders: Vec<Folder>,
}

impl Tree {
    /// The path of a folder.
    pub(super) fn folder_path(&self, folder: u32) -> PathBuf {
        let mut names = Vec::new();
        let mut at = folder;
        while at != TOP {
            names.push(self.folder(at).name);
            at = self.folder(at).parent;
        }
        let mut path = PathBuf::new();
        for &name in names.iter().rev() {
            push(&mut path, self.name(name));
        }
        path
    }

    /// The path of a file.
    pub(super) fn file_path(&self, file: FileKey) -> PathBuf {
        let mut path = self.folder_path(file.folder);
        push(&mut path, self.name(file.name));
        path
    }

    /// The hour that a folder's path tells.
    pub(super) fn hour(&self, folder: u32) -> Option<i64> {
        let hour = self.folder(folder).hour;
        (hour != NO_HOUR).then_some(hour as i64)
    }

    /// Files without an hour first, then by hour; then by path, component by component.
    pub(super) fn compare(&self, a: FileKey, b: FileKey) -> Ordering {
        if a.folder == b.folder {
            return self.name(a.name).cmp(self.name(b.name));
        }
        self.folder(a.folder)
            .hour
            .cmp(&self.folder(b.folder).hour)
            .then_with(|| self.compare_paths(a, b))
    }

    fn compare_paths(&self, a: FileKey, b: FileKey) -> Ordering {
        let (depth_a, depth_b) = (self.depth(a.folder), self.depth(b.folder));
        let (mut a, mut b) = (a, b);
        (depth_b..depth_a).for_each(|_| a = self.up(a));
        (depth_a..depth_b).for_each(|_| b = self.up(b));
        while a.folder != b.folder {
            (a, b) = (self.up(a), self.up(b));
        }
        self.name(a.name)
            .cmp(self.name(b.name))
            .then(depth_a.cmp(&depth_b))
    }

    fn up(&self, key: FileKey) -> FileKey {
        let Folder { parent, name, .. } = self.folder(key.folder);
        FileKey {
            folder: parent,
            name,
        }
    }

    fn depth(&self, folder: u32) -> usize {
        std::iter::successors(Some(folder), |&at| {
            (at != TOP).then(|| self.folder(at).parent)
        })
        .count()
    }

    fn folder(&self, folder: u32) -> Folder {
        self.folders[folder as usize]
    }

    fn name(&self, name: u32) -> &[u8] {
        let at = name as usize;
        &self.bytes[self.starts[at] as usize..self.starts[at + 1] as usize]
    }

    /// Heap bytes of the names themselves.
    pub(super) fn name_memory(&self) -> usize {
        self.bytes.capacity()
    }

    /// Heap bytes of everything but the names.
    pub(super) fn table_memory(&self) -> usize {
        self.starts.capacity() * size_of::<u32>() + self.folders.capacity() * size_of::<Folder>()
    }

    /// Gives back what was allocated ahead.
    fn shrink(&mut self) {
        self.bytes.shrink_to_fit();
        self.starts.shrink_to_fit();
        self.folders.shrink_to_fit();
    }
}

/// A tree that still grows, with the tables that find what is already in it.
pub(super) struct TreeBuilder {
    tree: Tree,
    names: HashTable<u32>,
    folders: HashTable<u32>,
    hasher: DefaultHashBuilder,
}

impl TreeBuilder {
    pub(super) fn new() -> Self {
        let top = Folder {
            parent: TOP,
            name: 0,
            hour: NO_HOUR,
        };
        Self {
            tree: Tree {
                bytes: Vec::new(),
                starts: vec![0],
                folders: vec![top],
            },
            names: HashTable::new(),
            folders: HashTable::new(),
            hasher: DefaultHashBuilder::default(),
        }
    }

    pub(super) fn tree(&self) -> &Tree {
        &self.tree
    }

    /// How many folders there are: their numbers are below.
    pub(super) fn folder_count(&self) -> usize {
        self.tree.folders.len()
    }

    pub(super) fn set_hour(&mut self, folder: u32, hour: Option<i64>) {
        let hour = hour.and_then(|hour| i32::try_from(hour).ok());
        self.tree.folders[folder as usize].hour = hour.unwrap_or(NO_HOUR);
    }

    /// The number of a name, the same for the same bytes.
    pub(super) fn name(&mut self, name: &OsStr) -> Result<u32> {
        let Self {
            tree,
            names,
            hasher,
            ..
        } = self;
        let name = to_bytes(name);
        let hash = hasher.hash_one(name);
        if let Some(&known) = names.find(hash, |&known| tree.name(known) == name) {
            return Ok(known);
        }
        let number = number(tree.starts.len() - 1)?;
        tree.bytes.extend_from_slice(name);
        tree.starts.push(self::number(tree.bytes.len())?);
        names.insert_unique(hash, number, |&known| hasher.hash_one(tree.name(known)));
        Ok(number)
    }

    /// The number of a folder's subfolder.
    pub(super) fn subfolder(&mut self, parent: u32, name: &OsStr) -> Result<u32> {
        let name = self.name(name)?;
        let Self {
            tree,
            folders,
            hasher,
            ..
        } = self;
        let key = |known: u32| (tree.folder(known).parent, tree.folder(known).name);
        let hash = hasher.hash_one((parent, name));
        if let Some(&known) = folders.find(hash, |&known| key(known) == (parent, name)) {
            return Ok(known);
        }
        let number = number(tree.folders.len())?;
        folders.insert_unique(hash, number, |&known| hasher.hash_one(key(known)));
        tree.folders.push(Folder {
            parent,
            name,
            hour: NO_HOUR,
        });
        Ok(number)
    }

    /// The number of a folder by its path.
    pub(super) fn folder(&mut self, path: &Path) -> Result<u32> {
        path.components().try_fold(TOP, |parent, component| {
            self.subfolder(parent, component.as_os_str())
        })
    }

    /// The tree, without the tables.
    pub(super) fn finish(self) -> Tree {
        let mut tree = self.tree;
        tree.shrink();
        tree
    }
}

fn number(count: usize) -> Result<u32> {
    u32::try_from(count).map_err(|_| Error::Usage {
        message: "more file names than one run can hold (4 GiB of them): give fewer files"
            .to_owned(),
    })
}

#[cfg(unix)]
fn push(path: &mut PathBuf, name: &[u8]) {
    path.push(<OsStr as std::os::unix::ffi::OsStrExt>::from_bytes(name));
}

#[cfg(not(unix))]
fn push(path: &mut PathBuf, name: &[u8]) {
    path.push(&*String::from_utf8_lossy(name));
}

fn to_bytes(name: &OsStr) -> &[u8] {
    name.as_encoded_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn key(builder: &mut TreeBuilder, path: &str) -> FileKey {
        let path = Path::new(path);
        FileKey {
            folder: builder.folder(path.parent().unwrap()).unwrap(),
            name: builder.name(path.file_name().unwrap()).unwrap(),
        }
    }

    #[test]
    fn paths_come_back_as_they_went_in() {
        let mut builder = TreeBuilder::new();
        for path in ["/a/b/c", "/a/b/d", "/c", "/a/c/b"] {
            let key = key(&mut builder, path);
            assert_eq!(builder.tree().file_path(key), Path::new(path));
        }
        assert_eq!(builder.folder_count(), 5, "top, /, a, a/b, a/c");
    }

    #[test]
    fn folders_with_an_hour_come_after_those_without_and_by_hour() {
        let mut builder = TreeBuilder::new();
        let late = key(&mut builder, "/a/x");
        let early = key(&mut builder, "/b/x");
        let none = key(&mut builder, "/c/x");
        builder.set_hour(late.folder, Some(9));
        builder.set_hour(early.folder, Some(8));
        let mut keys = [late, early, none];
        keys.sort_by(|&a, &b| builder.tree().compare(a, b));
        assert_eq!(keys, [none, early, late]);
    }

    #[test]
    fn a_quarter_of_a_million_blobs_take_ten_megabytes() {
        let mut builder = TreeBuilder::new();
        let nsg = builder.folder(Path::new("/logs/NSG/y=2026/m=01")).unwrap();
        let mut files = 0;
        for hour in 0..2500 {
            let hour = (builder.subfolder(nsg, OsStr::new(&format!("h={hour}")))).unwrap();
            let minute = builder.subfolder(hour, OsStr::new("m=00")).unwrap();
            for mac in 0..100 {
                let mac = format!("macAddress={mac:012X}");
                builder.subfolder(minute, OsStr::new(&mac)).unwrap();
                builder.name(OsStr::new("PT1H.json")).unwrap();
                files += 1;
            }
        }
        let tree = builder.finish();
        let memory = tree.name_memory() + tree.table_memory() + files * size_of::<FileKey>();
        assert!(files == 250_000 && memory < 10 << 20, "{memory}");
    }

    proptest! {
        #[test]
        fn the_order_is_that_of_paths(paths in proptest::collection::vec("(/[ab.]{1,2}x){1,4}", 2)) {
            let mut builder = TreeBuilder::new();
            let (a, b) = (key(&mut builder, &paths[0]), key(&mut builder, &paths[1]));
            prop_assert_eq!(
                builder.tree().compare(a, b),
                Path::new(&paths[0]).cmp(Path::new(&paths[1]))
            );
        }
    }
}
