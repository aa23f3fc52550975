//! The APIs that have a document: their routes, made of the same declarations as the document (`OpenAPI` 3.1), so that
//! neither can have what the other lacks. Knows no operation; adds what all of them have in common.

mod page;
mod refusals;

use std::sync::Arc;

use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use axum::{Router, middleware};
use http::HeaderValue;
use http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use utoipa::OpenApi as _;
use utoipa::openapi::server::ServerBuilder;
use utoipa::openapi::{OpenApi, security};
use utoipa_axum::router::OpenApiRouter;

use crate::audit::{self, Operations};
use crate::authenticate::SESSION_COOKIE;
use crate::manage::Direction;
use crate::manage::error;
use crate::origin::Origin;
use crate::state::AppState;
use crate::{iam, manage};

/// Where the document is.
pub(crate) const DOCUMENT_PATH: &str = "/openapi.json";
/// Where people read it.
pub(crate) const PAGE_PATH: &str = "/api-docs";
/// The page has no script, and its style is in it.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// What the document says of itself.
#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "Berth management API",
        description = "The API of SWR's basic edition, which its SDKs and scripts speak, and the calls that Berth adds to it. \
            Those are marked as extensions (x-berth-extension).",
        license(name = "Apache-2.0", identifier = "Apache-2.0"),
        contact(name = "The operator of this registry")
    ),
    // Named by parameters only, from where nothing is gathered.
    components(schemas(Direction)),
    tags(
        (name = "versions", description = "Versions of the API"),
        (name = "organizations", description = "Organizations, which the API calls namespaces"),
        (name = "repositories", description = "Images"),
        (name = "tags", description = "The versions of an image, what is in them, and where their tags were before"),
        (name = "contents", description = "What is inside images: files, packages, manifests, and what differs between two"),
        (name = "bin", description = "What was deleted, until it expires"),
        (name = "rights", description = "Who may do what with an organization or an image"),
        (name = "sharing", description = "Images that other accounts may pull"),
        (name = "sync", description = "Copies of images in other regions"),
        (name = "triggers", description = "What a push sets off"),
        (name = "immutability", description = "Which tags neither move nor go"),
        (name = "lazy", description = "Images that start before they are pulled"),
        (name = "webhooks", description = "What webhooks of triggers delivered"),
        (name = "retention", description = "Which tags are kept, and for how long"),
        (name = "registrations", description = "Clusters, regions and mirrors that triggers, sync and pulls use"),
        (name = "agents", description = "Node agents that share layers, and images that they shall have ahead"),
        (name = "logins", description = "Logins for docker and its like"),
        (name = "quotas", description = "How much there may be of something, and what this registry can do"),
        (name = "statistics", description = "What was pulled, pushed and stored"),
        (name = "events", description = "What changes, as it does"),
        (name = "search", description = "Everything that the caller may see, by name"),
        (name = "audit", description = "Who did what"),
        (name = "ledger", description = "Where the bytes are"),
        (name = "limits", description = "Who is held off, and why somebody may not do something"),
        (name = "maintenance", description = "Long work of the registry itself"),
        (name = "uploads", description = "Files with images that a browser uploads"),
        (name = "sessions", description = "Signing in to the console"),
        (name = "iam", description = "Tokens, projects, users, groups and access keys, as IAM has them")
    )
)]
struct Document;

/// The routes of the documented APIs, the document, and its page.
pub(crate) fn routes(app: &AppState) -> Router<AppState> {
    let (operations, document) = operations();
    let heard = Operations::of(app, &document);
    let page: Arc<str> = page::of(&document).into();
    let document = Arc::new(Written::of(document));
    operations
        .method_not_allowed_fallback(error::method_not_allowed)
        .merge(manage::dead_ends())
        .merge(iam::dead_ends())
        .layer(middleware::from_fn_with_state(heard, audit::operations))
        .layer(middleware::from_fn(error::name_request))
        .route(
            DOCUMENT_PATH,
            get(move |origin: Origin| async move { document.answer(&origin) }),
        )
        .route(PAGE_PATH, get(move || async move { show(&page) }))
}

/// The document of all documented APIs, as text, without the address of a server.
pub(crate) fn document() -> String {
    let (_, document) = operations();
    let text = document.to_pretty_json();
    text.expect("the document is made of texts and numbers") + "\n"
}

/// The same as a page for people.
pub(crate) fn page() -> String {
    page::of(&operations().1)
}

/// The operations of all documented APIs with their document.
fn operations() -> (Router<AppState>, OpenApi) {
    let (router, mut document) = OpenApiRouter::with_openapi(Document::openapi())
        .merge(manage::operations())
        .merge(iam::operations())
        .split_for_parts();
    env!("CARGO_PKG_VERSION").clone_into(&mut document.info.version);
    add_security(&mut document);
    refusals::add(&mut document);
    (router, document)
}

fn add_security(document: &mut OpenApi) {
    let key = |name: &str, description: &str| {
        let value = security::ApiKeyValue::with_description(name, description);
        security::SecurityScheme::ApiKey(security::ApiKey::Header(value))
    };
    let components = document.components.get_or_insert_default();
    components.add_security_scheme(
        "signature",
        key(
            "Authorization",
            "A request signed with an access key: `SDK-HMAC-SHA256 Access=..., SignedHeaders=..., Signature=...` with \
             the header `X-Sdk-Date`, as the SDKs make it",
        ),
    );
    components.add_security_scheme(
        "token",
        key(
            "X-Auth-Token",
            "A token from `POST /v3/auth/tokens`, good for 24 hours",
        ),
    );
    let cookie = security::ApiKeyValue::with_description(
        SESSION_COOKIE,
        "A session of the console, from `POST /v2/manage/sessions`; requests that change something carry its `csrf_token` \
         in the header `X-Csrf-Token`",
    );
    components.add_security_scheme(
        "session",
        security::SecurityScheme::ApiKey(security::ApiKey::Cookie(cookie)),
    );
    document.security = Some(vec![
        security::SecurityRequirement::new("signature", Vec::<String>::new()),
        security::SecurityRequirement::new("token", Vec::<String>::new()),
        security::SecurityRequirement::new("session", Vec::<String>::new()),
    ]);
}

/// The document as text, before and after this server's address. As text it takes a tenth of the memory.
struct Written {
    before: String,
    after: String,
}

impl Written {
    fn of(mut document: OpenApi) -> Self {
        const ADDRESS: &str = "ADDRESS-OF-THIS-SERVER";
        document.servers = Some(vec![ServerBuilder::new().url(ADDRESS).build()]);
        let text = document.to_json();
        let text = text.expect("the document is made of texts and numbers");
        let parts = text.split_once(&json_text(ADDRESS));
        let (before, after) = parts.expect("the document names its server");
        Self {
            before: before.to_owned(),
            after: after.to_owned(),
        }
    }

    /// The document, with this server's address as its client knows it.
    fn answer(&self, origin: &Origin) -> Response {
        let headers = [
            (CONTENT_TYPE, "application/json"),
            (CACHE_CONTROL, "no-cache"),
            (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        ];
        let document = [self.before.as_str(), &json_text(&origin.url), &self.after].concat();
        (headers, document).into_response()
    }
}

fn json_text(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn show(page: &str) -> Response {
    let headers = [
        (CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY)),
        (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (CACHE_CONTROL, HeaderValue::from_static("no-cache")),
    ];
    (headers, Html(page.to_owned())).into_response()
}

#[cfg(test)]
mod tests;
