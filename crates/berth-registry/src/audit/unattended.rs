//! What the trail hears of deeds without a request: the operator's on the command line, and those of rules.

use berth_metadata::AuditEvent;

use super::plain;
use crate::Registry;
use crate::clock::now_ms;
use crate::error::Error;

/// Who the operator is in the trail: whoever can open the database and the master key.
const OPERATOR: (&str, &str) = ("operator", "command line");
/// Who a rule is there.
const RULE: (&str, &str) = ("rule", "none");

/// What names the account that the operator changes.
#[derive(Clone, Debug)]
pub enum TrailOf {
    /// An account, by its name.
    Account(String),
    /// The account of an organization.
    Organization(String),
    /// The account of an access key's user.
    AccessKey(String),
}

impl Registry {
    /// The id of the account whose trail hears of a change; none when there is no such account.
    pub async fn trail_of(&self, of: &TrailOf) -> Result<Option<String>, Error> {
        Ok(match of {
            TrailOf::Account(name) => {
                let account = self.metadata.account_by_name(name).await?;
                account.map(|account| account.id)
            }
            TrailOf::Organization(name) => {
                let organization = self.metadata.organization(name).await?;
                organization.map(|organization| organization.account_id)
            }
            TrailOf::AccessKey(id) => {
                let key = self.metadata.access_key(id).await?;
                key.map(|(_, user)| user.account_id)
            }
        })
    }

    /// Notes in an account's trail what the operator did to it on the command line.
    pub async fn record_operator(&self, account_id: &str, action: &str, resource: &str) {
        self.record_event(unattended(account_id, OPERATOR, (action, resource)))
            .await;
    }

    /// Notes what a rule of an account did to something.
    pub(crate) async fn record_rule(&self, account_id: &str, action: &str, resource: &str) {
        self.record_event(unattended(account_id, RULE, (action, resource)))
            .await;
    }
}

fn unattended(account_id: &str, (who, by): (&str, &str), (action, resource): (&str, &str)) -> AuditEvent {
    AuditEvent {
        at: now_ms(),
        account_id: Some(account_id.to_owned()),
        user_id: None,
        user_name: who.to_owned(),
        credential: by.to_owned(),
        source: String::new(),
        action: action.to_owned(),
        resource: plain(resource),
        status: 200,
        code: String::new(),
        request_id: String::new(),
        link: None,
    }
}
