//! What somebody has and what happens to it, at a glance and in one answer: of what they have a right on, and of the account
//! for its administrators. Counted when it is asked for; nothing is remembered.

use berth_metadata::{
    AttentionTimes, AwayPlace, Begun, DashboardViewer, EndingShare, FailedRun, FullQuota, OrganizationUsage,
    PulledImage, RecentPush, RunCount, StaleLogin,
};

use super::{CountedDay, Frequency, account_of, series};
use crate::Registry;
use crate::access::{Caller, UserCaller};
use crate::clock::now_ms;
use crate::counting::day_of;
use crate::error::Error;
use crate::quota::{QuotaUse, QuotasInUse};

/// Organisations that are told apart; the rest is one sum.
const ORGANIZATIONS_TOLD: usize = 10;
const MOST_PULLED: i64 = 8;
const NEWEST: i64 = 10;
/// Things that need attention, of each kind.
const ATTENTION: i64 = 5;
const HOUR_MS: i64 = 3_600_000;
const WEEK_MS: i64 = 7 * 24 * HOUR_MS;
/// A key that nobody used for so long after it was made is not needed.
const UNUSED_FOR_MS: i64 = 30 * 24 * HOUR_MS;
/// A temporary login ends soon when it does so within this: it lives for a day at most.
const VERY_SOON_MS: i64 = HOUR_MS;
/// A quota is nearly used up from so many hundredths on.
const NEARLY_FULL: i64 = 80;
const DAYS: usize = 30;

/// The page that a user sees first.
#[derive(Clone, Debug)]
pub struct Dashboard {
    /// Organisations that the user has a right on, if on one image only.
    pub organizations: i64,
    /// Sums over all of them.
    pub all: OrganizationUsage,
    /// The largest of them.
    pub largest: Vec<OrganizationUsage>,
    /// Sums over the others.
    pub others: OrganizationUsage,
    /// The last 30 days, oldest first.
    pub days: Vec<CountedDay>,
    /// The last 12 months by their first days, oldest first.
    pub months: Vec<CountedDay>,
    /// The images that were pulled most.
    pub most_pulled: Vec<PulledImage>,
    /// The newest tags, of an image each.
    pub newest: Vec<RecentPush>,
    /// Runs that wait, run, and failed within a week.
    pub runs: Vec<RunCount>,
    /// What needs somebody's attention.
    pub attention: Attention,
    /// What somebody new has done already, besides making organisations and images.
    pub begun: Begun,
}

/// What needs somebody's attention.
#[derive(Clone, Debug, Default)]
pub struct Attention {
    /// What failed within a week and did not succeed since.
    pub failed: Vec<FailedRun>,
    /// Shares that end within a week.
    pub shares: Vec<EndingShare>,
    /// Keys and logins that end soon or that nobody uses.
    pub logins: Vec<StaleLogin>,
    /// Quotas of numbers that are used up to four fifths or more.
    pub counts: Vec<QuotaUse>,
    /// The account's quota of bytes, if it is: limit and use.
    pub account_bytes: Option<(i64, i64)>,
    /// Quotas of organisations' bytes that are.
    pub organization_bytes: Vec<FullQuota>,
    /// Clusters and regions that do not answer as they should.
    pub away: Vec<AwayPlace>,
    /// Damaged blobs and manifests; for the operator's administrators.
    pub damaged: i64,
}

impl Registry {
    /// What the caller has and what happens to it.
    pub async fn dashboard(&self, caller: &Caller) -> Result<Dashboard, Error> {
        let user = caller.require_user()?;
        self.write_what_is_counted().await;
        let viewer = DashboardViewer {
            user_id: user.user_id.clone(),
            account_id: user.account_id.clone(),
            administrator: user.administrator,
        };
        let space = self.metadata.space_of(&viewer).await?;
        let (days, months) = self.course(user).await?;
        let all = sum(&space);
        let told = space.len().min(ORGANIZATIONS_TOLD);
        Ok(Dashboard {
            organizations: i64::try_from(space.len()).unwrap_or(i64::MAX),
            begun: self.metadata.first_steps(&viewer).await?,
            all,
            others: sum(&space[told..]),
            largest: space[..told].to_vec(),
            days,
            months,
            most_pulled: self.metadata.most_pulled(&viewer, MOST_PULLED).await?,
            newest: self.metadata.newest_tags(&viewer, NEWEST).await?,
            runs: self.metadata.run_counts(&viewer, now_ms() - WEEK_MS).await?,
            attention: self.attention(caller, &viewer).await?,
        })
    }

    async fn attention(&self, caller: &Caller, viewer: &DashboardViewer) -> Result<Attention, Error> {
        let now = now_ms();
        let times = AttentionTimes {
            now,
            soon: now + WEEK_MS,
            very_soon: now + VERY_SOON_MS,
            unused_since: now - UNUSED_FOR_MS,
        };
        let metadata = &self.metadata;
        let QuotasInUse { mut counts, bytes } = self.quotas(caller, None).await?;
        counts.retain(|quota| is_nearly_full(quota.used, quota.limit));
        let bytes = bytes.map(|quota| (quota.limit, quota.used + quota.reserved));
        let operates = self.require_operating_account(caller).await.is_ok();
        Ok(Attention {
            failed: metadata.failed_runs(viewer, now - WEEK_MS, ATTENTION).await?,
            shares: metadata.ending_shares(viewer, times, ATTENTION).await?,
            logins: metadata.stale_logins(viewer, times, ATTENTION).await?,
            counts,
            account_bytes: bytes.filter(|(limit, used)| is_nearly_full(*used, *limit)),
            organization_bytes: metadata.full_quotas(viewer, ATTENTION).await?,
            away: metadata.places_away(&viewer.account_id, ATTENTION).await?,
            damaged: if operates {
                metadata.count_damaged().await?
            } else {
                0
            },
        })
    }

    /// What was counted in the last days and months.
    async fn course(&self, user: &UserCaller) -> Result<(Vec<CountedDay>, Vec<CountedDay>), Error> {
        let today = day_of(now_ms());
        let first = series::begin(Frequency::Monthly, today);
        let from = first.max(self.counted_since(user).await?);
        let found = self.metadata.days(&account_of(user), from).await?;
        let days = series::complete(&found, from..=today);
        let mut months: Vec<CountedDay> = Vec::new();
        for day in &days {
            let date = format!("{}-01", &series::date_text(day.day)[..7]);
            match months.last_mut() {
                Some(month) if month.date == date => month.counts += day.counts,
                _ => months.push(CountedDay {
                    date,
                    counts: day.counts,
                    stored_bytes: None,
                }),
            }
        }
        let told = days.len().saturating_sub(DAYS);
        let days = days[told..].iter().map(|day| CountedDay {
            date: series::date_text(day.day),
            counts: day.counts,
            stored_bytes: day.stored_bytes,
        });
        Ok((days.collect(), months))
    }
}

fn is_nearly_full(used: i64, limit: i64) -> bool {
    limit > 0 && i128::from(used) * 100 >= i128::from(limit) * i128::from(NEARLY_FULL)
}

fn sum(organizations: &[OrganizationUsage]) -> OrganizationUsage {
    let of = |value: fn(&OrganizationUsage) -> i64| organizations.iter().map(value).sum();
    OrganizationUsage {
        name: String::new(),
        repositories: of(|usage| usage.repositories),
        tags: of(|usage| usage.tags),
        stored_bytes: of(|usage| usage.stored_bytes),
    }
}
