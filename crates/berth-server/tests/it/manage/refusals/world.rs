//! A registry with one of everything that can be made twice, is missed when it is not there, or is held by something else.

use std::cell::Cell;

use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, Method};
use serde_json::{Value, json};

use super::bodies::{EARLIER_INDEX, Names};
use super::document::{Operation, operations, target};
use crate::content::digest;
use crate::installation::{ACCESS_KEY_ID, Answer, Installation, PASSWORD, SECRET_KEY, basic, signature};

const INDEX_TYPE: &str = "application/vnd.oci.image.index.v1+json";
const INDEX: &str =
    r#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}"#;

pub(crate) struct World {
    pub(crate) installation: Installation,
    pub(crate) operations: Vec<Operation>,
    pub(crate) names: Names,
    key: String,
    retention: String,
    /// A rule of the organization about which tags are kept.
    retention_rule: String,
    /// A rule of the image about immutable tags.
    rule: String,
    /// A copy that was cancelled while another one of its tag waits.
    copy: String,
    /// An entry of the bin whose tag names something else now.
    entry: String,
    /// An upload of a file that nothing came of yet.
    archive: String,
    /// The access key of a user who may use the console only.
    robot: (String, String),
    sent: Cell<u32>,
    /// As many as a login may have.
    streams: Vec<reqwest::Response>,
}

/// A request, and who sends it.
pub(crate) struct Wrong {
    pub(crate) target: String,
    pub(crate) body: String,
    pub(crate) by_robot: bool,
    pub(crate) looks_at: Option<&'static str>,
}

impl World {
    pub(crate) async fn furnished() -> Self {
        let installation = Installation::start();
        installation.admin(&["account", "create", "guests"]);
        let operations = operations(&installation).await;
        let mut world = Self {
            installation,
            operations,
            names: Names {
                blob: digest(b"layer"),
                ..Names::default()
            },
            key: String::new(),
            retention: String::new(),
            retention_rule: String::new(),
            rule: String::new(),
            copy: String::new(),
            entry: String::new(),
            archive: String::new(),
            robot: (String::new(), String::new()),
            sent: Cell::new(0),
            streams: Vec::new(),
        };
        world.admit_people().await;
        for id in [
            "create_namespace",
            "create_repo",
            "create_cluster",
            "create_region",
        ] {
            world.make(id).await;
        }
        world.push("v1", EARLIER_INDEX).await;
        world.push("v1", INDEX).await;
        world.fill_bin().await;
        world
            .post("/v2/manage/namespaces", &json!({ "namespace": "pulled" }))
            .await;
        for id in [
            "create_trigger",
            "create_repo_tag",
            "create_repo_domains",
            "create_namespace_auth",
            "create_user_repository_auth",
            "create_image_sync_repo",
            "create_mirror",
            "create_sign_in_provider",
            "create_trust_rule",
            "create_agency",
            "start_maintenance",
        ] {
            world.make(id).await;
        }
        world.copy_twice().await;
        world.retention = world.make("create_retention").await["id"].to_string();
        world.retention_rule = world.make("create_namespace_retention").await["id"].to_string();
        world.rule = world.make("create_repo_immutability").await["id"].to_string();
        world.make("create_namespace_immutability").await;
        world.archive = text(&world.make("create_archive_upload").await["id"]);
        let south = json!({ "cluster_id": "c2", "cluster_name": "south", "server": "https://c2:6443", "token": "abc" });
        world.post("/v2/manage/clusters?unchecked=true", &south).await;
        world.listen().await;
        world
    }

    /// Opens streams of events until there are as many as there may be.
    async fn listen(&mut self) {
        const EVENTS: &str = "/v2/manage/events";
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let address = self.installation.server.address;
        loop {
            let headers = signature(address, (ACCESS_KEY_ID, SECRET_KEY), &Method::GET, (EVENTS, ""));
            let asked = client.get(format!("http://{address}{EVENTS}")).headers(headers);
            let stream = asked.send().await.unwrap();
            if !stream.status().is_success() {
                return;
            }
            self.streams.push(stream);
        }
    }

    /// Users with an access type each, and two groups.
    async fn admit_people(&mut self) {
        let projects = self
            .installation
            .signed(Method::GET, "/v3/auth/projects", "")
            .await;
        let project = &projects.json()["projects"][0];
        self.names.project = text(&project["id"]);
        self.names.account = text(&project["domain_id"]);
        for (name, access) in [
            ("mary", "default"),
            ("robot", "console"),
            ("script", "programmatic"),
        ] {
            let user = json!({ "user": { "name": name, "domain_id": self.names.account, "access_mode": access,
                "password": PASSWORD } });
            let made = self.post("/v3.0/OS-USER/users", &user).await;
            if name == "mary" {
                self.names.user = text(&made["user"]["id"]);
            }
        }
        for name in ["crew", "staff"] {
            let made = self
                .post("/v3/groups", &json!({ "group": { "name": name } }))
                .await;
            self.names.group = text(&made["group"]["id"]);
        }
        let key = self.installation.admin(&["key", "create", "berth/mary"]);
        self.key = text(&key["access_key_id"]);
        let key = self.installation.admin(&["key", "create", "berth/robot"]);
        self.robot = (text(&key["access_key_id"]), text(&key["secret_access_key"]));
    }

    /// Deletes a tag and pushes another manifest in its place.
    async fn fill_bin(&mut self) {
        self.push("old", INDEX).await;
        let wrong = Wrong {
            target: "/v2/manage/namespaces/group/repos/app/tags/old".to_owned(),
            body: String::new(),
            by_robot: false,
            looks_at: None,
        };
        assert_eq!(self.send(&Method::DELETE, &wrong).await.status.as_u16(), 204);
        self.push("old", &INDEX.replace(',', ", ")).await;
        let bin = self.installation.signed(Method::GET, "/v2/manage/bin", "").await;
        self.entry = bin.json()["entries"][0]["id"].to_string();
    }

    /// Cancels a copy, and queues the same again: it waits, because nothing may be sent to that region.
    async fn copy_twice(&mut self) {
        self.make("create_manual_image_sync_repo").await;
        let image = "/v2/manage/namespaces/group/repos/app";
        while self.region().await["sync"]["pausedUntil"].is_null() {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        let copies = format!("{image}/sync_copies");
        let listed = self.installation.signed(Method::GET, &copies, "").await.json();
        self.copy = listed[0]["id"].to_string();
        let cancel = format!("{image}/sync_copies/{}/cancel", self.copy);
        self.post(&cancel, &Value::Null).await;
        self.make("create_manual_image_sync_repo").await;
    }

    async fn region(&self) -> Value {
        // A request that comes twice in a second is a replay.
        self.sent.set(self.sent.get() + 1);
        let number = self.sent.get().to_string();
        let signed = [("x-number", number.as_str())];
        let at = ("/v2/manage/regions/east", "");
        let asked =
            self.installation
                .signed_beside(ACCESS_KEY_ID, SECRET_KEY, (&signed, &[]), Method::GET, at);
        asked.await.json()
    }

    async fn push(&self, tag: &str, manifest: &str) {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, INDEX_TYPE.parse().unwrap());
        headers.insert(AUTHORIZATION, basic("admin", PASSWORD).parse().unwrap());
        let at = format!("/v2/group/app/manifests/{tag}");
        let pushed = self.installation.send(Method::PUT, &at, headers, manifest).await;
        assert_eq!(pushed.status.as_u16(), 201, "{pushed:?}");
    }

    async fn make(&self, id: &str) -> Value {
        let operation = self.operations.iter().find(|operation| operation.id == id);
        let operation = operation.unwrap();
        let body = self.names.body(id, "");
        let mut target = self.in_place(operation);
        if id == "create_cluster" {
            // Nothing answers there.
            target.push_str("?unchecked=true");
        }
        self.post(&target, &body).await
    }

    async fn post(&self, target: &str, body: &Value) -> Value {
        let wrong = Wrong {
            target: target.to_owned(),
            body: written(body),
            by_robot: false,
            looks_at: None,
        };
        let answer = self.send(&Method::POST, &wrong).await;
        assert!(answer.status.is_success(), "{target}: {answer:?}");
        serde_json::from_str(&answer.text).unwrap_or_default()
    }

    /// Where everything is that an operation names.
    pub(crate) fn in_place(&self, operation: &Operation) -> String {
        target(operation.at(|name| self.place(name)), operation.needed_query())
    }

    pub(crate) fn place(&self, parameter: &str) -> String {
        match parameter {
            "namespace" => "group",
            "repository" => "app",
            "tag" | "reference" | "other" => "v1",
            "digest" => &self.names.blob,
            "access_domain" | "domain_name" => "guests",
            "cluster_id" => "c1",
            "region_id" => "east",
            "mirror" => "hub",
            "provider" => "corp",
            "rule" => "ci",
            "domain" => "berth",
            "trigger" => "roll-out",
            "archive_id" => &self.archive,
            "retention_id" => &self.retention,
            "retention_rule_id" => &self.retention_rule,
            "rule_id" => &self.rule,
            "copy_id" => &self.copy,
            "entry_id" => &self.entry,
            "resource_type" => "store",
            "frequency" => "daily",
            "api_version" => "v2",
            "user_id" => &self.names.user,
            "group_id" => &self.names.group,
            "domain_id" => &self.names.account,
            "project_id" => &self.names.project,
            "kind" => "reclaim",
            "run_id" | "delivery_id" | "preheat" | "shut_out_id" => "1",
            "role_id" => "0",
            "access_key" => &self.key,
            other => panic!("where is a {other}?"),
        }
        .to_owned()
    }

    /// Sends a request. Each is numbered under its signature, because one that comes twice in a second is a replay.
    pub(crate) async fn send(&self, method: &Method, wrong: &Wrong) -> Answer {
        self.sent.set(self.sent.get() + 1);
        let number = self.sent.get().to_string();
        let (id, secret) = if wrong.by_robot {
            (self.robot.0.as_str(), self.robot.1.as_str())
        } else {
            (ACCESS_KEY_ID, SECRET_KEY)
        };
        let mut unsigned = vec![("content-type", "application/json")];
        unsigned.extend(wrong.looks_at.map(|token| ("x-subject-token", token)));
        let headers = ([("x-number", number.as_str())], unsigned);
        self.installation
            .signed_beside(
                id,
                secret,
                (&headers.0, &headers.1),
                method.clone(),
                (&wrong.target, &wrong.body),
            )
            .await
    }
}

/// The text of a body; of none when there is nothing to send.
pub(crate) fn written(body: &Value) -> String {
    if body.is_null() {
        String::new()
    } else {
        body.to_string()
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}
