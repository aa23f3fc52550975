//! Numbered pushes of a blob and a tagged manifest, and a look whether they are there.

use berth_metadata::{
    AccessType, Error, FinishUpload, ManifestFacts, Metadata, MissingReferences, NewOrganization,
    NewRepository, NewUser, PutManifest, RepositoryEdit,
};
use std::path::Path;

/// The repository that everything goes to.
const REPOSITORY: &str = "org/image";

/// The database of a folder.
pub(crate) fn url(folder: &Path) -> String {
    format!("sqlite://{}/berth.db", folder.display())
}

/// An open database with its repository, made when missing.
pub(crate) struct Load {
    pub(crate) metadata: Metadata,
    repository_id: i64,
}

impl Load {
    pub(crate) async fn open(url: &str) -> Load {
        let metadata = Metadata::open(url).await.unwrap();
        let repository_id = match metadata.repository(REPOSITORY).await.unwrap() {
            Some(repository) => repository.id,
            None => make_repository(&metadata).await,
        };
        Load {
            metadata,
            repository_id,
        }
    }

    /// Pushes number `n`; once it answers, both rows are acknowledged.
    pub(crate) async fn push(&self, n: u64) -> Result<(), Error> {
        let digest = digest(n);
        let upload = FinishUpload {
            upload_id: None,
            repository_id: self.repository_id,
            digest: digest.clone(),
            size: 1,
            key: format!("key-{digest}"),
            now: 1,
        };
        self.metadata.finish_upload(upload).await?;
        let manifest = PutManifest {
            guard: berth_metadata::Guard::Off,
            repository_id: self.repository_id,
            digest: digest.clone(),
            media_type: "application/vnd.oci.image.manifest.v1+json".to_owned(),
            bytes: digest.clone().into_bytes(),
            blobs: vec![digest],
            foreign_layers: Vec::new(),
            manifests: Vec::new(),
            subject: None,
            artifact_type: None,
            annotations_json: "{}".to_owned(),
            facts: ManifestFacts::default(),
            tags: vec![format!("tag{n}")],
            expected: None,
            missing: MissingReferences::Refuse,
            origin: String::new(),
            user_id: None,
            now: 1,
        };
        self.metadata.put_manifest(manifest).await.map(drop)
    }

    /// Fails unless all that was acknowledged for `n` is there.
    pub(crate) async fn require(&self, n: u64) {
        let digest = digest(n);
        let manifest = self
            .metadata
            .manifest_by_tag(self.repository_id, &format!("tag{n}"))
            .await
            .unwrap();
        let manifest = manifest.unwrap_or_else(|| panic!("push {n} was acknowledged"));
        assert_eq!(
            (manifest.digest.as_str(), &manifest.bytes[..]),
            (&*digest, digest.as_bytes())
        );
        let blob = self
            .metadata
            .linked_blob(self.repository_id, &digest)
            .await
            .unwrap()
            .unwrap();
        assert_eq!((blob.key, blob.idle_since), (format!("key-{digest}"), None));
    }
}

fn digest(n: u64) -> String {
    format!("sha256:{n}")
}

async fn make_repository(metadata: &Metadata) -> i64 {
    let id = |n: u8| format!("{n:032x}");
    metadata.create_account(&id(1), "account", 1).await.unwrap();
    let user = NewUser {
        id: id(2),
        account_id: id(1),
        name: "user".to_owned(),
        password_hash: None,
        access: AccessType::Both,
        enabled: true,
        administrator: true,
        description: String::new(),
        now: 1,
    };
    metadata.create_user(user).await.unwrap();
    let organization = NewOrganization {
        name: "org".to_owned(),
        creator_id: id(2),
        limit: None,
        now: 1,
    };
    let organization_id = metadata.create_organization(organization).await.unwrap().id;
    let repository = NewRepository {
        organization_id,
        image: "image".to_owned(),
        full_name: REPOSITORY.to_owned(),
        creator_id: id(2),
        now: 1,
    };
    let made = metadata.create_repository(repository, RepositoryEdit::default());
    made.await.unwrap().id
}
