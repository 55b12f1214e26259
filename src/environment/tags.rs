//! Service tags: dated editions of Azure's published prefixes, one of them embedded.
//!
//! Internet, `VirtualNetwork` and `AzureLoadBalancer` are in no edition: what they hold depends on
//! the network, not on Azure's lists.

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::{Arc, LazyLock};

use ipnet::IpNet;

use crate::error::{Error, Result};
use crate::net::{PrefixSet, Timestamp};

mod document;
mod files;
mod index;
mod snapshot;
mod store;

use store::Store;

/// The service tags that the program carries; `refresh.py` beside it makes it.
const SNAPSHOT: &[u8] = include_bytes!("tags/snapshot.bin");

/// One dated edition of the tags. Cheap to clone.
#[derive(Debug, Clone)]
pub struct TagEdition {
    /// First instant of the edition's date.
    pub date: Timestamp,
    /// Where it is from: `embedded snapshot`, or a file's path, with what the data say of
    /// themselves in brackets.
    pub source: String,
    store: Arc<Store>,
}

impl TagEdition {
    /// An edition of the given tags. A tag that is given twice holds the prefixes of both.
    pub fn new(
        date: Timestamp,
        source: impl Into<String>,
        tags: impl IntoIterator<Item = (String, Vec<IpNet>)>,
    ) -> Self {
        Self {
            date,
            source: source.into(),
            store: Arc::new(Store::from_tags(tags)),
        }
    }

    /// Reads a document of service tags: the JSON file that Microsoft publishes, or what
    /// `az network list-service-tags` and `Get-AzNetworkServiceTag | ConvertTo-Json` print.
    ///
    /// # Errors
    /// What was expected and found, in words.
    pub fn parse(json: &[u8], date: Timestamp, source: &str) -> std::result::Result<Self, String> {
        let document = document::parse(json)?;
        let source = match document.change {
            Some(change) => format!("{source} (change {change})"),
            None => source.to_owned(),
        };
        Ok(Self::new(date, source, document.tags))
    }

    /// Prefixes of a tag, compared without case; `None` where the edition does not have it.
    pub fn prefixes(&self, tag: &str) -> Option<PrefixSet> {
        Some(PrefixSet::new(self.store.networks(self.store.find(tag)?)?))
    }

    /// Prefixes of a tag as routes have them: none within another, those that are published as two
    /// halves as one. `None` where the edition does not have it.
    pub fn networks(&self, tag: &str) -> Option<Vec<IpNet>> {
        self.store.networks(self.store.find(tag)?)
    }

    /// Azure's spelling of a tag that is compared without case: `sql.westeurope` is
    /// `Sql.WestEurope`. `None` where the edition does not have it.
    pub fn canonical(&self, tag: &str) -> Option<&str> {
        self.store.find(tag).map(|tag| self.store.name(tag))
    }

    /// Names of all tags, in order of their lower-case spelling.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        (0..self.store.len()).map(|tag| self.store.name(tag))
    }

    /// All tags that hold `address`, fewest addresses (of its family) first, then by name.
    ///
    /// The first call sorts all prefixes of the edition; each call after that is a search.
    pub fn tags_of(&self, address: IpAddr) -> Vec<String> {
        let tags = self.store.tags_of(address);
        tags.map(|tag| self.store.name(tag).to_owned()).collect()
    }
}

/// The editions of a run, oldest first; never empty.
#[derive(Debug, Clone)]
pub struct ServiceTags {
    /// The editions, oldest first.
    pub editions: Vec<TagEdition>,
}

impl ServiceTags {
    /// The snapshot in the binary. Decoded once; a tag's prefixes only when they are asked for.
    pub fn embedded() -> Self {
        static EMBEDDED: LazyLock<TagEdition> = LazyLock::new(|| match snapshot::read(SNAPSHOT) {
            Ok(edition) => edition,
            // A test holds that this does not happen. An edition without tags makes rows that
            // name one undetermined, and the source says why.
            Err(message) => TagEdition::new(
                Timestamp(0),
                format!("embedded snapshot, which cannot be read: {message}"),
                [],
            ),
        });
        Self {
            editions: vec![EMBEDDED.clone()],
        }
    }

    /// The snapshot in the binary, as it is kept.
    pub fn embedded_bytes() -> &'static [u8] {
        SNAPSHOT
    }

    /// Reads editions from files, which then stand instead of the embedded one: Microsoft's
    /// `ServiceTags_Public_20251109.json` (dated by its name), or any document of the same shape
    /// as `FILE=YYYY-MM-DD`; plain or gzip. No path: the embedded snapshot.
    ///
    /// # Errors
    /// A file that cannot be read, is no such document, has no date, or has the date of another.
    pub fn from_files(paths: &[PathBuf]) -> Result<Self> {
        if paths.is_empty() {
            return Ok(Self::embedded());
        }
        let editions: Result<Vec<_>> = paths.iter().map(|path| files::read(path)).collect();
        Self::from_editions(editions?)
    }

    /// Orders editions by date.
    ///
    /// # Errors
    /// None at all, or two of one date.
    pub fn from_editions(mut editions: Vec<TagEdition>) -> Result<Self> {
        if editions.is_empty() {
            return Err(Error::Usage {
                message: "no edition of the service tags".to_owned(),
            });
        }
        editions.sort_by(|a, b| (a.date, &a.source).cmp(&(b.date, &b.source)));
        match editions
            .windows(2)
            .find(|pair| pair[0].date == pair[1].date)
        {
            Some(pair) => Err(Error::Usage {
                message: format!(
                    "{} and {} are service tags of the same date: leave one out",
                    pair[0].source, pair[1].source
                ),
            }),
            None => Ok(Self { editions }),
        }
    }

    /// Index of the newest edition dated at or before `time`; the oldest where none is.
    pub fn edition_at(&self, time: Timestamp) -> usize {
        self.editions
            .partition_point(|edition| edition.date <= time)
            .saturating_sub(1)
    }
}

#[cfg(test)]
mod tests;
