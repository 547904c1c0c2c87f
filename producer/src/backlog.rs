//! What is to be done next, a part of it in memory: queues by host, fed from the ledger in its order. However much waits
//! in the ledger, at most [`IN_MEMORY`] of it is here, and at most [`PER_HOST`] of one host, so that a host with a million
//! images neither fills the memory nor stands before everybody else.
//!
//! A host whose queue is full when the ledger is read is passed over; where that began is remembered, and its further
//! items are read for it alone when its queue runs low.
//!
//! Hosts that take long would fill the memory in the end, and whoever stands behind them in the ledger would never be
//! read. So when it is full, those that must not be offered anyway keep a small share of it: the rest of their queues is
//! passed over after all, to be read again in its time, and the reading goes on.

use std::collections::{HashMap, HashSet, VecDeque};

use crate::ledger::{HostId, RowId};

/// Items in memory, at most (a reading may exceed it by its own length).
const IN_MEMORY: usize = 20_000;

/// Items of one host in memory, at most.
const PER_HOST: usize = 1_024;

/// Items in a reading of the ledger, at most.
const READING: usize = 1_024;

/// The share of a host that takes long is not made smaller than this many items.
const LEAST_SHARE: usize = 4;

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
        /// Items that there is room for.
        most: usize,
    },
}

impl Reading {
    /// Whose items (of any host: none), and after which row.
    #[must_use]
    pub fn of(self) -> (Option<HostId>, RowId) {
        match self {
            Self::All { after } => (None, after),
            Self::Host { host, after, .. } => (Some(host), after),
        }
    }

    /// How many items, at most.
    #[must_use]
    pub fn most(self) -> usize {
        match self {
            Self::All { .. } => READING,
            Self::Host { most, .. } => most,
        }
    }
}

/// What of one host is here: its items in the ledger's order, after those that were put back.
#[derive(Debug)]
struct HostQueue<T> {
    items: VecDeque<T>,
    /// So many items at its head were taken before and put back: they are not to be read again.
    put_back: usize,
    /// So many items it may have here.
    share: usize,
    /// The last row taken in for this host, if later ones were passed over.
    passed_over_after: Option<RowId>,
}

impl<T> Default for HostQueue<T> {
    fn default() -> Self {
        Self { items: VecDeque::new(), put_back: 0, share: PER_HOST, passed_over_after: None }
    }
}

impl<T: Item> HostQueue<T> {
    /// Gives it a smaller share, and passes over after all what is beyond that. Returns how many items that were.
    fn shrink(&mut self, share: usize) -> usize {
        let kept = share.max(self.put_back);
        let Some(first) = self.items.get(kept).map(Item::id) else { return 0 };
        let dropped = self.items.len() - kept;
        self.share = share;
        self.items.truncate(kept);
        self.items.shrink_to_fit();
        self.passed_over_after = Some(first - 1);
        dropped
    }
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
    /// Whether the last reading was of one host: then the next is of all, lest many hungry hosts keep out the others.
    read_for_one: bool,
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
            read_for_one: false,
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
        let all = !self.caught_up && !self.is_cramped();
        let reading = if all && self.read_for_one { None } else { self.next_for_one() };
        self.read_for_one = reading.is_some();
        let reading = reading.or_else(|| all.then_some(Reading::All { after: self.read_up_to }));
        // Whatever is added from here on is news again.
        self.caught_up |= matches!(reading, Some(Reading::All { .. }));
        self.reading = reading.is_some();
        reading
    }

    /// What to read for a host that was passed over and has little left.
    fn next_for_one(&mut self) -> Option<Reading> {
        while let Some(host) = self.hungry.pop_front() {
            let queue = self.hosts.get(&host);
            if let Some((after, share)) = queue.and_then(|queue| Some((queue.passed_over_after?, queue.share))) {
                return Some(Reading::Host { host, after, most: share.min(READING) });
            }
        }
        None
    }

    /// Takes in what a reading found, at most [`Reading::most`] items, except those that are not `wanted`.
    pub fn fill(&mut self, reading: Reading, found: Vec<T>, wanted: impl Fn(&T) -> bool) {
        self.reading = false;
        let whole = found.len() < reading.most();
        match reading {
            Reading::All { .. } => {
                self.caught_up &= whole;
                for item in found {
                    self.read_up_to = item.id();
                    if wanted(&item) {
                        self.take_in(item);
                    }
                }
                if self.is_cramped() {
                    self.make_room();
                }
            }
            Reading::Host { host, after, .. } => {
                let Some(queue) = self.hosts.get_mut(&host) else { return };
                if queue.passed_over_after != Some(after) {
                    // Its queue was shrunk meanwhile: what is missing now begins before what was found.
                    self.after_taking(host);
                    return;
                }
                queue.passed_over_after = None;
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

    /// Whether there is more to read and no room for it.
    fn is_cramped(&self) -> bool {
        self.length >= IN_MEMORY && (self.reading || !self.caught_up)
    }

    /// What one of many hosts that take long may have here.
    fn small_share(&self) -> usize {
        (IN_MEMORY / 2 / self.hosts.len().max(1)).clamp(LEAST_SHARE, PER_HOST)
    }

    fn make_room(&mut self) {
        let share = self.small_share();
        for host in &self.parked {
            self.length -= self.hosts.get_mut(host).map_or(0, |queue| queue.shrink(share));
        }
    }

    fn take_in(&mut self, item: T) {
        let host = item.host();
        let queue = self.hosts.entry(host).or_default();
        if queue.passed_over_after.is_some() {
            return;
        }
        if queue.items.len() >= queue.share {
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
        let queue = self.hosts.entry(host).or_default();
        if queue.items.is_empty() && !self.parked.contains(&host) && !self.ready.contains(&host) {
            self.ready.push_back(host);
        }
        queue.items.push_front(item);
        queue.put_back += 1;
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
        queue.put_back = queue.put_back.saturating_sub(1);
        self.length -= 1;
        if !queue.items.is_empty() {
            self.ready.push_back(host);
        } else if queue.passed_over_after.is_some() {
            // It is faster than its share.
            queue.share = (queue.share * 2).min(PER_HOST);
        }
        self.after_taking(host);
        Some(item)
    }

    fn after_taking(&mut self, host: HostId) {
        let Some(queue) = self.hosts.get(&host) else { return };
        if queue.passed_over_after.is_some() && queue.items.len() <= queue.share / 2 && !self.hungry.contains(&host) {
            self.hungry.push_back(host);
        } else if queue.passed_over_after.is_none() && queue.items.is_empty() {
            self.hosts.remove(&host);
        }
    }

    /// Does not offer the host whose turn it is until [`Backlog::unpark`].
    pub fn park(&mut self) {
        let Some(host) = self.ready.pop_front() else { return };
        self.parked.insert(host);
        if self.is_cramped() {
            let share = self.small_share();
            self.length -= self.hosts.get_mut(&host).map_or(0, |queue| queue.shrink(share));
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

    /// What the ledger finds, whose rows these are.
    fn answer(reading: Reading, table: &[Row]) -> Vec<Row> {
        let (host, after) = reading.of();
        let found = table.iter().filter(|row| row.0 > after && host.is_none_or(|host| row.1 == host));
        found.copied().take(reading.most()).collect()
    }

    /// A generator of numbers below a bound, the same for a seed.
    fn random(seed: u64) -> impl FnMut(usize) -> usize {
        let mut state = seed;
        move |below| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            usize::try_from(state >> 33).expect("31 bits") % below
        }
    }

    /// Answers readings from a table as the ledger would, until there is nothing to read.
    fn read_all(backlog: &mut Backlog<Row>, table: &[Row]) {
        while let Some(reading) = backlog.next_reading() {
            let found = answer(reading, table);
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
            backlog.fill(reading, answer(reading, &table), |_| true);
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
            let mut random = random(seed);
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
                    let known = &table[..usize::try_from(length).expect("small")];
                    backlog.fill(reading, answer(reading, known), |_| true);
                }
                let taken = random(1_500);
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

    /// Rows in turn of the first `hosts` hosts, and one of another host at the end.
    fn slow_hosts_and_one_more(hosts: HostId, rows: RowId) -> Vec<Row> {
        let mut table: Vec<Row> = (1..=rows).map(|id| Row(id, id % hosts)).collect();
        table.push(Row(rows + 1, hosts));
        table
    }

    #[test]
    fn hosts_that_take_long_do_not_keep_out_whoever_stands_behind_them() {
        for (hosts, rows) in [(20, 60_000), (50, 200_000), (3_000, 100_000)] {
            let table = slow_hosts_and_one_more(hosts, rows);
            let mut backlog = Backlog::default();
            let mut steps = 0;
            // Whatever is offered is of a host that must not be asked, but for the last.
            while backlog.turn() != Some(hosts) {
                backlog.park();
                if let Some(reading) = backlog.next_reading() {
                    backlog.fill(reading, answer(reading, &table), |_| true);
                }
                assert!(backlog.length <= IN_MEMORY + READING, "{hosts} hosts: {}", backlog.length);
                steps += 1;
                assert!(steps < 1_000_000, "{hosts} hosts: it never comes");
            }
        }
    }

    #[test]
    fn what_is_passed_over_after_all_comes_exactly_once_whoever_is_parked_when() {
        const ROWS: RowId = 40_000;
        for seed in 0..6_u64 {
            let mut random = random(seed);
            let hosts = [25, 200, 2_000][usize::try_from(seed % 3).expect("small")];
            let table: Vec<Row> =
                (1..=ROWS).map(|id| Row(id, HostId::try_from(random(hosts)).expect("small"))).collect();
            let (mut backlog, mut seen, mut parked, mut again) =
                (Backlog::default(), Vec::new(), Vec::new(), Vec::new());
            let mut under_way: Option<(Reading, Vec<Row>)> = None;
            while !backlog.is_done() || !parked.is_empty() || !again.is_empty() {
                assert!(backlog.length <= IN_MEMORY + READING + again.len());
                // The ledger answers when it likes.
                match under_way.take() {
                    Some((reading, found)) if random(3) == 0 => backlog.fill(reading, found, |_| true),
                    waits => under_way = waits,
                }
                if under_way.is_none() {
                    under_way = backlog.next_reading().map(|reading| (reading, answer(reading, &table)));
                }
                for _ in 0..random(600) {
                    match (random(8), backlog.turn()) {
                        (0..=4, Some(host)) => {
                            backlog.park();
                            parked.push(host);
                        }
                        (5, Some(_)) => again.extend(backlog.take()),
                        _ => seen.extend(backlog.take().map(|row| row.0)),
                    }
                }
                // What is tried again comes back in any order, and hosts are offered again in any.
                (0..again.len().min(random(40))).for_each(|_| backlog.put_back(again.swap_remove(random(again.len()))));
                (0..parked.len().min(random(400)))
                    .for_each(|_| backlog.unpark(parked.swap_remove(random(parked.len()))));
            }
            seen.sort_unstable();
            assert_eq!(seen, (1..=ROWS).collect::<Vec<_>>(), "seed {seed}");
        }
    }
}
