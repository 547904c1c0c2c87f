//! `producer extract`: what a page offers. Nothing is fetched but the page.

use std::io::{self, Write};
use std::path::Path;

use anyhow::Context;
use common::exit::Exit;
use common::http::Network;
use url::Url;

use super::file::{NOWHERE, read_file};
use crate::cli::ExtractOptions;
use crate::extract::{self, Page};
use crate::frontier;
use crate::page_fetch::{MAX_PAGE, PageFetch};

/// What cannot be extracted from.
#[derive(Debug, thiserror::Error)]
pub enum ExtractError {
    /// Not an address.
    #[error("--base {0:?} is not an absolute URL")]
    Base(String),
    /// No such file.
    #[error("cannot read {0}")]
    Read(String, #[source] io::Error),
    /// The page did not come.
    #[error("cannot fetch {url}: {reason}")]
    Fetch {
        /// The page.
        url: Url,
        /// Why.
        reason: common::reason::Reason,
    },
}

/// Prints the candidates.
pub async fn extract(options: ExtractOptions) -> anyhow::Result<Exit> {
    let given = options.base.as_deref().map(|base| Url::parse(base).map_err(|_| ExtractError::Base(base.to_owned())));
    let given = given.transpose()?;
    let how = extract::Options { srcset: options.srcset, ..extract::Options::default() };
    let page = if let Ok(url) = frontier::parse(&options.page) {
        let network = Network::new(&options.network, options.allow_private)?;
        let fetch = PageFetch::new(network, options.user_agent)?;
        let fetched = fetch.fetch(&url).await.map_err(|missed| ExtractError::Fetch { url, reason: missed.reason })?;
        if fetched.cut {
            tracing::warn!(most_bytes = MAX_PAGE, "the page is longer than what is read of it");
        }
        let base = given.unwrap_or(fetched.url);
        extract::extract(&fetched.body, fetched.content_type.as_deref(), &base, &how)
    } else {
        let content_type = by_name(&options.page);
        let bytes = read_file(&options.page, MAX_PAGE).map_err(|error| ExtractError::Read(options.page, error))?;
        let base = given.map_or_else(|| NOWHERE.parse(), Ok)?;
        extract::extract(&bytes, content_type, &base, &how)
    };
    print(&page).context("cannot write to standard output")?;
    Ok(Exit::Complete)
}

/// What a server would say of a file of this name.
fn by_name(file: &str) -> Option<&'static str> {
    let ending = Path::new(file).extension()?.to_str()?.to_ascii_lowercase();
    match &*ending {
        "html" | "htm" => Some("text/html"),
        "xhtml" | "xht" => Some("application/xhtml+xml"),
        "svg" => Some("image/svg+xml"),
        "css" => Some("text/css"),
        _ => None,
    }
}

fn print(page: &Page) -> io::Result<()> {
    let mut out = io::BufWriter::new(io::stdout().lock());
    for candidate in &page.images {
        serde_json::to_writer(&mut out, candidate)?;
        out.write_all(b"\n")?;
    }
    out.flush()?;
    if let Some(why) = page.truncated {
        tracing::warn!(%why, "the page was read in part");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_as_its_name_says() {
        for (file, expected) in [
            ("a/b.HTML", Some("text/html")),
            ("b.xhtml", Some("application/xhtml+xml")),
            ("b.svg", Some("image/svg+xml")),
            ("b.css", Some("text/css")),
            ("-", None),
            ("html", None),
            ("b.php", None),
        ] {
            assert_eq!(by_name(file), expected, "{file}");
        }
    }
}
