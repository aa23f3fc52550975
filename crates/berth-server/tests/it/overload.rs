//! More requests than a server works on at once: those inside go on, the others are told to come back, and afterwards all is as
//! before.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use berth_oci::media_type;

use crate::client::Answer;
use crate::content::{CONFIG, bytes, digest, image, written};
use crate::world::World;

/// One request and one upload at a time, and nobody waits.
const NARROW: &[&str] = &[
    "--limits-requests-max",
    "1",
    "--limits-uploads-max",
    "1",
    "--limits-request-wait-max",
    "1ms",
];

/// A request that is being answered, and half of whose body is sent.
struct Held {
    stream: TcpStream,
    rest: Vec<u8>,
}

impl Held {
    fn send(world: &World, line: &str, kind: &str, body: &[u8]) -> Self {
        let mut stream = TcpStream::connect(world.address()).unwrap();
        let authorization = world.admin.authorization.as_deref().unwrap();
        let head = format!(
            "{line} HTTP/1.1\r\nHost: here\r\nAuthorization: {authorization}\r\nContent-Type: {kind}\r\n\
             Content-Length: {}\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n",
            body.len()
        );
        let (first, rest) = body.split_at(body.len() / 2);
        stream.write_all(head.as_bytes()).unwrap();
        // Who is asked for a body is inside.
        let mut asked = [0; 25];
        stream.read_exact(&mut asked).unwrap();
        assert_eq!(&asked, b"HTTP/1.1 100 Continue\r\n\r\n");
        stream.write_all(first).unwrap();
        Self {
            stream,
            rest: rest.to_vec(),
        }
    }

    /// Sends the rest and answers the answer's first line.
    fn finish(mut self) -> String {
        self.stream.write_all(&self.rest).unwrap();
        let mut answer = String::new();
        self.stream.read_to_string(&mut answer).unwrap();
        answer.lines().next().unwrap().to_owned()
    }
}

fn seconds_to_wait(answer: &Answer) -> u64 {
    answer.header("retry-after").parse().unwrap()
}

#[tokio::test]
async fn beyond_its_bound_a_server_tells_requests_when_to_come_back() {
    let world = World::start_with(NARROW).await;
    let admin = &world.admin;
    admin.push_image("team/app", "v1", b"layer").await;
    let manifest = written(&image(&[b"layer"]));
    let line = "PUT /v2/team/app/manifests/v2";
    let held = Held::send(&world, line, media_type::OCI_MANIFEST, &manifest);

    for (line, of_management) in [
        ("GET /v2/", false),
        ("GET /token", false),
        ("HEAD /v2/team/app/manifests/v1", false),
        ("GET /v2/team/app/manifests/v1", false),
        ("POST /v2/team/app/blobs/uploads/", false),
        ("GET /v2/manage/namespaces", true),
        ("GET /v3/auth/projects", true),
    ] {
        let answer = admin.ask(line).await.is(503);
        assert!((1..=5).contains(&seconds_to_wait(&answer)), "{line}");
        assert!(!answer.header("x-request-id").is_empty(), "{line}");
        if line.starts_with("HEAD") {
            continue;
        }
        let wanted = format!("try again in {} s", seconds_to_wait(&answer));
        // Clients of each API read it where they look for errors.
        let (code, texts) = if of_management {
            let body = answer.json();
            let texts = [
                body["error_msg"].clone(),
                body["errors"][0]["errorMessage"].clone(),
                body["error"]["message"].clone(),
            ];
            (body["error_code"].clone(), texts.to_vec())
        } else {
            let answer = answer.refused(503, "TOOMANYREQUESTS");
            let error = answer.errors().remove(0);
            (error["code"].clone(), vec![error["message"].clone()])
        };
        assert_eq!(of_management, code == "SVCSTG.SWR.5030000", "{line}: {code}");
        for text in texts {
            assert!(text.as_str().unwrap().ends_with(&wanted), "{line}: {text}");
        }
    }
    // Who watches the server hears that it lives.
    for path in ["/livez", "/readyz"] {
        admin.ask(format!("GET {path}")).await.is(200);
    }

    assert_eq!(held.finish(), "HTTP/1.1 201 Created");
    for tag in ["v1", "v2"] {
        admin
            .ask(format!("GET /v2/team/app/manifests/{tag}"))
            .await
            .is(200);
    }
    let log = world.end();
    let told = log.matches("more requests come than can be answered").count();
    assert_eq!(told, 1, "{log}");
}

#[tokio::test]
async fn uploads_beyond_their_bound_leave_nothing_and_keep_nobody_waiting() {
    let world = World::start_with(NARROW).await;
    let admin = &world.admin;
    admin.push_image("team/app", "v1", b"layer").await;
    let (running, other) = (bytes(1, 1 << 20), bytes(2, 1 << 20));
    let upload = admin.start_upload("team/app").await;
    let before = world.stored_files();

    let held = Held::send(
        &world,
        &format!("PUT {upload}?digest={}", digest(&running)),
        "application/octet-stream",
        &running,
    );
    let at_once = format!("POST /v2/team/app/blobs/uploads/?digest={}", digest(&other));
    let unfinished = world.metadata.expired_uploads(i64::MAX, 100).await.unwrap();
    for _ in 0..3 {
        let answer = admin.ask(&at_once).body(other.clone()).await;
        answer.refused(503, "TOOMANYREQUESTS");
    }
    assert_eq!(
        world.metadata.expired_uploads(i64::MAX, 100).await.unwrap().len(),
        unfinished.len()
    );

    // Small requests do not wait behind it.
    admin.ask("GET /v2/team/app/manifests/v1").await.is(200);
    admin.push_blob("team/app", b"another layer").await;
    admin
        .push_manifest("team/app", "v2", &image(&[b"another layer"]))
        .await;
    let small = digest(CONFIG);
    admin.ask(format!("GET /v2/team/app/blobs/{small}")).await.is(200);

    assert_eq!(held.finish(), "HTTP/1.1 201 Created");
    admin.ask(&at_once).body(other.clone()).await.is(201);
    for bytes in [running, other] {
        let line = format!("GET /v2/team/app/blobs/{}", digest(&bytes));
        assert_eq!(admin.ask(line).await.is(200).body, bytes);
    }
    let unfinished = world.metadata.expired_uploads(i64::MAX, 100).await.unwrap();
    assert_eq!(unfinished.len(), 0);
    // The held one, the refused one, and a layer.
    assert_eq!(world.stored_files().len(), before.len() + 3);
}

#[tokio::test]
async fn who_comes_in_the_meantime_waits_for_a_turn() {
    let flags = [&NARROW[..4], &["--limits-request-wait-max", "10m"]].concat();
    let world = World::start_with(&flags).await;
    let admin = &world.admin;
    admin.push_image("team/app", "v1", b"layer").await;
    let manifest = written(&image(&[b"layer"]));
    let line = "PUT /v2/team/app/manifests/v2";
    let held = Held::send(&world, line, media_type::OCI_MANIFEST, &manifest);
    let waiting = (0..8).map(|_| {
        let admin = admin.clone();
        tokio::spawn(async move { admin.ask("GET /v2/team/app/manifests/v1").await.is(200) })
    });
    let waiting: Vec<_> = waiting.collect();
    assert_eq!(held.finish(), "HTTP/1.1 201 Created");
    for answer in waiting {
        answer.await.unwrap();
    }
    admin.ask("GET /v2/team/app/manifests/v2").await.is(200);
}
