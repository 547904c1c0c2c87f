//! Rows per second, memory and size of the manifest in all its forms, from a ledger of made-up images.
//!
//!     cargo bench -p warren-producer --bench manifest -- [--rows N]
//!
//! A ledger of N rows (default 200,000) is filled, nine of ten stored, with captions and paths of the usual length; then the
//! run's own manifest is written, as at the end of a command, and each form by itself.

mod made_up;
mod measure;

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use clap::Parser;
use common::image_id::{ImageId, hex};
use common::outcome::{Outcome, Status};
use common::reason::Reason;
use common::run_name::RunName;
use producer::ledger::{self, Ledger, NewImage, Recording};
use producer::report::form::{Form, FormWriter};
use producer::report::manifest;

use made_up::scattered;
use measure::{memory, rate};

#[derive(Parser)]
struct Options {
    /// Rows of the ledger.
    #[arg(long, default_value_t = 200_000)]
    rows: u64,
    /// Given by cargo.
    #[arg(long, hide = true)]
    bench: bool,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let options = Options::parse();
    let folder = tempfile::tempdir()?;
    let run: RunName = "bench".parse().map_err(anyhow::Error::msg)?;
    let ledger = Ledger::create(folder.path(), &run, "{}", None)?;
    made_up::fill(&ledger, options.rows, image, |number| outcome(&run, number)).await?;
    println!("{} rows; the ledger has {} MB", options.rows, size(&folder.path().join(ledger::FILE))? / 1_000_000);

    let begun = Instant::now();
    manifest::write(&ledger, folder.path()).await?;
    report("both files", options.rows, begun.elapsed());
    for (name, _) in manifest::FILES {
        println!("  {name} has {} kB", size(&folder.path().join(name))? / 1000);
    }
    for form in [Form::Jsonl, Form::Csv, Form::Parquet] {
        let begun = Instant::now();
        let mut writer = FormWriter::new(form, std::io::sink())?;
        ledger::each_row(folder.path(), |row| writer.write(&row))??;
        writer.finish()?;
        report(&format!("{form:?} into nothing"), options.rows, begun.elapsed());
    }
    Ok(())
}

fn image(number: u64) -> NewImage {
    NewImage {
        url: url(number),
        host: format!("img{}.example", number % 1000),
        source: "list",
        caption: Some(format!("a photo of number {} on a street, seen from the other side", scattered(number) % 4096)),
        ..NewImage::default()
    }
}

fn outcome(run: &RunName, number: u64) -> Recording {
    let (status, reason) = match number % 10 {
        0 => (Status::Failed, Some(Reason::Http(404))),
        _ => (Status::Stored, None),
    };
    let mut outcome = Outcome::new(ImageId::new(run, &url(number)), 1, status, reason);
    outcome.http_status = Some(if reason.is_some() { 404 } else { 200 });
    outcome.fetched_at = 1_795_452_711_329 + number;
    outcome.duration_ms = scattered(number) % 300;
    if status == Status::Stored {
        let mut digest = [0; 32];
        digest[..8].copy_from_slice(&scattered(number).to_be_bytes());
        digest[8..16].copy_from_slice(&scattered(number + 1).to_le_bytes());
        digest[16..24].copy_from_slice(&scattered(number + 2).to_le_bytes());
        let sha256 = hex(&digest);
        outcome.content_type = Some("image/jpeg".to_owned());
        outcome.etag = Some(format!("\"{:x}-{:x}\"", scattered(number + 3), number));
        outcome.format = Some("jpg".to_owned());
        (outcome.width, outcome.height) = (Some(640), Some(480));
        outcome.bytes = Some(scattered(number) % 200_000);
        outcome.path = Some(format!("{}/{sha256}.jpg", &sha256[..2]));
        outcome.sha256 = Some(sha256);
    }
    Recording { outcome, worker: Some(format!("rack{}-1a2b3c", number % 16)), is_final: true, row: None }
}

fn url(number: u64) -> String {
    format!("https://img{}.example/media/{number:x}/{:010x}.jpg", number % 1000, scattered(number))
}

fn size(path: &Path) -> std::io::Result<u64> {
    Ok(fs::metadata(path)?.len())
}

fn report(what: &str, rows: u64, took: Duration) {
    println!("{what}: {:.3} s, {} rows/s, {}", took.as_secs_f64(), rate(rows, took), memory());
}
