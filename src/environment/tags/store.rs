//! The tags of one edition: names sorted, prefixes decoded when they are asked for.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::ops::Range;
use std::sync::OnceLock;

use ipnet::IpNet;

use super::index::Index;
use super::snapshot;

/// Number of a tag in its edition.
pub(super) type TagId = u32;

/// All tags of one edition, in order of their lower-case names.
pub(super) struct Store {
    tags: Vec<Tag>,
    /// What [`Content::Encoded`] points into.
    body: Vec<u8>,
    index: OnceLock<Index>,
}

/// A tag. Its prefixes are sorted and neither overlap nor join.
pub(super) struct Tag {
    /// Lower case, to compare.
    pub(super) key: String,
    /// As Azure spells it.
    pub(super) name: String,
    pub(super) content: Content,
}

/// Where a tag's prefixes are.
pub(super) enum Content {
    /// In the snapshot's body: how many of each family, and where.
    Encoded {
        counts: [usize; 2],
        at: Range<usize>,
    },
    /// Read from a file.
    Plain(Vec<IpNet>),
}

impl Store {
    /// Tags of the snapshot: `tags` are sorted by key and point into `body`.
    pub(super) fn encoded(tags: Vec<Tag>, body: Vec<u8>) -> Self {
        Self {
            tags,
            body,
            index: OnceLock::new(),
        }
    }

    /// Tags with their prefixes, in any order.
    pub(super) fn from_tags(tags: impl IntoIterator<Item = (String, Vec<IpNet>)>) -> Self {
        let mut by_key: BTreeMap<String, (String, Vec<IpNet>)> = BTreeMap::new();
        for (name, mut prefixes) in tags {
            let entry = by_key.entry(name.to_lowercase());
            entry.or_insert((name, Vec::new())).1.append(&mut prefixes);
        }
        let tags = by_key.into_iter().map(|(key, (name, prefixes))| Tag {
            key,
            name,
            content: Content::Plain(IpNet::aggregate(&prefixes)),
        });
        Self::encoded(tags.collect(), Vec::new())
    }

    /// How many tags there are.
    pub(super) fn len(&self) -> TagId {
        self.tags.len() as TagId
    }

    /// The tag of a name, compared without case.
    pub(super) fn find(&self, name: &str) -> Option<TagId> {
        let key = name.to_lowercase();
        let found = self.tags.binary_search_by(|tag| tag.key.cmp(&key));
        found.ok().map(|at| at as TagId)
    }

    /// A tag's name; empty where there is no such tag.
    pub(super) fn name(&self, tag: TagId) -> &str {
        self.tags.get(tag as usize).map_or("", |tag| &tag.name)
    }

    /// A tag's prefixes; `None` where the snapshot is damaged.
    pub(super) fn networks(&self, tag: TagId) -> Option<Vec<IpNet>> {
        match &self.tags.get(tag as usize)?.content {
            Content::Plain(prefixes) => Some(prefixes.clone()),
            Content::Encoded { counts, at } => {
                snapshot::prefixes(self.body.get(at.clone())?, *counts)
            }
        }
    }

    /// The tags that hold `address`, those with the fewest addresses of its family first.
    pub(super) fn tags_of(&self, address: IpAddr) -> impl Iterator<Item = TagId> {
        let index = self.index.get_or_init(|| {
            Index::new((0..self.len()).map(|tag| self.networks(tag).unwrap_or_default()))
        });
        index.tags_of(address)
    }
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} tags", self.tags.len())
    }
}
