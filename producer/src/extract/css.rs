//! The addresses in a style sheet or a `style` attribute, as written: images, and the style sheets that it imports. CSS is
//! cut into tokens by cssparser; which rules a browser would apply, and what an address is relative to, is not asked here.
//!
//! Broken CSS is read as the CSS Syntax standard reads it, and then more kindly: an address counts in whatever property
//! it stands, and behind an error too.

use std::collections::HashSet;

use cssparser::{Parser, Token};

/// Properties and descriptors whose addresses are no images: fonts, scripts and bindings of old browsers.
const NO_IMAGES: [&str; 4] = ["src", "behavior", "-ms-behavior", "-moz-binding"];

/// Endings of files that are no images, wherever they stand.
const NO_IMAGE_ENDINGS: [&str; 8] = [".css", ".eot", ".htc", ".js", ".otf", ".ttf", ".woff", ".woff2"];

/// The caps on one style sheet; its length is the caller's to cap.
#[derive(Debug, Clone)]
pub(super) struct Limits {
    /// Different addresses. Default 20,000.
    pub(super) urls: usize,
    /// Blocks and functions inside each other; what is deeper is not read. Default 64.
    pub(super) depth: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { urls: 20_000, depth: 64 }
    }
}

/// What a style sheet names, in its order, each address once, unescaped and not resolved.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Found {
    /// Images.
    pub(super) images: Vec<String>,
    /// Style sheets, by `@import`.
    pub(super) imports: Vec<String>,
    /// Whether a limit was met, so that something may be missing.
    pub(super) cut: bool,
}

/// Reads a style sheet: a file, or the text of a `style` element.
pub(super) fn urls(css: &str, limits: &Limits) -> Found {
    read(css, true, limits)
}

/// Reads the text of a `style` attribute, where nothing can be imported.
pub(super) fn style_attribute(css: &str, limits: &Limits) -> Found {
    read(css, false, limits)
}

fn read(css: &str, sheet: bool, limits: &Limits) -> Found {
    let mut parser = Parser::new(css);
    // Ours is counted below, because at the parser's own the blocks would come apart.
    parser.set_nested_block_limit(0);
    let mut reader = Reader { limits, found: Found::default(), seen: HashSet::new() };
    reader.block(&mut parser, sheet, 0);
    reader.found
}

struct Reader<'a> {
    limits: &'a Limits,
    found: Found,
    seen: HashSet<String>,
}

/// Where in a block of rules or declarations.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// At the beginning of a rule or a declaration.
    Start,
    /// Behind a word that is perhaps the name of a property, and whether that one may have images.
    Name(bool),
    /// In the value of a property (or in a selector), which may have images or not.
    Value(bool),
    /// Behind `@import`: the address comes next.
    Import,
    /// Behind `@font-face`: the block has no images.
    FontFace,
    /// Between the name of another at-rule and its block; the addresses of `@namespace` and `@document` are no images.
    Prelude,
}

/// Which strings of a function are addresses.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Strings {
    None,
    All,
    /// Those behind the word `src`: `AlphaImageLoader(src='a.png', sizingMethod='scale')`, of the old Internet Explorer.
    Src,
}

impl Reader<'_> {
    /// Rules and declarations, up to the end of the parser's block. One stack frame for each level, up to the limit.
    fn block(&mut self, parser: &mut Parser<'_>, sheet: bool, depth: usize) {
        let mut place = Place::Start;
        while let Some(token) = self.next(parser) {
            place = match token {
                Token::Semicolon | Token::CloseCurlyBracket | Token::CDO | Token::CDC => Place::Start,
                Token::AtKeyword(name) if place == Place::Start => at_rule(&name, sheet),
                Token::CurlyBracketBlock => {
                    if place != Place::FontFace {
                        self.nested(parser, depth, |reader, parser| reader.block(parser, false, depth + 1));
                    }
                    Place::Start
                }
                Token::Ident(name) if place == Place::Start => Place::Name(!is_one_of(&name, &NO_IMAGES)),
                Token::Colon => match place {
                    Place::Name(images) => Place::Value(images),
                    other => other,
                },
                // `*background`, which once only the Internet Explorer read.
                Token::Delim(_) if place == Place::Start => Place::Start,
                token => self.within(&token, parser, place, depth),
            };
        }
    }

    /// A token that begins nothing new: the place behind it.
    fn within(&mut self, token: &Token<'_>, parser: &mut Parser<'_>, place: Place, depth: usize) -> Place {
        match place {
            Place::Import => {
                if let Some(address) = address(token, parser).or_else(|| string(token)) {
                    self.import(address);
                }
                Place::Prelude
            }
            Place::Start | Place::Name(_) | Place::Value(true) => {
                self.value(token, parser, false, depth);
                Place::Value(true)
            }
            Place::Value(false) | Place::FontFace | Place::Prelude => place,
        }
    }

    /// A token of a value and, where it begins a function or a block, what is in it.
    fn value(&mut self, token: &Token<'_>, parser: &mut Parser<'_>, string_counts: bool, depth: usize) {
        if let Some(address) = address(token, parser) {
            self.image(address);
        } else if let Token::QuotedString(text) = token {
            if string_counts {
                self.image(text.to_string());
            }
        } else if let Some(strings) = opens(token) {
            self.nested(parser, depth, |reader, parser| reader.values(parser, strings, depth + 1));
        }
    }

    /// The values in a function or in brackets.
    fn values(&mut self, parser: &mut Parser<'_>, strings: Strings, depth: usize) {
        let mut word_is_src = false;
        while let Some(token) = self.next(parser) {
            if let Token::Ident(name) = &token {
                word_is_src = name.eq_ignore_ascii_case("src");
            }
            let counts = strings == Strings::All || (strings == Strings::Src && word_is_src);
            self.value(&token, parser, counts, depth);
        }
    }

    /// Reads the block that the parser has come to; at the limit it is left, and the parser passes over it by itself.
    fn nested(&mut self, parser: &mut Parser<'_>, depth: usize, read: impl FnOnce(&mut Self, &mut Parser<'_>)) {
        if depth == self.limits.depth {
            self.found.cut = true;
            return;
        }
        // It is an error to leave some of the block, as we do when there are enough addresses.
        let read_whole: Result<(), cssparser::ParseError<()>> = parser.parse_nested_block(|parser| {
            read(self, parser);
            Ok(())
        });
        read_whole.unwrap_or_default();
    }

    /// The next token; none at the end of the block, and once there are enough addresses.
    fn next<'i>(&self, parser: &mut Parser<'i>) -> Option<Token<'i>> {
        if self.full() { None } else { parser.next().ok().cloned() }
    }

    fn full(&self) -> bool {
        self.found.cut && self.seen.len() == self.limits.urls
    }

    fn image(&mut self, address: String) {
        if may_be_image(&address) && self.is_new(&address) {
            self.found.images.push(address);
        }
    }

    fn import(&mut self, address: String) {
        if self.is_new(&address) {
            self.found.imports.push(address);
        }
    }

    fn is_new(&mut self, address: &str) -> bool {
        if self.seen.contains(address) {
            return false;
        }
        if self.seen.len() == self.limits.urls {
            self.found.cut = true;
            return false;
        }
        self.seen.insert(address.to_owned())
    }
}

/// An import counts anywhere outside of blocks, though the standard wants it before all rules.
fn at_rule(name: &str, sheet: bool) -> Place {
    if sheet && name.eq_ignore_ascii_case("import") {
        Place::Import
    } else if name.eq_ignore_ascii_case("font-face") {
        Place::FontFace
    } else {
        Place::Prelude
    }
}

/// The address in `url(a)`, `url("a")` or `src("a")`, of which the latter two are functions.
fn address(token: &Token<'_>, parser: &mut Parser<'_>) -> Option<String> {
    match token {
        Token::UnquotedUrl(text) => Some(text.to_string()),
        Token::Function(name) if is_one_of(name, &["url", "src"]) => {
            let first: Result<String, cssparser::ParseError<()>> = parser.parse_nested_block(|parser| {
                let text = parser.next().ok().and_then(string);
                while parser.next().is_ok() {}
                Ok(text.unwrap_or_default())
            });
            first.ok()
        }
        _ => None,
    }
}

fn string(token: &Token<'_>) -> Option<String> {
    match token {
        Token::QuotedString(text) => Some(text.to_string()),
        _ => None,
    }
}

/// Whether values can stand inside of what `token` begins, and which strings there are addresses.
fn opens(token: &Token<'_>) -> Option<Strings> {
    match token {
        Token::Function(name) if is_one_of(name, &["image-set", "-webkit-image-set", "image"]) => Some(Strings::All),
        Token::Function(name) if name.eq_ignore_ascii_case("AlphaImageLoader") => Some(Strings::Src),
        Token::Function(_) | Token::ParenthesisBlock | Token::SquareBracketBlock | Token::CurlyBracketBlock => {
            Some(Strings::None)
        }
        _ => None,
    }
}

/// Whether an address can be an image's: it is not empty, not a part of this same document (`#shadow`) and no font.
fn may_be_image(address: &str) -> bool {
    let address = address.trim();
    let path = address.split(['?', '#']).next().unwrap_or_default().as_bytes();
    let ends = |ending: &str| {
        let start = path.len().checked_sub(ending.len());
        start.is_some_and(|start| path[start..].eq_ignore_ascii_case(ending.as_bytes()))
    };
    !path.is_empty() && !NO_IMAGE_ENDINGS.into_iter().any(ends)
}

fn is_one_of(name: &str, words: &[&str]) -> bool {
    words.iter().any(|word| name.eq_ignore_ascii_case(word))
}

#[cfg(test)]
mod tests;
