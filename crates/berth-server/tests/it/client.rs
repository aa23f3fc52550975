//! A client that asks for one thing at a time and shows the whole answer. Knows nothing of images.

use std::future::{Future, IntoFuture};
use std::ops::Range;
use std::pin::Pin;

use bytes::Bytes;
use http::HeaderMap;
use serde_json::Value;

/// Somebody who sends requests to a server.
#[derive(Clone)]
pub(crate) struct Client {
    pub(crate) http: reqwest::Client,
    pub(crate) url: String,
    pub(crate) authorization: Option<String>,
}

impl Client {
    /// The same connection with another `Authorization` header.
    pub(crate) fn with(&self, authorization: &str) -> Self {
        Self {
            authorization: Some(authorization.to_owned()),
            ..self.clone()
        }
    }

    /// The same connection without a login.
    pub(crate) fn anonymous(&self) -> Self {
        Self {
            authorization: None,
            ..self.clone()
        }
    }

    /// A request, given as its first line: `GET /v2/`. Await it for the answer.
    pub(crate) fn ask(&self, line: impl AsRef<str>) -> Asked {
        let line = line.as_ref();
        let (method, path) = line.split_once(' ').unwrap();
        let request = self
            .http
            .request(method.parse().unwrap(), format!("{}{path}", self.url));
        let request = match &self.authorization {
            Some(value) => request.header("authorization", value),
            None => request,
        };
        Asked {
            line: line.to_owned(),
            request,
        }
    }
}

/// A request that was not sent yet.
pub(crate) struct Asked {
    line: String,
    request: reqwest::RequestBuilder,
}

impl Asked {
    pub(crate) fn header(self, name: &str, value: impl AsRef<str>) -> Self {
        let request = self.request.header(name, value.as_ref());
        Self { request, ..self }
    }

    pub(crate) fn body(self, body: impl Into<reqwest::Body>) -> Self {
        let request = self.request.body(body);
        Self { request, ..self }
    }

    /// A body without a length, one piece after the other.
    pub(crate) fn streamed(self, pieces: &[&[u8]]) -> Self {
        let pieces: Vec<_> = pieces
            .iter()
            .map(|piece| Ok::<_, std::io::Error>(Bytes::copy_from_slice(piece)))
            .collect();
        self.body(reqwest::Body::wrap_stream(futures_util::stream::iter(pieces)))
    }
}

impl IntoFuture for Asked {
    type Output = Answer;
    type IntoFuture = Pin<Box<dyn Future<Output = Answer> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let answer = self.request.send().await.unwrap();
            Answer {
                line: self.line,
                status: answer.status().as_u16(),
                headers: answer.headers().clone(),
                body: answer.bytes().await.unwrap(),
            }
        })
    }
}

/// What a server answered.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    line: String,
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    /// Insists on a status.
    #[track_caller]
    pub(crate) fn is(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}: {}", self.line, self.shown());
        self
    }

    /// Insists on a refusal in the specification's form: one error of this code, with a sentence for a person, and
    /// nothing of the server's insides.
    #[track_caller]
    pub(crate) fn refused(self, status: u16, code: &str) -> Self {
        let answer = self.is(status);
        let (line, shown) = (&answer.line, answer.shown());
        assert_eq!(
            answer.find("content-type"),
            Some("application/json"),
            "{line}: {shown}"
        );
        let errors = answer.errors();
        assert_eq!(errors.len(), 1, "{line}: {shown}");
        assert_eq!(errors[0]["code"], code, "{line}: {shown}");
        let message = errors[0]["message"].as_str().unwrap();
        assert!(message.contains(' '), "{line}: {shown} is no sentence");
        for inside in ["sqlite", "/data", "SELECT", "panicked", ".rs:", "os error"] {
            assert!(!shown.contains(inside), "{line}: {shown} tells of {inside}");
        }
        answer
    }

    /// Insists on a header.
    #[track_caller]
    pub(crate) fn has(self, name: &str, value: &str) -> Self {
        assert_eq!(self.find(name), Some(value), "{}: {name}", self.line);
        self
    }

    /// Insists on the absence of a header.
    #[track_caller]
    pub(crate) fn lacks(self, name: &str) -> Self {
        assert_eq!(self.find(name), None, "{}: {name}", self.line);
        self
    }

    /// Insists on the body.
    #[track_caller]
    pub(crate) fn holds(self, body: &[u8]) -> Self {
        assert_eq!(self.body.as_ref(), body, "{}: {}", self.line, self.shown());
        self
    }

    /// Insists on these parts of `content`, one after the other in one body, and nothing more.
    #[track_caller]
    pub(crate) fn holds_parts(self, parts: &[Range<usize>], content: &[u8]) -> Self {
        let kind = self.header("content-type");
        let boundary = kind.strip_prefix("multipart/byteranges; boundary=").unwrap();
        let mut rest = self.body.as_ref();
        let mut take = |expected: &[u8], what: &str| {
            let found = rest.split_off(..expected.len()).unwrap_or_default();
            assert!(
                found == expected,
                "{}: {what}: {}",
                self.line,
                String::from_utf8_lossy(found)
            );
        };
        for (at, part) in parts.iter().enumerate() {
            let before = if at == 0 { "" } else { "\r\n" };
            let head = format!(
                "{before}--{boundary}\r\nContent-Type: application/octet-stream\r\nContent-Range: bytes {}-{}/{}\r\n\r\n",
                part.start,
                part.end - 1,
                content.len()
            );
            take(head.as_bytes(), &format!("head of {part:?}"));
            take(&content[part.clone()], &format!("bytes {part:?}"));
        }
        take(format!("\r\n--{boundary}--\r\n").as_bytes(), "the end");
        assert!(rest.is_empty(), "{}: more than the parts", self.line);
        self
    }

    /// A header, if it is there.
    pub(crate) fn find(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// A header that must be there.
    #[track_caller]
    pub(crate) fn header(&self, name: &str) -> &str {
        self.find(name)
            .unwrap_or_else(|| panic!("{}: no {name} in {:?}", self.line, self.headers))
    }

    /// Every value of a header.
    pub(crate) fn all(&self, name: &str) -> Vec<&str> {
        let values = self.headers.get_all(name).iter();
        values.map(|value| value.to_str().unwrap()).collect()
    }

    /// The address of the next page, from `Link`.
    pub(crate) fn next(&self) -> Option<String> {
        let link = self.find("link")?;
        let inside = link
            .strip_prefix('<')
            .and_then(|rest| rest.strip_suffix(">; rel=\"next\""));
        Some(inside.unwrap_or_else(|| panic!("{link} is no link")).to_owned())
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{}: {error}", self.shown()))
    }

    /// The entries of an error body.
    #[track_caller]
    pub(crate) fn errors(&self) -> Vec<Value> {
        let body = self.json();
        assert_eq!(body.as_object().unwrap().len(), 1, "{body}");
        body["errors"].as_array().unwrap().clone()
    }

    fn shown(&self) -> String {
        let body = String::from_utf8_lossy(&self.body);
        body.chars().take(2000).collect()
    }
}
