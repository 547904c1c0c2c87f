//! Lines of a list, with their numbers, never holding more than a cap of one. What a line says is not known here.

use std::collections::VecDeque;
use std::io::{self, BufRead};

/// A line without its end.
#[derive(Debug)]
pub(super) struct Line<'a> {
    /// From 1.
    pub(super) number: u64,
    /// The line, or as much of it as the cap allows.
    pub(super) bytes: &'a [u8],
    /// Whether the line was longer; the rest has been skipped.
    pub(super) cut: bool,
}

/// Reads lines.
pub(super) struct Lines {
    input: Box<dyn BufRead + Send>,
    longest: usize,
    number: u64,
    line: Vec<u8>,
    again: VecDeque<Owned>,
}

/// A line that is kept, to be read again.
#[derive(Debug)]
pub(super) struct Owned {
    number: u64,
    bytes: Vec<u8>,
    cut: bool,
}

impl Line<'_> {
    pub(super) fn keep(&self) -> Owned {
        Owned { number: self.number, bytes: self.bytes.to_owned(), cut: self.cut }
    }
}

impl Lines {
    /// `longest` is in bytes, without the line end.
    pub(super) fn new(input: Box<dyn BufRead + Send>, longest: usize) -> Self {
        Self { input, longest, number: 0, line: Vec::new(), again: VecDeque::new() }
    }

    /// Takes back lines that were read, to be read again before all others.
    pub(super) fn take_back(&mut self, lines: Vec<Owned>) {
        lines.into_iter().rev().for_each(|line| self.again.push_front(line));
    }

    /// The next line, ended by LF, CRLF or the end of the list; `None` at the end.
    pub(super) fn next(&mut self) -> io::Result<Option<Line<'_>>> {
        if let Some(Owned { number, bytes, cut }) = self.again.pop_front() {
            self.line = bytes;
            return Ok(Some(Line { number, bytes: &self.line, cut }));
        }
        self.line.clear();
        let mut length = 0;
        let mut ended = false;
        while !ended {
            let available = match self.input.fill_buf() {
                Ok(available) => available,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            if available.is_empty() {
                break;
            }
            let end = available.iter().position(|byte| *byte == b'\n');
            let part = &available[..end.unwrap_or(available.len())];
            // One byte more than the cap, which may be the CR of the line's end.
            let room = self.longest + 1 - self.line.len();
            self.line.extend_from_slice(&part[..part.len().min(room)]);
            length += part.len();
            ended = end.is_some();
            let used = part.len() + usize::from(ended);
            self.input.consume(used);
        }
        if length == 0 && !ended {
            return Ok(None);
        }
        self.number += 1;
        if length == self.line.len() && self.line.last() == Some(&b'\r') {
            self.line.pop();
            length -= 1;
        }
        self.line.truncate(self.longest);
        Ok(Some(Line { number: self.number, bytes: &self.line, cut: length > self.longest }))
    }
}
