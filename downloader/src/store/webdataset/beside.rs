//! What stands beside a shard: its table, and its statistics, which say that all of it is there.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use common::parquet_rows::{RowWriter, RowsError};
use serde::Serialize;

use super::read::Samples;
use super::row::Row;
use super::{SHARD, STATS, TABLE};

/// img2dataset's statistics of a shard.
#[derive(Debug, Serialize)]
struct Stats {
    count: u64,
    successes: u64,
    failed_to_download: u64,
    failed_to_resize: u64,
    /// Seconds.
    duration: f64,
    /// Seconds since 1970, as the following.
    start_time: f64,
    end_time: f64,
    status_dict: StatusCounts,
}

#[derive(Debug, Serialize)]
struct StatusCounts {
    success: u64,
}

/// Writes both, for a shard of so many images, and returns their names, the statistics last.
pub(super) fn write(shard: &Path, images: u64) -> io::Result<Vec<String>> {
    let name = shard.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let serial = name.strip_suffix(SHARD).unwrap_or(&name);
    let (table, stats) = (format!("{serial}{TABLE}"), format!("{serial}{STATS}"));
    let tar = File::open(shard)?;
    let mut rows =
        RowWriter::new(BufWriter::new(File::create(shard.with_file_name(&table))?), &Row::columns()).map_err(as_io)?;
    let (mut count, mut start, mut end) = (0, u64::MAX, 0);
    for sample in Samples::of(&tar, &name)? {
        let row = sample?.row;
        rows.write(&row.values(row.extra().as_deref())).map_err(as_io)?;
        let (begun, ended) = row.span();
        (count, start, end) = (count + 1, start.min(begun), end.max(ended));
    }
    if count != images {
        let why = format!("{images} images were written and {count} can be read; is its disk failing?");
        return Err(io::Error::new(io::ErrorKind::InvalidData, why));
    }
    rows.finish().map_err(as_io)?.into_inner()?;
    let stats_of = Stats {
        count,
        successes: count,
        failed_to_download: 0,
        failed_to_resize: 0,
        duration: seconds(end.saturating_sub(start)),
        start_time: seconds(start),
        end_time: seconds(end),
        status_dict: StatusCounts { success: count },
    };
    let mut json = Vec::new();
    let mut pretty =
        serde_json::Serializer::with_formatter(&mut json, serde_json::ser::PrettyFormatter::with_indent(b"    "));
    stats_of.serialize(&mut pretty)?;
    File::create(shard.with_file_name(&stats))?.write_all(&json)?;
    Ok(vec![table, stats])
}

fn as_io(error: RowsError) -> io::Error {
    io::Error::other(error)
}

#[expect(clippy::cast_precision_loss, reason = "milliseconds since 1970 fit 53 bits")]
fn seconds(ms: u64) -> f64 {
    ms as f64 / 1000.0
}
