//! The report of a large run: how long it takes, and how large it becomes.
//!
//!     cargo bench -p warren-producer --bench report -- [--images N] [--into FOLDER]
//!
//! A ledger of N images (default a million) on a thousand hosts is filled, nine of ten stored, in a store that has pictures for them; then
//! the report is written. It fails if that takes 30 s or the file has 20 MB. The report stays in FOLDER, if one is given.

mod made_up;
mod measure;

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::Parser;
use common::image_id::{ImageId, hex};
use common::outcome::{Outcome, Status};
use common::reason::Reason;
use common::run_name::RunName;
use downloader::location::Location;
use producer::ledger::{Ledger, NewImage, Recording};
use producer::report::{COMPLETE, html};
use tokio_util::sync::CancellationToken;

use made_up::scattered;
use measure::{memory, rate};

/// Pictures in the store, and files that are one of them each. Images beyond that have the file of another.
const PICTURES: u64 = 64;
const FILES: u64 = 8192;

#[derive(Parser)]
struct Options {
    /// Images of the ledger.
    #[arg(long, default_value_t = 1_000_000)]
    images: u64,
    /// Where the report stays.
    #[arg(long)]
    into: Option<PathBuf>,
    /// Given by cargo.
    #[arg(long, hide = true)]
    bench: bool,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let options = Options::parse();
    let folder = tempfile::tempdir()?;
    let store = folder.path().join("store");
    fs::create_dir(&store)?;
    let run: RunName = "million".parse().map_err(anyhow::Error::msg)?;
    let begun = Instant::now();
    let ledger = Ledger::create(folder.path(), &run, "{}", None)?;
    made_up::fill(&ledger, options.images, image, |number| outcome(&run, number)).await?;
    ledger.set_state(COMPLETE, Duration::from_mins(10)).await?;
    ledger.close().await;
    println!("the ledger is filled, {} images a second", rate(options.images, begun.elapsed()));
    for number in 0..FILES {
        let picture = store.join(format!("picture-{}", number % PICTURES));
        if number < PICTURES {
            fs::write(&picture, bitmap(number))?;
        }
        std::os::unix::fs::symlink(&picture, store.join(path(number)))?;
    }

    let file = options.into.unwrap_or_else(|| folder.path().to_owned()).join(html::FILE);
    let begun = Instant::now();
    html::write(folder.path(), Some(&Location::Folder(store)), &file, &CancellationToken::new()).await?;
    let (took, bytes) = (begun.elapsed(), fs::metadata(&file)?.len());
    println!("{} images: {:.1} s, {} kB, {}", options.images, took.as_secs_f64(), bytes / 1000, memory());
    anyhow::ensure!(took < Duration::from_secs(30), "it took too long");
    anyhow::ensure!(bytes < 20_000_000, "it is too large");
    Ok(())
}

fn image(number: u64) -> NewImage {
    NewImage {
        url: url(number),
        host: host(number),
        page_url: Some(format!("https://www.example/albums/{}/index.html", number / 40)),
        source: "img",
        alt: Some(format!("a photo of number {} on a street, seen from the other side", scattered(number) % 4096)),
        ..NewImage::default()
    }
}

fn outcome(run: &RunName, number: u64) -> Recording {
    let (status, reason) = match number % 20 {
        0 => (Status::Failed, Some(Reason::Http(404))),
        7 => (Status::Failed, Some(Reason::Timeout)),
        _ => (Status::Stored, None),
    };
    let mut outcome = Outcome::new(ImageId::new(run, &url(number)), 1, status, reason);
    outcome.http_status = Some(if reason.is_some() { 404 } else { 200 });
    outcome.fetched_at = 1_795_452_711_329 + number * 3 / 5;
    outcome.duration_ms = 20 + scattered(number) % 300;
    if status == Status::Stored {
        let mut digest = [0; 32];
        digest[..8].copy_from_slice(&scattered(number).to_be_bytes());
        digest[8..16].copy_from_slice(&number.to_be_bytes());
        outcome.format = Some("bmp".to_owned());
        (outcome.width, outcome.height) = (Some(WIDTH), Some(HEIGHT));
        outcome.bytes = Some(1000 + scattered(number) % 200_000);
        outcome.path = Some(path(number));
        outcome.sha256 = Some(hex(&digest));
    }
    Recording { outcome, worker: Some(format!("rack{}-1a2b3c", number % 16)), is_final: true, row: None }
}

fn path(number: u64) -> String {
    format!("{}.bmp", number % FILES)
}

fn host(number: u64) -> String {
    format!("img{}.example:443", scattered(number) % 1000)
}

fn url(number: u64) -> String {
    format!("https://img{}.example/media/{number:x}/{:010x}.jpg", scattered(number) % 1000, scattered(number))
}

const WIDTH: u32 = 640;
const HEIGHT: u32 = 480;

/// A picture as photographs are: soft shapes, and some noise, which takes room in a thumbnail.
fn bitmap(number: u64) -> Vec<u8> {
    let pixels = WIDTH * HEIGHT * 3;
    let mut bytes = b"BM".to_vec();
    for word in [54 + pixels, 0, 54, 40, WIDTH, HEIGHT, 1 | (24 << 16), 0, pixels, 2835, 2835, 0, 0] {
        bytes.extend(word.to_le_bytes());
    }
    for at in 0..u64::from(WIDTH * HEIGHT) {
        let (x, y) = (at % u64::from(WIDTH), at / u64::from(WIDTH));
        let noise = scattered(at + number) % 64;
        let soft = (x * (number % 7 + 1) / 5 + y * (number % 5 + 1) / 4) % 192;
        bytes.extend(
            [soft + noise, (soft * 2 + x / 8) % 192 + noise, (y / 3) % 192 + noise]
                .map(|value| u8::try_from(value).unwrap_or(255)),
        );
    }
    bytes
}
