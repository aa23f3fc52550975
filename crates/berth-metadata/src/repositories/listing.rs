//! Lists of repositories with their details: which ones, filtered, ordered and cut into pages. The statements are put
//! together from constants; what a caller gave is bound.

use super::details::{RepositoryDetails, detail_columns, read};
use super::found::push_found;
use super::query::{RepositoryOrder, RepositoryPage, RepositoryQuery};
use crate::Metadata;
use crate::error::Error;
use crate::sql::Composed;
use sqlx::Row;

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
    let by = page.by();
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
    push_page(&mut text, query, page);
    text.push(" ORDER BY ");
    push_order(&mut text, by);
    text
}

impl RepositoryPage {
    /// What the page is in order of.
    pub(super) fn by(self) -> &'static str {
        match self {
            RepositoryPage::From { descending: true, .. } => "sort_key DESC, full_name DESC",
            RepositoryPage::From { .. } => "sort_key, full_name",
            RepositoryPage::After { .. } => "id",
        }
    }
}

/// From the page's rows. Only ids and sort keys are gathered and sorted; the rest is read for one page.
pub(super) fn push_page(text: &mut Composed, query: &RepositoryQuery, page: RepositoryPage) {
    let (order, after, offset, limit) = match page {
        RepositoryPage::From {
            order, offset, limit, ..
        } => (order, None, offset, limit),
        RepositoryPage::After { id, limit } => (RepositoryOrder::FullName, Some(id), 0, limit),
    };
    text.push(" FROM (SELECT * FROM (");
    push_found(text, query, order, after);
    text.push(") AS found ORDER BY ");
    text.push(page.by());
    text.push(" LIMIT ");
    text.number(limit);
    text.push(" OFFSET ");
    text.number(offset);
    text.push(
        ") AS page JOIN repositories r ON r.id = page.id JOIN organizations o ON o.id = r.organization_id \
         JOIN accounts a ON a.id = o.account_id",
    );
}

/// The columns that a page is ordered by.
pub(super) fn push_order(text: &mut Composed, by: &'static str) {
    for (n, column) in by.split(", ").enumerate() {
        text.push(if n == 0 { "page." } else { ", page." });
        text.push(column);
    }
}
