//! A database with the people and repositories that most checks need.

use berth_metadata::{
    AccessType, By, Conflict, Deletion, Error, FinishOutcome, FinishUpload, ManifestFacts, Metadata,
    MissingReferences, NewOrganization, NewRepository, NewShare, NewUser, PutManifest, Repository,
    RepositoryEdit, ShareTerms, TagChange, TagMove, TagMovesPage, Untagged, UploadRow, User,
};
use sqlx::Connection as _;
use std::sync::atomic::{AtomicU64, Ordering};

/// An open database and where it is.
#[derive(Clone)]
pub(crate) struct World {
    pub(crate) metadata: Metadata,
    pub(crate) url: String,
}

static NEXT: AtomicU64 = AtomicU64::new(1);

/// A fresh id of 32 hexadecimal digits.
pub(crate) fn id() -> String {
    uuid::Uuid::new_v4().simple().to_string()
}

/// A fresh short name.
pub(crate) fn name(prefix: &str) -> String {
    format!("{prefix}{}", NEXT.fetch_add(1, Ordering::Relaxed))
}

/// A digest made of a word.
pub(crate) fn digest(word: &str) -> String {
    format!("sha256:{word}")
}

/// What a call was refused for; anything else is a failed check.
#[track_caller]
pub(crate) fn conflict<T: std::fmt::Debug>(result: Result<T, Error>) -> Conflict {
    match result {
        Err(Error::Conflict(conflict)) => conflict,
        other => panic!("expected a conflict, got {other:?}"),
    }
}

impl World {
    /// Another set of connections to the same database, as another process has.
    pub(crate) async fn again(&self) -> World {
        World {
            metadata: Metadata::open(&self.url).await.unwrap(),
            url: self.url.clone(),
        }
    }

    /// Changes rows behind the store's back.
    pub(crate) async fn run(&self, text: &'static str) {
        let mut connection = sqlx::AnyConnection::connect(&self.url).await.unwrap();
        sqlx::raw_sql(text).execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
    }

    pub(crate) async fn account(&self) -> String {
        let id = id();
        self.metadata
            .create_account(&id, &name("account"), 1)
            .await
            .unwrap();
        id
    }

    pub(crate) async fn user(&self, account_id: &str) -> User {
        self.metadata
            .create_user(new_user(account_id, &name("user")))
            .await
            .unwrap()
    }

    pub(crate) async fn organization(&self, creator: &User) -> i64 {
        self.metadata
            .create_organization(new_organization(&name("org"), creator))
            .await
            .unwrap()
            .id
    }

    /// A repository of an organisation and account of its own.
    pub(crate) async fn repository(&self) -> Repository {
        let account = self.account().await;
        let user = self.user(&account).await;
        let organization = self.organization(&user).await;
        self.repository_in(organization, &name("image")).await
    }

    pub(crate) async fn repository_in(&self, organization_id: i64, image: &str) -> Repository {
        self.metadata
            .create_repository(new_repository(organization_id, image), RepositoryEdit::default())
            .await
            .unwrap()
    }

    /// Shares a private repository with an account until a time, for ever when none.
    pub(crate) async fn share(
        &self,
        repository_id: i64,
        account_id: &str,
        until: Option<i64>,
    ) -> Result<(), Error> {
        let new = new_share(repository_id, account_id, until);
        self.metadata.create_share(new).await
    }

    /// Every move of a tag, newest first.
    pub(crate) async fn moves(&self, repository_id: i64, tag: &str) -> Vec<TagMove> {
        let page = TagMovesPage {
            repository_id,
            tag: tag.to_owned(),
            before: None,
            limit: 1000,
        };
        self.metadata.tag_moves(page).await.unwrap()
    }

    /// Starts and finishes an upload of `digest` under `key`.
    pub(crate) async fn push(&self, repository_id: i64, digest: &str, key: &str, now: i64) -> FinishOutcome {
        self.metadata
            .create_upload(new_upload(key, repository_id, now))
            .await
            .unwrap();
        self.metadata
            .finish_upload(finish(key, repository_id, digest, now))
            .await
            .unwrap()
    }
}

pub(crate) fn new_share(repository_id: i64, account_id: &str, expires_at: Option<i64>) -> NewShare {
    NewShare {
        repository_id,
        account_id: account_id.to_owned(),
        terms: ShareTerms {
            deadline_at: expires_at,
            expires_at,
            description: String::new(),
        },
        creator_id: id(),
        creator_name: name("creator"),
        limit: 500,
        now: 1,
    }
}

pub(crate) fn new_user(account_id: &str, name: &str) -> NewUser {
    NewUser {
        id: id(),
        account_id: account_id.to_owned(),
        name: name.to_owned(),
        password_hash: None,
        access: AccessType::Both,
        enabled: true,
        administrator: false,
        description: String::new(),
        now: 1,
    }
}

pub(crate) fn new_organization(name: &str, creator: &User) -> NewOrganization {
    NewOrganization {
        name: name.to_owned(),
        creator_id: creator.id.clone(),
        limit: None,
        now: 1,
    }
}

pub(crate) fn new_repository(organization_id: i64, image: &str) -> NewRepository {
    NewRepository {
        organization_id,
        image: image.to_owned(),
        full_name: format!("o{organization_id}/{image}"),
        creator_id: id(),
        now: 1,
    }
}

pub(crate) fn new_upload(id: &str, repository_id: i64, now: i64) -> UploadRow {
    UploadRow {
        id: id.to_owned(),
        repository_id,
        user_id: None,
        algorithm: "sha256".to_owned(),
        offset: 0,
        hash_state: vec![0, 1, 255],
        backend: String::new(),
        created_at: now,
        updated_at: now,
        reserved: 0,
        under_quota: false,
    }
}

/// The finish of the upload whose id is its key.
pub(crate) fn finish(key: &str, repository_id: i64, digest: &str, now: i64) -> FinishUpload {
    FinishUpload {
        upload_id: Some(key.to_owned()),
        repository_id,
        digest: digest.to_owned(),
        size: 10,
        key: key.to_owned(),
        now,
    }
}

/// A manifest without tags that references `blobs` and refuses to miss any.
pub(crate) fn manifest(repository_id: i64, word: &str, blobs: &[&str]) -> PutManifest {
    PutManifest {
        guard: berth_metadata::Guard::Off,
        repository_id,
        digest: digest(word),
        media_type: "application/vnd.oci.image.manifest.v1+json".to_owned(),
        bytes: word.as_bytes().to_vec(),
        blobs: blobs.iter().map(|blob| (*blob).to_owned()).collect(),
        foreign_layers: Vec::new(),
        manifests: Vec::new(),
        subject: None,
        artifact_type: None,
        annotations_json: "{}".to_owned(),
        facts: ManifestFacts::default(),
        tags: Vec::new(),
        expected: None,
        missing: MissingReferences::Refuse,
        origin: String::new(),
        user_id: None,
        now: 100,
    }
}

/// A change by nobody at that time.
pub(crate) fn at(now: i64) -> By {
    By { user_id: None, now }
}

/// A deletion that leaves nothing in the bin.
pub(crate) fn unkept(now: i64) -> Deletion {
    kept(now, 0)
}

/// A deletion of what can be restored for so many milliseconds.
pub(crate) fn kept(now: i64, kept_ms: i64) -> Deletion {
    Deletion {
        guard: berth_metadata::Guard::Off,
        by: at(now),
        why: TagChange::Delete,
        untagged: Untagged::Goes,
        kept_ms,
    }
}

/// Deletes a repository to the last row; false when there is none of that id.
pub(crate) async fn erase(metadata: &Metadata, repository_id: i64, now: i64) -> bool {
    let deleted = metadata
        .delete_repository(repository_id, unkept(now))
        .await
        .unwrap();
    while metadata.purge_bin(now, 3).await.unwrap() {}
    deleted
}

/// The manifest with tags.
pub(crate) fn tagged(mut put: PutManifest, tags: &[&str]) -> PutManifest {
    put.tags = tags.iter().map(|tag| (*tag).to_owned()).collect();
    put
}
