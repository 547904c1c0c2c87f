//! The page as a whole: its head, with what may run on it, and its parts in their order.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use common::outcome::Status;
use sha2::{Digest as _, Sha256};

use super::plot::{Columns, Series, size_map};
use super::sheet::{self, Made};
use super::text::{escaped, length_of_time, milliseconds, moment, number};
use super::{Contents, StoreSeen, table};
use crate::insight::choice::Among;
use crate::insight::histogram::Bin;
use crate::insight::timeline::Timeline;
use crate::insight::{Image, is_kept};
use crate::report::COMPLETE;
use crate::report::summary::size;

const BASE: &str = include_str!("../../../assets/base.css");
const STYLE: &str = include_str!("../../../assets/report.css");
const SCRIPT: &str = include_str!("../../../assets/report.js");

/// The whole file.
pub(super) fn html(contents: &Contents, made: &Made) -> serde_json::Result<String> {
    let (data, pictures) = sheet::json(&contents.images, made)?;
    let style = format!("{BASE}{STYLE}");
    let run = escaped(&contents.overview.run).into_owned();
    let parts = [
        header(contents),
        summary(contents),
        over_time(&contents.survey.timeline),
        came_to(contents),
        hosts(contents),
        shapes(contents),
        failures(contents),
        contact_sheet(contents, made.len(), pictures),
    ];
    Ok(format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"{}\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<meta name=\"referrer\" content=\"no-referrer\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<title>Report of {run} – Warren</title>\n<style>{style}</style>\n</head>\n\
         <body>\n<a class=\"skip\" href=\"#content\">To the content</a>\n{}\n\
         <footer class=\"soft small\"><p>Written by Warren {} from the run's ledger. This file needs no network.</p></footer>\n\
         <dialog id=\"one\" aria-labelledby=\"one-title\"><h2 id=\"one-title\">One image</h2><div id=\"one-image\"></div>\
         <button type=\"button\" id=\"close\">Close</button></dialog>\n\
         <script type=\"application/json\" id=\"data\">{}</script>\n<script>{SCRIPT}</script>\n</body>\n</html>\n",
        policy(&style),
        parts.join("\n"),
        env!("CARGO_PKG_VERSION"),
        data,
    ))
}

/// What the page may do (Content Security Policy, level 3): run this script, use this style sheet, show pictures that are in it, and
/// nothing else.
fn policy(style: &str) -> String {
    let hash = |text: &str| STANDARD.encode(Sha256::digest(text));
    format!(
        "default-src 'none'; script-src 'sha256-{}'; style-src 'sha256-{}'; img-src data:; base-uri 'none'; form-action 'none'",
        hash(SCRIPT),
        hash(style)
    )
}

fn header(contents: &Contents) -> String {
    let overview = &contents.overview;
    let tone = match overview.state.as_str() {
        COMPLETE => " good",
        "running" => "",
        _ => " bad",
    };
    let slices = &contents.survey.timeline.slices;
    let when = match (slices.first(), slices.last()) {
        (Some(first), Some(last)) => {
            format!(
                "Images came from {} to {}.",
                moment(first.at_ms),
                moment(last.at_ms + contents.survey.timeline.width_ms)
            )
        }
        _ => "No image has been asked for yet.".to_owned(),
    };
    let links = [
        ("summary", "Summary"),
        ("time", "Over time"),
        ("outcomes", "Outcomes"),
        ("hosts", "Hosts"),
        ("shapes", "Formats and sizes"),
        ("failures", "Failures"),
        ("contact-sheet", "Contact sheet"),
    ];
    let links = links.map(|(id, name)| format!("<li><a href=\"#{id}\">{name}</a></li>")).concat();
    format!(
        "<header><h1>{}</h1><span class=\"state{tone}\">{}</span><p class=\"soft\">{when}</p></header>\n\
         <nav class=\"no-print\" aria-label=\"Parts of this report\"><ul>{links}</ul></nav>\n<main id=\"content\" tabindex=\"-1\">",
        escaped(&overview.run),
        escaped(&overview.state),
    )
}

fn summary(contents: &Contents) -> String {
    let overview = &contents.overview;
    let of = |status: Status| overview.images.get(&status).copied().unwrap_or(0);
    let settled = overview.found - of(Status::Outstanding);
    let mut tiles = vec![("Images found", number(overview.found)), ("Stored", number(of(Status::Stored)))];
    let rest = [
        (Status::Duplicate, "Duplicates"),
        (Status::Unchanged, "Unchanged"),
        (Status::Rejected, "Rejected"),
        (Status::Blocked, "Blocked"),
        (Status::Failed, "Failed"),
        (Status::Outstanding, "Outstanding"),
    ];
    tiles.extend(
        rest.into_iter().filter(|(status, _)| of(*status) > 0).map(|(status, name)| (name, number(of(status)))),
    );
    tiles.push(("Bytes stored", size(overview.bytes)));
    for (name, documents) in
        [("Pages", overview.pages), ("Style sheets", overview.style_sheets), ("Sitemaps", overview.sitemaps)]
    {
        if documents.fetched + documents.failed + documents.blocked > 0 {
            tiles.push((name, number(documents.fetched)));
        }
    }
    if overview.seconds > 0.0 {
        #[expect(clippy::cast_precision_loss, reason = "counts of images stay far below 2^52")]
        let rate = settled as f64 / overview.seconds;
        tiles.push(("Time", length_of_time(overview.seconds)));
        tiles.push(("Images a second", format!("{rate:.1}")));
    }
    if let Some(median) = contents.survey.latency.median_ms {
        tiles.push(("Median fetch", milliseconds(median)));
    }
    let tile = |(name, value): &(&str, String)| format!("<div><dt>{name}</dt><dd>{value}</dd></div>");
    let tiles: String = tiles.iter().map(tile).collect();
    let pages = overview.pages.failed + overview.pages.blocked;
    let pages = if pages > 0 {
        format!(
            "<p class=\"soft\">Of the pages, {} failed and {} were blocked.</p>",
            number(overview.pages.failed),
            number(overview.pages.blocked)
        )
    } else {
        String::new()
    };
    format!("<section><h2 id=\"summary\">Summary</h2><dl class=\"tiles\">{tiles}</dl>{pages}</section>")
}

fn over_time(timeline: &Timeline) -> String {
    let names = || timeline.slices.iter().map(|slice| moment_in(slice.at_ms, timeline.width_ms)).collect();
    let values = |of: fn(&crate::insight::timeline::Slice) -> u64| timeline.slices.iter().map(of).collect::<Vec<_>>();
    let width = milliseconds_or_more(timeline.width_ms);
    let (kept, refused, failed) =
        (values(|slice| slice.kept), values(|slice| slice.refused), values(|slice| slice.failed));
    let sum = |values: &[u64]| number(values.iter().sum());
    let images = Columns {
        id: "images-over-time",
        title: "Images over time",
        description: format!(
            "{} images kept, {} refused and {} failed, in columns of {width}.",
            sum(&kept),
            sum(&refused),
            sum(&failed)
        ),
        of: "From (UTC)",
        names: names(),
        series: vec![
            Series { name: "Kept", class: "kept", values: kept },
            Series { name: "Refused", class: "refused", values: refused },
            Series { name: "Failed", class: "failed", values: failed },
        ],
        write: number,
    };
    let bytes = values(|slice| slice.bytes);
    let bytes = Columns {
        id: "bytes-over-time",
        title: "Bytes over time",
        description: format!("{} were stored, in columns of {width}.", size(bytes.iter().sum())),
        of: "From (UTC)",
        names: names(),
        series: vec![Series { name: "Bytes stored", class: "bytes", values: bytes }],
        write: short_size,
    };
    format!(
        "<section><h2 id=\"time\">Over time</h2><div class=\"plots\">{}{}</div>\
         <p class=\"soft small\">Kept: stored, duplicate or unchanged. Refused: rejected or blocked. By the downloaders' clocks.</p></section>",
        images.html(),
        bytes.html()
    )
}

/// Bytes, without a decimal that says nothing.
fn short_size(bytes: u64) -> String {
    size(bytes).replace(".0 ", " ")
}

/// A moment, with the part of a second where columns are that narrow.
fn moment_in(ms: u64, width_ms: u64) -> String {
    let moment = moment(ms);
    if width_ms < 1000 { format!("{}.{:03}Z", moment.trim_end_matches('Z'), ms % 1000) } else { moment }
}

fn milliseconds_or_more(ms: u64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "widths of columns are far below 2^52")]
    if ms < 1000 { milliseconds(ms) } else { length_of_time(ms as f64 / 1000.0) }
}

fn came_to(contents: &Contents) -> String {
    format!(
        "<section><h2 id=\"outcomes\">Statuses and reasons</h2>{}</section>",
        table::outcomes(&contents.survey.outcomes)
    )
}

fn hosts(contents: &Contents) -> String {
    let survey = &contents.survey;
    let workers = match survey.workers.len() {
        0 => String::new(),
        _ => format!("<h2>Downloaders</h2>{}", table::workers(&survey.workers, survey.other_workers)),
    };
    format!(
        "<section><h2 id=\"hosts\">Hosts</h2>{}\
         <p class=\"soft small\">Images a second: between the first request to the host and its last answer. Median and 95 %: so many of its \
         fetches took no longer, to a quarter.</p>{workers}</section>",
        table::hosts(&survey.hosts, survey.other_hosts.as_ref())
    )
}

fn shapes(contents: &Contents) -> String {
    let survey = &contents.survey;
    let columns = |id, title, what: &str, bins: &[Bin], write: fn(u64) -> String| {
        let most = bins.iter().max_by_key(|bin| bin.images);
        let between = |bin: &Bin| format!("{} to {}", write(bin.from), write(bin.to));
        Columns {
            id,
            title,
            description: most
                .map(|bin| format!("Most {what}, {}, have {}.", number(bin.images), between(bin)))
                .unwrap_or_default(),
            of: title,
            names: bins.iter().map(|bin| write(bin.from)).collect(),
            series: vec![Series {
                name: "Images",
                class: "bytes",
                values: bins.iter().map(|bin| bin.images).collect(),
            }],
            write: number,
        }
        .html()
    };
    format!(
        "<section><h2 id=\"shapes\">Formats and sizes</h2>{}<div class=\"plots three\">{}{}{}</div>\
         <p class=\"soft small\">Of the images that are in the store; times of all that were asked for. Columns begin at their names.</p></section>",
        table::formats(&survey.formats),
        columns("lengths", "Length", "images", &survey.lengths, short_size),
        size_map("sizes", &survey.sizes),
        columns("latency", "Time of a fetch", "fetches", &survey.latency.bins, milliseconds),
    )
}

fn failures(contents: &Contents) -> String {
    let all = contents.count(Among::Others);
    let shown: Vec<Image> = contents.images.iter().filter(|image| !is_kept(image.status)).cloned().collect();
    let (rows, shown) = table::failures(&shown);
    let body = if all == 0 {
        "<p>There are none: every image is in the store.</p>".to_owned()
    } else {
        let how = if shown < all { ", chosen so that every reason and host has its share" } else { "" };
        format!("<p class=\"soft\">{} of {}{how}.</p>{}", number(shown), number(all), rows)
    };
    format!("<section><h2 id=\"failures\">Images that came to nothing</h2>{body}</section>")
}

fn contact_sheet(contents: &Contents, made: usize, pictures: usize) -> String {
    let kept = contents.images.iter().filter(|image| is_kept(image.status)).count();
    let shown = contents.images.len() as u64;
    let found = contents.overview.found;
    let how =
        if shown < found { ", chosen so that every host and format has its share, and the whole time" } else { "" };
    let store = match &contents.store {
        StoreSeen::There(_) if made < kept => note(
            "There was no time or room for more pictures. Those that were made are kept: <code>producer report</code> goes on from there.",
        ),
        StoreSeen::There(_) if pictures > 0 || kept == 0 => String::new(),
        StoreSeen::There(store) => note(&format!("None of the images could be read from {}.", escaped(store))),
        StoreSeen::Missing(store) => note(&format!("The store {} cannot be read from this machine.", escaped(store))),
        StoreSeen::Unknown => note(
            "It is not known where the images are: the downloaders have their own stores. \
             <code>producer report RUN --store LOCATION</code> shows them.",
        ),
    };
    let choices =
        [("host", "Host", "All hosts"), ("format", "Format", "All formats"), ("status", "Status", "All statuses")];
    let choices = choices.map(|(id, name, all)| {
        format!("<div><label for=\"filter-{id}\">{name}</label><select id=\"filter-{id}\"><option value=\"\">{all}</option></select></div>")
    });
    format!(
        "<section id=\"contact-sheet\"><h2>Contact sheet</h2>\
         <p class=\"soft\">{} of {} images{how}; {} with a picture.</p>{store}\
         <form id=\"filters\" class=\"filters no-print\" role=\"search\" aria-label=\"Images of the contact sheet\">{}\
         <div><label for=\"filter-text\">Text</label><input id=\"filter-text\" type=\"search\" autocomplete=\"off\" placeholder=\"address, page, words\"></div>\
         <button type=\"reset\">Show all</button></form>\
         <div class=\"pager\"><button type=\"button\" id=\"before\" class=\"no-print\">Previous</button>\
         <button type=\"button\" id=\"after\" class=\"no-print\">Next</button><span id=\"count\" role=\"status\"></span></div>\
         <ul id=\"sheet\" class=\"sheet\"></ul><noscript><p>The contact sheet needs JavaScript.</p></noscript></section></main>",
        number(shown),
        number(found),
        number(pictures as u64),
        choices.concat(),
    )
}

fn note(html: &str) -> String {
    format!("<p class=\"note\">{html}</p>")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_runs_but_our_own_script() {
        let policy = policy("body {}");
        assert!(policy.starts_with("default-src 'none'; script-src 'sha256-"), "{policy}");
        assert!(!policy.contains("unsafe") && !policy.contains("http"), "{policy}");
        assert!(!SCRIPT.contains("innerHTML") && !SCRIPT.contains("outerHTML") && !SCRIPT.contains("insertAdjacent"));
        assert!(!SCRIPT.to_ascii_lowercase().contains("</script") && !BASE.contains("</") && !STYLE.contains("</"));
        assert!(!BASE.contains("url(") && !STYLE.contains("url(") && !STYLE.contains("@import"));
    }
}
