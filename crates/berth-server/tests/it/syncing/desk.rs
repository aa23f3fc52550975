//! An administrator's desk: regions, rules and copies of one registry, by its management API.

use std::time::Duration;

use http::Method;
use serde_json::{Value, json};

use crate::installation::{ACCESS_KEY_ID, LOGIN_KEY, SECRET_KEY};
use crate::world::World;

pub(crate) const APP: &str = "/v2/manage/namespaces/team/repos/app";
/// How long a copy may take on a busy machine. That of a process that was killed is free after a minute.
const PATIENCE: Duration = Duration::from_mins(3);

/// Servers that may reach this machine.
pub(crate) const FLAGS: &[&str] = &["--outbound-allow", "127.0.0.0/8"];

/// What a request of the administrator is answered with; its status is part of what is expected.
pub(crate) async fn does(world: &World, method: Method, target: &str, body: &Value, status: u16) -> Value {
    let body = if body.is_null() {
        String::new()
    } else {
        body.to_string()
    };
    let keys = (ACCESS_KEY_ID, SECRET_KEY);
    let answer = world.signed(keys, method.clone(), (target, &body)).await;
    assert_eq!(
        answer.status.as_u16(),
        status,
        "{method} {target} {body}: {}",
        answer.text
    );
    serde_json::from_str(&answer.text).unwrap_or(Value::Null)
}

/// A region with the administrator's login there.
pub(crate) fn region(name: &str, address: impl std::fmt::Display) -> Value {
    json!({
        "regionID": name, "registryURL": format!("http://{address}"),
        "username": format!("local@{ACCESS_KEY_ID}"), "password": LOGIN_KEY,
    })
}

/// Registers a region.
pub(crate) async fn register(world: &World, name: &str, address: impl std::fmt::Display) -> Value {
    does(
        world,
        Method::POST,
        "/v2/manage/regions",
        &region(name, address),
        201,
    )
    .await
}

/// Sends every push of an image to the team's organization of a region.
pub(crate) async fn send_pushes(world: &World, image: &str, region: &str, overwrite: bool) {
    let rule = json!({
        "remoteRegionId": region, "remoteNamespace": "team", "syncAuto": true, "override": overwrite,
    });
    does(world, Method::POST, &format!("{image}/sync_repo"), &rule, 200).await;
}

/// Copies tags of an image now.
pub(crate) async fn copy_now(world: &World, image: &str, tags: &[&str], overwrite: bool) {
    let body = json!({
        "imageTag": tags, "remoteRegionId": "there", "remoteNamespace": "team", "override": overwrite,
    });
    does(world, Method::POST, &format!("{image}/sync_images"), &body, 200).await;
}

/// The copies of an image, the newest first.
pub(crate) async fn copies(world: &World, image: &str) -> Vec<Value> {
    let target = format!("{image}/sync_copies");
    let listed = does(world, Method::GET, &target, &Value::Null, 200).await;
    listed.as_array().unwrap().clone()
}

/// The copies once so many are as wanted, the newest first.
pub(crate) async fn await_copies(
    world: &World,
    image: &str,
    count: usize,
    is_wanted: impl Fn(&Value) -> bool,
) -> Vec<Value> {
    let asked = async {
        loop {
            let copies = copies(world, image).await;
            if copies.iter().filter(|copy| is_wanted(copy)).count() >= count {
                return copies;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    if let Ok(copies) = tokio::time::timeout(PATIENCE, asked).await {
        return copies;
    }
    panic!("{:#?}", copies(world, image).await)
}

/// The copies once so many have ended.
pub(crate) async fn ended(world: &World, image: &str, count: usize) -> Vec<Value> {
    await_copies(world, image, count, |copy| !copy["endedAt"].is_null()).await
}

/// `tag status detail` of each copy, the oldest first.
pub(crate) fn told(copies: &[Value]) -> Vec<String> {
    let text = |copy: &Value, key: &str| copy[key].as_str().unwrap().to_owned();
    let told = copies.iter().rev().map(|copy| {
        let told = format!(
            "{} {} {}",
            text(copy, "tag"),
            text(copy, "status"),
            text(copy, "detail")
        );
        told.trim().to_owned()
    });
    told.collect()
}
