//! Which commands of the operator are changes, and what the audit trail calls them. Knows no secret: none is an argument.

use berth_registry::{GrantPlace, TrailOf};

use super::people::{AccountVerb, GroupVerb, KeyVerb, UserVerb};
use super::places::{GrantVerb, ImageVerb, OrganizationVerb};
use super::quotas::QuotaVerb;
use super::{Person, Verb};

/// A change by the operator.
pub(super) struct Deed {
    /// Whose trail hears of it.
    pub(super) of: TrailOf,
    /// The command.
    pub(super) action: &'static str,
    /// What it changes.
    pub(super) resource: String,
}

/// The change that a command makes; none of one that only shows something.
pub(super) fn of(verb: &Verb) -> Option<Deed> {
    match verb {
        Verb::Account(AccountVerb::Create { name }) => Some(account("admin_create_account", name, name)),
        Verb::Account(AccountVerb::List) | Verb::Audit(_) | Verb::Org(OrganizationVerb::List { .. }) => None,
        Verb::User(verb) => user(verb),
        Verb::Group(verb) => group(verb),
        Verb::Key(verb) => key(verb),
        Verb::Org(OrganizationVerb::Create {
            name, account: of, ..
        }) => Some(account("admin_create_organization", of, name.as_str())),
        Verb::Org(OrganizationVerb::Delete { name }) => {
            Some(place("admin_delete_organization", name.as_str(), ""))
        }
        Verb::Image(ImageVerb::Publish { image }) => Some(place("admin_publish_image", image.as_str(), "")),
        Verb::Image(ImageVerb::Withdraw { image }) => Some(place("admin_withdraw_image", image.as_str(), "")),
        Verb::Grant(verb) => grant(verb),
        Verb::Quota(verb) => quota(verb),
        Verb::LoginCommand(wanted) => Some(person("admin_create_login", wanted.user())),
    }
}

fn account(action: &'static str, name: &str, resource: &str) -> Deed {
    Deed {
        of: TrailOf::Account(name.to_owned()),
        action,
        resource: resource.to_owned(),
    }
}

fn person(action: &'static str, person: &Person) -> Deed {
    account(action, &person.account, &format!("name={}", person.name))
}

/// Something done to an organization, or to an image of one.
fn place(action: &'static str, name: &str, more: &str) -> Deed {
    let organization = name.split('/').next().unwrap_or_default();
    Deed {
        of: TrailOf::Organization(organization.to_owned()),
        action,
        resource: name.to_owned() + more,
    }
}

fn user(verb: &UserVerb) -> Option<Deed> {
    Some(match verb {
        UserVerb::Create(new) => person("admin_create_user", new.user()),
        UserVerb::ResetPassword { user, .. } => person("admin_reset_password", user),
        UserVerb::SetAccess { user, .. } => person("admin_set_access", user),
        UserVerb::Disable { user } => person("admin_disable_user", user),
        UserVerb::Enable { user } => person("admin_enable_user", user),
        UserVerb::Delete { user } => person("admin_delete_user", user),
        UserVerb::List { .. } => return None,
    })
}

fn group(verb: &GroupVerb) -> Option<Deed> {
    let member = |action, group: &Person, user: &str| {
        let resource = format!("group={} name={user}", group.name);
        account(action, &group.account, &resource)
    };
    Some(match verb {
        GroupVerb::Create { group, .. } => account(
            "admin_create_group",
            &group.account,
            &format!("group={}", group.name),
        ),
        GroupVerb::Add { group, user } => member("admin_add_member", group, user),
        GroupVerb::Remove { group, user } => member("admin_remove_member", group, user),
        GroupVerb::List { .. } => return None,
    })
}

fn key(verb: &KeyVerb) -> Option<Deed> {
    let of_key = |action, id: &String| Deed {
        of: TrailOf::AccessKey(id.clone()),
        action,
        resource: format!("access_key={id}"),
    };
    Some(match verb {
        KeyVerb::Create { user } => person("admin_create_access_key", user),
        KeyVerb::Disable { access_key_id } => of_key("admin_disable_access_key", access_key_id),
        KeyVerb::Enable { access_key_id } => of_key("admin_enable_access_key", access_key_id),
        KeyVerb::Delete { access_key_id } => of_key("admin_delete_access_key", access_key_id),
        KeyVerb::List { .. } => return None,
    })
}

fn grant(verb: &GrantVerb) -> Option<Deed> {
    let (action, of, user) = match verb {
        GrantVerb::Set { place, user, .. } => ("admin_set_grant", place, user),
        GrantVerb::Remove { place, user } => ("admin_remove_grant", place, user),
        GrantVerb::List { .. } => return None,
    };
    let name = match of {
        GrantPlace::Organization(name) => name.as_str(),
        GrantPlace::Repository(name) => name.as_str(),
    };
    Some(place(action, name, &format!(" name={user}")))
}

fn quota(verb: &QuotaVerb) -> Option<Deed> {
    match verb {
        QuotaVerb::Set(wanted) => Some(account("admin_set_quota", wanted.account(), "")),
        QuotaVerb::SetOrg { name, .. } => Some(place("admin_set_quota", name.as_str(), "")),
        QuotaVerb::Show { .. } | QuotaVerb::ShowOrg { .. } => None,
    }
}
