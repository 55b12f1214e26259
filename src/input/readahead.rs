//! Reading ahead: a thread fills buffers while the caller works on the one before.
//!
//! The one exception to the rule that only the pipeline starts threads: inflating a single large
//! file and scanning its text then overlap. The thread reads its source and nothing else, and ends
//! by itself at the source's end, at an error, or once the reader is dropped.

use std::io::{self, Read};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

/// Size of one buffer.
const BUFFER: usize = 256 << 10;
/// How many filled buffers may wait.
const WAITING: usize = 3;

/// What the thread hands over.
enum Piece {
    /// A buffer and how much of it is filled.
    Filled(Vec<u8>, usize),
    /// The source's end, or its error.
    End(io::Result<()>),
}

/// The reading side of a thread that reads ahead.
#[derive(Debug)]
pub struct ReadAhead {
    pieces: Receiver<Piece>,
    spent: SyncSender<Vec<u8>>,
    buffer: Vec<u8>,
    at: usize,
    filled: usize,
    ended: bool,
}

/// Reads `source` ahead in a thread of its own. All bytes before an error come before the error.
///
/// # Errors
/// When no thread can be started.
pub fn readahead(source: impl Read + Send + 'static) -> io::Result<ReadAhead> {
    let (send, pieces) = sync_channel(WAITING);
    // Room for every buffer there is, so that giving one back never waits.
    let (spent, recycled) = sync_channel(WAITING + 2);
    std::thread::Builder::new()
        .name("readahead".to_owned())
        .spawn(move || fill(source, &send, &recycled))?;
    Ok(ReadAhead {
        pieces,
        spent,
        buffer: Vec::new(),
        at: 0,
        filled: 0,
        ended: false,
    })
}

fn fill(mut source: impl Read, pieces: &SyncSender<Piece>, recycled: &Receiver<Vec<u8>>) {
    loop {
        let mut buffer = recycled.try_recv().unwrap_or_else(|_| vec![0; BUFFER]);
        let (filled, end) = fill_one(&mut source, &mut buffer);
        if filled > 0 && pieces.send(Piece::Filled(buffer, filled)).is_err() {
            return;
        }
        if let Some(end) = end {
            // Nobody is left to tell when the reader was dropped.
            drop(pieces.send(Piece::End(end)));
            return;
        }
    }
}

/// Fills a buffer; the end or the error that kept it from being full.
fn fill_one(source: &mut impl Read, buffer: &mut [u8]) -> (usize, Option<io::Result<()>>) {
    let mut filled = 0;
    while filled < buffer.len() {
        match source.read(&mut buffer[filled..]) {
            Ok(0) => return (filled, Some(Ok(()))),
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return (filled, Some(Err(error))),
        }
    }
    (filled, None)
}

impl ReadAhead {
    /// Takes the next buffer; whether there is one.
    fn advance(&mut self) -> io::Result<bool> {
        if self.ended {
            return Ok(false);
        }
        match self.pieces.recv() {
            Ok(Piece::Filled(buffer, filled)) => {
                let spent = std::mem::replace(&mut self.buffer, buffer);
                (self.at, self.filled) = (0, filled);
                if !spent.is_empty() {
                    // The thread may have ended; then the buffer is just freed.
                    drop(self.spent.try_send(spent));
                }
                Ok(true)
            }
            Ok(Piece::End(end)) => {
                self.ended = true;
                end.map(|()| false)
            }
            // The thread died without a word: not the end of the text.
            Err(_) => {
                self.ended = true;
                Err(io::Error::other("the thread that reads ahead has died"))
            }
        }
    }
}

impl Read for ReadAhead {
    fn read(&mut self, target: &mut [u8]) -> io::Result<usize> {
        if target.is_empty() || (self.at == self.filled && !self.advance()?) {
            return Ok(0);
        }
        let count = target.len().min(self.filled - self.at);
        target[..count].copy_from_slice(&self.buffer[self.at..self.at + count]);
        self.at += count;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::{Sender, channel};
    use std::time::Duration;

    /// Endless bytes that tell when they are dropped.
    struct Endless(Sender<()>);

    impl Read for Endless {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            buffer.fill(7);
            Ok(buffer.len())
        }
    }

    impl Drop for Endless {
        fn drop(&mut self) {
            self.0.send(()).unwrap();
        }
    }

    #[test]
    fn every_byte_arrives_in_order() {
        let text: Vec<u8> = (0..3_000_000u32).map(|at| (at % 251) as u8).collect();
        let mut read = Vec::new();
        readahead(Cursor(text.clone(), 0))
            .unwrap()
            .read_to_end(&mut read)
            .unwrap();
        assert_eq!(read, text);
    }

    /// Reads a few bytes at a time, with interruptions.
    struct Cursor(Vec<u8>, usize);

    impl Read for Cursor {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            self.1 += 1;
            if self.1.is_multiple_of(3) {
                return Err(io::ErrorKind::Interrupted.into());
            }
            let count = buffer.len().min(self.0.len()).min(10_007);
            buffer[..count].copy_from_slice(&self.0[..count]);
            self.0.drain(..count);
            Ok(count)
        }
    }

    #[test]
    fn a_dropped_reader_ends_its_thread() {
        let (send, dropped) = channel();
        let mut reader = readahead(Endless(send)).unwrap();
        reader.read_exact(&mut [0; 100]).unwrap();
        drop(reader);
        dropped.recv_timeout(Duration::from_secs(20)).unwrap();
    }

    #[test]
    fn bytes_before_an_error_come_before_it_and_nothing_after() {
        struct Broken(bool);
        impl Read for Broken {
            fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
                if std::mem::replace(&mut self.0, true) {
                    return Err(io::Error::other("broken"));
                }
                buffer[..3].copy_from_slice(b"abc");
                Ok(3)
            }
        }
        let mut reader = readahead(Broken(false)).unwrap();
        let mut read = Vec::new();
        assert!(reader.read_to_end(&mut read).is_err());
        assert_eq!(read, b"abc");
        assert_eq!(reader.read(&mut [0; 8]).unwrap(), 0);
    }

    #[test]
    fn a_thread_that_dies_is_an_error_and_no_end() {
        struct Dies;
        impl Read for Dies {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                panic!("a decoder's defect")
            }
        }
        let mut reader = readahead(Dies).unwrap();
        assert!(reader.read(&mut [0; 8]).is_err());
    }
}
