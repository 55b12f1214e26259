//! Options.

use std::path::PathBuf;

use super::logs::options::{number, size};

/// How it is called.
pub(crate) const USAGE: &str = "\
usage: generate_capture (--out FILE | --incident FOLDER)
  --truth FILE               each conversation and what became of it, as CSV
  --size N[KiB|MiB|GiB]      default 1GiB
  --flows N                  default 100000
  --mean N                   bytes of a frame in the mean, default 600
  --seconds N                over which the conversations begin, default 3600
  --seed N                   default 1
  --pcapng                   instead of pcap
  --nanoseconds              instead of microseconds
  --ipv6 PERCENT             conversations between IPv6 addresses, default 10
  --plain                    no VLANs and no tunnels
  --environment FILE         the matching nsgaudit.toml
  --incident FOLDER          the bundled captures of testdata/incident-capture";

/// What to generate.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    pub(crate) out: PathBuf,
    pub(crate) incident: Option<PathBuf>,
    pub(crate) truth: Option<PathBuf>,
    pub(crate) environment: Option<PathBuf>,
    pub(crate) size: u64,
    pub(crate) flows: u64,
    pub(crate) mean: u64,
    pub(crate) seconds: u64,
    pub(crate) seed: u64,
    pub(crate) ipv6: u64,
    pub(crate) pcapng: bool,
    pub(crate) nanoseconds: bool,
    pub(crate) plain: bool,
}

impl Options {
    /// Reads the command line.
    pub(crate) fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut options = Self {
            out: PathBuf::new(),
            incident: None,
            truth: None,
            environment: None,
            size: 1 << 30,
            flows: 100_000,
            mean: 600,
            seconds: 3_600,
            seed: 1,
            ipv6: 10,
            pcapng: false,
            nanoseconds: false,
            plain: false,
        };
        while let Some(name) = arguments.next() {
            match name.as_str() {
                "--pcapng" => options.pcapng = true,
                "--nanoseconds" => options.nanoseconds = true,
                "--plain" => options.plain = true,
                _ => {
                    let value = arguments
                        .next()
                        .ok_or_else(|| format!("{name}: expected a value"))?;
                    options.set(&name, &value)?;
                }
            }
        }
        if options.out.as_os_str().is_empty() == options.incident.is_none() {
            return Err("expected either --out or --incident".to_owned());
        }
        Ok(options)
    }

    fn set(&mut self, name: &str, value: &str) -> Result<(), String> {
        match name {
            "--out" => self.out = value.into(),
            "--incident" => self.incident = Some(value.into()),
            "--truth" => self.truth = Some(value.into()),
            "--environment" => self.environment = Some(value.into()),
            "--size" => self.size = size(value)?,
            "--flows" => self.flows = number(value)?.max(1),
            "--mean" => self.mean = number(value)?.max(70),
            "--seconds" => self.seconds = number(value)?.max(1),
            "--seed" => self.seed = number(value)?,
            "--ipv6" => self.ipv6 = number(value)?,
            _ => return Err(format!("{name}: no such option")),
        }
        Ok(())
    }
}
