//! Who looks at a list, and which repositories they may read. The rights themselves are rows of others.

/// Whose eyes a list is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Viewer<'a> {
    /// Somebody who did not sign in: sees what is public.
    Anonymous,
    /// A user: sees what is public, granted to it or shared with its account, and as an administrator all of its
    /// account.
    User {
        /// The user.
        user_id: &'a str,
        /// The account it belongs to.
        account_id: &'a str,
        /// Whether it is an administrator of the account.
        administrator: bool,
    },
}

/// Whether a user ($1 user, $2 account, $3 1 for an administrator, $4 now) may read repository `r`. The lists are the
/// same for every row, so the database makes them once. The `+` keeps SQLite from gathering and sorting all that may be
/// read, by an index per condition, where a page walks the names in order.
macro_rules! readable {
    () => {
        "(+r.is_public = 1 \
          OR +r.organization_id IN (SELECT o.id FROM organizations o WHERE o.account_id = $2 AND $3 = 1) \
          OR +r.organization_id IN (SELECT og.organization_id FROM organization_grants og WHERE og.user_id = $1) \
          OR +r.id IN (SELECT rg.repository_id FROM repository_grants rg WHERE rg.user_id = $1) \
          OR +r.id IN (SELECT s.repository_id FROM shares s WHERE s.account_id = $2 \
                      AND (s.expires_at IS NULL OR s.expires_at > $4)))"
    };
}
pub(crate) use readable;
