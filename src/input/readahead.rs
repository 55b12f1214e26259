//! Reading ahead: a thread inflates while another scans. The one thread that is not the
//! pipeline's; it ends with its stream or when its reader is dropped.

use std::io::{self, Read};
use std::sync::mpsc::{Receiver, SyncSender, channel, sync_channel};

/// Bytes of a piece.
const PIECE: usize = 256 << 10;
/// Pieces that may wait.
const WAITING: usize = 2;

/// A reader that another thread fills.
#[derive(Debug)]
pub(super) struct ReadAhead {
    pieces: Receiver<io::Result<Vec<u8>>>,
    used: std::sync::mpsc::Sender<Vec<u8>>,
    piece: Vec<u8>,
    at: usize,
}

impl ReadAhead {
    /// Starts to read.
    pub(super) fn new(reader: impl Read + Send + 'static) -> Self {
        let (give, pieces) = sync_channel(WAITING);
        let (used, reuse) = channel();
        std::thread::spawn(move || fill(reader, &give, &reuse));
        Self {
            pieces,
            used,
            piece: Vec::new(),
            at: 0,
        }
    }
}

fn fill(mut reader: impl Read, give: &SyncSender<io::Result<Vec<u8>>>, reuse: &Receiver<Vec<u8>>) {
    loop {
        let mut piece = reuse
            .try_recv()
            .unwrap_or_else(|_| Vec::with_capacity(PIECE));
        piece.clear();
        let result = reader.by_ref().take(PIECE as u64).read_to_end(&mut piece);
        let ended = piece.len() < PIECE;
        if !piece.is_empty() && give.send(Ok(piece)).is_err() {
            return;
        }
        if let Err(error) = result {
            // Where nobody takes it any more, nobody needs it.
            drop(give.send(Err(error)));
            return;
        }
        if ended {
            return;
        }
    }
}

impl Read for ReadAhead {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.at == self.piece.len() {
            let used = std::mem::take(&mut self.piece);
            if used.capacity() > 0 {
                // The filler may have ended; then the memory is not needed.
                drop(self.used.send(used));
            }
            self.at = 0;
            match self.pieces.recv() {
                Ok(piece) => self.piece = piece?,
                Err(_) => return Ok(0),
            }
        }
        let count = buffer.len().min(self.piece.len() - self.at);
        buffer[..count].copy_from_slice(&self.piece[self.at..self.at + count]);
        self.at += count;
        Ok(count)
    }
}
