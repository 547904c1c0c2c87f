//! Texts of others (errors, what servers say) as part of a message of ours.

/// A text as one line of at most so many bytes: control characters become spaces.
pub(crate) fn one_line(text: &str, most: usize) -> String {
    let mut line = text.replace(char::is_control, " ");
    line.truncate(line.floor_char_boundary(most));
    line
}
