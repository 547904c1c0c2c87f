//! The plainest sitemap: one address a line, all of them absolute.

use std::io::BufRead;

use url::Url;

use super::Cut;
use super::finds::Finds;
use super::input::Input;

/// The longest line that can be an address; a longer one is passed over.
const LINE_BYTES: usize = 16 * 1024;

/// Reads all lines. What is no address is passed over; without any it is no sitemap.
pub(super) fn read(mut input: Input<'_>, finds: &mut Finds<'_>) {
    let mut found = false;
    let mut line = String::new();
    while next(&mut input, &mut line) {
        if let Some(url) = Some(&line).filter(|line| is_absolute(line)).and_then(|line| finds.resolve(line)) {
            found = true;
            finds.page(url, Vec::new());
        }
        if finds.is_full() {
            return;
        }
    }
    if !found {
        finds.cut(Cut::Unknown);
    } else if let Some(cut) = input.cut() {
        finds.cut(cut);
    }
}

/// Whether each line is an address or blank, and one is an address. The last one may be cut, and does not count.
pub(super) fn is_list(mut input: Input<'_>) -> bool {
    let mut addresses = 0;
    let mut line = String::new();
    while next(&mut input, &mut line) {
        if is_absolute(&line) {
            addresses += 1;
        } else if !line.is_empty() {
            let is_last = !next(&mut input, &mut line);
            return is_last && addresses > 0 && input.cut().is_some();
        }
    }
    addresses > 0
}

/// Reads the next line, ended by LF, CR or the end, trimmed; a long one as if it were blank. False at the end.
fn next(input: &mut Input<'_>, line: &mut String) -> bool {
    let mut bytes = Vec::new();
    let mut read = 0;
    let mut ended = false;
    while !ended {
        input.end_token();
        let available = input.fill_buf().unwrap_or_default();
        if available.is_empty() {
            break;
        }
        let end = available.iter().position(|byte| matches!(byte, b'\n' | b'\r'));
        let part = &available[..end.unwrap_or(available.len())];
        bytes.extend_from_slice(&part[..part.len().min(LINE_BYTES + 1 - bytes.len())]);
        ended = end.is_some();
        let used = part.len() + usize::from(ended);
        read += used;
        input.consume(used);
    }
    line.clear();
    if bytes.len() <= LINE_BYTES {
        line.push_str(String::from_utf8_lossy(&bytes).trim());
    }
    read > 0
}

fn is_absolute(line: &str) -> bool {
    Url::parse(line).is_ok_and(|url| matches!(url.scheme(), "http" | "https"))
}
