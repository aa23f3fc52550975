//! The few names of OpenSSL's crate that nydus-utils is compiled against, for the encryption of layers that Berth's indexes
//! never ask for. Every call is refused. Without this package each build would compile the whole of OpenSSL, for nothing:
//! docs/decisions/0018.

use std::io::Error;

/// What every call ends with.
fn refused() -> Error {
    Error::other("this build encrypts nothing: it has no OpenSSL")
}

/// Random bytes.
pub mod rand {
    use std::io::Error;

    /// Refused.
    pub fn rand_bytes(_into: &mut [u8]) -> Result<(), Error> {
        Err(super::refused())
    }
}

/// Symmetric ciphers.
pub mod symm {
    use std::io::Error;

    /// A cipher's name.
    #[derive(Clone, Copy, Debug)]
    pub struct Cipher(());

    /// The direction.
    #[derive(Clone, Copy, Debug)]
    pub enum Mode {
        /// To the cipher's text.
        Encrypt,
        /// From it.
        Decrypt,
    }

    /// A cipher at work, of which there is none.
    #[derive(Debug)]
    pub struct Crypter(());

    impl Cipher {
        /// AES-128 in XTS mode.
        pub fn aes_128_xts() -> Self {
            Self(())
        }

        /// AES-256 in XTS mode.
        pub fn aes_256_xts() -> Self {
            Self(())
        }

        /// AES-256 in GCM mode.
        pub fn aes_256_gcm() -> Self {
            Self(())
        }

        /// Bytes of a block.
        pub fn block_size(&self) -> usize {
            16
        }
    }

    impl Crypter {
        /// Refused.
        pub fn new(_cipher: Cipher, _mode: Mode, _key: &[u8], _iv: Option<&[u8]>) -> Result<Self, Error> {
            Err(super::refused())
        }

        /// Refused.
        pub fn update(&mut self, _input: &[u8], _output: &mut [u8]) -> Result<usize, Error> {
            Err(super::refused())
        }

        /// Refused.
        pub fn finalize(&mut self, _output: &mut [u8]) -> Result<usize, Error> {
            Err(super::refused())
        }
    }

    /// Refused.
    pub fn encrypt_aead(
        _cipher: Cipher,
        _key: &[u8],
        _iv: Option<&[u8]>,
        _associated: &[u8],
        _data: &[u8],
        _tag: &mut [u8],
    ) -> Result<Vec<u8>, Error> {
        Err(super::refused())
    }

    /// Refused.
    pub fn decrypt_aead(
        _cipher: Cipher,
        _key: &[u8],
        _iv: Option<&[u8]>,
        _associated: &[u8],
        _data: &[u8],
        _tag: &[u8],
    ) -> Result<Vec<u8>, Error> {
        Err(super::refused())
    }
}
