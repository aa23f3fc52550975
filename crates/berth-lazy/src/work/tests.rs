//! Children that do what no reader of layers should.

use std::path::Path;
use std::time::Duration;

use berth_oci::{Algorithm, Digest};
use bytes::Bytes;
use futures_util::stream;

use super::{Bounds, FOLDER, Indexer, LOCK};
use crate::Error;

/// What comes of a layer that a shell reads.
async fn read_by(script: &str, time: Duration) -> Error {
    let folder = tempfile::tempdir().unwrap();
    let bounds = Bounds {
        memory_bytes: 1 << 30,
        cpu: Duration::from_mins(1),
        time,
        folder_bytes: 1000,
    };
    let arguments = ["-c", script].map(Into::into).to_vec();
    let indexer = Indexer::new("/bin/sh".into(), arguments, (folder.path().to_owned(), bounds));
    let mut work = indexer.begin().unwrap();
    let bytes = vec![1; 1 << 20];
    let pieces = (0..4).map(|_| Ok::<_, std::io::Error>(Bytes::from_static(b"piece")));
    let digest = Digest::of(Algorithm::Sha256, &bytes);
    let error = work.layer(&digest, stream::iter(pieces)).await.unwrap_err();
    drop(work);
    let left = std::fs::read_dir(folder.path()).unwrap().count();
    assert_eq!(left, 0, "its folder is gone");
    error
}

#[tokio::test]
async fn whatever_a_child_does_ends_its_image_alone() {
    let minute = Duration::from_mins(1);
    let cases = [
        ("kill -SEGV $$", minute, "more memory or time"),
        ("exit 7", minute, "more memory or time"),
        ("exec sleep 600", Duration::from_millis(200), "longer than"),
        ("while :; do :; done", Duration::from_millis(200), "longer than"),
        ("yes no", Duration::from_millis(500), "longer than"),
        ("cat >/dev/null; echo nonsense", minute, "more memory or time"),
        (
            r#"cat >/dev/null; echo '{"Unfit":"a \u001b[31m word"}'"#,
            minute,
            "word",
        ),
        (
            r#"cat >/dev/null; echo '{"Done":{"digest":"00"}}'"#,
            minute,
            "belong to no archive",
        ),
        (
            r#"head -c 2000 /dev/zero >bootstrap; cat >/dev/null; echo '{"Done":{"digest":null}}'"#,
            minute,
            "larger than 1000 bytes",
        ),
    ];
    for (script, time, part) in cases {
        let error = read_by(script, time).await;
        assert!(matches!(error, Error::Unfit(_)), "{script}: {error:?}");
        let told = error.to_string();
        assert!(
            told.contains(part) && !told.contains('\u{1b}'),
            "{script}: {told}"
        );
    }
}

#[tokio::test]
async fn what_was_left_is_removed_and_what_is_worked_in_stays() {
    let folder = tempfile::tempdir().unwrap();
    let place = |name: &str| folder.path().join(name);
    for name in [format!("{FOLDER}left"), "others".to_owned()] {
        std::fs::create_dir(place(&name)).unwrap();
        std::fs::write(place(&name).join(LOCK), "").unwrap();
    }
    let bounds = Bounds {
        memory_bytes: 1,
        cpu: Duration::ZERO,
        time: Duration::ZERO,
        folder_bytes: 1,
    };
    let indexer = Indexer::new("none".into(), Vec::new(), (folder.path().to_owned(), bounds));
    let first = indexer.begin().unwrap();
    let second = indexer.begin().unwrap();
    let left = |path: &Path| std::fs::read_dir(path).unwrap().count();
    assert_eq!(left(folder.path()), 3, "two that are worked in, and another's");
    drop((first, second));
    assert_eq!(left(folder.path()), 1);
}
