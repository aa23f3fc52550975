//! What a request is about, as the trail names it: `organization/image:tag`, then what else is named, as `key=name`.

use std::fmt;

use axum::extract::RawPathParams;
use berth_oci::{Endpoint, Reference, RepositoryName};
use serde_json::{Map, Value};

/// What bodies may name things by. No other part of a body is ever noted.
const NAMES: [&str; 7] = [
    "namespace",
    "repository",
    "destination_tag",
    "access_domain",
    "name",
    "user_id",
    "group_id",
];
/// Entries of a list that are looked at.
const ENTRIES_MAX: usize = 20;
/// Longest body that is looked at, in bytes.
const BODY_BYTES_MAX: usize = 64 * 1024;

/// The names of a path and a body.
#[derive(Debug, Default)]
pub(super) struct Named {
    place: String,
    others: Vec<(String, String)>,
}

impl Named {
    /// One name for the whole.
    pub(super) fn exactly(place: String) -> Self {
        Self {
            place,
            others: Vec::new(),
        }
    }

    /// Those of a path.
    pub(super) fn of(path: &RawPathParams) -> Self {
        let mut named = Self::default();
        for (key, name) in path {
            named.add(key, name);
        }
        named
    }

    fn add(&mut self, key: &str, name: &str) {
        match key {
            "namespace" if self.place.is_empty() => name.clone_into(&mut self.place),
            "repository" if !self.place.contains('/') => {
                self.place = format!("{}/{}", self.place, name.replace('$', "/"));
            }
            "tag" | "destination_tag" if !self.place.contains(':') => {
                self.place = format!("{}:{name}", self.place);
            }
            _ => self.others.push((key.to_owned(), name.to_owned())),
        }
    }

    /// Adds those of a JSON body: of the body itself, of the entries of a list, of an object inside.
    pub(super) fn read(&mut self, body: &[u8]) {
        if body.len() > BODY_BYTES_MAX {
            return;
        }
        match serde_json::from_slice(body) {
            Ok(Value::Array(entries)) => {
                for entry in entries.iter().take(ENTRIES_MAX) {
                    match entry {
                        Value::Object(entry) => self.read_object(entry),
                        Value::String(id) => self.add("id", id),
                        _ => {}
                    }
                }
            }
            Ok(Value::Object(body)) => {
                self.read_object(&body);
                for inside in body.values().filter_map(Value::as_object) {
                    self.read_object(inside);
                }
            }
            _ => {}
        }
    }

    fn read_object(&mut self, object: &Map<String, Value>) {
        for key in NAMES {
            if let Some(name) = object.get(key).and_then(Value::as_str) {
                self.add(key, name);
            }
        }
    }
}

impl fmt::Display for Named {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.place)?;
        for (n, (key, name)) in self.others.iter().enumerate() {
            let space = if n == 0 && self.place.is_empty() { "" } else { " " };
            write!(formatter, "{space}{key}={name}")?;
        }
        Ok(())
    }
}

/// The action and the resource of a request of the distribution API.
pub(super) fn of_endpoint(endpoint: &Endpoint) -> (&'static str, String) {
    let manifest = |repository: &RepositoryName, reference: &Reference| match reference {
        Reference::Tag(tag) => format!("{repository}:{tag}"),
        Reference::Digest(digest) => format!("{repository}@{digest}"),
    };
    let (action, resource) = match endpoint {
        Endpoint::Ping => ("ping", None),
        Endpoint::ListRepositories { .. } => ("list_repositories", None),
        Endpoint::ListTags { .. } => ("list_tags", None),
        Endpoint::ListReferrers { .. } => ("list_referrers", None),
        Endpoint::GetManifest {
            repository,
            reference,
        } => ("get_manifest", Some(manifest(repository, reference))),
        Endpoint::HeadManifest {
            repository,
            reference,
        } => ("head_manifest", Some(manifest(repository, reference))),
        Endpoint::PutManifest {
            repository,
            reference,
            ..
        } => ("put_manifest", Some(manifest(repository, reference))),
        Endpoint::DeleteManifest {
            repository,
            reference,
        } => ("delete_manifest", Some(manifest(repository, reference))),
        Endpoint::GetBlob { repository, digest } => ("get_blob", Some(format!("{repository}@{digest}"))),
        Endpoint::HeadBlob { repository, digest } => ("head_blob", Some(format!("{repository}@{digest}"))),
        Endpoint::DeleteBlob { repository, digest } => {
            ("delete_blob", Some(format!("{repository}@{digest}")))
        }
        Endpoint::StartUpload { .. } => ("start_upload", None),
        Endpoint::UploadStatus { .. } => ("upload_status", None),
        Endpoint::AppendUpload { .. } => ("append_upload", None),
        Endpoint::FinishUpload { .. } => ("finish_upload", None),
        Endpoint::CancelUpload { .. } => ("cancel_upload", None),
        Endpoint::JoinSwarm { repository, digest } => ("join_swarm", Some(format!("{repository}@{digest}"))),
        Endpoint::SwarmKey => ("swarm_key", None),
        Endpoint::SwarmNodes => ("swarm_nodes", None),
        Endpoint::SwarmReplica => ("swarm_replica", None),
    };
    let whole = || {
        endpoint
            .repository()
            .map_or_else(String::new, ToString::to_string)
    };
    (action, resource.unwrap_or_else(whole))
}

#[cfg(test)]
mod tests {
    use super::Named;

    #[track_caller]
    fn check(path: &[(&str, &str)], body: &str, resource: &str) {
        let mut named = Named::default();
        for (key, name) in path {
            named.add(key, name);
        }
        named.read(body.as_bytes());
        assert_eq!(named.to_string(), resource, "{path:?} {body}");
    }

    #[test]
    fn a_resource_is_named_by_path_and_body() {
        let place = [("namespace", "team"), ("repository", "a$b")];
        check(&[], "", "");
        check(&[], r#"{"namespace": "team"}"#, "team");
        check(
            &place[..1],
            r#"{"repository": "a/b", "is_public": true}"#,
            "team/a/b",
        );
        check(
            &place,
            r#"{"source_tag": "v1", "destination_tag": "v2"}"#,
            "team/a/b:v2",
        );
        check(&[place[0], place[1], ("tag", "v1")], "", "team/a/b:v1");
        check(
            &place,
            r#"{"access_domain": "other", "permit": "read"}"#,
            "team/a/b access_domain=other",
        );
        check(
            &[place[0], place[1], ("trigger", "nightly")],
            "",
            "team/a/b trigger=nightly",
        );
        check(
            &place[..1],
            r#"[{"user_id": "u1", "user_name": "ann", "auth": 7}, {"user_id": "u2"}]"#,
            "team user_id=u1 user_id=u2",
        );
        check(&place[..1], r#"["u1", "u2"]"#, "team id=u1 id=u2");
        check(
            &[],
            r#"{"user": {"name": "ann", "password": "hush"}}"#,
            "name=ann",
        );
    }

    #[test]
    fn nothing_but_names_is_taken_from_a_body() {
        for body in [
            r#"{"password": "hush", "access": {"secret": "hush"}, "description": "hush"}"#,
            r#"{"auth": {"identity": {"password": {"user": {"name": "hush", "password": "hush"}}}}}"#,
            r#"{"name": ["hush"], "namespace": {"hush": 1}}"#,
            "hush",
            "\"hush\"",
        ] {
            check(&[], body, "");
        }
    }
}
