//! Images that other accounts may pull, each until the end of a day or for ever. Who manages an image shares it; only
//! private ones are. A share of an image made public since says nothing, and counts again once it is private.

mod deadline;

pub use deadline::Deadline;

use berth_metadata::{Conflict, NewShare, ShareTerms};
use berth_oci::RepositoryName;
use berth_oci::excerpt::shown;

use crate::access::{Action, Caller};
use crate::clock::now_ms;
use crate::{Error, Registry};

/// Accounts that one image is shared with at most (SWR's guide).
const SHARES_MAX: i64 = 500;
/// Longest description in characters (SWR's guide).
const DESCRIPTION_CHARS_MAX: usize = 1000;

/// How an image is to be shared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WantedShare {
    /// The last day.
    pub deadline: Deadline,
    /// Free text, at most 1000 characters.
    pub description: String,
}

/// A share of an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShareView {
    /// The account that may pull.
    pub account_name: String,
    /// The last day.
    pub deadline: Deadline,
    /// Free text.
    pub description: String,
    /// The user that made it, who may be gone.
    pub creator_id: String,
    /// That user's name at the time.
    pub creator_name: String,
    /// Milliseconds since the epoch.
    pub created_at: i64,
    /// When it was changed last, milliseconds since the epoch.
    pub updated_at: i64,
    /// Whether it counts now: its last day is not over.
    pub is_valid: bool,
}

impl Registry {
    /// Shares an image with another account. `Unknown` when there is no account of that name, `Exists` when it is shared
    /// with it already, `Invalid` for a public image, the own account, a deadline that is over or one share too many.
    pub async fn share_repository(
        &self,
        caller: &Caller,
        name: &RepositoryName,
        account: &str,
        wanted: &WantedShare,
    ) -> Result<(), Error> {
        let user = caller.require_user()?;
        let held = self.require_held(caller, Action::ManageRepository, name).await?;
        let now = now_ms();
        check_description(&wanted.description)?;
        check_not_over(wanted.deadline, now)?;
        let found = self.metadata.account_by_name(account).await?;
        let guest = found.ok_or_else(|| unknown_account(account))?;
        if guest.id == held.account_id {
            return Err(Error::Invalid(
                "an image is shared with other accounts; in its own, users are granted rights".to_owned(),
            ));
        }
        let new = NewShare {
            repository_id: held.id,
            account_id: guest.id,
            terms: terms(wanted),
            creator_id: user.user_id.clone(),
            creator_name: user.user_name.clone(),
            limit: SHARES_MAX,
            now,
        };
        let created = self.metadata.create_share(new).await;
        created.map_err(|error| conflict(error, name, account))
    }

    /// Every share of an image by the account's name, those included whose deadline is over. For who has a right on it.
    pub async fn shares(&self, caller: &Caller, name: &RepositoryName) -> Result<Vec<ShareView>, Error> {
        let held = self.require_held(caller, Action::ReadRights, name).await?;
        let shares = self.metadata.shares(held.id).await?;
        let now = now_ms();
        Ok(shares.into_iter().map(|share| view(share, now)).collect())
    }

    /// The share of an image with the account of that name; none when there is none, be it that there is no such account.
    pub async fn share(
        &self,
        caller: &Caller,
        name: &RepositoryName,
        account: &str,
    ) -> Result<Option<ShareView>, Error> {
        let held = self.require_held(caller, Action::ReadRights, name).await?;
        let share = self.metadata.share(held.id, account).await?;
        Ok(share.map(|share| view(share, now_ms())))
    }

    /// Changes a share; `Unknown` when there is none. A deadline that is over stays as it is, and no other is set.
    pub async fn update_share(
        &self,
        caller: &Caller,
        name: &RepositoryName,
        account: &str,
        wanted: &WantedShare,
    ) -> Result<(), Error> {
        let held = self.require_held(caller, Action::ManageRepository, name).await?;
        let now = now_ms();
        check_description(&wanted.description)?;
        let found = self.metadata.share(held.id, account).await?;
        let share = found.ok_or_else(|| unknown_share(name, account))?;
        if share.terms.expires_at != wanted.deadline.expires_at() {
            check_not_over(wanted.deadline, now)?;
        }
        let updated = self
            .metadata
            .update_share(held.id, account, terms(wanted), now)
            .await?;
        if updated {
            Ok(())
        } else {
            Err(unknown_share(name, account))
        }
    }

    /// Ends a share at once; `Unknown` when there is none.
    pub async fn end_share(
        &self,
        caller: &Caller,
        name: &RepositoryName,
        account: &str,
    ) -> Result<(), Error> {
        let held = self.require_held(caller, Action::ManageRepository, name).await?;
        // Not every database takes a zero byte, so that no account has it in its name.
        if !account.contains('\0') && self.metadata.delete_share(held.id, account).await? {
            Ok(())
        } else {
            Err(unknown_share(name, account))
        }
    }
}

fn terms(wanted: &WantedShare) -> ShareTerms {
    ShareTerms {
        deadline_at: wanted.deadline.at(),
        expires_at: wanted.deadline.expires_at(),
        description: wanted.description.clone(),
    }
}

fn view(share: berth_metadata::Share, now: i64) -> ShareView {
    ShareView {
        is_valid: share.terms.expires_at.is_none_or(|end| end > now),
        account_name: share.account_name,
        deadline: Deadline::of(share.terms.deadline_at),
        description: share.terms.description,
        creator_id: share.creator_id,
        creator_name: share.creator_name,
        created_at: share.created_at,
        updated_at: share.updated_at,
    }
}

fn check_description(description: &str) -> Result<(), Error> {
    // Not every database takes a zero byte.
    if description.contains('\0') {
        return Err(Error::Invalid("a description holds no zero character".to_owned()));
    }
    if description.chars().count() > DESCRIPTION_CHARS_MAX {
        return Err(Error::TooLong {
            what: "the description",
            characters_max: DESCRIPTION_CHARS_MAX,
        });
    }
    Ok(())
}

fn check_not_over(deadline: Deadline, now: i64) -> Result<(), Error> {
    if deadline.expires_at().is_some_and(|end| end <= now) {
        return Err(Error::Invalid(
            "the deadline is over: the last day of a share is today or later, in UTC".to_owned(),
        ));
    }
    Ok(())
}

fn conflict(error: berth_metadata::Error, name: &RepositoryName, account: &str) -> Error {
    match error {
        berth_metadata::Error::Conflict(Conflict::ShareExists) => {
            Error::Exists(format!("the share of image '{name}' with account '{account}'"))
        }
        berth_metadata::Error::Conflict(Conflict::AccountGone) => unknown_account(account),
        berth_metadata::Error::Conflict(Conflict::RepositoryGone) => {
            Error::RepositoryUnknown(name.to_string())
        }
        berth_metadata::Error::Conflict(Conflict::RepositoryPublic) => Error::Invalid(format!(
            "image '{name}' is public, everybody may pull it: only private images are shared"
        )),
        berth_metadata::Error::Conflict(Conflict::ShareQuota) => Error::Invalid(format!(
            "image '{name}' is shared with {SHARES_MAX} accounts, as many as one image may be: delete a share first, one \
             whose last day is over, say"
        )),
        other => other.into(),
    }
}

fn unknown_account(account: &str) -> Error {
    Error::Unknown(format!("account '{}'", shown(account)))
}

fn unknown_share(name: &RepositoryName, account: &str) -> Error {
    Error::Unknown(format!(
        "the share of image '{name}' with account '{}'",
        shown(account)
    ))
}
