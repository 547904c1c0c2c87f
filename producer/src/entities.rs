//! Character references where no HTML parser has been: in sitemaps, and in JSON that a template escaped for HTML. XML's own
//! names, numbers and `nbsp`; the other two thousand names of HTML, and those of a DTD, stay as they are.

/// The longest reference that is one, without `&` and `;`: `#x10FFFF`.
const LONGEST: usize = 8;

/// `text` without its references.
pub(crate) fn decode(text: &str) -> String {
    let mut decoded = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        decoded.push_str(&rest[..at]);
        let behind = &rest[at + 1..];
        let name = behind.bytes().take(LONGEST + 1).position(|byte| byte == b';').map(|end| &behind[..end]);
        if let Some((name, c)) = name.and_then(|name| Some((name, character(name)?))) {
            decoded.push(c);
            rest = &behind[name.len() + 1..];
        } else {
            decoded.push('&');
            rest = behind;
        }
    }
    decoded.push_str(rest);
    decoded
}

fn character(name: &str) -> Option<char> {
    Some(match name {
        "amp" => '&',
        "quot" => '"',
        "apos" => '\'',
        "lt" => '<',
        "gt" => '>',
        "nbsp" => '\u{a0}',
        _ => {
            let number = name.strip_prefix('#')?;
            let code = match number.strip_prefix(['x', 'X']) {
                Some(hex) => u32::from_str_radix(hex, 16),
                None => number.parse(),
            };
            char::from_u32(code.ok()?)?
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references() {
        let cases = [
            ("", ""),
            ("a&amp;b", "a&b"),
            ("&quot;&apos;&lt;&gt;&#39;&#x27;&#X2F;&nbsp;", "\"'<>''/\u{a0}"),
            ("&amp;amp;", "&amp;"),
            ("?a=1&b=2&copy=3;", "?a=1&b=2&copy=3;"),
            ("&;&&#;&#x;&#xD800;&#x110000;&#-1;", "&;&&#;&#x;&#xD800;&#x110000;&#-1;"),
            ("&#x10FFFF;&#x010FFFF;", "\u{10ffff}&#x010FFFF;"),
            ("é&é;&", "é&é;&"),
        ];
        for (text, expected) in cases {
            assert_eq!(decode(text), expected, "{text}");
        }
    }
}
