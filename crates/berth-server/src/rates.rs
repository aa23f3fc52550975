//! Which rate a request counts against, its turn, and whose share of what goes out its answer is. The counts are the registry's.

use berth_oci::Endpoint;
use berth_registry::{Caller, Error, Traffic};
use http::header::{AUTHORIZATION, USER_AGENT};
use http::request::Parts;
use http::{HeaderMap, Method};

use crate::origin::Origin;
use crate::serve::Payer;
use crate::state::AppState;

/// What a request of the distribution API is for; none for those of other replicas, which nobody else can send.
pub(crate) fn traffic(method: &Method, endpoint: &Endpoint) -> Option<Traffic> {
    match endpoint {
        Endpoint::SwarmReplica => None,
        // Nodes say what they have and fetch.
        Endpoint::JoinSwarm { .. } | Endpoint::SwarmNodes => Some(Traffic::Pull),
        _ if method.is_safe() => Some(Traffic::Pull),
        _ => Some(Traffic::Push),
    }
}

/// Lets a request pass as one from its client's address, before it is known who sends it.
pub(crate) async fn of_address(app: &AppState, parts: &Parts, traffic: Traffic) -> Result<(), Error> {
    if !app.registry.is_paced() {
        return Ok(());
    }
    let client = Origin::client(parts, &app.settings);
    app.registry.admit_address(traffic, client).await
}

/// Lets a request pass as one of its caller.
pub(crate) async fn of_caller(
    app: &AppState,
    parts: &Parts,
    (caller, traffic): (&Caller, Traffic),
) -> Result<(), Error> {
    if !app.registry.is_paced() {
        return Ok(());
    }
    let client = Origin::client(parts, &app.settings);
    app.registry.admit(traffic, caller, client).await
}

/// Lets a request of clients pass whose caller is not shut out. Who showed nothing at all is sent to log in: what is shut out is
/// the address of those who do not.
pub(crate) fn not_shut_out(app: &AppState, parts: &Parts, caller: &Caller) -> Result<(), Error> {
    let address = || Origin::client(parts, &app.settings);
    let refused = app.registry.require_not_shut_out(caller, address);
    if refused.is_err() && !parts.headers.contains_key(AUTHORIZATION) {
        return Err(Error::Unauthenticated);
    }
    refused
}

/// Whether the client takes 429 for the end and tries 503 again: docker's engine, which says so in its `User-Agent` (decision 20).
pub(crate) fn gives_up_at_429(headers: &HeaderMap) -> bool {
    let agent = headers.get(USER_AGENT);
    agent.is_some_and(|agent| agent.as_bytes().starts_with(b"docker/"))
}

/// Whose share of what goes out the answer to this request counts to; none where that is not limited, or the answer is small.
pub(crate) fn payer(
    app: &AppState,
    parts: &Parts,
    (caller, endpoint): (&Caller, &Endpoint),
) -> Option<Payer> {
    if app.settings.limits.defence.bandwidth.is_none() || !matches!(endpoint, Endpoint::GetBlob { .. }) {
        return None;
    }
    match caller {
        Caller::User(user) => Some(Payer::Account(user.account_id.clone())),
        Caller::Anonymous => Some(Payer::Address(Origin::client(parts, &app.settings))),
        Caller::System => None,
    }
}
