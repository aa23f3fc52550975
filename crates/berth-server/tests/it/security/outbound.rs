//! Places that the registry is to reach for somebody: none of its own machine or network is reached, however it is written
//! and whoever leads there. Webhooks are tried in `webhooks`, regions in `syncing`, the guard itself in berth-registry.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use http::Method;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::installation::{ACCESS_KEY_ID, Answer, SECRET_KEY};
use crate::world::World;

/// Somebody who listens, and counts who comes.
struct Listener {
    address: SocketAddr,
    came: Arc<AtomicUsize>,
}

impl Listener {
    /// Answers everything so.
    async fn start(host: &str, answer: String) -> Self {
        let listener = TcpListener::bind((host, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let came = Arc::<AtomicUsize>::default();
        let count = Arc::clone(&came);
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                count.fetch_add(1, Ordering::SeqCst);
                let mut head = [0; 4096];
                let _ = stream.read(&mut head).await;
                let _ = stream.write_all(answer.as_bytes()).await;
            }
        });
        Self { address, came }
    }

    fn came(&self) -> usize {
        self.came.load(Ordering::SeqCst)
    }
}

async fn manage(world: &World, method: Method, target: &str, body: &Value) -> Answer {
    let keys = (ACCESS_KEY_ID, SECRET_KEY);
    world.signed(keys, method, (target, &body.to_string())).await
}

/// Ways to write where the registry itself is, or a cloud tells secrets.
const HOSTS: &[&str] = &[
    "127.0.0.1",
    "localhost",
    "localhost.",
    "LOCALHOST",
    "127.1",
    "127.0.1",
    "2130706433",
    "0x7f000001",
    "0x7f.1",
    "0177.0.0.1",
    "017700000001",
    "127.0.0.1.",
    "0.0.0.0",
    "0",
    "[::1]",
    "[::]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[::127.0.0.1]",
    "[64:ff9b::7f00:1]",
    "[2002:7f00:1::]",
    "[0:0:0:0:0:0:0:1]",
    "169.254.169.254",
    "[::ffff:169.254.169.254]",
    "2852039166",
    "100.100.100.200",
    "[fd00:ec2::254]",
    "[fe80::1]",
    "224.0.0.1",
    "255.255.255.255",
];

#[tokio::test]
async fn no_writing_of_an_address_leads_to_the_registrys_own_machine() {
    let world = World::start().await;
    let victim = Listener::start(
        "127.0.0.1",
        "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n".to_owned(),
    )
    .await;
    let port = victim.address.port();
    for (number, host) in HOSTS.iter().enumerate() {
        let url = format!("http://{host}:{port}");
        let cluster = json!({ "cluster_name": format!("c{number}"), "server": url, "token": "abc" });
        let region =
            json!({ "regionID": format!("r{number}"), "registryURL": url, "username": "a", "password": "b" });
        for (target, body) in [("/v2/manage/clusters", cluster), ("/v2/manage/regions", region)] {
            let refused = manage(&world, Method::POST, target, &body).await;
            assert_eq!(refused.status.as_u16(), 400, "{host} {target}: {}", refused.text);
        }
        let organization = format!("hub{number}");
        world.organization(&organization).await;
        let mirror = json!({ "name": organization, "namespace": organization, "registry": format!("r{number}.test"),
            "url": url, "username": "a", "password": "b" });
        let made = manage(&world, Method::POST, "/v2/manage/mirrors", &mirror).await;
        let line = format!("GET /v2/{organization}/library/app/manifests/v1");
        let pulled = world.admin.ask(line).await;
        assert!(
            made.status.as_u16() == 400 || pulled.status >= 400,
            "{host}: {} {}",
            made.status,
            pulled.status
        );
    }
    assert_eq!(victim.came(), 0);
}

#[tokio::test]
async fn who_may_be_reached_leads_to_nobody_who_may_not() {
    let world = World::start_with(&["--outbound-allow", "127.0.0.1/32"]).await;
    let victim = Listener::start(
        "127.0.0.2",
        "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n".to_owned(),
    )
    .await;
    let there = format!("127.0.0.2:{}", victim.address.port());
    let end = "content-length: 0\r\nconnection: close\r\n\r\n";
    for (number, answer) in [
        format!("302 Found\r\nlocation: http://{there}/latest/meta-data/\r\n"),
        format!("301 Moved Permanently\r\nlocation: //{there}/\r\n"),
        format!("307 Temporary Redirect\r\nlocation: http://a:b@{there}/\r\n"),
        format!(
            "308 Permanent Redirect\r\nlocation: http://[::ffff:7f00:2]:{}/\r\n",
            victim.address.port()
        ),
        format!(
            "303 See Other\r\nlocation: http://2130706434:{}/\r\n",
            victim.address.port()
        ),
        "302 Found\r\nlocation: file:///etc/passwd\r\n".to_owned(),
        "302 Found\r\nlocation: gopher://127.0.0.2:1/\r\n".to_owned(),
        format!(
            "401 Unauthorized\r\nwww-authenticate: Bearer realm=\"http://{there}/token\",service=\"x\"\r\n"
        ),
        format!("401 Unauthorized\r\nwww-authenticate: Bearer realm=\"//{there}/token\",service=\"x\"\r\n"),
    ]
    .into_iter()
    .enumerate()
    {
        let leading = Listener::start("127.0.0.1", format!("HTTP/1.1 {answer}{end}")).await;
        let url = format!("http://{}", leading.address);
        let organization = format!("hub{number}");
        world.organization(&organization).await;
        let mirror = json!({ "name": organization, "namespace": organization, "registry": format!("r{number}.test"),
            "url": url, "username": "a", "password": "b" });
        let made = manage(&world, Method::POST, "/v2/manage/mirrors", &mirror).await;
        assert_eq!(made.status.as_u16(), 201, "{}", made.text);
        for path in [
            "library/app/manifests/v1",
            "library/app/tags/list",
            "library/app/blobs/sha256:0000000000000000000000000000000000000000000000000000000000000000",
        ] {
            let pulled = world.admin.ask(format!("GET /v2/{organization}/{path}")).await;
            assert!(pulled.status >= 400, "{answer}: {}", pulled.status);
        }
        assert!(leading.came() > 0, "{answer}");
        let region =
            json!({ "regionID": format!("r{number}"), "registryURL": url, "username": "a", "password": "b" });
        let refused = manage(&world, Method::POST, "/v2/manage/regions", &region).await;
        assert_eq!(refused.status.as_u16(), 400, "{answer}: {}", refused.text);
        let cluster = json!({ "cluster_name": format!("c{number}"), "server": url, "token": "abc" });
        let refused = manage(&world, Method::POST, "/v2/manage/clusters", &cluster).await;
        assert_eq!(refused.status.as_u16(), 400, "{answer}: {}", refused.text);
    }
    assert_eq!(victim.came(), 0);
}
