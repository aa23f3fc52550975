//! Tags on the wire: lists, single tags, retag and delete; their history; what is in an image and what belongs to it.

mod accessories;
mod changes;
mod detail;
mod history;
mod lists;

use berth_oci::media_type;
use http::Method;
use serde_json::{Value, json};

use super::team::{IMAGE, Team};
use crate::client::Client;
use crate::content::{CONFIG, descriptor};
use crate::installation::{ACCESS_KEY_ID, LOGIN_KEY, basic};

/// The image, as docker names it.
const APP: &str = "group/back/end";

/// The people, and the image without a tag.
async fn start() -> Team {
    let team = Team::start().await;
    team.does(Method::DELETE, &format!("{IMAGE}/tags/pushed"), &Value::Null, 204)
        .await;
    team
}

/// The administrator's docker.
fn docker(team: &Team) -> Client {
    Client {
        http: reqwest::Client::builder().no_proxy().build().unwrap(),
        url: format!("http://{}", team.installation.server.address),
        authorization: Some(basic(&format!("local@{ACCESS_KEY_ID}"), LOGIN_KEY)),
    }
}

/// An artifact of one layer that names a subject; config and layer must be there.
fn artifact(artifact_type: &str, layer: &[u8], subject: &[u8]) -> Value {
    let mut manifest = crate::content::image(&[layer]);
    manifest["config"] = descriptor(media_type::OCI_CONFIG, CONFIG);
    manifest["artifactType"] = json!(artifact_type);
    manifest["subject"] = descriptor(media_type::OCI_MANIFEST, subject);
    manifest
}
