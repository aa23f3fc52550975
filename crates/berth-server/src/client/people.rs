//! Users by name: the API knows them by id, people do not.

use serde_json::{Value, json};

use super::failure::{Failure, Refusal};
use super::names::with_query;
use super::server::Server;

/// Whoever the server takes the caller for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Myself {
    pub(super) account: String,
    pub(super) account_id: String,
    pub(super) user: String,
    pub(super) user_id: String,
    pub(super) is_administrator: bool,
    pub(super) region: String,
}

/// Asks the server who calls.
pub(super) async fn myself(server: &Server) -> Result<Myself, Failure> {
    let found = server.get("/v2/manage/sessions").await?;
    let text = |field: &str| found[field].as_str().unwrap_or_default().to_owned();
    Ok(Myself {
        account: text("domain_name"),
        account_id: text("domain_id"),
        user: text("user_name"),
        user_id: text("user_id"),
        is_administrator: found["administrator"] == true,
        region: text("project_name"),
    })
}

/// A user of the caller's account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Person {
    pub(super) id: String,
    pub(super) name: String,
}

impl Person {
    /// The user with a right, as the API takes it.
    pub(super) fn document(&self, auth: u8) -> Value {
        json!({ "user_id": self.id, "user_name": self.name, "auth": auth })
    }
}

/// The user of that name; what looks like an id is taken for one.
pub(super) async fn find(server: &Server, user: &str) -> Result<Person, Failure> {
    if user.len() == 32 && user.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Ok(Person {
            id: user.to_owned(),
            name: user.to_owned(),
        });
    }
    let found = server.get(&with_query("/v3/users", &[("name", user)])).await?;
    let mut all = found["users"].as_array().into_iter().flatten();
    let person = all.find(|entry| entry["name"] == user);
    match person.and_then(|entry| entry["id"].as_str()) {
        Some(id) => Ok(Person {
            id: id.to_owned(),
            name: user.to_owned(),
        }),
        None => Err(Failure::Refused(Refusal::absent(&format!(
            "there is no user {user} in the account"
        )))),
    }
}
