//! What a list of repositories is asked for: which ones, filtered, ordered and cut into pages. Knows no statement.

use crate::sql::TextMatch;

/// Which repositories a list is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RepositorySet {
    /// Those the user has a right on: by a grant on the organisation or on the repository, or as the account's
    /// administrator. What is merely public or shared is not among them.
    Own,
    /// Those of [`RepositorySet::Own`] that are or were shared with another account.
    SharedByAccount,
    /// Those of other accounts that are or were shared with the user's.
    SharedWithAccount,
    /// Those that everybody may pull, of all accounts; whoever asks.
    Public,
}

/// What a list of repositories is cut down to; none does not restrict it.
#[derive(Clone, Debug, Default)]
pub struct RepositoryFilter {
    /// The organisation's name.
    pub organization: Option<TextMatch>,
    /// The name within the organisation.
    pub image: Option<TextMatch>,
    /// The name of the account it belongs to.
    pub account_name: Option<TextMatch>,
    /// The category, exactly.
    pub category: Option<String>,
    /// Whether everybody may pull it.
    pub is_public: Option<bool>,
    /// Whether a share is valid now; only in lists of shared repositories.
    pub share_valid: Option<bool>,
    /// A part of `organization/image`; of public ones also of the description, whatever the case.
    pub text: Option<String>,
    /// A processor that the tag moved last has an image for.
    pub architecture: Option<String>,
}

/// Which repositories to list, and for whom.
#[derive(Clone, Debug)]
pub struct RepositoryQuery {
    /// The user.
    pub user_id: String,
    /// Its account.
    pub account_id: String,
    /// Whether it is an administrator of the account.
    pub administrator: bool,
    /// Which repositories.
    pub set: RepositorySet,
    /// And of those.
    pub filter: RepositoryFilter,
    /// Milliseconds since the epoch.
    pub now: i64,
}

/// What a list of repositories is ordered by; equal ones by their full name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RepositoryOrder {
    /// `organization/image`.
    FullName,
    /// The organisation's name.
    Organization,
    /// The name within the organisation.
    Image,
    /// The name of the account it belongs to.
    AccountName,
    /// When its content changed last.
    UpdatedAt,
    /// How many tags it has.
    TagCount,
    /// Private ones first.
    IsPublic,
    /// Bytes of its blobs.
    Size,
    /// How often it was pulled.
    PullCount,
    /// When it was pulled last; never comes first.
    PulledAt,
    /// When it was made.
    CreatedAt,
}

impl RepositoryOrder {
    pub(super) fn column(self) -> &'static str {
        match self {
            RepositoryOrder::FullName => "r.full_name",
            RepositoryOrder::Organization => "o.name",
            RepositoryOrder::Image => "r.image",
            RepositoryOrder::AccountName => "a.name",
            RepositoryOrder::UpdatedAt => "r.updated_at",
            RepositoryOrder::TagCount => "r.tag_count",
            RepositoryOrder::IsPublic => "r.is_public",
            RepositoryOrder::Size => "r.size_bytes",
            RepositoryOrder::PullCount => "r.pull_count",
            RepositoryOrder::PulledAt => "COALESCE(r.pulled_at, 0)",
            RepositoryOrder::CreatedAt => "r.created_at",
        }
    }
}

/// Which part of a list of repositories.
#[derive(Clone, Copy, Debug)]
pub enum RepositoryPage {
    /// In some order, those after the first `offset`.
    From {
        /// What to order by.
        order: RepositoryOrder,
        /// The largest first.
        descending: bool,
        /// How many to leave out.
        offset: i64,
        /// At most so many.
        limit: i64,
    },
    /// In the order of their ids, those after one.
    After {
        /// The last id seen, 0 at the beginning.
        id: i64,
        /// At most so many.
        limit: i64,
    },
}
