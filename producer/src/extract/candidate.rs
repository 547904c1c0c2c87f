//! An image that a page or a list names, with what is known of it before it is fetched. Plain data: the line that
//! `producer extract` prints is its JSON.

use serde::{Serialize, Serializer};
use url::Url;

/// One image and where it was found. Its JSON is a line of `producer extract`; unknown fields are null.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Candidate {
    /// The address, absolute, `http` or `https`, without its fragment (which no request carries).
    #[serde(serialize_with = "as_text")]
    pub url: Url,
    /// How the page names it.
    pub source: Source,
    /// The descriptors of a `srcset` entry as written, such as `640w` or `2x`.
    pub descriptor: Option<String>,
    /// The `alt` attribute of the `img` or `area`.
    pub alt: Option<String>,
    /// The `title` attribute.
    pub title: Option<String>,
    /// The `figcaption` of the nearest `figure` around it.
    pub caption: Option<String>,
}

/// `Url` has no serialisation of its own without a feature that nothing else here needs.
fn as_text<S: Serializer>(url: &Url, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(url.as_str())
}

/// How an image was named. The words are the contract's and stand in the manifest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// `src` of an `img`.
    Img,
    /// `srcset` of an `img`.
    Srcset,
    /// `srcset` of a `source` in a `picture`.
    Picture,
    /// `href` of an `a` or `area`, by the file name's ending.
    Link,
    /// A row of a list.
    List,
}

impl Source {
    /// The word in the manifest and in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Img => "img",
            Self::Srcset => "srcset",
            Self::Picture => "picture",
            Self::Link => "link",
            Self::List => "list",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_has_the_fields_of_the_contract() {
        let candidate = Candidate {
            url: "https://example.org/a.png".parse().expect("a URL"),
            source: Source::Srcset,
            descriptor: Some("2x".into()),
            alt: None,
            title: None,
            caption: None,
        };
        assert_eq!(
            serde_json::to_string(&candidate).expect("JSON"),
            r#"{"url":"https://example.org/a.png","source":"srcset","descriptor":"2x","alt":null,"title":null,"caption":null}"#
        );
    }

    #[test]
    fn json_and_word_agree() {
        for source in [Source::Img, Source::Srcset, Source::Picture, Source::Link, Source::List] {
            assert_eq!(serde_json::json!(source), source.as_str());
        }
    }
}
