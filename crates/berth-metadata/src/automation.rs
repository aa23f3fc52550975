//! What is set up for images and what came of it, across all images that one user has a right on: a page each of triggers and
//! their runs, retentions, sync rules and copies, and rules about immutable tags.

mod rows;

pub use rows::{
    AutomatedImage, AutomatedRetention, AutomatedRule, AutomatedSync, AutomatedTrigger, ListedCopy,
    ListedRun, RunMark,
};

use crate::Metadata;
use crate::error::Error;
use crate::pool::Failure;
use crate::sql::{Composed, TextMatch};
use sqlx::Row;
use sqlx::any::AnyRow;

/// Whose automation to list, and what of it.
#[derive(Clone, Debug)]
pub struct AutomationQuery {
    /// The user.
    pub user_id: String,
    /// Its account.
    pub account_id: String,
    /// Whether it is an administrator of the account.
    pub administrator: bool,
    /// Of images of this organisation only.
    pub organization: Option<String>,
    /// Of images whose full name holds this only.
    pub text: Option<String>,
    /// Of one status only; what stands there depends on the list.
    pub status: Option<String>,
    /// How many to leave out.
    pub offset: i64,
    /// At most so many.
    pub limit: i64,
}

/// One of the lists. Each goes through what is set up, of which there is little beside images, and looks up the rights on
/// each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum List {
    Triggers,
    Runs,
    Retentions,
    SyncRules,
    Copies,
    Immutability,
}

/// How a run of a retention stands, in the words of the others.
macro_rules! retention_status {
    () => {
        "CASE WHEN h.id IS NULL THEN '' WHEN h.failed IS NOT NULL THEN 'failed' WHEN h.ended_at IS NOT NULL THEN 'success' \
         WHEN h.started_at IS NOT NULL THEN 'running' ELSE 'waiting' END"
    };
}

impl List {
    /// What is selected of each row; `r` is the image and `o` its organisation.
    fn columns(self) -> &'static str {
        match self {
            List::Triggers => {
                "tr.name, tr.kind, tr.condition, tr.enabled, tr.workload_kind, tr.workload, tr.namespace, tr.container, \
                 tr.creator_name, tr.created_at, COALESCE(c.name, '') AS cluster_name, \
                 (SELECT w.url FROM webhooks w WHERE w.trigger_id = tr.id) AS webhook_url, \
                 h.id AS run_id, h.tag AS run_tag, h.status AS run_status, h.detail AS run_detail, h.at AS run_at"
            }
            List::Runs => {
                "h.id, tr.name, h.tag, h.status, h.detail, h.why, h.at, h.started_at, h.ended_at, u.name AS user_name"
            }
            List::Retentions => concat!(
                "p.id, p.kind, p.amount, p.exempt, p.updated_at, h.id AS run_id, '' AS run_tag, ",
                retention_status!(),
                " AS run_status, COALESCE(h.failed, '') AS run_detail, COALESCE(h.ended_at, h.created_at) AS run_at, \
                 COALESCE(h.deleted, 0) AS run_deleted, COALESCE(h.freed_bytes, 0) AS run_freed"
            ),
            List::SyncRules => {
                "sr.id, g.region_id, sr.remote_organization, sr.automatic, sr.overwrite, sr.updated_at, \
                 h.id AS run_id, h.tag AS run_tag, h.status AS run_status, h.detail AS run_detail, h.updated_at AS run_at"
            }
            List::Copies => {
                "h.id, h.tag, h.region_id, h.remote_organization, h.status, h.detail, h.operator_name, h.created_at, \
                 h.updated_at, h.bytes_total, h.bytes_done"
            }
            List::Immutability => {
                "i.id, i.images, i.kind, i.pattern, i.except_pattern, i.creator_name, i.created_at"
            }
        }
    }

    /// Where they come from. A last run is looked up by its index.
    fn source(self) -> &'static str {
        match self {
            List::Triggers => {
                "triggers tr JOIN repositories r ON r.id = tr.repository_id LEFT JOIN clusters c ON c.id = tr.cluster \
                 LEFT JOIN trigger_history h ON h.id = (SELECT MAX(n.id) FROM trigger_history n WHERE n.trigger_id = tr.id)"
            }
            List::Runs => {
                "trigger_history h JOIN triggers tr ON tr.id = h.trigger_id JOIN repositories r ON r.id = tr.repository_id \
                 LEFT JOIN users u ON u.id = h.user_id"
            }
            List::Retentions => {
                "retentions p JOIN repositories r ON r.id = +p.repository_id LEFT JOIN retention_runs h ON h.id = \
                 (SELECT MAX(n.id) FROM retention_runs n WHERE n.repository_id = r.id)"
            }
            List::SyncRules => {
                "sync_rules sr JOIN repositories r ON r.id = sr.repository_id JOIN regions g ON g.id = sr.region \
                 LEFT JOIN sync_jobs h ON h.id = (SELECT MAX(n.id) FROM sync_jobs n WHERE n.repository_id = r.id \
                 AND n.region_id = g.region_id AND n.remote_organization = sr.remote_organization)"
            }
            List::Copies => "sync_jobs h JOIN repositories r ON r.id = h.repository_id",
            List::Immutability => "immutability_rules i LEFT JOIN repositories r ON r.id = i.repository_id",
        }
    }

    /// The column that a status is of.
    fn status(self) -> &'static str {
        match self {
            List::Triggers | List::Runs | List::SyncRules | List::Copies => "h.status",
            List::Retentions => retention_status!(),
            List::Immutability => "''",
        }
    }

    fn order(self) -> &'static str {
        match self {
            List::Triggers => "r.full_name, tr.name",
            List::Retentions => "r.full_name",
            List::SyncRules => "r.full_name, sr.id",
            List::Runs | List::Copies => "h.id DESC",
            List::Immutability => "o.name, r.full_name, i.id",
        }
    }
}

impl Metadata {
    /// A page of triggers by image, each with its last run; and how many there are.
    pub async fn automated_triggers(
        &self,
        query: &AutomationQuery,
    ) -> Result<(Vec<AutomatedTrigger>, i64), Error> {
        self.automation(List::Triggers, query, rows::trigger).await
    }

    /// A page of runs of triggers, newest first; and how many there are.
    pub async fn automated_runs(&self, query: &AutomationQuery) -> Result<(Vec<ListedRun>, i64), Error> {
        self.automation(List::Runs, query, rows::run).await
    }

    /// A page of retentions by image, each with its last run; and how many there are.
    pub async fn automated_retentions(
        &self,
        query: &AutomationQuery,
    ) -> Result<(Vec<AutomatedRetention>, i64), Error> {
        self.automation(List::Retentions, query, rows::retention).await
    }

    /// A page of sync rules by image, each with its last copy; and how many there are.
    pub async fn automated_syncs(&self, query: &AutomationQuery) -> Result<(Vec<AutomatedSync>, i64), Error> {
        self.automation(List::SyncRules, query, rows::sync).await
    }

    /// A page of copies to other regions, newest first; and how many there are.
    pub async fn automated_copies(&self, query: &AutomationQuery) -> Result<(Vec<ListedCopy>, i64), Error> {
        self.automation(List::Copies, query, rows::copy).await
    }

    /// A page of rules about immutable tags by organisation, those of whole organisations first; and how many there are.
    pub async fn automated_immutability(
        &self,
        query: &AutomationQuery,
    ) -> Result<(Vec<AutomatedRule>, i64), Error> {
        self.automation(List::Immutability, query, rows::rule).await
    }

    async fn automation<T>(
        &self,
        list: List,
        query: &AutomationQuery,
        read: impl Fn(&AnyRow) -> Result<T, Failure>,
    ) -> Result<(Vec<T>, i64), Error> {
        let rows = self
            .list("list automation", statement(list, query).statement(), read)
            .await?;
        let mut text = Composed::default();
        text.push("SELECT COUNT(*)");
        push_found(&mut text, list, query);
        let count = self.find("count automation", text.statement(), |row| Ok(row.try_get(0)?));
        Ok((rows, count.await?.unwrap_or_default()))
    }
}

fn statement(list: List, query: &AutomationQuery) -> Composed {
    let mut text = Composed::default();
    text.push("SELECT o.name AS organization, r.image, ");
    text.push(list.columns());
    push_found(&mut text, list, query);
    text.push(" ORDER BY ");
    text.push(list.order());
    text.push(" LIMIT ");
    text.number(query.limit);
    text.push(" OFFSET ");
    text.number(query.offset);
    text
}

fn push_found(text: &mut Composed, list: List, query: &AutomationQuery) {
    text.push(" FROM ");
    text.push(list.source());
    text.push(if list == List::Immutability {
        " JOIN organizations o ON o.id = i.organization_id WHERE "
    } else {
        " JOIN organizations o ON o.id = r.organization_id WHERE r.listed = 1 AND "
    });
    push_visible(text, query);
    if let Some(organization) = &query.organization {
        text.push(" AND ");
        text.matching("o.name", &TextMatch::Exact(organization.clone()));
    }
    if let Some(part) = &query.text {
        text.push(" AND ");
        text.matching("COALESCE(r.full_name, o.name)", &TextMatch::Holding(part.clone()));
    }
    if let Some(status) = &query.status {
        text.push(" AND ");
        text.matching(list.status(), &TextMatch::Exact(status.clone()));
    }
}

/// What the user has a right on: whole organisations, or single images.
fn push_visible(text: &mut Composed, query: &AutomationQuery) {
    text.push("(o.id IN (SELECT og.organization_id FROM organization_grants og WHERE og.user_id = ");
    text.text(&query.user_id);
    if query.administrator {
        text.push(" UNION SELECT oa.id FROM organizations oa WHERE oa.account_id = ");
        text.text(&query.account_id);
    }
    text.push(") OR r.id IN (SELECT rg.repository_id FROM repository_grants rg WHERE rg.user_id = ");
    text.text(&query.user_id);
    text.push("))");
}
