//! Reads JSON, and what pages write where JSON was meant: comments, commas too many or too few, raw line breaks and quotes in
//! strings, single quotes, names without quotes, wrappers for the parsers of old, several values, a missing end.
//! What is JSON is read as JSON. Never fails: what makes no sense is passed over. Numbers and such are not kept.
//!
//! No recursion, and each character is looked at a bounded number of times.

use super::Limits;
use crate::entities;

/// A value, without what no one asks for: numbers, booleans and nulls.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Value {
    Text(String),
    List(Vec<Value>),
    /// The fields in the order of the text; names may come twice.
    Object(Vec<(String, Value)>),
}

impl Value {
    /// The text, or the first one in a list.
    pub(super) fn text(&self) -> Option<&str> {
        self.texts().next()
    }

    /// The text, or those in a list.
    pub(super) fn texts(&self) -> impl Iterator<Item = &str> {
        let items = match self {
            Self::List(items) => items.as_slice(),
            _ => std::slice::from_ref(self),
        };
        items.iter().filter_map(|item| match item {
            Self::Text(text) => Some(text.as_str()),
            _ => None,
        })
    }
}

/// The lists and objects in `text` that are in no other.
pub(super) fn read(text: &str, limits: &Limits) -> Vec<Value> {
    let is_escaped = !text.contains('"') && ["&quot;", "&#34;", "&#x22;"].iter().any(|quote| text.contains(quote));
    let unescaped = is_escaped.then(|| entities::decode(text));
    let mut tokens = Tokens { rest: unescaped.as_deref().unwrap_or(text), outside: true };
    let mut reader = Reader { limits, values: 0, open: Vec::new(), too_deep: 0, roots: Vec::new() };
    while let Some(token) = tokens.next() {
        reader.take(token);
        tokens.outside = reader.open.is_empty();
        if reader.values > limits.values {
            break;
        }
    }
    while reader.close() {}
    reader.roots
}

/// What a text is made of.
#[derive(Debug, PartialEq, Eq)]
enum Token<'a> {
    Open(Bracket),
    Close(Bracket),
    Colon,
    Comma,
    Text(String),
    /// A word without quotes: a number, `true`, a name.
    Word(&'a str),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Bracket {
    Curly,
    Square,
}

/// Puts values together from tokens.
struct Reader<'a> {
    limits: &'a Limits,
    /// How many there are so far.
    values: usize,
    /// The lists and objects that are open, the innermost last.
    open: Vec<Open>,
    /// How many more are open inside of these, beyond the limit.
    too_deep: usize,
    roots: Vec<Value>,
}

enum Open {
    List(Vec<Value>),
    Object {
        fields: Vec<(String, Value)>,
        /// The name whose value comes next.
        name: Option<String>,
    },
}

impl Reader<'_> {
    fn take(&mut self, token: Token<'_>) {
        match token {
            Token::Open(_) if self.open.len() == self.limits.depth => self.too_deep += 1,
            Token::Open(Bracket::Square) => self.open.push(Open::List(Vec::new())),
            Token::Open(Bracket::Curly) => self.open.push(Open::Object { fields: Vec::new(), name: None }),
            Token::Close(_) if self.too_deep > 0 => self.too_deep -= 1,
            Token::Close(bracket) => self.close_by(bracket),
            Token::Colon => {}
            _ if self.too_deep > 0 => {}
            Token::Comma => {
                if let Some(Open::Object { name, .. }) = self.open.last_mut() {
                    *name = None;
                }
            }
            Token::Text(text) => match self.open.last_mut() {
                Some(Open::Object { name: name @ None, .. }) => *name = Some(text),
                _ => self.add(Value::Text(text)),
            },
            Token::Word(word) => match self.open.last_mut() {
                Some(Open::Object { name: name @ None, .. }) => *name = Some(word.to_owned()),
                Some(Open::Object { name, .. }) => *name = None,
                _ => {}
            },
        }
    }

    /// Closes the innermost of this kind, and with it the one inside of it whose own bracket is missing. A bracket that
    /// closes nothing is passed over.
    fn close_by(&mut self, bracket: Bracket) {
        let kind = |open: &Open| match open {
            Open::List(_) => Bracket::Square,
            Open::Object { .. } => Bracket::Curly,
        };
        let mut innermost = self.open.iter().rev().take(2);
        if let Some(at) = innermost.position(|open| kind(open) == bracket) {
            for _ in 0..=at {
                self.close();
            }
        }
    }

    /// Closes the innermost; whether there was one.
    fn close(&mut self) -> bool {
        match self.open.pop() {
            Some(Open::List(items)) => self.add(Value::List(items)),
            Some(Open::Object { fields, .. }) => self.add(Value::Object(fields)),
            None => return false,
        }
        true
    }

    fn add(&mut self, value: Value) {
        self.values += 1;
        match self.open.last_mut() {
            Some(Open::List(items)) => items.push(value),
            // Without a name it stands where none can be, as in `{ { } }`; it is kept for what is in it.
            Some(Open::Object { fields, name }) => fields.push((name.take().unwrap_or_default(), value)),
            None => {
                if !matches!(value, Value::Text(_)) {
                    self.roots.push(value);
                }
            }
        }
    }
}

/// Cuts a text into tokens.
struct Tokens<'a> {
    rest: &'a str,
    /// Whether no list or object is open: quotes are then somebody's prose or program.
    outside: bool,
}

impl<'a> Iterator for Tokens<'a> {
    type Item = Token<'a>;

    fn next(&mut self) -> Option<Token<'a>> {
        self.skip_between();
        let first = self.rest.chars().next()?;
        let behind = &self.rest[first.len_utf8()..];
        let token = match first {
            '{' => Token::Open(Bracket::Curly),
            '[' => Token::Open(Bracket::Square),
            '}' => Token::Close(Bracket::Curly),
            ']' => Token::Close(Bracket::Square),
            ':' => Token::Colon,
            ',' => Token::Comma,
            '"' | '\'' if !self.outside => {
                let (text, rest) = string(behind, first);
                self.rest = rest;
                return Some(Token::Text(text));
            }
            _ => {
                let end = self.rest.find(|c| !in_word(c)).unwrap_or(self.rest.len()).max(first.len_utf8());
                let (word, rest) = self.rest.split_at(end);
                self.rest = rest;
                return Some(Token::Word(word));
            }
        };
        self.rest = behind;
        Some(token)
    }
}

impl Tokens<'_> {
    /// Passes over white space, comments and wrappers.
    fn skip_between(&mut self) {
        const WRAPPERS: [&str; 4] = ["<!--", "-->", "<![CDATA[", "]]>"];
        loop {
            let rest = self.rest.trim_start_matches(is_between);
            self.rest = if let Some(wrapper) = WRAPPERS.into_iter().find(|wrapper| rest.starts_with(wrapper)) {
                &rest[wrapper.len()..]
            } else if let Some(comment) = rest.strip_prefix("//") {
                // `//<![CDATA[` may have been put into one line with all that it wraps.
                let wrapped = comment.trim_start_matches([' ', '\t']).strip_prefix("<![CDATA[");
                let line = || comment.find(['\n', '\r']).map_or("", |end| &comment[end..]);
                wrapped.unwrap_or_else(line)
            } else if let Some(comment) = rest.strip_prefix("/*") {
                comment.find("*/").map_or("", |end| &comment[end + 2..])
            } else {
                self.rest = rest;
                return;
            };
        }
    }
}

fn is_between(c: char) -> bool {
    c.is_whitespace() || c.is_control() || matches!(c, ';' | '\u{feff}')
}

fn in_word(c: char) -> bool {
    !is_between(c) && !matches!(c, '{' | '}' | '[' | ']' | ':' | ',' | '"' | '\'' | '/' | '<')
}

/// The string that begins behind a quote, and what follows it.
fn string(text: &str, quote: char) -> (String, &str) {
    let mut read = String::new();
    let mut rest = text;
    while let Some(at) = rest.find([quote, '\\']) {
        read.push_str(&rest[..at]);
        rest = &rest[at..];
        if let Some(escape) = rest.strip_prefix('\\') {
            rest = unescape(escape, &mut read);
        } else {
            rest = &rest[1..];
            if ends(rest) {
                return (read, rest);
            }
            read.push(quote);
        }
    }
    read.push_str(rest);
    (read, "")
}

/// Whether a quote before `rest` ends its string, rather than being one that should have been escaped. In JSON one of the
/// first five follows; the others stand behind a string where a comma is missing, or before a comment.
fn ends(rest: &str) -> bool {
    let next = rest.trim_start_matches(is_between);
    let between = &rest[..rest.len() - next.len()];
    match next.chars().next() {
        None | Some(',' | ':' | '}' | ']') => true,
        Some('"' | '\'') => between.contains(['\n', '\r']),
        Some('/') => next.starts_with("//") || next.starts_with("/*"),
        Some('<') => next.starts_with("<!--"),
        Some(_) => false,
    }
}

/// Reads the escape behind a backslash, and returns what follows it. One that JSON does not know is the character itself.
fn unescape<'a>(text: &'a str, into: &mut String) -> &'a str {
    let mut chars = text.chars();
    match chars.next() {
        Some('b') => into.push('\u{8}'),
        Some('f') => into.push('\u{c}'),
        Some('n') => into.push('\n'),
        Some('r') => into.push('\r'),
        Some('t') => into.push('\t'),
        Some('u') => return unicode(chars.as_str(), into),
        Some(c) => into.push(c),
        None => {}
    }
    chars.as_str()
}

/// The four digits behind `\u`, and the other half of a pair. Half a pair is U+FFFD.
fn unicode<'a>(text: &'a str, into: &mut String) -> &'a str {
    let Some(first) = four_digits(text) else {
        into.push('u');
        return text;
    };
    let rest = &text[4..];
    let second = rest.strip_prefix("\\u").and_then(four_digits);
    let units = [first, second.unwrap_or_default()];
    if let Some(Ok(c)) = char::decode_utf16(units).next() {
        into.push(c);
        return if c.len_utf16() == 2 { &rest[6..] } else { rest };
    }
    into.push(char::REPLACEMENT_CHARACTER);
    rest
}

fn four_digits(text: &str) -> Option<u16> {
    let digits = text.get(..4).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()))?;
    u16::from_str_radix(digits, 16).ok()
}

#[cfg(test)]
mod tests;
