//! Several replicas track as one: each blob's peers are known to one of those that are there, and the others ask it. When
//! it does not answer, each tracks what it hears, which costs bytes and nothing else.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use berth_metadata::Replica;
use berth_oci::Digest;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::chunks::ChunkSet;
use super::crowd::{SwarmPeer, Told};
use super::tracker::SwarmJoin;
use crate::clock::now_ms;
use crate::error::Error;
use crate::seal::Keyed;

/// Where one replica asks another.
const PATH: &str = "/v2/_berth/swarm/replica";
/// The scheme of the header by which one knows the other.
const SCHEME: &str = "Berth-Replica";
/// How long an answer is waited for: a peer waits behind it.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long one that did not answer is not asked.
const DOWN: Duration = Duration::from_secs(5);
/// How far the clocks of two replicas may differ, and how long a question can be asked again.
const SKEW_MS: i64 = 60_000;
/// Longest answer.
const ANSWER_BYTES_MAX: usize = 1 << 20;

/// What one replica asks another.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Question {
    /// A peer joins.
    Join {
        digest: Digest,
        chunks: u32,
        join: SwarmJoin,
    },
    /// A peer has blobs.
    Seeds { peer: SwarmPeer, digests: Vec<Digest> },
}

/// [`Told`] on its way.
#[derive(Debug, Serialize, Deserialize)]
struct Answer {
    peers: Vec<(SwarmPeer, Vec<u8>)>,
    leases: Vec<u32>,
    lease_ms: i64,
    renew_ms: i64,
}

/// The replicas that are there, as this one knows them.
pub(crate) struct Replicas {
    own: String,
    living: RwLock<Arc<[Replica]>>,
    down: Mutex<HashMap<String, Instant>>,
    http: reqwest::Client,
    key: Keyed,
}

impl Replicas {
    /// Those that the replica `own` knows; `key` is the same in all of them.
    pub(crate) fn new(own: String, key: Keyed) -> Result<Self, Error> {
        let http = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(PATIENCE)
            .build();
        Ok(Self {
            own,
            living: RwLock::new(Arc::new([])),
            down: Mutex::default(),
            http: http.map_err(|error| Error::internal("preparing to ask other replicas", error))?,
            key,
        })
    }

    /// These are there now.
    pub(super) fn know(&self, living: Vec<Replica>) {
        *self.living.write().unwrap_or_else(PoisonError::into_inner) = living.into();
    }

    /// The replica that tracks a blob, when it is another one that may be asked.
    pub(super) fn tracker_of(&self, digest: &Digest) -> Option<Replica> {
        let living = Arc::clone(&self.living.read().unwrap_or_else(PoisonError::into_inner));
        let tracks = living.iter().max_by_key(|replica| weight(digest, &replica.id))?;
        (tracks.id != self.own && !self.is_down(tracks)).then(|| tracks.clone())
    }

    /// What the tracker of a blob tells a peer; none when it does not answer.
    pub(super) async fn ask_join(&self, of: &Replica, question: &Question, chunks: u32) -> Option<Told> {
        let answer: Answer = self.ask(of, question).await?;
        let peers = answer.peers.into_iter();
        let peers = peers
            .map(|(peer, have)| (Arc::new(peer), Arc::new(ChunkSet::of_bytes(&have, chunks))))
            .collect();
        Some(Told {
            peers,
            leases: answer.leases,
            lease_ms: answer.lease_ms,
            renew_ms: answer.renew_ms,
        })
    }

    /// Tells the tracker of blobs who has them; says whether it heard.
    pub(super) async fn tell_seeds(&self, of: &Replica, question: &Question) -> bool {
        self.ask::<()>(of, question).await.is_some()
    }

    async fn ask<T: DeserializeOwned>(&self, of: &Replica, question: &Question) -> Option<T> {
        match self.try_ask(of, question).await {
            Ok(answer) => Some(answer),
            Err(error) => {
                let error = &*error;
                tracing::warn!(
                    replica = of.address,
                    error,
                    "a replica that tracks agents does not answer"
                );
                let mut down = self.down.lock().unwrap_or_else(PoisonError::into_inner);
                down.retain(|_, until| *until > Instant::now());
                down.insert(of.id.clone(), Instant::now() + DOWN);
                None
            }
        }
    }

    async fn try_ask<T: DeserializeOwned>(
        &self,
        of: &Replica,
        question: &Question,
    ) -> Result<T, Box<dyn std::error::Error + Send + Sync>> {
        let body = postcard::to_stdvec(question)?;
        let at = now_ms();
        let proof = hex::encode(self.key.sign(&proven(at, &body)));
        let proven = format!("{SCHEME} {at}.{proof}");
        let sent = self.http.post(format!("{}{PATH}", of.address)).body(body);
        let mut answer = sent.header("authorization", proven).send().await?;
        if answer.status() != http::StatusCode::OK {
            return Err(format!("it answers {}", answer.status()).into());
        }
        let mut bytes = Vec::new();
        while let Some(more) = answer.chunk().await? {
            bytes.extend_from_slice(&more);
            if bytes.len() > ANSWER_BYTES_MAX {
                return Err("its answer is too long".into());
            }
        }
        Ok(postcard::from_bytes(&bytes)?)
    }

    /// What another replica asks, when it is one.
    pub(super) fn question(&self, authorization: &str, body: &[u8]) -> Option<Question> {
        let (at, proof) = authorization.strip_prefix(SCHEME)?.trim().split_once('.')?;
        let at: i64 = at.parse().ok()?;
        if (now_ms() - at).abs() > SKEW_MS {
            return None;
        }
        let is_ours = self.key.has_signed(&proven(at, body), &hex::decode(proof).ok()?);
        is_ours.then(|| postcard::from_bytes(body).ok()).flatten()
    }

    /// What another replica is answered about a peer.
    pub(super) fn answer_join(told: &Told) -> Result<Vec<u8>, Error> {
        let peers = told.peers.iter();
        let answer = Answer {
            peers: peers
                .map(|(peer, have)| (SwarmPeer::clone(peer), have.as_bytes().to_vec()))
                .collect(),
            leases: told.leases.clone(),
            lease_ms: told.lease_ms,
            renew_ms: told.renew_ms,
        };
        postcard::to_stdvec(&answer).map_err(|error| Error::internal("answering a replica", error))
    }

    fn is_down(&self, replica: &Replica) -> bool {
        let down = self.down.lock().unwrap_or_else(PoisonError::into_inner);
        down.get(&replica.id).is_some_and(|until| *until > Instant::now())
    }
}

/// How much a replica is the one for a blob (rendezvous hashing): when one goes or comes, only its own blobs move.
fn weight(digest: &Digest, id: &str) -> [u8; 32] {
    Sha256::new()
        .chain_update(digest.as_str())
        .chain_update([0])
        .chain_update(id)
        .finalize()
        .into()
}

/// What a question's proof covers.
fn proven(at: i64, body: &[u8]) -> Vec<u8> {
    let mut text = format!("{PATH}\n{at}\n").into_bytes();
    text.extend_from_slice(body);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn replicas(own: &str, secret: u8) -> Replicas {
        Replicas::new(own.to_owned(), Keyed::of_bytes([secret; 32])).unwrap()
    }

    fn named(ids: &[&str]) -> Vec<Replica> {
        let replica = |id: &&str| Replica {
            id: (*id).to_owned(),
            address: format!("http://{id}"),
        };
        ids.iter().map(replica).collect()
    }

    fn digests() -> Vec<Digest> {
        (0..300)
            .map(|number| format!("sha256:{number:064x}").parse().unwrap())
            .collect()
    }

    #[test]
    fn all_agree_on_who_tracks_and_a_lost_one_moves_its_own_blobs_only() {
        let (a, b) = (replicas("a", 1), replicas("b", 1));
        let tracks = |ids: &[&str], digest: &Digest| {
            a.know(named(ids));
            b.know(named(ids));
            let (by_a, by_b) = (a.tracker_of(digest), b.tracker_of(digest));
            let by_a = by_a.map_or_else(|| "a".to_owned(), |replica| replica.id);
            assert_eq!(by_a, by_b.map_or_else(|| "b".to_owned(), |replica| replica.id));
            by_a
        };
        let mut counts = HashMap::new();
        for digest in digests() {
            let before = tracks(&["a", "b", "c"], &digest);
            let after = tracks(&["a", "b"], &digest);
            assert!(before == "c" || before == after);
            *counts.entry(before).or_insert(0) += 1;
        }
        assert!(counts.values().all(|count| *count > 60), "{counts:?}");
        a.know(Vec::new());
        assert!(a.tracker_of(&digests()[0]).is_none());
    }

    #[test]
    fn only_who_has_the_key_is_heard() {
        let (ours, other) = (replicas("a", 1), replicas("b", 2));
        let question = Question::Seeds {
            peer: SwarmPeer {
                id: "p".to_owned(),
                address: "10.0.0.1:1".to_owned(),
                fingerprint: String::new(),
            },
            digests: digests(),
        };
        let body = postcard::to_stdvec(&question).unwrap();
        let header = |replicas: &Replicas, at: i64| {
            format!(
                "{SCHEME} {at}.{}",
                hex::encode(replicas.key.sign(&proven(at, &body)))
            )
        };
        let now = now_ms();
        assert!(ours.question(&header(&ours, now), &body).is_some());
        assert!(ours.question(&header(&other, now), &body).is_none());
        assert!(ours.question(&header(&ours, now - 2 * SKEW_MS), &body).is_none());
        assert!(ours.question(&header(&ours, now), &body[1..]).is_none());
        for wrong in ["", SCHEME, "Berth-Replica 1", "Berth-Replica 1.", "Bearer x"] {
            assert!(ours.question(wrong, &body).is_none(), "{wrong}");
        }
    }
}
