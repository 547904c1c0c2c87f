//! Names of hosts by their numbers.

use rusqlite::OptionalExtension;

use super::Insight;
use crate::ledger::{HostId, LedgerError};

impl Insight {
    /// The names and ports of hosts, in their order; `None` where there is no such host.
    pub fn host_names(&self, hosts: &[HostId]) -> Result<Vec<Option<String>>, LedgerError> {
        self.look(|sql| {
            let mut name = sql.prepare_cached("SELECT name FROM hosts WHERE id = ?1")?;
            hosts.iter().map(|host| name.query_row([host], |row| row.get(0)).optional()).collect()
        })
    }
}
