//! Values by key within a bound of bytes: what was put or asked for lately stays. Looking takes a lock that lookers share and
//! no memory. Knows nothing of what is kept, nor whether it is still true.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock, RwLockWriteGuard};

/// Parts with a lock each, so that those who put things do not wait for one another.
const PARTS: usize = 4;

/// The values.
#[derive(Debug)]
pub(super) struct Shelf<T> {
    parts: [RwLock<Part<T>>; PARTS],
    /// What the new half of each part may take.
    half_bytes_max: usize,
}

#[derive(Debug)]
struct Part<T> {
    /// What was put or asked for since the halves changed places. When it is full it becomes the old one.
    new: HashMap<Box<str>, Kept<T>>,
    new_bytes: usize,
    /// What was there before.
    old: HashMap<Box<str>, Kept<T>>,
}

#[derive(Debug)]
struct Kept<T> {
    value: T,
    bytes: usize,
}

impl<T> Part<T> {
    fn empty() -> RwLock<Self> {
        RwLock::new(Self {
            new: HashMap::new(),
            new_bytes: 0,
            old: HashMap::new(),
        })
    }
}

impl<T: Clone> Shelf<T> {
    /// Room for this many bytes.
    pub(super) fn new(bytes_max: usize) -> Self {
        Self {
            parts: std::array::from_fn(|_| Part::empty()),
            half_bytes_max: bytes_max / PARTS / 2,
        }
    }

    /// What was put with this key, if it is still there.
    pub(super) fn get(&self, key: &str) -> Option<T> {
        let part = self.part(key);
        {
            let part = part.read().unwrap_or_else(PoisonError::into_inner);
            if let Some(kept) = part.new.get(key) {
                return Some(kept.value.clone());
            }
            if !part.old.contains_key(key) {
                return None;
            }
        }
        let mut part = write(part);
        let (key, kept) = part.old.remove_entry(key)?;
        let value = kept.value.clone();
        self.put(&mut part, key, kept);
        Some(value)
    }

    /// Puts a value that takes so many bytes, in place of the one before. One that takes too many is not kept.
    pub(super) fn insert(&self, key: &str, value: T, bytes: usize) {
        let mut part = write(self.part(key));
        part.old.remove(key);
        self.put(&mut part, key.into(), Kept { value, bytes });
    }

    fn put(&self, part: &mut Part<T>, key: Box<str>, kept: Kept<T>) {
        if let Some(before) = part.new.remove(&key) {
            part.new_bytes -= before.bytes;
        }
        if kept.bytes > self.half_bytes_max {
            return;
        }
        if part.new_bytes + kept.bytes > self.half_bytes_max {
            part.old = std::mem::take(&mut part.new);
            part.new_bytes = 0;
        }
        part.new_bytes += kept.bytes;
        part.new.insert(key, kept);
    }

    fn part(&self, key: &str) -> &RwLock<Part<T>> {
        // The last bytes differ most; which part it is need not be hard to guess.
        let sum = key
            .bytes()
            .rev()
            .take(8)
            .fold(0, |sum, byte| sum + usize::from(byte));
        &self.parts[sum % PARTS]
    }
}

fn write<T>(part: &RwLock<Part<T>>) -> RwLockWriteGuard<'_, Part<T>> {
    part.write().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(n: usize) -> String {
        format!("k{n:04}")
    }

    #[test]
    fn what_is_asked_for_stays_and_what_is_not_goes() {
        let shelf = Shelf::new(10 * PARTS * 2 * 1000);
        shelf.insert(&key(0), 0, 1000);
        for n in 1..1000 {
            shelf.insert(&key(n), n, 1000);
            assert_eq!(shelf.get(&key(0)), Some(0), "asked for all the time, at {n}");
        }
        let kept = (0..1000).filter(|n| shelf.get(&key(*n)).is_some()).count();
        assert!(kept <= 2 * 10 * PARTS, "{kept} are more than there is room for");
        assert_eq!(shelf.get(&key(1)), None);
    }

    #[test]
    fn the_last_value_counts() {
        let shelf = Shelf::new(PARTS * 2 * 1000);
        for (value, bytes) in [("a", 1000), ("b", 10), ("c", 500), ("d", 1000)] {
            shelf.insert(&key(1), value, bytes);
            assert_eq!(shelf.get(&key(1)), Some(value));
        }
        // Too much to be kept; the one before is no more.
        shelf.insert(&key(1), "e", 2000);
        assert_eq!(shelf.get(&key(1)), None);
    }
}
