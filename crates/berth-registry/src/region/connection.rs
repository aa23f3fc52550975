//! Connections to other regions, with their login and the authorities that are trusted for them. Only what the guard of
//! outside addresses permits is reached.

use berth_metadata::Region;
use berth_remote::{Guard, Limits, Remote};

use super::context;
use crate::outbound::{Outbound, OutboundClass, OutboundRefusal};
use crate::remote::{certificates, opened_login};
use crate::{Error, Registry};

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
