//! How each host did: what it was asked for, what came of it, and how quickly. Runs have any number of hosts, so those with most
//! images and those with most failures are told of by name, and the others together.

use std::collections::HashMap;

use common::outcome::Status;
use rusqlite::{Connection, params};
use serde::Serialize;

use super::histogram::Histogram;
use super::is_kept;
use super::survey::Seen;
use crate::ledger::HostId;

/// Of a run with more hosts than this, only those that may be told of by name are counted one by one. Bounds the memory.
const MANY: i64 = 50_000;

/// Latencies, to a quarter.
pub(super) type Latencies = Histogram<4>;

/// What came of the images of a host, or of several.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Tally {
    /// All of them.
    pub found: u64,
    /// In the store: stored, duplicate, unchanged.
    pub kept: u64,
    /// Rejected or blocked.
    pub refused: u64,
    /// Failed.
    pub failed: u64,
    /// Without an outcome.
    pub outstanding: u64,
    /// Bytes of those that were stored.
    pub bytes: u64,
    /// When the first of them was asked for, in milliseconds since 1970 UTC.
    pub first_ms: Option<u64>,
    /// When the last of them was answered.
    pub last_ms: Option<u64>,
    /// Images that downloaders told an outcome of, in each second between the two; `None` where there is no such time.
    pub per_second: Option<f64>,
    /// Half of the images took no longer, from the request to the last byte, in milliseconds; to a quarter.
    pub median_ms: Option<u64>,
    /// Nineteen of twenty took no longer.
    pub p95_ms: Option<u64>,
    #[serde(skip)]
    latencies: Latencies,
}

/// A host.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Host {
    /// Its name and port.
    pub name: String,
    /// Its images.
    #[serde(flatten)]
    pub tally: Tally,
}

/// All other hosts.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Others {
    /// How many there are.
    pub hosts: u64,
    /// Their images.
    #[serde(flatten)]
    pub tally: Tally,
}

impl Tally {
    fn count(&mut self, seen: &Seen) {
        self.found += 1;
        match seen.status {
            Status::Outstanding => self.outstanding += 1,
            Status::Rejected | Status::Blocked => self.refused += 1,
            status if is_kept(status) => self.kept += 1,
            _ => self.failed += 1,
        }
        if seen.status == Status::Stored {
            self.bytes += seen.bytes.unwrap_or(0);
        }
        if let Some((began, took)) = seen.fetched() {
            self.latencies.add(took);
            self.first_ms = Some(self.first_ms.map_or(began, |first| first.min(began)));
            self.last_ms = self.last_ms.max(Some(began + took));
        }
    }

    fn absorb(&mut self, other: &Self) {
        self.found += other.found;
        self.kept += other.kept;
        self.refused += other.refused;
        self.failed += other.failed;
        self.outstanding += other.outstanding;
        self.bytes += other.bytes;
        self.first_ms = [self.first_ms, other.first_ms].into_iter().flatten().min();
        self.last_ms = self.last_ms.max(other.last_ms);
        self.latencies.absorb(&other.latencies);
    }

    /// Works out what follows from what was counted.
    fn complete(mut self) -> Self {
        self.median_ms = self.latencies.percentile(50);
        self.p95_ms = self.latencies.percentile(95);
        let ms = self.first_ms.zip(self.last_ms).map(|(first, last)| last.saturating_sub(first));
        #[expect(clippy::cast_precision_loss, reason = "counts of images, and milliseconds, stay far below 2^52")]
        let rate = ms.filter(|ms| *ms > 0).map(|ms| self.latencies.count() as f64 * 1000.0 / ms as f64);
        self.per_second = rate.map(|rate| (rate * 10.0).round() / 10.0);
        self
    }
}

/// Hosts that are being counted.
#[derive(Debug)]
pub(super) struct Hosts {
    /// How many are told of by name, at most twice.
    most: usize,
    by_host: HashMap<HostId, Tally>,
    /// Where a run has too many: the hosts that may be told of by name, and what the others come to.
    rest: Option<Tally>,
}

impl Hosts {
    /// Begins with none, of a run that may have any number.
    pub(super) fn new(sql: &Connection, most: usize) -> rusqlite::Result<Self> {
        Self::of(sql, most, MANY)
    }

    fn of(sql: &Connection, most: usize, many: i64) -> rusqlite::Result<Self> {
        let all: i64 = sql.query_row("SELECT coalesce(max(id), 0) FROM hosts", [], |row| row.get(0))?;
        if all <= many {
            return Ok(Self { most, by_host: HashMap::new(), rest: None });
        }
        let mut by_host = HashMap::new();
        for condition in ["", "WHERE status = 'failed'"] {
            let sorted =
                format!("SELECT host FROM images {condition} GROUP BY host ORDER BY count(*) DESC, host LIMIT ?1");
            let mut hosts = sql.prepare(&sorted)?;
            let rows = hosts.query_map(params![most], |row| row.get(0))?;
            for host in rows {
                by_host.insert(host?, Tally::default());
            }
        }
        Ok(Self { most, by_host, rest: Some(Tally::default()) })
    }

    pub(super) fn add(&mut self, seen: &Seen) {
        match &mut self.rest {
            Some(rest) => self.by_host.get_mut(&seen.host).unwrap_or(rest).count(seen),
            None => self.by_host.entry(seen.host).or_default().count(seen),
        }
    }

    /// The hosts with most images, then those with most failures that are not among them; and all others.
    pub(super) fn ranked(self, sql: &Connection) -> rusqlite::Result<(Vec<Host>, Option<Others>)> {
        let of_all: u64 =
            sql.query_row("SELECT count(*) FROM hosts WHERE id IN (SELECT host FROM images)", [], |row| row.get(0))?;
        let mut tallies: Vec<_> = self.by_host.into_iter().collect();
        tallies.sort_by_key(|(host, tally)| (std::cmp::Reverse(tally.found), *host));
        let mut rest = tallies.split_off(self.most.min(tallies.len()));
        rest.sort_by_key(|(host, tally)| (std::cmp::Reverse(tally.failed), *host));
        let failing = rest.iter().take(self.most).take_while(|(_, tally)| tally.failed > 0).count();
        let unnamed = rest.split_off(failing);
        tallies.append(&mut rest);

        let mut name = sql.prepare("SELECT name FROM hosts WHERE id = ?1")?;
        let named = tallies
            .into_iter()
            .map(|(host, tally)| Ok(Host { name: name.query_row([host], |row| row.get(0))?, tally: tally.complete() }));
        let named = named.collect::<rusqlite::Result<Vec<_>>>()?;
        let mut others = self.rest.unwrap_or_default();
        for (_, tally) in &unnamed {
            others.absorb(tally);
        }
        let hosts = of_all.saturating_sub(u64::try_from(named.len()).unwrap_or(u64::MAX));
        Ok((named, (others.found > 0).then(|| Others { hosts, tally: others.complete() })))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Host `h` has `h` images, and all of the first three failed.
    fn ledger(hosts: i64) -> (Connection, Vec<Seen>) {
        let sql = Connection::open_in_memory().expect("open");
        sql.execute_batch(
            "CREATE TABLE hosts (id INTEGER PRIMARY KEY, name TEXT); CREATE TABLE images (host INTEGER, status TEXT);",
        )
        .expect("made");
        let mut all = Vec::new();
        for host in 1..=hosts {
            sql.execute("INSERT INTO hosts VALUES (?1, ?2)", params![host, format!("h{host}")]).expect("written");
            let status = if host <= 3 { Status::Failed } else { Status::Stored };
            for image in 0..host {
                sql.execute("INSERT INTO images VALUES (?1, ?2)", params![host, status.as_str()]).expect("written");
                let began_ms = u64::try_from(image).ok();
                all.push(Seen { host, status, bytes: Some(10), began_ms, took_ms: Some(5) });
            }
        }
        (sql, all)
    }

    #[test]
    fn a_run_with_too_many_hosts_is_told_of_as_one_with_few() {
        let (sql, all) = ledger(20);
        let ranked = |many| {
            let mut hosts = Hosts::of(&sql, 4, many).expect("begun");
            for seen in &all {
                hosts.add(seen);
            }
            assert!(many >= 20 || hosts.by_host.len() <= 8, "memory is bounded");
            hosts.ranked(&sql).expect("ranked")
        };
        let (few, many) = (ranked(20), ranked(19));
        assert_eq!(few, many);
        let names: Vec<&str> = few.0.iter().map(|host| host.name.as_str()).collect();
        assert_eq!(names, ["h20", "h19", "h18", "h17", "h3", "h2", "h1"]);
        let others = few.1.expect("there are others");
        assert_eq!((others.hosts, others.tally.found), (13, (4..=16).sum::<u64>()));
    }
}
