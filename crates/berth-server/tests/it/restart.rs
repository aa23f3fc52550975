//! A restart in the middle of an upload, as a client that speaks the distribution API meets it.

use http::StatusCode;
use reqwest::{Body, Client, Response};
use rustix::process::Signal;

use crate::berth::{Place, Server};

const GIVEN: [(&str, &str); 2] = [
    ("BERTH_ADMIN_USER", "admin"),
    ("BERTH_ADMIN_PASSWORD", "hush-password"),
];
/// More than the server keeps in memory for one upload, so that some of it is on the disk.
const CHUNK: usize = 32 << 20;

/// A body that hands over one chunk, and then waits until the sender is dropped.
fn chunk_and_wait(chunk: Vec<u8>) -> (Body, tokio::sync::oneshot::Sender<()>) {
    let (done, waiting) = tokio::sync::oneshot::channel::<()>();
    let parts = futures_util::stream::unfold((Some(chunk), Some(waiting)), async |(chunk, waiting)| {
        if let Some(chunk) = chunk {
            return Some((Ok::<_, std::io::Error>(chunk), (None, waiting)));
        }
        let _ = waiting?.await;
        None
    });
    (Body::wrap_stream(parts), done)
}

fn header(answer: &Response, name: &str) -> String {
    answer.headers()[name].to_str().unwrap().to_owned()
}

async fn ask(request: reqwest::RequestBuilder) -> Response {
    request
        .basic_auth("berth/admin", Some("hush-password"))
        .send()
        .await
        .unwrap()
}

fn start(place: &Place) -> (Server, String) {
    let server = place.serve_with(&["--limits-shutdown-grace", "1ms"], &GIVEN);
    let url = format!("http://{}", server.address);
    (server, url)
}

/// The upload's path and the query it may have, on whatever address the server has now.
fn path(location: &str) -> String {
    let uri: http::Uri = location.parse().unwrap();
    uri.path_and_query().unwrap().to_string()
}

#[tokio::test]
async fn an_upload_goes_on_after_a_restart_from_where_it_was() {
    let place = Place::new();
    let (server, url) = start(&place);
    let made = place.run(&["admin", "org", "create", "demo", "--account", "berth"], &GIVEN);
    assert!(made.status.success(), "{}", made.err);
    let client = Client::new();
    let begun = ask(client.post(format!("{url}/v2/demo/app/blobs/uploads/"))).await;
    assert_eq!(begun.status(), StatusCode::ACCEPTED);
    let upload = path(&header(&begun, "location"));

    let (body, unfinished) = chunk_and_wait(vec![b'a'; CHUNK]);
    let sending = tokio::spawn(ask(client.patch(format!("{url}{upload}")).body(body)));
    // Bytes are on the disk: the request is in the middle of its body.
    let uploads = place.0.path().join("data/storage/uploads");
    while !holds_bytes(&uploads) {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    server.signal(Signal::TERM);
    let cut = sending.await.unwrap();
    assert_eq!(cut.status(), StatusCode::SERVICE_UNAVAILABLE);
    drop(unfinished);
    let ended = server.end();
    assert!(ended.status.success(), "{}", ended.err);

    let (server, url) = start(&place);
    let standing = ask(client.get(format!("{url}{upload}"))).await;
    assert_eq!(standing.status(), StatusCode::NO_CONTENT);
    let range = header(&standing, "range");
    let last = range
        .strip_prefix("0-")
        .expect("a range from the start")
        .parse::<usize>()
        .unwrap();
    assert!(last < CHUNK, "{range}");
    let upload = path(&header(&standing, "location"));
    let whole = [vec![b'a'; CHUNK], vec![b'b'; 1000]].concat();
    let digest = berth_oci::Digest::of(berth_oci::Algorithm::Sha256, &whole);
    let join = if upload.contains('?') { '&' } else { '?' };
    let closing = client
        .put(format!("{url}{upload}{join}digest={digest}"))
        .body(whole[last + 1..].to_vec());
    assert_eq!(ask(closing).await.status(), StatusCode::CREATED);
    let pulled = ask(client.get(format!("{url}/v2/demo/app/blobs/{digest}"))).await;
    assert_eq!(pulled.bytes().await.unwrap(), whole);
    assert!(server.stop().status.success());
}

/// Whether a file in the folder has any.
fn holds_bytes(folder: &std::path::Path) -> bool {
    let files = std::fs::read_dir(folder).into_iter().flatten().flatten();
    files
        .filter_map(|file| file.metadata().ok())
        .any(|file| file.len() > 0)
}
