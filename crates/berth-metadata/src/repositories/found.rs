//! Which repositories a list is about: their ids, found by right, by share or because everybody may pull them, with what
//! they are sorted by. The text is put together from constants; what a caller gave is bound.

use super::query::{RepositoryOrder, RepositoryQuery, RepositorySet};
use crate::sql::{Composed, TextMatch, holding};

/// Selects the ids of what the query is about, with what it is sorted by.
pub(super) fn push_found(
    text: &mut Composed,
    query: &RepositoryQuery,
    order: RepositoryOrder,
    after: Option<i64>,
) {
    if query.set == RepositorySet::SharedWithAccount {
        push_columns(text, query, order);
        text.push("FROM shares s JOIN repositories r ON r.id = s.repository_id ");
        push_places(text, query, order);
        text.push("WHERE s.account_id = ");
        text.text(&query.account_id);
        push_conditions(text, query, after);
        return;
    }
    if query.set == RepositorySet::Public {
        push_columns(text, query, order);
        text.push("FROM repositories r ");
        push_places(text, query, order);
        text.push("WHERE r.is_public = 1");
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
        RepositoryOrder::TagCount
        | RepositoryOrder::Size
        | RepositoryOrder::PullCount
        | RepositoryOrder::PulledAt => "0",
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
        RepositorySet::Own | RepositorySet::Public => text.push("0"),
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
    if let Some(wanted) = &filter.text {
        push_text(text, query.set, wanted);
    }
    if let Some(architecture) = &filter.architecture {
        text.push(" AND ");
        push_newest_platforms(text);
        text.push(" LIKE ");
        // Each platform is os/architecture or os/architecture/variant.
        text.text(&holding(&format!("/{architecture}/")));
        text.push(" ESCAPE '\\'");
    }
    let by_share = matches!(
        query.set,
        RepositorySet::SharedByAccount | RepositorySet::SharedWithAccount
    );
    if let Some(valid) = filter.share_valid.filter(|_| by_share) {
        text.push(" AND ");
        push_share_valid(text, query);
        text.push(" = ");
        text.number(i64::from(valid));
    }
}

fn push_text(text: &mut Composed, set: RepositorySet, wanted: &str) {
    let wanted = TextMatch::Holding(wanted.to_owned());
    text.push(" AND (");
    text.matching("r.full_name", &wanted);
    if set == RepositorySet::Public {
        text.push(" OR ");
        text.matching("lower(r.description)", &wanted);
    }
    text.push(")");
}

/// The platforms of the tag that was moved last, each followed by `/` so that an architecture is found with and without a
/// variant.
fn push_newest_platforms(text: &mut Composed) {
    text.push(
        "(SELECT replace(f.platforms, ',', '/,') || '/' FROM tags t \
         JOIN manifest_facts f ON f.repository_id = t.repository_id AND f.digest = t.digest \
         WHERE t.repository_id = r.id ORDER BY t.updated_at DESC, t.tag DESC LIMIT 1)",
    );
}
