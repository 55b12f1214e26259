//! A run's manifest as JSON, and its schema.

use crate::manifest::{MANIFEST_SCHEMA, Manifest};

/// The manifest as indented JSON with a final line break.
pub fn json(manifest: &Manifest) -> String {
    super::json::document(manifest)
}

/// The JSON schema (draft 2020-12) of what [`json()`] writes.
pub fn schema() -> String {
    super::json::schema_of::<Manifest>(MANIFEST_SCHEMA, "nsgaudit manifest")
}

#[cfg(test)]
mod tests {
    use crate::report::sample;

    #[test]
    fn the_committed_schema_is_the_one_we_write() {
        sample::assert_committed("docs/manifest.schema.json", "UPDATE_DOCS", &super::schema());
    }
}
