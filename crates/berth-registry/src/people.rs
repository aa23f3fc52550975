//! Users by their ids, for the administrators of their account and for themselves, as API calls know them. Whoever is of
//! another account does not exist here.

use std::net::IpAddr;

use berth_metadata::{AccessType, Conflict, PeopleChange, User, UserUpdate};

use crate::access::Caller;
use crate::account::check_name;
use crate::error::Denial;
use crate::password::is_elsewhere;
use crate::{Error, NewPerson, Registry, Switch, UserCaller};

const DESCRIPTION_CHARS_MAX: usize = 255;

/// What to change of a user; absent fields stay.
#[derive(Clone, Default)]
pub struct PersonChange {
    /// The name within the account.
    pub name: Option<String>,
    /// The password; what was made with the old one ends.
    pub password: Option<String>,
    /// Where the user may log in.
    pub access: Option<AccessType>,
    /// Whether the user may log in at all.
    pub switch: Option<Switch>,
    /// What the user is for.
    pub description: Option<String>,
}

impl Registry {
    /// The users of the caller's account, by name. For its administrators; `Denied` for another `domain_id`.
    pub async fn people(&self, caller: &Caller, domain_id: Option<&str>) -> Result<Vec<User>, Error> {
        let asking = caller.require_domain_administrator(domain_id)?;
        self.list_users(caller, &asking.account_name).await
    }

    /// Creates a user of the caller's account. For its administrators; `Denied` for another `domain_id`, `Exists`.
    pub async fn create_person(
        &self,
        caller: &Caller,
        domain_id: Option<&str>,
        person: NewPerson,
        switch: Switch,
    ) -> Result<User, Error> {
        caller.require_lasting()?;
        let asking = caller.require_domain_administrator(domain_id)?;
        check_description(&person.description)?;
        self.create_switched_user(caller, &asking.account_name, person, switch)
            .await
    }

    /// A user, for themselves and the administrators of their account.
    pub async fn person_by_id(&self, caller: &Caller, user_id: &str) -> Result<User, Error> {
        let asking = caller.require_user()?;
        let found = self.metadata.user_by_id(user_id).await?;
        found
            .filter(|user| asking.user_id == user.id || asking.administers(&user.account_id))
            .ok_or_else(|| unknown(user_id))
    }

    /// Changes a user. For the administrators of the account, `Denied` to the user themselves; `Exists` for a taken name,
    /// `Invalid` when nobody would be left to administer the account.
    pub async fn change_person(
        &self,
        caller: &Caller,
        user_id: &str,
        wanted: PersonChange,
    ) -> Result<User, Error> {
        let user = self.administered(caller, user_id).await?;
        if let Some(name) = &wanted.name {
            check_name("user", name)?;
        }
        check_description(wanted.description.as_deref().unwrap_or_default())?;
        let password_hash = match &wanted.password {
            Some(password) => Some(self.hashed(password).await?),
            None => None,
        };
        let taken = wanted.name.clone().unwrap_or_default();
        let update = PeopleChange::UpdateUser(UserUpdate {
            user_id: user.id,
            name: wanted.name,
            password_hash,
            access: wanted.access,
            enabled: wanted.switch.map(|switch| switch == Switch::Enabled),
            description: wanted.description,
        });
        match self.metadata.change_people(&user.account_id, update).await {
            Err(berth_metadata::Error::Conflict(Conflict::UserExists)) => Err(Error::Exists(format!(
                "user '{taken}' of account '{}'",
                user.account_name
            ))),
            changed => {
                changed_or(changed, &user.account_name, || unknown(user_id))?;
                self.person_by_id(caller, user_id).await
            }
        }
    }

    /// Deletes a user with their keys, logins and rights. For the administrators of the account; `Invalid` for the last
    /// of them.
    pub async fn remove_person(&self, caller: &Caller, user_id: &str) -> Result<(), Error> {
        let user = self.administered(caller, user_id).await?;
        let delete = PeopleChange::DeleteUser(user.id);
        let changed = self.metadata.change_people(&user.account_id, delete).await;
        changed_or(changed, &user.account_name, || unknown(user_id))
    }

    /// Gives the caller a new password, when they know the one they have; `Invalid` when they do not, `Throttled` after
    /// many guesses.
    pub async fn change_own_password(
        &self,
        caller: &Caller,
        user_id: &str,
        (original, new): (&str, &str),
        source: IpAddr,
    ) -> Result<(), Error> {
        let asking = caller.require_lasting()?;
        let known = self.metadata.user_by_id(&asking.user_id).await?;
        if known.is_some_and(|user| user.password_hash.as_deref().is_some_and(is_elsewhere)) {
            return Err(Error::Invalid(
                "your password is the one of your sign-in provider: change it there".to_owned(),
            ));
        }
        if asking.user_id != user_id {
            // Administrators give new passwords without knowing the old one, in another call.
            let user = self.person_by_id(caller, user_id).await?;
            return Err(denied(format!(
                "only user '{}' changes their own password; an administrator gives a new one with PATCH",
                user.name
            )));
        }
        let account = Some(asking.account_name.as_str());
        let proven = self
            .person_by_password(account, &asking.user_name, original, source)
            .await;
        let user = proven.map_err(|error| match error {
            Error::BadCredentials { .. } => Error::Invalid("the original password is wrong".to_owned()),
            other => other,
        })?;
        if original == new {
            return Err(Error::Invalid(
                "the new password must be different from the old password".to_owned(),
            ));
        }
        let hash = self.hashed(new).await?;
        let old = user.password_hash.unwrap_or_default();
        // Whoever set another one meanwhile, such as an administrator, was not asked and wins.
        if !self.metadata.replace_password_hash(&user.id, &old, &hash).await? {
            return Err(Error::Invalid("the original password is wrong".to_owned()));
        }
        Ok(())
    }

    /// A user to be changed, whose account the caller administers; who may only see it is `Denied`, anybody else finds
    /// nothing. A credential that ends by itself changes nobody: it could live on in a password or a right that it gave.
    pub(crate) async fn administered(&self, caller: &Caller, user_id: &str) -> Result<User, Error> {
        caller.require_lasting()?;
        let user = self.person_by_id(caller, user_id).await?;
        caller.require_domain_administrator(Some(&user.account_id))?;
        Ok(user)
    }
}

impl UserCaller {
    pub(crate) fn administers(&self, account_id: &str) -> bool {
        self.administrator && self.account_id == account_id
    }
}

impl Caller {
    /// The name of the account that the caller is of; empty for those who are of none.
    pub(crate) fn account_name(&self) -> &str {
        match self {
            Self::User(user) => &user.account_name,
            Self::Anonymous | Self::System => "",
        }
    }

    /// Lets administrators pass who mean their own account.
    pub(crate) fn require_domain_administrator(&self, domain_id: Option<&str>) -> Result<&UserCaller, Error> {
        let user = self.require_user()?;
        if user.administers(domain_id.unwrap_or(&user.account_id)) {
            return Ok(user);
        }
        Err(denied(format!(
            "you are user '{}' of account '{}'; only administrators of an account manage its people",
            user.user_name, user.account_name
        )))
    }
}

/// The outcome of a change of an account's people.
pub(crate) fn changed_or(
    changed: Result<bool, berth_metadata::Error>,
    account: &str,
    unknown: impl FnOnce() -> Error,
) -> Result<(), Error> {
    match changed {
        Ok(true) => Ok(()),
        Ok(false) => Err(unknown()),
        Err(berth_metadata::Error::Conflict(Conflict::LastAdministrator)) => Err(Error::Invalid(format!(
            "account '{account}' would have no administrator left: make somebody else one first"
        ))),
        Err(error) => Err(error.into()),
    }
}

pub(crate) fn check_description(text: &str) -> Result<(), Error> {
    if text.chars().count() <= DESCRIPTION_CHARS_MAX && !text.contains('\0') {
        return Ok(());
    }
    Err(Error::Invalid(format!(
        "a description has at most {DESCRIPTION_CHARS_MAX} characters"
    )))
}

fn denied(explanation: String) -> Error {
    Error::Denied(Box::new(Denial {
        text: crate::access::NO_PERMISSION,
        explanation,
    }))
}

fn unknown(user_id: &str) -> Error {
    Error::Unknown(format!("user {user_id}"))
}
