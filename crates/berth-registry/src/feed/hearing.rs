//! Who may hear of a change: one pure decision over the change and where the listener stands, as strict as the lists that
//! show the same.

use berth_metadata::{Audience, Change};

use crate::access::{Action, Caller, UserCaller, decide};

/// What changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LiveKind {
    /// An organisation.
    Organization,
    /// An image, or what it says of itself.
    Image,
    /// What a tag names.
    Tag,
    /// What belongs to a manifest: a signature, a bill of materials.
    Accessory,
    /// What is in the bin.
    Bin,
    /// Who may do what; without a place, those of the listener.
    Rights,
    /// With whom an image is shared.
    Share,
    /// What is set up for an image or organisation.
    Settings,
    /// How much there may be.
    Quota,
    /// A run of a trigger.
    TriggerRun,
    /// A delivery of a webhook.
    Delivery,
    /// A copy to another region.
    Copy,
    /// A run of a retention.
    RetentionRun,
    /// Long work of the registry itself.
    MaintenanceRun,
    /// Bytes that were found damaged, or whole again.
    Damage,
    /// Users, groups, keys and logins.
    People,
    /// Clusters, regions, mirrors and agencies.
    Registration,
}

impl LiveKind {
    const ALL: [(Self, &str); 17] = [
        (Self::Organization, "organization"),
        (Self::Image, "image"),
        (Self::Tag, "tag"),
        (Self::Accessory, "accessory"),
        (Self::Bin, "bin"),
        (Self::Rights, "rights"),
        (Self::Share, "share"),
        (Self::Settings, "settings"),
        (Self::Quota, "quota"),
        (Self::TriggerRun, "trigger_run"),
        (Self::Delivery, "delivery"),
        (Self::Copy, "copy"),
        (Self::RetentionRun, "retention_run"),
        (Self::MaintenanceRun, "maintenance_run"),
        (Self::Damage, "damage"),
        (Self::People, "people"),
        (Self::Registration, "registration"),
    ];

    /// None for what only a newer version tells, and for what is told to nobody.
    fn of(change: &Change) -> Option<Self> {
        let found = Self::ALL.iter().find(|(_, name)| *name == change.kind);
        found.map(|(kind, _)| *kind)
    }
}

/// A change as its listeners are told of it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct LiveChange {
    /// What it is.
    pub kind: LiveKind,
    /// What happened, or the state that a run came to.
    pub action: String,
    /// The organisation.
    pub organization: Option<String>,
    /// The image.
    pub image: Option<String>,
    /// The tag, or what changed of the place.
    pub name: Option<String>,
    /// What the tag names now, or what an accessory belongs to.
    pub digest: Option<String>,
    /// The id of a run.
    pub run: Option<i64>,
    /// Milliseconds since the epoch.
    pub at: i64,
}

/// Whether a change says that somebody may be another, or nobody, from now on.
pub(super) fn concerns_logins(change: &Change) -> bool {
    matches!(change.kind.as_str(), "people" | "session")
}

/// What `user` hears of `change`, if they may; `operating` says whether theirs is the operator's account.
pub(super) fn heard_by(
    user: &UserCaller,
    operating: bool,
    change: &Change,
    audience: &Audience,
) -> Option<LiveChange> {
    let kind = LiveKind::of(change)?;
    may_hear((user, operating), (kind, change), audience).then(|| told(kind, change))
}

fn told(kind: LiveKind, change: &Change) -> LiveChange {
    let place = change.place.as_deref();
    let (organization, image) = match place.and_then(|place| place.split_once('/')) {
        Some((organization, image)) => (Some(organization), Some(image)),
        None => (place, None),
    };
    LiveChange {
        kind,
        action: change.action.clone(),
        organization: organization.map(str::to_owned),
        image: image.map(str::to_owned),
        name: change.name.clone(),
        digest: change.digest.clone(),
        run: change.subject,
        at: change.at,
    }
}

fn may_hear(
    (user, operating): (&UserCaller, bool),
    (kind, change): (LiveKind, &Change),
    audience: &Audience,
) -> bool {
    let is_theirs = change.user_id.as_deref() == Some(user.user_id.as_str());
    let of_account = change.account_id.as_deref() == Some(user.account_id.as_str());
    match kind {
        LiveKind::Damage | LiveKind::MaintenanceRun => user.administrator && operating,
        LiveKind::People => is_theirs || (of_account && user.administrator),
        LiveKind::Registration => of_account,
        _ if change.repository_id.is_some() || change.organization_id.is_some() => {
            sees_place(user, (kind, change), audience)
        }
        // Without a place: a user's, an account's, or everybody's.
        LiveKind::Rights if change.user_id.is_some() => is_theirs,
        LiveKind::Rights => of_account || change.account_id.is_none(),
        LiveKind::Quota => of_account,
        // An organisation that is gone, with all rights on it.
        _ => of_account && user.administrator,
    }
}

fn sees_place(user: &UserCaller, (kind, change): (LiveKind, &Change), audience: &Audience) -> bool {
    let (standing, action) = match (change.repository_id, change.organization_id) {
        (Some(id), _) => {
            let standing = audience.at_repository(id, (&user.user_id, &user.account_id));
            let action = match kind {
                LiveKind::Image | LiveKind::Tag | LiveKind::Accessory => Action::Pull,
                _ => Action::ReadRights,
            };
            (standing, action)
        }
        (None, Some(id)) => (
            audience.at_organization(id, &user.user_id),
            Action::ReadOrganization,
        ),
        (None, None) => return false,
    };
    let caller = Caller::from(user.clone());
    decide(&caller, action, &standing).is_ok()
}

#[cfg(test)]
mod tests;
