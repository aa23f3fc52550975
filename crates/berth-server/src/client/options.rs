//! What every command of the client takes: which login, and for whom the answer is. Knows where a login comes from: the
//! profile named, the environment, the profile in use.

use clap::Args;
use time::OffsetDateTime;

use super::failure::Failure;
use super::profile::{Credential, Profile, Profiles, Secret, name};
use super::server::{Server, address};
use crate::table::Output;

/// The options of every command.
#[derive(Clone, Debug, Args)]
pub(super) struct Options {
    #[arg(
        long,
        global = true,
        value_name = "NAME",
        value_parser = name,
        help = "The login to use [variable: BERTH_PROFILE] [default: the one of `berth profile use`]"
    )]
    pub(super) profile: Option<String>,
    /// How the answer is printed
    #[arg(long, global = true, value_enum, default_value_t = Output::Table)]
    pub(super) output: Output,
}

/// A variable; an empty one is as good as none.
pub(super) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

impl Options {
    /// The name of the profile that a command without a login of its own uses.
    pub(super) fn profile_name(&self, profiles: &Profiles) -> Result<String, Failure> {
        if let Some(named) = &self.profile {
            return Ok(named.clone());
        }
        match variable("BERTH_PROFILE") {
            Some(named) => name(&named).map_err(|why| Failure::Usage(format!("BERTH_PROFILE: {why}"))),
            None => profiles.current(),
        }
    }

    /// The login to use: of the profile named, else of the environment, else of the profile in use.
    pub(super) fn login(&self) -> Result<Profile, Failure> {
        if self.profile.is_none()
            && let Some(login) = of_the_environment()?
        {
            return Ok(login);
        }
        let profiles = Profiles::of_this_user()?;
        let wanted = self.profile_name(&profiles)?;
        let Some(profile) = profiles.find(&wanted)? else {
            return Err(Failure::NotLoggedIn(format!(
                "there is no login named {wanted}: `berth login URL` makes one"
            )));
        };
        if profile.credential.has_ended(OffsetDateTime::now_utc()) {
            return Err(Failure::NotLoggedIn(format!(
                "the login of {wanted} at {} has ended: `berth login` gets a new one",
                profile.url
            )));
        }
        Ok(profile)
    }

    /// The server, with this login.
    pub(super) fn server(&self) -> Result<Server, Failure> {
        let login = self.login()?;
        Server::new(
            &login.url,
            login.ca_certificate.as_deref(),
            Some(login.credential),
        )
    }
}

/// The login of a build server: all of it from variables, or none of it.
fn of_the_environment() -> Result<Option<Profile>, Failure> {
    const URL: &str = "BERTH_URL";
    const ID: &str = "BERTH_ACCESS_KEY_ID";
    const SECRET: &str = "BERTH_SECRET_ACCESS_KEY";
    let (id, secret) = (variable(ID), variable(SECRET));
    if id.is_none() && secret.is_none() {
        return Ok(None);
    }
    let (Some(url), Some(access_key_id), Some(secret)) = (variable(URL), id, secret) else {
        return Err(Failure::Usage(format!(
            "{URL}, {ID} and {SECRET} go together: one of them is not set"
        )));
    };
    let url = address(&url).map_err(|why| Failure::Usage(format!("{URL}: {why}")))?;
    Ok(Some(Profile {
        url,
        ca_certificate: variable("BERTH_CA_CERTIFICATE").map(Into::into),
        account: String::new(),
        user: String::new(),
        credential: Credential::Key {
            access_key_id,
            secret_access_key: Secret::new(secret),
        },
    }))
}
