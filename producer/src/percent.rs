//! Percent-encodings in addresses, as far as two ways of writing them are one address.

use std::borrow::Cow;

/// The hexadecimal digits of percent-encodings in upper case (RFC 3986, 6.2.2.1); borrowed where they are.
#[must_use]
pub(crate) fn upper_percent(text: &str) -> Cow<'_, str> {
    let bytes = text.as_bytes();
    let lower = |at: usize| {
        let digits = bytes.get(at + 1..at + 3)?;
        let hex = digits.iter().all(u8::is_ascii_hexdigit) && digits.iter().any(u8::is_ascii_lowercase);
        (bytes[at] == b'%' && hex).then_some(())
    };
    if !(0..bytes.len()).any(|at| lower(at).is_some()) {
        return Cow::Borrowed(text);
    }
    let mut upper = String::with_capacity(text.len());
    let mut digits = 0;
    for (at, letter) in text.char_indices() {
        if letter == '%' && lower(at).is_some() {
            digits = 3;
        }
        upper.push(if digits > 0 { letter.to_ascii_uppercase() } else { letter });
        digits = usize::saturating_sub(digits, 1);
    }
    Cow::Owned(upper)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percent_encodings_are_written_in_upper_case() {
        for (text, expected) in [
            ("/a%2fb", "/a%2Fb"),
            ("/a%2Fb", "/a%2Fb"),
            ("/%e4%zz%", "/%E4%zz%"),
            ("/ab%c", "/ab%c"),
            ("/%c3%a4-%c3x", "/%C3%A4-%C3x"),
        ] {
            assert_eq!(upper_percent(text), expected);
            assert_eq!(upper_percent(expected), expected);
        }
    }
}
