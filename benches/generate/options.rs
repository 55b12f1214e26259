//! Options.

use std::path::PathBuf;

/// How it is called.
pub(crate) const USAGE: &str = "\
usage: generate (--out DIR | --single FILE | --files N --out DIR | --preset incident|healthy --out DIR)
  --format nsg1|nsg2|vnet4   default nsg2
  --size N[KiB|MiB|GiB]      default 16MiB
  --nics N --hours N         default 60 and 24
  --minutes N                of each hour, default 60
  --seed N                   default 1
  --start YYYY-MM-DDTHH      default 2026-01-05T00
  --ipv6 PERMILLE            flows between IPv6 addresses, default 0
  --scan PERMILLE            denied scans, default 25
  --incident-second S        from the start; default at 60 % of the time
  --incident-port P          default 5672; 0 for none
  --extras                   some traffic that nothing requires
  --hostile                  every address, port and rule name different
  --pretty                   indented JSON
  --truth FILE               totals as JSON
  --environment FILE         the matching nsgaudit.toml";

/// Log formats.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    Nsg1,
    Nsg2,
    Vnet4,
}

/// Where the logs go.
#[derive(Debug, Clone)]
pub(crate) enum Layout {
    Azure(PathBuf),
    Single(PathBuf),
    Files(PathBuf, usize),
}

/// What to generate.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    pub(crate) layout: Layout,
    pub(crate) format: Format,
    pub(crate) size: u64,
    pub(crate) nics: usize,
    pub(crate) hours: i64,
    pub(crate) minutes_an_hour: i64,
    /// Hours from one blob to the next.
    pub(crate) stride: i64,
    pub(crate) seed: u64,
    /// Hours since the epoch.
    pub(crate) start: i64,
    pub(crate) ipv6: u64,
    pub(crate) scan: u64,
    pub(crate) incident: Option<(i64, u16)>,
    pub(crate) extras: bool,
    pub(crate) hostile: bool,
    pub(crate) pretty: bool,
    pub(crate) truth: Option<PathBuf>,
    pub(crate) environment: Option<PathBuf>,
}

impl Options {
    /// Reads the command line.
    pub(crate) fn parse(arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut options = Self {
            layout: Layout::Azure(PathBuf::new()),
            format: Format::Nsg2,
            size: 16 << 20,
            nics: 60,
            hours: 24,
            minutes_an_hour: 60,
            stride: 1,
            seed: 1,
            start: hours("2026-01-05T00")?,
            ipv6: 0,
            scan: 25,
            incident: None,
            extras: false,
            hostile: false,
            pretty: false,
            truth: None,
            environment: None,
        };
        let (mut out, mut single, mut files) = (None, None, None);
        let (mut second, mut port) = (None, 5672u16);
        let mut arguments = arguments;
        while let Some(name) = arguments.next() {
            match name.as_str() {
                "--extras" => options.extras = true,
                "--hostile" => options.hostile = true,
                "--pretty" => options.pretty = true,
                _ => {
                    let value = arguments
                        .next()
                        .ok_or_else(|| format!("{name}: expected a value"))?;
                    match name.as_str() {
                        "--out" => out = Some(PathBuf::from(value)),
                        "--single" => single = Some(PathBuf::from(value)),
                        "--files" => files = Some(number(&value)? as usize),
                        "--incident-second" => second = Some(number(&value)? as i64),
                        "--incident-port" => port = number(&value)? as u16,
                        "--preset" => (second, port) = options.preset(&value)?,
                        _ => options.set(&name, &value)?,
                    }
                }
            }
        }
        options.layout = match (out, single, files) {
            (Some(out), None, None) => Layout::Azure(out),
            (Some(out), None, Some(files)) => Layout::Files(out, files),
            (None, Some(single), None) => Layout::Single(single),
            _ => return Err("expected --out or --single".to_owned()),
        };
        let second = second.unwrap_or(options.minutes() * 36);
        options.incident = (port != 0).then_some((second, port));
        Ok(options)
    }

    fn set(&mut self, name: &str, value: &str) -> Result<(), String> {
        match name {
            "--format" => {
                self.format = match value {
                    "nsg1" => Format::Nsg1,
                    "nsg2" => Format::Nsg2,
                    "vnet4" => Format::Vnet4,
                    _ => {
                        return Err(format!(
                            "--format: expected nsg1, nsg2 or vnet4, found {value}"
                        ));
                    }
                }
            }
            "--size" => self.size = size(value)?,
            "--nics" => self.nics = number(value)?.max(1) as usize,
            "--hours" => self.hours = number(value)?.max(1) as i64,
            "--minutes" => self.minutes_an_hour = number(value)?.clamp(1, 60) as i64,
            "--seed" => self.seed = number(value)?,
            "--start" => self.start = hours(value)?,
            "--ipv6" => self.ipv6 = number(value)?,
            "--scan" => self.scan = number(value)?,
            "--truth" => self.truth = Some(value.into()),
            "--environment" => self.environment = Some(value.into()),
            _ => return Err(format!("{name}: no such option")),
        }
        Ok(())
    }

    /// The bundled data: `testdata/incident` and `testdata/healthy`.
    fn preset(&mut self, name: &str) -> Result<(Option<i64>, u16), String> {
        match name {
            "incident" => {
                self.nics = 8;
                self.hours = 4;
                self.minutes_an_hour = 60;
                self.size = 560 << 10;
                self.start = hours("2026-01-05T12")?;
                self.scan = 30;
                self.extras = true;
                Ok((Some((2 * 60 + 24) * 60 + 7), 5672))
            }
            "healthy" => {
                self.format = Format::Vnet4;
                self.nics = 8;
                self.hours = 30;
                self.stride = 24;
                self.minutes_an_hour = 2;
                self.size = 1_600 << 10;
                self.start = hours("2026-02-01T10")?;
                Ok((None, 0))
            }
            _ => Err(format!(
                "--preset: expected incident or healthy, found {name}"
            )),
        }
    }

    /// Minutes with records, of all hours.
    pub(crate) fn minutes(&self) -> i64 {
        self.hours * self.minutes_an_hour
    }

    /// Bytes that each record should have.
    pub(crate) fn share(&self, nics: usize) -> usize {
        let records = self.minutes() as u64 * nics as u64;
        (self.size / records.max(1)) as usize
    }

    /// Minutes from the start that an hour's blob has records of.
    pub(crate) fn minutes_of(&self, hour: i64) -> std::ops::Range<i64> {
        let first = self.first_minute_of(hour);
        first..first + self.minutes_an_hour
    }

    pub(crate) fn first_minute_of(&self, hour: i64) -> i64 {
        hour * self.stride * 60
    }
}

/// A number of an option.
pub(crate) fn number(text: &str) -> Result<u64, String> {
    text.parse()
        .map_err(|_| format!("expected a number, found {text:?}"))
}

/// A number of bytes, with or without a unit.
pub(crate) fn size(text: &str) -> Result<u64, String> {
    let digits = text.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
    let unit = match &text[digits.len()..] {
        "" | "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        unit => return Err(format!("--size: expected KiB, MiB or GiB, found {unit}")),
    };
    Ok(number(digits)? * unit)
}

/// `2026-01-05T12` as hours since the epoch.
fn hours(text: &str) -> Result<i64, String> {
    let wrong = || format!("--start: expected YYYY-MM-DDTHH, found {text:?}");
    let parts: Vec<i64> = text
        .split(['-', 'T'])
        .map(|part| part.parse().map_err(|_| wrong()))
        .collect::<Result<_, _>>()?;
    let [year, month, day, hour] = parts[..] else {
        return Err(wrong());
    };
    Ok(days(year, month, day) * 24 + hour)
}

/// Days since 1970-01-01 of a date of the Gregorian calendar.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era_year = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    year.div_euclid(400) * 146_097 + era_year * 365 + era_year / 4 - era_year / 100 + day_of_year
        - 719_468
}

/// Year, month, day of a day since the epoch.
pub(crate) fn date(days: i64) -> (i64, i64, i64) {
    let mut year = 1970 + days / 366;
    while self::days(year + 1, 1, 1) <= days {
        year += 1;
    }
    let mut month = 1;
    while month < 12 && self::days(year, month + 1, 1) <= days {
        month += 1;
    }
    (year, month, days - self::days(year, month, 1) + 1)
}
