//! What went wrong once, named by it.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};

use http::{Method, StatusCode};

use crate::berth::Place;
use crate::installation::Installation;

#[tokio::test]
async fn anybody_could_make_the_server_hold_manifests_in_memory() {
    let installation = Installation::start();
    for scheme in ["", "Authorization: Bearer none-of-ours\r\n"] {
        let mut connection = TcpStream::connect(installation.server.address).unwrap();
        let head = format!(
            "PUT /v2/group/app/manifests/v1 HTTP/1.1\r\nHost: here\r\n{scheme}Content-Length: 4000000\r\n\
             Expect: 100-continue\r\n\r\n"
        );
        connection.write_all(head.as_bytes()).unwrap();
        let mut start = [0; 12];
        connection.read_exact(&mut start).unwrap();
        assert_eq!(String::from_utf8_lossy(&start), "HTTP/1.1 401", "{scheme}");
    }
}

#[test]
fn a_data_folder_that_was_there_let_everybody_read_the_database() {
    let place = Place::new();
    let folder = place.0.path().join("data");
    std::fs::DirBuilder::new().mode(0o755).create(&folder).unwrap();
    place.serve(&[]).stop();
    for name in ["berth.db", "master.key", "storage", "storage/blobs"] {
        let mode = std::fs::metadata(folder.join(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{name} has mode {mode:o}");
    }
}

#[tokio::test]
async fn a_method_that_is_not_allowed_had_no_error_code_for_sdks() {
    let installation = Installation::start();
    let answer = installation
        .signed(Method::PUT, "/v2/manage/namespaces/group", "{}")
        .await;
    assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(answer.header("allow"), "GET,HEAD,DELETE");
    assert!(answer.json()["error_code"].is_string(), "{answer:?}");
}

#[test]
fn a_fresh_database_would_have_deleted_the_blobs_of_another() {
    let place = Place::new();
    place.serve(&[]).stop();
    for name in ["berth.db", "berth.db-wal", "berth.db-shm"] {
        // After a clean end there may be no log.
        let _ = std::fs::remove_file(place.0.path().join("data").join(name));
    }
    let ended = place.run(&["serve", "--listen", "127.0.0.1:0"], &[]);
    assert!(!ended.status.success());
    assert!(ended.err.contains("belong to another registry"), "{}", ended.err);
}
