//! What is known of a stored image, as its JSON member and its row of the Parquet file have it: img2dataset's columns first and
//! unchanged, then Warren's own under the manifest's names.

use std::io::{self, Write};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use common::parquet_rows::{Column, Kind, Value};
use serde::{Deserialize, Serialize};
use serde_json::ser::PrettyFormatter;
use serde_json::{Map, Serializer};

use super::read::MAX_TEXT;
use crate::store::Image;

/// How a list's images are said to be found; a caption is the list's own then.
const LIST: &str = "list";

/// img2dataset's word. There is no other: what was not stored is in no shard.
const SUCCESS: &str = "success";

/// A row; `docs/output.md` explains the fields. The order is that of the columns. Shards that an older version left open are
/// read by it too: a field that is added has to be an `Option`, or their images would be taken for cut ones.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Row {
    pub(super) caption: Option<String>,
    pub(super) url: String,
    pub(super) key: String,
    status: String,
    error_message: Option<String>,
    width: Option<i32>,
    height: Option<i32>,
    original_width: Option<i32>,
    original_height: Option<i32>,
    exif: Option<String>,
    sha256: String,
    run: String,
    final_url: Option<String>,
    page_url: Option<String>,
    source: Option<String>,
    alt: Option<String>,
    title: Option<String>,
    /// The manifest's `caption`, which img2dataset's stands in the way of.
    page_caption: Option<String>,
    extra: Option<Map<String, serde_json::Value>>,
    http_status: Option<i32>,
    content_type: Option<String>,
    format: String,
    bytes: u64,
    worker: String,
    /// RFC 3339, UTC, milliseconds.
    fetched_at: String,
    duration_ms: u64,
    /// Of the member, where it is a copy: what `format`, `bytes` and `sha256` are of what was received.
    copy_format: Option<String>,
    copy_bytes: Option<u64>,
    copy_sha256: Option<String>,
    phash: Option<String>,
}

/// What a row says of the member that has the picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Picture<'a> {
    pub(super) format: &'a str,
    pub(super) bytes: u64,
    pub(super) sha256: &'a str,
}

impl Row {
    pub(super) fn new(key: &str, image: &Image, worker: &str) -> Self {
        let about = &*image.about;
        let (context, outcome) = (&about.context, &about.outcome);
        let listed = context.source.as_deref() == Some(LIST);
        let pixels = |side: Option<u32>| side.and_then(|side| i32::try_from(side).ok());
        let (original_width, original_height) = (pixels(outcome.width), pixels(outcome.height));
        let copy = outcome.copy.as_deref();
        Self {
            caption: if listed { &context.caption } else { &context.alt }.clone().filter(|text| !text.is_empty()),
            url: context.url.as_ref().unwrap_or(&about.url).clone(),
            key: key.to_owned(),
            status: SUCCESS.to_owned(),
            error_message: None,
            width: copy.map_or(original_width, |copy| pixels(Some(copy.width))),
            height: copy.map_or(original_height, |copy| pixels(Some(copy.height))),
            original_width,
            original_height,
            exif: outcome.exif.clone(),
            sha256: outcome.sha256.as_ref().unwrap_or(&image.sha256).clone(),
            run: about.run.as_str().to_owned(),
            final_url: outcome.final_url.clone(),
            page_url: context.page_url.clone(),
            source: context.source.clone(),
            alt: context.alt.clone(),
            title: context.title.clone(),
            page_caption: context.caption.clone().filter(|_| !listed),
            extra: context.extra.as_ref().and_then(|extra| serde_json::from_str(extra).ok()),
            http_status: outcome.http_status.map(Into::into),
            content_type: outcome.content_type.clone(),
            format: outcome.format.as_deref().unwrap_or(image.format).to_owned(),
            bytes: outcome.bytes.unwrap_or(image.bytes.len() as u64),
            worker: worker.to_owned(),
            fetched_at: humantime::format_rfc3339_millis(moment(outcome.fetched_at)).to_string(),
            duration_ms: outcome.duration_ms,
            copy_format: copy.map(|copy| copy.format.clone()),
            copy_bytes: copy.map(|copy| copy.bytes),
            copy_sha256: copy.map(|copy| copy.sha256.clone()),
            phash: outcome.phash.clone(),
        }
    }

    /// What the member is that has the picture: the image, or the copy that is kept instead.
    pub(super) fn picture(&self) -> Picture<'_> {
        match (&self.copy_format, self.copy_bytes, &self.copy_sha256) {
            (Some(format), Some(bytes), Some(sha256)) => Picture { format, bytes, sha256 },
            _ => Picture { format: &self.format, bytes: self.bytes, sha256: &self.sha256 },
        }
    }

    /// Writes it as Python's `json.dumps(row, indent=4)` does.
    pub(super) fn write(&self, out: impl Write) -> io::Result<()> {
        let mut json = Serializer::with_formatter(out, PrettyFormatter::with_indent(b"    "));
        Ok(self.serialize(&mut json)?)
    }

    /// Its text, such that it can be read back. Further columns for which it cannot, because they are nested too deeply or are too
    /// long with all their lines indented, are dropped: no list may make a shard that nobody can complete.
    pub(super) fn readable(&mut self) -> io::Result<Vec<u8>> {
        let mut json = Vec::with_capacity(1 << 10);
        self.write(&mut json)?;
        let is_readable = |json: &[u8]| json.len() as u64 <= MAX_TEXT && serde_json::from_slice::<Self>(json).is_ok();
        if self.extra.is_some() && !is_readable(&json) {
            self.extra = None;
            json.clear();
            self.write(&mut json)?;
        }
        Ok(json)
    }

    /// When the fetch began, and when it ended, in milliseconds since 1970.
    pub(super) fn span(&self) -> (u64, u64) {
        let since = humantime::parse_rfc3339(&self.fetched_at).ok().and_then(|at| at.duration_since(UNIX_EPOCH).ok());
        let begin = since.map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(0));
        (begin, begin.saturating_add(self.duration_ms))
    }

    /// When the fetch began, in seconds since 1970.
    pub(super) fn seconds(&self) -> u64 {
        self.span().0 / 1000
    }

    /// The columns of the Parquet file.
    pub(super) fn columns() -> Vec<Column> {
        use Kind::{Int32, Int64, Text, Timestamp};
        let columns = [
            ("caption", Text),
            ("url", Text),
            ("key", Text),
            ("status", Text),
            ("error_message", Text),
            ("width", Int32),
            ("height", Int32),
            ("original_width", Int32),
            ("original_height", Int32),
            ("exif", Text),
            ("sha256", Text),
            ("run", Text),
            ("final_url", Text),
            ("page_url", Text),
            ("source", Text),
            ("alt", Text),
            ("title", Text),
            ("page_caption", Text),
            ("extra", Text),
            ("http_status", Int32),
            ("content_type", Text),
            ("format", Text),
            ("bytes", Int64),
            ("worker", Text),
            ("fetched_at", Timestamp),
            ("duration_ms", Int64),
            ("copy_format", Text),
            ("copy_bytes", Int64),
            ("copy_sha256", Text),
            ("phash", Text),
        ];
        columns.into_iter().map(|(name, kind)| Column::new(name, kind)).collect()
    }

    /// The values of the columns; `extra` is the further columns as text.
    pub(super) fn values<'a>(&'a self, extra: Option<&'a str>) -> Vec<Value<'a>> {
        let text = |text: &'a str| Value::Text(text);
        let maybe = |text: &'a Option<String>| text.as_deref().map_or(Value::Null, Value::Text);
        let small = |number: Option<i32>| number.map_or(Value::Null, Value::Int32);
        let large = |number: u64| i64::try_from(number).map_or(Value::Null, Value::Int64);
        vec![
            maybe(&self.caption),
            text(&self.url),
            text(&self.key),
            text(&self.status),
            maybe(&self.error_message),
            small(self.width),
            small(self.height),
            small(self.original_width),
            small(self.original_height),
            maybe(&self.exif),
            text(&self.sha256),
            text(&self.run),
            maybe(&self.final_url),
            maybe(&self.page_url),
            maybe(&self.source),
            maybe(&self.alt),
            maybe(&self.title),
            maybe(&self.page_caption),
            extra.map_or(Value::Null, Value::Text),
            small(self.http_status),
            maybe(&self.content_type),
            text(&self.format),
            large(self.bytes),
            text(&self.worker),
            i64::try_from(self.span().0).map_or(Value::Null, Value::Timestamp),
            large(self.duration_ms),
            maybe(&self.copy_format),
            self.copy_bytes.map_or(Value::Null, large),
            maybe(&self.copy_sha256),
            maybe(&self.phash),
        ]
    }

    /// The list's further columns as text.
    pub(super) fn extra(&self) -> Option<String> {
        self.extra.as_ref().and_then(|extra| serde_json::to_string(extra).ok())
    }
}

fn moment(ms: u64) -> SystemTime {
    // The clock of this machine said so.
    UNIX_EPOCH.checked_add(Duration::from_millis(ms)).unwrap_or(UNIX_EPOCH)
}
