//! `producer dead list`: looks at the dead letters, and leaves each of them where it is.

use std::io::{self, Write};
use std::time::Duration;

use anyhow::Context;
use common::transport::amqp::DeadLetters;

use super::letter::Reading;
use crate::cli::{DeadListOptions, OutputFormat};
use crate::printable::printable;

/// Most letters of a table, unless the user says otherwise.
const TABLE: u32 = 1000;

/// Longest text of a column, in characters.
const LONGEST: usize = 100;

/// Lists them.
pub(super) async fn list(letters: &DeadLetters, options: &DeadListOptions) -> anyhow::Result<()> {
    let most = match (options.limit, options.format) {
        (Some(limit), _) => limit,
        (None, OutputFormat::Text) => TABLE,
        (None, OutputFormat::Json) => u32::MAX,
    };
    let (mut shown, mut table) = (0, Vec::new());
    // Not more than there were: a letter that dies meanwhile is of the next look.
    let mut left = letters.waiting();
    while left > 0
        && shown < most
        && let Some(letter) = letters.next().await?
    {
        left -= 1;
        let reading = Reading::new(&letter);
        if !reading.is_of(options.run.as_ref()) {
            continue;
        }
        shown += 1;
        match options.format {
            OutputFormat::Text => table.push(cells(&reading)),
            OutputFormat::Json => writeln!(io::stdout(), "{}", reading.json()).context(super::NO_OUTPUT)?,
        }
    }
    if options.format == OutputFormat::Text {
        io::stdout().write_all(as_text(&table, shown, options).as_bytes()).context(super::NO_OUTPUT)?;
    }
    if left > 0 {
        eprintln!("{left} letters more were not looked at; hint: --limit");
    }
    Ok(())
}

type Cells = [String; 6];

const HEAD: [&str; 6] = ["run", "reason", "images", "age", "deliveries", "first image"];

fn cells(reading: &Reading) -> Cells {
    let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    let (images, first) = match &reading.batch {
        Ok(batch) => (batch.images.to_string(), printable(&batch.first_image, LONGEST)),
        Err(why) => ("-".to_owned(), format!("unreadable: {why}")),
    };
    [
        or_dash(reading.run.as_ref().map(ToString::to_string)),
        or_dash(reading.reason.as_deref().map(|reason| printable(reason, LONGEST))),
        images,
        or_dash(reading.age().map(|age| humantime::format_duration(Duration::from_secs(age)).to_string())),
        or_dash(reading.deliveries.map(|deliveries| deliveries.to_string())),
        first,
    ]
}

fn as_text(table: &[Cells], shown: u32, options: &DeadListOptions) -> String {
    let of = options.run.as_ref().map(|run| format!(" of run {run}")).unwrap_or_default();
    if table.is_empty() {
        return format!("No dead letters{of}.\n");
    }
    let head = HEAD.map(str::to_owned);
    let lines = || std::iter::once(&head).chain(table);
    let width = |column: usize| lines().map(|cells| cells[column].chars().count()).max().unwrap_or(0);
    let widths: [usize; 6] = std::array::from_fn(width);
    let [runs, reasons, counts, ages, times, _] = widths;
    let line = |[run, reason, images, age, deliveries, first]: &Cells| {
        format!("{run:runs$}  {reason:reasons$}  {images:>counts$}  {age:>ages$}  {deliveries:>times$}  {first}\n")
    };
    let text: String = lines().map(line).collect();
    text + &format!("\n{shown} dead {}{of}\n", if shown == 1 { "letter" } else { "letters" })
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::super::letter::Batch;
    use super::*;

    #[test]
    fn a_table_lines_up_and_obeys_no_letter() {
        let readable = Reading {
            run: Some("r".parse().expect("valid")),
            batch: Ok(Batch { number: 1, images: 64, first_image: "http://a/\u{1b}[2J".to_owned() }),
            reason: Some("delivery-limit".to_owned()),
            died_at: Some(SystemTime::now() - Duration::from_secs(90)),
            deliveries: Some(21),
            looks: 0,
            bytes: 10,
        };
        let garbage = Reading {
            run: None,
            batch: Err("the message is of version 2; this build speaks version 1".to_owned()),
            reason: None,
            died_at: None,
            deliveries: None,
            ..readable.clone()
        };
        let options = DeadListOptions { run: None, limit: None, format: OutputFormat::Text };
        let text = as_text(&[cells(&readable), cells(&garbage)], 2, &options);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "run  reason          images     age  deliveries  first image");
        assert_eq!(lines[1], r"r    delivery-limit      64  1m 30s          21  http://a/\u{1b}[2J");
        assert!(lines[2].starts_with("-    -                    -       -           -  unreadable: the message is of"));
        assert_eq!(lines[4], "2 dead letters");
    }
}
