//! Why something could not be had from a mirrored registry. Knows no HTTP status.

/// A mirrored registry was not asked, or did not give what was asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{sentence}")]
pub struct UpstreamFailure {
    /// The registry, as image references name it.
    pub registry: String,
    /// What kind of failure it is.
    pub kind: UpstreamKind,
    /// What happened, as a sentence.
    pub sentence: String,
}

/// Kinds of failures that a caller acts on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UpstreamKind {
    /// It asks for fewer requests.
    RateLimited {
        /// Seconds until it may answer again.
        retry_after_seconds: u64,
    },
    /// It is not reached, stalls, or says that it does not do its work now.
    Unreachable,
    /// It wants another login than the mirror has, or does not let that one have this.
    Refused,
    /// It does not have it.
    Unknown,
    /// What it sends is not what it should be.
    Unusable,
    /// The mirror is switched off.
    SwitchedOff,
}

impl UpstreamFailure {
    /// Whether what is here may stand in for what could not be had: the other side said nothing against it.
    pub(crate) fn is_passing(&self) -> bool {
        matches!(
            self.kind,
            UpstreamKind::RateLimited { .. } | UpstreamKind::Unreachable | UpstreamKind::Unusable
        )
    }
}
