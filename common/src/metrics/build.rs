//! Which program this is, of which version.

use std::fmt;

use super::{Page, Source};

/// Says it.
#[derive(Debug)]
pub struct Build {
    /// `producer` or `downloader`.
    pub program: &'static str,
}

impl Source for Build {
    fn write(&self, page: &mut Page<'_>) -> fmt::Result {
        let labels = [("program", self.program), ("version", env!("CARGO_PKG_VERSION"))];
        page.info("build_info", "Which program this is, of which version: always 1.", &labels)
    }
}
