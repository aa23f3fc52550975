//! An organization with an image, and people: the account's administrator, three with a right each, one without, and the
//! administrator of another account.

use berth_metadata::Metadata;
use berth_registry::AccessKeyPair;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, Method, StatusCode};
use serde_json::{Value, json};

use super::code;
use crate::client::Client;
use crate::installation::{ACCESS_KEY_ID, Answer, Installation, LOGIN_KEY, SECRET_KEY, basic};

/// The image; its name holds a `/`, which paths write as `$`.
pub(crate) const IMAGE: &str = "/v2/manage/namespaces/group/repos/back$end";
/// An image that is not there.
pub(crate) const NO_IMAGE: &str = "/v2/manage/namespaces/group/repos/missing";

/// Somebody with an access key.
pub(crate) struct Person {
    pub(crate) name: &'static str,
    access_key_id: String,
    secret_key: String,
}

/// The server and its people.
pub(crate) struct Team {
    pub(crate) installation: Installation,
    /// The rows, for what no request makes yet.
    pub(crate) metadata: Metadata,
    /// The image's row.
    pub(crate) image: i64,
    pub(crate) admin: Person,
    pub(crate) manager: Person,
    pub(crate) writer: Person,
    pub(crate) reader: Person,
    /// Of the account, without any right.
    pub(crate) outsider: Person,
    /// Administrator of another account.
    pub(crate) stranger: Person,
}

impl Team {
    pub(crate) async fn start() -> Self {
        let installation = Installation::start();
        let created = installation
            .signed(Method::POST, "/v2/manage/namespaces", r#"{"namespace":"group"}"#)
            .await;
        assert_eq!(created.status, StatusCode::CREATED, "{created:?}");
        let database = installation.place.0.path().join("data/berth.db");
        let database = format!("sqlite://{}", database.display());
        let metadata = Metadata::open(&database).await.unwrap();
        push(&installation, "pushed").await;
        let image = metadata.repository("group/back/end").await.unwrap().unwrap().id;
        installation.admin(&["account", "create", "other"]);
        let person = |account: &str, name: &'static str, right: Option<&str>| {
            let user = format!("{account}/{name}");
            let administrator = (account == "other").then_some("--administrator");
            let create = ["user", "create", user.as_str()].into_iter().chain(administrator);
            installation.admin(&create.collect::<Vec<_>>());
            if let Some(right) = right {
                installation.admin(&["grant", "set", "group", &user, right]);
            }
            let key = installation.admin(&["key", "create", &user]);
            let text = |field: &str| key[field].as_str().unwrap().to_owned();
            Person {
                name,
                access_key_id: text("access_key_id"),
                secret_key: text("secret_access_key"),
            }
        };
        Self {
            admin: Person {
                name: "admin",
                access_key_id: ACCESS_KEY_ID.to_owned(),
                secret_key: SECRET_KEY.to_owned(),
            },
            manager: person("berth", "manager", Some("manage")),
            writer: person("berth", "writer", Some("write")),
            reader: person("berth", "reader", Some("read")),
            outsider: person("berth", "outsider", None),
            stranger: person("other", "stranger", None),
            installation,
            metadata,
            image,
        }
    }

    /// What a person's request is answered with.
    pub(crate) async fn ask(&self, person: &Person, method: Method, target: &str, body: &Value) -> Answer {
        let body = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        self.installation
            .signed_by(&person.access_key_id, &person.secret_key, method, (target, &body))
            .await
    }

    /// A person as a client of docker's API.
    pub(crate) fn docker(&self, person: &Person) -> Client {
        let pair = AccessKeyPair {
            access_key_id: person.access_key_id.clone(),
            secret_key: person.secret_key.clone(),
        };
        Client {
            http: reqwest::Client::builder().no_proxy().build().unwrap(),
            url: format!("http://{}", self.installation.server.address),
            authorization: Some(basic(&format!("local@{}", pair.access_key_id), &pair.login_key())),
        }
    }

    /// The JSON of an answer of this status to the administrator; null for an empty body.
    pub(crate) async fn does(&self, method: Method, target: &str, body: &Value, status: u16) -> Value {
        let answer = self.ask(&self.admin, method.clone(), target, body).await;
        assert_eq!(
            answer.status.as_u16(),
            status,
            "{method} {target} {body}: {}",
            answer.text
        );
        if answer.text.is_empty() {
            Value::Null
        } else {
            answer.json()
        }
    }

    /// Expects a refusal of the administrator's request, with its status and code.
    pub(crate) async fn refuses(&self, method: Method, target: &str, body: &Value, expected: (u16, &str)) {
        let answer = self.ask(&self.admin, method.clone(), target, body).await;
        let expected = (expected.0, format!("SVCSTG.SWR.{}", expected.1));
        let found = (answer.status.as_u16(), code(&answer));
        assert_eq!(found, expected, "{method} {target} {body}: {}", answer.text);
    }

    /// Expects these statuses for the same request of the manager, the writer, the reader, the outsider and the
    /// stranger.
    pub(crate) async fn answers_people(
        &self,
        method: Method,
        target: &str,
        body: &Value,
        expected: [u16; 5],
    ) {
        let people = [
            &self.manager,
            &self.writer,
            &self.reader,
            &self.outsider,
            &self.stranger,
        ];
        for (person, expected) in people.into_iter().zip(expected) {
            let answer = self.ask(person, method.clone(), target, body).await;
            assert_eq!(
                answer.status.as_u16(),
                expected,
                "{} {method} {target} {body}: {}",
                person.name,
                answer.text
            );
            if expected >= 400 {
                code(&answer);
            }
        }
    }
}

/// Pushes an index of nothing to the image under a tag.
pub(crate) async fn push(installation: &Installation, tag: &str) {
    let media_type = "application/vnd.oci.image.index.v1+json";
    let index = json!({ "schemaVersion": 2, "mediaType": media_type, "manifests": [] }).to_string();
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, media_type.parse().unwrap());
    let login = basic(&format!("local@{ACCESS_KEY_ID}"), LOGIN_KEY);
    headers.insert(AUTHORIZATION, login.parse().unwrap());
    let target = format!("/v2/group/back/end/manifests/{tag}");
    let pushed = installation.send(Method::PUT, &target, headers, &index).await;
    assert_eq!(pushed.status.as_u16(), 201, "{pushed:?}");
}

/// A time on the wire: in UTC, to the second.
pub(crate) fn is_time(value: &Value) -> bool {
    value
        .as_str()
        .is_some_and(|text| text.len() == 20 && text.ends_with('Z'))
}
