//! How many chunks all jobs of an agent have on their way. They share the node's link, and what is not whole cannot be
//! passed on: with many that come at once others wait long for the first. One that waits for its turn at another agent
//! costs nothing, but too many of them would take the turns of others.

use std::sync::atomic::{AtomicUsize, Ordering};

/// Chunks that come at one time, of all jobs together, before no more are asked for.
const COMING_MAX: usize = 4;
/// Chunks that are asked for at one time; each job may ask for one, whatever the others do.
const ASKED_MAX: usize = 8;

/// The chunks of all jobs.
#[derive(Default)]
pub(crate) struct Flights {
    asked: AtomicUsize,
    coming: AtomicUsize,
}

impl Flights {
    /// The first bytes of a chunk are here; it is no longer coming when this is dropped.
    pub(crate) fn come(&self) -> Coming<'_> {
        self.coming.fetch_add(1, Ordering::Relaxed);
        Coming(&self.coming)
    }
}

/// A chunk that comes.
pub(crate) struct Coming<'a>(&'a AtomicUsize);

impl Drop for Coming<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// What one job asks for; nothing any more when this is dropped.
pub(super) struct Share<'a> {
    all: &'a Flights,
    own: usize,
}

impl<'a> Share<'a> {
    pub(super) fn of(all: &'a Flights) -> Self {
        Self { all, own: 0 }
    }

    /// Says for how many chunks the job asks now.
    pub(super) fn set(&mut self, own: usize) {
        // Wraps, and back again: what all jobs ask for is never less than what one does.
        self.all
            .asked
            .fetch_add(own.wrapping_sub(self.own), Ordering::Relaxed);
        self.own = own;
    }

    /// Whether the job may ask for one more.
    pub(super) fn is_open(&self) -> bool {
        self.own == 0
            || (self.all.coming.load(Ordering::Relaxed) < COMING_MAX
                && self.all.asked.load(Ordering::Relaxed) < ASKED_MAX)
    }
}

impl Drop for Share<'_> {
    fn drop(&mut self) {
        self.set(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_job_may_have_one_and_all_together_few() {
        let all = Flights::default();
        let (mut first, mut second) = (Share::of(&all), Share::of(&all));
        for count in 1..=ASKED_MAX {
            assert!(first.is_open());
            first.set(count);
        }
        assert!(!first.is_open() && second.is_open());
        second.set(1);
        assert!(!second.is_open());
        first.set(ASKED_MAX - 1);
        assert!(!first.is_open() && !second.is_open(), "the other's counts");
        first.set(1);
        assert!(first.is_open());
        let coming = [(); COMING_MAX].map(|()| all.come());
        assert!(!first.is_open() && !second.is_open());
        drop(coming);
        assert!(first.is_open());
        drop((first, second));
        assert_eq!(all.asked.into_inner(), 0);
    }
}
