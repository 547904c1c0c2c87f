//! Rows per second and memory of a Parquet list: the reader alone, then all the way into a ledger.
//!
//!     cargo bench -p warren-producer --bench list -- [--rows N] [--list FILE]... [--columns a,b] [--read-only]
//!
//! Without `--list` it writes a Parquet file of N rows first (default 200,000), with row groups of a million: unique
//! URLs over 100,000 hosts, a caption, and three numbers. Every line of the output is for a tenth of the rows.

mod measure;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use clap::Parser;
use common::http::Guard;
use parquet::basic::{Compression, ZstdLevel};
use parquet::data_type::{ByteArray, ByteArrayType, DataType, DoubleType, Int32Type};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::parser::parse_message_type;
use producer::frontier::{Frontier, Selection};
use producer::ledger::Ledger;
use producer::pipeline::Listing;
use producer::seeds::list::{self, ListOptions};

use measure::{memory, rate};

const SCHEMA: &str = "message list {
    required binary url (UTF8);
    required binary caption (UTF8);
    required int32 width;
    required int32 height;
    required double similarity;
}";

const GROUP: u64 = 1_000_000;

#[derive(Parser)]
struct Options {
    /// Rows of the list that is written.
    #[arg(long, default_value_t = 200_000)]
    rows: u64,
    /// Lists to read instead.
    #[arg(long)]
    list: Vec<PathBuf>,
    /// Columns to carry along.
    #[arg(long, value_delimiter = ',')]
    columns: Vec<String>,
    /// Stop before the ledger.
    #[arg(long)]
    read_only: bool,
    /// Given by cargo.
    #[arg(long, hide = true)]
    bench: bool,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let options = Options::parse();
    let folder = tempfile::tempdir()?;
    let mut paths = options.list;
    if paths.is_empty() {
        let path = folder.path().join("list.parquet");
        write(&path, options.rows)?;
        println!("{} MB of Parquet", fs::metadata(&path)?.len() / 1_000_000);
        paths.push(path);
    }
    let how = ListOptions { columns: options.columns, ..ListOptions::default() };
    let rows = read(&paths, &how)?;
    if !options.read_only {
        into_ledger(&paths, &how, folder.path(), rows).await?;
    }
    Ok(())
}

fn write(path: &Path, rows: u64) -> anyhow::Result<()> {
    let properties = WriterProperties::builder().set_compression(Compression::ZSTD(ZstdLevel::default())).build();
    let schema = Arc::new(parse_message_type(SCHEMA)?);
    let mut writer = SerializedFileWriter::new(fs::File::create(path)?, schema, Arc::new(properties))?;
    for begin in (0..rows).step_by(usize::try_from(GROUP)?) {
        let numbers = begin..rows.min(begin + GROUP);
        let mut group = writer.next_row_group()?;
        // Scattered, but the same each time.
        let scattered = |row: u64| row.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 24;
        let url = |row| {
            let (scattered, host) = (scattered(row), scattered(row) % 100_000);
            ByteArray::from(
                format!("https://img{}.host-{host}.example/media/{row:x}/{scattered:010x}.jpg", host % 7).into_bytes(),
            )
        };
        let caption =
            |row| ByteArray::from(format!("a photo of number {} on a street", scattered(row) % 4_096).into_bytes());
        column::<ByteArrayType>(&mut group, numbers.clone().map(url))?;
        column::<ByteArrayType>(&mut group, numbers.clone().map(caption))?;
        for shift in [7, 19] {
            let size = |row| i32::try_from(scattered(row) >> shift & 0xfff).unwrap_or_default();
            column::<Int32Type>(&mut group, numbers.clone().map(size))?;
        }
        column::<DoubleType>(
            &mut group,
            numbers.map(|row| f64::from(u32::try_from(scattered(row) & 0xffff).unwrap_or_default()) / 65_536.0),
        )?;
        group.close()?;
    }
    writer.close()?;
    Ok(())
}

fn column<T: DataType>(
    group: &mut SerializedRowGroupWriter<'_, fs::File>,
    values: impl Iterator<Item = T::T>,
) -> anyhow::Result<()> {
    let mut column = group.next_column()?.ok_or_else(|| anyhow::anyhow!("no further column"))?;
    column.typed::<T>().write_batch(&values.collect::<Vec<_>>(), None, None)?;
    column.close()?;
    Ok(())
}

/// The reader alone. Returns how many rows there are.
fn read(paths: &[PathBuf], how: &ListOptions) -> anyhow::Result<u64> {
    let started = Instant::now();
    let mut bytes = 0_u64;
    let mut list = list::open(paths, how)?;
    for row in list.by_ref() {
        if let list::Row::Url { url, caption, extra, .. } = row? {
            bytes += (url.len() + caption.map_or(0, |text| text.len()) + extra.map_or(0, |text| text.len())) as u64;
        }
    }
    let took = started.elapsed();
    println!("read: {} rows, {bytes} bytes, {} rows/s, {}", list.rows_read(), rate(list.rows_read(), took), memory());
    Ok(list.rows_read())
}

async fn into_ledger(paths: &[PathBuf], how: &ListOptions, folder: &Path, rows: u64) -> anyhow::Result<()> {
    let frontier = Frontier::new(Selection::of_list(), Guard::default(), &[]);
    let ledger = Ledger::create(folder, &"bench".parse().map_err(anyhow::Error::msg)?, "{}", None)?;
    let mut listing = Listing::new(list::open(paths, how)?, frontier, 0)?;
    let started = Instant::now();
    let (mut since, mut told) = (started, 0);
    loop {
        let (images, at_end) = listing.portion().await?;
        ledger.add_listed(images, listing.rows_read(), at_end, false).await?;
        if at_end || listing.rows_read() >= told + rows.div_ceil(10) {
            let (now, more) = (listing.rows_read(), listing.rows_read() - told);
            println!("ledger: {now} rows, {} rows/s, {}", rate(more, since.elapsed()), memory());
            (since, told) = (Instant::now(), now);
        }
        if at_end {
            break;
        }
    }
    let found = ledger.counts().found();
    ledger.close().await;
    let size = fs::metadata(folder.join("ledger.db"))?.len() / 1_000_000;
    println!("ledger: {found} images, {} rows/s in all, {size} MB", rate(told, started.elapsed()));
    Ok(())
}
