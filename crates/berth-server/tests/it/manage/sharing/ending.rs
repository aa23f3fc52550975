//! The end of a share: in force at the next request, also for tokens that were given out before. The clock is moved over it.

use std::time::Duration;

use berth_oci::media_type;
use berth_registry::{AccessType, Caller, NewPerson, now_ms};
use http::Method;
use serde_json::{Value, json};

use crate::client::Client;
use crate::content::{CONFIG, descriptor, digest};
use crate::installation::{ACCESS_KEY_ID, PASSWORD, SECRET_KEY};
use crate::world::World;

const DAY_MS: i64 = 24 * 60 * 60 * 1000;
const SHARES: &str = "/v2/manage/namespaces/team/repositories/app/access-domains";
const SHARE: &str = "/v2/manage/namespaces/team/repositories/app/access-domains/elsewhere";

/// A server whose clock the test moves; the image `team/app`, shared with the account `elsewhere` until the end of
/// tomorrow; and somebody of that account, who has an organization too.
struct Loan {
    world: World,
    guest: Client,
    /// When it ends, milliseconds since the epoch.
    end: i64,
    manifest: String,
    layer: String,
}

impl Loan {
    async fn start() -> Self {
        let world = World::start_with_clock(&[]).await;
        let manifest = world.admin.push_image("team/app", "v1", b"layer").await;
        let signature = json!({
            "schemaVersion": 2, "mediaType": media_type::OCI_MANIFEST, "artifactType": "application/signature",
            "config": descriptor(media_type::OCI_CONFIG, CONFIG), "layers": [],
            "subject": descriptor(media_type::OCI_MANIFEST, &manifest),
        });
        world
            .admin
            .push_manifest("team/app", "signature", &signature)
            .await;
        let guest = world.stranger().await;
        let person = NewPerson {
            name: "reader".to_owned(),
            password: Some(PASSWORD.to_owned()),
            access: AccessType::Both,
            administrator: false,
            description: String::new(),
        };
        let registry = &world.registry;
        registry
            .create_user(&Caller::System, "elsewhere", person)
            .await
            .unwrap();
        let own = "guests".parse().unwrap();
        registry
            .create_organization_for(&Caller::System, &own, "elsewhere", "stranger")
            .await
            .unwrap();
        let tomorrow = now_ms().div_euclid(DAY_MS) * DAY_MS + DAY_MS;
        let day = time::UtcDateTime::from_unix_timestamp(tomorrow / 1000)
            .unwrap()
            .date();
        let share =
            json!({ "access_domain": "elsewhere", "permit": "read", "deadline": format!("{day}T00:00:00Z") });
        let made = world
            .signed(
                (ACCESS_KEY_ID, SECRET_KEY),
                Method::POST,
                (SHARES, &share.to_string()),
            )
            .await;
        assert_eq!(made.status.as_u16(), 201, "{}", made.text);
        Self {
            world,
            guest,
            end: tomorrow + DAY_MS,
            manifest: digest(&manifest),
            layer: digest(b"layer"),
        }
    }

    /// Moves the server's clock to so many seconds from the end.
    fn is_at(&self, seconds: i64) {
        // The clock moves in whole seconds.
        let ahead = (self.end - now_ms() + 999).div_euclid(1000) + seconds;
        self.world
            .move_clock(Duration::from_secs(ahead.try_into().unwrap()));
    }

    /// Every way to read the image with the status that it is answered with; a mount goes to an image named by `number`.
    async fn reads(&self, client: &Client, number: u32) -> Vec<(&'static str, u16)> {
        let (manifest, layer) = (&self.manifest, &self.layer);
        let blob = format!("/v2/team/app/blobs/{layer}");
        let range = client
            .ask(format!("GET {blob}"))
            .header("range", "bytes=1-2")
            .await;
        let mount = format!("POST /v2/guests/copy{number}/blobs/uploads/?mount={layer}&from=team/app");
        let mut reads = vec![("range", range.status), ("mount", client.ask(mount).await.status)];
        for (what, line) in [
            ("manifest by tag", "GET /v2/team/app/manifests/v1".to_owned()),
            (
                "manifest by digest",
                format!("GET /v2/team/app/manifests/{manifest}"),
            ),
            (
                "head of the manifest",
                "HEAD /v2/team/app/manifests/v1".to_owned(),
            ),
            ("blob", format!("GET {blob}")),
            ("head of the blob", format!("HEAD {blob}")),
            ("tags", "GET /v2/team/app/tags/list".to_owned()),
            ("referrers", format!("GET /v2/team/app/referrers/{manifest}")),
        ] {
            reads.push((what, client.ask(line).await.status));
        }
        reads
    }

    /// Whether the image is in the client's catalog.
    async fn is_in_catalog(&self, client: &Client) -> bool {
        let catalog = client.ask("GET /v2/_catalog").await.is(200).json();
        catalog["repositories"]
            .as_array()
            .unwrap()
            .contains(&json!("team/app"))
    }

    /// What a management request of somebody with a password is answered with.
    async fn manage(&self, (account, user): (&str, &str), line: &str, body: &Value) -> (u16, Value) {
        let login = json!({ "auth": {
            "identity": { "methods": ["password"], "password": { "user": {
                "name": user, "password": PASSWORD, "domain": { "name": account } } } },
            "scope": { "project": { "name": "local" } },
        } });
        let token = self.world.admin.anonymous().ask("POST /v3/auth/tokens");
        let token = token
            .header("content-type", "application/json")
            .body(login.to_string());
        let token = token.await.is(201).header("x-subject-token").to_owned();
        let asked = self
            .world
            .admin
            .anonymous()
            .ask(line)
            .header("x-auth-token", token);
        let asked = if body.is_null() {
            asked
        } else {
            asked.body(body.to_string())
        };
        let answer = asked.await;
        let found = serde_json::from_slice(&answer.body).unwrap_or_default();
        (answer.status, found)
    }

    async fn set_deadline(&self, deadline: &str) {
        let terms = json!({ "permit": "read", "deadline": deadline });
        let changed = self
            .manage(("berth", "admin"), &format!("PATCH {SHARE}"), &terms)
            .await;
        assert_eq!(changed.0, 201, "{}", changed.1);
    }

    /// What both sides are told: whether the share is valid, to its owner and in the guest's list.
    async fn told(&self) -> (bool, bool) {
        let (_, row) = self
            .manage(("berth", "admin"), &format!("GET {SHARE}"), &Value::Null)
            .await;
        let list = "GET /v2/manage/shared-repositories?center=thirdparty";
        let (_, rows) = self.manage(("elsewhere", "reader"), list, &Value::Null).await;
        assert_eq!(
            (&row["exist"], &rows[0]["name"]),
            (&json!(true), &json!("app")),
            "{rows}"
        );
        (row["status"] == true, rows[0]["status"] == true)
    }
}

/// Whether all reads were answered, or all refused.
fn expect(reads: &[(&str, u16)], open: bool) {
    for (what, status) in reads {
        let expected = match (*what, open) {
            ("range", true) => 206,
            // What cannot be mounted becomes an upload.
            ("mount", true) => 201,
            ("mount", false) => 202,
            (_, true) => 200,
            (_, false) => 403,
        };
        assert_eq!(*status, expected, "{what}");
    }
}

#[tokio::test]
async fn an_end_is_in_force_at_the_next_request_for_tokens_too() {
    let loan = Loan::start().await;
    loan.is_at(-60);
    let scopes = "repository:team/app:pull repository:guests/copy1:pull,push repository:guests/copy2:pull,push \
        repository:guests/copy3:pull,push registry:catalog:*";
    let token = loan.world.token(&loan.guest, scopes).await;
    expect(&loan.reads(&token, 1).await, true);
    assert!(loan.is_in_catalog(&token).await);
    assert_eq!(loan.told().await, (true, true));

    loan.is_at(1);
    expect(&loan.reads(&token, 2).await, false);
    expect(&loan.reads(&loan.guest, 2).await, false);
    assert!(!loan.is_in_catalog(&token).await);
    assert_eq!(loan.told().await, (false, false));
    // None is given for it any more.
    let late = loan
        .guest
        .ask("GET /token?service=berth&scope=repository%3Ateam%2Fapp%3Apull");
    late.await.refused(401, "DENIED");
    // What was mounted while the share counted is the guest's.
    let mounted = token.ask(format!("GET /v2/guests/copy1/blobs/{}", loan.layer));
    mounted.await.is(200).holds(b"layer");

    // The end can be moved, and the same token opens the image again.
    loan.set_deadline("forever").await;
    expect(&loan.reads(&token, 3).await, true);
    assert!(loan.is_in_catalog(&token).await);
    assert_eq!(loan.told().await, (true, true));
}

#[tokio::test]
async fn a_share_counts_to_the_last_second_of_its_day() {
    let loan = Loan::start().await;
    let pull = async || loan.guest.ask("GET /v2/team/app/manifests/v1").await.status;
    loan.is_at(-10);
    assert_eq!(pull().await, 200);
    loan.is_at(0);
    assert_eq!(pull().await, 403);
    // An end in the past is not set, and one that is over stays as it is.
    let over = json!({ "permit": "read", "deadline": "2020-01-01" });
    let refused = loan
        .manage(("berth", "admin"), &format!("PATCH {SHARE}"), &over)
        .await;
    assert_eq!(refused.0, 400, "{}", refused.1);
    let again = time::UtcDateTime::from_unix_timestamp(loan.end / 1000)
        .unwrap()
        .date();
    loan.set_deadline(&again.to_string()).await;
    assert_eq!(pull().await, 200, "a day more");
    loan.is_at(DAY_MS / 1000);
    assert_eq!(pull().await, 403);
    // While the image is public everybody pulls, and after that nobody does by a share that is over.
    loan.world.publish("team/app").await;
    assert_eq!(pull().await, 200);
    let found = loan.world.metadata.repository("team/app").await.unwrap().unwrap();
    loan.world
        .metadata
        .set_repository_public(found.id, false, 0)
        .await
        .unwrap();
    assert_eq!(pull().await, 403);
}
