//! What a transaction asks before it moves or deletes a tag that is there.

use crate::error::Conflict;
use crate::pool::{Failure, Tx};
use crate::sql::first;
use sqlx::Row;
use std::fmt;
use std::sync::Arc;

/// Answers the id of the rule that makes a tag immutable.
pub type Covers = Arc<dyn Fn(&str) -> Option<i64> + Send + Sync>;

/// Which tags of a repository are immutable, by the rules as the caller read them.
#[derive(Clone)]
pub enum Guard {
    /// None, whatever the rules say: what happened already is told again.
    Off,
    /// Those that rules cover.
    Rules {
        /// [`crate::Standing::rules_version`] from before the rules were read.
        version: i64,
        /// Answers the id of the rule that covers a tag; none when no rule is about the repository.
        covers: Option<Covers>,
    },
}

impl fmt::Debug for Guard {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Guard::Off => formatter.write_str("Off"),
            Guard::Rules { version, .. } => write!(formatter, "Rules({version})"),
        }
    }
}

/// A guard beside the rules as the transaction finds them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Check<'a> {
    guard: &'a Guard,
    version: i64,
}

impl<'a> Check<'a> {
    /// The check by a guard, where the rules are at this version.
    pub(crate) fn at(guard: &'a Guard, version: i64) -> Self {
        Self { guard, version }
    }

    /// The check by a guard in a repository, whose lock the caller holds.
    pub(crate) async fn of(tx: &mut Tx<'_>, repository_id: i64, guard: &'a Guard) -> Result<Self, Failure> {
        const VERSION: &str = "SELECT o.rules_version FROM repositories r \
             JOIN organizations o ON o.id = r.organization_id WHERE r.id = $1";
        let row = first(tx, sqlx::query(VERSION).bind(repository_id)).await?;
        let version = row.ok_or(Conflict::RepositoryGone)?.try_get(0)?;
        Ok(Self::at(guard, version))
    }

    /// Whether no tag is immutable; [`Conflict::RulesChanged`].
    pub(crate) fn is_open(self) -> Result<bool, Failure> {
        match self.guard {
            Guard::Off => Ok(true),
            Guard::Rules { version, .. } if *version != self.version => Err(Conflict::RulesChanged.into()),
            Guard::Rules { covers, .. } => Ok(covers.is_none()),
        }
    }

    /// Lets a tag that names `digest` be moved or deleted; [`Conflict::TagImmutable`], [`Conflict::RulesChanged`].
    pub(crate) fn permit(self, tag: &str, digest: &str) -> Result<(), Failure> {
        if self.is_open()? {
            return Ok(());
        }
        match self.guard {
            Guard::Rules {
                covers: Some(covers), ..
            } => match covers(tag) {
                None => Ok(()),
                Some(rule) => Err(Conflict::TagImmutable {
                    tag: tag.to_owned(),
                    digest: digest.to_owned(),
                    rule,
                }
                .into()),
            },
            _ => Ok(()),
        }
    }
}
