//! The contact sheet's images: which are on it, and what the page is told of each. There is room for some thousands, whatever the run
//! has, so they are a fair choice.

use std::collections::HashMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use serde::Serialize;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::text::json_for_script;
use crate::insight::{Image, cut, is_kept};
use crate::ledger::RowId;
use crate::thumbnail::{Nothing, Thumbnail, Thumbnails};

/// Bytes of all thumbnails, at most, as they come; in the file they take a third more.
const ROOM: usize = 8 << 20;

/// What is to be seen when the sheet is opened is made first.
const FIRST: usize = 48;

/// Longest text of an image, in characters; shorter ones where strangers' texts would make the file too large. Addresses may be four
/// times as long.
const LONGEST: [usize; 3] = [300, 100, 30];

/// Bytes of what is said of all images, at most, without their pictures.
const WORDS: usize = 4 << 20;

/// What the page is told of an image.
#[derive(Debug, Serialize)]
pub(super) struct Entry<'a> {
    url: String,
    host: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    page: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    alt: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    caption: Option<String>,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    http_status: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    format: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    width: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    height: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fetched_at: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    duration_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    worker: Option<&'a str>,
    /// A WebP picture in base64.
    #[serde(skip_serializing_if = "Option::is_none")]
    thumbnail: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    thumbnail_size: Option<(u32, u32)>,
    /// Why there is none of an image that is in the store.
    #[serde(skip_serializing_if = "Option::is_none")]
    none: Option<&'static str>,
}

impl<'a> Entry<'a> {
    fn new(image: &'a Image, made: Option<&Result<Thumbnail, Nothing>>, longest: usize) -> Self {
        let short = |text: &Option<String>| text.as_deref().map(|text| cut(text, longest).into_owned());
        let none = match made {
            _ if !is_kept(image.status) => None,
            Some(Ok(_)) => None,
            Some(Err(Nothing::Svg)) => Some("SVG, not drawn"),
            Some(Err(Nothing::NotStored)) => Some("not in this store"),
            Some(Err(Nothing::Unreadable(_))) => Some("not readable here"),
            Some(Err(Nothing::Undecodable(_))) => Some("no picture"),
            None => Some("no thumbnail"),
        };
        let thumbnail = made.and_then(|made| made.as_ref().ok());
        Self {
            url: cut(&image.url, 4 * longest).into_owned(),
            host: &image.host,
            page: image.page_url.as_deref().map(|page| cut(page, 4 * longest).into_owned()),
            alt: short(&image.alt),
            title: short(&image.title),
            caption: short(&image.caption),
            status: image.status.as_str(),
            reason: image.reason.map(|reason| reason.to_string()),
            detail: short(&image.detail),
            http_status: image.http_status,
            format: image.format.as_deref(),
            width: image.width,
            height: image.height,
            bytes: image.bytes,
            path: image.path.as_deref(),
            fetched_at: image.fetched_at,
            duration_ms: image.duration_ms,
            worker: image.worker.as_deref(),
            thumbnail: thumbnail.map(|thumbnail| STANDARD.encode(&thumbnail.bytes)),
            thumbnail_size: thumbnail.map(|thumbnail| (thumbnail.width, thumbnail.height)),
            none,
        }
    }
}

/// The images of the sheet as JSON for a script element, and how many of them have a picture.
pub(super) fn json(images: &[Image], made: &Made) -> serde_json::Result<(String, usize)> {
    let [long, middle, short] = LONGEST;
    let mut longest = long;
    for shorter in [middle, short] {
        if written(images, &Made::new(), longest)?.len() <= WORDS {
            break;
        }
        longest = shorter;
    }
    let pictures = images.iter().filter(|image| made.get(&image.id).is_some_and(Result::is_ok)).count();
    Ok((written(images, made, longest)?, pictures))
}

fn written(images: &[Image], made: &Made, longest: usize) -> serde_json::Result<String> {
    let entries: Vec<_> = images.iter().map(|image| Entry::new(image, made.get(&image.id), longest)).collect();
    Ok(json_for_script(&serde_json::to_string(&serde_json::json!({ "images": entries }))?))
}

/// Thumbnails by their images.
pub(super) type Made = HashMap<RowId, Result<Thumbnail, Nothing>>;

/// Makes the thumbnails of those of `images` that are in the store, until this moment or the room is used up, or `stop` is cancelled.
/// What was begun then is left.
pub(super) async fn thumbnails(of: &Thumbnails, images: &[Image], until: Instant, stop: &CancellationToken) -> Made {
    const AT_ONCE: usize = 16;
    let mut kept: Vec<&Image> = images.iter().filter(|image| is_kept(image.status)).collect();
    let behind = kept.split_off(FIRST.min(kept.len()));
    let mut waiting = kept.into_iter().chain(scattered(behind));
    let begin = |image: &'_ Image| {
        let image = image.clone();
        async move { (image.id, of.of(&image).await) }
    };
    let mut making: FuturesUnordered<_> = waiting.by_ref().take(AT_ONCE).map(begin).collect();
    let (mut made, mut room) = (Made::new(), ROOM);
    loop {
        let next = tokio::select! {
            next = making.next() => next,
            () = tokio::time::sleep_until(until) => None,
            () = stop.cancelled() => None,
        };
        let Some((id, thumbnail)) = next else { break };
        let needed = thumbnail.as_ref().map_or(0, |thumbnail| thumbnail.bytes.len());
        if needed > room {
            break;
        }
        room -= needed;
        made.insert(id, thumbnail);
        making.extend(waiting.next().map(begin));
    }
    made
}

/// In an order in which the first so many are spread over all, whenever it breaks off: every 16th, then those in the middle between
/// them, and so on.
fn scattered<T>(all: Vec<T>) -> Vec<T> {
    let mut numbered: Vec<(usize, T)> = all.into_iter().enumerate().collect();
    numbered.sort_by_key(|(index, _)| (std::cmp::Reverse(index.trailing_zeros().min(4)), *index));
    numbered.into_iter().map(|(_, one)| one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::thumbnail::tests::image;

    #[test]
    fn texts_become_shorter_where_they_would_take_too_much_room() {
        let with = |id, text: &str| Image {
            id,
            alt: Some(text.to_owned()),
            title: Some(text.to_owned()),
            ..image(None, "png")
        };
        let all = |text: &str| (0..3500).map(|id| with(id, text)).collect::<Vec<_>>();
        let length = |text: &str| json(&all(text), &Made::new()).expect("JSON").0.len();
        assert!(length(&"a".repeat(250)) > 3500 * 500, "usual texts are whole");
        for hostile in ["<".repeat(2000), "\u{1}".repeat(2000), "\u{1f600}".repeat(2000)] {
            assert!(length(&hostile) < 5 << 20, "{}", length(&hostile));
        }
    }

    #[test]
    fn what_is_made_first_is_spread_over_all() {
        let order = scattered((0..40).collect::<Vec<_>>());
        assert_eq!(order[..6], [0, 16, 32, 8, 24, 4]);
        let mut sorted = order.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, (0..40).collect::<Vec<_>>());
    }
}
