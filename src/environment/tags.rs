//! Service tags: dated editions of Azure's published prefixes, one of them embedded.

use std::net::IpAddr;

use crate::net::{PrefixSet, Timestamp};

/// One dated edition of the tags.
#[derive(Debug, Clone)]
pub struct TagEdition {
    /// First instant of the edition's date.
    pub date: Timestamp,
    /// Where it is from: `embedded snapshot`, or a file's path.
    pub source: String,
}

impl TagEdition {
    /// Prefixes of a tag, compared without case; `None` where the edition does not have it.
    pub fn prefixes(&self, _tag: &str) -> Option<PrefixSet> {
        None
    }

    /// All tags that hold `address`, fewest addresses first, then by name.
    pub fn tags_of(&self, _address: IpAddr) -> Vec<String> {
        Vec::new()
    }
}

/// The editions of a run, oldest first; never empty.
#[derive(Debug, Clone)]
pub struct ServiceTags {
    /// The editions, oldest first.
    pub editions: Vec<TagEdition>,
}

impl ServiceTags {
    /// The snapshot in the binary.
    pub fn embedded() -> Self {
        Self {
            editions: vec![TagEdition {
                date: Timestamp(0),
                source: "embedded snapshot".to_owned(),
            }],
        }
    }

    /// Index of the newest edition dated at or before `time`; the oldest where none is.
    pub fn edition_at(&self, time: Timestamp) -> usize {
        self.editions
            .partition_point(|edition| edition.date <= time)
            .saturating_sub(1)
    }
}
