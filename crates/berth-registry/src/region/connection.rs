//! Connections to other regions.

use berth_metadata::Region;
use berth_remote::{Limits, Remote};

use super::context;
use crate::outbound::OutboundRefusal;
use crate::remote::Place;
use crate::{Error, Registry};

impl Registry {
    /// A client of a region's registry; asks it for nothing yet.
    pub(crate) fn connect(&self, region: &Region) -> Result<Remote, Error> {
        let place = Place {
            url: &region.registry_url,
            certificate_authority: &region.certificate_authority,
            login_encrypted: region.login_encrypted.as_deref(),
            context: &context(&region.account_id, &region.region_id),
        };
        self.connect_place(&place, Limits::default(), |error| {
            OutboundRefusal::of(error).map(ToString::to_string)
        })
    }
}
