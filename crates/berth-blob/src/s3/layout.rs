//! Where things lie in the bucket, and which names are good. Knows no request.
//!
//! All that belongs to one upload lies below `blobs/<shard>/<id>/`: `whole` or `piece-…` (bytes), `multipart` (the
//! multipart upload that was begun) and, once committed, the marker `<object>.<algorithm>-<hex>` beside the object.

use std::io;

use berth_oci::{Algorithm, Digest};
use object_store::path::Path;

use crate::Error;

const ID_LENGTH_MAX: usize = 128;
const PIECE: &str = "piece-";
const PIECE_RANDOM_LENGTH: usize = 16;
/// The object that a multipart upload becomes.
pub(super) const WHOLE: &str = "whole";
/// The note of a multipart upload that was begun.
pub(super) const RECORD: &str = "multipart";

/// The names below one prefix of a bucket.
#[derive(Debug, Clone)]
pub(super) struct Layout {
    prefix: Path,
}

/// What a name in an upload's folder stands for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Name {
    /// Bytes.
    Object,
    /// The marker that the object of this name is a blob with this digest.
    Marker(String, Digest),
    /// Anything else.
    Other,
}

impl Name {
    pub(super) fn of(name: &str) -> Self {
        if is_object(name) {
            return Self::Object;
        }
        match name.split_once('.') {
            Some((object, digest)) if is_object(object) => {
                marked(digest).map_or(Self::Other, |digest| Self::Marker(object.to_owned(), digest))
            }
            _ => Self::Other,
        }
    }
}

impl Layout {
    pub(super) fn below(prefix: Path) -> Self {
        Self { prefix }
    }

    /// Where all blobs and uploads lie.
    pub(super) fn blobs(&self) -> Path {
        self.prefix.clone().join("blobs")
    }

    /// Where all that belongs to one upload lies.
    pub(super) fn folder(&self, id: &str) -> Result<Path, Error> {
        if is_id(id) {
            Ok(self.blobs().join(shard(id)).join(id))
        } else {
            Err(refused("upload id", id))
        }
    }

    /// Where the bytes of a blob lie, and its marker.
    pub(super) fn blob(&self, key: &str) -> Result<(Path, Path), Error> {
        let mut parts = key.split('/');
        let (Some(shard_found), Some(id), Some(name), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(refused("key", key));
        };
        let Name::Marker(object, _) = Name::of(name) else {
            return Err(refused("key", key));
        };
        if !is_id(id) || shard(id) != shard_found {
            return Err(refused("key", key));
        }
        let folder = self.folder(id)?;
        Ok((folder.clone().join(object), folder.join(name)))
    }

    /// The folder's upload and the name in it, of a place below [`blobs`](Self::blobs).
    pub(super) fn parts<'a>(&self, path: &'a Path) -> Option<(&'a str, &'a str)> {
        let below = path.as_ref().strip_prefix(self.blobs().as_ref())?;
        let mut parts = below.strip_prefix('/')?.split('/');
        let (_shard, id, name) = (parts.next()?, parts.next()?, parts.next()?);
        (parts.next().is_none() && is_id(id)).then_some((id, name))
    }

    /// Where the documents lie.
    pub(super) fn documents(&self) -> Path {
        self.prefix.clone().join("documents")
    }

    /// Where it is noted whose store this is.
    pub(super) fn owner(&self) -> Path {
        self.prefix.clone().join("registry")
    }

    /// What a check writes and removes.
    pub(super) fn check(&self) -> Path {
        self.prefix.clone().join("check")
    }
}

/// The name of an object that nobody wrote before.
pub(super) fn new_piece() -> String {
    format!("{PIECE}{:016x}", rand::random::<u64>())
}

/// The key of a blob, which is its marker's place below `blobs/`: storage alone can tell the digests from keys.
pub(super) fn key(id: &str, object: &str, digest: &Digest) -> String {
    let algorithm = digest.algorithm().as_str();
    format!("{}/{id}/{object}.{algorithm}-{}", shard(id), digest.hex())
}

/// Spreads the uploads, whose ids begin alike, over the bucket.
pub(super) fn shard(id: &str) -> String {
    Digest::of(Algorithm::Sha256, id.as_bytes()).hex()[..2].to_owned()
}

fn is_id(id: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    (1..=ID_LENGTH_MAX).contains(&id.len()) && id.bytes().all(allowed)
}

fn is_object(name: &str) -> bool {
    let is_random =
        |text: &str| text.len() == PIECE_RANDOM_LENGTH && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    name == WHOLE || name.strip_prefix(PIECE).is_some_and(is_random)
}

fn marked(text: &str) -> Option<Digest> {
    let (algorithm, hex) = text.split_once('-')?;
    format!("{algorithm}:{hex}").parse().ok()
}

fn refused(what: &str, name: &str) -> Error {
    Error::Internal {
        doing: format!("check a {what}"),
        source: io::Error::new(io::ErrorKind::InvalidInput, format!("{name:?} is refused")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest() -> Digest {
        Digest::of(Algorithm::Sha256, b"")
    }

    #[test]
    fn a_key_tells_where_its_bytes_and_its_marker_lie() {
        let layout = Layout::below(Path::from("registry/one"));
        let key = key("id-1", WHOLE, &digest());
        let (object, marker) = layout.blob(&key).unwrap();
        let shard = shard("id-1");
        assert_eq!(object.as_ref(), format!("registry/one/blobs/{shard}/id-1/whole"));
        assert_eq!(marker.as_ref(), format!("registry/one/blobs/{key}"));
        assert_eq!(layout.parts(&object), Some(("id-1", "whole")));
        assert_eq!(layout.parts(&layout.documents()), None);
    }

    #[test]
    fn names_are_told_apart() {
        let marker = format!("whole.sha256-{}", digest().hex());
        let piece = new_piece();
        for (name, wanted) in [
            ("whole", Name::Object),
            (piece.as_str(), Name::Object),
            (marker.as_str(), Name::Marker("whole".to_owned(), digest())),
            ("multipart", Name::Other),
            ("whole.sha256-00", Name::Other),
            ("piece-1", Name::Other),
        ] {
            assert_eq!(Name::of(name), wanted, "{name}");
        }
    }

    #[test]
    fn a_key_of_another_upload_s_shard_is_refused() {
        let layout = Layout::below(Path::default());
        let good = key("id", WHOLE, &digest());
        assert!(layout.blob(&good).is_ok());
        let bad = format!("{}{}", if &good[..2] == "00" { "01" } else { "00" }, &good[2..]);
        assert!(layout.blob(&bad).is_err());
    }
}
