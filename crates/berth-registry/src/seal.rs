//! Sealing of secrets that must be readable again (secret keys, the token signing key) under the master key.
//! The master key is a file of 32 bytes beside the data, never in the database: a copied database gives no secret away.
//! Knows nothing of what it seals; the context says it, so that one sealed value cannot stand in for another.

use std::fs::{self, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

use aes_gcm::aead::{Aead, KeyInit, Payload};
use aes_gcm::{Aes256Gcm, Nonce};
use hmac::{Hmac, Mac as _};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::Error;

const KEY_BYTES: usize = 32;
const NONCE_BYTES: usize = 12;
/// The first byte of every sealed value, so that another cipher can follow some day.
const VERSION: u8 = 1;

/// The key that seals; it is wiped from memory when dropped and never printed.
pub(crate) struct MasterKey {
    cipher: Aes256Gcm,
    /// What other keys are derived from.
    root: Keyed,
}

/// A key of the same installation for one purpose, by which processes that have the master key know one another.
pub(crate) struct Keyed(Zeroizing<[u8; KEY_BYTES]>);

impl Keyed {
    pub(crate) fn of_bytes(bytes: [u8; KEY_BYTES]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// What shows that whoever has this key said `text`.
    pub(crate) fn sign(&self, text: &[u8]) -> [u8; KEY_BYTES] {
        self.mac(text).finalize().into_bytes().into()
    }

    /// Whether whoever has this key said `text`.
    pub(crate) fn has_signed(&self, text: &[u8], proof: &[u8]) -> bool {
        self.mac(text).verify_slice(proof).is_ok()
    }

    fn mac(&self, text: &[u8]) -> Hmac<Sha256> {
        let mut mac = <Hmac<Sha256> as hmac::KeyInit>::new_from_slice(&*self.0).expect("a key of any length");
        mac.update(text);
        mac
    }
}

impl std::fmt::Debug for MasterKey {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("MasterKey(..)")
    }
}

impl MasterKey {
    /// The key in the file at `path`, `None` when there is no such file; refuses a file of another size or one that
    /// others than its owner can read.
    pub(crate) fn load(path: &Path) -> Result<Option<MasterKey>, Error> {
        let mut file = match fs::File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(refused(path, &format!("the file cannot be read: {error}"))),
        };
        let mode = file
            .metadata()
            .map_err(|error| refused(path, &format!("the file cannot be read: {error}")))?
            .permissions()
            .mode();
        if mode & 0o007 != 0 {
            return Err(refused(
                path,
                &format!(
                    "everybody on this machine can open the file (mode {:04o}); run chmod 600 on it",
                    mode & 0o7777
                ),
            ));
        }
        // One byte more than a key, so that a longer file is noticed without being read whole.
        let mut bytes = Zeroizing::new([0_u8; KEY_BYTES + 1]);
        let read = read_up_to(&mut file, bytes.as_mut_slice())
            .map_err(|error| refused(path, &format!("the file cannot be read: {error}")))?;
        if read != KEY_BYTES {
            return Err(refused(
                path,
                "the file does not hold exactly 32 bytes; put the right file back from a backup",
            ));
        }
        Ok(Some(Self::from_bytes(&bytes[..KEY_BYTES])))
    }

    /// Creates the file with a fresh key, readable by its owner only; when another process created it first, that one's
    /// key is loaded.
    pub(crate) fn create(path: &Path) -> Result<MasterKey, Error> {
        let bytes = Zeroizing::new(rand::random::<[u8; KEY_BYTES]>());
        write_new(path, bytes.as_slice())
            .map_err(|error| refused(path, &format!("the file cannot be created: {error}")))?;
        Self::load(path)?.ok_or_else(|| refused(path, "the file was removed while it was being created"))
    }

    fn from_bytes(bytes: &[u8]) -> MasterKey {
        let mut root = [0; KEY_BYTES];
        root.copy_from_slice(bytes);
        MasterKey {
            cipher: Aes256Gcm::new_from_slice(bytes).expect("the caller checked the length of the key"),
            root: Keyed::of_bytes(Keyed::of_bytes(root).sign(b"berth: root of derived keys")),
        }
    }

    /// The key for this purpose, the same in every process of the installation.
    pub(crate) fn derive(&self, purpose: &str) -> Keyed {
        Keyed::of_bytes(self.root.sign(purpose.as_bytes()))
    }

    /// Seals `secret` so that only `open` with the same `context` gives it back.
    pub(crate) fn seal(&self, context: &str, secret: &[u8]) -> Result<Vec<u8>, Error> {
        let nonce = rand::random::<[u8; NONCE_BYTES]>();
        let payload = Payload {
            msg: secret,
            aad: context.as_bytes(),
        };
        let sealed = self
            .cipher
            .encrypt(&Nonce::from(nonce), payload)
            .map_err(|_| Error::Internal {
                doing: format!("sealing {context}"),
                source: "the secret is too long".into(),
            })?;
        let mut out = Vec::with_capacity(1 + NONCE_BYTES + sealed.len());
        out.push(VERSION);
        out.extend_from_slice(&nonce);
        out.extend_from_slice(&sealed);
        Ok(out)
    }

    /// The secret that was sealed under this key with this `context`; `Internal` when key, context or bytes differ.
    pub(crate) fn open(&self, context: &str, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, Error> {
        self.try_open(context, sealed)
            .map(Zeroizing::new)
            .ok_or_else(|| Error::Internal {
                doing: format!("opening {context}"),
                source: "it was sealed under another master key, or it is damaged".into(),
            })
    }

    fn try_open(&self, context: &str, sealed: &[u8]) -> Option<Vec<u8>> {
        let (version, rest) = sealed.split_first()?;
        let (nonce, sealed) = rest.split_at_checked(NONCE_BYTES)?;
        let nonce = <[u8; NONCE_BYTES]>::try_from(nonce).ok()?;
        let payload = Payload {
            msg: sealed,
            aad: context.as_bytes(),
        };
        if *version != VERSION {
            return None;
        }
        self.cipher.decrypt(&Nonce::from(nonce), payload).ok()
    }
}

fn refused(path: &Path, problem: &str) -> Error {
    Error::Invalid(format!("master key {}: {problem}", path.display()))
}

fn read_up_to(file: &mut fs::File, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match file.read(&mut buffer[filled..])? {
            0 => break,
            read => filled += read,
        }
    }
    Ok(filled)
}

/// Writes a whole new file or none: a crash leaves no short key behind, and of two writers the first one wins.
fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    fs::create_dir_all(folder)?;
    let draft = folder.join(format!(".master-key-{}", uuid::Uuid::new_v4().simple()));
    let written = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&draft)
        .and_then(|mut file| {
            file.write_all(bytes)?;
            file.sync_all()
        })
        .and_then(|()| match fs::hard_link(&draft, path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            other => other,
        });
    let removed = fs::remove_file(&draft);
    written?;
    removed?;
    fs::File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key_in(folder: &Path) -> MasterKey {
        MasterKey::create(&folder.join("master.key")).unwrap()
    }

    #[test]
    fn what_is_sealed_opens_again_under_the_same_file() {
        let folder = tempfile::tempdir().unwrap();
        let sealed = key_in(folder.path()).seal("access key A", b"secret").unwrap();
        let again = MasterKey::load(&folder.path().join("master.key"))
            .unwrap()
            .unwrap();
        assert_eq!(again.open("access key A", &sealed).unwrap().as_slice(), b"secret");
    }

    #[test]
    fn another_context_key_or_byte_does_not_open() {
        let (folder, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let key = key_in(folder.path());
        let sealed = key.seal("access key A", b"secret").unwrap();
        assert!(key.open("access key B", &sealed).is_err());
        assert!(key_in(other.path()).open("access key A", &sealed).is_err());
        for position in 0..sealed.len() {
            let mut damaged = sealed.clone();
            damaged[position] ^= 1;
            assert!(key.open("access key A", &damaged).is_err(), "byte {position}");
            assert!(key.open("access key A", &sealed[..position]).is_err());
        }
    }

    #[test]
    fn sealing_twice_gives_different_bytes() {
        let folder = tempfile::tempdir().unwrap();
        let key = key_in(folder.path());
        assert_ne!(key.seal("c", b"s").unwrap(), key.seal("c", b"s").unwrap());
    }

    #[test]
    fn the_file_is_the_owners_only_and_is_never_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deeper/master.key");
        let sealed = MasterKey::create(&path).unwrap().seal("c", b"s").unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let second = MasterKey::create(&path).unwrap();
        assert_eq!(second.open("c", &sealed).unwrap().as_slice(), b"s");
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    }

    #[test]
    fn a_bad_file_is_refused_with_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("master.key");
        assert!(MasterKey::load(&path).unwrap().is_none());
        for (bytes, mode, says) in [
            (31, 0o600, "exactly 32 bytes"),
            (33, 0o600, "exactly 32 bytes"),
            (0, 0o600, "exactly 32 bytes"),
            (32, 0o644, "chmod 600"),
        ] {
            fs::write(&path, vec![7_u8; bytes]).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            let error = MasterKey::load(&path).unwrap_err().to_string();
            assert!(error.contains(says), "{error}");
            assert!(error.contains("master.key"), "{error}");
        }
    }
}
