//! Texts from messages on a terminal: whoever can publish could otherwise move its cursor, or turn a line around.

use std::fmt::Write as _;

/// The text with everything escaped that is not shown as itself, cut after `longest` characters.
pub(crate) fn printable(text: &str, longest: usize) -> String {
    let mut shown = String::new();
    for (number, character) in text.chars().enumerate() {
        if number == longest {
            shown.push('…');
            break;
        }
        if character.is_control() || turns_around(character) {
            // Writing to a string does not fail.
            write!(shown, "{}", character.escape_unicode()).unwrap_or(());
        } else {
            shown.push(character);
        }
    }
    shown
}

/// The marks by which Unicode turns the direction of writing, or separates lines.
fn turns_around(character: char) -> bool {
    matches!(character, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{61c}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_obey_is_escaped() {
        assert_eq!(printable("http://a/ä.png", 100), "http://a/ä.png");
        assert_eq!(printable("a\u{1b}[2Jb\nc", 100), "a\\u{1b}[2Jb\\u{a}c");
        assert_eq!(printable("gnp.\u{202e}exe", 100), "gnp.\\u{202e}exe");
    }

    #[test]
    fn what_is_too_long_is_cut() {
        assert_eq!(printable("abc", 3), "abc");
        assert_eq!(printable("abcd", 3), "abc…");
    }
}
