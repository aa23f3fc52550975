//! Organisations as a page shows them to one user: with the right that was granted, and what is in them as far as that user
//! may know of it. One statement fills a page.

use super::{Organization, organization_columns, read as read_organization};
use crate::Metadata;
use crate::error::Error;
use crate::grants::Permission;
use crate::pool::Failure;
use crate::sql::{Composed, TextMatch};
use sqlx::Row;
use sqlx::any::AnyRow;

/// Which organisations to show, and to whom.
#[derive(Clone, Debug)]
pub struct SeenQuery {
    /// The user.
    pub user_id: String,
    /// Its account.
    pub account_id: String,
    /// Whether it is an administrator of the account.
    pub administrator: bool,
    /// Those whose name is so, or holds this.
    pub name: Option<TextMatch>,
    /// What to order by.
    pub order: OrganizationOrder,
    /// The largest first.
    pub descending: bool,
    /// How many to leave out.
    pub offset: i64,
    /// At most so many.
    pub limit: i64,
}

/// What organisations are ordered by; equal ones by their name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OrganizationOrder {
    /// Their name.
    Name,
    /// When they were made.
    CreatedAt,
    /// How many images are in them.
    Images,
    /// The bytes of these.
    Bytes,
}

/// An organisation as a user sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeenOrganization {
    /// The organisation.
    pub organization: Organization,
    /// The permission granted to the user on the organisation itself.
    pub permission: Option<Permission>,
    /// Images in it that the user has a right on.
    pub images: i64,
    /// Tags of these.
    pub tags: i64,
    /// Bytes of these, each image counting its blobs once.
    pub bytes: i64,
    /// Users with a right on the organisation.
    pub members: i64,
}

impl Metadata {
    /// A page of the organisations in which a user has a right, if on an image only.
    pub async fn seen_organizations(&self, query: &SeenQuery) -> Result<Vec<SeenOrganization>, Error> {
        let statement = page_statement(query).statement();
        self.list("list organisations", statement, read).await
    }

    /// How many there are on all pages.
    pub async fn count_seen_organizations(&self, query: &SeenQuery) -> Result<i64, Error> {
        let mut text = Composed::default();
        text.push("SELECT COUNT(*) FROM organizations o");
        push_conditions(&mut text, query);
        let count = self.find("count organisations", text.statement(), |row| Ok(row.try_get(0)?));
        Ok(count.await?.unwrap_or_default())
    }
}

pub(crate) fn page_statement(query: &SeenQuery) -> Composed {
    let mut text = Composed::default();
    text.push(concat!(
        "SELECT ",
        organization_columns!(),
        ", g.permission, COALESCE(held.images, 0) AS images, COALESCE(held.tags, 0) AS tags, \
         COALESCE(held.bytes, 0) AS bytes, \
         (SELECT COUNT(*) FROM organization_grants m WHERE m.organization_id = o.id) AS members \
         FROM organizations o JOIN accounts a ON a.id = o.account_id \
         LEFT JOIN organization_grants g ON g.organization_id = o.id AND g.user_id = "
    ));
    text.text(&query.user_id);
    text.push(
        " LEFT JOIN (SELECT organization_id, COUNT(*) AS images, CAST(SUM(tag_count) AS BIGINT) AS tags, \
         CAST(SUM(size_bytes) AS BIGINT) AS bytes FROM (\
           SELECT r.organization_id, r.tag_count, r.size_bytes FROM repositories r \
           WHERE r.listed = 1 AND r.organization_id IN (",
    );
    push_rights(&mut text, query);
    text.push(
        ") UNION ALL SELECT r.organization_id, r.tag_count, r.size_bytes FROM repository_grants rg \
         JOIN repositories r ON r.id = rg.repository_id WHERE r.listed = 1 AND rg.user_id = ",
    );
    text.text(&query.user_id);
    text.push(" AND r.organization_id NOT IN (");
    push_rights(&mut text, query);
    text.push(")) AS rows GROUP BY organization_id) AS held ON held.organization_id = o.id");
    push_conditions(&mut text, query);
    text.push(" ORDER BY ");
    text.push(match (query.order, query.descending) {
        (OrganizationOrder::Name, false) => "o.name",
        (OrganizationOrder::Name, true) => "o.name DESC",
        (OrganizationOrder::CreatedAt, false) => "o.created_at, o.name",
        (OrganizationOrder::CreatedAt, true) => "o.created_at DESC, o.name DESC",
        (OrganizationOrder::Images, false) => "COALESCE(held.images, 0), o.name",
        (OrganizationOrder::Images, true) => "COALESCE(held.images, 0) DESC, o.name DESC",
        (OrganizationOrder::Bytes, false) => "COALESCE(held.bytes, 0), o.name",
        (OrganizationOrder::Bytes, true) => "COALESCE(held.bytes, 0) DESC, o.name DESC",
    });
    text.push(" LIMIT ");
    text.number(query.limit);
    text.push(" OFFSET ");
    text.number(query.offset);
    text
}

/// Selects the organisations that the user has a right on; of one that is asked for by its name only that.
fn push_rights(text: &mut Composed, query: &SeenQuery) {
    let of_one = |text: &mut Composed, column: &'static str| {
        if let Some(TextMatch::Exact(name)) = &query.name {
            text.push(column);
            text.push(" = (SELECT n.id FROM organizations n WHERE ");
            text.matching("n.name", &TextMatch::Exact(name.clone()));
            text.push(") AND ");
        }
    };
    text.push("SELECT og.organization_id FROM organization_grants og WHERE ");
    of_one(text, "og.organization_id");
    text.push("og.user_id = ");
    text.text(&query.user_id);
    if query.administrator {
        text.push(" UNION SELECT oa.id FROM organizations oa WHERE ");
        of_one(text, "oa.id");
        text.push("oa.account_id = ");
        text.text(&query.account_id);
    }
}

fn push_conditions(text: &mut Composed, query: &SeenQuery) {
    text.push(" WHERE (o.id IN (");
    push_rights(text, query);
    text.push(
        ") OR o.id IN (SELECT ir.organization_id FROM repository_grants ig \
         JOIN repositories ir ON ir.id = ig.repository_id WHERE ig.user_id = ",
    );
    text.text(&query.user_id);
    text.push("))");
    if let Some(name) = &query.name {
        text.push(" AND ");
        text.matching("o.name", name);
    }
}

fn read(row: &AnyRow) -> Result<SeenOrganization, Failure> {
    let bits: Option<i64> = row.try_get("permission")?;
    Ok(SeenOrganization {
        organization: read_organization(row)?,
        permission: bits.map(Permission::read).transpose()?,
        images: row.try_get("images")?,
        tags: row.try_get("tags")?,
        bytes: row.try_get("bytes")?,
        members: row.try_get("members")?,
    })
}
