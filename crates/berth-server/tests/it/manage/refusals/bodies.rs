//! What each operation is sent when nothing is wrong with its body: it names what is there already, so that what makes a
//! thing makes it twice.

use serde_json::{Value, json};

use crate::content::digest;
use crate::installation::PASSWORD;

/// An id that nothing has.
pub(crate) const NOBODY: &str = "ffffffffffffffffffffffffffffffff";

/// What the tag `v1` named first.
pub(crate) const EARLIER_INDEX: &str =
    r#"{"schemaVersion":2,  "mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}"#;

/// What ids the server gave.
#[derive(Default)]
pub(crate) struct Names {
    pub(crate) user: String,
    pub(crate) group: String,
    pub(crate) account: String,
    pub(crate) project: String,
    /// A blob that nobody has.
    pub(crate) blob: String,
}

impl Names {
    /// The body of an operation that is to be answered with a status.
    pub(crate) fn body(&self, operation: &str, status: &str) -> Value {
        match operation {
            "create_namespace" => json!({ "namespace": "group" }),
            "create_namespace_auth"
            | "update_namespace_auth"
            | "create_user_repository_auth"
            | "update_user_repository_auth" => {
                json!([{ "user_id": self.user, "user_name": "mary", "auth": 1 }])
            }
            "delete_namespace_auth" | "delete_user_repository_auth" => json!([self.user]),
            "create_repo" => json!({ "repository": "app", "is_public": false }),
            "update_repo" => json!({ "is_public": false }),
            "create_repo_tag" => json!({ "source_tag": "v1", "destination_tag": "v2" }),
            // That tag named it before it was made immutable.
            "restore_tag" if status == "409" => json!({ "digest": digest(EARLIER_INDEX) }),
            "restore_tag" => json!({ "digest": format!("sha256:{}", "0".repeat(64)) }),
            "create_namespace_immutability"
            | "preview_namespace_immutability"
            | "create_repo_immutability"
            | "preview_repo_immutability" => json!({ "pattern": "v1" }),
            "create_repo_domains" | "update_repo_domains" => {
                json!({ "access_domain": "guests", "permit": "read", "deadline": "forever", "description": "" })
            }
            "create_image_sync_repo" | "delete_image_sync_repo" | "create_manual_image_sync_repo" => json!({
                "remoteRegionId": "east", "remoteNamespace": "copies", "imageTag": ["v1"], "syncAuto": true,
            }),
            "run_trigger" => json!({ "tag": "v1" }),
            "try_new_trigger" => json!({ "trigger": self.body("create_trigger", status) }),
            "create_trigger" | "replace_trigger" => json!({
                "name": "roll-out", "trigger_type": "all", "condition": ".*", "action": "update", "enable": "true",
                "app_type": "deployments", "application": "app", "cluster_ns": "default", "cluster_id": "c1",
            }),
            "update_trigger" => json!({ "enable": "false" }),
            "create_retention" | "update_retention" => json!({
                "algorithm": "or",
                "rules": [{ "template": "tag_rule", "params": { "num": "7" }, "tag_selectors": [] }],
            }),
            "create_namespace_retention" | "update_namespace_retention" => {
                json!({ "template": "tag_rule", "params": { "num": "1000" } })
            }
            "make_lazy_index" => json!({ "reference": "v1" }),
            "set_namespace_lazy_rule"
            | "set_repo_lazy_rule"
            | "set_namespace_preheat_rule"
            | "set_repo_preheat_rule" => json!({ "tags": "v*" }),
            "create_session" => json!({ "account": "berth", "user": "script", "password": PASSWORD }),
            "try_trigger"
            | "replace_webhook_secret"
            | "preview_retention"
            | "preview_namespace_retention"
            | "start_maintenance"
            | "restore_bin_entry" => json!({}),
            "create_archive_upload" if status == "409" => {
                json!({ "file_name": "app.tar", "size": 10240, "references": ["app:v1"] })
            }
            "create_archive_upload" => json!({ "file_name": "app.tar", "size": 10240 }),
            "answer_archive_upload" if status == "409" => json!({ "repository": "app", "tag": "v1" }),
            "answer_archive_upload" => json!({ "overwrite": true }),
            "set_domain_quotas" => json!({ "tag": 100 }),
            "count_freed_bytes" => {
                let image = if status == "404" { "missing" } else { "app" };
                json!({ "repos": [{ "namespace": "group", "repository": image }] })
            }
            "set_namespace_quotas" => json!({ "bytes": 100 }),
            other => self.registration(other, status),
        }
    }

    /// Of what is kept for an account.
    fn registration(&self, operation: &str, status: &str) -> Value {
        let organization = if status == "404" { "missing" } else { "group" };
        match operation {
            "create_cluster" => {
                json!({ "cluster_id": "c1", "cluster_name": "west", "server": "https://c1:6443", "token": "abc" })
            }
            "update_cluster" => json!({ "cluster_name": "south" }),
            // Nothing leaves for that address, so copies wait.
            "create_region" => {
                json!({ "regionID": "east", "registryURL": "http://127.0.0.1:1", "unchecked": true })
            }
            "update_region" => json!({ "registryURL": "http://127.0.0.1:1/", "unchecked": true }),
            "create_mirror" => {
                // Of its own: a mirror takes no pushes.
                let namespace = if organization == "group" {
                    "pulled"
                } else {
                    organization
                };
                json!({ "name": "hub", "namespace": namespace, "registry": "docker.io" })
            }
            "update_mirror" | "update_sign_in_provider" => json!({ "enabled": false }),
            "create_sign_in_provider" => {
                json!({ "name": "corp", "url": "ldaps://127.0.0.1:1", "ldap": { "base_dn": "dc=corp" } })
            }
            "create_trust_rule" => json!({
                "name": "ci", "issuer": "https://127.0.0.1:1", "audience": "registry", "claims": { "sub": "job" },
                "user": "script",
            }),
            "create_preheat" => json!({ "tag": "v1" }),
            other => self.of_people(other, status),
        }
    }

    /// Of IAM's operations.
    fn of_people(&self, operation: &str, status: &str) -> Value {
        let owner = if status == "404" { NOBODY } else { &self.user };
        match operation {
            "create_user" | "keystone_create_user" => {
                json!({ "user": { "name": "mary", "domain_id": self.account, "password": PASSWORD } })
            }
            "update_user" | "keystone_update_user_by_admin" => json!({ "user": { "name": "robot" } }),
            "keystone_update_user_password" => {
                json!({ "user": { "original_password": PASSWORD, "password": "another battery" } })
            }
            "keystone_create_group" => json!({ "group": { "name": "staff" } }),
            "keystone_update_group" => json!({ "group": { "name": "crew" } }),
            "create_permanent_access_key" => json!({ "credential": { "user_id": owner } }),
            "update_permanent_access_key" => json!({ "credential": { "description": "mary's" } }),
            "create_temporary_access_key_by_token" => {
                json!({ "auth": { "identity": { "methods": ["token"] } } })
            }
            "keystone_create_user_token_by_password" => {
                let name = if status == "403" { "robot" } else { "script" };
                let user = json!({ "name": name, "password": PASSWORD, "domain": { "id": self.account } });
                let scope = json!({ "project": { "id": NOBODY } });
                json!({ "auth": { "identity": { "methods": ["password"], "password": { "user": user } }, "scope": scope } })
            }
            _ => Value::Null,
        }
    }
}
