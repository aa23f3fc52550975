//! For how many chunks one job may ask, given what all jobs have on their way.

use crate::flights::Flights;

/// Chunks that come at one time, of all jobs together, before no more are asked for.
const COMING_MAX: usize = 4;
/// Chunks that are asked for at one time; each job may ask for one, whatever the others do.
const ASKED_MAX: usize = 8;

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
        self.all.ask(self.own, own);
        self.own = own;
    }

    /// Whether the job may ask for one more; for a second one whatever the others do when the first `is_late`, so that it
    /// can come from elsewhere.
    pub(super) fn is_open(&self, is_late: bool) -> bool {
        self.own == 0
            || (self.own == 1 && is_late)
            || (self.all.coming() < COMING_MAX && self.all.asked() < ASKED_MAX)
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
            assert!(first.is_open(false));
            first.set(count);
        }
        assert!(!first.is_open(false) && second.is_open(false));
        second.set(1);
        assert!(!second.is_open(false));
        first.set(ASKED_MAX - 1);
        assert!(
            !first.is_open(false) && !second.is_open(false),
            "the other's counts"
        );
        first.set(1);
        assert!(first.is_open(false));
        let coming = [(); COMING_MAX].map(|()| all.come());
        assert!(!first.is_open(false) && !second.is_open(false));
        // One that keeps its job waiting may come from elsewhere while those of others trickle.
        assert!(first.is_open(true));
        first.set(2);
        assert!(!first.is_open(true), "two are enough");
        drop(coming);
        assert!(first.is_open(false));
        drop((first, second));
        assert_eq!((all.asked(), all.coming()), (0, 0));
    }
}
