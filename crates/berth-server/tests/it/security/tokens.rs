//! What opens one door at another: each credential is shown wherever the others are taken, and tokens are forged.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use berth_agent::wire::{Join, Moved, Peer};
use jsonwebtoken::{Algorithm, EncodingKey};
use serde_json::{Value, json};

use crate::client::Client;
use crate::content::{bytes, digest};
use crate::installation::{ACCESS_KEY_ID, LOGIN_KEY, PASSWORD, SECRET_KEY, basic};
use crate::world::World;

/// An IAM token of somebody with a password.
pub(super) async fn iam_token(world: &World, (account, user): (&str, &str), password: &str) -> String {
    let user = json!({ "name": user, "password": password, "domain": { "name": account } });
    let identity = json!({ "methods": ["password"], "password": { "user": user } });
    let asked = world.admin.anonymous().ask("POST /v3/auth/tokens");
    let body = json!({ "auth": { "identity": identity } }).to_string();
    let answer = asked.body(body).await;
    answer.find("x-subject-token").unwrap_or_default().to_owned()
}

/// The cookie's value and the proof of a new session of the administrator.
async fn session(world: &World) -> (String, String) {
    let body = json!({ "account": "berth", "user": "admin", "password": PASSWORD }).to_string();
    let asked = world.admin.anonymous().ask("POST /v2/manage/sessions");
    let opened = asked
        .header("content-type", "application/json")
        .body(body)
        .await
        .is(201);
    let cookie = opened.header("set-cookie").split(';').next().unwrap();
    let secret = cookie.split_once('=').unwrap().1.to_owned();
    (secret, opened.json()["csrf_token"].as_str().unwrap().to_owned())
}

/// A ticket with which agents get chunks of a blob from one another.
async fn ticket(world: &World) -> String {
    let layer = bytes(1, 5_000_000);
    world.admin.push_image("team/large", "v1", &layer).await;
    let join = Join {
        peer: Peer {
            id: "node-1".to_owned(),
            address: "10.0.0.1:7001".to_owned(),
            fingerprint: "0".repeat(64),
        },
        have: None,
        want: 1,
        failed: Vec::new(),
        table: false,
        moved: Moved::default(),
    };
    let line = format!("POST /v2/team/large/_berth/swarm/{}", digest(&layer));
    let body = serde_json::to_vec(&join).unwrap();
    let answer = world.admin.ask(line).body(body).await.is(200);
    answer.json()["ticket"].as_str().unwrap().to_owned()
}

async fn registry_token(world: &World) -> String {
    let scopes = "repository:team/app:pull,push,delete registry:catalog:*";
    let holder = world.token(&world.admin, scopes).await;
    holder
        .authorization
        .unwrap()
        .split_once(' ')
        .unwrap()
        .1
        .to_owned()
}

/// The doors that are opened by one kind of credential each, or by none: whether this one does.
async fn opened(world: &World, credential: &str) -> Vec<&'static str> {
    let nobody = world.admin.anonymous();
    let bearer = format!("Bearer {credential}");
    let with = nobody.with(&bearer);
    let manage = "GET /v2/manage/namespaces";
    let key = nobody.with(&basic(&format!("local@{ACCESS_KEY_ID}"), credential));
    let doors = [
        ("registry", with.ask("GET /v2/_catalog")),
        ("bearer at the management API", with.ask(manage)),
        ("bearer at IAM", with.ask("GET /v3/auth/domains")),
        (
            "bearer for a token",
            with.ask("GET /token?scope=repository:team/app:pull"),
        ),
        (
            "management",
            nobody.ask(manage).header("x-auth-token", credential),
        ),
        (
            "iam",
            nobody
                .ask("GET /v3/auth/domains")
                .header("x-auth-token", credential),
        ),
        (
            "session",
            nobody
                .ask(manage)
                .header("cookie", format!("berth_session={credential}")),
        ),
        (
            "session's proof",
            nobody.ask(manage).header("x-csrf-token", credential),
        ),
        ("login key", key.ask("GET /v2/_catalog")),
        ("replica", with.ask("POST /v2/_berth/swarm/replica")),
        (
            "replica, as it is",
            nobody.with(credential).ask("POST /v2/_berth/swarm/replica"),
        ),
    ];
    let mut opened = Vec::new();
    for (door, asked) in doors {
        let answer = asked.await;
        assert!(
            matches!(answer.status, 200 | 401 | 404),
            "{door}: {}",
            answer.status
        );
        if answer.status == 200 {
            opened.push(door);
        }
    }
    opened
}

#[tokio::test]
async fn what_opens_one_door_opens_no_other() {
    let world = World::start().await;
    world.admin.push_image("team/app", "v1", b"layer").await;
    let (session, proof) = session(&world).await;
    let preheats = json!({ "id": "x" }).to_string();
    for (credential, doors) in [
        (registry_token(&world).await, &["registry"][..]),
        (
            iam_token(&world, ("berth", "admin"), PASSWORD).await,
            &["management", "iam"],
        ),
        (session.clone(), &["session"]),
        (proof, &[]),
        (ticket(&world).await, &[]),
        (LOGIN_KEY.to_owned(), &["login key"]),
        (SECRET_KEY.to_owned(), &[]),
        (ACCESS_KEY_ID.to_owned(), &[]),
        (PASSWORD.to_owned(), &[]),
        (preheats, &[]),
        ("null".to_owned(), &[]),
        // Nothing is stored that would do for the secret.
        (stored_session(&session), &[]),
    ] {
        assert_eq!(opened(&world, &credential).await, doors, "{credential}");
    }
}

/// What the database has of a session.
fn stored_session(secret: &str) -> String {
    digest(secret.as_bytes()).split_once(':').unwrap().1.to_owned()
}

fn decoded(part: &str) -> Value {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}

fn encoded(document: &Value) -> String {
    URL_SAFE_NO_PAD.encode(document.to_string())
}

/// Header and claims, signed.
fn signed(header: &Value, claims: &Value, key: &EncodingKey, algorithm: Algorithm) -> String {
    let message = format!("{}.{}", encoded(header), encoded(claims));
    let signature = jsonwebtoken::crypto::sign(message.as_bytes(), key, algorithm).unwrap();
    format!("{message}.{signature}")
}

/// A token as an attacker sees it.
struct Seen<'a> {
    token: &'a str,
    /// Its three parts as they are.
    parts: [&'a str; 3],
    header: Value,
    claims: Value,
}

/// What was forged, and the token.
type Forged = (String, String);

impl<'a> Seen<'a> {
    fn of(token: &'a str) -> Self {
        let parts: Vec<&str> = token.split('.').collect();
        let parts: [&str; 3] = parts.try_into().unwrap();
        Self {
            token,
            parts,
            header: decoded(parts[0]),
            claims: decoded(parts[1]),
        }
    }

    /// The header with another field.
    fn with(&self, field: &str, value: Value) -> Value {
        let mut changed = self.header.clone();
        changed[field] = value;
        changed
    }

    fn other_algorithms(&self) -> Vec<Forged> {
        let [_, payload, signature] = self.parts;
        let mut made = Vec::new();
        for algorithm in [
            "none", "None", "NONE", "", "RS256", "HS256", "PS256", "ES384", "EdDSA",
        ] {
            let header = encoded(&self.with("alg", json!(algorithm)));
            for rest in [
                format!(".{payload}.{signature}"),
                format!(".{payload}."),
                format!(".{payload}"),
            ] {
                made.push((format!("alg {algorithm}"), format!("{header}{rest}")));
            }
        }
        made
    }

    /// The public key as the secret of a MAC, in each form that it has.
    fn macs(&self, keys: &Value) -> Vec<Forged> {
        let mut keys = keys["keys"].as_array().unwrap().iter();
        let key = keys.find(|key| key["kid"] == self.header["kid"]).unwrap();
        let coordinate = |name: &str| URL_SAFE_NO_PAD.decode(key[name].as_str().unwrap()).unwrap();
        let point = [vec![4], coordinate("x"), coordinate("y")].concat();
        let header = self.with("alg", json!("HS256"));
        [
            ("point", point.clone()),
            ("coordinates", point[1..].to_vec()),
            ("jwk", key.to_string().into_bytes()),
            ("key id", key["kid"].as_str().unwrap().as_bytes().to_vec()),
            ("nothing", Vec::new()),
        ]
        .into_iter()
        .map(|(what, secret)| {
            let secret = EncodingKey::from_secret(&secret);
            let forged = signed(&header, &self.claims, &secret, Algorithm::HS256);
            (format!("HS256 with {what}"), forged)
        })
        .collect()
    }

    /// A key of the attacker's own, named in each way.
    fn own_keys(&self) -> Vec<Forged> {
        let own = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
        let key = EncodingKey::from_ec_der(&own.serialize_der());
        let raw = own.public_key_raw();
        let jwk = json!({ "kty": "EC", "crv": "P-256", "x": URL_SAFE_NO_PAD.encode(&raw[1..33]),
            "y": URL_SAFE_NO_PAD.encode(&raw[33..]), "kid": "own" });
        [
            ("the right id", self.header.clone()),
            ("another id", self.with("kid", json!("own"))),
            ("no id", self.with("kid", Value::Null)),
            (
                "a path for an id",
                self.with("kid", json!("../../../../dev/null")),
            ),
            ("a statement for an id", self.with("kid", json!("' OR 1=1 --"))),
            ("the key in it", self.with("jwk", jwk)),
            (
                "an address of keys",
                self.with("jku", json!("http://127.0.0.1:1/keys")),
            ),
            (
                "a certificate",
                self.with("x5u", json!("http://127.0.0.1:1/certificate")),
            ),
        ]
        .into_iter()
        .map(|(what, header)| {
            let forged = signed(&header, &self.claims, &key, Algorithm::ES256);
            (format!("own key, {what}"), forged)
        })
        .collect()
    }

    /// The right signature of something else, and wrong ones of this.
    fn altered(&self) -> Vec<Forged> {
        let [header, payload, signature] = self.parts;
        let token = self.token;
        let everything =
            json!([{ "type": "repository", "name": "team/app", "actions": ["pull", "push", "delete"] }]);
        let mut made = Vec::new();
        for (field, value) in [
            ("sub", json!("somebody")),
            ("aud", json!("elsewhere")),
            ("exp", json!(9_999_999_999_i64)),
            ("access", everything),
            ("credential", Value::Null),
        ] {
            let mut claims = self.claims.clone();
            claims[field] = value;
            made.push((
                format!("altered {field}"),
                format!("{header}.{}.{signature}", encoded(&claims)),
            ));
        }
        let zeros = URL_SAFE_NO_PAD.encode([0; 64]);
        for (what, forged) in [
            ("no signature", format!("{header}.{payload}.")),
            ("zeros", format!("{header}.{payload}.{zeros}")),
            ("half", format!("{header}.{payload}.{}", &signature[..43])),
            ("more", format!("{token}.{signature}")),
            ("padded", format!("{token}==")),
            ("another case", token.to_uppercase()),
            ("long", format!("{token}{}", "A".repeat(40_000))),
        ] {
            made.push((what.to_owned(), forged));
        }
        made
    }
}

/// What an attacker makes of a token and the public keys.
fn forgeries(token: &str, keys: &Value) -> Vec<Forged> {
    let seen = Seen::of(token);
    [
        seen.other_algorithms(),
        seen.macs(keys),
        seen.own_keys(),
        seen.altered(),
    ]
    .concat()
}

#[tokio::test]
async fn no_forged_token_is_taken() {
    let world = World::start().await;
    world.admin.push_image("team/app", "v1", b"layer").await;
    let nobody = world.admin.anonymous();
    let keys = nobody.ask("GET /v2/_berth/swarm/key").await.is(200).json();
    let narrow = world.token(&world.admin, "repository:team/app:pull").await;
    let narrow = narrow
        .authorization
        .unwrap()
        .split_once(' ')
        .unwrap()
        .1
        .to_owned();
    for (what, forged) in forgeries(&narrow, &keys) {
        let answer = nobody.with(&format!("Bearer {forged}")).ask("GET /v2/").await;
        let answer = answer.refused(401, "UNAUTHORIZED");
        assert!(
            answer
                .header("www-authenticate")
                .ends_with("error=\"invalid_token\""),
            "{what}"
        );
    }
    let iam = iam_token(&world, ("berth", "admin"), PASSWORD).await;
    for (what, forged) in forgeries(&iam, &keys) {
        let asked = nobody
            .ask("GET /v2/manage/namespaces")
            .header("x-auth-token", forged);
        assert_eq!(asked.await.status, 401, "{what}");
    }
    nobody
        .with(&format!("Bearer {narrow}"))
        .ask("GET /v2/")
        .await
        .is(200);
}

#[tokio::test]
async fn a_token_of_another_registry_is_none_here() {
    let (here, there) = (World::start().await, World::start().await);
    for world in [&here, &there] {
        world.admin.push_image("team/app", "v1", b"layer").await;
    }
    let token = registry_token(&there).await;
    let (kid, own) = (kid(&registry_token(&here).await), kid(&token));
    assert_ne!(kid, own);
    // Under the name of the key that is right here, too.
    let renamed = {
        let (header, rest) = token.split_once('.').unwrap();
        let mut header = decoded(header);
        header["kid"] = json!(kid);
        format!("{}.{rest}", encoded(&header))
    };
    let nobody = here.admin.anonymous();
    let lines = ["GET /v2/", "GET /v2/_catalog", "GET /v2/team/app/manifests/v1"];
    for token in [token, renamed] {
        let client: Client = nobody.with(&format!("Bearer {token}"));
        for line in lines {
            client.ask(line).await.refused(401, "UNAUTHORIZED");
        }
    }
    let iam = iam_token(&there, ("berth", "admin"), PASSWORD).await;
    let asked = nobody
        .ask("GET /v2/manage/namespaces")
        .header("x-auth-token", iam);
    asked.await.is(401);
    let (session, proof) = session(&there).await;
    let asked = nobody
        .ask("GET /v2/manage/namespaces")
        .header("cookie", format!("berth_session={session}"));
    asked.header("x-csrf-token", proof).await.is(401);
}

fn kid(token: &str) -> String {
    decoded(token.split('.').next().unwrap())["kid"]
        .as_str()
        .unwrap()
        .to_owned()
}
