//! Scopes of the token protocol: `repository:organization/image:pull,push` and `registry:catalog:*`.
//!
//! Refuses to know who may have them.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use crate::excerpt::shown;
use crate::name::{NameError, RepositoryName};

/// What may be done with a repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ScopeAction {
    /// Read.
    Pull,
    /// Write.
    Push,
    /// Delete.
    Delete,
}

impl ScopeAction {
    /// Every action: what `*` means.
    pub const ALL: [Self; 3] = [Self::Pull, Self::Push, Self::Delete];

    /// The word in a scope.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pull => "pull",
            Self::Push => "push",
            Self::Delete => "delete",
        }
    }
}

/// What a scope is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Resource {
    /// One repository.
    Repository(RepositoryName),
    /// The list of all repositories.
    Catalog,
}

/// Some actions on one resource.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Scope {
    /// What it is about.
    pub resource: Resource,
    /// What may be done; on the catalog always everything.
    pub actions: BTreeSet<ScopeAction>,
}

/// Why a text is no scope.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScopeError {
    /// Not of the form `type:name:actions`.
    #[error("a scope is written repository:<organisation>/<image>:<actions>, and {0:?} is not")]
    Malformed(String),
    /// A type of resource, or a name of one, that the registry does not have.
    #[error("the registry has no {0:?}: scopes are for repository:<name> or registry:catalog")]
    UnknownResource(String),
    /// An action that the resource does not have.
    #[error("the action {0:?} is not known: use pull, push, delete or *")]
    UnknownAction(String),
    /// A repository name that is none.
    #[error(transparent)]
    Name(#[from] NameError),
}

impl Scope {
    /// Some actions on a repository.
    pub fn repository(name: RepositoryName, actions: impl IntoIterator<Item = ScopeAction>) -> Self {
        Self {
            resource: Resource::Repository(name),
            actions: actions.into_iter().collect(),
        }
    }

    /// Reads one scope.
    pub fn parse(text: &str) -> Result<Self, ScopeError> {
        let malformed = || ScopeError::Malformed(shown(text));
        let (kind, rest) = text.split_once(':').ok_or_else(malformed)?;
        let (name, actions) = rest.rsplit_once(':').ok_or_else(malformed)?;
        match (kind, name) {
            ("repository", name) => Ok(Self::repository(name.parse()?, self::actions(actions)?)),
            ("registry", "catalog") if actions == "*" => Ok(Self {
                resource: Resource::Catalog,
                actions: ScopeAction::ALL.into(),
            }),
            ("registry", "catalog") => Err(ScopeError::UnknownAction(shown(actions))),
            _ => Err(ScopeError::UnknownResource(shown(&format!("{kind}:{name}")))),
        }
    }

    /// Reads scopes separated by spaces; no scope at all is an empty list.
    pub fn parse_list(text: &str) -> Result<Vec<Self>, ScopeError> {
        text.split(' ')
            .filter(|part| !part.is_empty())
            .map(Self::parse)
            .collect()
    }
}

fn actions(text: &str) -> Result<BTreeSet<ScopeAction>, ScopeError> {
    let mut actions = BTreeSet::new();
    for word in text.split(',') {
        match word {
            "" => {}
            "*" => actions.extend(ScopeAction::ALL),
            word => {
                let known = ScopeAction::ALL
                    .into_iter()
                    .find(|action| action.as_str() == word);
                actions.insert(known.ok_or_else(|| ScopeError::UnknownAction(shown(word)))?);
            }
        }
    }
    Ok(actions)
}

impl FromStr for Scope {
    type Err = ScopeError;

    fn from_str(text: &str) -> Result<Self, ScopeError> {
        Self::parse(text)
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.resource {
            Resource::Catalog => f.write_str("registry:catalog:*"),
            Resource::Repository(name) => {
                write!(f, "repository:{name}:")?;
                for (index, action) in self.actions.iter().enumerate() {
                    let separator = if index == 0 { "" } else { "," };
                    write!(f, "{separator}{}", action.as_str())?;
                }
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Scope;
    use proptest::prelude::*;

    #[test]
    fn scopes_print_canonically() {
        let check = |text: &str, canonical: &str| {
            assert_eq!(Scope::parse(text).unwrap().to_string(), canonical, "{text:?}");
        };
        check("repository:group/busybox:pull", "repository:group/busybox:pull");
        check("repository:group/a/b:push,pull", "repository:group/a/b:pull,push");
        check(
            "repository:group/busybox:*",
            "repository:group/busybox:pull,push,delete",
        );
        check("repository:group/busybox:", "repository:group/busybox:");
        check(
            "repository:group/busybox:pull,pull",
            "repository:group/busybox:pull",
        );
        check("registry:catalog:*", "registry:catalog:*");
    }

    #[test]
    fn refused_scopes_say_why() {
        let check = |text: &str, part: &str| {
            let message = Scope::parse(text).unwrap_err().to_string();
            assert!(message.contains(part), "{text:?}: {message}");
        };
        check("", "a scope is written");
        check("repository:group/busybox", "a scope is written");
        check("repository:busybox:pull", "no '/' in it");
        check("repository:manage/x:pull", "reserved");
        check("repository:Group/x:pull", "organisation names have");
        check(
            "repository:example.org:5000/group/x:pull",
            "organisation names have",
        );
        check("repository(plugin):group/x:pull", "the registry has no");
        check("registry:other:*", "the registry has no");
        check("registry:catalog:pull", "the action");
        check("repository:group/x:admin", "the action");
        check("repository:group/x:Pull", "the action");
    }

    #[test]
    fn lists_are_separated_by_spaces() {
        let list = Scope::parse_list(" repository:a/b:pull  repository:c/d:push ").unwrap();
        assert_eq!(list.len(), 2);
        assert_eq!(Scope::parse_list(""), Ok(vec![]));
        Scope::parse_list("repository:a/b:pull nonsense").unwrap_err();
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "(repository:[a-z/]{0,9}:[a-z,*]{0,9}|registry:\\PC*|\\PC*)") {
            if let Ok(scope) = Scope::parse(&text) {
                prop_assert_eq!(Scope::parse(&scope.to_string()), Ok(scope));
            }
        }
    }
}
