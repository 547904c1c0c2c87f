//! Crawler traps: addresses that lead on and on without leading anywhere. Looked for in an address alone; what is noticed by
//! the way to it (page after page that brings nothing new) is noticed in the ledger, which knows what is new.

use url::Url;

/// How often a folder, or a sequence of folders, may follow itself in a path. Real sites repeat a name once or twice; a
/// relative link that goes astray on every page repeats it for ever.
const REPEATS: usize = 3;

/// Folders in a path, at most.
const DEEPEST: usize = 40;

/// Shortest session's name that is taken for one, in bytes: a short value of `sid` may be anything.
const SHORTEST_SESSION: usize = 16;

/// Parameters whose value names a visitor's session and changes nothing of the page (lower case).
const SESSIONS: [&str; 9] =
    ["jsessionid", "phpsessid", "sessionid", "session_id", "sid", "aspsessionid", "oscsid", "zenid", "cftoken"];

/// Why a link is not followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trap {
    /// A folder comes again and again.
    RepeatedPath,
    /// More folders than any site has.
    DeepPath,
}

/// The trap that an address shows, if any. Takes time linear in its length but for the number of folders, which is capped.
#[must_use]
pub fn shown_by(url: &Url) -> Option<Trap> {
    let segments: Vec<&str> = url.path().split('/').filter(|segment| !segment.is_empty()).collect();
    if segments.len() > DEEPEST {
        return Some(Trap::DeepPath);
    }
    // A file's name may be that of its folder; the folders alone are looked at, and the last only if it is one.
    let folders =
        if url.path().ends_with('/') { &segments[..] } else { segments.split_last().map_or(&[][..], |it| it.1) };
    repeats(folders).then_some(Trap::RepeatedPath)
}

/// Whether a sequence of folders follows itself too often. Numbers may: `/0/0/0/` is how archives spread their files.
fn repeats(folders: &[&str]) -> bool {
    let longest = folders.len() / (REPEATS + 1);
    (1..=longest).any(|length| {
        folders.windows(length * (REPEATS + 1)).any(|window| {
            let (first, rest) = window.split_at(length);
            let has_letter = first.iter().any(|folder| folder.bytes().any(|byte| byte.is_ascii_alphabetic()));
            has_letter && rest.chunks(length).all(|chunk| chunk == first)
        })
    })
}

/// Takes the names of sessions out of an address. Says whether there were any.
pub fn strip_session(url: &mut Url) -> bool {
    let mut stripped = false;
    if let Some((before, after)) = url.path().split_once(';')
        && let Some((name, rest)) = after.split_once('=')
        && SESSIONS.contains(&&*name.to_ascii_lowercase())
    {
        // What follows the parameter stays: `/cart;jsessionid=AB/item`.
        let rest = rest.find(['/', ';']).map_or("", |end| &rest[end..]);
        let path = format!("{before}{rest}");
        url.set_path(&path);
        stripped = true;
    }
    let Some(query) = url.query() else { return stripped };
    let kept: Vec<&str> = query.split('&').filter(|pair| !is_session(pair)).collect();
    if kept.len() < query.split('&').count() {
        let query = kept.join("&");
        url.set_query(Some(query.as_str()).filter(|query| !query.is_empty()));
        stripped = true;
    }
    stripped
}

fn is_session(pair: &str) -> bool {
    let Some((name, value)) = pair.split_once('=') else { return false };
    let name = name.to_ascii_lowercase();
    let named = SESSIONS.contains(&name.as_str()) || name.starts_with("aspsessionid");
    let letters = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b',' | b'.' | b'!');
    named && value.len() >= SHORTEST_SESSION && value.bytes().all(letters)
}

/// Whether two addresses differ in numbers alone: the months of a calendar, the pages of a list.
#[must_use]
pub fn are_alike(one: &Url, other: &Url) -> bool {
    one.as_str() != other.as_str() && shape(one) == shape(other)
}

/// An address with every run of digits as one sign, its parameters in one order.
fn shape(url: &Url) -> String {
    let mut parameters: Vec<&str> = url.query().unwrap_or_default().split('&').collect();
    parameters.sort_unstable();
    let text = format!("{}{}?{}", url.authority(), url.path(), parameters.join("&"));
    let mut shape = String::with_capacity(text.len());
    for letter in text.chars() {
        let letter = if letter.is_ascii_digit() { '0' } else { letter };
        if letter != '0' || !shape.ends_with('0') {
            shape.push(letter);
        }
    }
    shape
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        text.parse().expect("a URL")
    }

    #[test]
    fn paths_that_repeat_themselves_are_traps_and_ordinary_ones_are_not() {
        for (path, trap) in [
            ("/a/b/c/d/e.html", None),
            ("/en/en/en/index.html", None),
            ("/en/en/en/en/index.html", Some(Trap::RepeatedPath)),
            ("/a/b/a/b/a/b/a/b/", Some(Trap::RepeatedPath)),
            ("/a/b/a/b/a/b/", None),
            ("/0/0/0/0/0/x", None),
            ("/x/x/x/x", None),
            ("/", None),
            ("/img//img//img//img//a", Some(Trap::RepeatedPath)),
        ] {
            assert_eq!(shown_by(&url(&format!("http://h{path}"))), trap, "{path}");
        }
        let deep = |folders: usize| {
            let path: Vec<String> = (0..folders).map(|number| format!("f{number}")).collect();
            shown_by(&url(&format!("http://h/{}", path.join("/"))))
        };
        assert_eq!((deep(DEEPEST), deep(DEEPEST + 1)), (None, Some(Trap::DeepPath)));
    }

    #[test]
    fn sessions_are_taken_out_and_everything_else_stays() {
        for (text, expected) in [
            ("http://h/a;jsessionid=0123456789ABCDEF?x=1", "http://h/a?x=1"),
            ("http://h/a;jsessionid=AB/item", "http://h/a/item"),
            ("http://h/?PHPSESSID=0123456789abcdef0123456789abcdef", "http://h/"),
            ("http://h/?a=1&sid=0123456789abcdef&b=2", "http://h/?a=1&b=2"),
            ("http://h/?sid=42", "http://h/?sid=42"),
            ("http://h/?ASPSESSIONIDQQ=0123456789abcdef", "http://h/"),
            ("http://h/?q=%2F&empty", "http://h/?q=%2F&empty"),
            ("http://h/a;v=1", "http://h/a;v=1"),
        ] {
            let mut address = url(text);
            assert_eq!(strip_session(&mut address), text != expected, "{text}");
            assert_eq!(address.as_str(), expected);
            assert!(!strip_session(&mut address), "once is enough: {text}");
        }
    }

    #[test]
    fn addresses_are_alike_that_differ_in_numbers_alone() {
        for (one, other, alike) in [
            ("http://h/cal?month=12&year=2024", "http://h/cal?month=1&year=2025", true),
            ("http://h/cal?year=2025&month=1", "http://h/cal?month=1&year=2024", true),
            ("http://h/2024/05/", "http://h/2024/6/", true),
            ("http://h/a", "http://h/b", false),
            ("http://h/1", "http://h/1", false),
            ("http://h/1", "http://g/1", false),
        ] {
            assert_eq!(are_alike(&url(one), &url(other)), alike, "{one} {other}");
        }
    }
}
