//! What the producer knows of an image before anybody has seen it: where it was found, and what is said of it there. A task
//! brings it along for layouts of the store that keep it beside the image.

use serde::{Deserialize, Serialize};

/// Where an image was found, and what is said of it there. Absent is "not known". Texts come from strangers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Context {
    /// Its address as accepted, if redirects led elsewhere since.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// The page it was found on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub page_url: Option<String>,
    /// Link hops from a seed to that page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub depth: Option<u32>,
    /// How it was found: the manifest's word.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// What the page says of it in this attribute.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alt: Option<String>,
    /// What the page says of it in this attribute.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// The figure's caption on a page; of a list, its caption column.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub caption: Option<String>,
    /// The list's further columns: a JSON object, as text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub extra: Option<String>,
}

impl Context {
    /// Longest text of each kind, in bytes.
    pub const MAX_TEXT: usize = 16 << 10;

    /// Texts of a message, all together and in bytes. JSON may need six for one of them (a control character), so with
    /// the addresses, which have a limit of their own, they fit a message.
    pub const MAX_TEXTS: usize = 128 << 10;

    /// Whether nothing is known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The texts, of which each has at most [`Context::MAX_TEXT`] bytes.
    pub(crate) fn texts(&self) -> impl Iterator<Item = &str> {
        [&self.source, &self.alt, &self.title, &self.caption, &self.extra].into_iter().filter_map(Option::as_deref)
    }

    /// The addresses.
    pub(crate) fn addresses(&self) -> impl Iterator<Item = &str> {
        [&self.url, &self.page_url].into_iter().filter_map(Option::as_deref)
    }
}
