//! The encoding that a page declares of itself, by the HTML standard's "prescan a byte stream to determine its encoding"
//! (13.2.3.3): `meta` and the XML declaration, in the first 1,024 bytes. It is no parser: it knows comments, tags and
//! attributes, nothing else.

use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};

/// How far the standard asks us to look, in bytes.
const REACH: usize = 1024;

/// The encoding declared at the beginning of `bytes`.
pub(super) fn declared(bytes: &[u8]) -> Option<&'static Encoding> {
    let head = &bytes[..bytes.len().min(REACH)];
    if head.starts_with(b"<\0?\0x\0") {
        return Some(UTF_16LE);
    }
    if head.starts_with(b"\0<\0?\0x") {
        return Some(UTF_16BE);
    }
    meta(head).or_else(|| xml(head))
}

fn meta(head: &[u8]) -> Option<&'static Encoding> {
    let mut scan = Scan { bytes: head, at: 0 };
    while scan.at < head.len() {
        let rest = scan.rest();
        if rest.starts_with(b"<!--") {
            // The two dashes of the end may be those of the beginning: `<!-->` is a comment.
            scan.at += 2 + find(&rest[2..], b"-->")? + 2;
        } else if is_meta(rest) {
            scan.at += 5;
            if let Some(found) = scan.meta_attributes() {
                return Some(found);
            }
        } else if is_tag(rest) {
            scan.at += rest.iter().position(|byte| is_space(*byte) || *byte == b'>')?;
            while scan.attribute().is_some() {}
        } else if matches!(rest, [b'<', b'!' | b'/' | b'?', ..]) {
            scan.at += find(rest, b">")?;
        }
        scan.at += 1;
    }
    None
}

fn is_meta(rest: &[u8]) -> bool {
    rest.len() > 5 && rest[..5].eq_ignore_ascii_case(b"<meta") && (is_space(rest[5]) || rest[5] == b'/')
}

fn is_tag(rest: &[u8]) -> bool {
    match rest {
        [b'<', b'/', letter, ..] | [b'<', letter, ..] => letter.is_ascii_alphabetic(),
        _ => false,
    }
}

/// The standard's "get an XML encoding": `<?xml ... encoding="..."`.
fn xml(head: &[u8]) -> Option<&'static Encoding> {
    let declaration = head.strip_prefix(b"<?xml")?;
    let declaration = &declaration[..find(declaration, b">")?];
    let value = declaration[find(declaration, b"encoding")? + 8..].trim_ascii_start().strip_prefix(b"=")?;
    let value = value.trim_ascii_start();
    let quote = *value.first().filter(|byte| matches!(byte, b'"' | b'\''))?;
    let label = value[1..].split(|byte| *byte == quote).next()?;
    let is_label = !label.iter().any(|byte| *byte <= b' ');
    Encoding::for_label(label).filter(|_| is_label).map(|found| if is_utf16(found) { UTF_8 } else { found })
}

/// The standard's "extracting a character encoding from a meta element": `text/html; charset=...`.
fn content_charset(content: &[u8]) -> Option<&'static Encoding> {
    let lower = content.to_ascii_lowercase();
    let mut rest = &lower[..];
    loop {
        rest = rest[find(rest, b"charset")? + 7..].trim_ascii_start();
        if let Some(value) = rest.strip_prefix(b"=") {
            return label(value.trim_ascii_start());
        }
    }
}

fn label(value: &[u8]) -> Option<&'static Encoding> {
    let label = match value.first()? {
        // One that is never closed is no label.
        quote @ (b'"' | b'\'') => &value[1..][..value[1..].iter().position(|byte| byte == quote)?],
        _ => value.split(|byte| is_space(*byte) || *byte == b';').next()?,
    };
    Encoding::for_label(label)
}

/// A position in the bytes.
struct Scan<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Scan<'a> {
    fn rest(&self) -> &'a [u8] {
        &self.bytes[self.at.min(self.bytes.len())..]
    }

    /// The attributes of a `meta`: its encoding, if it is one that declares an encoding.
    fn meta_attributes(&mut self) -> Option<&'static Encoding> {
        let (mut is_pragma, mut needs_pragma, mut charset) = (false, None, None);
        let mut seen: Vec<Vec<u8>> = Vec::new();
        while let Some((name, value)) = self.attribute() {
            if seen.contains(&name) {
                continue;
            }
            match &name[..] {
                b"http-equiv" => is_pragma |= value == b"content-type",
                b"content" if charset.is_none() => {
                    charset = content_charset(&value).map(Some);
                    needs_pragma = charset.map(|_| true);
                }
                b"charset" => {
                    charset = Some(Encoding::for_label(&value));
                    needs_pragma = Some(false);
                }
                _ => {}
            }
            seen.push(name);
        }
        // A tag that the bytes do not end declares nothing.
        self.rest().first()?;
        let found = charset.flatten().filter(|_| needs_pragma.is_some_and(|needs| !needs || is_pragma))?;
        Some(match found {
            // It was read as ASCII, so it is not UTF-16; x-user-defined is the standard's other exception.
            _ if is_utf16(found) => UTF_8,
            _ if found.name() == "x-user-defined" => WINDOWS_1252,
            _ => found,
        })
    }

    /// The standard's "get an attribute": name and value in lower case. `None` at the end of the tag or of the bytes.
    fn attribute(&mut self) -> Option<(Vec<u8>, Vec<u8>)> {
        self.skip(|byte| is_space(byte) || byte == b'/');
        if *self.rest().first()? == b'>' {
            return None;
        }
        let name_at = self.at;
        // An `=` in the first place belongs to the name.
        self.at += 1;
        self.skip(|byte| !is_space(byte) && !matches!(byte, b'/' | b'>' | b'='));
        let name = self.bytes[name_at..self.at].to_ascii_lowercase();
        self.skip(is_space);
        if *self.rest().first()? != b'=' {
            return Some((name, Vec::new()));
        }
        self.at += 1;
        self.skip(is_space);
        let value_at = self.at;
        let value = if let quote @ (b'"' | b'\'') = *self.rest().first()? {
            self.at += 1;
            self.skip(|byte| byte != quote);
            self.rest().first()?;
            self.at += 1;
            &self.bytes[value_at + 1..self.at - 1]
        } else {
            self.skip(|byte| !is_space(byte) && byte != b'>');
            self.rest().first()?;
            &self.bytes[value_at..self.at]
        };
        Some((name, value.to_ascii_lowercase()))
    }

    fn skip(&mut self, skipped: impl Fn(u8) -> bool) {
        self.at += self.rest().iter().take_while(|byte| skipped(**byte)).count();
    }
}

fn is_utf16(encoding: &'static Encoding) -> bool {
    encoding == UTF_16BE || encoding == UTF_16LE
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b'\t' | b'\n' | b'\x0c' | b'\r' | b' ')
}

fn find(bytes: &[u8], pattern: &[u8]) -> Option<usize> {
    bytes.windows(pattern.len()).position(|window| window == pattern)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn declarations() {
        let cases: [(&str, Option<&str>); 25] = [
            ("<meta charset=koi8-r>", Some("KOI8-R")),
            ("<META CHARSET = ' KOI8-R '/>", Some("KOI8-R")),
            ("<meta/charset=koi8-r>", Some("KOI8-R")),
            ("<meta http-equiv=Content-Type content='text/html; charset=koi8-r'>", Some("KOI8-R")),
            ("<meta content='text/html; charset = \"koi8-r\" x' http-equiv=content-type>", Some("KOI8-R")),
            ("<meta content='text/html; charset=koi8-r'>", None),
            ("<meta http-equiv=refresh content='charset=koi8-r'>", None),
            ("<meta charset=koi8-r charset=utf-8>", Some("KOI8-R")),
            ("<meta charset=nonsense><meta charset=koi8-r>", Some("KOI8-R")),
            ("<meta charset=utf-16le>", Some("UTF-8")),
            ("<meta charset=x-user-defined>", Some("windows-1252")),
            ("<!-- <meta charset=utf-8> --><meta charset=koi8-r>", Some("KOI8-R")),
            ("<!--><meta charset=koi8-r>", Some("KOI8-R")),
            ("<p title='<meta charset=utf-8>'><meta charset=koi8-r>", Some("KOI8-R")),
            ("</p title='<meta charset=utf-8>'><meta charset=koi8-r>", Some("KOI8-R")),
            ("<!doctype <meta charset=utf-8><meta charset=koi8-r>", Some("KOI8-R")),
            ("<metadata charset=koi8-r>", None),
            ("<meta charset=koi8-r", None),
            ("<meta charset=koi8-r x", None),
            ("<meta charset='koi8-r", None),
            ("<?xml version='1.0' encoding='koi8-r'?>", Some("KOI8-R")),
            ("<?xml version='1.0' encoding='utf-16'?>", Some("UTF-8")),
            ("<?xml version='1.0' encoding='utf-8'?><meta charset=koi8-r>", Some("KOI8-R")),
            (" <?xml encoding='koi8-r'?>", None),
            ("<\0?\0x\0m\0l\0", Some("UTF-16LE")),
        ];
        for (html, expected) in cases {
            assert_eq!(declared(html.as_bytes()).map(Encoding::name), expected, "{html}");
        }
    }

    #[test]
    fn it_ends_after_1024_bytes() {
        let meta = "<meta charset=koi8-r>";
        for (padding, found) in
            [(1024 - meta.len() - 1, true), (1024 - meta.len(), true), (1024 - meta.len() + 1, false)]
        {
            let page = " ".repeat(padding) + meta;
            assert_eq!(declared(page.as_bytes()).is_some(), found, "{padding}");
        }
    }

    #[test]
    fn no_bytes_are_a_panic() {
        let page = b"<!-- x --><meta http-equiv='content-type' content='text/html; charset=\"koi8-r\"'><?xml encoding='a'?></p a=b>";
        for start in 0..page.len() {
            for end in start..=page.len() {
                declared(&page[start..end]);
            }
        }
    }
}
