//! The memory that bodies may take, all together (`--max-memory`). Each body in memory holds a share of it, from its first
//! byte until the last handle on its bytes is dropped, wherever they went.
//!
//! Nobody waits for a share while holding one, which is why nothing here can wait in a circle. A body that comes in takes what
//! is there and never waits: where there is no room it goes on in a file ([`crate::body`]) and gives back what it had. A body
//! that is whole, and in a file, waits for all that it needs at once. So a share is held by those who wait for a server, for
//! as long as a fetch may take, and by those who check and store, who need no further share to come to an end. Who waits is
//! served in order, and nobody takes what was freed past somebody who waits, so that a large body is not overtaken for ever.
//! One that is larger than the whole budget waits for all of it, and passes alone.

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Bytes that are counted as one: the smallest share.
const UNIT: u64 = 1 << 10;

/// The budget; clones share it.
#[derive(Debug, Clone)]
pub(crate) struct Memory {
    free: Arc<Semaphore>,
    /// All of it, in units.
    total: u32,
}

/// A part of the budget, which is free again when this is dropped.
#[derive(Debug)]
pub(crate) struct Share {
    memory: Memory,
    units: OwnedSemaphorePermit,
}

impl Memory {
    /// A budget of so many bytes, in units of 1 KiB, of which it has one at least.
    pub(crate) fn new(bytes: u64) -> Self {
        let most = u32::try_from(Semaphore::MAX_PERMITS).unwrap_or(u32::MAX);
        let total = u32::try_from(bytes / UNIT).unwrap_or(most).clamp(1, most);
        Self { free: Arc::new(Semaphore::new(total as usize)), total }
    }

    /// Takes a share if there is room for it now, and nobody waits.
    pub(crate) fn try_take(&self, bytes: usize) -> Option<Share> {
        self.try_take_units(units(bytes)).map(|units| Share { memory: self.clone(), units })
    }

    fn try_take_units(&self, units: u32) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.free).try_acquire_many_owned(units).ok()
    }

    /// Waits for a share. One that is larger than the budget is all of it.
    pub(crate) async fn take(&self, bytes: usize) -> Share {
        let units = Arc::clone(&self.free).acquire_many_owned(units(bytes).min(self.total)).await;
        Share { memory: self.clone(), units: units.expect("this semaphore is never closed") }
    }

    /// All of it, in bytes.
    pub(crate) fn limit(&self) -> u64 {
        u64::from(self.total) * UNIT
    }

    /// Bytes that nobody holds.
    pub(crate) fn free(&self) -> u64 {
        self.free.available_permits() as u64 * UNIT
    }
}

impl Share {
    /// Makes it larger if there is room now, and nobody waits.
    pub(crate) fn grow(&mut self, bytes: usize) -> bool {
        let have = u32::try_from(self.units.num_permits()).unwrap_or(u32::MAX);
        let more = self.memory.try_take_units(units(bytes).saturating_sub(have));
        more.map(|more| self.units.merge(more)).is_some()
    }

    /// How many bytes it covers.
    pub(crate) fn bytes(&self) -> usize {
        self.units.num_permits().saturating_mul(1 << 10)
    }

    /// Gives back what is more than this.
    pub(crate) fn shrink(&mut self, bytes: usize) {
        let keep = units(bytes) as usize;
        drop(self.units.split(self.units.num_permits().saturating_sub(keep)));
    }

    /// Bytes that hold this share as long as they are there.
    pub(crate) fn hold(self, bytes: impl AsRef<[u8]> + Send + 'static) -> Bytes {
        Bytes::from_owner(Held { bytes, _share: self })
    }
}

struct Held<T> {
    bytes: T,
    _share: Share,
}

impl<T: AsRef<[u8]>> AsRef<[u8]> for Held<T> {
    fn as_ref(&self) -> &[u8] {
        self.bytes.as_ref()
    }
}

fn units(bytes: usize) -> u32 {
    u32::try_from((bytes as u64).div_ceil(UNIT)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use std::future::Future;
    use std::pin::pin;
    use std::task::{Context, Waker};

    use super::*;

    const KIB: usize = 1 << 10;

    fn is_ready<F: Future>(future: std::pin::Pin<&mut F>) -> bool {
        future.poll(&mut Context::from_waker(Waker::noop())).is_ready()
    }

    #[test]
    fn a_share_is_taken_while_there_is_room_and_free_when_it_is_dropped() {
        let memory = Memory::new(10 * UNIT);
        let first = memory.try_take(9 * KIB).expect("room");
        assert!(memory.try_take(KIB + 1).is_none(), "one byte over");
        let second = memory.try_take(KIB).expect("room for exactly this");
        assert!(memory.try_take(1).is_none());
        drop(first);
        assert_eq!(memory.free(), 9 * UNIT);
        drop(second);
        assert_eq!(memory.free(), 10 * UNIT);
    }

    #[test]
    fn a_share_grows_as_far_as_there_is_room_and_shrinks() {
        let memory = Memory::new(10 * UNIT);
        let mut share = memory.try_take(1).expect("room");
        assert!(share.grow(10 * KIB));
        assert!(!share.grow(10 * KIB + 1));
        assert_eq!(memory.free(), 0, "what could not grow keeps what it had");
        share.shrink(3 * KIB);
        assert_eq!(memory.free(), 7 * UNIT);
        share.shrink(5 * KIB);
        assert_eq!(memory.free(), 7 * UNIT, "shrinking never takes");
    }

    #[test]
    fn bytes_hold_their_share_until_the_last_handle_is_gone() {
        let memory = Memory::new(10 * UNIT);
        let bytes = memory.try_take(4).expect("room").hold(b"four".to_vec());
        let part = bytes.slice(1..2);
        drop(bytes);
        assert_eq!((memory.free(), &part[..]), (9 * UNIT, &b"o"[..]));
        drop(part);
        assert_eq!(memory.free(), 10 * UNIT);
    }

    #[test]
    fn who_waits_is_not_overtaken_and_who_gives_up_waiting_frees_the_way() {
        let memory = Memory::new(10 * UNIT);
        let held = memory.try_take(6 * KIB).expect("room");
        {
            let mut waiting = pin!(memory.take(8 * KIB));
            assert!(!is_ready(waiting.as_mut()));
            assert!(memory.try_take(1).is_none(), "what is free is kept for who waits");
        }
        assert!(memory.try_take(4 * KIB).is_some(), "nobody waits any more");
        let mut waiting = pin!(memory.take(8 * KIB));
        assert!(!is_ready(waiting.as_mut()));
        drop(held);
        assert!(is_ready(waiting.as_mut()));
    }

    #[test]
    fn what_is_larger_than_the_budget_waits_for_all_of_it() {
        let memory = Memory::new(10 * UNIT);
        assert!(memory.try_take(usize::MAX).is_none());
        let held = memory.try_take(1).expect("room");
        let mut waiting = pin!(memory.take(usize::MAX));
        assert!(!is_ready(waiting.as_mut()));
        drop(held);
        assert!(is_ready(waiting.as_mut()));
    }

    #[test]
    fn a_budget_of_nothing_or_of_everything_is_one() {
        assert_eq!(Memory::new(0).free(), UNIT);
        assert!(Memory::new(u64::MAX).try_take(1 << 40).is_some());
    }
}
