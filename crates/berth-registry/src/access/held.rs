//! Repositories that are there, and what a caller holds on one: for all that is done to an image but pushing and pulling.

use berth_metadata::{Permission, Standing};
use berth_oci::RepositoryName;

use super::{Action, Caller, Refusal, decide, held, in_scope, refuse};
use crate::Registry;
use crate::error::Error;

/// Said to who did not log in where the operator wants it.
const LOGIN_WANTED: &str =
    "this registry shows public images to people who log in only (setting anonymous_pulls)";

/// A repository that is there, and what the caller holds on it.
pub(crate) struct Held {
    /// The repository's id.
    pub(crate) id: i64,
    /// The account it belongs to.
    pub(crate) account_id: String,
    /// The organisation it is in.
    pub(crate) organization_id: i64,
    /// Where the caller stands to it.
    pub(crate) standing: Standing,
    /// The stronger of the caller's rights on the organisation and on the repository.
    pub(crate) permission: Permission,
}

impl Registry {
    /// Lets an `action` that needs a right pass, on a repository that is there. `RepositoryUnknown` for one that is not,
    /// and for one that the caller may not know of.
    pub(crate) async fn require_held(
        &self,
        caller: &Caller,
        action: Action,
        name: &RepositoryName,
    ) -> Result<Held, Error> {
        let standing = self
            .standing(caller, name.organization().as_str(), Some(name.image().as_str()))
            .await?;
        self.require_visit(caller)?;
        let decision = decide(caller, action, &standing);
        let (Some(organization), Some(repository)) = (&standing.organization, standing.repository) else {
            return Err(match decision {
                Err(Refusal::Unauthenticated) => Error::Unauthenticated,
                _ => Error::RepositoryUnknown(name.to_string()),
            });
        };
        match decision {
            Err(Refusal::Hidden) => return Err(Error::RepositoryUnknown(name.to_string())),
            Ok(()) if !in_scope(caller, action, name, &standing) => Err(Refusal::Scope),
            decision => decision,
        }
        .map_err(|refusal| refuse(refusal, caller, name.organization().as_str(), Some(name)))?;
        let permission = match caller {
            Caller::User(user) => held(user, action, &standing),
            Caller::System => Some(Permission::Manage),
            Caller::Anonymous => None,
        };
        Ok(Held {
            id: repository.id,
            account_id: organization.account_id.clone(),
            organization_id: organization.id,
            standing,
            permission: permission.unwrap_or(Permission::Read),
        })
    }

    /// Lets everybody pass who logged in, and the others where public images need no login.
    pub(crate) fn require_visit(&self, caller: &Caller) -> Result<(), Error> {
        if matches!(caller, Caller::Anonymous) && !self.limits.anonymous_pulls {
            return Err(Error::BadCredentials {
                explanation: Some(LOGIN_WANTED.to_owned()),
            });
        }
        Ok(())
    }
}
