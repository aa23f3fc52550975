//! Providers that people sign in at as requests and answers have them; no secret is ever answered.

use berth_registry::{DirectoryTerms, Error, OpenIdTerms, ProviderChange, ProviderTerms, ProviderView};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::manage::wire::Time;

/// A provider to set up: with `ldap` or with `oidc`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct CreateProvider {
    /// Unique in the account.
    #[schema(max_length = 64, example = "corp")]
    pub(super) name: String,
    /// Where it is: `ldaps://host:636`, `ldap://host` of a directory; the issuer of an OpenID provider.
    #[schema(example = "ldaps://directory.example")]
    pub(super) url: String,
    /// How a directory is spoken to.
    #[serde(default)]
    ldap: Option<Ldap>,
    /// How an OpenID provider is spoken to.
    #[serde(default)]
    oidc: Option<Oidc>,
    /// The password of `bind_dn`, or the client's secret. Kept sealed and never answered.
    #[serde(default)]
    #[schema(write_only)]
    secret: Option<String>,
    /// Certificates that the provider's is checked with, as PEM; empty for those that the machine trusts.
    #[serde(default)]
    certificate_authority: Option<String>,
    /// Whether people sign in there; yes when absent.
    #[serde(default)]
    enabled: Option<bool>,
    /// Days after a sign-in until the user is kept out, with all their keys, unless they sign in there again; 0 for never.
    #[serde(default)]
    renew_days: Option<i64>,
    /// Groups there, and those here that their members are in as long as they are in theirs.
    #[serde(default)]
    groups: Option<Vec<GroupMapping>>,
}

/// What is to be different about a provider; what is absent stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct UpdateProvider {
    /// Where it is; one of another server needs its secret beside it.
    #[serde(default)]
    url: Option<String>,
    /// How a directory is spoken to, as a whole.
    #[serde(default)]
    ldap: Option<Ldap>,
    /// How an OpenID provider is spoken to, as a whole.
    #[serde(default)]
    oidc: Option<Oidc>,
    /// The password of `bind_dn`, or the client's secret; empty for none.
    #[serde(default)]
    #[schema(write_only)]
    secret: Option<String>,
    /// Certificates that the provider's is checked with, as PEM; empty for those that the machine trusts.
    #[serde(default)]
    certificate_authority: Option<String>,
    /// Whether people sign in there.
    #[serde(default)]
    enabled: Option<bool>,
    /// Days after a sign-in until the user is kept out unless they sign in there again; 0 for never.
    #[serde(default)]
    renew_days: Option<i64>,
    /// Groups there, and those here that their members are in; in place of all before.
    #[serde(default)]
    groups: Option<Vec<GroupMapping>>,
}

/// A group at the provider, and one here.
#[derive(Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct GroupMapping {
    /// As the provider names it.
    #[schema(example = "registry-admins")]
    external: String,
    /// The name of the group here.
    group: String,
}

/// How a directory is spoken to: people are searched for below `base_dn`, or their entry follows from `user_dn`.
#[derive(Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
struct Ldap {
    /// Whether a connection to `ldap://` turns to TLS before anything is said.
    start_tls: bool,
    /// Whether passwords may cross the network readable, with `ldap://` and without `start_tls`.
    plain_text: bool,
    /// Whom the registry signs in as to search; empty for nobody.
    #[schema(example = "cn=registry,dc=example")]
    bind_dn: String,
    /// The entry of a person, with `{name}` in it.
    #[schema(example = "uid={name},ou=people,dc=example")]
    user_dn: String,
    /// Where people are below.
    #[schema(example = "ou=people,dc=example")]
    base_dn: String,
    /// Who may sign in, with `{name}` in it; `(uid={name})` when absent.
    user_filter: String,
    /// The attribute that is the user's name here; `uid` when absent.
    name_attribute: String,
    /// The attribute that says who it is for ever; `entryUUID` when absent.
    subject_attribute: String,
    /// Where groups are below; empty when they are not searched for.
    group_base_dn: String,
    /// The groups of a person, with `{dn}` or `{name}` in it; `(member={dn})` when absent.
    group_filter: String,
    /// The attribute that is a group's name; `cn` when absent.
    group_attribute: String,
    /// The attribute of a person that names their groups; empty for none.
    member_of_attribute: String,
}

/// How an OpenID provider is spoken to.
#[derive(Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
struct Oidc {
    /// The client that the registry is there.
    client_id: String,
    /// What is asked for besides `openid`; `profile` when absent.
    scopes: Vec<String>,
    /// The claim that is the user's name here; `preferred_username` when absent.
    name_claim: String,
    /// The claim that has the user's groups; `groups` when absent.
    groups_claim: String,
}

/// A provider that people sign in at; its secret is never answered.
#[derive(Serialize, ToSchema)]
pub(super) struct SignInProvider {
    name: String,
    /// `ldap` or `oidc`.
    kind: String,
    url: String,
    /// How a directory is spoken to.
    ldap: Option<Ldap>,
    /// How an OpenID provider is spoken to.
    oidc: Option<Oidc>,
    /// Whether a secret for it is kept.
    has_secret: bool,
    /// PEM; empty for what the machine trusts.
    certificate_authority: String,
    enabled: bool,
    /// Days for which a sign-in counts; 0 for no end.
    renew_days: i64,
    groups: Vec<GroupMapping>,
    created_at: Time,
    updated_at: Time,
}

impl Default for Ldap {
    fn default() -> Self {
        DirectoryTerms::default().into()
    }
}

impl Default for Oidc {
    fn default() -> Self {
        OpenIdTerms::default().into()
    }
}

impl CreateProvider {
    /// How it is spoken to, and what is wanted besides.
    pub(super) fn read(self) -> Result<(ProviderTerms, ProviderChange), Error> {
        let terms = terms(self.ldap, self.oidc)?;
        let terms = terms.ok_or_else(|| Error::Invalid("a provider has ldap or oidc".to_owned()))?;
        let change = ProviderChange {
            url: None,
            terms: None,
            secret: self.secret,
            certificate_authority: self.certificate_authority,
            enabled: self.enabled,
            renew_days: self.renew_days,
            groups: self.groups.map(pairs),
        };
        Ok((terms, change))
    }
}

impl UpdateProvider {
    pub(super) fn read(self) -> Result<ProviderChange, Error> {
        Ok(ProviderChange {
            url: self.url,
            terms: terms(self.ldap, self.oidc)?,
            secret: self.secret,
            certificate_authority: self.certificate_authority,
            enabled: self.enabled,
            renew_days: self.renew_days,
            groups: self.groups.map(pairs),
        })
    }
}

fn terms(ldap: Option<Ldap>, oidc: Option<Oidc>) -> Result<Option<ProviderTerms>, Error> {
    match (ldap, oidc) {
        (None, None) => Ok(None),
        (Some(ldap), None) => Ok(Some(ProviderTerms::Ldap(ldap.into()))),
        (None, Some(oidc)) => Ok(Some(ProviderTerms::Oidc(oidc.into()))),
        (Some(_), Some(_)) => Err(Error::Invalid(
            "a provider is a directory or an OpenID provider: ldap or oidc, not both".to_owned(),
        )),
    }
}

fn pairs(groups: Vec<GroupMapping>) -> Vec<(String, String)> {
    let pair = |group: GroupMapping| (group.external, group.group);
    groups.into_iter().map(pair).collect()
}

pub(super) fn document(view: ProviderView) -> SignInProvider {
    let renew_days = view.renew_days();
    let kind = view.terms.kind().to_owned();
    let (ldap, oidc) = match view.terms {
        ProviderTerms::Ldap(terms) => (Some(terms.into()), None),
        ProviderTerms::Oidc(terms) => (None, Some(terms.into())),
    };
    SignInProvider {
        name: view.provider.name,
        kind,
        url: view.provider.url,
        ldap,
        oidc,
        has_secret: view.provider.secret_encrypted.is_some(),
        certificate_authority: view.provider.certificate_authority,
        enabled: view.provider.enabled,
        renew_days,
        groups: view
            .groups
            .into_iter()
            .map(|mapped| GroupMapping {
                external: mapped.external,
                group: mapped.group,
            })
            .collect(),
        created_at: Time(view.provider.created_at),
        updated_at: Time(view.provider.updated_at),
    }
}

/// The same fields on both sides.
macro_rules! same_fields {
    ($one:ty, $other:ty, $($field:ident),+) => {
        impl From<$one> for $other {
            fn from(from: $one) -> Self {
                Self { $($field: from.$field),+ }
            }
        }
        impl From<$other> for $one {
            fn from(from: $other) -> Self {
                Self { $($field: from.$field),+ }
            }
        }
    };
}

same_fields!(
    Ldap,
    DirectoryTerms,
    start_tls,
    plain_text,
    bind_dn,
    user_dn,
    base_dn,
    user_filter,
    name_attribute,
    subject_attribute,
    group_base_dn,
    group_filter,
    group_attribute,
    member_of_attribute
);
same_fields!(Oidc, OpenIdTerms, client_id, scopes, name_claim, groups_claim);
