//! Parsing with a limit: text in, a document out that may be cut, in bounded time. The counting itself is in `tags`
//! (before the tokenizer) and `meter` (behind it); the limits are the user's `Limits`.

use html5ever::TokenizerResult;
use html5ever::buffer_queue::BufferQueue;
use html5ever::tendril::StrTendril;
use html5ever::tokenizer::{Tokenizer, TokenizerOpts};
use scraper::Html;

use super::meter::Meter;
use super::tags::Tags;
use super::{Limits, Truncated};

/// Parses `text`. Where it passes a limit the document ends there, as if the page did, and the limit is returned.
pub(super) fn parse(text: &str, limits: &Limits) -> (Html, Option<Truncated>) {
    let tokenizer = Tokenizer::new(Meter::new(limits), TokenizerOpts::default());
    let input = BufferQueue::default();
    let mut tags = Tags::default();
    let mut truncated = None;
    for piece in text.split_inclusive('>') {
        if tags.before(piece, &tokenizer.sink.mode()) > limits.attributes {
            truncated = Some(Truncated::Attributes);
            break;
        }
        tokenizer.sink.start_piece();
        input.push_back(StrTendril::from(piece));
        // It pauses for scripts and encoding declarations; there is nothing to do for either.
        while !matches!(tokenizer.feed(&input), TokenizerResult::Done) {}
        tags.after(piece, &tokenizer.sink);
        truncated = tokenizer.sink.stop();
        if truncated.is_some() {
            break;
        }
    }
    tokenizer.end();
    (tokenizer.sink.finish(), truncated)
}

#[cfg(test)]
mod tests;
