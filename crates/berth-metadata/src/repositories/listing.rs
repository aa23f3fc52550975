//! Lists of repositories with their details: which ones, filtered, ordered and cut into pages. The statements are put
//! together from constants; what a caller gave is bound.

use super::details::{RepositoryDetails, detail_columns, read};
use crate::Metadata;
use crate::error::Error;
use crate::sql::{Composed, TextMatch};
use sqlx::Row;

/// Which repositories a list is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RepositorySet {
    /// Those the user has a right on: by a grant on the organisation or on the repository, or as the account's
    /// administrator. What is merely public or shared is not among them.
    Own,
    /// Those of [`RepositorySet::Own`] that are or were shared with another account.
    SharedByAccount,
    /// Those of other accounts that are or were shared with the user's.
    SharedWithAccount,
}

/// What a list of repositories is cut down to; none does not restrict it.
#[derive(Clone, Debug, Default)]
pub struct RepositoryFilter {
    /// The organisation's name.
    pub organization: Option<TextMatch>,
    /// The name within the organisation.
    pub image: Option<TextMatch>,
    /// The name of the account it belongs to.
    pub account_name: Option<TextMatch>,
    /// The category, exactly.
    pub category: Option<String>,
    /// Whether everybody may pull it.
    pub is_public: Option<bool>,
    /// Whether a share is valid now; only in lists of shared repositories.
    pub share_valid: Option<bool>,
}

/// Which repositories to list, and for whom.
#[derive(Clone, Debug)]
pub struct RepositoryQuery {
    /// The user.
    pub user_id: String,
    /// Its account.
    pub account_id: String,
    /// Whether it is an administrator of the account.
    pub administrator: bool,
    /// Which repositories.
    pub set: RepositorySet,
    /// And of those.
    pub filter: RepositoryFilter,
    /// Milliseconds since the epoch.
    pub now: i64,
}

/// What a list of repositories is ordered by; equal ones by their full name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RepositoryOrder {
    /// `organization/image`.
    FullName,
    /// The organisation's name.
    Organization,
    /// The name within the organisation.
    Image,
    /// The name of the account it belongs to.
    AccountName,
    /// When its content changed last.
    UpdatedAt,
    /// How many tags it has.
    TagCount,
    /// Private ones first.
    IsPublic,
}

impl RepositoryOrder {
    fn column(self) -> &'static str {
        match self {
            RepositoryOrder::FullName => "r.full_name",
            RepositoryOrder::Organization => "o.name",
            RepositoryOrder::Image => "r.image",
            RepositoryOrder::AccountName => "a.name",
            RepositoryOrder::UpdatedAt => "r.updated_at",
            RepositoryOrder::TagCount => "r.tag_count",
            RepositoryOrder::IsPublic => "r.is_public",
        }
    }
}

/// Which part of a list of repositories.
#[derive(Clone, Copy, Debug)]
pub enum RepositoryPage {
    /// In some order, those after the first `offset`.
    From {
        /// What to order by.
        order: RepositoryOrder,
        /// The largest first.
        descending: bool,
        /// How many to leave out.
        offset: i64,
        /// At most so many.
        limit: i64,
    },
    /// In the order of their ids, those after one.
    After {
        /// The last id seen, 0 at the beginning.
        id: i64,
        /// At most so many.
        limit: i64,
    },
}

/// Characters of descriptions in one page. Real pages stay far below; one of the longest would be a hundred megabytes.
const DESCRIPTION_CHARS_MAX: i64 = 4 << 20;

impl Metadata {
    /// A page of repositories, each with at most `tags_max` tags. The last ones of a page whose descriptions have more than
    /// four million characters together come without.
    pub async fn list_repositories(
        &self,
        query: &RepositoryQuery,
        page: RepositoryPage,
        tags_max: i64,
    ) -> Result<Vec<RepositoryDetails>, Error> {
        let statement = page_statement(query, page, tags_max).statement();
        self.list("list repositories", statement, read).await
    }

    /// How many repositories there are on all pages.
    pub async fn count_repositories(&self, query: &RepositoryQuery) -> Result<i64, Error> {
        let statement = count_statement(query).statement();
        let count = self.find("count repositories", statement, |row| Ok(row.try_get(0)?));
        Ok(count.await?.unwrap_or_default())
    }
}

pub(crate) fn count_statement(query: &RepositoryQuery) -> Composed {
    let mut text = Composed::default();
    text.push("SELECT COUNT(*) FROM (");
    push_found(&mut text, query, RepositoryOrder::FullName, None);
    text.push(") AS found");
    text
}

pub(crate) fn page_statement(query: &RepositoryQuery, page: RepositoryPage, tags_max: i64) -> Composed {
    let (order, after, by, offset, limit) = match page {
        RepositoryPage::From {
            order,
            descending,
            offset,
            limit,
        } => {
            let by = if descending {
                "sort_key DESC, full_name DESC"
            } else {
                "sort_key, full_name"
            };
            (order, None, by, offset, limit)
        }
        RepositoryPage::After { id, limit } => (RepositoryOrder::FullName, Some(id), "id", 0, limit),
    };
    let mut text = Composed::default();
    text.push(concat!("SELECT ", detail_columns!(), ", page.share_valid, "));
    text.push("CASE WHEN SUM(LENGTH(r.description)) OVER (ORDER BY ");
    push_order(&mut text, by);
    text.push(" ROWS UNBOUNDED PRECEDING) <= ");
    text.number(DESCRIPTION_CHARS_MAX);
    text.push(" THEN r.description ELSE '' END AS description, ");
    if tags_max > 0 {
        text.push(
            "(SELECT string_agg(newest.tag, ',') FROM \
             (SELECT t.tag FROM tags t WHERE t.repository_id = r.id ORDER BY t.updated_at DESC, t.tag DESC LIMIT ",
        );
        text.number(tags_max);
        text.push(") AS newest) AS tags");
    } else {
        text.push("NULL AS tags");
    }
    // Only ids and sort keys are gathered and sorted; the rest is read for one page.
    text.push(" FROM (SELECT * FROM (");
    push_found(&mut text, query, order, after);
    text.push(") AS found ORDER BY ");
    text.push(by);
    text.push(" LIMIT ");
    text.number(limit);
    text.push(" OFFSET ");
    text.number(offset);
    text.push(
        ") AS page JOIN repositories r ON r.id = page.id JOIN organizations o ON o.id = r.organization_id \
         JOIN accounts a ON a.id = o.account_id ORDER BY ",
    );
    push_order(&mut text, by);
    text
}

/// The columns that a page is ordered by.
fn push_order(text: &mut Composed, by: &'static str) {
    for (n, column) in by.split(", ").enumerate() {
        text.push(if n == 0 { "page." } else { ", page." });
        text.push(column);
    }
}

/// Selects the ids of what the query is about, with what it is sorted by.
fn push_found(text: &mut Composed, query: &RepositoryQuery, order: RepositoryOrder, after: Option<i64>) {
    if query.set == RepositorySet::SharedWithAccount {
        push_columns(text, query, order);
        text.push("FROM shares s JOIN repositories r ON r.id = s.repository_id ");
        push_places(text, query, order);
        text.push("WHERE s.account_id = ");
        text.text(&query.account_id);
        push_conditions(text, query, after);
        return;
    }
    push_columns(text, query, order);
    text.push("FROM repositories r ");
    push_places(text, query, order);
    text.push("WHERE r.organization_id IN (");
    push_organizations(text, query);
    text.push(")");
    push_conditions(text, query, after);
    // And those granted one by one.
    text.push(" UNION ALL ");
    push_columns(text, query, order);
    text.push("FROM repository_grants rg JOIN repositories r ON r.id = rg.repository_id ");
    push_places(text, query, order);
    text.push("WHERE rg.user_id = ");
    text.text(&query.user_id);
    text.push(" AND r.organization_id NOT IN (");
    push_organizations(text, query);
    text.push(")");
    push_conditions(text, query, after);
}

fn push_columns(text: &mut Composed, query: &RepositoryQuery, order: RepositoryOrder) {
    text.push("SELECT r.id AS id, r.full_name AS full_name, ");
    push_sort_key(text, query, order);
    text.push(" AS sort_key, ");
    push_share_valid(text, query);
    text.push(" AS share_valid ");
}

/// What a row is sorted by. One whose share is over stands where its last words to the other account put it: what happened
/// to it since is not to be learnt from its place.
fn push_sort_key(text: &mut Composed, query: &RepositoryQuery, order: RepositoryOrder) {
    let after_the_end = match order {
        RepositoryOrder::UpdatedAt => "r.created_at",
        RepositoryOrder::TagCount => "0",
        _ => order.column(),
    };
    if query.set != RepositorySet::SharedWithAccount || after_the_end == order.column() {
        text.push(order.column());
        return;
    }
    text.push("CASE WHEN r.is_public = 1 OR ");
    push_share_valid(text, query);
    text.push(" = 1 THEN ");
    text.push(order.column());
    text.push(" ELSE ");
    text.push(after_the_end);
    text.push(" END");
}

fn push_share_valid(text: &mut Composed, query: &RepositoryQuery) {
    match query.set {
        RepositorySet::Own => text.push("0"),
        RepositorySet::SharedByAccount => {
            text.push(
                "CASE WHEN EXISTS (SELECT 1 FROM shares v WHERE v.repository_id = r.id \
                 AND (v.expires_at IS NULL OR v.expires_at > ",
            );
            text.number(query.now);
            text.push(")) THEN 1 ELSE 0 END");
        }
        RepositorySet::SharedWithAccount => {
            text.push("CASE WHEN s.expires_at IS NULL OR s.expires_at > ");
            text.number(query.now);
            text.push(" THEN 1 ELSE 0 END");
        }
    }
}

/// Joins what conditions and order look at, and no more.
fn push_places(text: &mut Composed, query: &RepositoryQuery, order: RepositoryOrder) {
    let account = query.filter.account_name.is_some() || order == RepositoryOrder::AccountName;
    if account || query.filter.organization.is_some() || order == RepositoryOrder::Organization {
        text.push("JOIN organizations o ON o.id = r.organization_id ");
    }
    if account {
        text.push("JOIN accounts a ON a.id = o.account_id ");
    }
}

/// Selects the organisations that the user has a right on.
fn push_organizations(text: &mut Composed, query: &RepositoryQuery) {
    text.push("SELECT og.organization_id FROM organization_grants og WHERE og.user_id = ");
    text.text(&query.user_id);
    if query.administrator {
        text.push(" UNION SELECT oa.id FROM organizations oa WHERE oa.account_id = ");
        text.text(&query.account_id);
    }
}

fn push_conditions(text: &mut Composed, query: &RepositoryQuery, after: Option<i64>) {
    let filter = &query.filter;
    text.push(" AND r.listed = 1");
    if let Some(after) = after {
        text.push(" AND r.id > ");
        text.number(after);
    }
    if query.set == RepositorySet::SharedByAccount {
        text.push(" AND EXISTS (SELECT 1 FROM shares s WHERE s.repository_id = r.id)");
    }
    let names = [
        ("o.name", &filter.organization),
        ("r.image", &filter.image),
        ("a.name", &filter.account_name),
    ];
    for (column, wanted) in names {
        if let Some(wanted) = wanted {
            text.push(" AND ");
            text.matching(column, wanted);
        }
    }
    if let Some(category) = &filter.category {
        text.push(" AND ");
        text.matching("r.category", &TextMatch::Exact(category.clone()));
    }
    if let Some(is_public) = filter.is_public {
        text.push(" AND r.is_public = ");
        text.number(i64::from(is_public));
    }
    if let Some(valid) = filter.share_valid.filter(|_| query.set != RepositorySet::Own) {
        text.push(" AND ");
        push_share_valid(text, query);
        text.push(" = ");
        text.number(i64::from(valid));
    }
}
