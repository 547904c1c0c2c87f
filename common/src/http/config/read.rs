//! From the file's tables to what is done: everything that can be wrong is found here, before anything is sent.

use std::path::Path;

use super::connects::connect;
use super::cookies::Cookies;
use super::files::{beside, text_of};
use super::pattern::{Breadth, Pattern};
use super::sends::send;
use super::tables::{ConfigError, Source, Table};
use super::{Connect, HttpConfig, Proxy};

/// Most tables that say how to connect: each has connections of its own.
const MAX_CONNECTS: usize = 64;

/// Reads a file and those that it names. `proxy` is for what the file has no proxy for.
pub(super) fn read(file: &Path, proxy: Option<Proxy>) -> Result<HttpConfig, ConfigError> {
    let text = text_of(file)?;
    let source = Source { file, text: &text };
    let document = source.parse()?;
    let root = Table::new(source, "", document.span().start, document.get_ref());
    root.only(&["cookies", "send", "connect"])?;
    let mut cookies = Cookies::default();
    for name in root.texts("cookies")? {
        let path = beside(file, name.value);
        let lines = text_of(&path)?;
        cookies.add(&lines).map_err(|bad| ConfigError::of_line(&path, bad.line, bad.problem))?;
    }
    let sends = root.tables("send")?.iter().map(|table| send(file, table)).collect::<Result<_, _>>()?;
    let tables = root.tables("connect")?;
    if let Some(table) = tables.get(MAX_CONNECTS) {
        return Err(table.error(format!("there may be {MAX_CONNECTS} tables of this kind")));
    }
    let connects = tables.iter().map(|table| connect(file, table, proxy.as_ref())).collect::<Result<Vec<_>, _>>()?;
    Ok(HttpConfig { sends, connects, fallback: Connect { proxy, ..Connect::default() }, cookies })
}

/// The hosts that a table is for.
pub(super) fn patterns(table: &Table<'_>, breadth: Breadth) -> Result<Vec<Pattern>, ConfigError> {
    let texts = table.texts("for")?;
    if texts.is_empty() {
        return Err(table.error("for is missing: the hosts that it is meant for"));
    }
    texts.iter().map(|text| Pattern::parse(text.value, breadth).map_err(|problem| text.error(problem))).collect()
}
