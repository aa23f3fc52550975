//! The body of a request for a token: a password or an access key, and what the token is for.

use berth_registry::{AccountRef, IamProof, WantedScope};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::manage::error::Refused;

/// A request for a token.
#[derive(Deserialize, ToSchema)]
pub(super) struct CreateToken {
    auth: TokenAuth,
}

#[derive(Deserialize, ToSchema)]
struct TokenAuth {
    identity: TokenIdentity,
    scope: Option<TokenScopeWanted>,
}

/// Who wants a token.
#[derive(Deserialize, ToSchema)]
struct TokenIdentity {
    /// `password` or `hw_ak_sk`.
    #[schema(example = json!(["password"]))]
    methods: Vec<String>,
    password: Option<TokenPassword>,
    hw_ak_sk: Option<TokenAkSk>,
}

#[derive(Deserialize, ToSchema)]
struct TokenPassword {
    user: TokenPasswordUser,
}

/// A user with their password.
#[derive(Deserialize, ToSchema)]
struct TokenPasswordUser {
    name: String,
    password: String,
    domain: NamedScope,
}

/// An access key with its secret.
#[derive(Deserialize, ToSchema)]
struct TokenAkSk {
    access: TokenKeyText,
    secret: TokenKeyText,
}

#[derive(Deserialize, ToSchema)]
struct TokenKeyText {
    key: String,
}

/// What the token is for: a project, or else the account. The project wins.
#[derive(Deserialize, ToSchema)]
struct TokenScopeWanted {
    project: Option<NamedScope>,
    domain: Option<NamedScope>,
}

/// An id or a name; the id wins.
#[derive(Deserialize, ToSchema)]
struct NamedScope {
    id: Option<String>,
    name: Option<String>,
}

impl CreateToken {
    /// What proves who wants the token.
    pub(super) fn proof(&self) -> Result<IamProof<'_>, Refused> {
        let identity = &self.auth.identity;
        let methods: Vec<&str> = identity.methods.iter().map(String::as_str).collect();
        match (methods.as_slice(), &identity.password, &identity.hw_ak_sk) {
            (["password"], Some(TokenPassword { user }), _) => Ok(IamProof::Password {
                account: match (&user.domain.id, &user.domain.name) {
                    (Some(id), _) => AccountRef::Id(id),
                    (None, Some(name)) => AccountRef::Name(name),
                    (None, None) => return Err(missing("auth.identity.password.user.domain.name")),
                },
                user: &user.name,
                password: &user.password,
            }),
            (["hw_ak_sk"], _, Some(pair)) => Ok(IamProof::AccessKey {
                access: &pair.access.key,
                secret: &pair.secret.key,
            }),
            (["password"], None, _) => Err(missing("auth.identity.password")),
            (["hw_ak_sk"], _, None) => Err(missing("auth.identity.hw_ak_sk")),
            _ => Err(Refused::invalid(
                "4000014",
                "auth.identity.methods is [\"password\"] or [\"hw_ak_sk\"]",
            )),
        }
    }

    /// The name of the one who wants it: `account/user`, or `@` and the id of an access key.
    pub(super) fn presented(&self) -> String {
        let identity = &self.auth.identity;
        match (&identity.password, &identity.hw_ak_sk) {
            (Some(TokenPassword { user }), _) => {
                let domain = user.domain.name.as_ref().or(user.domain.id.as_ref());
                format!("{}/{}", domain.map_or("", String::as_str), user.name)
            }
            (None, Some(pair)) => format!("@{}", pair.access.key),
            (None, None) => String::new(),
        }
    }

    /// What the token is for.
    pub(super) fn wanted(&self) -> Result<WantedScope<'_>, Refused> {
        let Some(scope) = &self.auth.scope else {
            return Ok(WantedScope::OwnDomain);
        };
        match (&scope.project, &scope.domain) {
            (Some(NamedScope { id: Some(id), .. }), _) => Ok(WantedScope::ProjectId(id)),
            (Some(NamedScope { name: Some(name), .. }), _) => Ok(WantedScope::ProjectName(name)),
            (Some(_), _) => Err(missing("auth.scope.project.name")),
            (None, Some(NamedScope { id: Some(id), .. })) => Ok(WantedScope::DomainId(id)),
            (None, Some(NamedScope { name: Some(name), .. })) => Ok(WantedScope::DomainName(name)),
            (None, Some(_)) => Err(missing("auth.scope.domain.name")),
            (None, None) => Ok(WantedScope::OwnDomain),
        }
    }
}

fn missing(field: &str) -> Refused {
    Refused::invalid("4000014", format!("'{field}' is a required property"))
}
