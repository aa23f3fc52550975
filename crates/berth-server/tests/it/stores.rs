//! The stores of a server under test: SQLite and a folder; or, in a process that [`scaled`](crate::scaled) has started,
//! a database of a PostgreSQL server and a prefix of the tests' bucket.

use std::path::{Path, PathBuf};
use std::process::Command;

use berth_blob::{BlobStore as _, S3Settings, S3Store};
use berth_registry::Storage;
use futures_util::TryStreamExt as _;

use crate::berth::Place;

/// The address of a PostgreSQL server, up to the name of the database.
pub(crate) const POSTGRES: &str = "TESTED_OVER_POSTGRES";
/// What `scripts/test-s3` says of the S3 server.
pub(crate) const S3: &str = "TESTED_OVER_S3";

/// Where one server keeps everything.
pub(crate) struct Stores {
    pub(crate) database: String,
    pub(crate) storage: Storage,
    /// The settings that say so, as variables of the server.
    variables: Vec<(&'static str, String)>,
}

impl Stores {
    /// Empty stores for the server in `place`.
    pub(crate) fn new(place: &Place) -> Self {
        let data = place.0.path().join("data");
        match (std::env::var(POSTGRES), std::env::var(S3)) {
            (Ok(postgres), Ok(s3)) => Self::scaled(&postgres, &s3),
            _ => Self {
                database: format!("sqlite://{}", data.join("berth.db").display()),
                storage: Storage::Folder(data.join("storage")),
                variables: Vec::new(),
            },
        }
    }

    fn scaled(postgres: &str, s3: &str) -> Self {
        let name = format!("berth_{}", uuid::Uuid::new_v4().simple());
        let created = Command::new("psql")
            .args([
                "-q",
                "-d",
                &format!("{postgres}postgres"),
                "-c",
                &format!("CREATE DATABASE {name}"),
            ])
            .status();
        assert!(created.unwrap().success());
        let words: Vec<&str> = s3.split_whitespace().collect();
        let [endpoint, bucket, key, secret] = words[..] else {
            panic!("{S3} is {s3:?}");
        };
        let database = format!("{postgres}{name}");
        let variables = [
            ("BERTH_DATABASE", &database),
            ("BERTH_STORAGE", &format!("s3://{bucket}/{name}")),
            ("BERTH_S3_ENDPOINT", &endpoint.to_owned()),
            ("BERTH_S3_ACCESS_KEY_ID", &key.to_owned()),
            ("BERTH_S3_SECRET_ACCESS_KEY", &secret.to_owned()),
        ];
        Self {
            variables: variables.map(|(name, value)| (name, value.clone())).to_vec(),
            storage: Storage::S3(Box::new(S3Settings {
                endpoint: Some(endpoint.to_owned()),
                access_key_id: Some(key.to_owned()),
                secret_access_key: Some(secret.to_owned()),
                ..S3Settings::new(bucket, name)
            })),
            database,
        }
    }

    /// The variables of a server with these stores and the given ones.
    pub(crate) fn variables<'a>(&'a self, more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
        let own = self.variables.iter().map(|(name, value)| (*name, value.as_str()));
        own.chain(more.iter().copied()).collect()
    }

    /// Everything that holds bytes of blobs or uploads: its files, or its objects named as files would be.
    pub(crate) fn files(&self) -> Vec<PathBuf> {
        match &self.storage {
            Storage::Folder(folder) => files_below([folder.join("blobs"), folder.join("uploads")].into()),
            Storage::S3(settings) => {
                let settings = settings.clone();
                // The caller's runtime waits for this thread, so it cannot do the asking.
                let listed = std::thread::spawn(move || {
                    let runtime = tokio::runtime::Runtime::new().unwrap();
                    runtime.block_on(objects(&settings))
                });
                listed.join().unwrap()
            }
        }
    }
}

fn files_below(mut folders: Vec<PathBuf>) -> Vec<PathBuf> {
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten() {
            let entry = entry.unwrap();
            if entry.file_type().unwrap().is_dir() {
                folders.push(entry.path());
            } else {
                files.push(entry.path());
            }
        }
    }
    files
}

async fn objects(settings: &S3Settings) -> Vec<PathBuf> {
    let store = S3Store::open(settings).await.unwrap();
    let blobs: Vec<_> = store.list().try_collect().await.unwrap();
    let uploads: Vec<_> = store.list_uploads().try_collect().await.unwrap();
    let blobs = blobs.into_iter().map(|blob| Path::new("blobs").join(blob.key));
    let uploads = uploads
        .into_iter()
        .map(|upload| Path::new("uploads").join(upload.id));
    let mut all: Vec<PathBuf> = blobs.chain(uploads).collect();
    all.sort();
    all
}
