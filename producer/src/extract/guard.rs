//! HTML with a limit: text in, elements to the walk, in bounded time. The counting itself is in `tags` (before the
//! tokenizer), `meter` (behind it) and `budget`; the limits are the user's `Limits`.

use html5ever::TokenizerResult;
use html5ever::buffer_queue::BufferQueue;
use html5ever::tendril::StrTendril;
use html5ever::tokenizer::{Tokenizer, TokenizerOpts};

use super::Truncated;
use super::meter::Meter;
use super::tags::Tags;
use super::walk::Walk;

/// Parses `text`. Where it passes a limit it ends, as if the page did, and the walk's budget says why.
///
/// It is one piece of memory, and so is everything that the parser cuts from it.
pub(super) fn parse(text: StrTendril, walk: &mut Walk<'_>) {
    let attributes = walk.options.limits.attributes;
    let budget = std::rc::Rc::clone(&walk.found.budget);
    let tokenizer = Tokenizer::new(Meter::new(walk), TokenizerOpts::default());
    let input = BufferQueue::default();
    let mut tags = Tags::default();
    let mut at = 0_u32;
    for piece in text.split_inclusive('>') {
        if tags.before(piece, &tokenizer.sink.mode()) > attributes {
            budget.stop(Truncated::Attributes);
            break;
        }
        tokenizer.sink.start_piece();
        // A tendril is never longer than 4 GiB.
        let Ok(length) = u32::try_from(piece.len()) else { break };
        input.push_back(text.subtendril(at, length));
        at += length;
        // It pauses for scripts and encoding declarations; there is nothing to do for either.
        while !matches!(tokenizer.feed(&input), TokenizerResult::Done) {}
        tags.after(piece, &tokenizer.sink);
        if tokenizer.sink.is_over() {
            break;
        }
    }
    tokenizer.end();
}

#[cfg(test)]
mod tests;
