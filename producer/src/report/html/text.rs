//! Words and numbers for people, and texts as HTML has them. Whatever comes from a ledger goes through [`escaped`].

use std::borrow::Cow;
use std::time::{Duration, UNIX_EPOCH};

/// A text as it stands between tags or in an attribute with double quotes. Characters that steer (controls, but for white space)
/// are left out: they are not allowed in HTML.
pub(super) fn escaped(text: &str) -> Cow<'_, str> {
    let is_special = |letter: char| matches!(letter, '&' | '<' | '>' | '"' | '\'') || steers(letter);
    if !text.contains(is_special) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            letter if steers(letter) => {}
            letter => out.push(letter),
        }
    }
    Cow::Owned(out)
}

fn steers(letter: char) -> bool {
    letter.is_control() && !letter.is_whitespace()
}

/// A stranger's text, which keeps its direction to itself.
pub(super) fn isolated(text: &str) -> String {
    format!("<bdi>{}</bdi>", escaped(text))
}

/// JSON as it can stand in a script element: nothing in it ends the element, or begins a comment.
pub(super) fn json_for_script(json: &str) -> String {
    json.replace('<', "\\u003c")
}

/// With a comma between thousands.
pub(super) fn number(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A moment in UTC, to the second.
pub(super) fn moment(ms: u64) -> String {
    let at = UNIX_EPOCH.checked_add(Duration::from_secs(ms / 1000));
    // Later than the library knows how to write.
    let at = at.filter(|_| ms < 253_402_300_800_000);
    at.map_or_else(
        || "far in the future".to_owned(),
        |at| humantime::format_rfc3339_seconds(at).to_string().replace('T', " "),
    )
}

/// A length of time, in the two largest units.
pub(super) fn length_of_time(seconds: f64) -> String {
    if seconds < 60.0 {
        return format!("{seconds:.1} s");
    }
    let whole = Duration::try_from_secs_f64(seconds).map_or(0, |time| time.as_secs());
    match whole {
        0..3600 => format!("{} min {} s", whole / 60, whole % 60),
        3600..86_400 => format!("{} h {} min", whole / 3600, whole / 60 % 60),
        _ => format!("{} d {} h", whole / 86_400, whole / 3600 % 24),
    }
}

/// Milliseconds.
pub(super) fn milliseconds(ms: u64) -> String {
    match ms {
        0..10_000 => format!("{ms} ms"),
        _ => format!("{} s", ms / 1000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_a_text_is_markup() {
        assert_eq!(escaped("plain, é\n"), "plain, é\n");
        assert_eq!(escaped(r#"<script>"'&"#), "&lt;script&gt;&quot;&#39;&amp;");
        assert_eq!(escaped("a\0b\u{1b}c\u{85}"), "abc\u{85}");
        assert_eq!(isolated("\u{202e}<b>"), "<bdi>\u{202e}&lt;b&gt;</bdi>");
        let json = json_for_script(r#"{"alt":"</script><!--<script>"}"#);
        assert!(!json.contains('<'));
        let read: serde_json::Value = serde_json::from_str(&json).expect("still JSON");
        assert_eq!(read["alt"], "</script><!--<script>");
    }

    #[test]
    fn numbers_and_times_read_well() {
        assert_eq!([0, 999, 1000, 1_234_567].map(number), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!(moment(1_795_452_711_329), "2026-11-23 16:51:51Z");
        assert_eq!(moment(u64::MAX), "far in the future");
        assert_eq!([2.04, 61.0, 3700.0, 90_000.0].map(length_of_time), ["2.0 s", "1 min 1 s", "1 h 1 min", "1 d 1 h"]);
        assert_eq!([0, 9999, 10_000].map(milliseconds), ["0 ms", "9999 ms", "10 s"]);
    }
}
