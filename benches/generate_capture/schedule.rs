//! Plays conversations into a capture: their packets in the order of time, with only those in
//! memory that are under way.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, BufWriter, Write as _};
use std::net::IpAddr;
use std::path::Path;

use super::conversation::{Conversation, Tally};
use super::writer::Capture;

/// The truth: a row for each conversation, written as it ends.
#[derive(Debug)]
pub(crate) struct Truth {
    out: Option<BufWriter<File>>,
    line: String,
    pub(crate) rows: u64,
    pub(crate) packets: u64,
}

const HEAD: &str = "source,source_port,destination,destination_port,protocol,outcome,zeek_state,orig_packets,resp_packets,\
orig_ip_bytes,resp_ip_bytes,first_ns,last_ns,encapsulation\n";

impl Truth {
    pub(crate) fn create(path: Option<&Path>) -> io::Result<Self> {
        let mut out = path.map(File::create).transpose()?.map(BufWriter::new);
        if let Some(out) = &mut out {
            out.write_all(HEAD.as_bytes())?;
        }
        Ok(Self {
            out,
            line: String::new(),
            rows: 0,
            packets: 0,
        })
    }

    fn add(&mut self, conversation: &Conversation) -> io::Result<()> {
        let plan = &conversation.plan;
        let outcome = plan.outcome;
        self.row(
            (plan.addresses, plan.ports),
            (outcome.protocol(), outcome.names()),
            &conversation.tally,
            plan.wrapping.name(),
        )?;
        if conversation.errors.packets[0] > 0 {
            // The firewall's errors are traffic of their own.
            self.row(
                ([plan.firewall, plan.addresses[0]], [0; 2]),
                ("icmp", ("icmp-error", "OTH")),
                &conversation.errors,
                plan.wrapping.name(),
            )?;
        }
        Ok(())
    }

    fn row(
        &mut self,
        ([source, destination], ports): ([IpAddr; 2], [u16; 2]),
        (protocol, (outcome, state)): (&str, (&str, &str)),
        tally: &Tally,
        wrapping: &str,
    ) -> io::Result<()> {
        self.rows += 1;
        self.packets += tally.packets[0] + tally.packets[1];
        let Some(out) = &mut self.out else {
            return Ok(());
        };
        self.line.clear();
        writeln!(
            self.line,
            "{source},{},{destination},{},{protocol},{outcome},{state},{},{},{},{},{},{},{wrapping}",
            ports[0],
            ports[1],
            tally.packets[0],
            tally.packets[1],
            tally.bytes[0],
            tally.bytes[1],
            tally.first,
            tally.last
        )
        .map_err(io::Error::other)?;
        out.write_all(self.line.as_bytes())
    }

    /// Writes what is left, and says how many rows and packets there are.
    pub(crate) fn finish(mut self) -> io::Result<(u64, u64)> {
        if let Some(out) = &mut self.out {
            out.flush()?;
        }
        Ok((self.rows, self.packets))
    }
}

/// Writes the packets of conversations that come in the order of their starts.
pub(crate) fn play(
    conversations: impl Iterator<Item = Conversation>,
    capture: &mut Capture,
    truth: &mut Truth,
) -> io::Result<()> {
    let mut coming = conversations.peekable();
    // Those under way, the places of those that ended to be taken again.
    let mut live: Vec<Conversation> = Vec::new();
    let mut free = Vec::new();
    let mut heap = BinaryHeap::new();
    let mut frame = Vec::new();
    loop {
        let due = heap.peek().map(|&Reverse((time, _))| time);
        if let Some(conversation) =
            coming.next_if(|next| due.is_none_or(|due| next.plan.start <= due))
        {
            let start = conversation.plan.start;
            let place = if let Some(place) = free.pop() {
                live[place] = conversation;
                place
            } else {
                live.push(conversation);
                live.len() - 1
            };
            heap.push(Reverse((start, place)));
            continue;
        }
        let Some(Reverse((time, place))) = heap.pop() else {
            return Ok(());
        };
        let conversation = &mut live[place];
        frame.clear();
        let time = capture.rounded(time);
        let delay = conversation.send(time, &mut frame);
        capture.write(time, &frame)?;
        if conversation.is_over() {
            truth.add(conversation)?;
            free.push(place);
        } else {
            heap.push(Reverse((time + delay, place)));
        }
    }
}
