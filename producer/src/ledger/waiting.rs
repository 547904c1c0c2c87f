//! Reading what waits, the same for pages and images: in the order of acceptance, all or of one host.

use rusqlite::{Connection, Row, params};

use super::{HostId, RowId};

/// Rows after `after`, at most `limit`, by a statement that ends in its conditions.
pub(super) fn read<T>(
    sql: &Connection,
    select: &str,
    host: Option<HostId>,
    after: RowId,
    limit: usize,
    read: fn(&Row<'_>) -> rusqlite::Result<T>,
) -> rusqlite::Result<Vec<T>> {
    let Some(host) = host else {
        let statement = format!("{select} AND id > ?1 ORDER BY id LIMIT ?2");
        return sql.prepare_cached(&statement)?.query_map(params![after, limit], read)?.collect();
    };
    let statement = format!("{select} AND host = ?1 AND id > ?2 ORDER BY id LIMIT ?3");
    sql.prepare_cached(&statement)?.query_map(params![host, after, limit], read)?.collect()
}
