//! What an agent, the registry's tracker and other agents say to one another: paths, JSON bodies, tickets, bounds.
//!
//! Pure data. Refuses to know who sends it and what follows from it.

mod bitmap;

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use berth_oci::Digest;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

pub use bitmap::Bitmap;

/// Bytes of each chunk of a blob but the last.
pub const CHUNK_BYTES: u64 = 4 << 20;
/// Most chunks of one blob: 512 GiB.
pub const CHUNKS_MAX: usize = 1 << 17;
/// Most peers that one answer names.
pub const PEERS_MAX: usize = 20;
/// Most leases that one request may want.
pub const LEASES_MAX: u8 = 16;
/// Most peers that one request tells as failed.
pub const FAILED_MAX: usize = 64;
/// Most whole blobs that one agent announces.
pub const SEEDS_MAX: usize = 1000;
/// Most labels of a node.
pub const LABELS_MAX: usize = 64;
/// Most results of preheat jobs in one request; the rest goes with the next one.
pub const DONE_MAX: usize = 100;
/// Most preheat jobs in one answer.
pub const PREHEATS_MAX: usize = 100;
/// The audience of tickets.
pub const TICKET_AUDIENCE: &str = "berth-swarm";
/// The scheme of the `Authorization` header that carries a ticket between agents.
pub const TICKET_SCHEME: &str = "Berth";
/// Where an agent asks for its jobs and announces what it has.
pub const NODES_PATH: &str = "/v2/_berth/swarm/nodes";
/// Where the public keys of tickets are.
pub const KEY_PATH: &str = "/v2/_berth/swarm/key";

/// Where an agent joins the swarm of a blob; `repository` is a valid name, which needs no escapes.
pub fn join_path(repository: &str, digest: &Digest) -> String {
    format!("/v2/{repository}/_berth/swarm/{digest}")
}

/// An agent, as others reach and recognise it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Peer {
    /// Made by the agent at its first start: 1 to 64 of `a-z`, `0-9` and `-`.
    pub id: String,
    /// Address and port of its side for other agents.
    pub address: String,
    /// SHA-256 of its certificate (DER), 64 lower-case hexadecimal digits.
    pub fingerprint: String,
}

impl Peer {
    /// Whether all parts are of their form; an address is an IP address with a port, which no resolver is asked for.
    pub fn is_valid(&self) -> bool {
        let is_id = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        let is_hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
        (1..=64).contains(&self.id.len())
            && self.id.bytes().all(is_id)
            && self.fingerprint.len() == 64
            && self.fingerprint.bytes().all(is_hex)
            && self
                .address
                .parse::<std::net::SocketAddr>()
                .is_ok_and(|address| address.port() != 0)
    }
}

/// Body of `POST /v2/<name>/_berth/swarm/<digest>`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Join {
    /// Who joins or renews.
    pub peer: Peer,
    /// The chunks it has; absent at first, when it does not know how many there are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub have: Option<Bitmap>,
    /// How many leases it wants, at most [`LEASES_MAX`]; what it holds already is not counted.
    #[serde(default)]
    pub want: u8,
    /// Ids of peers that were dead or gave wrong bytes since it asked last, at most [`FAILED_MAX`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failed: Vec<String>,
    /// Whether the answer shall have the table of chunks.
    #[serde(default)]
    pub table: bool,
    /// What came since the last request that was answered with 200.
    #[serde(default, skip_serializing_if = "Moved::is_nothing")]
    pub moved: Moved,
}

/// Bytes of chunks that an agent got.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moved {
    /// From other agents.
    pub peers: u64,
    /// From the registry.
    pub registry: u64,
}

impl Moved {
    /// Whether nothing came.
    pub fn is_nothing(&self) -> bool {
        *self == Self::default()
    }
}

/// Answer to [`Join`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Joined {
    /// Bytes of the blob.
    pub size: u64,
    /// Bytes of each chunk but the last.
    pub chunk_bytes: u64,
    /// SHA-256 of each chunk, when the table was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chunks: Option<ChunkTable>,
    /// Lets the holder fetch chunks of this blob from other agents: a signed [`Ticket`].
    pub ticket: String,
    /// Others that have chunks or want them, at most [`PEERS_MAX`].
    pub peers: Vec<Neighbour>,
    /// Chunks that this agent shall fetch from the registry.
    pub leases: Vec<u32>,
    /// How long a lease holds.
    pub lease_ms: u64,
    /// When to renew.
    pub renew_ms: u64,
}

/// Another agent of the same swarm.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Neighbour {
    /// Who it is.
    #[serde(flatten)]
    pub peer: Peer,
    /// The chunks it had when it told last.
    pub have: Bitmap,
}

/// What a ticket says. A JWT (ES256) with audience [`TICKET_AUDIENCE`], signed by the registry's token key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ticket {
    /// [`TICKET_AUDIENCE`].
    pub aud: String,
    /// The blob.
    pub digest: Digest,
    /// Id of the agent that may use it.
    pub peer: String,
    /// Fingerprint of that agent's certificate.
    pub fingerprint: String,
    /// Seconds since the epoch at which it ends.
    pub exp: i64,
}

/// Body of `POST` [`NODES_PATH`], which the registry holds open for up to 30 seconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Node {
    /// Who asks.
    pub peer: Peer,
    /// What the node is called by in preheats, at most [`LABELS_MAX`].
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// Whole blobs that it can give, the ones used last first, at most [`SEEDS_MAX`].
    #[serde(default)]
    pub seeds: Vec<Digest>,
    /// What became of jobs since it asked last, at most [`DONE_MAX`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub done: Vec<Done>,
    /// What came since the last request that was answered with 200 and that no [`Join`] told.
    #[serde(default, skip_serializing_if = "Moved::is_nothing")]
    pub moved: Moved,
}

/// What became of a preheat on one node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Done {
    /// The job, as [`Preheat`] named it.
    pub job: String,
    /// How it ended.
    pub state: DoneState,
    /// Why it failed, for people.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub detail: String,
}

/// How a preheat ended on one node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DoneState {
    /// Every blob of the image is on the node.
    Complete,
    /// One could not be had.
    Failed,
}

/// Answer to [`Node`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NodeAnswer {
    /// Images that the node shall have, at most [`PREHEATS_MAX`].
    #[serde(default)]
    pub preheat: Vec<Preheat>,
    /// Jobs that it was told of and that are wanted no more.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub over: Vec<String>,
    /// The public keys of tickets (JWK set), as at [`KEY_PATH`].
    pub key: serde_json::Value,
}

/// An image that a node shall have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Preheat {
    /// The job.
    pub job: String,
    /// The repository's name.
    pub repository: String,
    /// An image's manifest or an index of some.
    pub manifest: Digest,
    /// A bearer token that may pull it.
    pub token: String,
}

/// SHA-256 of each chunk of a blob, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChunkTable(pub Vec<[u8; 32]>);

impl Serialize for ChunkTable {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(self.0.as_flattened()))
    }
}

impl<'de> Deserialize<'de> for ChunkTable {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let bytes = STANDARD.decode(text).map_err(D::Error::custom)?;
        let (hashes, rest) = bytes.as_chunks::<32>();
        if !rest.is_empty() || hashes.len() > CHUNKS_MAX {
            return Err(D::Error::custom("a table of chunks has 32 bytes for each"));
        }
        Ok(Self(hashes.to_vec()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_are_the_documented_json() {
        let peer = Peer {
            id: "n-1".into(),
            address: "10.0.0.5:7001".into(),
            fingerprint: "ab".repeat(32),
        };
        assert!(peer.is_valid());
        let mut have = Bitmap::new(9);
        have.set(0);
        have.set(8);
        let join = Join {
            peer: peer.clone(),
            have: Some(have.clone()),
            want: 2,
            failed: Vec::new(),
            table: true,
            moved: Moved::default(),
        };
        let fingerprint = "ab".repeat(32);
        assert_eq!(
            serde_json::to_value(&join).unwrap(),
            serde_json::json!({
                "peer": {"id": "n-1", "address": "10.0.0.5:7001", "fingerprint": fingerprint},
                "have": "AQE=", "want": 2, "table": true,
            })
        );
        let neighbour = serde_json::to_value(Neighbour { peer, have }).unwrap();
        assert_eq!(
            neighbour,
            serde_json::json!({"id": "n-1", "address": "10.0.0.5:7001", "fingerprint": fingerprint, "have": "AQE="})
        );
        let table = ChunkTable(vec![[1; 32], [2; 32]]);
        let text = serde_json::to_string(&table).unwrap();
        assert_eq!(serde_json::from_str::<ChunkTable>(&text).unwrap(), table);
        assert!(serde_json::from_str::<ChunkTable>("\"AAAA\"").is_err());
    }

    #[test]
    fn a_peer_without_a_plain_address_is_none() {
        let check = |id: &str, address: &str, fingerprint: &str| {
            let peer = Peer {
                id: id.into(),
                address: address.into(),
                fingerprint: fingerprint.into(),
            };
            peer.is_valid()
        };
        let hex = "0f".repeat(32);
        assert!(check("a", "[::1]:7001", &hex));
        assert!(!check("", "10.0.0.1:1", &hex));
        assert!(!check("a/b", "10.0.0.1:1", &hex));
        assert!(!check("a", "10.0.0.1:0", &hex));
        assert!(!check("a", "metadata.internal:80", &hex));
        assert!(!check("a", "10.0.0.1:1", &hex.to_uppercase()));
    }
}
