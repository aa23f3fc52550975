//! What went wrong once, named by it.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

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
