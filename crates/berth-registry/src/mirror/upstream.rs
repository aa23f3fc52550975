//! The other side of a mirror: how it is reached, which is the same for all requests until the mirror changes, what its
//! refusals mean, and for how long one is taken for its answer to the next request.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use berth_metadata::Mirror;
use berth_oci::{Descriptor, Digest, RepositoryName, Tag};
use berth_remote::{Error as RemoteError, Limits, Remote, Repository};
use tokio::time::Instant;

use super::context;
use super::failed::Failed;
use crate::Registry;
use crate::clock::now_ms;
use crate::error::{Error, UpstreamFailure, UpstreamKind};
use crate::outbound::OutboundRefusal;
use crate::remote::Place;

/// How long a registry that limits requests and does not say for how long is not asked.
const LIMITED: Duration = Duration::from_secs(30);
/// The longest time that one is not asked because it said so.
const LIMITED_MAX: Duration = Duration::from_hours(6);
/// How long one that is not reached is not tried again.
const DOWN: Duration = Duration::from_secs(3);

/// All of this process, by the organisation that stands for them.
pub(super) type Upstreams = Mutex<HashMap<i64, Arc<Upstream>>>;

/// A mirrored registry.
#[derive(Debug)]
pub(super) struct Upstream {
    mirror: Mirror,
    remote: Remote,
    pauses: Mutex<HashMap<Asked, (Instant, UpstreamFailure)>>,
    last_failure: Mutex<Option<LastFailure>>,
}

/// The last thing that went wrong with a mirrored registry, other than that it does not have something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastFailure {
    /// What it was, as a sentence.
    pub sentence: String,
    /// When, milliseconds since the epoch.
    pub at: i64,
}

/// What kind of thing is asked for. Docker Hub counts manifests and goes on sending blobs; lists are dear, and some registries
/// have none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Asked {
    Manifest,
    Blob,
    List,
}

/// What a mirrored registry said of how much more it will answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UpstreamBudget {
    /// Requests that it answers in a window of time, when it said so.
    pub limit: Option<u64>,
    /// Those that are left.
    pub remaining: u64,
    /// The window in seconds, when it said so.
    pub window_seconds: Option<u64>,
    /// When it said so, milliseconds since the epoch.
    pub at: i64,
}

impl Upstream {
    /// The organisation here that stands for it.
    pub(super) fn organization_id(&self) -> i64 {
        self.mirror.organization_id
    }

    /// Its name, as image references have it.
    pub(super) fn registry(&self) -> &str {
        &self.mirror.registry
    }

    /// A repository there, by its name here.
    pub(super) fn repository(&self, name: &RepositoryName) -> Result<Repository, Failed> {
        let found = self.remote.repository(name.image().as_str());
        found.map_err(|error| self.failed(Asked::Manifest, &error))
    }

    /// Lets requests pass unless the other side has just said that it does not answer.
    pub(super) fn admits(&self, asked: Asked) -> Result<(), Failed> {
        let mut pauses = self.pauses.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        pauses.retain(|_, (until, _)| *until > now);
        let Some((until, failure)) = pauses.get(&asked) else {
            return Ok(());
        };
        let mut failure = failure.clone();
        if let UpstreamKind::RateLimited { retry_after_seconds } = &mut failure.kind {
            *retry_after_seconds = (*until - now).as_secs() + 1;
        }
        Err(Failed::There(failure))
    }

    /// What an error of the other side means, noted where it stands for the next requests, too.
    pub(super) fn failed(&self, asked: Asked, error: &RemoteError) -> Failed {
        let registry = &self.mirror.registry;
        let mut pause = None;
        let (kind, why) = match error {
            RemoteError::RateLimited { after, .. } => {
                let after = after
                    .unwrap_or(LIMITED)
                    .clamp(Duration::from_secs(1), LIMITED_MAX);
                pause = Some(after);
                let retry_after_seconds = after.as_secs();
                (
                    UpstreamKind::RateLimited { retry_after_seconds },
                    "limits requests",
                )
            }
            RemoteError::Unavailable { after, .. } => {
                pause = Some(after.unwrap_or(DOWN).clamp(DOWN, LIMITED));
                (UpstreamKind::Unreachable, "does not answer")
            }
            RemoteError::Untrusted(_) | RemoteError::Blocked(_) => {
                (UpstreamKind::Unreachable, "is not reached")
            }
            RemoteError::Unauthorized(_) | RemoteError::Denied(_) => (UpstreamKind::Refused, "refuses this"),
            RemoteError::NotFound(_) => (UpstreamKind::Unknown, "does not have this"),
            _ => (UpstreamKind::Unusable, "does not answer as it should"),
        };
        let failure = UpstreamFailure {
            registry: registry.clone(),
            kind,
            sentence: format!("{registry}, which is mirrored here, {why}: {error}"),
        };
        if kind != UpstreamKind::Unknown {
            let mut last = self.last_failure.lock().unwrap_or_else(PoisonError::into_inner);
            *last = Some(LastFailure {
                sentence: failure.sentence.clone(),
                at: now_ms(),
            });
        }
        if let Some(pause) = pause {
            let mut pauses = self.pauses.lock().unwrap_or_else(PoisonError::into_inner);
            pauses.insert(asked, (Instant::now() + pause, failure.clone()));
        }
        Failed::There(failure)
    }

    /// What is wrong with something that came.
    pub(super) fn unusable(&self, why: &str) -> Failed {
        let registry = &self.mirror.registry;
        Failed::There(UpstreamFailure {
            registry: registry.clone(),
            kind: UpstreamKind::Unusable,
            sentence: format!("{registry}, which is mirrored here, sends what cannot be used: {why}"),
        })
    }

    /// A list was waited for in vain.
    pub(super) fn late(&self) -> Failed {
        let registry = &self.mirror.registry;
        Failed::There(UpstreamFailure {
            registry: registry.clone(),
            kind: UpstreamKind::Unreachable,
            sentence: format!("{registry}, which is mirrored here, did not give its list in time"),
        })
    }

    /// It does not have something.
    pub(super) fn unknown(&self) -> Failed {
        let registry = &self.mirror.registry;
        Failed::There(UpstreamFailure {
            registry: registry.clone(),
            kind: UpstreamKind::Unknown,
            sentence: format!("{registry}, which is mirrored here, does not have this"),
        })
    }

    /// Until when manifests are not asked for, because the other side limits requests: milliseconds since the epoch.
    pub(super) fn limited_until(&self) -> Option<i64> {
        let Err(Failed::There(failure)) = self.admits(Asked::Manifest) else {
            return None;
        };
        match failure.kind {
            UpstreamKind::RateLimited { retry_after_seconds } => {
                let seconds = i64::try_from(retry_after_seconds).unwrap_or(i64::MAX / 2000);
                Some(now_ms().saturating_add(seconds * 1000))
            }
            _ => None,
        }
    }

    /// What went wrong with it last, in this process.
    pub(super) fn last_failure(&self) -> Option<LastFailure> {
        let last = self.last_failure.lock().unwrap_or_else(PoisonError::into_inner);
        last.clone()
    }

    /// The tags that a repository has there.
    pub(super) async fn tags(&self, name: &RepositoryName) -> Result<Vec<Tag>, Failed> {
        let tags = self.repository(name)?.tags().await;
        tags.map_err(|error| self.failed(Asked::List, &error))
    }

    /// What refers to a manifest there, by its list or by the tag that stands for one.
    pub(super) async fn referrers(
        &self,
        name: &RepositoryName,
        subject: &Digest,
    ) -> Result<Vec<Descriptor>, Failed> {
        let found = self.repository(name)?.referrers(subject).await;
        let found = found.map_err(|error| self.failed(Asked::List, &error))?;
        Ok(found.descriptors)
    }

    /// What it last said of how much more it will answer.
    pub(super) fn budget(&self) -> Option<UpstreamBudget> {
        let told = self.remote.budget()?;
        let at = told.at.duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        Some(UpstreamBudget {
            limit: told.limit,
            remaining: told.remaining,
            window_seconds: told.window.map(|window| window.as_secs()),
            at: i64::try_from(at.as_millis()).unwrap_or(i64::MAX),
        })
    }
}

impl Registry {
    /// The other side of the mirror that an organisation is.
    pub(super) async fn upstream(&self, organization_id: i64) -> Result<Arc<Upstream>, Failed> {
        let mirror = self.metadata.mirror_of_organization(organization_id).await;
        // It ended a moment ago: whoever asks again finds what is here.
        let mirror = mirror.map_err(Error::from)?.ok_or(Error::Unavailable)?;
        if !mirror.enabled {
            return Err(Failed::There(UpstreamFailure {
                kind: UpstreamKind::SwitchedOff,
                sentence: format!(
                    "this is not here, and the mirror of {} is switched off: have an administrator switch it on",
                    mirror.registry
                ),
                registry: mirror.registry,
            }));
        }
        if let Some(known) = self.known_upstream(organization_id)
            && (known.mirror.id, known.mirror.updated_at) == (mirror.id, mirror.updated_at)
        {
            return Ok(known);
        }
        let upstream = Arc::new(Upstream {
            remote: self.connect_mirror(&mirror)?,
            mirror,
            pauses: Mutex::default(),
            last_failure: Mutex::default(),
        });
        let mut upstreams = self.mirrors.upstreams();
        upstreams.insert(organization_id, Arc::clone(&upstream));
        Ok(upstream)
    }

    /// The other side as it was used last, if it was.
    pub(super) fn known_upstream(&self, organization_id: i64) -> Option<Arc<Upstream>> {
        self.mirrors.upstreams().get(&organization_id).map(Arc::clone)
    }

    fn connect_mirror(&self, mirror: &Mirror) -> Result<Remote, Error> {
        let place = Place {
            url: &mirror.url,
            certificate_authority: &mirror.rules.certificate_authority,
            login_encrypted: mirror.login_encrypted.as_deref(),
            context: &context(&mirror.account_id, &mirror.name),
        };
        let limits = Limits {
            stall: self.limits.mirrors.silence_max,
            attempts: 3,
            pause_max: Duration::from_secs(2),
            document_bytes_max: usize::try_from(self.limits.manifest_bytes_max).unwrap_or(usize::MAX),
            blob_bytes_max: self.limits.blob_bytes_max,
            ..Limits::default()
        };
        self.connect_place(&place, limits, |error| {
            // A name that is not resolved now may be in a moment.
            OutboundRefusal::of(error)
                .filter(|refusal| !refusal.is_unresolved())
                .map(ToString::to_string)
        })
    }
}
