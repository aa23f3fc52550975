//! What can go wrong here, as outcomes a caller can act on.

use std::sync::Arc;

/// Why a call failed. When a write fails with [`Error::Unavailable`] it may still have been committed on PostgreSQL: when
/// the server went away between the commit and its answer, and did not come back in time to be asked.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// What is stored now does not allow it; nothing was changed.
    #[error(transparent)]
    Conflict(#[from] Conflict),
    /// The disk of the database is full or its writes fail; nothing was changed.
    #[error("the database cannot be written: its disk is full or failing")]
    Full,
    /// The database or its file system is read-only; nothing was changed.
    #[error("the database is read-only")]
    ReadOnly,
    /// The database cannot be reached or stayed busy for too long; worth trying again.
    #[error("the database is not available: {0}")]
    Unavailable(String),
    /// A newer version of this program upgraded the database, and this one cannot serve it.
    #[error(
        "the database has schema version {found}, this program knows versions up to {known}: \
         start the newer version of berth, or restore a backup made before the upgrade"
    )]
    SchemaTooNew {
        /// Version found in the database.
        found: usize,
        /// Newest version this program knows.
        known: usize,
    },
    /// The database was not upgraded to this version yet, and this opening must not do it.
    #[error(
        "the database has schema version {found}, this program works with version {known}: start `berth serve` of this \
         version, which upgrades it, or use the version of berth that runs"
    )]
    SchemaTooOld {
        /// Version found in the database.
        found: usize,
        /// The version this program works with.
        known: usize,
    },
    /// A step of an upgrade failed. It was taken back whole; those before it stand, and the version that ran before
    /// goes on serving.
    #[error(
        "schema step {step} failed and was taken back whole, the version that ran before goes on serving: {why}; {advice}"
    )]
    SchemaStep {
        /// Its name.
        step: &'static str,
        /// What the database said.
        why: String,
        /// What to do.
        advice: &'static str,
    },
    /// A snapshot cannot be restored; nothing was changed.
    #[error("the snapshot cannot be used: {0}")]
    Snapshot(String),
    /// Anything else: a fault of this program or of the database.
    #[error("cannot {doing}: {source}")]
    Internal {
        /// What was being done, as a verb phrase.
        doing: String,
        /// The fault beneath.
        source: Arc<dyn std::error::Error + Send + Sync>,
    },
}

/// What is stored now does not allow what was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Conflict {
    /// An account of that name or id exists.
    #[error("the account exists already")]
    AccountExists,
    /// The account does not exist (any more).
    #[error("the account does not exist")]
    AccountGone,
    /// The first account was created before.
    #[error("the registry has its first account already")]
    AlreadyBootstrapped,
    /// The database to restore into holds a registry.
    #[error("the database holds a registry already")]
    NotEmpty,
    /// A process is at work on the database.
    #[error("a process is at work on the database")]
    AtWork,
    /// The account has a user of that name.
    #[error("the user exists already")]
    UserExists,
    /// The user does not exist (any more), or not in that account.
    #[error("the user does not exist")]
    UserGone,
    /// The account has a group of that name.
    #[error("the group exists already")]
    GroupExists,
    /// The group does not exist (any more).
    #[error("the group does not exist")]
    GroupGone,
    /// The account would be left without an enabled administrator.
    #[error("the account would have no administrator left")]
    LastAdministrator,
    /// An access key or temporary login of that id exists.
    #[error("the access key exists already")]
    AccessKeyExists,
    /// The access key that a temporary login is made with does not exist (any more).
    #[error("the access key does not exist")]
    AccessKeyGone,
    /// An organisation of that name exists, in whatever account.
    #[error("the organisation exists already")]
    OrganizationExists,
    /// The user has created as many organisations as allowed.
    #[error("the quota of {limit} organisations is used up")]
    OrganizationQuota {
        /// How many.
        limit: i64,
    },
    /// The account holds as many repositories as allowed.
    #[error("the quota of {limit} repositories is used up")]
    RepositoryQuota {
        /// How many.
        limit: i64,
    },
    /// A run of that kind waits or is under way.
    #[error("maintenance of that kind waits or is under way")]
    RunExists,
    /// The repository has as many tags as allowed.
    #[error("the quota of {limit} tags is used up")]
    TagQuota {
        /// How many.
        limit: i64,
    },
    /// A quota of bytes has no room for so many.
    #[error("a quota of {} bytes has no room for {} more", .0.limit, .0.wanted)]
    BytesQuota(QuotaFull),
    /// The repository is shared with that account.
    #[error("the repository is shared with the account already")]
    ShareExists,
    /// The repository is shared with as many accounts as allowed.
    #[error("the repository is shared with as many accounts as allowed")]
    ShareQuota,
    /// Everybody may pull from the repository, so that it cannot be shared.
    #[error("the repository is public")]
    RepositoryPublic,
    /// The account's triggers may act on clusters already.
    #[error("the agency exists already")]
    AgencyExists,
    /// The organisation holds repositories.
    #[error("the organisation still holds images")]
    OrganizationNotEmpty,
    /// The organisation does not exist (any more).
    #[error("the organisation does not exist")]
    OrganizationGone,
    /// The user has a permission there already.
    #[error("user {user_id} has a permission already")]
    GrantExists {
        /// The user in question.
        user_id: String,
    },
    /// The user has no permission there.
    #[error("user {user_id} has no permission to change")]
    GrantMissing {
        /// The user in question.
        user_id: String,
    },
    /// The organisation has a repository of that name.
    #[error("the repository exists already")]
    RepositoryExists,
    /// Tags that would come back name something else now: each with what it names, the first ten.
    #[error("{} name something else now", .0.iter().map(|(tag, _)| tag.as_str()).collect::<Vec<_>>().join(", "))]
    TagsTaken(Vec<(String, String)>),
    /// The repository does not exist (any more).
    #[error("the repository does not exist")]
    RepositoryGone,
    /// The place has something of that name or kind already.
    #[error("it exists already")]
    Taken,
    /// The place has as many of these as allowed.
    #[error("there are as many as allowed")]
    TooMany,
    /// Something else needs it.
    #[error("it is in use")]
    InUse,
    /// Another request changed it first.
    #[error("it was changed meanwhile")]
    Changed,
    /// Another request moved the upload first.
    #[error("the upload is at offset {offset} now")]
    UploadMoved {
        /// The offset in bytes where it is now.
        offset: i64,
    },
    /// The upload was finished, cancelled or swept.
    #[error("the upload does not exist")]
    UploadGone,
    /// The manifest names blobs that its repository does not link.
    #[error("blobs are missing: {}", .0.join(", "))]
    MissingBlobs(Vec<String>),
    /// The index names manifests that its repository does not hold.
    #[error("manifests are missing: {}", .0.join(", "))]
    MissingManifests(Vec<String>),
    /// A rule makes the tag immutable.
    #[error("rule {rule} makes tag {tag} immutable")]
    TagImmutable {
        /// The tag.
        tag: String,
        /// The digest it names.
        digest: String,
        /// The rule's id.
        rule: i64,
    },
    /// The rules about immutable tags changed after the caller read them.
    #[error("the rules about immutable tags were changed meanwhile")]
    RulesChanged,
    /// The tag does not name what the caller expected.
    #[error("the tag names {} now", .now.as_deref().unwrap_or("nothing"))]
    TagMoved {
        /// The digest it names now, none when there is no such tag.
        now: Option<String>,
    },
}

/// Whose quota of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum QuotaPlace {
    /// An organisation's.
    Organization,
    /// An account's.
    Account,
}

/// A quota of bytes without room for what was wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuotaFull {
    /// Whose.
    pub place: QuotaPlace,
    /// Its name.
    pub name: String,
    /// Bytes there may be.
    pub limit: i64,
    /// Bytes held.
    pub used: i64,
    /// Bytes reserved by uploads.
    pub reserved: i64,
    /// Bytes wanted beyond these.
    pub wanted: i64,
}

impl QuotaFull {
    /// Whose, as a sentence's subject.
    pub fn of(&self) -> String {
        match self.place {
            QuotaPlace::Organization => format!("organization '{}'", self.name),
            QuotaPlace::Account => format!("account '{}'", self.name),
        }
    }
}
