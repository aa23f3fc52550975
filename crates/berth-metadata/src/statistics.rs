//! What was counted: pulls, pushes and bytes per day, when a manifest was pulled last, and how much is stored. Counts
//! come added up, in batches; days are those since the epoch in UTC. What is rare to know is read here too.

mod write;

use crate::Metadata;
use crate::error::Error;
use crate::pool::Failure;
use crate::sql::Statement;
use sqlx::Row;
use sqlx::any::AnyRow;

/// What happened in some time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Manifests that were sent.
    pub pulls: i64,
    /// Manifests that were stored.
    pub pushes: i64,
    /// Bytes of blobs that were sent.
    pub bytes_out: i64,
    /// Bytes of blobs that were received.
    pub bytes_in: i64,
}

/// What happened in a repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RepositoryCounts {
    /// The repository; it may be gone.
    pub repository_id: i64,
    /// Its organisation, which may be gone.
    pub organization_id: i64,
    /// The account that it counts for.
    pub account_id: String,
    /// What happened.
    pub counts: Counts,
    /// Which manifests were pulled.
    pub pulled: Vec<PulledManifest>,
}

impl std::ops::AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.pulls += other.pulls;
        self.pushes += other.pushes;
        self.bytes_out += other.bytes_out;
        self.bytes_in += other.bytes_in;
    }
}

/// The pulls of one manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PulledManifest {
    /// Its digest; it may be gone.
    pub digest: String,
    /// How often.
    pub pulls: i64,
    /// The last time, milliseconds since the epoch.
    pub at: i64,
}

/// What was counted on one day.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DayCounts {
    /// Days since the epoch, UTC.
    pub day: i64,
    /// What happened.
    pub counts: Counts,
    /// Bytes stored when it was last looked at on that day.
    pub stored_bytes: Option<i64>,
}

/// Whose counts are asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Counted {
    /// Those of a whole account, with what is deleted by now.
    Account(String),
    /// Those of the organisations of an account on which a user has a permission.
    Member {
        /// The account.
        account_id: String,
        /// The user.
        user_id: String,
    },
    /// Those of one organisation.
    Organization(i64),
    /// Those of one repository; its stored bytes are not kept by day.
    Repository(i64),
}

/// What an organisation holds now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrganizationUsage {
    /// Its name.
    pub name: String,
    /// Its repositories.
    pub repositories: i64,
    /// Their tags.
    pub tags: i64,
    /// Bytes that they hold; what two of them hold counts twice.
    pub stored_bytes: i64,
}

const DAYS_OF_ACCOUNT: &str = "SELECT day, pulls, pushes, bytes_out, bytes_in, stored_bytes FROM account_days \
     WHERE account_id = $1 AND day >= $2 ORDER BY day";
const DAYS_OF_MEMBER: &str = "SELECT d.day, CAST(SUM(d.pulls) AS BIGINT), CAST(SUM(d.pushes) AS BIGINT), \
     CAST(SUM(d.bytes_out) AS BIGINT), CAST(SUM(d.bytes_in) AS BIGINT), CAST(SUM(d.stored_bytes) AS BIGINT) \
     FROM organization_grants g JOIN organizations o ON o.id = g.organization_id \
     JOIN organization_days d ON d.organization_id = o.id \
     WHERE g.user_id = $1 AND o.account_id = $3 AND d.day >= $2 GROUP BY d.day ORDER BY d.day";
const DAYS_OF_ORGANIZATION: &str = "SELECT day, pulls, pushes, bytes_out, bytes_in, stored_bytes \
     FROM organization_days WHERE organization_id = $1 AND day >= $2 ORDER BY day";
const DAYS_OF_REPOSITORY: &str = "SELECT day, pulls, pushes, bytes_out, bytes_in, NULL FROM repository_days \
     WHERE repository_id = $1 AND day >= $2 ORDER BY day";

const USAGE: &str = "SELECT o.name, COUNT(r.id), CAST(COALESCE(SUM(r.tag_count), 0) AS BIGINT), \
     CAST(COALESCE(SUM(r.size_bytes), 0) AS BIGINT) \
     FROM organizations o LEFT JOIN repositories r ON r.organization_id = o.id AND r.listed = 1 \
     WHERE o.account_id = $1 AND (CAST($2 AS TEXT) IS NULL OR EXISTS \
       (SELECT 1 FROM organization_grants g WHERE g.user_id = $2 AND g.organization_id = o.id)) \
     GROUP BY o.name ORDER BY o.name";

impl Metadata {
    /// What was counted by day, from a day on; days on which nothing was are left out.
    pub async fn days(&self, counted: &Counted, from: i64) -> Result<Vec<DayCounts>, Error> {
        let statement = match counted {
            Counted::Account(id) => sqlx::query(DAYS_OF_ACCOUNT).bind(id.clone()).bind(from),
            Counted::Member { account_id, user_id } => sqlx::query(DAYS_OF_MEMBER)
                .bind(user_id.clone())
                .bind(from)
                .bind(account_id.clone()),
            Counted::Organization(id) => sqlx::query(DAYS_OF_ORGANIZATION).bind(*id).bind(from),
            Counted::Repository(id) => sqlx::query(DAYS_OF_REPOSITORY).bind(*id).bind(from),
        };
        self.list("list what was counted", statement, day_counts).await
    }

    /// What the organisations of an account hold, by name; with a user, those on which it has a permission.
    pub async fn organization_usage(
        &self,
        account_id: &str,
        member: Option<&str>,
    ) -> Result<Vec<OrganizationUsage>, Error> {
        self.list("sum up organisations", usage(account_id, member), |row| {
            Ok(OrganizationUsage {
                name: row.try_get(0)?,
                repositories: row.try_get(1)?,
                tags: row.try_get(2)?,
                stored_bytes: row.try_get(3)?,
            })
        })
        .await
    }

    /// How often a manifest was pulled, and the last time; none when it never was.
    pub async fn manifest_pulls(
        &self,
        repository_id: i64,
        digest: &str,
    ) -> Result<Option<PulledManifest>, Error> {
        const FIND: &str =
            "SELECT digest, pulls, pulled_at FROM manifest_pulls WHERE repository_id = $1 AND digest = $2";
        let statement = sqlx::query(FIND).bind(repository_id).bind(digest.to_owned());
        self.find("find the pulls of a manifest", statement, |row| {
            Ok(PulledManifest {
                digest: row.try_get(0)?,
                pulls: row.try_get(1)?,
                at: row.try_get(2)?,
            })
        })
        .await
    }
}

fn usage(account_id: &str, member: Option<&str>) -> Statement {
    sqlx::query(USAGE)
        .bind(account_id.to_owned())
        .bind(member.map(str::to_owned))
}

fn day_counts(row: &AnyRow) -> Result<DayCounts, Failure> {
    Ok(DayCounts {
        day: row.try_get(0)?,
        counts: Counts {
            pulls: row.try_get(1)?,
            pushes: row.try_get(2)?,
            bytes_out: row.try_get(3)?,
            bytes_in: row.try_get(4)?,
        },
        stored_bytes: row.try_get(5)?,
    })
}
