//! A stream at one replica tells what the other did, and goes on at the other.

use http::Method;

use super::{Replicas, TEAM};
use crate::installation::{ACCESS_KEY_ID, SECRET_KEY, signature};
use crate::manage::Stream;

const EVENTS: &str = "/v2/manage/events";

async fn listen(address: std::net::SocketAddr, last_id: &str) -> Stream {
    let keys = (ACCESS_KEY_ID, SECRET_KEY);
    let mut headers = signature(address, keys, &Method::GET, (EVENTS, ""));
    headers.insert("last-event-id", last_id.parse().unwrap());
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let asked = client.get(format!("http://{address}{EVENTS}")).headers(headers);
    let response = asked.send().await.unwrap();
    assert_eq!(response.status().as_u16(), 200);
    Stream::new(response)
}

#[tokio::test]
async fn two_servers_hear_each_other() {
    let replicas = Replicas::start();
    let addresses = [replicas.first.address, replicas.second.as_ref().unwrap().address];
    let image = format!("{TEAM}/app");
    let mut last_id = String::new();
    let mut round = 0;
    for (from, to) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
        let mut stream = listen(addresses[to], &last_id).await;
        let (name, _) = stream.next().await.unwrap();
        assert_eq!(name, if round == 0 { "reset" } else { "ready" }, "{from} {to}");
        for _ in 0..3 {
            round += 1;
            let client = if from == 0 { &replicas.a } else { &replicas.b };
            client.push_image(&image, &format!("v{round}"), b"layer").await;
            stream.until(&format!("tag moved {TEAM} app v{round}")).await;
        }
        last_id.clone_from(&stream.last_id);
        drop(stream);
        // While nobody listens.
        round += 1;
        replicas
            .a
            .push_image(&image, &format!("v{round}"), b"layer")
            .await;
        let mut stream = listen(addresses[1 - to], &last_id).await;
        assert_eq!(stream.next().await.unwrap().0, "ready");
        stream.until(&format!("tag moved {TEAM} app v{round}")).await;
        last_id.clone_from(&stream.last_id);
    }
}
