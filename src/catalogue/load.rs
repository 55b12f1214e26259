//! Profiles: the embedded ones, users' own files, and how to find one.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::spec::ProfileSpec;
use super::{Profile, escape};
use crate::{Error, Result};

/// Greatest profile file that is read.
pub const MAX_PROFILE_BYTES: u64 = 1 << 20;

/// File name and text of an embedded profile.
macro_rules! embedded {
    ($name:literal) => {
        (
            concat!($name, ".toml"),
            include_str!(concat!("profiles/", $name, ".toml")),
        )
    };
}

/// The embedded profiles, in the order of lists. A new service is a file and a line here.
const EMBEDDED: &[(&str, &str)] = &[
    embedded!("ise-preview-2019"),
    embedded!("ise-ga-2023"),
    embedded!("redis-vnet"),
    embedded!("apim-stv2"),
    embedded!("apim-stv1"),
    embedded!("ase-v1"),
    embedded!("ase-v2"),
    embedded!("ase-v3"),
    embedded!("sql-mi"),
    embedded!("logicapps-standard"),
];

/// The text of a profile in the binary.
pub fn embedded_text(name: &str) -> Option<&'static str> {
    EMBEDDED
        .iter()
        .find(|(file, _)| file.strip_suffix(".toml") == Some(name))
        .map(|(_, text)| *text)
}

/// All profiles of a run: the embedded ones, then users' own. Names and aliases are unique.
#[derive(Debug, Clone)]
pub struct Catalogue {
    entries: Vec<Entry>,
}

#[derive(Debug, Clone)]
struct Entry {
    profile: Profile,
    /// The file, for users' own profiles.
    path: Option<PathBuf>,
}

impl Catalogue {
    /// The profiles in the binary.
    ///
    /// # Errors
    /// None in a released binary: a test loads them all.
    pub fn embedded() -> Result<Self> {
        let mut catalogue = Self {
            entries: Vec::with_capacity(EMBEDDED.len()),
        };
        for (file, text) in EMBEDDED {
            catalogue.add(parse(Path::new(file), text)?, None)?;
        }
        Ok(catalogue)
    }

    /// The profiles in the binary and those of `paths`.
    ///
    /// # Errors
    /// A file that cannot be read or is no profile; a name that is taken.
    pub fn with_files<P: AsRef<Path>>(paths: &[P]) -> Result<Self> {
        let mut catalogue = Self::embedded()?;
        for path in paths {
            let path = path.as_ref();
            catalogue.add(read(path)?, Some(path.to_owned()))?;
        }
        Ok(catalogue)
    }

    fn add(&mut self, profile: Profile, path: Option<PathBuf>) -> Result<()> {
        let mut own = BTreeSet::new();
        for name in std::iter::once(&profile.name).chain(&profile.aliases) {
            if !own.insert(name) || self.find(name).is_some() {
                return Err(Error::Invalid {
                    path: path.unwrap_or_else(|| PathBuf::from(&profile.name)),
                    message: format!(
                        "the profile name or alias `{name}` is taken; choose another, so that \
                         reports say which one was used"
                    ),
                });
            }
        }
        self.entries.push(Entry { profile, path });
        Ok(())
    }

    /// The profile of a name, an alias (both without case), or the path that it was loaded from.
    pub fn find(&self, name: &str) -> Option<&Profile> {
        self.entries
            .iter()
            .find(|entry| {
                let profile = &entry.profile;
                profile.name.eq_ignore_ascii_case(name)
                    || profile
                        .aliases
                        .iter()
                        .any(|alias| alias.eq_ignore_ascii_case(name))
                    || entry.path.as_deref() == Some(Path::new(name))
            })
            .map(|entry| &entry.profile)
    }

    /// As [`find`](Self::find), and an error that lists the names where there is none.
    ///
    /// # Errors
    /// No profile has that name.
    pub fn get(&self, name: &str) -> Result<&Profile> {
        self.find(name).ok_or_else(|| Error::Usage {
            message: format!(
                "no profile is called `{}`; there are: {}",
                escape(name),
                self.names().join(", ")
            ),
        })
    }

    /// The profile and those it includes, and theirs, each once, in order of mention. Includes
    /// that do not exist are left out; the lint names them.
    pub fn with_includes<'a>(&'a self, profile: &'a Profile) -> Vec<&'a Profile> {
        let mut found = vec![profile];
        let mut at = 0;
        while let Some(next) = found.get(at).copied() {
            for include in &next.includes {
                if let Some(other) = self.find(&include.profile)
                    && !found.iter().any(|known| known.name == other.name)
                {
                    found.push(other);
                }
            }
            at += 1;
        }
        found
    }

    /// Names of all profiles, embedded first.
    pub fn names(&self) -> Vec<&str> {
        self.profiles()
            .map(|profile| profile.name.as_str())
            .collect()
    }

    /// All profiles, embedded first.
    pub fn profiles(&self) -> impl Iterator<Item = &Profile> {
        self.entries.iter().map(|entry| &entry.profile)
    }
}

/// Reads a user's profile file.
///
/// # Errors
/// It cannot be read, is larger than [`MAX_PROFILE_BYTES`], is no UTF-8, or is no profile.
pub fn read(path: &Path) -> Result<Profile> {
    let failed = |source| Error::Read {
        path: path.to_owned(),
        source,
    };
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(MAX_PROFILE_BYTES + 1).read_to_end(&mut bytes))
        .map_err(failed)?;
    let invalid = |message: String| Error::Invalid {
        path: path.to_owned(),
        message,
    };
    if bytes.len() as u64 > MAX_PROFILE_BYTES {
        return Err(invalid(format!(
            "expected a profile of at most {MAX_PROFILE_BYTES} bytes, found more; is it a profile?"
        )));
    }
    let text = std::str::from_utf8(&bytes).map_err(|error| {
        invalid(format!(
            "expected UTF-8 text, found another byte at offset {}; save the file as UTF-8",
            error.valid_up_to()
        ))
    })?;
    parse(path, text)
}

/// Reads a profile's text; `path` is for messages only.
///
/// # Errors
/// Line and column or row and field, what was expected and found, what to do.
pub fn parse(path: &Path, text: &str) -> Result<Profile> {
    let invalid = |message: String| Error::Invalid {
        path: path.to_owned(),
        message,
    };
    // A byte order mark is no part of TOML; editors on Windows write one.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    toml::from_str::<ProfileSpec>(text)
        .map_err(|error| invalid(describe(text, &error)))?
        .into_profile()
        .map_err(invalid)
}

/// `line 12, column 3: unknown field ...`, without the file's own text around it.
fn describe(text: &str, error: &toml::de::Error) -> String {
    let message = escape(error.message());
    let Some(span) = error.span() else {
        return message;
    };
    let before = text.get(..span.start).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or("").chars().count() + 1;
    format!("line {line}, column {column}: {message}; docs/profiles.md lists every field")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::lint::lint;
    use proptest::prelude::*;

    const SMALL: &str = r#"
name = "mine"
title = "My service"
[[row]]
id = "smtp"
purpose = "Mail"
direction = "outbound"
ports = 25
"#;

    fn message(text: &str) -> String {
        parse(Path::new("mine.toml"), text).unwrap_err().to_string()
    }

    #[test]
    fn every_file_of_the_folder_is_in_the_table_and_lints_clean() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/catalogue/profiles");
        let mut files: Vec<_> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        files.sort();
        let mut table: Vec<_> = EMBEDDED
            .iter()
            .map(|(file, _)| (*file).to_owned())
            .collect();
        table.sort();
        assert_eq!(files, table);

        let catalogue = Catalogue::embedded().unwrap();
        for (profile, (file, _)) in catalogue.profiles().zip(EMBEDDED) {
            assert_eq!(format!("{}.toml", profile.name), *file);
            assert_eq!(lint(profile, &catalogue), [], "{file}");
        }
    }

    #[test]
    fn names_aliases_and_paths_find_a_profile() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mine.toml");
        std::fs::write(&path, SMALL).unwrap();
        let catalogue = Catalogue::with_files(&[&path]).unwrap();
        for name in ["ise", "ISE", "ise-preview-2019"] {
            assert_eq!(catalogue.get(name).unwrap().name, "ise-preview-2019");
        }
        assert_eq!(catalogue.get(path.to_str().unwrap()).unwrap().name, "mine");
        assert_eq!(catalogue.names().last(), Some(&"mine"));
        let unknown = catalogue.get("iso").unwrap_err().to_string();
        assert!(
            unknown.contains("`iso`") && unknown.contains("ise-ga-2023"),
            "{unknown}"
        );
        let included = catalogue.with_includes(catalogue.get("ise").unwrap());
        assert_eq!(included[1].name, "redis-vnet");

        std::fs::write(&path, SMALL.replace("\"mine\"", "\"ise\"")).unwrap();
        let taken = Catalogue::with_files(&[&path]).unwrap_err().to_string();
        assert!(taken.contains("`ise` is taken"), "{taken}");
    }

    #[test]
    fn what_is_left_out_is_what_default_rules_allow() {
        let profile = parse(Path::new("x"), SMALL).unwrap();
        let row = &profile.rows[0];
        assert_eq!(row.protocols, [crate::net::Protocol::TCP]);
        assert_eq!(row.source[0].to_string(), "VirtualNetwork");
        assert_eq!(row.destination[0].to_string(), "Internet");
        let inbound = parse(Path::new("x"), &SMALL.replace("outbound", "Inbound")).unwrap();
        assert_eq!(inbound.rows[0].destination[0].to_string(), "VirtualNetwork");
    }

    #[test]
    fn errors_say_where_what_and_what_to_do() {
        for (from, to, parts) in [
            (
                "ports = 25",
                "port = 25",
                &["mine.toml", "line 8", "unknown field", "port"][..],
            ),
            (
                "ports = 25",
                "ports = 70000",
                &["row `smtp`", "`ports`", "65535", "70000"],
            ),
            ("ports = 25", "ports = []", &["row `smtp`", "empty"]),
            ("ports = 25", "ports = 2.5", &["row `smtp`", "found float"]),
            ("ports = 25", "ports = \"9-8\"", &["row `smtp`", "9-8"]),
            ("outbound", "up", &["row `smtp`", "`direction`", "up"]),
            (
                "ports = 25",
                "ports = 25\nsource = \"10.0.0.0/40\"",
                &["`source`", "10.0.0.0/40"],
            ),
            (
                "ports = 25",
                "ports = 25\nprotocol = \"sctp\"",
                &["`protocol`", "sctp"],
            ),
            (
                "ports = 25",
                "ports = 25\nwhen = { sku = [1] }",
                &["`when.sku`", "array"],
            ),
            (
                "ports = 25",
                "ports = 25\nimpact_basis = \"x\"",
                &["`impact_basis`"],
            ),
            ("\"smtp\"", "\"S M\"", &["[[row]] 1", "expected an `id`"]),
            ("\"mine\"", "\"\"", &["expected a name"]),
            ("\"Mail\"", "\" \"", &["`purpose` is empty"]),
            ("[[row]]", "[[raw]]", &["unknown field", "raw"]),
        ] {
            let found = message(&SMALL.replacen(from, to, 1));
            for part in parts {
                assert!(found.contains(part), "{to}: {found}");
            }
        }
        let twice = format!("{SMALL}\n{}", &SMALL[SMALL.find("[[row]]").unwrap()..]);
        assert!(message(&twice).contains("the id is there twice"));
        assert!(message("name = \"x\"\ntitle = \"\"").contains("at least one"));
    }

    #[test]
    fn files_that_are_no_text_or_too_large_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("big.toml");
        std::fs::write(&path, vec![b'#'; MAX_PROFILE_BYTES as usize + 1]).unwrap();
        assert!(read(&path).unwrap_err().to_string().contains("at most"));
        std::fs::write(&path, [b'a', 0xff]).unwrap();
        assert!(read(&path).unwrap_err().to_string().contains("offset 1"));
        assert!(matches!(
            read(folder.path().join("no").as_path()),
            Err(Error::Read { .. })
        ));
        std::fs::write(&path, format!("\u{feff}{SMALL}")).unwrap();
        assert_eq!(read(&path).unwrap().name, "mine");
    }

    #[test]
    fn deep_nesting_and_long_lists_are_refused() {
        for deep in ["[", "{a=", "a."] {
            let text = format!("name = {}", deep.repeat(100_000));
            assert!(parse(Path::new("x"), &text).is_err());
        }
        let long = format!("ports = [{}]", "25,".repeat(1_001));
        assert!(message(&SMALL.replace("ports = 25", &long)).contains("at most 1000 entries"));
    }

    proptest! {
        #[test]
        fn no_text_makes_the_loader_panic(text in any::<String>()) {
            drop(parse(Path::new("x"), &text));
        }

        #[test]
        fn no_value_makes_the_loader_panic(
            field in "id|ports|source|direction|protocol|when|known_callers|condition",
            value in "\\PC{0,12}|\"\\PC{0,12}\"|[0-9-]{1,20}|\\[\"[@a-z*0-9./-]{0,20}\"\\]|\\{a=\\[{0,200}",
        ) {
            drop(parse(Path::new("x"), &format!("{SMALL}{field} = {value}\n")));
            let others: Vec<_> = SMALL.lines().filter(|line| !line.starts_with(&*field)).collect();
            drop(parse(Path::new("x"), &format!("{}\n{field} = {value}\n", others.join("\n"))));
        }
    }
}
