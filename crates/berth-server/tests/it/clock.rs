//! The clock of a server under test, which days can be added to: libfaketime reads how many from a file.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::berth::Place;
use crate::world::World;

/// A clock that only the test moves forward, beside what passes by itself.
pub(crate) struct Clock {
    file: PathBuf,
    library: String,
}

impl Clock {
    pub(crate) fn new(place: &Place) -> Self {
        let clock = Self {
            file: place.0.path().join("clock"),
            library: library().display().to_string(),
        };
        clock.set(0);
        clock
    }

    /// Sets how far the clock is ahead, in seconds.
    pub(crate) fn set(&self, seconds: u64) {
        // In one step: the server may read it at any time.
        let draft = self.file.with_extension("draft");
        std::fs::write(&draft, format!("+{seconds}")).unwrap();
        std::fs::rename(&draft, &self.file).unwrap();
    }

    /// What a process needs to go by this clock. Its timers run as ever.
    pub(crate) fn variables(&self) -> [(&str, &str); 5] {
        [
            ("LD_PRELOAD", &self.library),
            ("FAKETIME_TIMESTAMP_FILE", self.file.to_str().unwrap()),
            ("FAKETIME_NO_CACHE", "1"),
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
            ("DONT_FAKE_MONOTONIC", "1"),
        ]
    }
}

fn library() -> PathBuf {
    let folders = std::fs::read_dir("/usr/lib").unwrap().flatten();
    let mut found = folders.map(|folder| folder.path().join("faketime/libfaketimeMT.so.1"));
    found
        .find(|path| Path::exists(path))
        .expect("libfaketime is installed (run scripts/install-test-tools)")
}

#[tokio::test]
async fn a_token_ends_when_its_time_is_over() {
    let world = World::start_with_clock(&[]).await;
    let with_token = world.token(&world.admin, "repository:team/image:pull").await;
    with_token.ask("GET /v2/team/image/tags/list").await.is(404);
    world.move_clock(Duration::from_hours(1));
    with_token.ask("GET /v2/team/image/tags/list").await.is(401);
    world.admin.ask("GET /v2/team/image/tags/list").await.is(404);
}
