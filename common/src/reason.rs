//! The fixed short words that say why an image has the outcome it has, and which of them are worth another try.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Why an image was not stored. Its text is the manifest's `reason`; `docs/output.md` lists the words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Reason {
    /// The text is no URL, or is longer than Warren takes.
    BadUrl,
    /// Neither `http` nor `https`.
    Scheme,
    /// The address is loopback, private or otherwise special, and `--allow-private` was not given.
    PrivateAddress,
    /// robots.txt of the image's host disallows it, or answers with a server error, which RFC 9309 (2.3.1.4) reads as
    /// "nothing may be fetched".
    Robots,
    /// An `X-Robots-Tag` header of the image, or of the page that it was found on, opts out.
    XRobotsTag,
    /// A `meta` element of the page, for robots or for us by name, opts out.
    MetaRobots,
    /// Found by links alone that are not to be followed.
    NoFollow,
    /// Rights to text and data mining are reserved by the image's header, or the page's header or `meta`.
    TdmReservation,
    /// The server answered with this status, which carries no image.
    Http(u16),
    /// Connecting or the whole transfer took longer than allowed.
    Timeout,
    /// The body came more slowly than `--min-rate`.
    TooSlow,
    /// The connection was refused or could not be made.
    Connect,
    /// The host's name has no address, or could not be looked up.
    Dns,
    /// The TLS handshake failed: certificate, name or protocol.
    Tls,
    /// The connection broke.
    Network,
    /// What the server says is not HTTP, or breaks its rules.
    BadHttp,
    /// The answer has too many headers, or too long ones.
    Headers,
    /// More redirects than are followed, or a loop.
    Redirects,
    /// The server says that it is elsewhere, where the producer sends for it next; never an image's last word.
    Redirected,
    /// The body is longer than `--max-bytes`, as it comes or decompressed.
    TooLarge,
    /// The body's `Content-Encoding` could not be undone.
    Encoding,
    /// More pixels than `--max-pixels`.
    TooManyPixels,
    /// The answer has no body.
    Empty,
    /// The bytes are no image of a known format.
    NotAnImage,
    /// The bytes end before the image does.
    Truncated,
    /// The bytes begin as an image, and then contradict themselves or their format.
    Malformed,
    /// No decoder makes a picture of the bytes; told with `--verify decode`, and where a copy is wanted.
    Undecodable,
    /// Its format is none of `--formats`.
    FilteredFormat,
    /// Shorter than `--min-bytes`.
    FilteredMinBytes,
    /// Narrower or lower than `--min-size`.
    FilteredMinSize,
    /// Wider or higher than `--max-size`.
    FilteredMaxSize,
    /// One side is longer than `--max-aspect` times the other.
    FilteredMaxAspect,
    /// Its message went to the dead letters: no downloader could read it, or none survived it.
    DeadLettered,
}

/// Every reason that is a single word; `http-NNN` is the one that is not.
const WORDS: [(&str, Reason); Reason::WORDS] = [
    ("bad-url", Reason::BadUrl),
    ("scheme", Reason::Scheme),
    ("private-address", Reason::PrivateAddress),
    ("robots", Reason::Robots),
    ("x-robots-tag", Reason::XRobotsTag),
    ("meta-robots", Reason::MetaRobots),
    ("nofollow", Reason::NoFollow),
    ("tdm-reservation", Reason::TdmReservation),
    ("timeout", Reason::Timeout),
    ("too-slow", Reason::TooSlow),
    ("connect", Reason::Connect),
    ("dns", Reason::Dns),
    ("tls", Reason::Tls),
    ("network", Reason::Network),
    ("bad-http", Reason::BadHttp),
    ("headers", Reason::Headers),
    ("redirects", Reason::Redirects),
    ("redirected", Reason::Redirected),
    ("too-large", Reason::TooLarge),
    ("encoding", Reason::Encoding),
    ("too-many-pixels", Reason::TooManyPixels),
    ("empty", Reason::Empty),
    ("not-an-image", Reason::NotAnImage),
    ("truncated", Reason::Truncated),
    ("malformed", Reason::Malformed),
    ("undecodable", Reason::Undecodable),
    ("filtered-format", Reason::FilteredFormat),
    ("filtered-min-bytes", Reason::FilteredMinBytes),
    ("filtered-min-size", Reason::FilteredMinSize),
    ("filtered-max-size", Reason::FilteredMaxSize),
    ("filtered-max-aspect", Reason::FilteredMaxAspect),
    ("dead-lettered", Reason::DeadLettered),
];

impl Reason {
    /// How many reasons are a single word.
    pub const WORDS: usize = 32;

    /// Every reason that is a single word: all but `http-NNN`.
    pub fn words() -> impl Iterator<Item = &'static str> {
        WORDS.iter().map(|(word, _)| *word)
    }

    /// Its word, if it is a single one.
    #[must_use]
    pub fn word(self) -> Option<&'static str> {
        WORDS.iter().find(|(_, reason)| *reason == self).map(|(word, _)| *word)
    }

    /// Whether the same request may well succeed later. The one classification that retries rest on.
    ///
    /// Transient statuses are those that RFC 9110 and RFC 6585 describe as passing (408, 425, 429, 500, 502, 503, 504)
    /// and the 52x family that proxies in front of an unreachable origin use. What is not HTTP may be the rest of another answer
    /// on the same connection, whose length was a lie; the next try has a connection of its own.
    #[must_use]
    pub fn is_transient(self) -> bool {
        match self {
            Self::Timeout
            | Self::TooSlow
            | Self::Connect
            | Self::Dns
            | Self::Network
            | Self::BadHttp
            | Self::Truncated
            | Self::Redirected => true,
            Self::Http(status) => matches!(status, 408 | 425 | 429 | 500 | 502..=504 | 520..=529),
            _ => false,
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Self::Http(status) = self {
            return write!(f, "http-{status}");
        }
        f.write_str(self.word().unwrap_or("unknown"))
    }
}

impl FromStr for Reason {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(status) = text.strip_prefix("http-").and_then(|digits| digits.parse().ok()) {
            return Ok(Self::Http(status));
        }
        let known = WORDS.iter().find(|(word, _)| *word == text).map(|(_, reason)| *reason);
        known.ok_or_else(|| format!("{text:?} is no known reason"))
    }
}

impl TryFrom<String> for Reason {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Reason> for String {
    fn from(reason: Reason) -> Self {
        reason.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_round_trips() {
        for (word, reason) in WORDS {
            assert_eq!(reason.to_string(), word);
            assert_eq!(word.parse(), Ok(reason));
        }
        assert_eq!("http-404".parse(), Ok(Reason::Http(404)));
        assert_eq!(Reason::Http(404).to_string(), "http-404");
        assert!("http-".parse::<Reason>().is_err());
        assert!("no-such-word".parse::<Reason>().is_err());
    }

    #[test]
    fn passing_troubles_are_tried_again_and_lasting_ones_are_not() {
        for reason in [Reason::Timeout, Reason::Connect, Reason::Dns, Reason::Network, Reason::Truncated] {
            assert!(reason.is_transient(), "{reason}");
        }
        for reason in [Reason::TooSlow, Reason::BadHttp] {
            assert!(reason.is_transient(), "{reason}");
        }
        for status in [408, 425, 429, 500, 502, 503, 504, 520, 529] {
            assert!(Reason::Http(status).is_transient(), "{status}");
        }
        for status in [400, 401, 403, 404, 410, 451, 501, 505] {
            assert!(!Reason::Http(status).is_transient(), "{status}");
        }
        for reason in [Reason::XRobotsTag, Reason::MetaRobots, Reason::NoFollow, Reason::TdmReservation] {
            assert!(!reason.is_transient(), "{reason}");
        }
        for reason in [Reason::Headers, Reason::Encoding] {
            assert!(!reason.is_transient(), "{reason}");
        }
        for reason in [Reason::Tls, Reason::NotAnImage, Reason::TooLarge, Reason::Robots, Reason::PrivateAddress] {
            assert!(!reason.is_transient(), "{reason}");
        }
    }
}
