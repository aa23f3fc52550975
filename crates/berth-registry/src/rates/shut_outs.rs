//! Who asks on and on for what a rate refuses is shut out for a while: an account, or an address of those who do not log in.
//! Rows, so that every process and the next start know; each process looks at them now and then.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use berth_metadata::{Metadata, ShutOut, ShutOutSubject};

use super::bucket::{Buckets, Turn};
use super::{counted, key_of, key_of_address};
use crate::Registry;
use crate::access::{Caller, UserCaller};
use crate::audit::{Actor, Deed};
use crate::clock::now_ms;
use crate::error::{Denial, Error, TooFast};
use crate::identity::time_text;
use crate::limits::RateLimits;

/// SWR's text for whoever is shut out.
const TEXT: &str = "Not allow to login, upload or download image";
/// Time between two looks at the rows.
const LOOKED_AT_EVERY: Duration = Duration::from_secs(2);
/// Most of them that are heeded, the newest.
const IN_FORCE_MAX: i64 = 10_000;
/// How long they are kept after their end.
pub(crate) const KEPT_MS: i64 = 30 * 24 * 3600 * 1000;

/// What a process knows of them.
pub(crate) struct ShutOuts {
    metadata: Metadata,
    start: Instant,
    /// Refused requests by whom they are from.
    refused: Buckets,
    for_ms: i64,
    in_force: RwLock<HashMap<ShutOutSubject, InForce>>,
    /// Whether there are any: most of the time there are none.
    any: AtomicBool,
}

struct InForce {
    ends_at: i64,
    reason: String,
}

impl ShutOuts {
    /// None when nobody is ever shut out.
    pub(crate) async fn open(metadata: &Metadata, limits: &RateLimits) -> Result<Option<Arc<Self>>, Error> {
        let Some(after) = limits.shut_out_after else {
            return Ok(None);
        };
        let this = Self {
            metadata: metadata.clone(),
            start: Instant::now(),
            refused: Buckets::new(after),
            for_ms: i64::try_from(limits.shut_out_for.as_millis()).unwrap_or(i64::MAX),
            in_force: RwLock::default(),
            any: AtomicBool::new(false),
        };
        this.look().await?;
        Ok(Some(Arc::new(this)))
    }

    /// Reads who is shut out now.
    async fn look(&self) -> Result<(), Error> {
        let found = self.metadata.shut_outs_in_force(now_ms(), IN_FORCE_MAX).await?;
        let mut in_force = HashMap::new();
        for ShutOut {
            subject,
            ends_at,
            reason,
            ..
        } in found
        {
            in_force.entry(subject).or_insert(InForce { ends_at, reason });
        }
        self.any.store(!in_force.is_empty(), Ordering::Relaxed);
        *self.in_force.write().unwrap_or_else(PoisonError::into_inner) = in_force;
        Ok(())
    }

    /// How many are shut out, as far as this process knows.
    pub(crate) fn count(&self) -> usize {
        let now = now_ms();
        let in_force = self.in_force.read().unwrap_or_else(PoisonError::into_inner);
        in_force
            .values()
            .filter(|shut_out| shut_out.ends_at > now)
            .count()
    }

    /// Why and until when somebody is shut out.
    fn find(&self, subject: &ShutOutSubject) -> Option<(i64, String)> {
        if !self.any.load(Ordering::Relaxed) {
            return None;
        }
        let in_force = self.in_force.read().unwrap_or_else(PoisonError::into_inner);
        let found = in_force.get(subject)?;
        (found.ends_at > now_ms()).then(|| (found.ends_at, found.reason.clone()))
    }

    /// Counts a refused request; whether it was one too many.
    fn is_too_much(&self, key: u128) -> bool {
        let now = u64::try_from(self.start.elapsed().as_nanos()).unwrap_or(u64::MAX);
        matches!(self.refused.take(key, now, Duration::ZERO), Turn::Refused(_))
    }

    /// Shuts somebody out, if they are not already.
    async fn shut_out(&self, subject: &ShutOutSubject, reason: &str) -> Result<bool, Error> {
        let now = now_ms();
        let times = (now, now.saturating_add(self.for_ms));
        let is_new = self.metadata.shut_out(subject, reason, times).await?;
        self.look().await?;
        Ok(is_new)
    }
}

impl Registry {
    /// Refuses those who are shut out: users for their account, others for the address that they come from.
    pub fn require_not_shut_out(
        &self,
        caller: &Caller,
        address: impl FnOnce() -> IpAddr,
    ) -> Result<(), Error> {
        let Some(shut_outs) = &self.shut_outs else {
            return Ok(());
        };
        if !shut_outs.any.load(Ordering::Relaxed) {
            return Ok(());
        }
        let (subject, who) = match caller {
            Caller::System => return Ok(()),
            Caller::User(user) => (
                ShutOutSubject::Account(user.account_id.clone()),
                format!("account '{}'", user.account_name),
            ),
            Caller::Anonymous => {
                let address = counted(address());
                let who = format!("address {address}, for those who do not log in,");
                (ShutOutSubject::Address(address.to_string()), who)
            }
        };
        self.refusal_of_shut_out(&subject, &who).map_or(Ok(()), Err)
    }

    /// What somebody is told who is shut out; none when they are not.
    pub(crate) fn refusal_of_shut_out(&self, subject: &ShutOutSubject, who: &str) -> Option<Error> {
        let (ends_at, reason) = self.shut_outs.as_ref()?.find(subject)?;
        Some(Error::Denied(Box::new(Denial {
            text: TEXT,
            explanation: format!(
                "{who} is shut out until {} because too many requests went on after they were refused ({reason}): wait, and \
                 make fewer requests at one time, or ask the operator of this registry to lift it",
                time_text(ends_at)
            ),
        })))
    }

    /// Counts a request of a user that came too fast.
    pub(super) fn count_refused(&self, user: Option<&Arc<UserCaller>>, address: IpAddr, refused: &TooFast) {
        let Some(shut_outs) = &self.shut_outs else { return };
        let key = user.map_or_else(|| key_of_address(address), |user| key_of(&user.account_id));
        if !shut_outs.is_too_much(key) {
            return;
        }
        let (subject, who) = match user {
            Some(user) => (
                ShutOutSubject::Account(user.account_id.clone()),
                format!("account {}", user.account_name),
            ),
            None => (
                ShutOutSubject::Address(counted(address).to_string()),
                format!("address {address}"),
            ),
        };
        if shut_outs.find(&subject).is_some() {
            return;
        }
        if let Some(user) = user {
            let deed = Deed {
                action: "shut_out".to_owned(),
                resource: who.clone(),
                status: 403,
                code: "DENIED".to_owned(),
                source: address,
                request_id: String::new(),
            };
            self.record_soon(Actor::Known(Arc::clone(user)), deed);
        }
        let (shut_outs, reason) = (
            Arc::clone(shut_outs),
            format!("{} = \"{}\"", refused.setting, refused.rate),
        );
        tokio::spawn(async move {
            match shut_outs.shut_out(&subject, &reason).await {
                Ok(true) => tracing::warn!(who, reason, "shut out: too many requests after refusals"),
                Ok(false) => {}
                Err(error) => tracing::error!(
                    who,
                    error = &error as &dyn std::error::Error,
                    "somebody who should be shut out is not"
                ),
            }
        });
    }

    /// Looks now and then who is shut out, for as long as it is polled.
    pub(crate) async fn follow_shut_outs(&self) {
        let Some(shut_outs) = &self.shut_outs else { return };
        loop {
            tokio::time::sleep(LOOKED_AT_EVERY).await;
            if let Err(error) = shut_outs.look().await {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "who is shut out is not known anew"
                );
            }
        }
    }

    /// Who is or was shut out, newest first, from below an id on. For the administrators of the account that runs the registry;
    /// those of another account see their own.
    pub async fn shut_outs(&self, caller: &Caller, page: (Option<i64>, i64)) -> Result<Vec<ShutOut>, Error> {
        let account = match self.require_operating_account(caller).await {
            Ok(()) => None,
            Err(_) => Some(caller.require_own_administrator()?.account_id.as_str()),
        };
        Ok(self.metadata.shut_outs(account, page).await?)
    }

    /// Lifts one. For the administrators of the account that runs the registry.
    pub async fn lift_shut_out(&self, caller: &Caller, id: i64) -> Result<(), Error> {
        self.require_operating_account(caller).await?;
        let by = match caller {
            Caller::User(user) => user.user_name.as_str(),
            Caller::Anonymous | Caller::System => "the operator",
        };
        if !self.metadata.lift_shut_out(id, by, now_ms()).await? {
            return Err(Error::Unknown(format!(
                "a shut-out with id {id} that is in force"
            )));
        }
        if let Some(shut_outs) = &self.shut_outs {
            shut_outs.look().await?;
        }
        Ok(())
    }
}
