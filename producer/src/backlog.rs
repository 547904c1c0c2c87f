//! What is to be done next, a part of it in memory: queues by host, fed from the ledger in its order. However much waits
//! in the ledger, at most [`IN_MEMORY`] of it is here, and at most [`PER_HOST`] of one host, so that a host with a million
//! images neither fills the memory nor stands before everybody else.
//!
//! A host whose queue is full when the ledger is read is passed over; where that began is remembered, and its further
//! items are read for it alone when its queue runs low.

use std::collections::{HashMap, HashSet, VecDeque};

use crate::ledger::{HostId, RowId};

/// Items in memory, at most (a reading may exceed it by its own length).
const IN_MEMORY: usize = 20_000;

/// Items of one host in memory, at most.
const PER_HOST: usize = 1_024;

/// Items in a reading of the ledger.
pub const READING: usize = 1_024;

/// Something that waits in the ledger.
pub trait Item {
    /// Its row.
    fn id(&self) -> RowId;
    /// Its host.
    fn host(&self) -> HostId;
}

/// What to read from the ledger next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reading {
    /// Anything after a row.
    All {
        /// The last row read.
        after: RowId,
    },
    /// Of one host, after a row.
    Host {
        /// Whose items.
        host: HostId,
        /// The last row of that host that is here or was.
        after: RowId,
    },
}

impl Reading {
    /// Whose items (of any host: none), and after which row.
    #[must_use]
    pub fn of(self) -> (Option<HostId>, RowId) {
        match self {
            Self::All { after } => (None, after),
            Self::Host { host, after } => (Some(host), after),
        }
    }
}

#[derive(Debug)]
struct HostQueue<T> {
    items: VecDeque<T>,
    /// The last row taken in for this host, if later ones were passed over.
    passed_over_after: Option<RowId>,
}

/// The queues.
#[derive(Debug)]
pub struct Backlog<T> {
    hosts: HashMap<HostId, HostQueue<T>>,
    /// Hosts with items that may begin, in turn.
    ready: VecDeque<HostId>,
    /// Hosts that must not be offered now.
    parked: HashSet<HostId>,
    /// Hosts that were passed over and have little left.
    hungry: VecDeque<HostId>,
    length: usize,
    read_up_to: RowId,
    /// Whether the ledger had nothing further when it was last read.
    caught_up: bool,
    reading: bool,
}

impl<T> Default for Backlog<T> {
    /// An empty one, which begins at the ledger's first row.
    fn default() -> Self {
        Self {
            hosts: HashMap::new(),
            ready: VecDeque::new(),
            parked: HashSet::new(),
            hungry: VecDeque::new(),
            length: 0,
            read_up_to: 0,
            caught_up: false,
            reading: false,
        }
    }
}

impl<T: Item> Backlog<T> {
    /// Whether nothing waits, here or (as far as is known) in the ledger.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.length == 0 && self.caught_up && !self.reading && self.hosts.is_empty()
    }

    /// The ledger has got new items.
    pub fn something_new(&mut self) {
        self.caught_up = false;
    }

    /// What to read now, if anything; answer with [`Backlog::fill`]. One reading at a time.
    pub fn next_reading(&mut self) -> Option<Reading> {
        if self.reading {
            return None;
        }
        while let Some(host) = self.hungry.pop_front() {
            let queue = self.hosts.get(&host);
            if let Some(after) = queue.and_then(|queue| queue.passed_over_after) {
                self.reading = true;
                return Some(Reading::Host { host, after });
            }
        }
        if self.caught_up || self.length >= IN_MEMORY {
            return None;
        }
        self.reading = true;
        // Whatever is added from here on is news again.
        self.caught_up = true;
        Some(Reading::All { after: self.read_up_to })
    }

    /// Takes in what a reading found, at most [`READING`] items, except those that are not `wanted`.
    pub fn fill(&mut self, reading: Reading, found: Vec<T>, wanted: impl Fn(&T) -> bool) {
        self.reading = false;
        let whole = found.len() < READING;
        match reading {
            Reading::All { .. } => {
                self.caught_up &= whole;
                for item in found {
                    self.read_up_to = item.id();
                    if wanted(&item) {
                        self.take_in(item);
                    }
                }
            }
            Reading::Host { host, .. } => {
                if let Some(queue) = self.hosts.get_mut(&host) {
                    queue.passed_over_after = None;
                }
                // More of this host is passed over only below what was read in general; above it nothing was.
                let read_up_to = self.read_up_to;
                let last = found.last().map(Item::id).filter(|last| !whole && *last <= read_up_to);
                for item in found {
                    // Beyond this row the general reading comes by.
                    if item.id() <= self.read_up_to && wanted(&item) {
                        self.take_in(item);
                    }
                }
                if let (Some(queue), Some(last)) = (self.hosts.get_mut(&host), last) {
                    queue.passed_over_after.get_or_insert(last);
                }
                self.after_taking(host);
            }
        }
    }

    fn take_in(&mut self, item: T) {
        let host = item.host();
        let queue =
            self.hosts.entry(host).or_insert_with(|| HostQueue { items: VecDeque::new(), passed_over_after: None });
        if queue.passed_over_after.is_some() {
            return;
        }
        if queue.items.len() >= PER_HOST {
            queue.passed_over_after = Some(item.id() - 1);
            return;
        }
        if queue.items.is_empty() && !self.parked.contains(&host) {
            self.ready.push_back(host);
        }
        queue.items.push_back(item);
        self.length += 1;
    }

    /// Puts an item before all others of its host: it has been taken, and must come again.
    pub fn put_back(&mut self, item: T) {
        let host = item.host();
        let queue =
            self.hosts.entry(host).or_insert_with(|| HostQueue { items: VecDeque::new(), passed_over_after: None });
        if queue.items.is_empty() && !self.parked.contains(&host) && !self.ready.contains(&host) {
            self.ready.push_back(host);
        }
        queue.items.push_front(item);
        self.length += 1;
    }

    /// The host whose turn it is.
    #[must_use]
    pub fn turn(&self) -> Option<HostId> {
        self.ready.front().copied()
    }

    /// The next item of the host whose turn it is, which stays.
    #[must_use]
    pub fn peek(&self) -> Option<&T> {
        self.hosts.get(&self.turn()?)?.items.front()
    }

    /// Takes the next item of the host whose turn it is; the host goes to the end of the line.
    pub fn take(&mut self) -> Option<T> {
        let host = self.ready.pop_front()?;
        let queue = self.hosts.get_mut(&host)?;
        let item = queue.items.pop_front()?;
        self.length -= 1;
        if !queue.items.is_empty() {
            self.ready.push_back(host);
        }
        self.after_taking(host);
        Some(item)
    }

    fn after_taking(&mut self, host: HostId) {
        let Some(queue) = self.hosts.get(&host) else { return };
        if queue.passed_over_after.is_some() && queue.items.len() <= PER_HOST / 2 && !self.hungry.contains(&host) {
            self.hungry.push_back(host);
        } else if queue.passed_over_after.is_none() && queue.items.is_empty() {
            self.hosts.remove(&host);
        }
    }

    /// Does not offer the host whose turn it is until [`Backlog::unpark`].
    pub fn park(&mut self) {
        if let Some(host) = self.ready.pop_front() {
            self.parked.insert(host);
        }
    }

    /// Offers a host again.
    pub fn unpark(&mut self, host: HostId) {
        if self.parked.remove(&host) && self.hosts.get(&host).is_some_and(|queue| !queue.items.is_empty()) {
            self.ready.push_back(host);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    struct Row(RowId, HostId);

    impl Item for Row {
        fn id(&self) -> RowId {
            self.0
        }

        fn host(&self) -> HostId {
            self.1
        }
    }

    /// Answers readings from a table as the ledger would, until there is nothing to read.
    fn read_all(backlog: &mut Backlog<Row>, table: &[Row]) {
        while let Some(reading) = backlog.next_reading() {
            let found = table.iter().copied().filter(|row| match reading {
                Reading::All { after } => row.0 > after,
                Reading::Host { host, after } => row.0 > after && row.1 == host,
            });
            let found = found.take(READING).collect();
            backlog.fill(reading, found, |_| true);
        }
    }

    #[test]
    fn hosts_take_turns() {
        let table = [Row(1, 1), Row(2, 1), Row(3, 2), Row(4, 1)];
        let mut backlog = Backlog::default();
        read_all(&mut backlog, &table);
        let order: Vec<RowId> = std::iter::from_fn(|| backlog.take()).map(|row| row.0).collect();
        assert_eq!(order, [1, 3, 2, 4]);
        assert!(backlog.is_done());
    }

    #[test]
    fn everything_comes_exactly_once_however_much_there_is_of_a_host() {
        let table: Vec<Row> = (1..=30_000).map(|id| Row(id, if id % 3 == 0 { id % 7 } else { 100 })).collect();
        let mut backlog = Backlog::default();
        let mut seen = Vec::new();
        read_all(&mut backlog, &table);
        while let Some(row) = backlog.take() {
            assert!(backlog.length <= IN_MEMORY + READING);
            seen.push(row.0);
            read_all(&mut backlog, &table);
        }
        assert!(backlog.is_done());
        seen.sort_unstable();
        assert_eq!(seen, (1..=30_000).collect::<Vec<_>>());
    }

    #[test]
    fn a_queue_that_ran_empty_before_its_reading_loses_nothing() {
        let table: Vec<Row> = (1..=5_000).map(|id| Row(id, 1)).collect();
        let mut backlog = Backlog::default();
        let mut seen = 0;
        while let Some(reading) = backlog.next_reading() {
            // The answer takes so long that everything in memory is gone by then.
            seen += std::iter::from_fn(|| backlog.take()).count();
            let found = table.iter().copied().filter(|row| match reading {
                Reading::All { after } => row.0 > after,
                Reading::Host { host, after } => row.0 > after && row.1 == host,
            });
            backlog.fill(reading, found.take(READING).collect(), |_| true);
        }
        seen += std::iter::from_fn(|| backlog.take()).count();
        assert_eq!(seen, 5_000);
        assert!(backlog.is_done());
    }

    /// Regression: a host's own reading that ran ahead of the general one made the latter pass over what was between.
    #[test]
    fn a_ledger_that_grows_between_readings_is_read_whole() {
        const ROWS: RowId = 20_000;
        for seed in 0..40_u64 {
            let mut state = seed;
            let mut random = |below: u64| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                (state >> 33) % below
            };
            let hosts = [1, 2, 30][usize::try_from(seed % 3).expect("small")];
            let table: Vec<Row> =
                (1..=ROWS).map(|id| Row(id, RowId::try_from(random(hosts)).expect("small"))).collect();
            let (mut backlog, mut length, mut seen) = (Backlog::default(), 0, Vec::new());
            while length < ROWS || !backlog.is_done() {
                if length < ROWS {
                    length = (length + RowId::try_from(random(3_000)).expect("small")).min(ROWS);
                    backlog.something_new();
                }
                if let Some(reading) = backlog.next_reading() {
                    let (host, after) = reading.of();
                    let found = table
                        .iter()
                        .filter(|row| row.0 <= length && row.0 > after && host.is_none_or(|host| row.1 == host));
                    backlog.fill(reading, found.copied().take(READING).collect(), |_| true);
                }
                let taken = usize::try_from(random(1_500)).expect("small");
                seen.extend(std::iter::from_fn(|| backlog.take()).take(taken).map(|row| row.0));
            }
            seen.sort_unstable();
            assert_eq!(seen, (1..=ROWS).collect::<Vec<_>>(), "seed {seed}");
        }
    }

    #[test]
    fn a_host_with_very_many_items_does_not_keep_others_out() {
        let mut table: Vec<Row> = (1..=5_000).map(|id| Row(id, 1)).collect();
        table.push(Row(5_001, 2));
        let mut backlog = Backlog::default();
        read_all(&mut backlog, &table);
        assert!(backlog.length <= PER_HOST + 1);
        assert_eq!((backlog.take(), backlog.take()), (Some(Row(1, 1)), Some(Row(5_001, 2))));
    }

    #[test]
    fn a_parked_host_is_not_offered_and_loses_nothing() {
        let table = [Row(1, 1), Row(2, 2)];
        let mut backlog = Backlog::default();
        read_all(&mut backlog, &table);
        backlog.park();
        assert_eq!(backlog.take(), Some(Row(2, 2)));
        assert_eq!(backlog.take(), None);
        assert!(!backlog.is_done());
        backlog.unpark(1);
        let row = backlog.take().expect("offered again");
        backlog.put_back(row);
        assert_eq!(backlog.take(), Some(Row(1, 1)));
        assert!(backlog.is_done());
    }

    #[test]
    fn news_after_catching_up_is_read() {
        let mut backlog = Backlog::default();
        read_all(&mut backlog, &[]);
        assert!(backlog.is_done());
        backlog.something_new();
        assert!(!backlog.is_done());
        read_all(&mut backlog, &[Row(1, 1)]);
        assert_eq!(backlog.take(), Some(Row(1, 1)));
    }
}
