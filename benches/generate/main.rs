//! A seeded generator of realistic flow logs: any size, all three formats, an incident in it.
//!
//! ```text
//! cargo run --release --example generate -- --out DIR --format nsg2 --size 1GiB
//! ```
//!
//! Same options, same bytes. Addresses are private, documentation space, or lie in prefixes that
//! Azure publishes for its service tags; nothing comes from anyone's logs.

#![expect(clippy::print_stderr, reason = "a generator says what it wrote")]

mod blob;
mod network;
mod options;
mod traffic;

use std::fs;
use std::io::{self, BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use blob::Record;
use network::Network;
use options::{Layout, Options};
use traffic::{Traffic, Truth};

fn main() -> ExitCode {
    let written = Options::parse(std::env::args().skip(1))
        .and_then(|options| run(&options).map_err(|error| error.to_string()));
    match written {
        Ok(truth) => {
            eprintln!("{}", truth.json().trim_end());
            ExitCode::SUCCESS
        }
        Err(message) => {
            eprintln!("generate: {message}\n{}", options::USAGE);
            ExitCode::from(2)
        }
    }
}

fn run(options: &Options) -> io::Result<Truth> {
    let network = Network::new(options);
    let mut traffic = Traffic::new(options, &network);
    match &options.layout {
        Layout::Azure(folder) => azure(options, &network, &mut traffic, folder)?,
        Layout::Single(file) => single(options, &network, &mut traffic, file)?,
        Layout::Files(folder, count) => files(options, &network, &mut traffic, folder, *count)?,
    }
    let truth = traffic.truth();
    if let Some(path) = &options.truth {
        fs::write(path, truth.json())?;
    }
    if let Some(path) = &options.environment {
        fs::write(path, Network::environment())?;
    }
    Ok(truth)
}

/// Azure's layout: a blob an hour and interface.
fn azure(
    options: &Options,
    network: &Network,
    traffic: &mut Traffic<'_>,
    folder: &Path,
) -> io::Result<()> {
    let share = options.share(network.nics.len());
    let mut text = Vec::new();
    for hour in 0..options.hours {
        for nic in 0..network.nics.len() {
            text.clear();
            text.extend_from_slice(b"{\"records\":[");
            for minute in options.minutes_of(hour) {
                let record = Record {
                    options,
                    network,
                    nic,
                    minute,
                };
                record.write(
                    traffic,
                    share,
                    minute > options.first_minute_of(hour),
                    &mut text,
                );
            }
            text.extend_from_slice(b"]}");
            let path = folder.join(blob::path(options, network, nic, hour));
            fs::create_dir_all(path.parent().unwrap_or(folder))?;
            fs::write(path, &text)?;
        }
    }
    Ok(())
}

/// Everything in one file.
fn single(
    options: &Options,
    network: &Network,
    traffic: &mut Traffic<'_>,
    file: &Path,
) -> io::Result<()> {
    let share = options.share(network.nics.len());
    let mut out = BufWriter::with_capacity(1 << 20, fs::File::create(file)?);
    out.write_all(b"{\"records\":[")?;
    let mut text = Vec::new();
    let mut first = true;
    for hour in 0..options.hours {
        for nic in 0..network.nics.len() {
            for minute in options.minutes_of(hour) {
                text.clear();
                Record {
                    options,
                    network,
                    nic,
                    minute,
                }
                .write(traffic, share, !first, &mut text);
                first = false;
                out.write_all(&text)?;
            }
        }
    }
    out.write_all(b"]}")?;
    out.flush()
}

/// A flat folder of small files, a record each.
fn files(
    options: &Options,
    network: &Network,
    traffic: &mut Traffic<'_>,
    folder: &Path,
    count: usize,
) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    let minutes = options.minutes();
    let mut text = Vec::new();
    for number in 0..count {
        text.clear();
        text.extend_from_slice(b"{\"records\":[");
        let nic = number % network.nics.len();
        let minute = (number / network.nics.len()) as i64 % minutes;
        Record {
            options,
            network,
            nic,
            minute,
        }
        .write(traffic, 800, false, &mut text);
        text.extend_from_slice(b"]}");
        fs::write(
            folder.join(PathBuf::from(format!("{number:07}.json"))),
            &text,
        )?;
    }
    Ok(())
}
