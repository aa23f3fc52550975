//! Why somebody may or may not do something with an image, told to those who manage it: runs the decision itself, with the rows
//! that it reads, and then tells each of them. Never a decision of its own.

use berth_metadata::{Permission, ShutOutSubject, Standing, User};
use berth_oci::{RepositoryName, Tag};

use crate::Registry;
use crate::access::{Action, Caller, Credential, Refusal, UserCaller, decide};
use crate::error::Error;
use crate::identity::admit;

/// What is asked.
#[derive(Clone, Debug)]
pub struct WantedExplanation {
    /// Who: a user of the caller's account, or `account/user`; none: somebody who does not log in.
    pub user: Option<String>,
    /// What they want to do.
    pub action: Action,
    /// To which tag, if that matters.
    pub tag: Option<Tag>,
}

/// What a step does to the decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It gives the right.
    Grants,
    /// It stands in the way.
    Refuses,
    /// It changes nothing.
    Neutral,
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExplanationStep {
    /// What was looked at, a word that stays.
    pub step: &'static str,
    /// What it does.
    pub verdict: Verdict,
    /// How it stands, in a sentence.
    pub text: String,
}

/// The answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// Whether it would be allowed now.
    pub allowed: bool,
    /// What their client would be told, if not.
    pub answer: Option<String>,
    /// What was looked at, in this order.
    pub steps: Vec<ExplanationStep>,
}

#[derive(Default)]
struct Steps(Vec<ExplanationStep>);

impl Steps {
    fn add(&mut self, step: &'static str, verdict: Verdict, text: impl Into<String>) {
        let text = text.into();
        self.0.push(ExplanationStep { step, verdict, text });
    }

    /// One that grants when it is so.
    fn grant(&mut self, step: &'static str, grants: bool, text: impl Into<String>) {
        let verdict = if grants { Verdict::Grants } else { Verdict::Neutral };
        self.add(step, verdict, text);
    }
}

impl Registry {
    /// Whether somebody may do something with an image, and why. For those who manage it, or its organization where there is no
    /// such image yet.
    pub async fn explain(
        &self,
        caller: &Caller,
        name: &RepositoryName,
        wanted: &WantedExplanation,
    ) -> Result<Explanation, Error> {
        let asker = caller.require_user()?;
        let place = (name.organization().as_str(), Some(name.image().as_str()));
        let own = self.standing(caller, place.0, place.1).await?;
        if decide(caller, Action::ManageRepository, &own) == Err(Refusal::Hidden) {
            return Err(Error::RepositoryUnknown(name.to_string()));
        }
        self.require(caller, Action::ManageRepository, name).await?;
        let mut steps = Steps::default();
        let (who, mut refused) = match &wanted.user {
            None => (Caller::Anonymous, None),
            Some(user) => self.whom(asker, user, &mut steps).await?,
        };
        if matches!(who, Caller::Anonymous) {
            self.tell_anonymous(&mut steps);
        }
        // The decision itself, with what refuses before it and after it.
        refused = refused.or(self.shut_out_of(&who, &mut steps));
        let standing = self.standing(&who, place.0, place.1).await?;
        let decision = self.require(&who, wanted.action, name).await;
        tell_rights(&who, wanted.action, &standing, &mut steps);
        tell_decision(wanted.action, &decision, &mut steps);
        refused = refused.or(decision.err());
        self.tell_rules(name, wanted, &standing, &mut steps).await?;
        self.tell_quota(wanted.action, &standing, &mut steps).await?;
        self.tell_rates(wanted.action, &mut steps);
        let in_the_way = steps.0.iter().find(|step| step.verdict == Verdict::Refuses);
        let in_the_way = in_the_way.map(|step| step.text.clone());
        Ok(Explanation {
            allowed: refused.is_none() && in_the_way.is_none(),
            answer: refused.as_ref().map(told).or(in_the_way),
            steps: steps.0,
        })
    }

    /// The caller that a user would be. Of another account nothing is told but what a share with it gives.
    async fn whom(
        &self,
        asker: &UserCaller,
        user: &str,
        steps: &mut Steps,
    ) -> Result<(Caller, Option<Error>), Error> {
        let (account, name) = user.split_once('/').unwrap_or((&asker.account_name, user));
        if account != asker.account_name {
            let account = self.account(account).await?;
            let text = format!(
                "'{name}' is taken for a user of account '{}', who can log in: of another account nothing more is told",
                account.name
            );
            steps.add("user", Verdict::Neutral, text);
            return Ok((somebody(account.id, account.name), None));
        }
        let found = self.metadata.user_by_name(account, name).await?;
        let found = found.ok_or_else(|| Error::Unknown(format!("user '{name}'")))?;
        let nobody = UserCaller {
            user_id: found.id.clone(),
            user_name: found.name.clone(),
            administrator: found.administrator,
            ..user_of(found.account_id.clone(), found.account_name.clone())
        };
        match admit(found.clone(), Credential::Password) {
            Ok(user) => {
                steps.add("user", Verdict::Neutral, described(&found));
                Ok((user.into(), None))
            }
            // Their rights are told all the same.
            Err(error) => {
                steps.add("user", Verdict::Refuses, told(&error));
                Ok((nobody.into(), Some(error)))
            }
        }
    }

    fn tell_anonymous(&self, steps: &mut Steps) {
        if self.limits.anonymous_pulls {
            steps.add(
                "user",
                Verdict::Neutral,
                "nobody is logged in: public images can be pulled, nothing else",
            );
        } else {
            steps.add(
                "user",
                Verdict::Refuses,
                "nobody is logged in, and this registry answers people who log in only (setting anonymous_pulls)",
            );
        }
    }

    fn shut_out_of(&self, who: &Caller, steps: &mut Steps) -> Option<Error> {
        let Caller::User(user) = who else { return None };
        // Another account's, of which that is not told.
        if user.user_id.is_empty() {
            return None;
        }
        let subject = ShutOutSubject::Account(user.account_id.clone());
        let refused = self.refusal_of_shut_out(&subject, &format!("account '{}'", user.account_name));
        match &refused {
            Some(error) => steps.add("shut_out", Verdict::Refuses, told(error)),
            None => steps.add("shut_out", Verdict::Neutral, "the account is not shut out"),
        }
        refused
    }

    /// The rules that keep a tag as it is.
    async fn tell_rules(
        &self,
        name: &RepositoryName,
        wanted: &WantedExplanation,
        standing: &Standing,
        steps: &mut Steps,
    ) -> Result<(), Error> {
        let (Some(repository), false) = (standing.repository, wanted.action == Action::Pull) else {
            return Ok(());
        };
        let rules = self.rules(standing, repository.id, name).await?;
        let Some(tag) = &wanted.tag else {
            steps.add(
                "immutability",
                Verdict::Neutral,
                "name a tag to see whether a rule keeps it as it is",
            );
            return Ok(());
        };
        match rules.covering(tag.as_str()) {
            None => steps.add(
                "immutability",
                Verdict::Neutral,
                format!("no rule keeps tag '{tag}' as it is"),
            ),
            Some(rule) => {
                let text = format!(
                    "rule {} ('{}') keeps tag '{tag}' as it is, once it is there: push another tag, or change the rule",
                    rule.id, rule.terms.pattern
                );
                let names = self.metadata.tag_digest(repository.id, tag.as_str()).await?;
                let verdict = if names.is_some() {
                    Verdict::Refuses
                } else {
                    Verdict::Neutral
                };
                steps.add("immutability", verdict, text);
            }
        }
        Ok(())
    }

    async fn tell_quota(&self, action: Action, standing: &Standing, steps: &mut Steps) -> Result<(), Error> {
        let (Some(organization), Action::Push) = (&standing.organization, action) else {
            return Ok(());
        };
        let of_organization = self.metadata.organization_byte_quota(organization.id).await?;
        let of_account = self.metadata.account_byte_quota(&organization.account_id).await?;
        let quotas = [("the organization", of_organization), ("its account", of_account)];
        let mut any = false;
        for (of, quota) in quotas {
            let Some(quota) = quota else { continue };
            any = true;
            let is_full = quota.used.saturating_add(quota.reserved) >= quota.limit;
            let verdict = if is_full {
                Verdict::Refuses
            } else {
                Verdict::Neutral
            };
            let text = format!("{of} may hold {} bytes, and holds {}", quota.limit, quota.used);
            steps.add("quota", verdict, text);
        }
        if !any {
            steps.add("quota", Verdict::Neutral, "no quota of bytes is set");
        }
        Ok(())
    }

    fn tell_rates(&self, action: Action, steps: &mut Steps) {
        let rates = &self.limits.rates;
        let (word, rates) = match action {
            Action::Pull => ("pull", &rates.pull),
            _ => ("push", &rates.push),
        };
        let set = [
            ("account", rates.account),
            ("user", rates.user),
            ("address", rates.address),
        ];
        let set: Vec<String> = set
            .into_iter()
            .filter_map(|(of, rate)| rate.map(|rate| format!("limits.rate_{word}_{of} = \"{rate}\"")))
            .collect();
        let text = if set.is_empty() {
            "no rate of requests is set".to_owned()
        } else {
            let set = set.join(", ");
            format!("requests beyond {set} wait for their turn, then they are told to come back")
        };
        steps.add("rate", Verdict::Neutral, text);
    }
}

/// A user of whom nothing is known but the account.
fn somebody(account_id: String, account_name: String) -> Caller {
    user_of(account_id, account_name).into()
}

fn user_of(account_id: String, account_name: String) -> UserCaller {
    UserCaller {
        user_id: String::new(),
        user_name: String::new(),
        account_id,
        account_name,
        administrator: false,
        credential: Credential::Password,
        password_fingerprint: None,
        scopes: None,
    }
}

fn described(user: &User) -> String {
    let role = if user.administrator {
        "an administrator"
    } else {
        "a user"
    };
    format!(
        "'{}' is {role} of account '{}' and may log in with clients",
        user.name, user.account_name
    )
}

fn tell_rights(who: &Caller, action: Action, standing: &Standing, steps: &mut Steps) {
    let needed = action.needs();
    let word = |permission: Option<Permission>| permission.map_or("no right", Permission::as_str);
    if let Caller::User(user) = who {
        let own = standing
            .organization
            .as_ref()
            .is_some_and(|organization| organization.account_id == user.account_id);
        if user.administrator {
            let text = if own {
                "an administrator of the account manages all that belongs to it"
            } else {
                "an administrator of another account has no right here by that"
            };
            steps.grant("administrator", own, text);
        }
        let on_organization = standing.organization_permission;
        let creates = standing.repository.is_none() && action == Action::Push;
        let note = if creates {
            ", which alone counts for an image that is not there yet"
        } else {
            ""
        };
        steps.grant(
            "organization",
            on_organization >= Some(needed),
            format!("on the organization: {}{note}", word(on_organization)),
        );
        if standing.repository.is_some() {
            let on_image = standing.repository_permission;
            steps.grant(
                "image",
                on_image >= Some(needed),
                format!("on the image: {}", word(on_image)),
            );
            let text = if standing.shared {
                "the image is shared with the account: it may be pulled"
            } else {
                "the image is not shared with the account"
            };
            if !own {
                steps.grant("share", standing.shared && action == Action::Pull, text);
            }
        }
    }
    let public =
        standing.is_open_mirror() || standing.repository.as_ref().is_some_and(|image| image.is_public);
    let text = match (&standing.repository, public) {
        (_, true) => "the image is public: everybody may pull it",
        (None, false) => "there is no such image yet",
        (Some(_), false) => "the image is private",
    };
    steps.grant("public", public && action == Action::Pull, text);
    if standing.mirror.is_some() && action == Action::Push {
        steps.add(
            "mirror",
            Verdict::Refuses,
            "the organization stands for another registry and takes no pushes",
        );
    }
}

fn tell_decision<T>(action: Action, decision: &Result<T, Error>, steps: &mut Steps) {
    let word = match action {
        Action::Pull => "pull",
        Action::Push => "push",
        _ => "delete",
    };
    match decision {
        Ok(_) => steps.add(
            "decision",
            Verdict::Grants,
            format!("the right to {word} is there; clients ask for a token of that scope by themselves"),
        ),
        Err(error) => steps.add("decision", Verdict::Refuses, told(error)),
    }
}

/// What a client is told.
fn told(error: &Error) -> String {
    match error {
        Error::Denied(denial) => format!("{}: {}", denial.text, denial.explanation),
        Error::BadCredentials {
            explanation: Some(explanation),
        } => format!("{error}: {explanation}"),
        error => error.to_string(),
    }
}
