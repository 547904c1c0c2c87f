//! The `warc` layout: WARC 1.1, as web archives have it. A shard is `warren-TIME-SERIAL-HOST.warc.gz`, with its index beside it,
//! `….cdxj`. Of each image it has what was answered, what was asked, and how we came to ask; of bytes that the run has
//! in a record already, a `revisit` that refers to it. `OFFSET,LENGTH` of the answer's gzip member is the image's place
//! in its shard: as indexes of archives have it, and enough for anybody who can seek.

mod capture;
mod cdxj;
mod digests;
mod head;
mod info;
mod member;
mod name;
mod record;
mod scan;
mod shards;
mod surt;

use std::borrow::Cow;
use std::io;
use std::sync::Arc;
use std::time::SystemTime;

use common::outcome::Outcome;

use super::packed::{Completion, Group, Layout, Spot};
use super::{About, Image};
use crate::exchange::Asking;
use capture::{Capture, Kept};
use member::Packer;
use name::SHARD;
use record::RecordId;

pub(crate) use digests::Digests;
pub(super) use shards::Shards;

/// Most steps of a way that are written down; the addresses tell more than their number.
const STEPS: usize = 64;

/// Most runs whose `warcinfo` is remembered; a further one of the first is written then.
const RUNS: usize = 64;

/// Appends images to WARC files.
#[derive(Debug)]
pub(super) struct Warc {
    worker: String,
    host: String,
    packer: Packer,
    /// The `warcinfo` records of the open shard.
    infos: Vec<Info>,
}

/// A record that says who asked for others.
#[derive(Debug)]
struct Info {
    asking: Arc<Asking>,
    id: RecordId,
    offset: u64,
}

impl Warc {
    pub(super) fn new(worker: &str) -> Self {
        Self { worker: worker.to_owned(), host: name::host(), packer: Packer::new(), infos: Vec::new() }
    }

    /// The record that says who asked for an image, written if this shard has none of that.
    fn info(&mut self, spot: &Spot<'_>, asking: &Arc<Asking>, group: &mut Group) -> io::Result<RecordId> {
        // What was written from here on did not become safe, and is not in the shard.
        self.infos.retain(|info| info.offset < spot.offset);
        if let Some(info) = self.infos.iter().find(|info| info.asking == *asking) {
            return Ok(info.id);
        }
        let id = RecordId::random();
        let record = info::record(id, SystemTime::now(), spot.shard, &self.host, &self.worker, asking);
        self.packer.text(group, &record)?;
        if self.infos.len() >= RUNS {
            self.infos.remove(0);
        }
        self.infos.push(Info { asking: Arc::clone(asking), id, offset: spot.offset });
        Ok(id)
    }
}

impl Layout for Warc {
    type Kept = Kept;

    fn begin(&mut self, _group: &mut Group) -> io::Result<String> {
        self.infos.clear();
        Ok(format!("{}{SHARD}", name::stem(SystemTime::now(), &self.host)))
    }

    fn append(&mut self, spot: &Spot<'_>, image: &Image, group: &mut Group) -> io::Result<(String, Kept)> {
        let begin = group.length();
        let info = self.info(spot, &image.about.asking, group)?;
        let offset = spot.offset + (group.length() - begin);
        let (digests, hops) = (digests(image), hops(&image.about));
        let main = capture(image, &digests, &hops, info).write(&mut self.packer, group)?;
        Ok((format!("{offset},{}", main.length), main.kept))
    }

    /// An image that stood in its page leaves nothing more: nobody was asked, and its address is made of its bytes.
    fn append_again(&mut self, spot: &Spot<'_>, image: &Image, earlier: &Kept, group: &mut Group) -> io::Result<bool> {
        let Some(exchange) = &image.about.exchange else { return Ok(false) };
        let info = self.info(spot, &image.about.asking, group)?;
        let (digests, hops) = (digests(image), hops(&image.about));
        capture(image, &digests, &hops, info).write_again(exchange, earlier, &mut self.packer, group)?;
        Ok(true)
    }

    fn completion(&self) -> &'static dyn Completion {
        &Shards
    }
}

fn capture<'a>(image: &'a Image, digests: &'a Digests, hops: &'a str, info: RecordId) -> Capture<'a> {
    let About { url, context, outcome, exchange, .. } = &*image.about;
    let Outcome { fetched_at, duration_ms, .. } = *outcome;
    Capture {
        url,
        fetched_at,
        duration_ms,
        exchange: exchange.as_deref(),
        media_type: media_type(image.format),
        payload: &image.bytes,
        digests,
        via: context.page_url.as_deref(),
        hops,
        info,
    }
}

/// The digests that came with an image; made here only if none did, which takes the store's thread a pass over it each.
fn digests(image: &Image) -> Cow<'_, Digests> {
    let About { digests, exchange, .. } = &*image.about;
    match digests {
        Some(digests) => Cow::Borrowed(digests),
        None => Cow::Owned(Digests::of(exchange.as_deref(), &image.bytes)),
    }
}

/// The way from a seed to the image, a letter a step, as Heritrix writes it: `L` a link, `M` an entry of a sitemap, `E` what a
/// page embeds, `R` a redirect. An image of a list is a seed itself.
fn hops(about: &About) -> String {
    let depth = usize::try_from(about.context.depth.unwrap_or(0)).unwrap_or(STEPS);
    let redirects = usize::try_from(about.hops).unwrap_or(STEPS);
    let found = match about.context.source.as_deref() {
        None | Some("list") => "",
        Some("link") => "L",
        Some("sitemap") => "M",
        Some(_) => "E",
    };
    format!("{}{found}{}", "L".repeat(depth.min(STEPS)), "R".repeat(redirects.min(STEPS)))
}

/// The registered type of a format (IANA).
fn media_type(format: &str) -> &'static str {
    match format {
        "avif" => "image/avif",
        "bmp" => "image/bmp",
        "gif" => "image/gif",
        "heic" => "image/heic",
        "ico" => "image/vnd.microsoft.icon",
        "jpg" => "image/jpeg",
        "jxl" => "image/jxl",
        "png" => "image/png",
        "svg" => "image/svg+xml",
        "tiff" => "image/tiff",
        "webp" => "image/webp",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests;
