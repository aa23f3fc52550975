//! Rows of the lists of automation.

use crate::pool::Failure;
use sqlx::Row;
use sqlx::any::AnyRow;

/// What something is set up for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AutomatedImage {
    /// The organisation.
    pub organization: String,
    /// The name within it; none for what is set up for a whole organisation.
    pub image: Option<String>,
}

/// A last run or copy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunMark {
    /// Its id.
    pub id: i64,
    /// The tag that it is about.
    pub tag: String,
    /// How it stands.
    pub status: String,
    /// Why it failed; empty when it did not.
    pub detail: String,
    /// When it was asked for or changed last, milliseconds since the epoch.
    pub at: i64,
}

/// A trigger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AutomatedTrigger {
    /// What it is set up for.
    pub place: AutomatedImage,
    /// Unique for the image.
    pub name: String,
    /// How the condition is read.
    pub kind: String,
    /// Which tags it waits for.
    pub condition: String,
    /// Whether it acts.
    pub enabled: bool,
    /// The workload's kind.
    pub workload_kind: String,
    /// The workload.
    pub workload: String,
    /// The workload's namespace.
    pub namespace: String,
    /// The container; empty for all that have the image.
    pub container: String,
    /// The cluster's name; empty when it has none.
    pub cluster_name: String,
    /// The address that it tells; none when it changes a workload.
    pub webhook_url: Option<String>,
    /// The name of who made it, as it was then.
    pub creator_name: String,
    /// Milliseconds since the epoch.
    pub created_at: i64,
    /// Its last run.
    pub last: Option<RunMark>,
}

/// A run of a trigger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedRun {
    /// What its trigger is set up for.
    pub place: AutomatedImage,
    /// The trigger's name.
    pub trigger: String,
    /// The run.
    pub mark: RunMark,
    /// Why it ran.
    pub why: Option<String>,
    /// Who set it off, while that user exists.
    pub user_name: Option<String>,
    /// Milliseconds since the epoch, none while it waits.
    pub started_at: Option<i64>,
    /// Milliseconds since the epoch, none while it is open.
    pub ended_at: Option<i64>,
}

/// A retention.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AutomatedRetention {
    /// What it is set up for.
    pub place: AutomatedImage,
    /// Its id.
    pub id: i64,
    /// What `amount` counts.
    pub kind: String,
    /// Days or tags.
    pub amount: i64,
    /// Which tags are exempt, JSON of the caller's.
    pub exempt: String,
    /// Milliseconds since the epoch.
    pub updated_at: i64,
    /// Its last run; the tags that it deleted and the bytes that were freed.
    pub last: Option<(RunMark, i64, i64)>,
}

/// A sync rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AutomatedSync {
    /// What it is set up for.
    pub place: AutomatedImage,
    /// Its id.
    pub id: i64,
    /// The region that the image is sent to.
    pub region_id: String,
    /// The organisation there.
    pub remote_organization: String,
    /// Whether pushes are sent by themselves.
    pub automatic: bool,
    /// Whether a tag that is there already is replaced.
    pub overwrite: bool,
    /// Milliseconds since the epoch.
    pub updated_at: i64,
    /// The last copy to that place.
    pub last: Option<RunMark>,
}

/// A copy to another region.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedCopy {
    /// The image that is copied.
    pub place: AutomatedImage,
    /// The copy.
    pub mark: RunMark,
    /// The region that it is sent to.
    pub region_id: String,
    /// The organisation there.
    pub remote_organization: String,
    /// The name of who asked for it, as it was then.
    pub operator_name: String,
    /// Milliseconds since the epoch.
    pub created_at: i64,
    /// Bytes to send, as far as it is known.
    pub bytes_total: i64,
    /// And how many of these are there.
    pub bytes_done: i64,
}

/// A rule about immutable tags.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AutomatedRule {
    /// What it is set up for.
    pub place: AutomatedImage,
    /// Its id.
    pub id: i64,
    /// Of an organisation's rule: the names of images, none for all.
    pub images: Option<String>,
    /// How the pattern is read.
    pub kind: String,
    /// Which tags it keeps.
    pub pattern: String,
    /// And which of those not.
    pub except_pattern: Option<String>,
    /// The name of who made it, as it was then.
    pub creator_name: String,
    /// Milliseconds since the epoch.
    pub created_at: i64,
}

fn place(row: &AnyRow) -> Result<AutomatedImage, Failure> {
    Ok(AutomatedImage {
        organization: row.try_get("organization")?,
        image: row.try_get("image")?,
    })
}

fn last(row: &AnyRow) -> Result<Option<RunMark>, Failure> {
    let Some(id) = row.try_get::<Option<i64>, _>("run_id")? else {
        return Ok(None);
    };
    Ok(Some(RunMark {
        id,
        tag: row.try_get("run_tag")?,
        status: row.try_get("run_status")?,
        detail: row.try_get("run_detail")?,
        at: row.try_get("run_at")?,
    }))
}

fn mark(row: &AnyRow, at: &str) -> Result<RunMark, Failure> {
    Ok(RunMark {
        id: row.try_get("id")?,
        tag: row.try_get("tag")?,
        status: row.try_get("status")?,
        detail: row.try_get("detail")?,
        at: row.try_get(at)?,
    })
}

pub(super) fn trigger(row: &AnyRow) -> Result<AutomatedTrigger, Failure> {
    Ok(AutomatedTrigger {
        place: place(row)?,
        name: row.try_get("name")?,
        kind: row.try_get("kind")?,
        condition: row.try_get("condition")?,
        enabled: row.try_get::<i64, _>("enabled")? != 0,
        workload_kind: row.try_get("workload_kind")?,
        workload: row.try_get("workload")?,
        namespace: row.try_get("namespace")?,
        container: row.try_get("container")?,
        cluster_name: row.try_get("cluster_name")?,
        webhook_url: row.try_get("webhook_url")?,
        creator_name: row.try_get("creator_name")?,
        created_at: row.try_get("created_at")?,
        last: last(row)?,
    })
}

pub(super) fn run(row: &AnyRow) -> Result<ListedRun, Failure> {
    Ok(ListedRun {
        place: place(row)?,
        trigger: row.try_get("name")?,
        mark: mark(row, "at")?,
        why: row.try_get("why")?,
        user_name: row.try_get("user_name")?,
        started_at: row.try_get("started_at")?,
        ended_at: row.try_get("ended_at")?,
    })
}

pub(super) fn retention(row: &AnyRow) -> Result<AutomatedRetention, Failure> {
    let last = match last(row)? {
        None => None,
        Some(mark) => Some((mark, row.try_get("run_deleted")?, row.try_get("run_freed")?)),
    };
    Ok(AutomatedRetention {
        place: place(row)?,
        id: row.try_get("id")?,
        kind: row.try_get("kind")?,
        amount: row.try_get("amount")?,
        exempt: row.try_get("exempt")?,
        updated_at: row.try_get("updated_at")?,
        last,
    })
}

pub(super) fn sync(row: &AnyRow) -> Result<AutomatedSync, Failure> {
    Ok(AutomatedSync {
        place: place(row)?,
        id: row.try_get("id")?,
        region_id: row.try_get("region_id")?,
        remote_organization: row.try_get("remote_organization")?,
        automatic: row.try_get::<i64, _>("automatic")? != 0,
        overwrite: row.try_get::<i64, _>("overwrite")? != 0,
        updated_at: row.try_get("updated_at")?,
        last: last(row)?,
    })
}

pub(super) fn copy(row: &AnyRow) -> Result<ListedCopy, Failure> {
    Ok(ListedCopy {
        place: place(row)?,
        mark: mark(row, "updated_at")?,
        region_id: row.try_get("region_id")?,
        remote_organization: row.try_get("remote_organization")?,
        operator_name: row.try_get("operator_name")?,
        created_at: row.try_get("created_at")?,
        bytes_total: row.try_get("bytes_total")?,
        bytes_done: row.try_get("bytes_done")?,
    })
}

pub(super) fn rule(row: &AnyRow) -> Result<AutomatedRule, Failure> {
    Ok(AutomatedRule {
        place: place(row)?,
        id: row.try_get("id")?,
        images: row.try_get("images")?,
        kind: row.try_get("kind")?,
        pattern: row.try_get("pattern")?,
        except_pattern: row.try_get("except_pattern")?,
        creator_name: row.try_get("creator_name")?,
        created_at: row.try_get("created_at")?,
    })
}
