//! A seeded generator of packet captures: any size, pcap and pcapng, with the truth beside them.
//!
//! ```text
//! cargo run --release --example generate_capture -- --out FILE --truth FILE --size 512MiB
//! ```
//!
//! Same options, same bytes. Addresses are private, documentation space, or lie in prefixes that
//! Azure publishes for its service tags; nothing comes from anyone's network.

#![expect(clippy::print_stderr, reason = "a generator says what it wrote")]

mod conversation;
mod frame;
mod incident;
#[expect(dead_code, reason = "what only the generator of logs needs")]
mod logs;
mod options;
mod payload;
mod plan;
mod schedule;
mod writer;

use std::fs;
use std::io;
use std::process::ExitCode;

use options::Options;
use plan::Plans;
use schedule::Truth;
use writer::Capture;

fn main() -> ExitCode {
    let written = Options::parse(std::env::args().skip(1))
        .and_then(|options| run(&options).map_err(|error| error.to_string()));
    match written {
        Ok(summary) => {
            eprintln!("{summary}");
            ExitCode::SUCCESS
        }
        Err(message) => {
            eprintln!("generate_capture: {message}\n{}", options::USAGE);
            ExitCode::from(2)
        }
    }
}

fn run(options: &Options) -> io::Result<String> {
    if let Some(folder) = &options.incident {
        return incident::write(folder);
    }
    if let Some(path) = &options.environment {
        fs::write(path, plan::environment())?;
    }
    let mut capture = Capture::create(&options.out, options.pcapng, options.nanoseconds)?;
    let mut truth = Truth::create(options.truth.as_deref())?;
    schedule::play(Plans::new(options), &mut capture, &mut truth)?;
    finish(capture, truth)
}

/// Writes what is left of both; what they hold, as JSON.
fn finish(capture: Capture, truth: Truth) -> io::Result<String> {
    let (packets, bytes) = (capture.packets, capture.bytes);
    capture.finish()?;
    let (rows, sum) = truth.finish()?;
    if packets != sum {
        return Err(io::Error::other(format!(
            "{packets} packets, but {sum} in the truth"
        )));
    }
    Ok(format!(
        "{{\"bytes\":{bytes},\"packets\":{packets},\"rows\":{rows}}}"
    ))
}
