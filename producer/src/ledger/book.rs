//! What the writing thread keeps in memory beside the database: counts, the numbers of recently used hosts, and the earlier
//! run that images are looked up in.

use std::collections::HashMap;

use common::run_name::RunName;
use common::telemetry::Sampler;
use rusqlite::{Connection, OptionalExtension};

use super::counts::Counts;
use super::earlier::Earlier;
use super::{HostId, PendingImage};

/// Hosts whose numbers are remembered.
const REMEMBERED_HOSTS: usize = 100_000;

pub(super) struct Book {
    pub(super) run: RunName,
    pub(super) max_images: Option<u64>,
    pub(super) counts: Counts,
    pub(super) earlier: Option<Earlier>,
    /// Which images are followed.
    pub(super) sampler: Sampler,
    /// Whether bytes of images that stood in their pages may be there: once there were some, they are looked for at each outcome.
    pub(super) has_inline: bool,
    hosts: HashMap<String, HostId>,
}

impl Book {
    pub(super) fn new(run: RunName, max_images: Option<u64>) -> Self {
        Self {
            run,
            max_images,
            counts: Counts::default(),
            earlier: None,
            sampler: Sampler::NONE,
            has_inline: false,
            hosts: HashMap::new(),
        }
    }

    /// The number of a host, given to it when it is first met.
    pub(super) fn host(&mut self, sql: &Connection, name: &str) -> rusqlite::Result<HostId> {
        if let Some(&id) = self.hosts.get(name) {
            return Ok(id);
        }
        let known = sql
            .prepare_cached("SELECT id FROM hosts WHERE name = ?1")?
            .query_row([name], |row| row.get(0))
            .optional()?;
        let id = match known {
            Some(id) => id,
            None => sql.prepare_cached("INSERT INTO hosts (name) VALUES (?1)")?.insert([name])?,
        };
        if self.hosts.len() >= REMEMBERED_HOSTS {
            self.hosts.clear();
        }
        self.hosts.insert(name.to_owned(), id);
        Ok(id)
    }

    /// Adds what an earlier run was answered for images that are to be sent.
    pub(super) fn look_back(&self, images: &mut [PendingImage]) {
        let Some(earlier) = &self.earlier else { return };
        for image in images {
            image.asked = earlier.asked(&image.url).map(Box::new);
        }
    }

    /// Reads anew what is remembered of the database: when it is opened, and after a transaction that was rolled back, because it
    /// may never have been written.
    pub(super) fn forget(&mut self, sql: &Connection) -> rusqlite::Result<()> {
        self.hosts.clear();
        self.counts = super::counts::load(sql)?;
        self.has_inline = super::inline::is_any(sql)?;
        Ok(())
    }
}
