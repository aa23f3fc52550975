//! What only one process may do at a time. A lease ends by the database's clock; whoever may have lost it stops before the
//! next step, and every step is safe to do twice.

use std::time::Duration;

use berth_metadata::Metadata;

use crate::Registry;
use crate::error::Error;

/// How long a lease lasts, and how often its holder says that it is there.
#[derive(Clone, Copy)]
struct Terms {
    ttl: Duration,
    renewed_every: Duration,
}

const TERMS: Terms = Terms {
    ttl: Duration::from_mins(1),
    renewed_every: Duration::from_secs(15),
};

/// A process, as the others know it by the leases that it takes.
pub(crate) struct Holder<'a> {
    pub(crate) metadata: &'a Metadata,
    pub(crate) process: &'a str,
}

impl Registry {
    /// Does `work` under a lease of this process: see [`Holder::under`].
    pub(crate) async fn under_lease<T>(
        &self,
        name: &str,
        work: impl Future<Output = Result<T, Error>>,
    ) -> Result<Option<T>, Error> {
        // On the heap: it would lie in each of the futures around it.
        self.lease_holder().under(name, Box::pin(work)).await
    }

    fn lease_holder(&self) -> Holder<'_> {
        Holder {
            metadata: &self.metadata,
            process: &self.process,
        }
    }
}

impl Holder<'_> {
    /// Does `work` while this process holds the lease `name`; none when another one does, or when the lease was lost in
    /// the middle, and then the work was dropped where it waited.
    pub(crate) async fn under<T>(
        &self,
        name: &str,
        work: impl Future<Output = Result<T, Error>>,
    ) -> Result<Option<T>, Error> {
        self.under_for(TERMS, name, work).await
    }

    async fn under_for<T>(
        &self,
        terms: Terms,
        name: &str,
        work: impl Future<Output = Result<T, Error>>,
    ) -> Result<Option<T>, Error> {
        if !self.take(terms, name).await? {
            return Ok(None);
        }
        let done = tokio::select! {
            // First: after a pause of the whole process both are ready, and the lease may be another's.
            biased;
            () = self.lost(terms, name) => {
                tracing::warn!(lease = name, "lost a lease in the middle of its work, which another process will do again");
                return Ok(None);
            }
            done = work => done,
        };
        self.metadata.release_lease(name, self.process).await?;
        done.map(Some)
    }

    /// Renews the lease for as long as it is polled and the lease is ours.
    async fn lost(&self, terms: Terms, name: &str) {
        let mut told_at = tokio::time::Instant::now();
        loop {
            // A process that slept, or whose database was silent, for so long has lost it: whatever is asked then.
            let renewed = async {
                tokio::time::sleep(terms.renewed_every).await;
                let asked_at = tokio::time::Instant::now();
                (asked_at, self.take(terms, name).await)
            };
            tokio::select! {
                biased;
                () = tokio::time::sleep_until(told_at + terms.ttl) => return,
                (asked_at, taken) = renewed => match taken {
                    Ok(true) => told_at = asked_at,
                    Ok(false) => return,
                    Err(error) => tracing::warn!(
                        lease = name,
                        error = &error as &dyn std::error::Error,
                        "a lease could not be renewed"
                    ),
                },
            }
        }
    }

    async fn take(&self, terms: Terms, name: &str) -> Result<bool, Error> {
        let ttl_ms = i64::try_from(terms.ttl.as_millis()).expect("a minute");
        Ok(self.metadata.take_lease(name, self.process, ttl_ms).await?)
    }
}

#[cfg(test)]
mod tests;
