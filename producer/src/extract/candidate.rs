//! An image that a page or a list names, with what is known of it before it is fetched. Plain data: the line that
//! `producer extract` prints is its JSON.

use bytes::Bytes;
use serde::{Serialize, Serializer};
use url::Url;

/// One image and where it was found. Its JSON is a line of `producer extract`; unknown fields are null.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Candidate {
    /// The address, absolute, `http` or `https`, without its fragment (which no request carries). Of an image that the page
    /// itself holds it is a short name: `data:`, the MIME type, `;sha256=` and 32 hexadecimal digits.
    #[serde(serialize_with = "as_text")]
    pub url: Url,
    /// How the page names it first.
    pub source: Source,
    /// Every way in which the page names it, the first first.
    pub sources: Vec<Source>,
    /// The descriptors of a `srcset` entry as written, such as `640w` or `2x`.
    pub descriptor: Option<String>,
    /// The `alt` attribute of the `img` or `area`, or what a `meta` says in its place.
    pub alt: Option<String>,
    /// The `title` attribute, else that of the link around it; in `svg` the `title` element.
    pub title: Option<String>,
    /// The `figcaption` of the nearest `figure` around it, or what stands in its place.
    pub caption: Option<String>,
    /// The bytes of a `data:` URI: there is nothing to fetch.
    #[serde(skip)]
    pub inline: Option<Bytes>,
    /// Reached by links (`a`, `area`) alone.
    #[serde(skip)]
    pub linked_only: bool,
    /// Reached by links alone, all of which ask not to be followed (`rel=nofollow`).
    #[serde(skip)]
    pub nofollow: bool,
}

impl Candidate {
    /// An image of which nothing is known but where it is.
    #[must_use]
    pub fn new(url: Url, source: Source) -> Self {
        Self {
            url,
            source,
            sources: vec![source],
            descriptor: None,
            alt: None,
            title: None,
            caption: None,
            inline: None,
            linked_only: false,
            nofollow: false,
        }
    }
}

/// `Url` has no serialisation of its own without a feature that nothing else here needs.
fn as_text<S: Serializer>(url: &Url, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(url.as_str())
}

/// How an image was named. The words are the contract's and stand in the manifest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// `src` of an `img`, an `amp-img` or an `input type=image`.
    Img,
    /// `srcset` of an `img` or an `amp-img`.
    Srcset,
    /// `srcset` of a `source` in a `picture`.
    Picture,
    /// An attribute that a script turns into the image's address when it is needed, such as `data-src`.
    Lazy,
    /// A style sheet, a `style` attribute, or the old attribute `background`.
    Css,
    /// A `meta` element, or a `link` with `itemprop`.
    Meta,
    /// A `script` of linked data.
    JsonLd,
    /// `href` of an `a` or `area`, `data` of an `object`, `src` of an `embed` (by the file name's ending or the type), or
    /// a `link` that names an image other than an icon.
    Link,
    /// A `link` to an icon.
    Icon,
    /// `poster` of a `video`.
    Poster,
    /// Whatever stands in `noscript`.
    Noscript,
    /// `image`, `use` and `feImage` of `svg`.
    Svg,
    /// A sitemap or a feed.
    Sitemap,
    /// A row of a list.
    List,
    /// A `data:` URI, wherever it stands.
    Data,
}

impl Source {
    /// All of them.
    #[cfg(test)]
    const ALL: [Self; 15] = [
        Self::Img,
        Self::Srcset,
        Self::Picture,
        Self::Lazy,
        Self::Css,
        Self::Meta,
        Self::JsonLd,
        Self::Link,
        Self::Icon,
        Self::Poster,
        Self::Noscript,
        Self::Svg,
        Self::Sitemap,
        Self::List,
        Self::Data,
    ];

    /// The word in the manifest and in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Img => "img",
            Self::Srcset => "srcset",
            Self::Picture => "picture",
            Self::Lazy => "lazy",
            Self::Css => "css",
            Self::Meta => "meta",
            Self::JsonLd => "json-ld",
            Self::Link => "link",
            Self::Icon => "icon",
            Self::Poster => "poster",
            Self::Noscript => "noscript",
            Self::Svg => "svg",
            Self::Sitemap => "sitemap",
            Self::List => "list",
            Self::Data => "data",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_has_the_fields_of_the_contract() {
        let url = "https://example.org/a.png".parse().expect("a URL");
        let candidate = Candidate {
            sources: vec![Source::Srcset, Source::JsonLd],
            descriptor: Some("2x".into()),
            inline: Some(Bytes::from_static(b"x")),
            ..Candidate::new(url, Source::Srcset)
        };
        let json = serde_json::to_string(&candidate).expect("JSON");
        let expected = concat!(
            r#"{"url":"https://example.org/a.png","source":"srcset","sources":["srcset","json-ld"],"descriptor":"2x","#,
            r#""alt":null,"title":null,"caption":null}"#
        );
        assert_eq!(json, expected);
    }

    #[test]
    fn json_and_word_agree() {
        for source in Source::ALL {
            assert_eq!(serde_json::json!(source), source.as_str());
        }
    }
}
