//! What a caller may do with a thing, told with the thing: the strongest right, and what it comes from. Derived from the
//! same rows that decisions read, and never itself a decision.

use berth_metadata::Permission;

use super::{Caller, UserCaller};

/// What a right comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RightFrom {
    /// The caller administers the account, directly or through a group.
    Administrator,
    /// It was granted on the organisation.
    Organization,
    /// It was granted on the image.
    Image,
    /// The image is shared with the caller's account.
    Share,
    /// Everybody may pull the image.
    Public,
}

/// The strongest right that a caller has on something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rights {
    /// What it allows.
    pub permission: Permission,
    /// What it comes from.
    pub from: RightFrom,
}

/// What counts for a right.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Grounds {
    /// Granted on the organisation.
    pub(crate) organization: Option<Permission>,
    /// Granted on the image.
    pub(crate) image: Option<Permission>,
    /// Whether a share with the caller's account is valid.
    pub(crate) shared: bool,
    /// Whether everybody may pull the image.
    pub(crate) public: bool,
}

impl Rights {
    /// The right of a caller on something of an account; none when there is none.
    pub(crate) fn of(caller: &Caller, account_id: &str, grounds: Grounds) -> Option<Self> {
        let right = |permission, from| Some(Self { permission, from });
        let is_administrator = |user: &UserCaller| user.administrator && user.account_id == account_id;
        match caller {
            Caller::System => return right(Permission::Manage, RightFrom::Administrator),
            Caller::User(user) if is_administrator(user) => {
                return right(Permission::Manage, RightFrom::Administrator);
            }
            Caller::User(_) | Caller::Anonymous => {}
        }
        if let Some(granted) = grounds.organization.max(grounds.image) {
            let from = if grounds.organization == Some(granted) {
                RightFrom::Organization
            } else {
                RightFrom::Image
            };
            return right(granted, from);
        }
        if grounds.shared {
            return right(Permission::Read, RightFrom::Share);
        }
        let public = Self {
            permission: Permission::Read,
            from: RightFrom::Public,
        };
        grounds.public.then_some(public)
    }

    /// Whether it was given to the caller, not to a whole account or to everybody: only then is it told what stands around
    /// the thing.
    pub(crate) fn is_own(self) -> bool {
        matches!(
            self.from,
            RightFrom::Administrator | RightFrom::Organization | RightFrom::Image
        )
    }
}
