//! Reads what is said: `X-Robots-Tag` headers, `meta` elements for robots, and `tdm-reservation` in either place. Unknown
//! words are passed over, as everybody does.

use reqwest::header::HeaderMap;

use super::{Directive, Directives, directive};

const X_ROBOTS_TAG: &str = "x-robots-tag";
const TDM_RESERVATION: &str = "tdm-reservation";

/// Directives that take a value after a colon, which is neither an agent's name nor a directive: `max-image-preview: none`
/// forbids nothing of ours.
const VALUED: [&str; 4] = ["unavailable_after", "max-snippet", "max-image-preview", "max-video-preview"];

/// The name that sites call a crawler by: the first word of its user agent, without a version.
#[must_use]
pub fn agent(user_agent: &str) -> &str {
    user_agent.split([' ', '/', '\t']).next().unwrap_or(user_agent)
}

/// What an answer's headers say to the crawler named `agent`.
#[must_use]
pub fn of_headers(headers: &HeaderMap, agent: &str) -> Directives {
    let tags = headers.get_all(X_ROBOTS_TAG).iter();
    let said = tags.fold(Directives::NONE, |said, value| said | tag(&String::from_utf8_lossy(value.as_bytes()), agent));
    let mut reservations = headers.get_all(TDM_RESERVATION).iter().filter_map(|value| value.to_str().ok());
    if reservations.any(reserves) { said | tdm() } else { said }
}

/// What a `meta` element with this name and content says to the crawler named `agent`.
#[must_use]
pub fn of_meta(name: &str, content: &str, agent: &str) -> Directives {
    let name = name.trim();
    if name.eq_ignore_ascii_case("robots") || (!agent.is_empty() && name.eq_ignore_ascii_case(agent)) {
        tag(content, name)
    } else if name.eq_ignore_ascii_case(TDM_RESERVATION) && reserves(content) {
        tdm()
    } else {
        Directives::NONE
    }
}

fn tdm() -> Directives {
    Directives::from_iter([Directive::Tdm])
}

/// `1` reserves; `0`, or anything else, does not (TDM Reservation Protocol, section 4).
fn reserves(value: &str) -> bool {
    value.split(',').any(|value| value.trim() == "1")
}

/// The value of one header: directives with commas between them. An agent's name with a colon says whom those mean that
/// follow it, up to the next such name or the end of the value; before any, everybody is meant.
fn tag(value: &str, us: &str) -> Directives {
    let (mut said, mut for_us) = (Directives::NONE, true);
    for mut piece in value.split(',') {
        while let Some((head, rest)) = piece.split_once(':') {
            let head = head.trim();
            if VALUED.iter().any(|valued| head.eq_ignore_ascii_case(valued)) {
                piece = "";
            } else if is_agent(head) {
                for_us = head == "*" || agent(head).eq_ignore_ascii_case(us);
                piece = rest;
            } else {
                // A directive with a colon too many, or the rest of a date.
                piece = head;
            }
        }
        if for_us {
            said = said | words(piece);
        }
    }
    said
}

/// Whether what stands before a colon is a crawler's name: one word, which is no directive and no number.
fn is_agent(head: &str) -> bool {
    let begins = head.starts_with(|first: char| first.is_ascii_alphabetic() || first == '*' || first == '_');
    begins && !head.contains(char::is_whitespace) && words(head).is_empty()
}

/// Directives; some sites put blanks between them.
fn words(piece: &str) -> Directives {
    let said = piece.split_whitespace().map(|word| match directive(word) {
        // Not a word for sites: they say it by another header.
        Some(Directive::Tdm) => Directives::NONE,
        Some(directive) => Directives::from_iter([directive]),
        None if word.eq_ignore_ascii_case("none") => Directives::from_iter([Directive::NoIndex, Directive::NoFollow]),
        None => Directives::NONE,
    });
    said.fold(Directives::NONE, |all, one| all | one)
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderValue;

    use super::*;

    fn set(words: &str) -> Directives {
        words.parse().expect("words")
    }

    #[test]
    fn a_header_is_read_with_its_agents() {
        for (value, expected) in [
            ("noindex", "noindex"),
            ("noai, noimageai", "noai,noimageai"),
            ("NOINDEX,NoFollow", "noindex,nofollow"),
            ("none", "noindex,nofollow"),
            ("all", ""),
            ("index, follow", ""),
            ("", ""),
            (",,:,", ""),
            ("noindex nofollow", "noindex,nofollow"),
            ("noarchive, nosnippet, notranslate", ""),
            ("tdm", ""),
            // For us, by name, in any case, with a version, and by the sign for everybody.
            ("warren: noai", "noai"),
            ("WARREN : noai", "noai"),
            ("warren/1.0: noai", "noai"),
            ("*: noai", "noai"),
            // For others.
            ("googlebot: nofollow", ""),
            ("otherbot: noindex, nofollow", ""),
            ("warrenbot: noindex", ""),
            // A name holds up to the next.
            ("BadBot: noindex, nofollow, googlebot: nofollow", ""),
            ("otherbot: noindex, warren: noai, noimageai", "noai,noimageai"),
            ("warren: noai, otherbot: noindex", "noai"),
            ("noimageindex, otherbot: noindex", "noimageindex"),
            ("otherbot: noindex, *: noai", "noai"),
            // A colon does not make an agent.
            ("unavailable_after: 25 Jun 2010 15:00:00 PST", ""),
            ("unavailable_after: Fri, 25 Jun 2010 15:00:00 PST, noindex", "noindex"),
            ("otherbot: unavailable_after: 25 Jun 2010 15:00:00 PST, noindex", ""),
            ("max-image-preview: none, noai", "noai"),
            ("max-snippet:-1, max-video-preview:-1, noai", "noai"),
            ("noindex max-image-preview: none", "noindex"),
            ("noindex:", "noindex"),
            ("12: noindex", ""),
        ] {
            assert_eq!(tag(value, "Warren"), set(expected), "{value:?}");
        }
    }

    #[test]
    fn each_header_begins_anew_and_all_count() {
        let mut headers = HeaderMap::new();
        headers.append(X_ROBOTS_TAG, HeaderValue::from_static("otherbot: noindex"));
        headers.append(X_ROBOTS_TAG, HeaderValue::from_static("noai"));
        headers.append(X_ROBOTS_TAG, HeaderValue::from_bytes(b"caf\xe9, noimageai").expect("a value"));
        assert_eq!(of_headers(&headers, "Warren"), set("noai,noimageai"));
        headers.append(TDM_RESERVATION, HeaderValue::from_static(" 1 "));
        assert_eq!(of_headers(&headers, "Warren"), set("noai,noimageai,tdm"));
        assert_eq!(of_headers(&HeaderMap::new(), "Warren"), Directives::NONE);
    }

    #[test]
    fn a_reservation_is_the_number_one() {
        for (value, expected) in
            [("1", true), ("0", false), ("", false), ("true", false), ("0, 1", true), ("11", false)]
        {
            assert_eq!(reserves(value), expected, "{value:?}");
        }
    }

    #[test]
    fn a_meta_element_is_read_by_its_name() {
        for (name, content, expected) in [
            ("robots", "noindex, nofollow", "noindex,nofollow"),
            ("ROBOTS", "NONE", "noindex,nofollow"),
            (" robots ", "noai,noimageai", "noai,noimageai"),
            ("robots", "index, follow, max-image-preview:large", ""),
            ("robots", "max-image-preview:none", ""),
            ("warren", "noimageindex", "noimageindex"),
            ("googlebot", "noindex", ""),
            ("robotsx", "noindex", ""),
            ("description", "noindex", ""),
            ("tdm-reservation", "1", "tdm"),
            ("TDM-Reservation", "0", ""),
        ] {
            assert_eq!(of_meta(name, content, "Warren"), set(expected), "{name} {content}");
        }
        assert_eq!(of_meta("", "noindex", ""), Directives::NONE);
    }

    #[test]
    fn the_agent_is_the_first_word_without_its_version() {
        for (user_agent, expected) in [("Warren/0.1 (+https://x)", "Warren"), ("MyBot", "MyBot"), ("My Bot", "My")] {
            assert_eq!(agent(user_agent), expected);
        }
    }
}
