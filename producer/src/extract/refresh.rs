//! Where `meta http-equiv=refresh` leads: the HTML standard's "shared declarative refresh steps" (7.4.3). When it does is of
//! no use to us.

/// The address in `content` as written; `None` if it names none, and the page would come again, or if it is no refresh.
pub(super) fn target(content: &str) -> Option<&str> {
    let rest = skip(content);
    let behind = rest.trim_start_matches(|c: char| c.is_ascii_digit());
    if behind.len() == rest.len() && !rest.starts_with('.') {
        return None;
    }
    let rest = behind.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
    if !rest.starts_with(|c: char| is_space(c) || matches!(c, ';' | ',')) {
        return None;
    }
    let rest = skip(rest);
    let rest = skip(rest.strip_prefix([';', ',']).unwrap_or(rest));
    let url = match (named(rest), rest) {
        (Named::Not, rest) => rest,
        (Named::Is(value), _) => unquoted(value),
        (Named::Quoted, rest) => unquoted(rest),
    };
    Some(url).filter(|url| !url.is_empty())
}

/// What stands where `url=` may stand.
enum Named<'a> {
    /// Something else, which is the address.
    Not,
    /// It, and this behind it.
    Is(&'a str),
    /// Something that does not begin with `u`, which may be in quotes.
    Quoted,
}

fn named(rest: &str) -> Named<'_> {
    if !rest.starts_with(['u', 'U']) {
        return Named::Quoted;
    }
    let word = rest.get(..3).filter(|word| word.eq_ignore_ascii_case("url"));
    match word.and_then(|_| skip(&rest[3..]).strip_prefix('=')) {
        Some(value) => Named::Is(skip(value)),
        None => Named::Not,
    }
}

/// Without the quote at its beginning, and what stands behind its fellow.
fn unquoted(text: &str) -> &str {
    match text.chars().next() {
        Some(quote @ ('"' | '\'')) => text[1..].split(quote).next().unwrap_or_default(),
        _ => text,
    }
}

fn skip(text: &str) -> &str {
    text.trim_start_matches(is_space)
}

fn is_space(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\x0c' | '\r' | ' ')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_steps_of_the_standard() {
        let cases = [
            ("0; url=next", Some("next")),
            ("5;URL='a b'x", Some("a b")),
            (" \n1.5 , url = \"x", Some("x")),
            ("0;next.html", Some("next.html")),
            ("0 next.html", Some("next.html")),
            ("0;'q'", Some("q")),
            (".5;x", Some("x")),
            ("0;;x", Some(";x")),
            ("0;urn:x", Some("urn:x")),
            ("0;url", Some("url")),
            ("0;url x", Some("url x")),
            ("0;ur=x", Some("ur=x")),
            ("1..2;x", Some("x")),
            ("0;url=", None),
            ("0;url=''", None),
            ("30", None),
            ("30;", None),
            ("", None),
            ("x;url=y", None),
            ("-1;url=y", None),
            ("0x;url=y", None),
            ("0;ü", Some("ü")),
        ];
        for (content, expected) in cases {
            assert_eq!(target(content), expected, "{content:?}");
        }
    }
}
