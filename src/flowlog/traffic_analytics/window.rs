//! A sliding window over a stream: what has been read and not yet consumed.

use std::io::{self, ErrorKind, Read};

/// How much is read at once.
const CHUNK: usize = 256 << 10;

/// The part of a stream that is being looked at. Grows only as far as its user lets it.
pub(super) struct Window<R> {
    reader: R,
    buffer: Vec<u8>,
    start: usize,
    offset: u64,
    ended: bool,
}

impl<R: Read> Window<R> {
    /// An empty window at the start of `reader`; a UTF-8 byte order mark is consumed.
    pub(super) fn new(reader: R) -> io::Result<Self> {
        let mut window = Self {
            reader,
            buffer: Vec::new(),
            start: 0,
            offset: 0,
            ended: false,
        };
        window.ensure(3)?;
        if window.text().starts_with(b"\xEF\xBB\xBF") {
            window.consume(3);
        }
        Ok(window)
    }

    /// What has been read and not consumed.
    pub(super) fn text(&self) -> &[u8] {
        &self.buffer[self.start..]
    }

    /// Where [`Self::text`] starts in the stream.
    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    /// How many bytes the stream has given.
    pub(super) fn read(&self) -> u64 {
        self.offset + self.text().len() as u64
    }

    /// Moves the start on.
    pub(super) fn consume(&mut self, length: usize) {
        let length = length.min(self.text().len());
        self.start += length;
        self.offset += length as u64;
    }

    /// Reads more; false at the end of the stream.
    pub(super) fn fill(&mut self) -> io::Result<bool> {
        if self.ended {
            return Ok(false);
        }
        self.buffer.drain(..self.start);
        self.start = 0;
        let length = self.buffer.len();
        self.buffer.resize(length + CHUNK, 0);
        let read = loop {
            match self.reader.read(&mut self.buffer[length..]) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                other => break other,
            }
        };
        self.buffer.truncate(length + *read.as_ref().unwrap_or(&0));
        self.ended = read? == 0;
        Ok(!self.ended)
    }

    /// Reads until there are `length` bytes to look at, or the stream ends.
    pub(super) fn ensure(&mut self, length: usize) -> io::Result<()> {
        while self.text().len() < length && self.fill()? {}
        Ok(())
    }
}
