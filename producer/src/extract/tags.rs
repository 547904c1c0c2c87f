//! Where the tags of a page begin and how many attributes they have, before the tokenizer sees them. It does not read
//! names or values, and what a tag does to the tree is `meter`'s.
//!
//! html5ever's tokenizer compares each attribute with all before it and says nothing until the tag ends, so a tag
//! with a million attributes has to be found beforehand. Every tag, comment and doctype ends at a `>`: the page
//! is handed on in pieces that end there, and after each piece the meter tells what the tokenizer made of it. So this
//! scan cannot lose step with it, whatever a page does with quotes, comments, CDATA, `svg` and scripts.

use super::meter::{Meter, Mode};

/// The scan of one page.
#[derive(Debug, Default)]
pub(super) struct Tags {
    inside: Inside,
}

/// What the scan is inside of, between two pieces.
#[derive(Debug, Default, Clone, Copy)]
enum Inside {
    /// Text, of whatever kind.
    #[default]
    Text,
    /// A tag in markup: its attributes so far, and whether the tokenizer may read what follows it in another mode.
    Tag { state: State, attributes: usize, switches: bool },
    /// What may be the end tag of raw text: an upper bound of its attributes so far.
    EndTag { separators: usize },
    /// `<![CDATA[`, which is a comment outside of `svg` and `math`.
    Cdata,
    /// A comment, a doctype or what the standard calls a bogus comment.
    Other,
}

/// Where in a tag: the standard's tokenizer states from "tag name state" to "self-closing start tag state".
#[derive(Debug, Clone, Copy)]
enum State {
    TagName,
    BeforeName,
    Name,
    AfterName,
    BeforeValue,
    Quoted(u8),
    Unquoted,
    End,
}

impl Tags {
    /// Attributes of the longest tag that `piece` begins or goes on with, counted from the tag's beginning. To be
    /// called before the tokenizer gets the piece.
    pub(super) fn before(&mut self, piece: &str, mode: &Mode) -> usize {
        let bytes = piece.as_bytes();
        let from = if let Inside::Text = self.inside {
            let (start, inside) = construct(bytes, mode);
            self.inside = inside;
            start
        } else {
            0
        };
        match &mut self.inside {
            Inside::Tag { state, attributes, .. } => {
                let mut rest = &bytes[from..];
                loop {
                    // Most of a tag is values.
                    if let State::Quoted(quote) = *state {
                        rest = &rest[memchr::memchr(quote, rest).unwrap_or(rest.len())..];
                    }
                    let Some((&byte, after)) = rest.split_first() else { break };
                    let next = state.next(byte);
                    *attributes += usize::from(matches!(next, State::Name) && !matches!(state, State::Name));
                    *state = next;
                    rest = after;
                }
                *attributes
            }
            Inside::EndTag { separators } => {
                *separators += bytes[from..].iter().filter(|byte| separates(**byte)).count();
                *separators
            }
            Inside::Text | Inside::Cdata | Inside::Other => 0,
        }
    }

    /// Whether the piece that `before` got ends between two tags of markup, whatever the tokenizer has to say of it; then it
    /// need not be asked, and `after` not be called.
    pub(super) fn ends_plainly(&mut self) -> bool {
        if let Inside::Tag { state: State::End, switches: false, .. } = self.inside {
            self.inside = Inside::Text;
            return true;
        }
        false
    }

    /// Takes note of what the tokenizer made of `piece`.
    pub(super) fn after(&mut self, piece: &str, meter: &Meter<'_, '_>) {
        let over = match self.inside {
            Inside::Text => true,
            Inside::Tag { state, .. } => matches!(state, State::End),
            // In a script, `</script` need not end it. If the piece's `>` came out as text, no tag is open.
            Inside::EndTag { .. } => meter.closed() || (meter.in_text() && matches!(meter.mode(), Mode::Script(_))),
            Inside::Cdata => meter.closed() || piece.ends_with("]]>"),
            Inside::Other => meter.closed(),
        };
        if over {
            self.inside = Inside::Text;
        }
    }
}

/// The first construct in `bytes`, which hold no `>` but at their end: where its name begins, and what it is.
fn construct(bytes: &[u8], mode: &Mode) -> (usize, Inside) {
    match mode {
        Mode::Markup => markup(bytes),
        Mode::Raw(name) | Mode::Script(name) => match end_tag(bytes, name.as_bytes()) {
            Some(start) => (start, Inside::EndTag { separators: 0 }),
            None => (bytes.len(), Inside::Text),
        },
        Mode::Plain => (bytes.len(), Inside::Text),
    }
}

fn markup(bytes: &[u8]) -> (usize, Inside) {
    let tag = |name: &[u8]| Inside::Tag { state: State::TagName, attributes: 0, switches: switches(name) };
    let mut at = 0;
    while let Some(offset) = memchr::memchr(b'<', &bytes[at..]) {
        at += offset + 1;
        let rest = &bytes[at..];
        match rest {
            [b'!', ..] if rest.starts_with(b"![CDATA[") => return (at, Inside::Cdata),
            [b'/', b'>', ..] => return (at, Inside::Text),
            [b'/', letter, ..] if letter.is_ascii_alphabetic() => return (at + 1, tag(&rest[1..])),
            [b'!' | b'?' | b'/', ..] => return (at, Inside::Other),
            [letter, ..] if letter.is_ascii_alphabetic() => return (at, tag(rest)),
            _ => {}
        }
    }
    (bytes.len(), Inside::Text)
}

/// Whether a tag whose name begins `bytes` may have the tokenizer read text as something else than markup.
fn switches(bytes: &[u8]) -> bool {
    const NAMES: [&[u8]; 10] = [
        b"iframe",
        b"noembed",
        b"noframes",
        b"noscript",
        b"plaintext",
        b"script",
        b"style",
        b"textarea",
        b"title",
        b"xmp",
    ];
    let length = bytes.iter().position(|byte| !byte.is_ascii_alphabetic()).unwrap_or(bytes.len());
    NAMES.iter().any(|name| bytes[..length].eq_ignore_ascii_case(name))
}

/// Just behind the first `</name` in `bytes` that could be an end tag.
fn end_tag(bytes: &[u8], name: &[u8]) -> Option<usize> {
    let mut windows = bytes.windows(name.len() + 3).enumerate();
    windows.find_map(|(at, window)| {
        let (open, rest) = window.split_at(2);
        let (word, end) = rest.split_at(name.len());
        let found = open == b"</" && word.eq_ignore_ascii_case(name) && (separates(end[0]) || end[0] == b'>');
        found.then_some(at + 2 + name.len())
    })
}

/// Whether an attribute may begin behind this byte.
fn separates(byte: u8) -> bool {
    matches!(byte, b'\t' | b'\n' | b'\x0c' | b'\r' | b' ' | b'/' | b'"' | b'\'')
}

impl State {
    fn next(self, byte: u8) -> Self {
        let space = matches!(byte, b'\t' | b'\n' | b'\x0c' | b'\r' | b' ');
        match (self, byte) {
            (Self::Quoted(quote), _) if byte == quote => Self::BeforeName,
            (Self::Quoted(_) | Self::End, _) => self,
            (_, b'>') => Self::End,
            (Self::BeforeValue, b'"' | b'\'') => Self::Quoted(byte),
            (Self::BeforeValue, _) => {
                if space {
                    self
                } else {
                    Self::Unquoted
                }
            }
            (Self::Unquoted, _) => {
                if space {
                    Self::BeforeName
                } else {
                    self
                }
            }
            (_, b'/') => Self::BeforeName,
            (Self::Name | Self::AfterName, b'=') => Self::BeforeValue,
            (Self::TagName, _) => {
                if space {
                    Self::BeforeName
                } else {
                    self
                }
            }
            (Self::Name | Self::AfterName, _) if space => Self::AfterName,
            (Self::BeforeName, _) if space => self,
            (Self::BeforeName | Self::Name | Self::AfterName, _) => Self::Name,
        }
    }
}
