//! Which store it is and how it is spoken to; the clients made of that.

use std::sync::Arc;

use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::path::Path;
use object_store::{ClientOptions, RetryConfig};

use super::bucket::{Bucket, PartSizes};
use super::layout::Layout;
use super::memory::Memory;
use super::patience::{Budget, Patience};
use super::wire::Connector;
use crate::{CacheSettings, Error};

/// What is unused this long is closed here, before the store closes it.
const IDLE: std::time::Duration = std::time::Duration::from_secs(15);

/// Which store it is and how it is spoken to. What is `None` is taken from the environment as Amazon's own tools do.
#[derive(Clone)]
pub struct S3Settings {
    /// The bucket.
    pub bucket: String,
    /// What every name in the bucket begins with; may be empty.
    pub prefix: String,
    /// The store's address, `https://host:port`; Amazon's when none.
    pub endpoint: Option<String>,
    /// The region that signatures name.
    pub region: Option<String>,
    /// The id of the access key.
    pub access_key_id: Option<String>,
    /// Its secret.
    pub secret_access_key: Option<String>,
    /// Whether the bucket is named in the path of a request and not in its host.
    pub path_style: bool,
    /// The store's address as clients of the registry know it, for signed addresses.
    pub public_endpoint: Option<String>,
    /// Most memory that all uploads together take, in bytes.
    pub memory_bytes: u64,
    /// The largest blob that will be stored, in bytes.
    pub blob_bytes_max: u64,
    /// How long the store is waited for.
    pub patience: Patience,
    /// Where the process that serves keeps what was read, if it does.
    pub cache: Option<CacheSettings>,
}

impl S3Settings {
    /// Usual settings for a bucket and prefix.
    pub fn new(bucket: impl Into<String>, prefix: impl Into<String>) -> Self {
        Self {
            bucket: bucket.into(),
            prefix: prefix.into(),
            endpoint: None,
            region: None,
            access_key_id: None,
            secret_access_key: None,
            path_style: true,
            public_endpoint: None,
            memory_bytes: 256 << 20,
            blob_bytes_max: 10 << 30,
            patience: Patience::default(),
            cache: None,
        }
    }

    /// The store's address for a person.
    pub(super) fn place(&self) -> &str {
        self.endpoint.as_deref().unwrap_or("Amazon S3")
    }

    pub(super) fn bucket(&self) -> Result<Bucket, Error> {
        let prefix = Path::parse(&self.prefix).map_err(|source| {
            Error::Misconfigured(format!("the prefix of the storage is refused: {source}"))
        })?;
        let client = self.client(self.endpoint.as_deref())?;
        let signer = match &self.public_endpoint {
            Some(endpoint) => self.client(Some(endpoint))?,
            None => client.clone(),
        };
        let parts = PartSizes::for_blobs_up_to(self.blob_bytes_max);
        Ok(Bucket {
            client,
            signer,
            layout: Layout::below(prefix),
            // Two parts at least: one is received while another is sent.
            memory: Memory::new(self.memory_bytes.max(2 * parts.largest())),
            patience: self.patience.clone(),
            parts,
        })
    }

    fn client(&self, endpoint: Option<&str>) -> Result<AmazonS3, Error> {
        let mut builder = AmazonS3Builder::from_env()
            .with_bucket_name(&self.bucket)
            .with_virtual_hosted_style_request(!self.path_style)
            .with_retry(RetryConfig {
                max_retries: 0,
                ..RetryConfig::default()
            })
            .with_client_options(
                ClientOptions::new()
                    .with_allow_http(true)
                    .with_connect_timeout(self.patience.connect)
                    .with_timeout_disabled()
                    .with_pool_idle_timeout(IDLE),
            )
            .with_http_connector(Connector {
                patience: self.patience.clone(),
                budget: Arc::new(Budget::new()),
            });
        if let Some(endpoint) = endpoint {
            builder = builder.with_endpoint(self.addressed(endpoint));
        }
        if let Some(region) = &self.region {
            builder = builder.with_region(region);
        }
        if let (Some(id), Some(secret)) = (&self.access_key_id, &self.secret_access_key) {
            builder = builder.with_access_key_id(id).with_secret_access_key(secret);
        }
        builder.build().map_err(|source| {
            Error::Misconfigured(format!("the settings of the S3 storage are refused: {source}"))
        })
    }

    /// The endpoint as the client wants it: with the bucket in its host where that is the style.
    fn addressed(&self, endpoint: &str) -> String {
        let endpoint = endpoint.trim_end_matches('/');
        match endpoint.split_once("://") {
            Some((scheme, host)) if !self.path_style => format!("{scheme}://{}.{host}", self.bucket),
            _ => endpoint.to_owned(),
        }
    }
}

impl std::fmt::Debug for S3Settings {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("S3Settings")
            .field("bucket", &self.bucket)
            .field("prefix", &self.prefix)
            .field("endpoint", &self.endpoint)
            .finish_non_exhaustive()
    }
}
