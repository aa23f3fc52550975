//! A registry with one account, its organisation `team`, and callers with given rights.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use berth_blob::{BlobStore, ByteStream, FileStore};
use berth_metadata::{
    AccessKey, AccessType, Account, FirstAccount, GrantTarget, Metadata, NewOrganization, NewUser, Permission,
};
use berth_oci::endpoint::StartUpload;
use berth_oci::{Algorithm, Digest, RangeRequest, RepositoryName};
use berth_registry::{
    BlobRead, Caller, Chunk, Condition, Credential, Error, IdentitySettings, Limits, PushedManifest,
    Registry, Started, StoredManifest, UserCaller, now_ms,
};
use bytes::Bytes;
use futures_util::{StreamExt as _, stream};

pub(crate) const ADMINISTRATOR: &str = "00000000000000000000000000000001";
const MEMBER: &str = "00000000000000000000000000000002";
const ACCOUNT: &str = "000000000000000000000000000000aa";

/// A registry in a folder that goes away with it.
pub(crate) struct TestRegistry {
    pub(crate) registry: Arc<Registry>,
    pub(crate) metadata: Metadata,
    pub(crate) folder: tempfile::TempDir,
}

impl TestRegistry {
    pub(crate) async fn open(limits: Limits) -> Self {
        Self::over(limits, |store| store).await
    }

    /// A registry over the file store as `wrap` gives it back.
    pub(crate) async fn over<S: BlobStore>(limits: Limits, wrap: impl FnOnce(FileStore) -> S) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let store = FileStore::open(&folder.path().join("storage")).expect("a file store");
        let url = format!("sqlite://{}", folder.path().join("berth.db").display());
        Self::made(limits, (&url, folder), Arc::new(wrap(store))).await
    }

    /// A registry over this database and the file store.
    pub(crate) async fn on(limits: Limits, database: &str) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let store = FileStore::open(&folder.path().join("storage")).expect("a file store");
        Self::made(limits, (database, folder), Arc::new(store)).await
    }

    async fn made(
        limits: Limits,
        (url, folder): (&str, tempfile::TempDir),
        store: Arc<dyn BlobStore>,
    ) -> Self {
        let metadata = Metadata::open(url).await.expect("a database");
        let identity = identity(folder.path());
        let registry = Registry::new(metadata.clone(), store, limits, &identity).await;
        let registry = Arc::new(registry.expect("a registry"));
        let this = Self {
            registry,
            metadata,
            folder,
        };
        this.people().await;
        this
    }

    async fn people(&self) {
        let user = |id: &str, name: &str, administrator| NewUser {
            id: id.into(),
            account_id: ACCOUNT.into(),
            name: name.into(),
            password_hash: None,
            access: AccessType::Both,
            enabled: true,
            administrator,
            description: String::new(),
            now: now_ms(),
        };
        let first = FirstAccount {
            account: Account {
                id: ACCOUNT.into(),
                name: "berth".into(),
                created_at: now_ms(),
            },
            user: user(ADMINISTRATOR, "admin", true),
            key: AccessKey {
                access_key_id: "AK".into(),
                user_id: ADMINISTRATOR.into(),
                secret_encrypted: Vec::new(),
                enabled: true,
                description: String::new(),
                created_at: now_ms(),
                last_used_at: None,
                expires_at: None,
            },
        };
        self.metadata.create_first(first).await.expect("a first account");
        self.metadata
            .create_user(user(MEMBER, "dev", false))
            .await
            .expect("a member");
        let team = NewOrganization {
            name: "team".into(),
            creator_id: ADMINISTRATOR.into(),
            limit: None,
            now: now_ms(),
        };
        self.metadata
            .create_organization(team)
            .await
            .expect("an organization");
    }

    /// Another process on the same folder, as after a restart.
    pub(crate) async fn reopen(self) -> Self {
        let Self {
            registry,
            metadata,
            folder,
        } = self;
        let limits = registry.limits().clone();
        drop(registry);
        metadata.close().await;
        let store = FileStore::open(&folder.path().join("storage")).expect("a file store");
        let url = format!("sqlite://{}", folder.path().join("berth.db").display());
        let metadata = Metadata::open(&url).await.expect("a database");
        let identity = identity(folder.path());
        let registry = Arc::new(
            Registry::new(metadata.clone(), Arc::new(store), limits, &identity)
                .await
                .expect("a registry"),
        );
        Self {
            registry,
            metadata,
            folder,
        }
    }

    /// Pushes a blob into another organisation, which is made for it.
    pub(crate) async fn push_elsewhere(&self, repository: &str, bytes: &[u8]) -> Digest {
        let organization = name(repository).organization().to_string();
        let new = NewOrganization {
            name: organization,
            creator_id: ADMINISTRATOR.into(),
            limit: None,
            now: now_ms(),
        };
        self.metadata
            .create_organization(new)
            .await
            .expect("an organization");
        self.push(repository, bytes).await
    }

    /// Gives the member a right on the organisation.
    pub(crate) async fn grant(&self, permission: Permission) {
        let team = self
            .metadata
            .organization("team")
            .await
            .expect("metadata")
            .expect("the organization");
        let grants = [(MEMBER.to_owned(), permission)];
        self.metadata
            .add_grants(GrantTarget::Organization(team.id), &grants)
            .await
            .expect("a grant");
    }

    /// Pushes a blob in one request.
    pub(crate) async fn push(&self, repository: &str, bytes: &[u8]) -> Digest {
        let digest = sha256(bytes);
        let name = name(repository);
        self.registry
            .push_blob(&admin(), &name, &digest, whole(bytes))
            .await
            .expect("a pushed blob");
        digest
    }

    /// Begins an upload.
    pub(crate) async fn start(&self, caller: &Caller, repository: &str) -> Result<String, Error> {
        match self
            .registry
            .start_upload(caller, &name(repository), &StartUpload::default())
            .await?
        {
            Started::Upload(id) => Ok(id),
            Started::Mounted(digest) => panic!("mounted {digest} without being asked"),
        }
    }

    /// Mounts a blob from another repository; whether it could.
    pub(crate) async fn mount(&self, to: &str, from: &str, digest: &Digest) -> bool {
        let wanted = StartUpload {
            mount: Some(digest.clone()),
            from: Some(name(from)),
            ..StartUpload::default()
        };
        let started = self.registry.start_upload(&admin(), &name(to), &wanted).await;
        matches!(started.expect("started"), Started::Mounted(_))
    }

    /// Reads a whole blob.
    pub(crate) async fn pull(
        &self,
        caller: &Caller,
        repository: &str,
        digest: &Digest,
    ) -> Result<Vec<u8>, Error> {
        match self
            .registry
            .open_blob(caller, &name(repository), digest, RangeRequest::Whole)
            .await?
        {
            BlobRead::Opened(mut blob) => {
                let mut bytes = Vec::new();
                while let Some(chunk) = blob.stream.next().await {
                    bytes.extend_from_slice(&chunk.expect("bytes of a stored blob"));
                }
                assert_eq!(bytes.len() as u64, blob.size);
                Ok(bytes)
            }
            BlobRead::Elsewhere(address) => panic!("a folder has no address, yet {address}"),
            BlobRead::Unsatisfiable(size) => panic!("no range was asked for, yet none fits {size} bytes"),
        }
    }

    /// Puts a manifest as the administrator.
    pub(crate) async fn put(
        &self,
        repository: &str,
        reference: &str,
        manifest: &[u8],
    ) -> Result<StoredManifest, Error> {
        self.put_if(repository, reference, manifest, None).await
    }

    /// The same, if the tag names what the condition says.
    pub(crate) async fn put_if(
        &self,
        repository: &str,
        reference: &str,
        manifest: &[u8],
        condition: Option<Condition>,
    ) -> Result<StoredManifest, Error> {
        let reference = reference.parse().expect("a reference");
        let pushed = PushedManifest {
            reference: &reference,
            tags: &[],
            content_type: None,
            body: body(vec![Ok(manifest.to_vec())]),
            condition,
            origin: None,
        };
        self.registry
            .put_manifest(&admin(), &name(repository), pushed)
            .await
    }

    /// Every file below the storage folder, by its path in it.
    pub(crate) fn files(&self) -> Vec<String> {
        let root = self.folder.path().join("storage");
        let mut folders = vec![root.clone()];
        let mut files = Vec::new();
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).expect("a folder") {
                let path = entry.expect("an entry").path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    files.push(
                        path.strip_prefix(&root)
                            .expect("below the root")
                            .display()
                            .to_string(),
                    );
                }
            }
        }
        files.sort();
        files
    }
}

fn identity(folder: &Path) -> IdentitySettings {
    IdentitySettings {
        master_key_file: folder.join("master.key"),
        region: "local".into(),
        token_ttl: Duration::from_mins(15),
        temporary_login_ttl: Duration::from_hours(24),
    }
}

pub(crate) fn name(text: &str) -> RepositoryName {
    text.parse().expect("a repository name")
}

pub(crate) fn sha256(bytes: &[u8]) -> Digest {
    Digest::of(Algorithm::Sha256, bytes)
}

pub(crate) fn admin() -> Caller {
    caller(ADMINISTRATOR, "admin", true)
}

pub(crate) fn member() -> Caller {
    caller(MEMBER, "dev", false)
}

fn caller(id: &str, name: &str, administrator: bool) -> Caller {
    Caller::User(Arc::new(UserCaller {
        user_id: id.into(),
        user_name: name.into(),
        account_id: ACCOUNT.into(),
        account_name: "berth".into(),
        administrator,
        credential: Credential::Password,
        password_fingerprint: None,
        scopes: None,
    }))
}

/// A chunk with its length announced.
pub(crate) fn whole(bytes: &[u8]) -> Chunk {
    Chunk {
        range: None,
        length: Some(bytes.len() as u64),
        body: body(vec![Ok(bytes.to_vec())]),
    }
}

/// A chunk whose client goes away after these bytes.
pub(crate) fn broken(bytes: &[u8]) -> Chunk {
    let gone = std::io::Error::from(std::io::ErrorKind::UnexpectedEof);
    Chunk {
        range: None,
        length: None,
        body: body(vec![Ok(bytes.to_vec()), Err(gone)]),
    }
}

pub(crate) fn body(items: Vec<std::io::Result<Vec<u8>>>) -> ByteStream {
    Box::pin(stream::iter(items.into_iter().map(|item| item.map(Bytes::from))))
}

/// An image manifest over a config and layers, each by its bytes.
pub(crate) fn image(config: &[u8], layers: &[&[u8]]) -> Vec<u8> {
    let descriptor = |media_type: &str, bytes: &[u8]| serde_json::json!({ "mediaType": media_type, "digest": sha256(bytes), "size": bytes.len() });
    let layers: Vec<_> = layers
        .iter()
        .map(|l| descriptor("application/vnd.oci.image.layer.v1.tar", l))
        .collect();
    let manifest = serde_json::json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": descriptor("application/vnd.oci.image.config.v1+json", config),
        "layers": layers,
    });
    serde_json::to_vec(&manifest).expect("json")
}
