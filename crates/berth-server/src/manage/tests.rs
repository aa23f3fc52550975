//! Nobody gets past the signature: every path of the API, with every method and every other kind of credential.

use std::sync::Arc;

use axum::body::Body;
use berth_registry::{IdentitySettings, Limits, Registry};
use http::{Method, Request, StatusCode};
use tower::ServiceExt as _;

use super::{ROUTES, routes};
use crate::config::Settings;
use crate::state::AppState;

#[tokio::test]
async fn every_operation_refuses_who_did_not_sign() {
    let folder = tempfile::tempdir().unwrap();
    let settings = berth_registry::Settings {
        database: format!("sqlite://{}", folder.path().join("berth.db").display()),
        storage: folder.path().join("storage"),
        limits: Limits::default(),
        identity: IdentitySettings {
            master_key_file: folder.path().join("master.key"),
            region: "local".to_owned(),
            token_ttl: std::time::Duration::from_mins(15),
            temporary_login_ttl: std::time::Duration::from_hours(24),
        },
    };
    let registry = Arc::new(Registry::open(settings).await.unwrap());
    let router = routes().with_state(AppState {
        registry,
        settings: Arc::new(Settings::default()),
    });
    for (path, _) in ROUTES {
        let path = path.replace("{namespace}", "group");
        let mut operations = 0;
        for method in [
            Method::GET,
            Method::POST,
            Method::PUT,
            Method::PATCH,
            Method::DELETE,
        ] {
            for credential in [
                "",
                "Basic YWRtaW46cGFzc3dvcmQ=",
                "Bearer a.b.c",
                "SDK-HMAC-SHA256 nonsense",
            ] {
                let request = Request::builder()
                    .method(&method)
                    .uri(&path)
                    .header("authorization", credential);
                let response = router
                    .clone()
                    .oneshot(request.body(Body::empty()).unwrap())
                    .await
                    .unwrap();
                match response.status() {
                    StatusCode::UNAUTHORIZED => operations += 1,
                    StatusCode::METHOD_NOT_ALLOWED => {}
                    other => panic!("{method} {path} with {credential:?} answered {other}"),
                }
            }
        }
        assert!(operations > 0, "{path} has no operation");
    }
}
