//! How a provider is spoken to, and the rules for what administrators say of it. Knows no row and no connection.

use http::Uri;
use serde::{Deserialize, Serialize};

use crate::Error;

const TEXT_CHARS_MAX: usize = 1024;
/// Of what an OpenID provider is told.
const WORD_CHARS_MAX: usize = 256;
const SCOPES_MAX: usize = 20;
/// What stands for a person's name in filters and names of entries.
pub(super) const NAME: &str = "{name}";
/// What stands for a person's entry in the filter of groups.
pub(super) const ENTRY: &str = "{dn}";

/// How a provider is spoken to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum ProviderTerms {
    /// LDAP.
    Ldap(DirectoryTerms),
    /// OpenID Connect.
    Oidc(OpenIdTerms),
}

/// How people are found in a directory, and what is read of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DirectoryTerms {
    /// Whether a connection to `ldap://` turns to TLS before anything is said.
    pub start_tls: bool,
    /// Whether passwords may cross the network readable: `ldap://` without TLS.
    pub plain_text: bool,
    /// Whom Berth signs in as to search; empty for nobody.
    pub bind_dn: String,
    /// The entry of a person when it follows from the name, with `{name}` in it; empty when it is searched for.
    pub user_dn: String,
    /// Where people are below; not needed with `user_dn`.
    pub base_dn: String,
    /// Who may sign in, with `{name}` in it.
    pub user_filter: String,
    /// The attribute that is the user's name here.
    pub name_attribute: String,
    /// The attribute that says who it is for ever.
    pub subject_attribute: String,
    /// Where groups are below; empty when they are not searched for.
    pub group_base_dn: String,
    /// The groups of a person, with `{dn}` or `{name}` in it.
    pub group_filter: String,
    /// The attribute that is the group's name.
    pub group_attribute: String,
    /// The attribute of a person that names their groups; empty for none.
    pub member_of_attribute: String,
}

impl Default for DirectoryTerms {
    fn default() -> Self {
        Self {
            start_tls: false,
            plain_text: false,
            bind_dn: String::new(),
            user_dn: String::new(),
            base_dn: String::new(),
            user_filter: "(uid={name})".to_owned(),
            name_attribute: "uid".to_owned(),
            subject_attribute: "entryUUID".to_owned(),
            group_base_dn: String::new(),
            group_filter: "(member={dn})".to_owned(),
            group_attribute: "cn".to_owned(),
            member_of_attribute: String::new(),
        }
    }
}

/// How an OpenID provider is spoken to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenIdTerms {
    /// The client that Berth is there.
    pub client_id: String,
    /// What is asked for besides `openid`.
    pub scopes: Vec<String>,
    /// The claim that is the user's name here.
    pub name_claim: String,
    /// The claim that has the user's groups.
    pub groups_claim: String,
}

impl Default for OpenIdTerms {
    fn default() -> Self {
        Self {
            client_id: String::new(),
            scopes: vec!["profile".to_owned()],
            name_claim: "preferred_username".to_owned(),
            groups_claim: "groups".to_owned(),
        }
    }
}

impl OpenIdTerms {
    pub(super) fn check(&self) -> Result<(), Error> {
        let plain = |text: &str| {
            !text.is_empty()
                && text.len() <= WORD_CHARS_MAX
                && text.bytes().all(|byte| byte.is_ascii_graphic())
        };
        let scopes = self.scopes.len() <= SCOPES_MAX && self.scopes.iter().all(|scope| plain(scope));
        if scopes && plain(&self.client_id) && plain(&self.name_claim) && plain(&self.groups_claim) {
            return Ok(());
        }
        Err(Error::Invalid(format!(
            "oidc: client_id, scopes and claims are texts of at most {WORD_CHARS_MAX} characters without spaces, at most \
             {SCOPES_MAX} scopes"
        )))
    }

    pub(super) fn scope(&self) -> String {
        let others = self.scopes.iter().map(String::as_str);
        let mut all: Vec<&str> = std::iter::once("openid").chain(others).collect();
        all.dedup();
        all.join(" ")
    }
}

impl ProviderTerms {
    /// The word for the kind of provider.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Ldap(_) => "ldap",
            Self::Oidc(_) => "oidc",
        }
    }

    pub(super) fn read(text: &str) -> Result<Self, Error> {
        serde_json::from_str(text).map_err(|error| Error::internal("reading a sign-in provider", error))
    }

    pub(super) fn written(&self) -> Result<String, Error> {
        serde_json::to_string(self).map_err(|error| Error::internal("writing a sign-in provider", error))
    }

    pub(super) fn check(&self) -> Result<(), Error> {
        match self {
            Self::Ldap(terms) => terms.check(),
            Self::Oidc(terms) => terms.check(),
        }
    }

    /// An address that this kind is reached at.
    pub(super) fn checked_url(&self, text: &str) -> Result<String, Error> {
        match self {
            Self::Ldap(terms) => terms.checked_url(text),
            Self::Oidc(_) => crate::remote::checked_url("url", text),
        }
    }
}

impl DirectoryTerms {
    fn check(&self) -> Result<(), Error> {
        let refused = |why: &str| Err(Error::Invalid(format!("ldap: {why}")));
        let texts = [
            &self.bind_dn,
            &self.user_dn,
            &self.base_dn,
            &self.user_filter,
            &self.name_attribute,
            &self.subject_attribute,
            &self.group_base_dn,
            &self.group_filter,
            &self.group_attribute,
            &self.member_of_attribute,
        ];
        if texts
            .iter()
            .any(|text| text.chars().count() > TEXT_CHARS_MAX || text.contains(char::is_control))
        {
            return refused("a text has at most 1024 characters, none of them a control character");
        }
        if self.user_dn.is_empty() == self.base_dn.is_empty() {
            return refused(
                "people are searched for below base_dn, or their entry follows from their name as user_dn says: \
                 one of the two",
            );
        }
        if !self.user_dn.is_empty() && !self.user_dn.contains(NAME) {
            return refused("user_dn has {name} in it");
        }
        if !self.user_filter.contains(NAME) || ldap3::parse_filter(self.filter_of("x")).is_err() {
            return refused("user_filter is a filter of LDAP with {name} in it, such as (uid={name})");
        }
        let groups = self.group_filter.replace(ENTRY, "x").replace(NAME, "x");
        if !self.group_base_dn.is_empty()
            && (groups == self.group_filter || ldap3::parse_filter(groups).is_err())
        {
            return refused(
                "group_filter is a filter of LDAP with {dn} or {name} in it, such as (member={dn})",
            );
        }
        let attributes = [
            &self.name_attribute,
            &self.subject_attribute,
            &self.group_attribute,
            &self.member_of_attribute,
        ];
        let is_attribute = |text: &str| {
            text.bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-.;".contains(&byte))
        };
        if attributes.iter().any(|text| !is_attribute(text))
            || attributes[..3].iter().any(|text| text.is_empty())
        {
            return refused("an attribute's name has letters, digits and '-'");
        }
        Ok(())
    }

    fn checked_url(&self, text: &str) -> Result<String, Error> {
        let refused = |why: &str| {
            Err(Error::Invalid(format!(
                "url is the address of a directory such as ldaps://host:636: {why}"
            )))
        };
        let Ok(uri) = text.trim_end_matches('/').parse::<Uri>() else {
            return refused("it cannot be read");
        };
        let plain = uri.host().is_some_and(|host| !host.is_empty())
            && uri.path().trim_end_matches('/').is_empty()
            && !text.contains(['@', '?', '#']);
        if !plain || text.len() > TEXT_CHARS_MAX {
            return refused("it has a host, perhaps a port, and nothing else");
        }
        match uri.scheme_str() {
            Some("ldaps") => {}
            Some("ldap") if self.start_tls || self.plain_text => {}
            Some("ldap") => {
                return refused(
                    "with ldap:// passwords cross the network readable: use ldaps:// or start_tls, or say plain_text",
                );
            }
            _ => return refused("it begins with ldaps:// or ldap://"),
        }
        Ok(text.trim_end_matches('/').to_owned())
    }

    /// The filter that finds a person, whose name is put in so that it stays a name.
    pub(super) fn filter_of(&self, name: &str) -> String {
        self.user_filter.replace(NAME, &ldap3::ldap_escape(name))
    }

    /// The entry of a person, when it follows from the name.
    pub(super) fn entry_of(&self, name: &str) -> Option<String> {
        (!self.user_dn.is_empty()).then(|| self.user_dn.replace(NAME, &ldap3::dn_escape(name)))
    }

    /// The filter that finds a person's groups.
    pub(super) fn groups_of(&self, entry: &str, name: &str) -> String {
        // In one pass each: a name that looks like the other mark stays a name.
        self.group_filter
            .split(ENTRY)
            .map(|part| part.replace(NAME, &ldap3::ldap_escape(name)))
            .collect::<Vec<_>>()
            .join(&ldap3::ldap_escape(entry))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Change = fn(&mut DirectoryTerms);

    #[test]
    fn a_name_stays_a_name_in_filters_and_entries() {
        let terms = DirectoryTerms {
            user_dn: "uid={name},ou=people,dc=berth".to_owned(),
            group_filter: "(|(member={dn})(memberUid={name}))".to_owned(),
            ..DirectoryTerms::default()
        };
        for (name, filter, entry) in [
            ("mary", "(uid=mary)", "uid=mary,ou=people,dc=berth"),
            ("*", r"(uid=\2a)", "uid=*,ou=people,dc=berth"),
            (
                "a)(uid=*",
                r"(uid=a\29\28uid=\2a)",
                r"uid=a)(uid\3d*,ou=people,dc=berth",
            ),
            (
                "x,ou=admins",
                "(uid=x,ou=admins)",
                r"uid=x\2cou\3dadmins,ou=people,dc=berth",
            ),
        ] {
            assert_eq!(terms.filter_of(name), filter);
            let found = terms.entry_of(name).unwrap();
            assert_eq!(found.to_lowercase(), entry, "{name}");
            assert!(ldap3::parse_filter(terms.filter_of(name)).is_ok(), "{name}");
        }
        assert_eq!(
            terms.groups_of("uid=a*", "{dn}"),
            r"(|(member=uid=a\2a)(memberUid={dn}))"
        );
    }

    #[test]
    fn what_administrators_say_of_a_directory_is_checked() {
        let good = DirectoryTerms {
            base_dn: "dc=berth".to_owned(),
            ..DirectoryTerms::default()
        };
        let cases: [(Change, bool); 9] = [
            (|_| {}, true),
            (|terms| terms.base_dn.clear(), false),
            (|terms| terms.user_dn = "uid={name},dc=berth".to_owned(), false),
            (
                |terms| {
                    terms.base_dn.clear();
                    terms.user_dn = "uid={name},dc=berth".to_owned();
                },
                true,
            ),
            (|terms| terms.user_filter = "(uid=mary)".to_owned(), false),
            (|terms| terms.user_filter = "(uid={name}".to_owned(), false),
            (|terms| terms.group_base_dn = "dc=groups".to_owned(), true),
            (
                |terms| {
                    terms.group_base_dn = "dc=groups".to_owned();
                    terms.group_filter = "(objectClass=*)".to_owned();
                },
                false,
            ),
            (|terms| terms.name_attribute = "uid)(x=*".to_owned(), false),
        ];
        for (index, (change, allowed)) in cases.into_iter().enumerate() {
            let mut terms = good.clone();
            change(&mut terms);
            assert_eq!(terms.check().is_ok(), allowed, "{index}");
        }
    }

    #[test]
    fn passwords_cross_the_network_readable_only_when_that_is_said() {
        let terms = |start_tls, plain_text| DirectoryTerms {
            start_tls,
            plain_text,
            ..DirectoryTerms::default()
        };
        for (url, terms, allowed) in [
            ("ldaps://directory", terms(false, false), true),
            ("ldaps://directory:636/", terms(false, false), true),
            ("ldap://directory", terms(false, false), false),
            ("ldap://directory", terms(true, false), true),
            ("ldap://directory", terms(false, true), true),
            ("http://directory", terms(true, true), false),
            ("ldaps://mary:secret@directory", terms(true, true), false),
            ("ldaps://directory/dc=berth?x", terms(true, true), false),
            ("ldapi:///run/slapd", terms(true, true), false),
            ("", terms(true, true), false),
        ] {
            assert_eq!(terms.checked_url(url).is_ok(), allowed, "{url}");
        }
    }
}
