//! HTML with a limit: text in, elements to the walk, in bounded time. The counting itself is in `tags` (before the
//! tokenizer), `meter` (behind it) and `budget`; the limits are the user's `Limits`.

use std::rc::Rc;

use html5ever::TokenizerResult;
use html5ever::buffer_queue::BufferQueue;
use html5ever::tendril::StrTendril;
use html5ever::tokenizer::{Tokenizer, TokenizerOpts};

use super::Truncated;
use super::meter::Meter;
use super::tags::Tags;
use super::walk::Walk;

/// Bytes that the tokenizer gets at once where nothing is to be asked of it in between.
const BATCH: u32 = 16 << 10;

/// Parses `text`. Where it passes a limit it ends, as if the page did, and the walk's budget says why.
///
/// It is one piece of memory, and so is everything that the parser cuts from it.
pub(super) fn parse(text: &StrTendril, walk: &mut Walk<'_>) {
    let attributes = walk.options.limits.attributes;
    let budget = Rc::clone(&walk.found.budget);
    let tokenizer = Tokenizer::new(Meter::new(walk), TokenizerOpts::default());
    let input = BufferQueue::default();
    let feed = |from: u32, to: u32| {
        if from < to {
            input.push_back(text.subtendril(from, to - from));
            // It pauses for scripts and encoding declarations; there is nothing to do for either.
            while !matches!(tokenizer.feed(&input), TokenizerResult::Done) {}
        }
    };
    let mut tags = Tags::default();
    // What lies between the two is scanned and not yet fed.
    let (mut fed, mut at) = (0, 0);
    for piece in pieces(text) {
        // A tendril is never longer than 4 GiB.
        let Ok(length) = u32::try_from(piece.len()) else { break };
        if tags.before(piece, &tokenizer.sink.mode()) > attributes {
            feed(fed, at);
            budget.stop(Truncated::Attributes);
            break;
        }
        let end = at + length;
        if !tags.ends_plainly() {
            feed(fed, at);
            tokenizer.sink.start_piece();
            feed(at, end);
            tags.after(piece, &tokenizer.sink);
            fed = end;
        } else if end - fed > BATCH {
            feed(fed, end);
            fed = end;
        }
        at = end;
        if tokenizer.sink.is_over() {
            break;
        }
    }
    feed(fed, at);
    tokenizer.end();
}

/// The text in pieces that end with `>`, but for the last.
fn pieces(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let end = memchr::memchr(b'>', rest.as_bytes()).map_or(rest.len(), |at| at + 1);
        let (piece, after) = rest.split_at(end);
        rest = after;
        (!piece.is_empty()).then_some(piece)
    })
}

#[cfg(test)]
mod tests;
