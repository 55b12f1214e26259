//! Service tags as JSON: Microsoft's weekly file, and what Azure's command lines print.

use ipnet::IpNet;
use serde::Deserialize;

use crate::net::prefix::parse_prefix;

/// What a document says.
#[derive(Debug)]
pub(super) struct Document {
    /// Its change number.
    pub(super) change: Option<String>,
    /// The tags, as they come.
    pub(super) tags: Vec<(String, Vec<IpNet>)>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Raw {
    #[serde(default, alias = "ChangeNumber")]
    change_number: serde_json::Value,
    #[serde(default, alias = "NextLink")]
    next_link: Option<String>,
    #[serde(alias = "Values")]
    values: Vec<RawTag>,
}

#[derive(Deserialize)]
struct RawTag {
    #[serde(alias = "Name")]
    name: String,
    #[serde(alias = "Properties")]
    properties: RawProperties,
}

#[derive(Deserialize)]
struct RawProperties {
    #[serde(rename = "addressPrefixes", alias = "AddressPrefixes")]
    address_prefixes: Vec<String>,
}

/// Reads a document.
pub(super) fn parse(json: &[u8]) -> Result<Document, String> {
    let json = json.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(json);
    if json.starts_with(b"\xFF\xFE") || json.starts_with(b"\xFE\xFF") {
        return Err(
            "is UTF-16, which PowerShell's `>` writes: save it as UTF-8 \
                    (`| Out-File -Encoding utf8`)"
                .to_owned(),
        );
    }
    let raw: Raw = serde_json::from_slice(json).map_err(|error| {
        format!(
            "expected service tags (an object with `values`, each with `name` and \
             `properties.addressPrefixes`), but {error}; take ServiceTags_Public_*.json from \
             Microsoft, or the output of `az network list-service-tags --location REGION`"
        )
    })?;
    if raw.next_link.is_some_and(|link| !link.is_empty()) {
        return Err(
            "holds only the first page of the tags (`nextLink` is set): \
                    fetch the rest, or take Microsoft's ServiceTags_Public_*.json"
                .to_owned(),
        );
    }
    let tags: Result<Vec<_>, _> = raw.values.into_iter().map(tag).collect();
    let tags = tags?;
    if tags.is_empty() {
        return Err("`values` is empty: expected at least one service tag".to_owned());
    }
    Ok(Document {
        change: match raw.change_number {
            serde_json::Value::String(text) if !text.is_empty() => Some(text),
            serde_json::Value::Number(number) => Some(number.to_string()),
            _ => None,
        },
        tags,
    })
}

fn tag(raw: RawTag) -> Result<(String, Vec<IpNet>), String> {
    let RawTag { name, properties } = raw;
    let mut prefixes = Vec::with_capacity(properties.address_prefixes.len());
    for text in properties.address_prefixes {
        prefixes.push(parse_prefix(&text).ok_or_else(|| {
            format!("tag {name:?}: expected an address prefix such as 192.0.2.0/24, found {text:?}")
        })?);
    }
    Ok((name, prefixes))
}
