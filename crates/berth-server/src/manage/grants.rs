//! Rights of users on an organisation (operations 5 to 8) and on one image (operations 22 to 25).

mod organizations;
mod repositories;

use berth_registry::{Caller, Grant, Permission, WantedGrant};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;

use super::call::Call;
use super::error::Refused;
use super::wire::Auth;
use crate::state::AppState;

pub(super) fn routes() -> OpenApiRouter<AppState> {
    organizations::routes().merge(repositories::routes())
}

/// A right as clients send it; the user's name is for people and not looked at.
#[derive(Deserialize, ToSchema)]
struct WantedAuth {
    /// 32 hex digits.
    user_id: String,
    /// For people; not looked at.
    #[serde(default)]
    #[expect(dead_code, reason = "clients send it")]
    user_name: Option<String>,
    /// 7 manage, 3 write, 1 read.
    auth: i64,
}

/// A user's right.
#[derive(Serialize, ToSchema)]
struct UserAuth {
    user_id: String,
    user_name: String,
    /// 7 manage, 3 write, 1 read.
    auth: Auth,
}

/// The rights that a request's body names.
fn wanted(call: &Call) -> Result<Vec<WantedGrant>, Refused> {
    let sent: Vec<WantedAuth> = call.json()?;
    let grant = |sent: WantedAuth| {
        let permission = Permission::from_bits(sent.auth)
            .ok_or_else(|| Refused::invalid("4001065", "auth is 7 (manage), 3 (write) or 1 (read)"))?;
        Ok(WantedGrant {
            user_id: sent.user_id,
            permission,
        })
    };
    sent.into_iter().map(grant).collect()
}

/// The caller's own right, and those of all others.
fn own_and_others(
    caller: &Caller,
    permission: Permission,
    grants: &[Grant],
) -> Result<(UserAuth, Vec<UserAuth>), Refused> {
    let Caller::User(user) = caller else {
        return Err(berth_registry::Error::Unauthenticated.into());
    };
    let own = UserAuth {
        user_id: user.user_id.clone(),
        user_name: user.user_name.clone(),
        auth: Auth(permission),
    };
    let others = grants.iter().filter(|grant| grant.user_id != user.user_id);
    Ok((own, others.map(document).collect()))
}

fn document(grant: &Grant) -> UserAuth {
    UserAuth {
        user_id: grant.user_id.clone(),
        user_name: grant.user_name.clone(),
        auth: Auth(grant.permission),
    }
}
