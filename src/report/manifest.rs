//! A run's manifest as JSON, and its schema.

use schemars::generate::SchemaSettings;
use serde_json::{Value, json};

use crate::manifest::{MANIFEST_SCHEMA, Manifest};

/// The manifest as indented JSON with a final line break.
pub fn json(manifest: &Manifest) -> String {
    super::json::document(manifest)
}

/// The JSON schema (draft 2020-12) of what [`json()`] writes.
pub fn schema() -> String {
    let mut schema = SchemaSettings::draft2020_12()
        .for_serialize()
        .into_generator()
        .into_root_schema_for::<Manifest>();
    schema.insert("$id".to_owned(), json!(MANIFEST_SCHEMA));
    schema.insert("title".to_owned(), json!("nsgaudit manifest"));
    if let Some(version) = schema.pointer_mut("/properties/schema")
        && let Some(version) = version.as_object_mut()
    {
        version.insert("const".to_owned(), Value::from(MANIFEST_SCHEMA));
    }
    super::json::document(&schema)
}

#[cfg(test)]
mod tests {
    use crate::report::sample;

    #[test]
    fn the_committed_schema_is_the_one_we_write() {
        sample::assert_committed("docs/manifest.schema.json", "UPDATE_DOCS", &super::schema());
    }
}
