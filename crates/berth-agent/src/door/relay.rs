//! A request that goes to the registry as it came, and the answer that goes back as it came.

use std::io;

use berth_oci::ErrorCode;
use futures_util::TryStreamExt as _;
use http::header::{
    CONNECTION, EXPECT, HOST, HeaderName, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, TE, TRAILER,
    TRANSFER_ENCODING, UPGRADE,
};
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, StreamBody};
use hyper::body::{Body as _, Frame, Incoming};

use super::{Body, refusal};
use crate::registry::Registry;

/// What belongs to one connection and not to the message.
const OF_THE_CONNECTION: [HeaderName; 10] = [
    CONNECTION,
    EXPECT,
    HOST,
    PROXY_AUTHENTICATE,
    PROXY_AUTHORIZATION,
    TE,
    TRAILER,
    TRANSFER_ENCODING,
    UPGRADE,
    HeaderName::from_static("keep-alive"),
];

/// Relays one request.
pub(super) async fn relay(registry: &Registry, request: Request<Incoming>) -> Response<Body> {
    let (head, body) = request.into_parts();
    let path = head.uri.path_and_query().map_or("/", |path| path.as_str());
    let body = (!body.is_end_stream())
        .then(|| reqwest::Body::wrap_stream(body.into_data_stream().map_err(io::Error::other)));
    let answer = registry
        .forward(head.method, path, of_the_message(head.headers), body)
        .await;
    let Ok(answer) = answer else {
        return unreachable();
    };
    let (status, headers) = (answer.status(), of_the_message(answer.headers().clone()));
    let bytes = answer
        .bytes_stream()
        .map_err(io::Error::other)
        .map_ok(Frame::data);
    let mut relayed = Response::new(StreamBody::new(bytes).boxed_unsync());
    *relayed.status_mut() = status;
    *relayed.headers_mut() = headers;
    relayed
}

/// What a client is told when the registry is not reached; it turns to the registry itself then.
pub(super) fn unreachable() -> Response<Body> {
    refusal(
        StatusCode::BAD_GATEWAY,
        ErrorCode::Unknown,
        "the registry behind this agent is not reached",
    )
}

fn of_the_message(mut headers: HeaderMap) -> HeaderMap {
    for name in &OF_THE_CONNECTION {
        headers.remove(name);
    }
    headers
}
