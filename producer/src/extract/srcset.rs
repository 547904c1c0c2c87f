//! The `srcset` attribute, by the HTML standard's algorithm (4.8.4.3.10, "parsing a srcset attribute"), and the choice of
//! its largest candidate. Nothing is resolved here: URLs are text as written.

/// A candidate of a set.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Entry<'a> {
    /// The URL as written, never empty.
    pub(super) url: &'a str,
    /// The descriptors as written, separated by spaces; `None` if there are none, which means `1x`.
    pub(super) descriptor: Option<String>,
    /// `640w` is 640; greater than 0.
    pub(super) width: Option<u64>,
    /// `1.5x` is 1.5; not negative.
    pub(super) density: Option<f64>,
}

impl Entry<'_> {
    /// Whether this candidate is at least as large as the `src` beside its set, which is the set's `1x` and, where the set has
    /// widths, not part of it.
    pub(super) fn replaces_src(&self) -> bool {
        self.width.is_some() || self.density.unwrap_or(1.0) >= 1.0
    }

    /// Whether this candidate is larger than another of its set: by width where any has one, else by density. Of equals, the
    /// first is to be taken.
    ///
    /// A set that mixes the two is invalid; browsers turn widths into densities with `sizes`, which needs a viewport.
    pub(super) fn is_larger_than(&self, other: &Self) -> bool {
        self.size() > other.size()
    }

    fn size(&self) -> (u64, f64) {
        match self.width {
            Some(width) => (width, 0.0),
            None => (0, self.density.unwrap_or(1.0)),
        }
    }
}

/// The candidates of `input`, in order, without those that have invalid descriptors.
pub(super) fn parse(input: &str) -> Entries<'_> {
    Entries { rest: input }
}

/// The candidates that are still to come. One at a time, because a page can have a million.
#[derive(Debug)]
pub(super) struct Entries<'a> {
    rest: &'a str,
}

impl<'a> Iterator for Entries<'a> {
    type Item = Entry<'a>;

    fn next(&mut self) -> Option<Entry<'a>> {
        loop {
            self.rest = self.rest.trim_start_matches(|c| is_space(c) || c == ',');
            if self.rest.is_empty() {
                return None;
            }
            let (word, after) = self.rest.split_at(self.rest.find(is_space).unwrap_or(self.rest.len()));
            let url = word.trim_end_matches(',');
            // A URL may hold commas, but not end with one: there the candidate ends, without descriptors.
            let (descriptors, after) = if url.len() < word.len() { (Vec::new(), after) } else { tokenize(after) };
            self.rest = after;
            if let Some(entry) = entry(url, &descriptors) {
                return Some(entry);
            }
        }
    }
}

/// Splits descriptors up to the comma that ends the candidate; parentheses protect commas and spaces. Returns what follows.
/// Beyond the third, which is always one too many, they are not kept.
fn tokenize(input: &str) -> (Vec<&str>, &str) {
    let mut found = Vec::new();
    let mut start = 0;
    let mut parens = false;
    for (at, c) in input.char_indices() {
        match c {
            ')' if parens => parens = false,
            _ if parens => {}
            '(' => parens = true,
            ',' => {
                push(&mut found, &input[start..at]);
                return (found, &input[at + 1..]);
            }
            _ if is_space(c) => {
                push(&mut found, &input[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    push(&mut found, &input[start..]);
    (found, "")
}

fn push<'a>(found: &mut Vec<&'a str>, text: &'a str) {
    if !text.is_empty() && found.len() < 3 {
        found.push(text);
    }
}

/// The standard's "descriptor parser": `None` where it says that there is an error.
fn entry<'a>(url: &'a str, descriptors: &[&str]) -> Option<Entry<'a>> {
    let (mut width, mut density, mut height) = (None, None, None);
    for descriptor in descriptors {
        let unit = descriptor.chars().next_back()?;
        let number = &descriptor[..descriptor.len() - unit.len_utf8()];
        match unit {
            'w' if width.is_none() && density.is_none() => width = Some(integer(number).filter(|width| *width > 0)?),
            'x' if width.is_none() && density.is_none() && height.is_none() => density = Some(float(number)?),
            'h' if height.is_none() && density.is_none() => {
                height = Some(integer(number).filter(|height| *height > 0)?);
            }
            _ => return None,
        }
    }
    if height.is_some() && width.is_none() {
        return None;
    }
    let descriptor = (!descriptors.is_empty()).then(|| descriptors.join(" "));
    Some(Entry { url, descriptor, width, density })
}

/// A "valid non-negative integer" (2.3.4.2); one too large for us is as good as the largest.
fn integer(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().unwrap_or(u64::MAX))
}

/// A "valid floating-point number" (2.3.4.3) that is not negative. Rust's own parser also takes `+1`, `1.`, `inf` and `nan`.
fn float(text: &str) -> Option<f64> {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let (number, exponent) = text.split_once(['e', 'E']).map_or((text, None), |(number, e)| (number, Some(e)));
    let number = number.strip_prefix('-').unwrap_or(number);
    let valid = match number.split_once('.') {
        Some((whole, part)) => (whole.is_empty() || digits(whole)) && digits(part),
        None => digits(number),
    };
    let valid = valid && exponent.is_none_or(|e| digits(e.strip_prefix(['+', '-']).unwrap_or(e)));
    text.parse().ok().filter(|value| valid && *value >= 0.0)
}

/// ASCII white space of the Infra standard.
fn is_space(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\x0c' | '\r' | ' ')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(input: &str) -> Vec<String> {
        parse(input).map(|entry| format!("{} {}", entry.url, entry.descriptor.as_deref().unwrap_or("-"))).collect()
    }

    #[test]
    fn examples_of_the_standard() {
        let cases: [(&str, &[&str]); 8] = [
            ("pear-mobile.jpeg 720w, pear-tablet.jpeg 1280w", &["pear-mobile.jpeg 720w", "pear-tablet.jpeg 1280w"]),
            (
                "wolf_200.jpg 200w, wolf_400.jpg 400w, wolf_1600.jpg 1600w",
                &["wolf_200.jpg 200w", "wolf_400.jpg 400w", "wolf_1600.jpg 1600w"],
            ),
            (
                "banner-HD.jpeg 2x, banner-phone.jpeg 100w, banner-phone-HD.jpeg 100w 2x",
                &["banner-HD.jpeg 2x", "banner-phone.jpeg 100w"],
            ),
            (
                "/uploads/100-marie-lloyd.jpg 1x, /uploads/150-marie-lloyd.jpg 1.5x",
                &["/uploads/100-marie-lloyd.jpg 1x", "/uploads/150-marie-lloyd.jpg 1.5x"],
            ),
            ("clown-1.jpg, clown-2.jpg 2x", &["clown-1.jpg -", "clown-2.jpg 2x"]),
            ("image1.png 1x,image2.png 2x,image3.png 3x", &["image1.png 1x", "image2.png 2x", "image3.png 3x"]),
            ("data:,a ( , data:,b 1x, ), data:,c", &["data:,c -"]),
            ("data:image/png;base64,AA== 1x, b.png 2x", &["data:image/png;base64,AA== 1x", "b.png 2x"]),
        ];
        for (input, expected) in cases {
            assert_eq!(shown(input), expected, "{input}");
        }
    }

    #[test]
    fn commas_and_spaces() {
        let cases: [(&str, &[&str]); 9] = [
            ("", &[]),
            (" , ,\n", &[]),
            ("a", &["a -"]),
            (",a,,", &["a -"]),
            ("a,b", &["a,b -"]),
            ("a, b", &["a -", "b -"]),
            ("a,1x,b 2x", &["a,1x,b 2x"]),
            ("a\n1x\t,\r\n b\x0c2x ,", &["a 1x", "b 2x"]),
            ("/c_fill,w_100/a.jpg 1x , /c_fill,w_200/a.jpg 2x", &["/c_fill,w_100/a.jpg 1x", "/c_fill,w_200/a.jpg 2x"]),
        ];
        for (input, expected) in cases {
            assert_eq!(shown(input), expected, "{input:?}");
        }
    }

    #[test]
    fn descriptors() {
        let valid = [
            "1w",
            "01w",
            "10w 20h",
            "20h 10w",
            "0x",
            "1x",
            "1.5x",
            ".5x",
            "1e3x",
            "1E-3x",
            "-0x",
            "99999999999999999999w",
        ];
        let invalid = [
            "0w",
            "-1w",
            "+1w",
            "1.0w",
            "w",
            "1W",
            "-1x",
            "+1x",
            "1.x",
            "x",
            "infx",
            "nanx",
            "1e+x",
            "1h",
            "1w 1w",
            "1w 1x",
            "1x 1x",
            "1x 1h",
            "0h 1w",
            "1w (a, b)",
            "1q",
            "1",
            "ü",
            "1w 2w 3h",
        ];
        for text in valid {
            assert_eq!(parse(&format!("a {text}")).count(), 1, "{text}");
        }
        for text in invalid {
            assert_eq!(shown(&format!("a {text}, b")), ["b -"], "{text}");
        }
    }

    #[test]
    fn the_largest() {
        let cases = [
            ("a 100w, b 300w, c 200w", "b"),
            ("a 1x, b 3x, c 2.5x", "b"),
            ("a, b 0.5x", "a"),
            ("a 2x, b", "a"),
            ("a 5x, b 1w", "b"),
            ("a 2x, b 2x", "a"),
            ("a 300w 100h, b 300w 900h", "a"),
        ];
        for (input, expected) in cases {
            let largest = parse(input).reduce(|best, entry| if entry.is_larger_than(&best) { entry } else { best });
            assert_eq!(largest.map(|entry| entry.url), Some(expected), "{input}");
        }
    }
}
