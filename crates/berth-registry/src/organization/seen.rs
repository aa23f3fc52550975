//! Organisations as pages of the console show them: with the caller's right and what it comes from, and what is in them as
//! far as the caller may know of it.

/// Orders and rows, as the metadata has them.
pub use berth_metadata::{OrganizationOrder, SeenOrganization};
use berth_metadata::{Permission, SeenQuery, TextMatch};
use berth_oci::OrganizationName;

use crate::Registry;
use crate::access::{Caller, Grounds, Rights};
use crate::error::Error;

/// Which organisations a page shows.
#[derive(Clone, Debug)]
pub struct OrganizationsWanted {
    /// Those whose name holds this.
    pub text: Option<String>,
    /// What to order by.
    pub order: OrganizationOrder,
    /// The largest first.
    pub descending: bool,
    /// How many to leave out.
    pub offset: i64,
    /// At most so many.
    pub limit: i64,
}

/// An organisation, and what the caller may do in it.
#[derive(Clone, Debug)]
pub struct OrganizationSeen {
    /// The organisation.
    pub row: SeenOrganization,
    /// What the caller may do.
    pub rights: Option<Rights>,
    /// Users with a right on the organisation; none for who has a right on an image of it only.
    pub members: Option<i64>,
    /// Names of people who can grant rights on it, a few; of one organisation only.
    pub managers: Vec<String>,
}

/// A page of organisations.
#[derive(Clone, Debug)]
pub struct OrganizationsSeen {
    /// The organisations.
    pub organizations: Vec<OrganizationSeen>,
    /// How many there are on all pages.
    pub total: i64,
}

impl Registry {
    /// A page of the organisations in which the caller has a right, if on an image only.
    pub async fn seen_organizations(
        &self,
        caller: &Caller,
        wanted: OrganizationsWanted,
    ) -> Result<OrganizationsSeen, Error> {
        let user = caller.require_user()?;
        let query = SeenQuery {
            user_id: user.user_id.clone(),
            account_id: user.account_id.clone(),
            administrator: user.administrator,
            name: wanted.text.map(TextMatch::Holding),
            order: wanted.order,
            descending: wanted.descending,
            offset: wanted.offset,
            limit: wanted.limit,
        };
        let rows = self.metadata.seen_organizations(&query).await?;
        Ok(OrganizationsSeen {
            organizations: rows.into_iter().map(|row| seen(caller, row)).collect(),
            total: self.metadata.count_seen_organizations(&query).await?,
        })
    }

    /// One organisation; `Unknown` for one in which the caller has no right, as for one that is not there.
    pub async fn seen_organization(
        &self,
        caller: &Caller,
        name: &OrganizationName,
    ) -> Result<OrganizationSeen, Error> {
        let user = caller.require_user()?;
        let query = SeenQuery {
            user_id: user.user_id.clone(),
            account_id: user.account_id.clone(),
            administrator: user.administrator,
            name: Some(TextMatch::Exact(name.to_string())),
            order: OrganizationOrder::Name,
            descending: false,
            offset: 0,
            limit: 1,
        };
        let found = self.metadata.seen_organizations(&query).await?;
        let row = found.into_iter().next();
        let mut shown = seen(caller, row.ok_or_else(|| super::unknown(name))?);
        if shown.members.is_some() {
            let managers = self.metadata.managers(shown.row.organization.id, None);
            shown.managers = managers.await?;
        }
        Ok(shown)
    }
}

fn seen(caller: &Caller, row: SeenOrganization) -> OrganizationSeen {
    let image_only = row.permission.is_none();
    let grounds = Grounds {
        organization: row.permission,
        // A right on the whole organization is none, but it is there because of one on an image.
        image: image_only.then_some(Permission::Read),
        ..Grounds::default()
    };
    let rights = Rights::of(caller, &row.organization.account_id, grounds);
    let is_whole = rights.is_some_and(|rights| rights.from != crate::access::RightFrom::Image);
    OrganizationSeen {
        members: is_whole.then_some(row.members),
        rights,
        row,
        managers: Vec::new(),
    }
}
