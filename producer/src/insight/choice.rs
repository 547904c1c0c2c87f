//! A fair choice of images, where there are more than can be shown: spread over hosts and formats, or hosts and reasons, and of
//! each of these over the time of the run.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use rusqlite::{Connection, Row};

use super::Insight;
use crate::ledger::{LedgerError, RowId};

/// Hosts that are told apart, at most: bounds the memory.
const MOST_HOSTS: i64 = 16_384;

/// Of which images some are chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Among {
    /// Those in the store, told apart by host and format.
    Kept,
    /// Those that came to nothing (rejected, blocked, failed, outstanding), told apart by reason and host.
    Others,
}

impl Among {
    /// Row, host and word of each.
    fn sql(self) -> &'static str {
        match self {
            Self::Kept => {
                "SELECT id, host, format FROM images WHERE status IN ('stored', 'duplicate', 'unchanged') ORDER BY id"
            }
            Self::Others => {
                "SELECT id, host, coalesce(reason, status) FROM images
                 WHERE status IN ('rejected', 'blocked', 'failed', 'outstanding') ORDER BY id"
            }
        }
    }
}

impl Insight {
    /// Chooses at most `most` images, and gives their rows in the order of acceptance: all, if there are no more. Reads all images
    /// twice.
    pub fn choose(&self, among: Among, most: usize) -> Result<Vec<RowId>, LedgerError> {
        self.look(|sql| {
            let mut counts = HashMap::<u64, u64>::new();
            each(sql, among, |_, group| *counts.entry(group).or_default() += 1)?;
            let mut groups: HashMap<u64, Group> = shares(&counts, most as u64);
            let mut chosen = Vec::new();
            each(sql, among, |id, group| {
                if groups.get_mut(&group).is_some_and(Group::takes_next) {
                    chosen.push(id);
                }
            })?;
            Ok(chosen)
        })
    }
}

/// Calls `each` with every image and its group.
fn each(sql: &Connection, among: Among, mut each: impl FnMut(RowId, u64)) -> rusqlite::Result<()> {
    let mut images = sql.prepare(among.sql())?;
    let mut rows = images.query([])?;
    while let Some(row) = rows.next()? {
        each(row.get(0)?, group(row)?);
    }
    Ok(())
}

fn group(row: &Row<'_>) -> rusqlite::Result<u64> {
    let mut hasher = DefaultHasher::new();
    (row.get::<_, i64>(1)? % MOST_HOSTS).hash(&mut hasher);
    row.get_ref(2)?.as_str_or_null()?.hash(&mut hasher);
    Ok(hasher.finish())
}

/// Images that are alike, and how many of them are chosen.
#[derive(Debug, PartialEq, Eq)]
struct Group {
    images: u64,
    share: u64,
    seen: u64,
}

impl Group {
    /// Whether the next image is chosen, so that those that are have the same distance from each other.
    fn takes_next(&mut self) -> bool {
        self.seen += 1;
        let upto = |seen: u64| seen * self.share / self.images.max(1);
        upto(self.seen) > upto(self.seen - 1)
    }
}

/// Shares `most` out: small groups get all that they have, the others alike.
fn shares(counts: &HashMap<u64, u64>, most: u64) -> HashMap<u64, Group> {
    let mut groups: Vec<(u64, u64)> = counts.iter().map(|(group, images)| (*group, *images)).collect();
    groups.sort_by_key(|(group, images)| (*images, *group));
    let (mut left, mut waiting) = (most, groups.len() as u64);
    let share = |(group, images): (u64, u64)| {
        let share = images.min(left / waiting.max(1));
        left -= share;
        waiting -= 1;
        (group, Group { images, share, seen: 0 })
    };
    groups.into_iter().map(share).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shared(counts: &[u64], most: u64) -> Vec<u64> {
        let counts: HashMap<u64, u64> = (0..).zip(counts.iter().copied()).collect();
        let shares = shares(&counts, most);
        (0..counts.len() as u64).map(|group| shares[&group].share).collect()
    }

    #[test]
    fn small_groups_are_there_in_whole_and_the_others_share_the_rest() {
        assert_eq!(shared(&[1, 2, 1000, 500], 103), [1, 2, 50, 50]);
        assert_eq!(shared(&[1, 2, 3], 6), [1, 2, 3]);
        assert_eq!(shared(&[1, 2, 3], 100), [1, 2, 3]);
        assert_eq!(shared(&[5, 7, 9], 2), [0, 1, 1], "the largest, where there are more groups than places");
        assert_eq!(shared(&[], 5), [] as [u64; 0]);
        assert_eq!(shared(&[9, 9, 9], 10).iter().sum::<u64>(), 10);
    }

    #[test]
    fn what_is_chosen_of_a_group_is_spread_over_it() {
        let mut group = Group { images: 1000, share: 4, seen: 0 };
        let taken: Vec<u64> = (1..=1000).filter(|_| group.takes_next()).collect();
        assert_eq!(taken, [250, 500, 750, 1000]);
        let mut whole = Group { images: 3, share: 3, seen: 0 };
        assert!((0..3).all(|_| whole.takes_next()));
        let mut none = Group { images: 3, share: 0, seen: 0 };
        assert!(!(0..3).any(|_| none.takes_next()));
    }
}
