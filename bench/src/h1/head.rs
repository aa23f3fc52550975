//! Heads of requests, rendered, and of responses, parsed: only what the generator looks at.

use anyhow::{Result, ensure};

/// What the request carries.
#[derive(Clone, Copy)]
pub enum Body<'a> {
    Empty,
    /// One `Content-Length` body.
    Sized(&'a [u8]),
    /// One `Content-Length` body kept in two pieces.
    Split(&'a [u8], &'a [u8]),
    /// `Transfer-Encoding: chunked` with chunks of the given size.
    Chunked(&'a [u8], usize),
}

#[expect(clippy::struct_excessive_bools, reason = "each is one header, present or not")]
#[derive(Debug, Default, Clone)]
pub struct Head {
    pub status: u16,
    pub content_length: Option<u64>,
    pub chunked: bool,
    pub close: bool,
    pub retry_after: bool,
    pub location: Option<String>,
    pub digest: Option<String>,
    pub www_authenticate: Option<String>,
    pub link: Option<String>,
    pub subject_token: Option<String>,
    /// No body follows, whatever the length says.
    pub no_body: bool,
}

impl Head {
    pub fn expect(&self, allowed: &[u16], what: &str) -> Result<&Self> {
        ensure!(
            allowed.contains(&self.status),
            "{what}: status {} (expected {allowed:?})",
            self.status
        );
        Ok(self)
    }
}

/// A request head rendered once and sent many times.
pub fn render(
    method: &str,
    path: &str,
    authority: &str,
    headers: &[(&str, &str)],
    body: &Body<'_>,
) -> Vec<u8> {
    let mut out = Vec::with_capacity(512);
    for part in [method, " ", path, " HTTP/1.1\r\nHost: ", authority, "\r\n"] {
        out.extend_from_slice(part.as_bytes());
    }
    for (name, value) in headers {
        for part in [name, ": ", value, "\r\n"] {
            out.extend_from_slice(part.as_bytes());
        }
    }
    match body {
        Body::Empty if matches!(method, "GET" | "HEAD" | "DELETE") => {}
        Body::Empty => out.extend_from_slice(b"Content-Length: 0\r\n"),
        Body::Sized(b) => out.extend_from_slice(format!("Content-Length: {}\r\n", b.len()).as_bytes()),
        Body::Split(a, b) => {
            out.extend_from_slice(format!("Content-Length: {}\r\n", a.len() + b.len()).as_bytes());
        }
        Body::Chunked(..) => out.extend_from_slice(b"Transfer-Encoding: chunked\r\n"),
    }
    out.extend_from_slice(b"\r\n");
    out
}

pub fn parse_head(buf: &[u8]) -> Result<Option<(Head, usize)>> {
    let mut headers = [httparse::EMPTY_HEADER; 64];
    let mut resp = httparse::Response::new(&mut headers);
    let used = match resp.parse(buf)? {
        httparse::Status::Complete(n) => n,
        httparse::Status::Partial => return Ok(None),
    };
    let mut head = Head {
        status: resp.code.unwrap_or(0),
        ..Head::default()
    };
    for h in resp.headers.iter() {
        let text = || String::from_utf8_lossy(h.value).into_owned();
        let name = h.name;
        if name.eq_ignore_ascii_case("content-length") {
            head.content_length = Some(std::str::from_utf8(h.value)?.trim().parse()?);
        } else if name.eq_ignore_ascii_case("transfer-encoding") {
            head.chunked = h.value.eq_ignore_ascii_case(b"chunked");
        } else if name.eq_ignore_ascii_case("connection") {
            head.close = h.value.eq_ignore_ascii_case(b"close");
        } else if name.eq_ignore_ascii_case("retry-after") {
            head.retry_after = true;
        } else if name.eq_ignore_ascii_case("location") {
            head.location = Some(text());
        } else if name.eq_ignore_ascii_case("docker-content-digest") {
            head.digest = Some(text());
        } else if name.eq_ignore_ascii_case("www-authenticate") {
            head.www_authenticate = Some(text());
        } else if name.eq_ignore_ascii_case("link") {
            head.link = Some(text());
        } else if name.eq_ignore_ascii_case("x-subject-token") {
            head.subject_token = Some(text());
        }
    }
    Ok(Some((head, used)))
}
