//! A small distribution client: one request at a time, every status shown to the test.

use crate::login::Login;
use crate::server::Server;
use reqwest::header::{HeaderMap, LOCATION};
use reqwest::{Body, Method, RequestBuilder, StatusCode};
use serde_json::Value;

use crate::content::{MANIFEST, digest_of};

/// How the bytes of a blob travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// POST, then one PUT with everything.
    Put,
    /// One POST with everything.
    Post,
    /// POST, one PATCH without a length, an empty PUT.
    Stream,
    /// POST, one PATCH per range, the last part in the PUT.
    Chunks,
}

impl How {
    /// Every way there is.
    pub const ALL: [Self; 4] = [Self::Put, Self::Post, Self::Stream, Self::Chunks];
}

/// A whole response.
#[derive(Debug)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// All headers.
    pub headers: HeaderMap,
    /// The whole body.
    pub body: Vec<u8>,
}

impl Answer {
    /// The text of a header; empty when it is missing.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The body as text, for messages.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// Asserts the status.
    #[track_caller]
    #[expect(
        clippy::return_self_not_must_use,
        reason = "often the status is all that is asked for"
    )]
    pub fn expect(self, status: StatusCode) -> Self {
        assert_eq!(self.status, status, "{}", self.text());
        self
    }

    /// Asserts that the server said it cannot write: 507 or 503, with the wire format's error body.
    #[track_caller]
    pub fn expect_unwritable(&self) {
        let status = self.status;
        assert!(
            status == StatusCode::INSUFFICIENT_STORAGE || status == StatusCode::SERVICE_UNAVAILABLE,
            "expected 507 or 503, got {status}: {}",
            self.text()
        );
        let body: Value = serde_json::from_slice(&self.body).expect("an error has a JSON body");
        assert!(body["errors"][0]["message"].is_string(), "no message in {body}");
    }
}

/// What a request came to: an answer, or no whole answer because the connection broke.
pub type Outcome = Result<Answer, reqwest::Error>;

/// One repository of a server, with a token for it.
#[derive(Clone, Debug)]
pub struct Repository {
    http: reqwest::Client,
    origin: String,
    /// Its full name.
    pub name: String,
    token: String,
}

impl Repository {
    /// Logs in as the administrator and gets a token for everything in one repository.
    pub async fn open(server: &Server, name: &str) -> Self {
        Self::open_beside(server, name, name).await
    }

    /// The same with a token that holds for a second repository too, as a mount needs it.
    pub async fn open_beside(server: &Server, name: &str, other: &str) -> Self {
        let http = reqwest::Client::new();
        let origin = format!("http://{}", server.address());
        let token = token(&http, &origin, &server.administrator(), &[name, other]).await;
        Self::with_token(
            http,
            &origin,
            name,
            &token.expect("the administrator gets a token"),
        )
    }

    /// A repository at `origin` (`http://<host>:<port>`) for whoever has a token already.
    pub fn with_token(http: reqwest::Client, origin: &str, name: &str, token: &str) -> Self {
        Self {
            http,
            origin: origin.to_owned(),
            name: name.to_owned(),
            token: token.to_owned(),
        }
    }

    /// A request with a path below the repository, or with the path or address of a Location header.
    pub fn request(&self, method: Method, rest: &str) -> RequestBuilder {
        let url = if rest.starts_with("http") {
            rest.to_owned()
        } else if rest.starts_with('/') {
            format!("{}{rest}", self.origin)
        } else {
            format!("{}/v2/{}/{rest}", self.origin, self.name)
        };
        self.http.request(method, url).bearer_auth(&self.token)
    }

    /// Gets what is at a path.
    pub async fn get(&self, rest: &str) -> Outcome {
        send(self.request(Method::GET, rest)).await
    }

    /// Deletes what is at a path.
    pub async fn delete(&self, rest: &str) -> Outcome {
        send(self.request(Method::DELETE, rest)).await
    }

    /// Starts an upload; the address to go on at.
    pub async fn start_upload(&self) -> Result<Result<String, Answer>, reqwest::Error> {
        let answer = send(self.request(Method::POST, "blobs/uploads/")).await?;
        Ok(if answer.status == StatusCode::ACCEPTED {
            Ok(location(&answer))
        } else {
            Err(answer)
        })
    }

    /// Sends bytes at their place in an upload.
    pub async fn append(&self, upload: &str, start: usize, bytes: Vec<u8>) -> Outcome {
        let range = format!("{start}-{}", start + bytes.len() - 1);
        send(
            self.request(Method::PATCH, upload)
                .header("Content-Range", range)
                .body(bytes),
        )
        .await
    }

    /// Closes an upload with its last bytes, or without any.
    pub async fn finish(&self, upload: &str, digest: &str, bytes: Vec<u8>) -> Outcome {
        let separator = if upload.contains('?') { '&' } else { '?' };
        let address = format!("{upload}{separator}digest={digest}");
        send(self.request(Method::PUT, &address).body(bytes)).await
    }

    /// Pushes a blob: 201, or the first answer that was not what it takes to go on.
    pub async fn push_blob(&self, bytes: &[u8], how: How) -> Outcome {
        let digest = digest_of(bytes);
        if how == How::Post {
            let request = self.request(Method::POST, &format!("blobs/uploads/?digest={digest}"));
            return send(request.body(bytes.to_vec())).await;
        }
        let mut upload = match self.start_upload().await? {
            Ok(upload) => upload,
            Err(answer) => return Ok(answer),
        };
        let mut rest = bytes;
        match how {
            How::Put | How::Post => {}
            How::Stream => {
                let parts: Vec<Result<Vec<u8>, std::io::Error>> =
                    bytes.chunks(64 << 10).map(|part| Ok(part.to_vec())).collect();
                let body = Body::wrap_stream(futures_util::stream::iter(parts));
                let answer = send(self.request(Method::PATCH, &upload).body(body)).await?;
                if answer.status != StatusCode::ACCEPTED {
                    return Ok(answer);
                }
                upload = location(&answer);
                rest = &[];
            }
            How::Chunks => {
                let step = bytes.len().div_ceil(4).max(1);
                let mut start = 0;
                while start + step < bytes.len() {
                    let part = bytes[start..start + step].to_vec();
                    let answer = self.append(&upload, start, part).await?;
                    if answer.status != StatusCode::ACCEPTED {
                        return Ok(answer);
                    }
                    upload = location(&answer);
                    start += step;
                }
                rest = &bytes[start..];
            }
        }
        self.finish(&upload, &digest, rest.to_vec()).await
    }

    /// Puts a manifest under a tag or a digest.
    pub async fn put_manifest(&self, reference: &str, bytes: &[u8]) -> Outcome {
        let request = self.request(Method::PUT, &format!("manifests/{reference}"));
        send(request.header("Content-Type", MANIFEST).body(bytes.to_vec())).await
    }
}

/// A token for everything in these repositories; the error says what was answered instead.
pub async fn token(
    http: &reqwest::Client,
    origin: &str,
    login: &Login,
    repositories: &[&str],
) -> Result<String, String> {
    let failed = |error: reqwest::Error| error.to_string();
    let answer = http.get(format!("{origin}/v2/")).send().await.map_err(failed)?;
    let challenge = answer.headers()["www-authenticate"].to_str().unwrap().to_owned();
    let part = |key: &str| {
        let start = challenge
            .find(&format!("{key}=\""))
            .expect("the challenge is complete")
            + key.len()
            + 2;
        challenge[start..].split('"').next().unwrap().to_owned()
    };
    let mut query = vec![("service", part("service"))];
    query.extend(
        repositories
            .iter()
            .map(|name| ("scope", format!("repository:{name}:pull,push,delete"))),
    );
    let request = http.get(part("realm")).query(&query);
    let answer = request
        .basic_auth(&login.user, Some(&login.password))
        .send()
        .await;
    let answer = answer.map_err(failed)?;
    let status = answer.status();
    let body: Value = answer.json().await.map_err(failed)?;
    let token = body["token"].as_str();
    token
        .map(str::to_owned)
        .ok_or_else(|| format!("no token: {status} {body}"))
}

/// Sends a request and reads its whole answer.
pub async fn send(request: RequestBuilder) -> Outcome {
    let answer = request.send().await?;
    let (status, headers) = (answer.status(), answer.headers().clone());
    Ok(Answer {
        status,
        headers,
        body: answer.bytes().await?.to_vec(),
    })
}

/// Where an upload goes on.
pub fn location(answer: &Answer) -> String {
    answer.header(LOCATION.as_str()).to_owned()
}
