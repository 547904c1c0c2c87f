//! Single images: those in given rows, or those that match, a page at a time.

use std::time::{Duration, Instant};

use common::outcome::Status;
use common::reason::Reason;
use rusqlite::types::{ToSql, Value};
use rusqlite::{Connection, OptionalExtension, Row, params_from_iter};
use serde::{Deserialize, Serialize};

use super::{Insight, reason_at, status_at};
use crate::ledger::{LedgerError, RowId};

/// Images that are given at once, at most.
pub const LONGEST_PAGE: usize = 500;

/// Longest text that is searched for, in characters; more of it is left out.
const LONGEST_TEXT: usize = 200;

/// Images that are looked at before the time is.
const STRIDE: RowId = 20_000;

/// Longest time that is searched before what was found is given.
const PATIENCE: Duration = Duration::from_millis(400);

const COLUMNS: &str = "SELECT images.id, images.url, hosts.name, coalesce(images.page_url, pages.final_url, pages.url), source, alt,
         title, caption, status, images.reason, images.detail, images.http_status, format, width, height, scripted, bytes, path,
         copy_path, copy_format, copy_width, copy_height, copy_bytes, attempts - images.hops, worker, fetched_at, duration_ms
     FROM images JOIN hosts ON hosts.id = images.host LEFT JOIN pages ON pages.id = images.page";

/// An image, with the fields of the manifest that people look at. All texts are as strangers wrote them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Image {
    /// Its row, by which it is found again, ascending in the order of acceptance.
    pub id: RowId,
    /// Its address, or what stood in a list instead of one.
    pub url: String,
    /// Name and port of its host.
    pub host: String,
    /// The page on which it was found.
    pub page_url: Option<String>,
    /// How it was found.
    pub source: String,
    /// What the page says of it.
    pub alt: Option<String>,
    /// Likewise.
    pub title: Option<String>,
    /// Likewise, or what the list says.
    pub caption: Option<String>,
    /// Its status.
    pub status: Status,
    /// Why; of an outstanding image, why its last try failed.
    pub reason: Option<Reason>,
    /// The cause in words, where the reason alone does not say it.
    pub detail: Option<String>,
    /// Status code of the last answer.
    pub http_status: Option<u16>,
    /// What the bytes are.
    pub format: Option<String>,
    /// In pixels.
    pub width: Option<u64>,
    /// In pixels.
    pub height: Option<u64>,
    /// Whether it is an SVG that carries script.
    pub scripted: Option<bool>,
    /// Its length.
    pub bytes: Option<u64>,
    /// Where it is in the store.
    pub path: Option<String>,
    /// Where its copy is in the store; that is `path` too where the copy alone was stored.
    pub copy_path: Option<String>,
    /// The copy's format.
    pub copy_format: Option<String>,
    /// In pixels.
    pub copy_width: Option<u64>,
    /// In pixels.
    pub copy_height: Option<u64>,
    /// The copy's length.
    pub copy_bytes: Option<u64>,
    /// Tries that were answered for.
    pub attempts: u64,
    /// Name of the downloader that answered.
    pub worker: Option<String>,
    /// When its fetch began, in milliseconds since 1970 UTC.
    pub fetched_at: Option<u64>,
    /// How long it took.
    pub duration_ms: Option<u64>,
}

/// What images are wanted. Nothing said: all.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Filter {
    /// With one of these statuses; none: with any.
    pub statuses: Vec<Status>,
    /// With this reason.
    pub reason: Option<Reason>,
    /// Of this host: its name and port, in whole.
    pub host: Option<String>,
    /// Of this format.
    pub format: Option<String>,
    /// With this text in its address, `alt`, title, caption, or in the address of its page; a letter of ASCII is found in either case.
    pub text: Option<String>,
}

/// In which order images are given.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Order {
    /// Those that were accepted first come first.
    #[default]
    First,
    /// Those that were accepted last come first.
    Last,
}

/// A page of images.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ImagePage {
    /// The images.
    pub images: Vec<Image>,
    /// Where to go on; `None` at the end. There may be such a place behind a page that is not full, or empty: what matches is
    /// rare then, and the time was over.
    pub next: Option<RowId>,
}

impl Insight {
    /// The image in this row.
    pub fn image(&self, id: RowId) -> Result<Option<Image>, LedgerError> {
        self.look(|sql| {
            sql.prepare_cached(&format!("{COLUMNS} WHERE images.id = ?1"))?.query_row([id], read).optional()
        })
    }

    /// The images in these rows, in their order; rows that are not there are left out.
    pub fn images_at(&self, ids: &[RowId]) -> Result<Vec<Image>, LedgerError> {
        self.look(|sql| {
            let mut statement = sql.prepare_cached(&format!("{COLUMNS} WHERE images.id = ?1"))?;
            let images = ids.iter().map(|id| statement.query_row([id], read).optional());
            images.filter_map(Result::transpose).collect()
        })
    }

    /// The images that match, behind the place `after`, `limit` of them or at most [`LONGEST_PAGE`]. Ends after 400 ms with
    /// what was found till then.
    pub fn images(
        &self,
        filter: &Filter,
        order: Order,
        after: Option<RowId>,
        limit: usize,
    ) -> Result<ImagePage, LedgerError> {
        let until = Instant::now() + PATIENCE;
        self.look(|sql| search(sql, filter, order, after, limit.clamp(1, LONGEST_PAGE), until))
    }
}

fn search(
    sql: &Connection,
    filter: &Filter,
    order: Order,
    after: Option<RowId>,
    limit: usize,
    until: Instant,
) -> rusqlite::Result<ImagePage> {
    let (conditions, values) = filter.conditions(sql)?;
    let last: RowId = sql.query_row("SELECT coalesce(max(id), 0) FROM images", [], |row| row.get(0))?;
    let direction = if order == Order::First { "ASC" } else { "DESC" };
    // In the order of the rows and by nothing else: a page is full soon, or the search ends by its time.
    let wanted = COLUMNS.replace("FROM images", "FROM images NOT INDEXED");
    let mut statement = sql.prepare_cached(&format!(
        "{wanted} WHERE images.id BETWEEN ? AND ? {conditions} ORDER BY images.id {direction} LIMIT ?"
    ))?;
    let mut images: Vec<Image> = Vec::new();
    // The next row to look at.
    let mut at = match order {
        Order::First => after.unwrap_or(0).saturating_add(1),
        Order::Last => after.map_or(last, |after| after.saturating_sub(1).min(last)),
    };
    while (1..=last).contains(&at) {
        let (from, to) = match order {
            Order::First => (at, (at + STRIDE - 1).min(last)),
            Order::Last => ((at - STRIDE + 1).max(1), at),
        };
        let rest = limit - images.len();
        let numbers = [from, to].map(Value::Integer);
        let bound = numbers.iter().chain(&values).map(|value| value as &dyn ToSql);
        let rest = Value::Integer(i64::try_from(rest).unwrap_or(i64::MAX));
        let found = statement.query_map(params_from_iter(bound.chain([&rest as &dyn ToSql])), read)?;
        for image in found {
            images.push(image?);
        }
        let looked_at = match (images.last(), order) {
            (Some(image), _) if images.len() == limit => image.id,
            (_, Order::First) => to,
            (_, Order::Last) => from,
        };
        at = if order == Order::First { looked_at + 1 } else { looked_at - 1 };
        if images.len() == limit || Instant::now() >= until {
            let next = (1..=last).contains(&at).then_some(looked_at);
            return Ok(ImagePage { images, next });
        }
    }
    Ok(ImagePage { images, next: None })
}

impl Filter {
    /// It in SQL, each condition with an `AND` before it, and the values for it.
    fn conditions(&self, sql: &Connection) -> rusqlite::Result<(String, Vec<Value>)> {
        let mut conditions = String::new();
        let mut values = Vec::new();
        let mut add = |condition: &str, with: Vec<Value>| {
            conditions.push_str(" AND ");
            conditions.push_str(condition);
            values.extend(with);
        };
        if !self.statuses.is_empty() {
            let places = vec!["?"; self.statuses.len()].join(", ");
            let words = self.statuses.iter().map(|status| Value::from(status.as_str().to_owned()));
            add(&format!("status IN ({places})"), words.collect());
        }
        if let Some(reason) = self.reason {
            add("images.reason = ?", vec![Value::from(reason.to_string())]);
        }
        if let Some(host) = &self.host {
            let find = "SELECT id FROM hosts WHERE name = ?1";
            let id: Option<RowId> = sql.prepare_cached(find)?.query_row([host], |row| row.get(0)).optional()?;
            add("images.host = ?", vec![Value::from(id)]);
        }
        if let Some(format) = &self.format {
            add("format = ?", vec![Value::from(format.clone())]);
        }
        if let Some(text) = self.text.as_deref().map(str::trim).filter(|text| !text.is_empty()) {
            let like = like(text);
            let columns =
                ["images.url", "alt", "title", "caption", "coalesce(images.page_url, pages.final_url, pages.url)"];
            let any = columns.map(|column| format!("{column} LIKE ? ESCAPE '\\'")).join(" OR ");
            add(&format!("({any})"), vec![Value::from(like); columns.len()]);
        }
        Ok((conditions, values))
    }
}

/// A pattern of SQL that finds this text wherever it stands.
fn like(text: &str) -> String {
    let mut pattern = "%".to_owned();
    for letter in text.chars().take(LONGEST_TEXT) {
        if matches!(letter, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(letter);
    }
    pattern + "%"
}

fn read(row: &Row<'_>) -> rusqlite::Result<Image> {
    Ok(Image {
        id: row.get(0)?,
        url: row.get(1)?,
        host: row.get(2)?,
        page_url: row.get(3)?,
        source: row.get(4)?,
        alt: row.get(5)?,
        title: row.get(6)?,
        caption: row.get(7)?,
        status: status_at(row, 8)?,
        reason: reason_at(row, 9)?,
        detail: row.get(10)?,
        http_status: row.get(11)?,
        format: row.get(12)?,
        width: row.get(13)?,
        height: row.get(14)?,
        scripted: row.get(15)?,
        bytes: row.get(16)?,
        path: row.get(17)?,
        copy_path: row.get(18)?,
        copy_format: row.get(19)?,
        copy_width: row.get(20)?,
        copy_height: row.get(21)?,
        copy_bytes: row.get(22)?,
        attempts: row.get(23)?,
        worker: row.get(24)?,
        fetched_at: row.get(25)?,
        duration_ms: row.get(26)?,
    })
}
