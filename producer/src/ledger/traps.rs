//! How many links were left out because they lead into a trap, by its kind: kept with the run, for the summary.

use rusqlite::Connection;
use serde::Serialize;

use super::book::Book;
use super::schema;

/// Links that were not followed, by the trap they lead into.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Traps {
    /// A folder of the path comes again and again.
    #[serde(skip_serializing_if = "is_zero")]
    pub repeated_path: u64,
    /// The path is deeper than any site's.
    #[serde(skip_serializing_if = "is_zero")]
    pub deep_path: u64,
    /// One of very many pages in a row whose addresses differ in numbers alone and that brought no new image: a calendar.
    #[serde(skip_serializing_if = "is_zero")]
    pub endless: u64,
    /// The same page under another session's name; it is followed once, without the name.
    #[serde(skip_serializing_if = "is_zero")]
    pub session_id: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands out references")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl Traps {
    /// All of them, with their words.
    #[must_use]
    pub fn by_name(&self) -> [(&'static str, u64); 4] {
        self.clone().by_name_mut().map(|(name, links)| (name, *links))
    }

    fn by_name_mut(&mut self) -> [(&'static str, &mut u64); 4] {
        [
            ("repeated_path", &mut self.repeated_path),
            ("deep_path", &mut self.deep_path),
            ("endless", &mut self.endless),
            ("session_id", &mut self.session_id),
        ]
    }

    /// Whether there were none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// The key under which a number is noted.
fn key(name: &str) -> String {
    format!("trap:{name}")
}

/// Adds to what was noted.
pub(super) fn note(book: &mut Book, sql: &Connection, new: &Traps) -> rusqlite::Result<()> {
    for ((name, all), (_, more)) in book.counts.traps.by_name_mut().into_iter().zip(new.by_name()) {
        if more > 0 {
            *all += more;
            schema::set(sql, &key(name), &all.to_string())?;
        }
    }
    Ok(())
}

/// What was noted.
pub(super) fn load(sql: &Connection) -> rusqlite::Result<Traps> {
    let mut traps = Traps::default();
    for (name, number) in traps.by_name_mut() {
        *number = schema::number(sql, &key(name))?;
    }
    Ok(traps)
}
