//! Why something did not come through a mirror, told to all who waited for it.

use std::sync::Arc;

use crate::error::{Error, UpstreamFailure, UpstreamKind};

/// Why something did not come.
#[derive(Clone, Debug)]
pub(super) enum Failed {
    /// The other side did not give it.
    There(UpstreamFailure),
    /// Something here was in the way.
    Here(Arc<Error>),
}

impl Failed {
    /// Whether what is here may stand in for it.
    pub(super) fn is_passing(&self) -> bool {
        matches!(self, Self::There(failure) if failure.is_passing())
    }

    /// Whether asking again within seconds would be answered the same.
    pub(super) fn is_lasting(&self) -> bool {
        matches!(
            self,
            Self::There(UpstreamFailure {
                kind: UpstreamKind::Unknown | UpstreamKind::Unusable | UpstreamKind::Refused,
                ..
            })
        )
    }

    /// Whether the mirror is switched off.
    pub(super) fn is_switched_off(&self) -> bool {
        matches!(self, Self::There(failure) if failure.kind == UpstreamKind::SwitchedOff)
    }

    /// Whether the other side has not let the mirror's login have it.
    pub(super) fn is_refusal(&self) -> bool {
        matches!(self, Self::There(failure) if failure.kind == UpstreamKind::Refused)
    }

    /// Whether there is no room for it here.
    pub(super) fn is_full(&self) -> bool {
        matches!(self, Self::Here(error) if is_full(error))
    }

    /// The error for somebody who asked, `unknown` when the other side does not have it.
    pub(super) fn told(self, unknown: Error) -> Error {
        match self {
            Self::There(failure) if failure.kind == UpstreamKind::Unknown => unknown,
            Self::There(failure) => Error::Upstream(Box::new(failure)),
            Self::Here(error) => match &*error {
                Error::NoSpace => Error::NoSpace,
                Error::ReadOnly => Error::ReadOnly,
                Error::Unavailable => Error::Unavailable,
                Error::QuotaExceeded { quota, limit } => Error::QuotaExceeded {
                    quota: *quota,
                    limit: *limit,
                },
                Error::TooLarge { what, max } => Error::TooLarge { what, max: *max },
                _ => Error::internal("fetching through a mirror", error),
            },
        }
    }
}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        Self::Here(Arc::new(error))
    }
}

/// Whether an error says that nothing can be stored now, which is no reason not to pass it on.
pub(super) fn is_full(error: &Error) -> bool {
    matches!(error, Error::NoSpace | Error::ReadOnly | Error::BytesQuota(_))
}
