//! What a run read and wrote: sizes and hashes, so that it can be repeated and checked years later.
//!
//! Only the shape is here; `cli` reads the files.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Version of the manifest's shape: raised when a field changes its meaning or goes away.
pub const MANIFEST_SCHEMA: &str = "nsgaudit/manifest/1";

/// The most that a manifest may hold: some two million files.
pub const MAX_MANIFEST: u64 = 512 << 20;

/// A run's inputs and outputs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Manifest {
    /// `nsgaudit/manifest/1`.
    pub schema: String,
    /// The program, with its version.
    pub program: String,
    /// The arguments as given, the program's name left out.
    pub arguments: Vec<String>,
    /// The folder that the run was started in: relative paths are below it.
    pub folder: String,
    /// What the audit was held against.
    pub basis: ManifestBasis,
    /// What came from within the program.
    pub built_in: Vec<BuiltIn>,
    /// The inputs: in order of role and path.
    pub inputs: Vec<InputFile>,
    /// The outputs, in the order of writing.
    pub outputs: Vec<OutputFile>,
}

/// What the audit was held against, as its report says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ManifestBasis {
    /// Name of the profile.
    pub profile: String,
    /// Its edition.
    pub edition: String,
    /// Editions of the service tags.
    pub service_tags: Vec<String>,
    /// Where the environment comes from.
    pub environment: String,
    /// Version of the report's shape.
    pub report: String,
}

/// A part of the program that the run used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct BuiltIn {
    /// `profile NAME`, `service tags`.
    pub name: String,
    /// SHA-256 of its text, in hexadecimal.
    pub sha256: String,
}

/// What an input was for.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// A flow log or a capture.
    Logs,
    /// `nsgaudit.toml`.
    Config,
    /// The document of the virtual network.
    Vnet,
    /// A document of the folder of `az … list`.
    Azure,
    /// Service tags.
    ServiceTags,
    /// A profile of the user's.
    Profile,
    /// Accepted findings.
    Baseline,
}

impl Role {
    /// The word in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Logs => "logs",
            Self::Config => "config",
            Self::Vnet => "vnet",
            Self::Azure => "azure",
            Self::ServiceTags => "service tags",
            Self::Profile => "profile",
            Self::Baseline => "baseline",
        }
    }
}

/// One file that was read.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct InputFile {
    /// What it was for.
    pub role: Role,
    /// Its path, relative to the folder where it is below it.
    pub path: String,
    /// Bytes, as stored: of a compressed file, compressed.
    pub bytes: u64,
    /// SHA-256 of these bytes; absent where they could not be read again (`note` says why).
    pub sha256: Option<String>,
    /// Why there is no hash.
    #[serde(default)]
    pub note: Option<String>,
}

/// One output.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OutputFile {
    /// Its path; absent for standard output.
    pub path: Option<String>,
    /// Bytes.
    pub bytes: u64,
    /// SHA-256 of these bytes.
    pub sha256: String,
}

/// Reads a manifest.
///
/// # Errors
/// What was expected and found.
pub fn parse(bytes: &[u8]) -> Result<Manifest, String> {
    #[derive(Deserialize)]
    struct Head {
        schema: String,
    }
    let told = |error: serde_json::Error| {
        format!("expected a manifest, as `nsgaudit audit --manifest FILE` writes it: {error}")
    };
    let head: Head = serde_json::from_slice(bytes).map_err(told)?;
    if head.schema != MANIFEST_SCHEMA {
        let shown: String = head.schema.chars().take(60).collect();
        return Err(format!(
            "expected a manifest of schema {MANIFEST_SCHEMA}, found schema {shown:?}; a newer one \
             needs the program that wrote it"
        ));
    }
    serde_json::from_slice(bytes).map_err(told)
}

/// SHA-256 as reports write it.
pub fn hexadecimal(digest: &[u8]) -> String {
    use std::fmt::Write as _;
    let mut text = String::with_capacity(digest.len() * 2);
    for byte in digest {
        // Writing to a string cannot fail.
        _ = write!(text, "{byte:02x}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_manifest_is_told() {
        let told = |text: &str| parse(text.as_bytes()).unwrap_err();
        assert!(told("").contains("--manifest FILE"));
        assert!(told(r#"{"schema":"nsgaudit/manifest/2"}"#).contains("a newer one"));
        assert!(told(r#"{"schema":"nsgaudit/manifest/1"}"#).contains("missing field"));
    }

    #[test]
    fn hexadecimal_is_two_digits_a_byte() {
        assert_eq!(hexadecimal(&[0, 15, 255]), "000fff");
    }
}
