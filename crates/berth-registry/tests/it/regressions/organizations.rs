//! Organisations that could not be got rid of.

use crate::harness::{TestRegistry, admin};
use crate::upkeep::{a_moment, impatient};

#[tokio::test]
async fn an_organization_could_not_be_deleted_for_an_image_that_no_list_shows() {
    let test = TestRegistry::open(impatient()).await;
    test.push("team/app", b"a blob and no manifest").await;
    test.start(&admin(), "team/other").await.expect("started");
    let organization = "team".parse().expect("a name");
    test.registry
        .delete_organization(&admin(), &organization)
        .await
        .expect("it holds no image");
    a_moment().await;
    test.registry.maintain_once().await.expect("upkeep");
    assert_eq!(test.files(), Vec::<String>::new());
}
