//! Tables of what a survey counted. Where a number is to be seen at a glance, a bar stands beside it.

use common::outcome::Status;

use super::text::{escaped, isolated, milliseconds, moment, number};
use crate::insight::hosts::{Host, Others, Tally};
use crate::insight::survey::{FormatCount, OutcomeCount, WorkerCount};
use crate::insight::{Image, cut, is_kept};
use crate::report::summary::size;

/// Longest address in a table, in characters.
const LONGEST: usize = 300;

/// Bytes of the table of images, at most: addresses are as long as strangers like.
const ROOM: usize = 2 << 20;

/// A head of columns; those that begin with `#` are of numbers.
fn table(label: &str, columns: &[&str], rows: &str) -> String {
    let head = columns.iter().map(|column| match column.strip_prefix('#') {
        Some(name) => format!("<th scope=\"col\" class=\"number\">{name}</th>"),
        None => format!("<th scope=\"col\">{column}</th>"),
    });
    format!(
        "<div class=\"card scroll\" tabindex=\"0\" role=\"region\" aria-label=\"{}\"><table><thead><tr>{}</tr></thead>\
         <tbody>{rows}</tbody></table></div>",
        escaped(label),
        head.collect::<String>()
    )
}

fn cell(text: &str) -> String {
    format!("<td class=\"number\">{text}</td>")
}

/// A part of a whole as a bar, for the eyes alone: the number stands beside it.
fn bar(class: &str, part: u64, whole: u64) -> String {
    let permille = (u128::from(part) * 1000).div_ceil(u128::from(whole.max(1)));
    format!(
        "<td><svg class=\"meter\" viewBox=\"0 0 1000 10\" preserveAspectRatio=\"none\" aria-hidden=\"true\">\
         <rect class=\"{class}\" width=\"{permille}\" height=\"10\"/></svg></td>"
    )
}

/// The class of the style sheet by which a status is coloured.
fn class(status: Status) -> &'static str {
    match status {
        _ if is_kept(status) => "kept",
        Status::Rejected | Status::Blocked => "refused",
        Status::Outstanding => "outstanding",
        _ => "failed",
    }
}

/// Statuses with their reasons.
pub(super) fn outcomes(outcomes: &[OutcomeCount]) -> String {
    let most = outcomes.iter().map(|count| count.images).max().unwrap_or(0);
    let row = |count: &OutcomeCount| {
        let reason = count.reason.map_or_else(|| "–".to_owned(), |reason| reason.to_string());
        format!(
            "<tr><th scope=\"row\">{}</th><td>{}</td>{}{}</tr>",
            count.status.as_str(),
            escaped(&reason),
            cell(&number(count.images)),
            bar(class(count.status), count.images, most)
        )
    };
    table(
        "Statuses and reasons",
        &["Status", "Reason", "#Images", "Share"],
        &outcomes.iter().map(row).collect::<String>(),
    )
}

/// Formats.
pub(super) fn formats(formats: &[FormatCount]) -> String {
    let most = formats.iter().map(|count| count.images).max().unwrap_or(0);
    let row = |count: &FormatCount| {
        format!(
            "<tr><th scope=\"row\">{}</th>{}{}{}</tr>",
            escaped(&count.format),
            cell(&number(count.images)),
            cell(&size(count.bytes)),
            bar("bytes", count.images, most)
        )
    };
    table("Formats", &["Format", "#Images", "#Bytes stored", "Share"], &formats.iter().map(row).collect::<String>())
}

/// Hosts, the others in a last line.
pub(super) fn hosts(hosts: &[Host], others: Option<&Others>) -> String {
    let mut rows: String =
        hosts.iter().map(|host| host_row(&isolated(&cut(&host.name, LONGEST)), &host.tally)).collect();
    if let Some(others) = others {
        rows.push_str(&host_row(&format!("{} others", number(others.hosts)), &others.tally));
    }
    let columns = [
        "Host",
        "#Images",
        "#Kept",
        "#Refused",
        "#Failed",
        "#Outstanding",
        "#Images/s",
        "#Median",
        "#95 %",
        "#Bytes stored",
    ];
    table("Hosts", &columns, &rows)
}

fn host_row(name: &str, tally: &Tally) -> String {
    let numbers =
        [tally.found, tally.kept, tally.refused, tally.failed, tally.outstanding].map(|count| cell(&number(count)));
    let known = |ms: Option<u64>| cell(&ms.map_or_else(|| "–".to_owned(), milliseconds));
    let rate = tally.per_second.map_or_else(|| "–".to_owned(), |rate| format!("{rate:.1}"));
    format!(
        "<tr><th scope=\"row\" class=\"wide\">{name}</th>{}{}{}{}{}</tr>",
        numbers.concat(),
        cell(&rate),
        known(tally.median_ms),
        known(tally.p95_ms),
        cell(&size(tally.bytes))
    )
}

/// Downloaders.
pub(super) fn workers(workers: &[WorkerCount], others: u64) -> String {
    let most = workers.iter().map(|count| count.images).max().unwrap_or(0);
    let row = |count: &WorkerCount| {
        format!(
            "<tr><th scope=\"row\" class=\"wide\">{}</th>{}{}</tr>",
            isolated(&cut(&count.worker, LONGEST)),
            cell(&number(count.images)),
            bar("bytes", count.images, most)
        )
    };
    let more = if others > 0 { format!("<p class=\"soft\">And {} others.</p>", number(others)) } else { String::new() };
    table("Downloaders", &["Downloader", "#Images", "Share"], &workers.iter().map(row).collect::<String>()) + &more
}

/// Images that came to nothing, as many as there is room for; and how many those are.
pub(super) fn failures(images: &[Image]) -> (String, u64) {
    let row = |image: &Image| {
        let reason = image.reason.map_or_else(|| image.status.as_str().to_owned(), |reason| reason.to_string());
        let detail = image.detail.as_deref().map(|detail| format!("<br>{}", isolated(&cut(detail, LONGEST))));
        let page = image.page_url.as_deref().map(address);
        format!(
            "<tr><td>{}</td><td>{}{}</td><td class=\"wide\">{}</td><td class=\"wide\">{}</td>{}<td>{}</td></tr>",
            image.status.as_str(),
            escaped(&reason),
            detail.unwrap_or_default(),
            address(&image.url),
            page.unwrap_or_else(|| "–".to_owned()),
            cell(&image.attempts.to_string()),
            image.fetched_at.map_or_else(|| "–".to_owned(), moment)
        )
    };
    let columns = ["Status", "Reason", "Image", "Page", "#Tries", "Last try (UTC)"];
    let (mut rows, mut shown) = (String::new(), 0);
    for row in images.iter().map(row) {
        if rows.len() + row.len() > ROOM {
            break;
        }
        rows.push_str(&row);
        shown += 1;
    }
    (table("Images that came to nothing", &columns, &rows), shown)
}

/// A link, if it is one of the web; otherwise its text alone.
fn address(url: &str) -> String {
    let shown = isolated(&cut(url, LONGEST));
    let is_of_web = ["http://", "https://"]
        .iter()
        .any(|scheme| url.get(..scheme.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(scheme)));
    if is_of_web { format!("<a href=\"{}\" rel=\"noreferrer noopener\">{shown}</a>", escaped(url)) } else { shown }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::thumbnail::tests::image;

    #[test]
    fn long_addresses_are_fewer_rows_and_not_a_larger_table() {
        let with = |length: usize| Image { url: format!("http://h/{}", "&".repeat(length)), ..image(None, "png") };
        let (html, shown) = failures(&vec![with(8000); 1000]);
        assert!(html.len() < (2 << 20) + 2000 && (1..1000).contains(&shown), "{shown}");
        assert_eq!(failures(&vec![with(80); 1000]).1, 1000);
    }

    #[test]
    fn only_addresses_of_the_web_are_links() {
        assert!(address("https://h/\"><script>").contains("href=\"https://h/&quot;&gt;&lt;script&gt;\""));
        for other in ["javascript:alert(1)", "data:text/html,x", "http:/h", "", "é", " https://h/"] {
            assert!(!address(other).contains("href"), "{other}");
        }
    }

    #[test]
    fn bars_are_parts_of_the_largest() {
        assert!(bar("kept", 1, 2).contains("width=\"500\"") && bar("kept", 0, 0).contains("width=\"0\""));
        assert!(bar("kept", 1, u64::MAX).contains("width=\"1\""), "what is there is seen");
    }
}
