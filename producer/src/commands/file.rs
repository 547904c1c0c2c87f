//! A document that a command is given as a file instead of an address.

use std::fs::File;
use std::io::{self, Read};

/// Where relative addresses lead when a file has no address of its own.
pub(super) const NOWHERE: &str = "http://localhost/";

/// Reads a file, or standard input for `-`: at most one byte more than `most`, which shows that there is more.
pub(super) fn read_file(file: &str, most: usize) -> io::Result<Vec<u8>> {
    let source: Box<dyn Read> = if file == "-" { Box::new(io::stdin()) } else { Box::new(File::open(file)?) };
    let mut bytes = Vec::new();
    source.take(most as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}
