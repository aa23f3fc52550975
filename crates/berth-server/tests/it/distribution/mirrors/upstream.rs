//! A registry that is mirrored: it has what it is given, tells what it was asked, and fails or stops as it is told.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use http::Method;
use serde_json::Value;
use tokio::sync::watch;

use crate::content::{digest, written};

#[derive(Default)]
struct Held {
    /// By path and query: headers and bytes.
    answers: HashMap<String, (Vec<(String, String)>, Bytes)>,
    /// Instead of all those, with this header.
    refusal: Option<(u16, &'static str, &'static str)>,
    /// Blobs stop after so many bytes until the gate opens.
    stops_after: Option<usize>,
    asked: Vec<String>,
}

/// A running registry; ended with the value.
pub(crate) struct Upstream {
    pub(crate) url: String,
    held: Arc<Mutex<Held>>,
    gate: watch::Sender<bool>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Upstream {
    pub(crate) async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (held, gate) = (Arc::<Mutex<Held>>::default(), watch::Sender::new(true));
        let (shared, opened) = (Arc::clone(&held), gate.clone());
        let served = axum::Router::new().fallback(move |request: Request| {
            let answer = answer(&shared, &request, opened.subscribe());
            async move { answer }
        });
        let task = tokio::spawn(async move { axum::serve(listener, served).await.unwrap() });
        Self {
            url,
            held,
            gate,
            task,
        }
    }

    /// Answers a path so.
    pub(crate) fn has(&self, path: &str, headers: &[(&str, &str)], bytes: &[u8]) {
        let headers = headers.iter();
        let headers = headers.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let answer = (headers.collect(), Bytes::copy_from_slice(bytes));
        self.held.lock().unwrap().answers.insert(path.to_owned(), answer);
    }

    /// Has a manifest under a tag and its digest.
    pub(crate) fn has_manifest(&self, name: &str, tag: &str, manifest: &Value) -> String {
        let bytes = written(manifest);
        let digest = digest(&bytes);
        let kind = manifest["mediaType"].as_str().unwrap();
        for reference in [tag, &digest] {
            let path = format!("/v2/{name}/manifests/{reference}");
            let headers = [("content-type", kind), ("docker-content-digest", digest.as_str())];
            self.has(&path, &headers, &bytes);
        }
        digest
    }

    pub(crate) fn has_blob(&self, name: &str, bytes: &[u8]) -> String {
        let digest = digest(bytes);
        self.has(&format!("/v2/{name}/blobs/{digest}"), &[], bytes);
        digest
    }

    /// From now on nothing is answered but this status with this header.
    pub(crate) fn refuses(&self, status: u16, (header, value): (&'static str, &'static str)) {
        self.held.lock().unwrap().refusal = Some((status, header, value));
    }

    /// From now on blobs stop after so many bytes until they go on.
    pub(crate) fn stops_after(&self, bytes: usize) {
        self.gate.send_replace(false);
        self.held.lock().unwrap().stops_after = Some(bytes);
    }

    pub(crate) fn goes_on(&self) {
        self.gate.send_replace(true);
    }

    /// What was asked since the last look, in order: `GET /v2/...`.
    pub(crate) fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.held.lock().unwrap().asked)
    }
}

fn answer(held: &Mutex<Held>, request: &Request, gate: watch::Receiver<bool>) -> Response {
    let mut held = held.lock().unwrap();
    let path = request.uri().path_and_query().unwrap().as_str();
    held.asked.push(format!("{} {path}", request.method()));
    if let Some((status, header, value)) = held.refusal {
        let refused = Response::builder().status(status).header(header, value);
        return refused.body(Body::empty()).unwrap();
    }
    let Some((headers, bytes)) = held.answers.get(path).cloned() else {
        return Response::builder().status(404).body(Body::empty()).unwrap();
    };
    let mut response = Response::builder().header("content-length", bytes.len());
    for (name, value) in headers {
        response = response.header(name, value);
    }
    let stops = held.stops_after.filter(|_| path.contains("/blobs/"));
    let body = match stops {
        _ if request.method() == Method::HEAD => Body::empty(),
        None => Body::from(bytes),
        Some(after) => {
            let (first, rest) = (bytes.slice(..after), bytes.slice(after..));
            let rest = async move {
                let mut gate = gate;
                gate.wait_for(|is_open| *is_open).await.unwrap();
                Ok::<_, std::convert::Infallible>(rest)
            };
            Body::from_stream(stream::iter([Ok(first)]).chain(stream::once(rest)))
        }
    };
    response.body(body).unwrap()
}
