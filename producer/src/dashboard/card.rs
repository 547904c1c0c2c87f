//! An image as the dashboard's pages get it: what people look at, in texts of bounded length. They are as strangers wrote them; the
//! pages put them in as text and never as markup.

use common::outcome::Status;
use common::reason::Reason;
use serde::Serialize;

use crate::insight::{Image, cut, is_kept};
use crate::ledger::RowId;

/// Longest address that is given, in characters; what is longer is cut, and leads nowhere.
const LONGEST_URL: usize = 2000;

/// Longest other text.
const LONGEST_TEXT: usize = 300;

/// An image.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Card {
    id: RowId,
    url: String,
    /// Whether `url` is whole and may be followed.
    linked: bool,
    host: String,
    page_url: Option<String>,
    /// What its page says of it: the first there is of `alt`, title and caption.
    text: Option<String>,
    status: Status,
    reason: Option<Reason>,
    detail: Option<String>,
    http_status: Option<u16>,
    format: Option<String>,
    width: Option<u64>,
    height: Option<u64>,
    bytes: Option<u64>,
    attempts: u64,
    worker: Option<String>,
    fetched_at: Option<u64>,
    duration_ms: Option<u64>,
    /// Whether there is something in the store to be shown.
    kept: bool,
}

impl From<Image> for Card {
    fn from(image: Image) -> Self {
        let said = [image.alt, image.title, image.caption].into_iter().flatten().find(|text| !text.trim().is_empty());
        let is_page = |url: &str| url.starts_with("http://") || url.starts_with("https://");
        Self {
            id: image.id,
            linked: is_page(&image.url) && image.url.len() <= LONGEST_URL,
            url: cut(&image.url, LONGEST_URL).into_owned(),
            host: cut(&image.host, LONGEST_TEXT).into_owned(),
            page_url: image.page_url.filter(|url| is_page(url) && url.len() <= LONGEST_URL),
            text: said.map(|text| cut(&text, LONGEST_TEXT).into_owned()),
            status: image.status,
            reason: image.reason,
            detail: image.detail.map(|detail| cut(&detail, LONGEST_TEXT).into_owned()),
            http_status: image.http_status,
            format: image.format,
            width: image.width,
            height: image.height,
            bytes: image.bytes,
            attempts: image.attempts,
            worker: image.worker.map(|worker| cut(&worker, LONGEST_TEXT).into_owned()),
            fetched_at: image.fetched_at,
            duration_ms: image.duration_ms,
            kept: is_kept(image.status) && image.path.is_some(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_beyond_its_limit() {
        for (length, expected) in [(2, "ää"), (3, "äää"), (4, "äää…")] {
            assert_eq!(cut(&"ä".repeat(length), 3), expected);
        }
    }
}
