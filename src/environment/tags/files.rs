//! Files of service tags: `FILE` with a date in its name, or `FILE=YYYY-MM-DD`.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::TagEdition;
use crate::error::{Error, Result};
use crate::net::Timestamp;

/// The most that a file may hold, decompressed. Microsoft's is 4 to 5 MiB.
const MAX_FILE: u64 = 64 << 20;

/// Reads one edition.
pub(super) fn read(argument: &Path) -> Result<TagEdition> {
    let (path, date) = dated(argument)?;
    let invalid = |message| Error::Invalid {
        path: path.clone(),
        message,
    };
    let bytes = bytes(&path)?;
    let json = inflate(bytes).map_err(invalid)?;
    TagEdition::parse(&json, date, &path.display().to_string()).map_err(invalid)
}

/// The path without its `=YYYY-MM-DD`, and the date of the edition.
pub(super) fn dated(argument: &Path) -> Result<(PathBuf, Timestamp)> {
    if let Some((path, date)) = argument.to_str().and_then(|text| text.rsplit_once('='))
        && !path.is_empty()
        && let Some(date) = date_of(date.as_bytes())
    {
        return Ok((path.into(), date));
    }
    let name = argument.file_name().unwrap_or_default().to_string_lossy();
    match date_in(&name) {
        Some(date) => Ok((argument.to_owned(), date)),
        None => Err(Error::Invalid {
            path: argument.to_owned(),
            message: format!(
                "expected service tags with a date, and found none in the name (such as \
                 ServiceTags_Public_20251109.json); the data hold only a change number: say the \
                 date as {}=YYYY-MM-DD",
                argument.display()
            ),
        }),
    }
}

/// The first date in a file name: `20251109` or `2025-11-09`, no digit beside it.
fn date_in(name: &str) -> Option<Timestamp> {
    let bytes = name.as_bytes();
    let digit = |at: Option<usize>| {
        at.and_then(|at| bytes.get(at))
            .is_some_and(u8::is_ascii_digit)
    };
    (0..bytes.len())
        .flat_map(|start| [(start, start + 8), (start, start + 10)])
        .filter(|&(start, end)| !digit(start.checked_sub(1)) && !digit(Some(end)))
        .find_map(|(start, end)| date_of(bytes.get(start..end)?))
}

/// `20251109` or `2025-11-09`, if there is such a day.
fn date_of(text: &[u8]) -> Option<Timestamp> {
    let digits: Vec<u8> = match text {
        [_, _, _, _, b'-', _, _, b'-', _, _] => [&text[..4], &text[5..7], &text[8..]].concat(),
        [_, _, _, _, _, _, _, _] => text.to_vec(),
        _ => return None,
    };
    if !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let digits = str::from_utf8(&digits).ok()?;
    let date = format!("{}-{}-{}", &digits[..4], &digits[4..6], &digits[6..]);
    Timestamp::parse(&date).filter(|date| (0..=crate::net::time::LATEST.0).contains(&date.0))
}

fn bytes(path: &Path) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(MAX_FILE + 1).read_to_end(&mut bytes))
        .map_err(|source| Error::Read {
            path: path.to_owned(),
            source,
        })?;
    Ok(bytes)
}

/// The text, decompressed where it is gzip.
fn inflate(bytes: Vec<u8>) -> std::result::Result<Vec<u8>, String> {
    let bytes = if bytes.starts_with(&[0x1F, 0x8B]) {
        let mut text = Vec::new();
        flate2::read::MultiGzDecoder::new(bytes.as_slice())
            .take(MAX_FILE + 1)
            .read_to_end(&mut text)
            .map_err(|error| format!("is gzip, and cannot be decompressed: {error}"))?;
        text
    } else {
        bytes
    };
    if bytes.len() as u64 > MAX_FILE {
        return Err("expected service tags of at most 64 MiB, and it is larger".to_owned());
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_date_is_in_the_name_or_behind_it() {
        let noon = |text: &str| Timestamp::parse(text).unwrap();
        for (argument, path, date) in [
            (
                "ServiceTags_Public_20251109.json",
                "ServiceTags_Public_20251109.json",
                "2025-11-09",
            ),
            (
                "a/ServiceTags_Public_change376_2025-11-09.json.gz",
                "a/ServiceTags_Public_change376_2025-11-09.json.gz",
                "2025-11-09",
            ),
            ("tags.json=2026-01-05", "tags.json", "2026-01-05"),
            (
                "x=y/ServiceTags_Public_20251109.json=2026-01-05",
                "x=y/ServiceTags_Public_20251109.json",
                "2026-01-05",
            ),
        ] {
            assert_eq!(
                dated(Path::new(argument)).unwrap(),
                (path.into(), noon(date)),
                "{argument}"
            );
        }
    }

    #[test]
    fn no_date_is_an_error_that_says_how_to_give_one() {
        for argument in [
            "tags.json",
            "tags_20251399.json",
            "tags_120251109.json",
            "tags.json=",
            "",
        ] {
            let message = dated(Path::new(argument)).unwrap_err().to_string();
            assert!(message.contains("=YYYY-MM-DD"), "{message}");
        }
    }

    #[test]
    fn a_bomb_of_gzip_is_cut_off() {
        use std::io::Write;
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        let zeros = vec![0; 1 << 20];
        for _ in 0..65 {
            gzip.write_all(&zeros).unwrap();
        }
        assert!(
            inflate(gzip.finish().unwrap())
                .unwrap_err()
                .contains("64 MiB")
        );
    }
}
