//! Repositories as a page shows them: with the tag that was moved last, the last pull, and all that says what the one who
//! looks may do with each. One statement fills a page.

use super::details::{RepositoryDetails, detail_columns, read as read_details};
use super::listing::{push_order, push_page};
use super::query::{RepositoryPage, RepositoryQuery};
use crate::Metadata;
use crate::error::Error;
use crate::grants::Permission;
use crate::pool::Failure;
use crate::sql::Composed;
use sqlx::Row;
use sqlx::any::AnyRow;

/// Characters of a description that a list shows.
const DESCRIPTION_CHARS_MAX: i64 = 200;
/// Who may grant a right is told by so many names at most.
const MANAGERS_MAX: i64 = 10;

/// A repository, and how the one who looks stands to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageRow {
    /// The repository; in a page with the first two hundred characters of its description.
    pub details: RepositoryDetails,
    /// The permission granted on the organisation.
    pub organization_permission: Option<Permission>,
    /// The permission granted on the repository itself.
    pub repository_permission: Option<Permission>,
    /// The share with the account of the one who looks, valid or not.
    pub share: Option<ReceivedShare>,
    /// Shares of it that are valid now.
    pub share_count: i64,
    /// When it was pulled last, milliseconds since the epoch.
    pub pulled_at: Option<i64>,
    /// The tag that was moved last.
    pub newest: Option<NewestTag>,
}

/// A share, as the account sees it that it is with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReceivedShare {
    /// Whether it counts now.
    pub valid: bool,
    /// The day of its end in milliseconds since the epoch, none for no end.
    pub deadline_at: Option<i64>,
    /// What its maker wrote to it.
    pub description: String,
}

/// The tag that was moved last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewestTag {
    /// The tag.
    pub tag: String,
    /// When it was pushed or moved last, milliseconds since the epoch.
    pub updated_at: i64,
    /// Platforms by commas, none while nobody looked.
    pub platforms: Option<String>,
}

impl Metadata {
    /// A page of repositories.
    pub async fn list_images(
        &self,
        query: &RepositoryQuery,
        page: RepositoryPage,
    ) -> Result<Vec<ImageRow>, Error> {
        let statement = images_statement(query, page).statement();
        self.list("list images", statement, read).await
    }

    /// The repository of that full name with its whole description, for who looks; none for one that a push has only begun.
    pub async fn image(
        &self,
        full_name: &str,
        viewer: (&str, &str),
        now: i64,
    ) -> Result<Option<ImageRow>, Error> {
        let statement = image_statement(full_name, viewer, now).statement();
        self.find("find an image", statement, read).await
    }

    /// The names of users who manage an organisation, or the repository if one is named: a few, in their order.
    pub async fn managers(
        &self,
        organization_id: i64,
        repository_id: Option<i64>,
    ) -> Result<Vec<String>, Error> {
        let statement = sqlx::query(MANAGERS)
            .bind(organization_id)
            .bind(repository_id.unwrap_or_default())
            .bind(MANAGERS_MAX);
        self.list("list managers", statement, |row| Ok(row.try_get(0)?))
            .await
    }
}

pub(crate) const MANAGERS: &str = "SELECT u.name FROM users u WHERE u.enabled = 1 AND u.id IN (\
     SELECT og.user_id FROM organization_grants og WHERE og.organization_id = $1 AND og.permission = 7 UNION \
     SELECT rg.user_id FROM repository_grants rg WHERE rg.repository_id = $2 AND rg.permission = 7) \
     ORDER BY u.name LIMIT $3";

pub(crate) fn images_statement(query: &RepositoryQuery, page: RepositoryPage) -> Composed {
    let mut text = Composed::default();
    // PostgreSQL counts the characters of a text with 32 bits.
    text.push("SELECT substr(r.description, 1, CAST(");
    text.number(DESCRIPTION_CHARS_MAX);
    text.push(" AS INTEGER)) AS description, page.share_valid, ");
    push_columns(&mut text, query.now);
    push_page(&mut text, query, page);
    push_joins(&mut text, (&query.user_id, &query.account_id));
    text.push(" ORDER BY ");
    push_order(&mut text, page.by());
    text
}

pub(crate) fn image_statement(full_name: &str, viewer: (&str, &str), now: i64) -> Composed {
    let mut text = Composed::default();
    text.push("SELECT r.description, 0 AS share_valid, ");
    push_columns(&mut text, now);
    text.push(
        " FROM repositories r JOIN organizations o ON o.id = r.organization_id JOIN accounts a ON a.id = o.account_id",
    );
    push_joins(&mut text, viewer);
    text.push(" WHERE r.listed = 1 AND r.full_name = ");
    text.text(full_name);
    text
}

fn push_columns(text: &mut Composed, now: i64) {
    text.push(concat!(
        detail_columns!(),
        ", NULL AS tags, r.pulled_at, og.permission AS organization_permission, rg.permission AS repository_permission, \
         vs.created_at AS shared_at, vs.deadline_at, vs.description AS share_description, \
         nt.tag AS newest_tag, nt.updated_at AS newest_at, nf.platforms, \
         CASE WHEN vs.created_at IS NOT NULL AND (vs.expires_at IS NULL OR vs.expires_at > "
    ));
    text.number(now);
    text.push(
        ") THEN 1 ELSE 0 END AS share_counts, \
         (SELECT COUNT(*) FROM shares cs WHERE cs.repository_id = r.id AND (cs.expires_at IS NULL OR cs.expires_at > ",
    );
    text.number(now);
    text.push(")) AS share_count");
}

fn push_joins(text: &mut Composed, (user_id, account_id): (&str, &str)) {
    text.push(
        " LEFT JOIN tags nt ON nt.repository_id = r.id AND nt.tag = (SELECT t.tag FROM tags t \
           WHERE t.repository_id = r.id ORDER BY t.updated_at DESC, t.tag DESC LIMIT 1) \
         LEFT JOIN manifest_facts nf ON nf.repository_id = r.id AND nf.digest = nt.digest \
         LEFT JOIN organization_grants og ON og.organization_id = r.organization_id AND og.user_id = ",
    );
    text.text(user_id);
    text.push(" LEFT JOIN repository_grants rg ON rg.repository_id = r.id AND rg.user_id = ");
    text.text(user_id);
    text.push(" LEFT JOIN shares vs ON vs.repository_id = r.id AND vs.account_id = ");
    text.text(account_id);
}

fn read(row: &AnyRow) -> Result<ImageRow, Failure> {
    let permission = |column: &str| {
        let bits: Option<i64> = row.try_get(column)?;
        bits.map(Permission::read).transpose()
    };
    let newest: Option<String> = row.try_get("newest_tag")?;
    let shared_at: Option<i64> = row.try_get("shared_at")?;
    Ok(ImageRow {
        details: read_details(row)?,
        organization_permission: permission("organization_permission")?,
        repository_permission: permission("repository_permission")?,
        share: match shared_at {
            None => None,
            Some(_) => Some(ReceivedShare {
                valid: row.try_get::<i64, _>("share_counts")? != 0,
                deadline_at: row.try_get("deadline_at")?,
                description: row.try_get("share_description")?,
            }),
        },
        share_count: row.try_get("share_count")?,
        pulled_at: row.try_get("pulled_at")?,
        newest: match newest {
            None => None,
            Some(tag) => Some(NewestTag {
                tag,
                updated_at: row.try_get("newest_at")?,
                platforms: row.try_get("platforms")?,
            }),
        },
    })
}
