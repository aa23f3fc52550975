//! Bytes on a socket, where clients would put in order what they are given.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// Far longer than anything here takes.
const PATIENCE: Duration = Duration::from_mins(1);

/// Sends bytes and reads until the server closes the connection, which it must.
pub(super) fn exchange(address: SocketAddr, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    // Who was refused already may be cut off while the rest is sent.
    let _ = stream.write_all(bytes);
    let mut answer = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => answer.extend_from_slice(&buffer[..count]),
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => break,
            Err(error) => panic!(
                "{error}: the connection stays open after {:?} was answered {:?}",
                String::from_utf8_lossy(bytes),
                String::from_utf8_lossy(&answer)
            ),
        }
    }
    String::from_utf8_lossy(&answer).into_owned()
}

/// A request for a target as it stands, with this `Authorization`, none when that is empty. The connection ends after it.
pub(super) fn asked(address: SocketAddr, line: &str, headers: &str) -> (u16, String) {
    let request = format!("{line} HTTP/1.1\r\nHost: {address}\r\n{headers}Connection: close\r\n\r\n");
    let answer = exchange(address, request.as_bytes());
    (status(&answer), answer)
}

/// The status of the first answer; 0 when there is none.
pub(super) fn status(answer: &str) -> u16 {
    let code = answer.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3));
    code.map_or(0, |code| code.parse().unwrap())
}
