//! One connection that asks for one thing at a time: what the server does besides would be counted.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};

/// A kept connection.
pub(super) struct Connection {
    stream: BufReader<TcpStream>,
    host: SocketAddr,
}

/// An answer, read whole.
pub(super) struct Answer {
    pub(super) head: String,
    pub(super) body: Vec<u8>,
}

impl Answer {
    pub(super) fn header(&self, wanted: &str) -> Option<&str> {
        let fields = self.head.lines().filter_map(|line| line.split_once(": "));
        let mut found = fields.filter(|(name, _)| name.eq_ignore_ascii_case(wanted));
        found.next().map(|(_, value)| value.trim())
    }
}

impl Connection {
    pub(super) fn to(host: SocketAddr) -> Self {
        let stream = TcpStream::connect(host).unwrap();
        stream.set_nodelay(true).unwrap();
        Self {
            stream: BufReader::new(stream),
            host,
        }
    }

    /// Sends a request, given as its line without the version; it must be answered with this status.
    pub(super) fn ask(&mut self, line: &str, headers: &[(&str, &str)], body: &[u8], status: u16) -> Answer {
        let mut request = Vec::new();
        let length = body.len();
        write!(
            request,
            "{line} HTTP/1.1\r\nHost: {}\r\nContent-Length: {length}\r\n",
            self.host
        )
        .unwrap();
        for (name, value) in headers {
            write!(request, "{name}: {value}\r\n").unwrap();
        }
        request.extend(b"\r\n");
        request.extend(body);
        self.stream.get_mut().write_all(&request).unwrap();
        let answer = self.answer(line.starts_with("HEAD "));
        assert!(
            answer.head.starts_with(&format!("HTTP/1.1 {status} ")),
            "{line}: {} {}",
            answer.head,
            String::from_utf8_lossy(&answer.body)
        );
        answer
    }

    fn answer(&mut self, is_head: bool) -> Answer {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            assert_ne!(
                self.stream.read_line(&mut head).unwrap(),
                0,
                "closed after {head:?}"
            );
        }
        let mut answer = Answer {
            head,
            body: Vec::new(),
        };
        let length = answer
            .header("content-length")
            .map_or(0, |text| text.parse().unwrap());
        answer.body = vec![0; if is_head { 0 } else { length }];
        self.stream.read_exact(&mut answer.body).unwrap();
        answer
    }
}
