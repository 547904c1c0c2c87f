//! What goes along with an image on its way to the fleet. It is read when the image is sent: in the backlog, a list's
//! captions would take the memory that a run is not to need. Of a batch of bare images there is nothing to read.

use common::context::Context;
use common::wire::MAX_URL;
use rusqlite::{Connection, OptionalExtension};

use super::RowId;

/// What is known of an image; nothing of one that is not there. A text that is longer than a message may have, which the
/// producer itself writes into no ledger, stays here.
pub(super) fn get(sql: &Connection, image: RowId) -> rusqlite::Result<Context> {
    let found = sql
        .prepare_cached(
            "SELECT images.url, coalesce(images.page_url, pages.final_url, pages.url), depth, source, alt, title, caption, extra
             FROM images LEFT JOIN pages ON pages.id = images.page WHERE images.id = ?1",
        )?
        .query_row([image], |row| {
            let text = |column| row.get::<_, Option<String>>(column).map(|text| bounded(text, Context::MAX_TEXT));
            let address = |column| row.get::<_, Option<String>>(column).map(|text| bounded(text, MAX_URL));
            Ok(Context {
                url: address(0)?,
                page_url: address(1)?,
                depth: row.get(2)?,
                source: text(3)?,
                alt: text(4)?,
                title: text(5)?,
                caption: text(6)?,
                extra: text(7)?,
            })
        })
        .optional()?;
    Ok(found.unwrap_or_default())
}

fn bounded(text: Option<String>, most: usize) -> Option<String> {
    text.filter(|text| text.len() <= most)
}
