//! Statistics for those they are about: administrators see their account's, everybody else those of the organisations
//! on which they have a permission. What this process has counted and not yet written is written first.

mod dashboard;
mod series;

use berth_metadata::{Counted, Counts, OrganizationUsage};
use berth_oci::{OrganizationName, RepositoryName};

use crate::Registry;
use crate::access::{Action, Caller, UserCaller};
use crate::clock::now_ms;
use crate::counting::day_of;
use crate::error::Error;

pub use dashboard::{Attention, Dashboard};

/// Most days that one answer tells of.
const DAYS_MAX: i64 = 366;

/// An account, or the caller's part of it, in a few numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Overview {
    /// The account's id.
    pub account_id: String,
    /// The account's name.
    pub account_name: String,
    /// Its organisations.
    pub organizations: i64,
    /// Their repositories.
    pub repositories: i64,
    /// Their tags.
    pub tags: i64,
    /// Bytes that the repositories hold; what two of them hold counts twice.
    pub stored_bytes: i64,
    /// Bytes of blobs that were sent to clients since the installation began to count.
    pub bytes_out: i64,
}

/// What a report is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measure {
    /// Bytes held at the end of each day.
    Stored,
    /// Bytes sent.
    BytesOut,
    /// Manifests sent.
    Pulls,
    /// Manifests received.
    Pushes,
}

/// The steps of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Frequency {
    /// The last 30 days, today included.
    Daily,
    /// The last twelve months, this one included.
    Monthly,
}

/// One step of a report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReportEntry {
    /// The day, or the first day of the month: `YYYY-MM-DD`.
    pub date: String,
    /// Bytes or manifests.
    pub value: i64,
}

/// Whose statistics.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StatisticsOf {
    /// The caller's account, or the caller's part of it.
    Account,
    /// An organisation.
    Organization(OrganizationName),
    /// A repository.
    Repository(RepositoryName),
}

/// What was counted on a day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CountedDay {
    /// `YYYY-MM-DD`, UTC.
    pub date: String,
    /// What happened.
    pub counts: Counts,
    /// Bytes held at the end of the day or now; none before it was known, and for repositories.
    pub stored_bytes: Option<i64>,
}

/// What was counted by day, and what is held now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statistics {
    /// Oldest first, up to today.
    pub days: Vec<CountedDay>,
    /// The organisations, by name; none for a single image.
    pub organizations: Vec<OrganizationUsage>,
}

impl Registry {
    /// The caller's account in a few numbers.
    pub async fn overview(&self, caller: &Caller) -> Result<Overview, Error> {
        let user = caller.require_user()?;
        self.write_what_is_counted().await;
        let days = self.metadata.days(&account_of(user), 0).await?;
        let usage = self.usage(user).await?;
        let sum = |of: fn(&OrganizationUsage) -> i64| usage.iter().map(of).sum();
        Ok(Overview {
            account_id: user.account_id.clone(),
            account_name: user.account_name.clone(),
            organizations: i64::try_from(usage.len()).unwrap_or(i64::MAX),
            repositories: sum(|usage| usage.repositories),
            tags: sum(|usage| usage.tags),
            stored_bytes: sum(|usage| usage.stored_bytes),
            bytes_out: days.iter().map(|day| day.counts.bytes_out).sum(),
        })
    }

    /// A measure of the caller's account over time, oldest first, from when there are counts on.
    pub async fn report(
        &self,
        caller: &Caller,
        measure: Measure,
        frequency: Frequency,
    ) -> Result<Vec<ReportEntry>, Error> {
        let user = caller.require_user()?;
        self.write_what_is_counted().await;
        let today = day_of(now_ms());
        let mut days = self.metadata.days(&account_of(user), 0).await?;
        let stored = self
            .usage(user)
            .await?
            .iter()
            .map(|usage| usage.stored_bytes)
            .sum();
        series::set_stored(&mut days, today, stored);
        let from = series::begin(frequency, today).max(self.counted_since(user).await?);
        let days = series::complete(&days, from..=today);
        Ok(series::report(&days, measure, frequency))
    }

    /// What was counted in the last `days` days, today included. `Invalid` for too many days; `Denied` for an image that
    /// the caller may only pull because it is public or shared.
    pub async fn statistics(
        &self,
        caller: &Caller,
        of: &StatisticsOf,
        days: i64,
    ) -> Result<Statistics, Error> {
        let user = caller.require_user()?;
        if !(1..=DAYS_MAX).contains(&days) {
            return Err(Error::Invalid(format!("days is a number from 1 to {DAYS_MAX}")));
        }
        let (counted, organizations) = match of {
            StatisticsOf::Account => (account_of(user), self.usage(user).await?),
            StatisticsOf::Organization(name) => {
                let id = self.visible_organization_id(caller, name).await?;
                let mut usage = self.metadata.organization_usage(&user.account_id, None).await?;
                usage.retain(|usage| usage.name == name.as_str());
                (Counted::Organization(id), usage)
            }
            StatisticsOf::Repository(name) => (self.own_repository(caller, name).await?, Vec::new()),
        };
        self.write_what_is_counted().await;
        let today = day_of(now_ms());
        let mut found = self.metadata.days(&counted, 0).await?;
        if !matches!(of, StatisticsOf::Repository(_)) {
            let stored = organizations.iter().map(|usage| usage.stored_bytes).sum();
            series::set_stored(&mut found, today, stored);
        }
        let from = (today - days + 1).max(self.counted_since(user).await?);
        Ok(Statistics {
            days: series::complete(&found, from..=today)
                .into_iter()
                .map(|day| CountedDay {
                    date: series::date_text(day.day),
                    counts: day.counts,
                    stored_bytes: day.stored_bytes,
                })
                .collect(),
            organizations,
        })
    }

    /// The first day that can have counts for this user's account.
    async fn counted_since(&self, user: &UserCaller) -> Result<i64, Error> {
        let account = self.metadata.account_by_id(&user.account_id).await?;
        let made = account.map_or(0, |account| day_of(account.created_at));
        Ok(made.max(self.counting.first_day()))
    }

    async fn usage(&self, user: &UserCaller) -> Result<Vec<OrganizationUsage>, Error> {
        let member = (!user.administrator).then_some(user.user_id.as_str());
        Ok(self.metadata.organization_usage(&user.account_id, member).await?)
    }

    /// A repository on which the caller has a right of their own.
    async fn own_repository(&self, caller: &Caller, name: &RepositoryName) -> Result<Counted, Error> {
        let held = self.require_held(caller, Action::ReadRights, name).await?;
        Ok(Counted::Repository(held.id))
    }

    /// What cannot be written now is written later: an answer without the last half minute is better than none.
    async fn write_what_is_counted(&self) {
        if let Err(error) = self.counting.flush(&self.metadata).await {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "counts could not be written"
            );
        }
    }
}

/// The user's account or part of it.
fn account_of(user: &UserCaller) -> Counted {
    let account_id = user.account_id.clone();
    if user.administrator {
        return Counted::Account(account_id);
    }
    Counted::Member {
        account_id,
        user_id: user.user_id.clone(),
    }
}
