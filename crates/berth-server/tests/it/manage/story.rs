//! Two accounts and one image: create, grant, push, share with an end date, pull as the other account, expire, refuse.

use berth_metadata::ShareTerms;
use http::Method;
use serde_json::{Value, json};
use time::OffsetDateTime;

use super::code;
use crate::client::Client;
use crate::installation::{ACCESS_KEY_ID, Installation, LOGIN_KEY, SECRET_KEY, basic};

const SHARES: &str = "/v2/manage/namespaces/products/repositories/web$shop/access-domains";
const SHARE: &str = "/v2/manage/namespaces/products/repositories/web$shop/access-domains/partner";
const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// Somebody with an access key: a signer of management calls and a docker client in one.
struct Person {
    key: (String, String),
    docker: Client,
}

struct Story {
    installation: Installation,
    owner: Person,
}

impl Story {
    fn start() -> Self {
        let installation = Installation::start();
        let docker = docker(&installation, ACCESS_KEY_ID, LOGIN_KEY);
        let owner = Person {
            key: (ACCESS_KEY_ID.to_owned(), SECRET_KEY.to_owned()),
            docker,
        };
        Self { installation, owner }
    }

    /// A user of an account, without any right; answers its id as well.
    fn person(&self, user: &str) -> (Value, Person) {
        let made = self.installation.admin(&["user", "create", user]);
        let key = self.installation.admin(&["key", "create", user]);
        let text = |field: &str| key[field].as_str().unwrap().to_owned();
        let (id, secret) = (text("access_key_id"), text("secret_access_key"));
        let docker = docker(&self.installation, &id, &text("login_key"));
        let key = (id, secret);
        (made["id"].clone(), Person { key, docker })
    }

    /// What a person's call is answered with, when it is this status.
    async fn call(&self, person: &Person, line: &str, body: &Value, status: u16) -> Value {
        let (method, target) = line.split_once(' ').unwrap();
        let body = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        let (id, secret) = &person.key;
        let method: Method = method.parse().unwrap();
        let answer = self
            .installation
            .signed_by(id, secret, method, (target, &body))
            .await;
        assert_eq!(answer.status.as_u16(), status, "{line} {body}: {}", answer.text);
        if status >= 400 {
            code(&answer);
        }
        if answer.text.is_empty() {
            Value::Null
        } else {
            answer.json()
        }
    }
}

fn docker(installation: &Installation, access_key_id: &str, login_key: &str) -> Client {
    Client {
        http: reqwest::Client::builder().no_proxy().build().unwrap(),
        url: format!("http://{}", installation.server.address),
        authorization: Some(basic(&format!("local@{access_key_id}"), login_key)),
    }
}

/// The statuses that the steps of a pull are answered with: the manifest, and the layer in it.
async fn pull(client: &Client, layer: &str) -> [u16; 2] {
    let manifest = client.ask("GET /v2/products/web/shop/manifests/v1").await;
    let blob = client
        .ask(format!("GET /v2/products/web/shop/blobs/{layer}"))
        .await;
    [manifest.status, blob.status]
}

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "a story reads best in one piece")]
async fn an_image_is_shared_until_the_end_of_a_day() {
    let story = Story::start();
    let installation = &story.installation;
    let owner = &story.owner;
    installation.admin(&["account", "create", "partner"]);
    installation.admin(&["account", "create", "rival"]);
    let (developer_id, developer) = story.person("berth/developer");
    let (_, guest) = story.person("partner/guest");
    let (_, rival) = story.person("rival/rival");

    // The owner makes an organization and lets a developer push to it.
    let organization = json!({ "namespace": "products" });
    story
        .call(owner, "POST /v2/manage/namespaces", &organization, 201)
        .await;
    let refused = developer
        .docker
        .ask("POST /v2/products/web/shop/blobs/uploads/")
        .await;
    refused.refused(403, "DENIED");
    let grant = json!([{ "user_id": developer_id, "user_name": "developer", "auth": 3 }]);
    story
        .call(owner, "POST /v2/manage/namespaces/products/access", &grant, 200)
        .await;
    let manifest = developer
        .docker
        .push_image("products/web/shop", "v1", b"shop")
        .await;
    let layer = crate::content::digest(b"shop");

    // Nobody else sees it, and the developer may not share it.
    assert_eq!(pull(&guest.docker, &layer).await, [403, 403]);
    let tomorrow = OffsetDateTime::now_utc().date().next_day().unwrap();
    let share =
        json!({ "access_domain": "partner", "permit": "read", "deadline": format!("{tomorrow}T00:00:00Z") });
    story
        .call(&developer, &format!("POST {SHARES}"), &share, 403)
        .await;
    story.call(owner, &format!("POST {SHARES}"), &share, 201).await;

    // The other account pulls, and does nothing else; a third one is told nothing.
    let pulled = guest
        .docker
        .ask("GET /v2/products/web/shop/manifests/v1")
        .await
        .is(200);
    assert_eq!(pulled.body, manifest);
    assert_eq!(pull(&guest.docker, &layer).await, [200, 200]);
    assert_eq!(pull(&rival.docker, &layer).await, [403, 403]);
    let push = guest
        .docker
        .ask("POST /v2/products/web/shop/blobs/uploads/")
        .await;
    push.refused(403, "DENIED");
    let delete = guest
        .docker
        .ask("DELETE /v2/products/web/shop/manifests/v1")
        .await;
    delete.refused(403, "DENIED");
    story
        .call(&guest, &format!("DELETE {SHARE}"), &Value::Null, 403)
        .await;
    let row = story
        .call(owner, &format!("GET {SHARE}"), &Value::Null, 200)
        .await;
    assert_eq!((&row["status"], &row["exist"]), (&json!(true), &json!(true)));
    assert_eq!(row["deadline"], share["deadline"]);
    let listed = "GET /v2/manage/shared-repositories?center=thirdparty";
    let seen = story.call(&guest, listed, &Value::Null, 200).await;
    assert_eq!(
        (&seen[0]["name"], &seen[0]["status"], &seen[0]["domain_name"]),
        (&json!("web/shop"), &json!(true), &json!("berth"))
    );

    // Its day is over: the next pull is refused.
    end_yesterday(installation).await;
    assert_eq!(pull(&guest.docker, &layer).await, [403, 403]);
    let row = story
        .call(owner, &format!("GET {SHARE}"), &Value::Null, 200)
        .await;
    assert_eq!((&row["status"], &row["exist"]), (&json!(false), &json!(true)));
    let seen = story.call(&guest, listed, &Value::Null, 200).await;
    assert_eq!(
        (&seen[0]["status"], &seen[0]["tags"]),
        (&json!(false), &json!([]))
    );

    // For ever, and then no more.
    let forever = json!({ "permit": "read", "deadline": "forever" });
    story.call(owner, &format!("PATCH {SHARE}"), &forever, 201).await;
    assert_eq!(pull(&guest.docker, &layer).await, [200, 200]);
    story
        .call(owner, &format!("DELETE {SHARE}"), &Value::Null, 204)
        .await;
    assert_eq!(pull(&guest.docker, &layer).await, [403, 403]);
    assert_eq!(pull(&developer.docker, &layer).await, [200, 200]);
}

/// Lets the share's last day be yesterday, as if it had been made before.
async fn end_yesterday(installation: &Installation) {
    let database = installation.place.0.path().join("data/berth.db");
    let database = format!("sqlite://{}", database.display());
    let metadata = berth_metadata::Metadata::open(&database).await.unwrap();
    let image = metadata.repository("products/web/shop").await.unwrap().unwrap();
    let today = berth_registry::now_ms() / DAY_MS * DAY_MS;
    let terms = ShareTerms {
        deadline_at: Some(today - DAY_MS),
        expires_at: Some(today),
        description: String::new(),
    };
    assert!(
        metadata
            .update_share(image.id, "partner", terms, 1)
            .await
            .unwrap()
    );
}
