//! A directory asked by LDAP: whether a password is a person's, who the person is, and whether they are still there. Knows
//! no user of ours. Each question is a connection of its own, within bounds.

use std::sync::Arc;
use std::time::Duration;

use ldap3::{Ldap, LdapConnAsync, LdapConnSettings, LdapError, Scope, SearchEntry, SearchOptions, StdStream};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};
use zeroize::Zeroizing;

use super::terms::DirectoryTerms;
use crate::outbound::{Outbound, OutboundClass};

/// The longest that a question takes in all.
const TIMEOUT: Duration = Duration::from_secs(10);
const GROUPS_MAX: usize = 1000;
const SUBJECT_BYTES_MAX: usize = 255;
const LDAP_PORT: u16 = 389;
const LDAPS_PORT: u16 = 636;
/// LDAP's result codes: the only one that says yes, and those that say nothing of the password.
const SUCCESS: u32 = 0;
const NO_SUCH_OBJECT: u32 = 32;
const SIZE_LIMIT_EXCEEDED: u32 = 4;
const SAYS_NOTHING: [u32; 7] = [1, 2, 3, 8, 13, 51, 52];

/// A directory as it is asked once.
pub(super) struct Directory {
    pub(super) url: String,
    pub(super) certificate_authority: String,
    pub(super) terms: DirectoryTerms,
    /// The password of `bind_dn`.
    pub(super) secret: Zeroizing<String>,
    pub(super) outbound: Outbound,
}

/// A person as a provider vouches for them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Person {
    /// Who it is, for ever.
    pub(super) subject: String,
    /// What they are called there now.
    pub(super) name: String,
    pub(super) groups: Vec<String>,
}

/// What a directory says of a name and a password.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Proof {
    /// It has nobody of that name, or nobody who may sign in.
    NotThere,
    /// The password is not theirs, or they may not sign in at the moment.
    Wrong,
    Right(Person),
}

/// A directory did not answer, or not as it should: for its administrators.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    #[error("{0}")]
    Unusable(String),
    #[error("it did not answer in time")]
    Timeout,
    #[error("it is not understood: {0}")]
    Ldap(#[from] LdapError),
}

impl Directory {
    /// What it says of a name and a password. Without a password nobody is proven: directories take that for a sign-in
    /// of nobody in particular, and say yes.
    pub(super) async fn prove(self, name: &str, password: &str) -> Result<Proof, Failure> {
        if name.is_empty() || password.is_empty() || name.contains('\0') || password.contains('\0') {
            return Ok(Proof::NotThere);
        }
        let (name, password) = (name.to_owned(), Zeroizing::new(password.to_owned()));
        bounded(async move {
            let mut ldap = self.connect().await?;
            let answer = self.proof(&mut ldap, &name, &password).await;
            // Whatever it says to that.
            drop(ldap.unbind().await);
            answer
        })
        .await
    }

    /// Whether a person may still sign in, found by what they are for ever.
    pub(super) async fn has(self, subject: String) -> Result<bool, Failure> {
        bounded(async move {
            let mut ldap = self.connect().await?;
            self.sign_in(&mut ldap).await?;
            let terms = &self.terms;
            let anybody = terms.user_filter.replace(super::terms::NAME, "*");
            let filter = format!("(&({}={}){anybody})", terms.subject_attribute, filtered(&subject));
            let found = self.entries(&mut ldap, &terms.base_dn, &filter, 1).await?;
            drop(ldap.unbind().await);
            Ok(!found.is_empty())
        })
        .await
    }

    /// Whether [`Directory::has`] can be asked: it needs to find people without their password.
    pub(super) fn can_look(&self) -> bool {
        !self.terms.base_dn.is_empty()
    }

    async fn proof(&self, ldap: &mut Ldap, name: &str, password: &str) -> Result<Proof, Failure> {
        let terms = &self.terms;
        let searched = if let Some(entry) = terms.entry_of(name) {
            if !is_theirs(ldap, &entry, password).await? {
                return Ok(Proof::Wrong);
            }
            let found = ldap
                .search(&entry, Scope::Base, &terms.filter_of(name), self.attributes())
                .await?;
            match found.1.rc {
                SUCCESS => found.0.into_iter().map(SearchEntry::construct).next(),
                NO_SUCH_OBJECT => None,
                _ => return Err(LdapError::from(found.1).into()),
            }
        } else {
            self.sign_in(ldap).await?;
            let mut found = self
                .entries(ldap, &terms.base_dn, &terms.filter_of(name), 2)
                .await?;
            if found.len() > 1 {
                return Err(Failure::Unusable("it has several people of that name".to_owned()));
            }
            let found = found.pop();
            match &found {
                Some(entry) if !is_theirs(ldap, &entry.dn, password).await? => return Ok(Proof::Wrong),
                Some(_) if !terms.bind_dn.is_empty() => self.sign_in(ldap).await?,
                _ => {}
            }
            found
        };
        let Some(entry) = searched else {
            return Ok(Proof::NotThere);
        };
        self.person(ldap, &entry).await.map(Proof::Right)
    }

    async fn person(&self, ldap: &mut Ldap, entry: &SearchEntry) -> Result<Person, Failure> {
        let terms = &self.terms;
        let name = first_value(entry, &terms.name_attribute).ok_or_else(|| missing(&terms.name_attribute))?;
        let subject =
            first_value(entry, &terms.subject_attribute).ok_or_else(|| missing(&terms.subject_attribute))?;
        if subject.is_empty() || subject.len() > SUBJECT_BYTES_MAX {
            return Err(missing(&terms.subject_attribute));
        }
        let mut groups = values(entry, &terms.member_of_attribute);
        if !terms.group_base_dn.is_empty() {
            let filter = terms.groups_of(&entry.dn, &name);
            let most = i32::try_from(GROUPS_MAX).unwrap_or(i32::MAX);
            let found = self.entries(ldap, &terms.group_base_dn, &filter, most).await?;
            groups.extend(
                found
                    .iter()
                    .filter_map(|entry| first_value(entry, &terms.group_attribute)),
            );
        }
        groups.truncate(GROUPS_MAX);
        Ok(Person {
            subject,
            name,
            groups,
        })
    }

    /// Signs Berth itself in, to search.
    async fn sign_in(&self, ldap: &mut Ldap) -> Result<(), Failure> {
        if self.terms.bind_dn.is_empty() {
            return Ok(());
        }
        if self.secret.is_empty() {
            return Err(Failure::Unusable(
                "there is no password for its bind_dn".to_owned(),
            ));
        }
        let answer = ldap.simple_bind(&self.terms.bind_dn, &self.secret).await?;
        if answer.rc == SUCCESS {
            return Ok(());
        }
        Err(Failure::Unusable(format!(
            "it does not let bind_dn in: result code {}",
            answer.rc
        )))
    }

    async fn entries(
        &self,
        ldap: &mut Ldap,
        base: &str,
        filter: &str,
        most: i32,
    ) -> Result<Vec<SearchEntry>, Failure> {
        ldap.with_search_options(SearchOptions::new().sizelimit(most));
        let found = ldap
            .search(base, Scope::Subtree, filter, self.attributes())
            .await?;
        match found.1.rc {
            SUCCESS | SIZE_LIMIT_EXCEEDED => {
                let most = usize::try_from(most).unwrap_or(usize::MAX);
                // Directories answer with other places to ask, too, which are not entries.
                let entries = found.0.into_iter().filter(|entry| !entry.is_ref());
                Ok(entries.take(most).map(SearchEntry::construct).collect())
            }
            _ => Err(LdapError::from(found.1).into()),
        }
    }

    fn attributes(&self) -> Vec<String> {
        let terms = &self.terms;
        let mut wanted = vec![
            terms.name_attribute.clone(),
            terms.subject_attribute.clone(),
            terms.group_attribute.clone(),
        ];
        if !terms.member_of_attribute.is_empty() {
            wanted.push(terms.member_of_attribute.clone());
        }
        wanted
    }

    /// A connection to an address that may be reached, under TLS when the terms want it.
    async fn connect(&self) -> Result<Ldap, Failure> {
        let uri: http::Uri = self
            .url
            .parse()
            .map_err(|_| Failure::Unusable("its address cannot be read".to_owned()))?;
        let is_tls = uri.scheme_str() == Some("ldaps");
        let port = uri
            .port_u16()
            .unwrap_or(if is_tls { LDAPS_PORT } else { LDAP_PORT });
        let host = uri.host().unwrap_or_default();
        let addresses = self
            .outbound
            .resolve(OutboundClass::Registered, host, port)
            .await
            .map_err(|refusal| Failure::Unusable(refusal.to_string()))?;
        let stream = tokio::net::TcpStream::connect(addresses.as_slice())
            .await
            .and_then(tokio::net::TcpStream::into_std)
            .map_err(|error| Failure::Unusable(format!("{host} is not reached: {error}")))?;
        let mut settings = LdapConnSettings::new()
            .set_std_stream(StdStream::Tcp(stream))
            .set_starttls(self.terms.start_tls && !is_tls);
        if is_tls || self.terms.start_tls {
            settings = settings.set_config(Arc::new(self.trust()?));
        }
        let (connection, ldap) = LdapConnAsync::with_settings(settings, &self.url).await?;
        tokio::spawn(async move {
            if let Err(error) = connection.drive().await {
                tracing::debug!(%error, "a connection to a directory ended");
            }
        });
        Ok(ldap)
    }

    fn trust(&self) -> Result<ClientConfig, Failure> {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        for certificate in CertificateDer::pem_slice_iter(self.certificate_authority.as_bytes()) {
            let unusable = |_| Failure::Unusable("its certificate authority is unusable".to_owned());
            let certificate = certificate
                .map_err(|_| Failure::Unusable("its certificate authority is no PEM".to_owned()))?;
            roots.add(certificate).map_err(unusable)?;
        }
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| Failure::Unusable(error.to_string()))?;
        Ok(config.with_root_certificates(roots).with_no_client_auth())
    }
}

/// In a task of its own: what reads a directory's answers panics when they are none.
async fn bounded<T: Send + 'static>(
    work: impl Future<Output = Result<T, Failure>> + Send + 'static,
) -> Result<T, Failure> {
    let task = tokio::spawn(tokio::time::timeout(TIMEOUT, work));
    match task.await {
        Ok(Ok(answer)) => answer,
        Ok(Err(_)) => Err(Failure::Timeout),
        Err(_) => Err(Failure::Unusable("what it sends is no LDAP".to_owned())),
    }
}

async fn is_theirs(ldap: &mut Ldap, entry: &str, password: &str) -> Result<bool, Failure> {
    // An entry without a name would be a sign-in of nobody in particular.
    if entry.is_empty() {
        return Ok(false);
    }
    let answer = ldap.simple_bind(entry, password).await?;
    match answer.rc {
        SUCCESS => Ok(true),
        code if SAYS_NOTHING.contains(&code) => Err(LdapError::from(answer).into()),
        _ => Ok(false),
    }
}

fn values(entry: &SearchEntry, attribute: &str) -> Vec<String> {
    let found = entry
        .attrs
        .iter()
        .filter(|(name, _)| name.eq_ignore_ascii_case(attribute));
    found.flat_map(|(_, values)| values.iter().cloned()).collect()
}

/// Text, or the hexadecimal digits of what is none.
fn first_value(entry: &SearchEntry, attribute: &str) -> Option<String> {
    let text = values(entry, attribute).into_iter().next();
    text.or_else(|| {
        let mut bytes = entry
            .bin_attrs
            .iter()
            .filter(|(name, _)| name.eq_ignore_ascii_case(attribute))
            .flat_map(|(_, values)| values);
        bytes.next().map(|bytes| format!("{HEX}{}", hex::encode(bytes)))
    })
}

const HEX: &str = "hex:";

/// A subject in a filter.
fn filtered(subject: &str) -> String {
    match subject.strip_prefix(HEX).map(hex::decode) {
        Some(Ok(bytes)) => bytes.iter().fold(String::new(), |mut text, byte| {
            text.push('\\');
            text.push_str(&hex::encode([*byte]));
            text
        }),
        _ => ldap3::ldap_escape(subject).into_owned(),
    }
}

fn missing(attribute: &str) -> Failure {
    Failure::Unusable(format!("the person has no usable attribute {attribute} there"))
}
