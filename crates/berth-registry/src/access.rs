//! Who may do what: one pure decision over what the metadata says of a caller and a place.
//! Nothing else in Berth decides about rights; every registry method opens with [`Registry::require`].

mod held;
mod rights;

pub(crate) use held::Held;
pub(crate) use rights::Grounds;
pub use rights::{RightFrom, Rights};

use std::sync::Arc;

use berth_metadata::{Permission, Standing};
use berth_oci::{RepositoryName, Resource, Scope, ScopeAction};

use crate::Registry;
use crate::clock::now_ms;
use crate::error::{Denial, Error};

/// On whose behalf a registry method runs.
#[derive(Clone, Debug)]
pub enum Caller {
    /// Nobody logged in.
    Anonymous,
    /// A user of an account.
    User(Arc<UserCaller>),
    /// Berth itself: jobs and the operator's command line on the store.
    System,
}

/// A user, and how they proved who they are.
#[derive(Clone, Debug)]
pub struct UserCaller {
    /// The user's id, 32 hex digits.
    pub user_id: String,
    /// The user's name within the account.
    pub user_name: String,
    /// The account's id, 32 hex digits.
    pub account_id: String,
    /// The account's name.
    pub account_name: String,
    /// Whether the user administers the account, directly or through a group.
    pub administrator: bool,
    /// What the user logged in with.
    pub credential: Credential,
    /// What stands for the stored password hash that was read when the caller was recognised, if there is one: what is
    /// made with a password ends when this changes.
    pub password_fingerprint: Option<String>,
    /// What a registry token was granted; `None` for credentials that are not limited by scopes.
    pub scopes: Option<Arc<[Scope]>>,
}

impl From<UserCaller> for Caller {
    fn from(user: UserCaller) -> Self {
        Self::User(Arc::new(user))
    }
}

/// What a user logged in with; a token names the credential it was made with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Credential {
    /// The account password.
    Password,
    /// A permanent access key, by its id.
    AccessKey(String),
    /// A temporary login, by its id.
    TemporaryLogin(String),
    /// A temporary access key, by its id.
    TemporaryKey(String),
    /// A session of the console, by its id.
    Session(String),
}

/// What somebody wants to do to a repository or an organisation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Read manifests, tags and blobs of a repository.
    Pull,
    /// Add blobs, manifests and tags to a repository, creating it when it is not there.
    Push,
    /// Delete tags, manifests and blobs of a repository.
    Delete,
    /// Change what a repository says of itself, and whether it is public.
    EditRepository,
    /// Change who may do what with a repository.
    ManageRepository,
    /// See who may do what with a repository, and whom it is shared with.
    ReadRights,
    /// See that the organisation exists, and its settings.
    ReadOrganization,
    /// Delete the organisation or change who may do what in it.
    ManageOrganization,
}

/// SWR's text for a caller without the right.
pub const NO_PERMISSION: &str = "you do not have the permission";
/// SWR's text for a push into an organisation that is not there.
pub(crate) const ORGANIZATION_UNKNOWN: &str = "Image organization does not exist, you should create it first";

/// The text for a push into an organisation that mirrors another registry.
const MIRROR_TAKES_NO_PUSH: &str =
    "this organization is a mirror of another registry and takes no pushes: push to another organization";

/// Why [`decide`] said no.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The caller is anonymous: logging in may help.
    Unauthenticated,
    /// The caller has the right, the token was not issued for it.
    Scope,
    /// A push into an organisation that does not exist.
    OrganizationUnknown,
    /// The caller may not know whether the place exists.
    Hidden,
    /// The caller sees the place and needs this permission.
    Needs(Permission),
}

impl Action {
    pub(crate) fn needs(self) -> Permission {
        match self {
            Self::Pull | Self::ReadRights | Self::ReadOrganization => Permission::Read,
            Self::Push | Self::EditRepository => Permission::Write,
            Self::Delete | Self::ManageRepository | Self::ManageOrganization => Permission::Manage,
        }
    }

    fn scope(self) -> Option<ScopeAction> {
        match self {
            Self::Pull => Some(ScopeAction::Pull),
            Self::Push => Some(ScopeAction::Push),
            Self::Delete => Some(ScopeAction::Delete),
            Self::EditRepository
            | Self::ManageRepository
            | Self::ReadRights
            | Self::ReadOrganization
            | Self::ManageOrganization => None,
        }
    }

    fn is_on_repository(self) -> bool {
        !matches!(self, Self::ReadOrganization | Self::ManageOrganization)
    }
}

/// The whole rule (swr-behaviour "Rights"): may `caller` do `action` where it stands so?
///
/// The stronger of the rights on the organisation and on the image holds; creating an image needs the right
/// on the organisation; administrators manage everything of their account; public images and valid
/// shares give pull only.
pub fn decide(caller: &Caller, action: Action, standing: &Standing) -> Result<(), Refusal> {
    let public = standing.is_open_mirror() || standing.repository.as_ref().is_some_and(|r| r.is_public);
    let user = match caller {
        Caller::System => return Ok(()),
        Caller::Anonymous if action == Action::Pull && public => return Ok(()),
        Caller::Anonymous => return Err(Refusal::Unauthenticated),
        Caller::User(user) => user,
    };
    let held = held(user, action, standing);
    let given = action == Action::Pull && (public || standing.shared);
    if !given && held.is_none_or(|held| held < action.needs()) {
        let sees = held.is_some() || (action.is_on_repository() && (public || standing.shared));
        return Err(match (action, &standing.organization) {
            (Action::Push, None) => Refusal::OrganizationUnknown,
            _ if sees => Refusal::Needs(action.needs()),
            _ => Refusal::Hidden,
        });
    }
    Ok(())
}

/// The permission that `user` holds for `action` at the place.
fn held(user: &UserCaller, action: Action, standing: &Standing) -> Option<Permission> {
    let organization = standing.organization.as_ref()?;
    if user.administrator && user.account_id == organization.account_id {
        return Some(Permission::Manage);
    }
    // The right on one image says nothing about the organisation, and cannot create images.
    match standing.repository {
        Some(_) if action.is_on_repository() => standing
            .organization_permission
            .max(standing.repository_permission),
        _ => standing.organization_permission,
    }
}

/// Whether the caller's token, if they came with one, was issued for this; public pulls need none.
fn in_scope(caller: &Caller, action: Action, name: &RepositoryName, standing: &Standing) -> bool {
    let Caller::User(user) = caller else { return true };
    let Some(scopes) = &user.scopes else { return true };
    let Some(wanted) = action.scope() else {
        return false;
    };
    let is_public = standing.is_open_mirror() || standing.repository.as_ref().is_some_and(|r| r.is_public);
    if action == Action::Pull && is_public {
        return true;
    }
    scopes.iter().any(|scope| {
        matches!(&scope.resource, Resource::Repository(granted) if granted == name)
            && scope.actions.contains(&wanted)
    })
}

impl Caller {
    /// Lets the operator pass: accounts are theirs.
    pub(crate) fn require_operator(&self) -> Result<(), Error> {
        match self {
            Self::System => Ok(()),
            Self::Anonymous => Err(Error::Unauthenticated),
            Self::User(_) => Err(self.not_theirs("only the operator of this registry may do this")),
        }
    }

    /// Lets the operator and the administrators of the named account pass; people of other accounts learn nothing.
    pub(crate) fn require_administrator(&self, account: &str) -> Result<(), Error> {
        match self {
            Self::System => Ok(()),
            Self::Anonymous => Err(Error::Unauthenticated),
            Self::User(user) if user.scopes.is_some() => {
                Err(Error::InsufficientScope("a right on users".into()))
            }
            Self::User(user) if user.administrator && user.account_name == account => Ok(()),
            Self::User(_) => Err(self.not_theirs("an administrator of the account may do this")),
        }
    }

    /// Lets users pass who did more than present a registry token.
    pub(crate) fn require_user(&self) -> Result<&UserCaller, Error> {
        match self {
            Self::User(user) if user.scopes.is_none() => Ok(user),
            Self::User(_) => Err(Error::InsufficientScope("a right on organizations".into())),
            Self::Anonymous | Self::System => Err(Error::Unauthenticated),
        }
    }

    /// Lets everybody pass but a token that was not issued for the list of repositories.
    pub(crate) fn require_catalog(&self) -> Result<(), Error> {
        let Self::User(user) = self else { return Ok(()) };
        let is_catalog = |scope: &Scope| scope.resource == Resource::Catalog;
        match &user.scopes {
            Some(scopes) if !scopes.iter().any(is_catalog) => {
                Err(Error::InsufficientScope("registry:catalog:*".into()))
            }
            _ => Ok(()),
        }
    }

    fn not_theirs(&self, rule: &str) -> Error {
        let explanation = format!("{}; {rule}", self.describe());
        Error::Denied(Box::new(Denial {
            text: NO_PERMISSION,
            explanation,
        }))
    }

    /// The user's id, for callers who are one.
    pub fn user_id(&self) -> Option<&str> {
        match self {
            Self::User(user) => Some(&user.user_id),
            Self::Anonymous | Self::System => None,
        }
    }

    fn describe(&self) -> String {
        match self {
            Self::Anonymous => "nobody is logged in".into(),
            Self::System => "the system".into(),
            Self::User(user) => {
                let with = match &user.credential {
                    Credential::Password => "password".into(),
                    Credential::AccessKey(id) => format!("access key {id}"),
                    Credential::TemporaryLogin(id) => format!("temporary login {id}"),
                    Credential::TemporaryKey(id) => format!("temporary access key {id}"),
                    Credential::Session(_) => "session of the console".into(),
                };
                format!(
                    "you are user '{}' of account '{}' (by {with})",
                    user.user_name, user.account_name
                )
            }
        }
    }
}

impl Registry {
    /// Lets `action` on a repository pass, or says why not; the standing tells which rows it is about.
    pub(crate) async fn require(
        &self,
        caller: &Caller,
        action: Action,
        name: &RepositoryName,
    ) -> Result<Standing, Error> {
        let standing = self
            .standing(caller, name.organization().as_str(), Some(name.image().as_str()))
            .await?;
        let decision = match decide(caller, action, &standing) {
            Ok(()) if matches!(caller, Caller::Anonymous) && !self.limits.anonymous_pulls => {
                Err(Refusal::Unauthenticated)
            }
            Ok(()) if !in_scope(caller, action, name, &standing) => Err(Refusal::Scope),
            decision => decision,
        };
        decision.map_err(|refusal| refuse(refusal, caller, name.organization().as_str(), Some(name)))?;
        // Whoever pulls takes what is here for what is there.
        if standing.mirror.is_some() && action == Action::Push && !matches!(caller, Caller::System) {
            return Err(Error::Denied(Box::new(Denial {
                text: MIRROR_TAKES_NO_PUSH,
                explanation: format!(
                    "organization '{}' stands for another registry, whatever is in it came from there: push to \
                     another organization",
                    name.organization()
                ),
            })));
        }
        Ok(standing)
    }

    /// Lets `action` on an organisation pass, or says why not.
    pub(crate) async fn require_organization(
        &self,
        caller: &Caller,
        action: Action,
        organization: &str,
    ) -> Result<Standing, Error> {
        let standing = self.standing(caller, organization, None).await?;
        let decision = match caller {
            Caller::User(user) if user.scopes.is_some() => Err(Refusal::Scope),
            _ => decide(caller, action, &standing),
        };
        decision.map_err(|refusal| refuse(refusal, caller, organization, None))?;
        Ok(standing)
    }

    /// What the metadata says of this caller at this place.
    pub(crate) async fn standing(
        &self,
        caller: &Caller,
        organization: &str,
        image: Option<&str>,
    ) -> Result<Standing, Error> {
        let viewer = match caller {
            Caller::User(user) => Some((user.user_id.as_str(), user.account_id.as_str())),
            Caller::Anonymous | Caller::System => None,
        };
        Ok(self
            .metadata
            .standing(organization, image, viewer, now_ms())
            .await?)
    }
}

/// What a refusal is to the caller.
pub(crate) fn refuse(
    refusal: Refusal,
    caller: &Caller,
    organization: &str,
    name: Option<&RepositoryName>,
) -> Error {
    let who = caller.describe();
    let (text, explanation) = match refusal {
        Refusal::Unauthenticated => return Error::Unauthenticated,
        Refusal::Scope => {
            return Error::InsufficientScope(
                name.map_or_else(|| "a right on organizations".into(), ToString::to_string),
            );
        }
        Refusal::OrganizationUnknown => (
            ORGANIZATION_UNKNOWN,
            format!(
                "{who}; no organization is named '{organization}': create it, or push to one that exists"
            ),
        ),
        Refusal::Hidden => (
            NO_PERMISSION,
            format!(
                "{who}; nothing in organization '{organization}' is open to you, or it does not exist: \
                 ask who manages it for a right on the organization or the image"
            ),
        ),
        Refusal::Needs(permission) => (
            NO_PERMISSION,
            format!(
                "{who}; this needs the permission '{}' on organization '{organization}'{}: \
                 ask who manages it to grant it",
                permission.as_str(),
                name.map_or_else(String::new, |name| format!(" or on image '{name}'")),
            ),
        ),
    };
    Error::Denied(Box::new(Denial { text, explanation }))
}

#[cfg(test)]
mod tests;
