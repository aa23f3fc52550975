//! What the clients of a server know: what was acknowledged, what was taken away, and what nobody can say because the
//! answer never came. After a restart the server is held to it.

use std::collections::BTreeMap;
use std::future::Future;

use reqwest::StatusCode;
use serde_json::Value;

use e2e::content::digest_of;
use e2e::distribution::{Answer, Repository};

/// What is known of a blob or manifest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// Its push was acknowledged: it must be there.
    Stored,
    /// Its deletion was acknowledged: it must not be there.
    Gone,
    /// The last request about it was never answered.
    Unknown,
}

/// The knowledge of one client about what it alone changes.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    /// By repository and digest.
    pub(crate) blobs: BTreeMap<(String, String), Fate>,
    /// By digest, all in one repository, with the bytes that were pushed.
    pub(crate) manifests: BTreeMap<String, (Vec<u8>, Fate)>,
    /// What each tag of that repository may name: one thing once an answer has come.
    pub(crate) tags: BTreeMap<String, Vec<Option<String>>>,
}

impl Ledger {
    /// A blob is about to be pushed.
    pub(crate) fn blob_begins(&mut self, repository: &str, digest: &str) {
        let fate = self
            .blobs
            .entry((repository.to_owned(), digest.to_owned()))
            .or_insert(Fate::Unknown);
        if *fate == Fate::Gone {
            *fate = Fate::Unknown;
        }
    }

    /// Notes what became of a blob, or that a deletion begins.
    pub(crate) fn blob_is(&mut self, repository: &str, digest: &str, fate: Fate) {
        self.blobs
            .insert((repository.to_owned(), digest.to_owned()), fate);
    }

    /// A manifest is about to be put under a tag.
    pub(crate) fn manifest_begins(&mut self, digest: &str, bytes: &[u8], tag: &str) {
        let (_, fate) = self
            .manifests
            .entry(digest.to_owned())
            .or_insert_with(|| (bytes.to_vec(), Fate::Unknown));
        if *fate == Fate::Gone {
            *fate = Fate::Unknown;
        }
        self.tag_may_name(tag, Some(digest.to_owned()));
    }

    /// The put was acknowledged.
    pub(crate) fn manifest_stored(&mut self, digest: &str, tag: &str) {
        if let Some((_, fate)) = self.manifests.get_mut(digest) {
            *fate = Fate::Stored;
        }
        self.tags.insert(tag.to_owned(), vec![Some(digest.to_owned())]);
    }

    /// A manifest is about to be deleted, and with it every tag that names it.
    pub(crate) fn manifest_deletion_begins(&mut self, digest: &str) {
        if let Some((_, fate)) = self.manifests.get_mut(digest) {
            *fate = Fate::Unknown;
        }
        for tag in self.tags_naming(digest) {
            self.tag_may_name(&tag, None);
        }
    }

    /// The deletion was acknowledged.
    pub(crate) fn manifest_gone(&mut self, digest: &str) {
        if let Some((_, fate)) = self.manifests.get_mut(digest) {
            *fate = Fate::Gone;
        }
        for tag in self.tags_naming(digest) {
            self.tags.insert(tag, vec![None]);
        }
    }

    /// A tag is about to change: it may name this from now on.
    pub(crate) fn tag_may_name(&mut self, tag: &str, digest: Option<String>) {
        self.tags
            .entry(tag.to_owned())
            .or_insert_with(|| vec![None])
            .push(digest);
    }

    /// The deletion of a tag was acknowledged.
    pub(crate) fn tag_gone(&mut self, tag: &str) {
        self.tags.insert(tag.to_owned(), vec![None]);
    }

    fn tags_naming(&self, digest: &str) -> Vec<String> {
        let named = |values: &Vec<Option<String>>| values.iter().flatten().any(|value| value == digest);
        self.tags
            .iter()
            .filter(|(_, values)| named(values))
            .map(|(tag, _)| tag.clone())
            .collect()
    }

    /// Holds the server to everything in the ledger, and settles what was unknown by what is there.
    pub(crate) async fn verify(&mut self, home: &Repository, other: &Repository) {
        for ((repository, digest), fate) in &mut self.blobs {
            let at = if *repository == home.name { home } else { other };
            let answer = at.get(&format!("blobs/{digest}")).await.unwrap();
            *fate = settle("blob", digest, *fate, &answer);
        }
        for (digest, (bytes, fate)) in &mut self.manifests {
            let answer = home.get(&format!("manifests/{digest}")).await.unwrap();
            *fate = settle("manifest", digest, *fate, &answer);
            if *fate == Fate::Stored {
                assert_eq!(&answer.body, bytes, "manifest {digest} is not what was pushed");
                verify_references(home, bytes).await;
            }
        }
        for (tag, may_name) in &mut self.tags {
            let answer = home.get(&format!("manifests/{tag}")).await.unwrap();
            let names = match answer.status {
                StatusCode::OK => Some(digest_of(&answer.body)),
                StatusCode::NOT_FOUND => None,
                status => panic!("tag {tag}: {status} {}", answer.text()),
            };
            assert!(
                may_name.contains(&names),
                "tag {tag} names {names:?}, but must name one of {may_name:?}"
            );
            if names.is_some() {
                assert_eq!(
                    names.as_deref(),
                    Some(answer.header("docker-content-digest")),
                    "tag {tag}"
                );
            }
            *may_name = vec![names];
        }
    }

    /// The tags that the repository must list.
    pub(crate) fn tags_there(&self) -> Vec<String> {
        let there = |values: &Vec<Option<String>>| values.iter().any(Option::is_some);
        self.tags
            .iter()
            .filter(|(_, values)| there(values))
            .map(|(tag, _)| tag.clone())
            .collect()
    }
}

/// Compares what is known with what is served; anything served must be whole.
fn settle(what: &str, digest: &str, fate: Fate, answer: &Answer) -> Fate {
    match answer.status {
        StatusCode::OK => {
            assert_ne!(fate, Fate::Gone, "{what} {digest} was deleted and is there again");
            assert_eq!(
                digest_of(&answer.body),
                digest,
                "{what} {digest} is served damaged"
            );
            Fate::Stored
        }
        StatusCode::NOT_FOUND => {
            assert_ne!(fate, Fate::Stored, "{what} {digest} was acknowledged and is lost");
            Fate::Gone
        }
        status => panic!("{what} {digest}: {status} {}", answer.text()),
    }
}

/// Every blob that a served manifest names must be there, whole.
async fn verify_references(repository: &Repository, manifest: &[u8]) {
    let manifest: Value = serde_json::from_slice(manifest).unwrap();
    let layers = manifest["layers"].as_array().unwrap();
    for descriptor in layers.iter().chain([&manifest["config"]]) {
        let digest = descriptor["digest"].as_str().unwrap();
        let answer = repository.get(&format!("blobs/{digest}")).await.unwrap();
        assert_eq!(
            answer.status,
            StatusCode::OK,
            "blob {digest} of a served manifest"
        );
        assert_eq!(
            digest_of(&answer.body),
            digest,
            "blob {digest} of a served manifest is damaged"
        );
    }
}

/// Sends a request until the server is gone: `None` when no whole answer came, or one that says it cannot go on.
pub(crate) async fn acknowledged(
    request: impl Future<Output = Result<Answer, reqwest::Error>>,
    status: StatusCode,
) -> Option<Answer> {
    let answer = request.await.ok()?;
    if answer.status.is_server_error() {
        return None;
    }
    Some(answer.expect(status))
}
