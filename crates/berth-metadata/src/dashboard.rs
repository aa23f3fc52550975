//! What somebody has, at a glance: sums, the newest and the most pulled, what runs, and what needs attention. Each statement
//! is bounded and gathers by rights first, so that it costs what the viewer has and not what there is.

mod attention;

use crate::Metadata;
use crate::error::Error;
use crate::pool::Failure;
use crate::sql::Statement;
use crate::statistics::OrganizationUsage;
use sqlx::Row;
use sqlx::any::AnyRow;

pub use attention::{AttentionTimes, AwayPlace, EndingShare, FailedRun, FullQuota, StaleLogin};

/// Who looks at a dashboard.
#[derive(Clone, Debug)]
pub struct DashboardViewer {
    /// The user.
    pub user_id: String,
    /// Its account.
    pub account_id: String,
    /// Whether it is an administrator of the account.
    pub administrator: bool,
}

/// A tag that was pushed, the newest of its image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecentPush {
    /// `organization/image`.
    pub full_name: String,
    /// The tag.
    pub tag: String,
    /// What it names.
    pub digest: String,
    /// Since when, milliseconds since the epoch.
    pub at: i64,
    /// The name of who moved it; none for the registry itself, and for who is gone.
    pub user_name: Option<String>,
}

/// An image and how often it was pulled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PulledImage {
    /// `organization/image`.
    pub full_name: String,
    /// How often, ever.
    pub pulls: i64,
}

/// How many runs of a kind there are in a state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunCount {
    /// The kind of the job that does them, as in the queue of jobs.
    pub kind: String,
    /// `waiting`, `running` or `failed`.
    pub state: String,
    /// How many.
    pub count: i64,
}

/// What somebody has done already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Begun {
    /// The user made a temporary login, or used an access key.
    pub login: bool,
    /// One of the images is shared with another account, or somebody else was given a right on it or its organisation.
    pub share: bool,
}

/// Whether repository `r` of organisation `o` is one on which a user ($1, of account $2, $3 1 for an administrator) has a
/// right of their own.
macro_rules! is_mine {
    () => {
        "r.listed = 1 AND ((o.account_id = $2 AND $3 = 1) \
          OR EXISTS (SELECT 1 FROM organization_grants og WHERE og.user_id = $1 AND og.organization_id = r.organization_id) \
          OR EXISTS (SELECT 1 FROM repository_grants rg WHERE rg.user_id = $1 AND rg.repository_id = r.id)) "
    };
}
use is_mine;

/// The organisations that a user has a right on, if on one of its images only.
macro_rules! my_organizations {
    () => {
        "(SELECT o.id FROM organizations o WHERE o.account_id = $2 AND $3 = 1 \
          UNION SELECT og.organization_id FROM organization_grants og WHERE og.user_id = $1 \
          UNION SELECT r.organization_id FROM repository_grants rg JOIN repositories r ON r.id = rg.repository_id \
            WHERE rg.user_id = $1)"
    };
}
use my_organizations;

pub(crate) const SPACE: &str = concat!(
    "SELECT o.name, COUNT(r.id), CAST(COALESCE(SUM(r.tag_count), 0) AS BIGINT), \
     CAST(COALESCE(SUM(r.size_bytes), 0) AS BIGINT) AS bytes FROM ",
    my_organizations!(),
    " AS seen JOIN organizations o ON o.id = seen.id LEFT JOIN repositories r ON r.organization_id = o.id AND ",
    is_mine!(),
    "GROUP BY o.name ORDER BY bytes DESC, o.name"
);
pub(crate) const PULLED: &str = concat!(
    "SELECT r.full_name, r.pull_count FROM ",
    my_organizations!(),
    " AS seen JOIN organizations o ON o.id = seen.id JOIN repositories r ON r.organization_id = o.id \
     WHERE r.pull_count > 0 AND ",
    is_mine!(),
    "ORDER BY r.pull_count DESC, r.full_name LIMIT $4"
);
pub(crate) const NEWEST: &str = concat!(
    "WITH changed AS (SELECT r.id, r.full_name FROM ",
    my_organizations!(),
    " AS seen JOIN organizations o ON o.id = seen.id JOIN repositories r ON r.organization_id = o.id \
       WHERE r.tag_count > 0 AND ",
    is_mine!(),
    "ORDER BY r.updated_at DESC, r.id DESC LIMIT $4), \
     newest AS (SELECT c.id, c.full_name, (SELECT t.tag FROM tags t WHERE t.repository_id = c.id \
       ORDER BY t.updated_at DESC, t.tag DESC LIMIT 1) AS tag FROM changed c), \
     moves AS (SELECT n.id, n.full_name, n.tag, (SELECT MAX(h.id) FROM tag_history h WHERE h.repository_id = n.id \
       AND h.tag = n.tag) AS move FROM newest n) \
     SELECT m.full_name, m.tag, t.digest, t.updated_at, u.name FROM moves m \
     JOIN tags t ON t.repository_id = m.id AND t.tag = m.tag LEFT JOIN tag_history h ON h.id = m.move \
     LEFT JOIN users u ON u.id = h.user_id ORDER BY t.updated_at DESC, m.full_name"
);
pub(crate) const TRIGGERS: &str = concat!(
    "SELECT CASE WHEN w.trigger_id IS NULL THEN 'trigger' ELSE 'webhook' END, h.status, COUNT(*) FROM \
     (SELECT trigger_id, status FROM trigger_history WHERE status IN ('waiting', 'running') \
      UNION ALL SELECT trigger_id, status FROM trigger_history WHERE status = 'failed' AND ended_at >= $4) AS h \
     JOIN triggers t ON t.id = h.trigger_id JOIN repositories r ON r.id = t.repository_id \
     JOIN organizations o ON o.id = r.organization_id LEFT JOIN webhooks w ON w.trigger_id = t.id WHERE ",
    is_mine!(),
    "GROUP BY 1, 2"
);
pub(crate) const COPIES: &str = concat!(
    "SELECT 'sync', h.status, COUNT(*) FROM \
     (SELECT repository_id, status FROM sync_jobs WHERE status IN ('waiting', 'running') \
      UNION ALL SELECT repository_id, 'failed' FROM sync_jobs WHERE status IN ('failed', 'timeout') AND ended_at >= $4) \
     AS h JOIN repositories r ON r.id = h.repository_id JOIN organizations o ON o.id = r.organization_id WHERE ",
    is_mine!(),
    "GROUP BY 1, 2"
);
pub(crate) const RETENTIONS: &str = concat!(
    "SELECT 'retention', h.status, COUNT(*) FROM \
     (SELECT repository_id, CASE WHEN started_at IS NULL THEN 'waiting' ELSE 'running' END AS status \
      FROM retention_runs WHERE ended_at IS NULL \
      UNION ALL SELECT repository_id, 'failed' FROM retention_runs WHERE failed IS NOT NULL AND ended_at >= $4) AS h \
     JOIN repositories r ON r.id = h.repository_id JOIN organizations o ON o.id = r.organization_id WHERE ",
    is_mine!(),
    "GROUP BY 1, 2"
);
const BEGUN: &str = concat!(
    "SELECT CAST(CASE WHEN EXISTS (SELECT 1 FROM temporary_logins l WHERE l.user_id = $1) \
       OR EXISTS (SELECT 1 FROM access_keys k WHERE k.user_id = $1 AND k.last_used_at IS NOT NULL) \
       THEN 1 ELSE 0 END AS BIGINT), \
     CAST(CASE WHEN EXISTS (SELECT 1 FROM shares s JOIN repositories r ON r.id = s.repository_id \
         JOIN organizations o ON o.id = r.organization_id WHERE ",
    is_mine!(),
    ") OR EXISTS (SELECT 1 FROM repository_grants g JOIN repositories r ON r.id = g.repository_id \
         JOIN organizations o ON o.id = r.organization_id WHERE g.user_id <> $1 AND ",
    is_mine!(),
    ") OR EXISTS (SELECT 1 FROM ",
    my_organizations!(),
    " AS seen JOIN organization_grants g ON g.organization_id = seen.id WHERE g.user_id <> $1) \
       THEN 1 ELSE 0 END AS BIGINT)"
);

impl DashboardViewer {
    /// The statement with the values that say who looks.
    fn first(&self, text: &'static str) -> Statement {
        sqlx::query(text)
            .bind(self.user_id.clone())
            .bind(self.account_id.clone())
            .bind(i64::from(self.administrator))
    }
}

impl Metadata {
    /// What the organisations hold that the viewer has a right on, of it what they have a right on, the largest first.
    pub async fn space_of(&self, viewer: &DashboardViewer) -> Result<Vec<OrganizationUsage>, Error> {
        self.list("sum up what somebody has", viewer.first(SPACE), |row| {
            Ok(OrganizationUsage {
                name: row.try_get(0)?,
                repositories: row.try_get(1)?,
                tags: row.try_get(2)?,
                stored_bytes: row.try_get(3)?,
            })
        })
        .await
    }

    /// The images that were pulled most.
    pub async fn most_pulled(&self, viewer: &DashboardViewer, limit: i64) -> Result<Vec<PulledImage>, Error> {
        let statement = viewer.first(PULLED).bind(limit);
        self.list("find what is pulled most", statement, |row| {
            Ok(PulledImage {
                full_name: row.try_get(0)?,
                pulls: row.try_get(1)?,
            })
        })
        .await
    }

    /// The newest tag of each of the images that changed last.
    pub async fn newest_tags(&self, viewer: &DashboardViewer, limit: i64) -> Result<Vec<RecentPush>, Error> {
        let statement = viewer.first(NEWEST).bind(limit);
        self.list("find the newest tags", statement, |row| {
            Ok(RecentPush {
                full_name: row.try_get(0)?,
                tag: row.try_get(1)?,
                digest: row.try_get(2)?,
                at: row.try_get(3)?,
                user_name: row.try_get(4)?,
            })
        })
        .await
    }

    /// What the viewer has done already of what somebody new does.
    pub async fn first_steps(&self, viewer: &DashboardViewer) -> Result<Begun, Error> {
        let found = self.find("look what was begun", viewer.first(BEGUN), |row| {
            Ok(Begun {
                login: row.try_get::<i64, _>(0)? != 0,
                share: row.try_get::<i64, _>(1)? != 0,
            })
        });
        found.await?.ok_or_else(|| {
            Failure::Broken("no row of constants".to_owned()).into_error("look what was begun")
        })
    }

    /// How many runs wait, run, and failed since a time.
    pub async fn run_counts(&self, viewer: &DashboardViewer, since: i64) -> Result<Vec<RunCount>, Error> {
        let mut found = Vec::new();
        for text in [TRIGGERS, COPIES, RETENTIONS] {
            let statement = viewer.first(text).bind(since);
            found.extend(self.list("count runs", statement, run_count).await?);
        }
        Ok(found)
    }
}

fn run_count(row: &AnyRow) -> Result<RunCount, Failure> {
    Ok(RunCount {
        kind: row.try_get(0)?,
        state: row.try_get(1)?,
        count: row.try_get(2)?,
    })
}
