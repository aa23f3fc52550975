//! What becomes of people that a provider vouches for: users of the provider's account, known from then on by what the
//! provider never gives to somebody else, in the groups that theirs are here.

use berth_metadata::{AccessType, Conflict, NewUser, Provider, User, Vouched};
use berth_oci::excerpt::shown;
use sha2::{Digest, Sha256};

use super::directory::{Directory, Failure, Person, Proof};
use super::terms::ProviderTerms;
use crate::account::{check_name, new_id};
use crate::clock::now_ms;
use crate::outbound::Outbound;
use crate::password::new_elsewhere;
use crate::{Error, Registry};

impl Registry {
    /// The user whose password that is at a directory of the account: of `user` at the one that vouched for them, of a
    /// name that nobody has here at each in turn. `BadCredentials` with a reason for somebody who cannot be a user.
    pub(crate) async fn prove_elsewhere(
        &self,
        account_name: &str,
        user: Option<&User>,
        (name, password): (&str, &str),
    ) -> Result<Option<User>, Error> {
        let Some(account) = self.metadata.account_by_name(account_name).await? else {
            return Ok(None);
        };
        let identity = match user {
            None => None,
            Some(user) => match self.metadata.identity_of_user(&user.id).await? {
                None => return Ok(None),
                found => found,
            },
        };
        for provider in self.metadata.list_providers(&account.id).await? {
            let is_theirs = identity
                .as_ref()
                .is_none_or(|known| known.provider_id == provider.id);
            if !provider.enabled || !is_theirs {
                continue;
            }
            let Some(directory) = self.directory(&provider)? else {
                continue;
            };
            let _turn = self
                .identity
                .questions
                .try_acquire()
                .map_err(|_| Error::Unavailable)?;
            let proof = directory.prove(name, password).await;
            match proof.map_err(|failure| not_asked(&provider, &failure))? {
                Proof::NotThere => {}
                // Whoever has the name there is asked nowhere else: the password is not shown to others.
                Proof::Wrong => return Ok(None),
                // The name is somebody else's there now.
                Proof::Right(person)
                    if identity
                        .as_ref()
                        .is_some_and(|known| known.subject != person.subject) =>
                {
                    return Err(Error::BadCredentials {
                        explanation: Some(format!(
                            "the name '{}' is another person's at sign-in provider '{}' than the user's: an \
                             administrator renames or deletes the user",
                            shown(name),
                            provider.name
                        )),
                    });
                }
                Proof::Right(person) => return self.admitted(&provider, person).await.map(Some),
            }
        }
        Ok(None)
    }

    /// A directory as it is asked once; none for a provider that is none.
    pub(super) fn directory(&self, provider: &Provider) -> Result<Option<Directory>, Error> {
        let ProviderTerms::Ldap(terms) = ProviderTerms::read(&provider.terms)? else {
            return Ok(None);
        };
        Ok(Some(Directory {
            url: provider.url.clone(),
            certificate_authority: provider.certificate_authority.clone(),
            secret: self.provider_secret(provider)?,
            outbound: Outbound::new(self.limits.outbound.clone()),
            terms,
        }))
    }

    /// The user that a person is whom the provider vouched for just now.
    pub(super) async fn admitted(&self, provider: &Provider, person: Person) -> Result<User, Error> {
        let known = self.metadata.mapped_groups(provider.id).await?;
        let mut groups = person.groups.clone();
        groups.retain(|group| known.iter().any(|mapped| mapped.external == *group));
        groups.sort_unstable();
        groups.dedup();
        let refused = |why: String| Error::BadCredentials {
            explanation: Some(why),
        };
        for name in names(provider, &person) {
            match self
                .admitted_as(provider, (&person.subject, &name), &groups)
                .await
            {
                Err(berth_metadata::Error::Conflict(Conflict::UserExists)) => {}
                Ok(Some(user)) => return Ok(user),
                Ok(None) => {
                    return Err(refused(format!(
                        "the name '{}' cannot be a user's here: names have letters, digits, '.', '_' and '-'",
                        shown(&person.name)
                    )));
                }
                Err(error) => return Err(error.into()),
            }
        }
        Err(refused(format!(
            "the name '{}' is another user's of this account: an administrator renames or deletes that one",
            shown(&person.name)
        )))
    }

    async fn admitted_as(
        &self,
        provider: &Provider,
        (subject, name): (&str, &str),
        groups: &[String],
    ) -> Result<Option<User>, berth_metadata::Error> {
        let now = now_ms();
        let newcomer = NewUser {
            id: new_id(),
            account_id: provider.account_id.clone(),
            name: name.to_owned(),
            password_hash: Some(new_elsewhere()),
            access: AccessType::Both,
            administrator: false,
            enabled: true,
            description: format!("Signs in at {}", provider.name),
            now,
        };
        let vouched = Vouched {
            provider_id: provider.id,
            subject: subject.to_owned(),
            groups: groups.to_vec(),
            newcomer: check_name("user", name).is_ok().then_some(newcomer),
            now,
        };
        match self.metadata.admit_vouched(vouched.clone()).await {
            // Two first sign-ins at a time: the other one made the user.
            Err(berth_metadata::Error::Conflict(Conflict::Changed)) => {
                self.metadata.admit_vouched(vouched).await
            }
            admitted => admitted,
        }
    }
}

/// A provider that did not answer as it should: the log has why, the caller is told which.
fn not_asked(provider: &Provider, failure: &Failure) -> Error {
    tracing::warn!(
        provider = provider.name,
        account = provider.account_id,
        error = failure as &dyn std::error::Error,
        "a sign-in provider could not be asked"
    );
    Error::SignInUnavailable(format!(
        "sign-in provider '{}' cannot be asked at the moment; users with a password or key of this registry can \
         sign in",
        provider.name
    ))
}

/// What a person may be called here when they come the first time. In a directory the name is what they sign in with, so it is
/// theirs or none; elsewhere a name that is taken gets an end.
fn names(provider: &Provider, person: &Person) -> Vec<String> {
    let mut names = vec![person.name.clone()];
    if !matches!(ProviderTerms::read(&provider.terms), Ok(ProviderTerms::Ldap(_))) {
        let mark = hex::encode(Sha256::digest(person.subject.as_bytes()));
        names.push(format!("{}.{}", person.name, provider.name));
        names.push(format!("{}.{}", person.name, &mark[..8]));
    }
    names
}
