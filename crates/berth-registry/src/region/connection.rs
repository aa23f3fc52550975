//! Connections to other regions, with their login and the authorities that are trusted for them. Only what the guard of
//! outside addresses permits is reached.

use berth_metadata::Region;
use berth_remote::{Guard, Limits, Remote};
use reqwest::Certificate;

use super::context;
use crate::outbound::{Outbound, OutboundClass, OutboundRefusal};
use crate::remote::opened_login;
use crate::{Error, Registry};

/// Some companies trust a few dozen authorities.
const AUTHORITY_BYTES_MAX: usize = 128 * 1024;

impl Registry {
    /// A client of a region's registry; asks it for nothing yet.
    pub(crate) fn connect(&self, region: &Region) -> Result<Remote, Error> {
        let mut builder = self.outbound().builder(OutboundClass::Registered);
        for certificate in certificates(&region.certificate_authority)? {
            builder = builder.add_root_certificate(certificate);
        }
        let client = berth_remote::configure(builder).build();
        let client = client.map_err(|error| Error::internal("preparing to connect to a region", error))?;
        let login = match &region.login_encrypted {
            None => None,
            Some(sealed) => {
                let context = context(&region.account_id, &region.region_id);
                Some(opened_login(self.master_key(), &context, sealed)?)
            }
        };
        let outbound = Outbound::new(self.limits.outbound.clone());
        let guard = Guard::new(
            move |url| {
                let checked = outbound.check_url(OutboundClass::Registered, url);
                checked.map_err(|refusal| refusal.to_string())
            },
            |error| OutboundRefusal::of(error).map(ToString::to_string),
        );
        Remote::new(&region.registry_url, login, client, guard, Limits::default())
            .map_err(|error| Error::Invalid(error.to_string()))
    }
}

/// Certificates as they are kept: PEM, or nothing.
pub(super) fn checked_authority(pem: String) -> Result<String, Error> {
    if pem.len() > AUTHORITY_BYTES_MAX {
        return Err(Error::Invalid(format!(
            "the certificate authority has more than {AUTHORITY_BYTES_MAX} bytes"
        )));
    }
    if !pem.trim().is_empty() && certificates(&pem)?.is_empty() {
        return Err(Error::Invalid(
            "the certificate authority holds no certificate: it is text that begins with \
             -----BEGIN CERTIFICATE-----"
                .to_owned(),
        ));
    }
    Ok(pem)
}

fn certificates(pem: &str) -> Result<Vec<Certificate>, Error> {
    Certificate::from_pem_bundle(pem.as_bytes())
        .map_err(|_| Error::Invalid("the certificate authority is no certificate in PEM".to_owned()))
}
