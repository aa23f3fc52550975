//! The server's certificate: loaded, checked, and taken over again when its files change.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use rustls::ServerConfig;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// How often the files are looked at.
pub(super) const LOOK_EVERY: Duration = Duration::from_secs(2);

/// Why a certificate and its key cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// A file cannot be read.
    #[error("{} cannot be read: {source}", path.display())]
    Read {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file does not hold what it must.
    #[error("{} holds no usable {what}: {source}", path.display())]
    Pem {
        /// Which file.
        path: PathBuf,
        /// `certificate` or `private key`.
        what: &'static str,
        /// What the parser said.
        source: pem::Error,
    },
    /// The certificate is made for another key, or the key's kind is not known.
    #[error("the key in {} does not fit the certificate in {}: {source}", key.display(), certificate.display())]
    Unusable {
        /// The certificate's file.
        certificate: PathBuf,
        /// The key's file.
        key: PathBuf,
        /// What rustls said.
        source: rustls::Error,
    },
}

/// The certificate that new connections get.
#[derive(Debug)]
pub(crate) struct Certificate {
    chain_file: PathBuf,
    key_file: PathBuf,
    provider: Arc<CryptoProvider>,
    current: ArcSwap<CertifiedKey>,
}

/// The bytes of both files; compared to see a change, whatever the clock of their file system does.
#[derive(PartialEq)]
struct Files {
    certificate: Vec<u8>,
    key: Vec<u8>,
}

impl Certificate {
    /// Loads the files for the first time.
    pub(crate) fn load(certificate: &Path, key: &Path) -> Result<Arc<Self>, Error> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let files = Files::read(certificate, key)?;
        let current = ArcSwap::from_pointee(files.parse(certificate, key, &provider)?);
        Ok(Arc::new(Self {
            chain_file: certificate.into(),
            key_file: key.into(),
            provider,
            current,
        }))
    }

    /// The TLS settings that use this certificate, HTTP/2 preferred.
    pub(crate) fn server_config(self: &Arc<Self>) -> Result<Arc<ServerConfig>, rustls::Error> {
        let builder = ServerConfig::builder_with_provider(Arc::clone(&self.provider));
        let resolver: Arc<dyn ResolvesServerCert> = Arc::<Self>::clone(self);
        let mut config = builder
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_cert_resolver(resolver);
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Arc::new(config))
    }

    /// Takes over changed files until the server stops. Files that cannot be used leave the old certificate in force,
    /// and are tried again when they change once more; connections that stand are not touched.
    pub(crate) async fn follow(self: Arc<Self>, stopping: CancellationToken) -> std::io::Result<()> {
        let mut hangup = signal(SignalKind::hangup())?;
        let mut seen = Files::read(&self.chain_file, &self.key_file).ok();
        let mut unreadable = false;
        loop {
            tokio::select! {
                () = stopping.cancelled() => return Ok(()),
                _ = hangup.recv() => {}
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
            match Files::read(&self.chain_file, &self.key_file) {
                Ok(files) if seen.as_ref() == Some(&files) => {}
                Ok(files) => {
                    unreadable = false;
                    self.take_over(&files);
                    seen = Some(files);
                }
                Err(error) if !unreadable => {
                    unreadable = true;
                    tracing::warn!(%error, "the certificate in force stays");
                }
                Err(_) => {}
            }
        }
    }

    fn take_over(&self, files: &Files) {
        match files.parse(&self.chain_file, &self.key_file, &self.provider) {
            Ok(key) => {
                self.current.store(Arc::new(key));
                tracing::info!(file = %self.chain_file.display(), "took over the changed certificate");
            }
            Err(error) => {
                tracing::error!(%error, "the certificate in force stays, the changed one cannot be used");
            }
        }
    }
}

impl Files {
    fn read(certificate: &Path, key: &Path) -> Result<Self, Error> {
        let read = |path: &Path| {
            std::fs::read(path).map_err(|source| Error::Read {
                path: path.into(),
                source,
            })
        };
        Ok(Self {
            certificate: read(certificate)?,
            key: read(key)?,
        })
    }

    fn parse(
        &self,
        certificate: &Path,
        key: &Path,
        provider: &CryptoProvider,
    ) -> Result<CertifiedKey, Error> {
        let refuse = |path: &Path, what, source| Error::Pem {
            path: path.into(),
            what,
            source,
        };
        let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&self.certificate).collect();
        let chain = chain.and_then(|chain| {
            if chain.is_empty() {
                Err(pem::Error::NoItemsFound)
            } else {
                Ok(chain)
            }
        });
        let chain = chain.map_err(|source| refuse(certificate, "certificate", source))?;
        let private =
            PrivateKeyDer::from_pem_slice(&self.key).map_err(|source| refuse(key, "private key", source))?;
        // Refuses a key that does not belong to the certificate.
        CertifiedKey::from_der(chain, private, provider).map_err(|source| Error::Unusable {
            certificate: certificate.into(),
            key: key.into(),
            source,
        })
    }
}

impl ResolvesServerCert for Certificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.current.load_full())
    }
}
