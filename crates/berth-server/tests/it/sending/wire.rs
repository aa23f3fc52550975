//! A connection of HTTP/1 by hand: requests as they are written, answers as they come.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use crate::world::World;

/// A connection of the administrator.
pub(super) struct Wire {
    stream: TcpStream,
    authorization: String,
    /// What was received and not looked at.
    read: Vec<u8>,
}

/// The head of an answer.
#[derive(Debug)]
pub(super) struct Head {
    pub(super) status: u16,
    text: String,
}

/// An answer with all its bytes.
pub(super) struct Answered {
    pub(super) status: u16,
    pub(super) body: Vec<u8>,
}

impl Answered {
    /// Insists on a status and on these bytes.
    #[track_caller]
    pub(super) fn is(self, status: u16, body: &[u8]) {
        assert_eq!((self.status, self.body.len()), (status, body.len()));
        assert!(self.body == body, "other bytes");
    }
}

impl Head {
    /// `Content-Length`, which every answer here has.
    #[track_caller]
    pub(super) fn length(&self) -> usize {
        let lower = self.text.to_lowercase();
        let value = lower
            .lines()
            .find_map(|line| line.strip_prefix("content-length:"));
        value
            .unwrap_or_else(|| panic!("no length: {}", self.text))
            .trim()
            .parse()
            .unwrap()
    }
}

impl Wire {
    pub(super) fn to(world: &World) -> Self {
        Self::over(TcpStream::connect(world.address()).unwrap(), world)
    }

    /// A connection whose client takes little at a time.
    pub(super) fn with_small_buffer(world: &World) -> Self {
        let stream = TcpStream::connect(world.address()).unwrap();
        rustix::net::sockopt::set_socket_recv_buffer_size(&stream, 32 << 10).unwrap();
        Self::over(stream, world)
    }

    fn over(stream: TcpStream, world: &World) -> Self {
        stream.set_read_timeout(Some(Duration::from_mins(1))).unwrap();
        Self {
            stream,
            authorization: world.admin.authorization.clone().unwrap(),
            read: Vec::new(),
        }
    }

    /// Sends a request and does not wait.
    pub(super) fn ask(&mut self, line: &str, headers: &[&str]) {
        let mut request = format!("{line}\r\nhost: x\r\nauthorization: {}\r\n", self.authorization);
        for header in headers {
            request.push_str(header);
            request.push_str("\r\n");
        }
        request.push_str("\r\n");
        self.stream.write_all(request.as_bytes()).unwrap();
    }

    pub(super) fn answer(&mut self) -> Answered {
        let head = self.head();
        Answered {
            status: head.status,
            body: self.read(head.length()),
        }
    }

    /// The next answer's head.
    pub(super) fn head(&mut self) -> Head {
        let end = loop {
            let end = self.read.windows(4).position(|bytes| bytes == b"\r\n\r\n");
            if let Some(end) = end {
                break end + 4;
            }
            assert!(self.receive(1024) > 0, "the connection ended before an answer");
        };
        let head: Vec<u8> = self.read.drain(..end).collect();
        let text = String::from_utf8(head).unwrap();
        let status = text.split(' ').nth(1).unwrap().parse().unwrap();
        Head { status, text }
    }

    /// The next bytes, exactly so many.
    pub(super) fn read(&mut self, length: usize) -> Vec<u8> {
        while self.read.len() < length {
            let left = length - self.read.len();
            assert!(self.receive(left) > 0, "{left} bytes are missing");
        }
        self.read.drain(..length).collect()
    }

    /// Everything until the connection ends, however it does.
    pub(super) fn rest(&mut self) -> Vec<u8> {
        while self.receive(1 << 20) > 0 {}
        std::mem::take(&mut self.read)
    }

    /// Waits until so many bytes could be read, and says how many can.
    pub(super) fn wait_for_bytes(&mut self, least: usize) -> usize {
        let mut peeked = vec![0; least];
        while self.read.len() + self.stream.peek(&mut peeked).unwrap() < least {
            std::thread::sleep(Duration::from_millis(1));
        }
        least
    }

    fn receive(&mut self, most: usize) -> usize {
        let before = self.read.len();
        self.read.resize(before + most, 0);
        let received = match self.stream.read(&mut self.read[before..]) {
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => 0,
            received => received.unwrap(),
        };
        self.read.truncate(before + received);
        received
    }
}
