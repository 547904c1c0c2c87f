//! Which bytes a run has in a shard already, as far as this worker remembers: the same bytes are not written twice. What is
//! forgotten costs a second copy and no more, because the producer keeps all of them in its ledger.

use std::collections::HashMap;

use common::run_name::RunName;

/// Images after which the older half of the memory is forgotten; some 200 bytes each.
const MOST: usize = 32_768;

/// A run, and the SHA-256 of an image.
pub(super) type Key = (RunName, [u8; 32]);

/// Where bytes are, and what their layout remembers of them.
#[derive(Debug)]
pub(super) struct Earlier<K> {
    pub(super) path: String,
    pub(super) kept: K,
}

/// The images that were written last, in two generations.
#[derive(Debug)]
pub(super) struct Seen<K> {
    young: HashMap<Key, Earlier<K>>,
    old: HashMap<Key, Earlier<K>>,
}

impl<K> Seen<K> {
    pub(super) fn new() -> Self {
        Self { young: HashMap::new(), old: HashMap::new() }
    }

    pub(super) fn get(&self, key: &Key) -> Option<&Earlier<K>> {
        self.young.get(key).or_else(|| self.old.get(key))
    }

    pub(super) fn put(&mut self, key: Key, earlier: Earlier<K>) {
        if self.young.len() >= MOST {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(key, earlier);
    }

    /// It was not written after all.
    pub(super) fn forget(&mut self, key: &Key) {
        self.young.remove(key);
        self.old.remove(key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_seen_last_is_remembered_in_bounded_memory() {
        let key = |number: usize| {
            let mut digest = [0; 32];
            digest[..8].copy_from_slice(&number.to_be_bytes());
            ("run".parse().expect("valid"), digest)
        };
        let mut seen = Seen::new();
        for number in 0..=2 * MOST {
            seen.put(key(number), Earlier { path: number.to_string(), kept: () });
        }
        assert!(seen.young.len() + seen.old.len() <= 2 * MOST);
        assert!(seen.get(&key(0)).is_none());
        assert_eq!(seen.get(&key(MOST)).map(|earlier| earlier.path.as_str()), Some("32768"));
        seen.forget(&key(MOST));
        assert!(seen.get(&key(MOST)).is_none());
    }
}
