//! Tokens that let their holder do more than they were issued for.

use std::sync::Arc;

use berth_oci::Scope;
use berth_oci::endpoint::Page;
use berth_registry::{Caller, Error, Limits};

use crate::harness::{TestRegistry, admin, image};

#[tokio::test]
async fn a_token_for_one_image_listed_all_images() {
    let test = TestRegistry::open(Limits::default()).await;
    test.push("team/app", b"{}").await;
    test.put("team/app", "v1", &image(b"{}", &[])).await.expect("put");
    for (scopes, allowed) in [
        (vec![], false),
        (vec!["repository:team/app:*"], false),
        (vec!["registry:catalog:*"], true),
    ] {
        let Caller::User(mut user) = admin() else {
            unreachable!("a user")
        };
        Arc::make_mut(&mut user).scopes = Some(
            scopes
                .iter()
                .map(|text| Scope::parse(text).expect("a scope"))
                .collect(),
        );
        let listed = test
            .registry
            .list_repositories(&Caller::User(user), &Page::default())
            .await;
        assert_eq!(listed.is_ok(), allowed, "{scopes:?}: {listed:?}");
        assert!(allowed || matches!(listed, Err(Error::InsufficientScope(_))));
    }
}
