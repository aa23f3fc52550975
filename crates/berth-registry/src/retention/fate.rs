//! What becomes of a tag by retention, and why.

/// As long as a reason is.
const REASON_CHARS_MAX: usize = 300;

/// Why a tag stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum KeptBecause {
    /// No rule is for it.
    NoRule,
    /// A rule keeps it.
    Rule,
    /// It is exempt.
    Exempt,
    /// A workload runs it.
    Running,
    /// It is immutable.
    Immutable,
    /// An index that stays lists what it names.
    Index,
    /// A signature, or another artifact, refers to what it names.
    Signature,
    /// It is the signature, or another artifact, of a manifest that stays.
    Subject,
}

impl KeptBecause {
    /// Its name in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NoRule => "no_rule",
            Self::Rule => "rule",
            Self::Exempt => "exempt",
            Self::Running => "running",
            Self::Immutable => "immutable",
            Self::Index => "index",
            Self::Signature => "signature",
            Self::Subject => "subject",
        }
    }
}

/// What becomes of a tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It goes.
    Goes {
        /// The first of the rules that let it go.
        rule: usize,
        /// Why, for people.
        reason: String,
    },
    /// It stays.
    Kept {
        /// Why.
        because: KeptBecause,
        /// More of that, for people.
        reason: String,
    },
}

impl Fate {
    /// Whether the tag goes.
    pub fn goes(&self) -> bool {
        matches!(self, Self::Goes { .. })
    }

    pub(super) fn kept(because: KeptBecause, reason: String) -> Self {
        Self::Kept {
            because,
            reason: cut(reason),
        }
    }
}

/// A reason that is not too long for a log.
pub(super) fn cut(mut reason: String) -> String {
    if let Some((end, _)) = reason.char_indices().nth(REASON_CHARS_MAX) {
        reason.truncate(end);
    }
    reason
}
