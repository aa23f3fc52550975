//! One request and what it means for the history: done, refused because of what was there, without an answer, or an
//! answer that should not have come.

use e2e::distribution::{Answer, Outcome as Heard, send};
use e2e::login::Request;
use reqwest::{Method, RequestBuilder, StatusCode};

use super::{CHURN, Load, ORGANIZATION};
use crate::history::{Begun, Place};
use crate::register::{Action, Outcome};

/// What an answer would mean.
pub(super) struct Meaning {
    /// For people: who does what.
    pub(super) what: String,
    /// The status that acknowledges it.
    pub(super) done: StatusCode,
    /// What it changes then, or may have changed when no answer comes.
    pub(super) changes: Vec<(Place, Action)>,
    /// The statuses that say that something else was there.
    pub(super) refused: &'static [StatusCode],
    /// What is known then; empty when nothing is.
    pub(super) known: Vec<(Place, Action)>,
}

/// What came of a request.
pub(super) enum Came {
    Done,
    Refused(Answer),
    /// Nobody knows.
    Lost,
}

impl Load {
    /// Sends a request and notes what came of it.
    pub(super) async fn ask(&self, request: RequestBuilder, meaning: Meaning) -> Came {
        let begun = self.history.begin();
        let heard = send(request).await;
        self.note(begun, heard, meaning)
    }

    /// Notes what came of an operation that began then.
    pub(super) fn note(&self, begun: Begun, heard: Heard, meaning: Meaning) -> Came {
        let answer = match heard {
            Ok(answer) => answer,
            // It never left: there is nothing to know.
            Err(error) if error.is_connect() => return Came::Lost,
            Err(_) => {
                self.history
                    .end(begun, &meaning.what, Outcome::Unknown, meaning.changes);
                return Came::Lost;
            }
        };
        if answer.status == meaning.done {
            self.history
                .end(begun, &meaning.what, Outcome::Done, meaning.changes);
            return Came::Done;
        }
        if meaning.refused.contains(&answer.status) {
            self.history
                .end(begun, &meaning.what, Outcome::Refused, meaning.known);
            return Came::Refused(answer);
        }
        // Whose repository is deleted under it is told to try again.
        let is_churn = meaning
            .changes
            .iter()
            .any(|(place, _)| place.repository() == CHURN);
        self.history
            .end(begun, &meaning.what, Outcome::Unknown, meaning.changes);
        if is_churn && answer.status == StatusCode::SERVICE_UNAVAILABLE {
            return Came::Lost;
        }
        if answer.status.is_server_error() {
            self.failed(&meaning.what, answer.status, &answer.text());
        } else {
            let (status, text) = (answer.status, answer.text());
            self.history
                .found(format!("{}: unexpected {status} {text}", meaning.what));
        }
        Came::Lost
    }

    /// Deletes a repository with everything in it through the management API.
    pub(super) async fn delete_image(&self, replica: usize, repository: &str, what: &str) {
        let image = repository.rsplit('/').next().unwrap_or(repository);
        let path = format!("/v2/manage/namespaces/{ORGANIZATION}/repos/{image}");
        let begun = self.history.begin();
        let heard = send(self.manage(replica, "DELETE", &path)).await;
        let outcome = match heard {
            Err(error) if error.is_connect() => return,
            Err(_) => Outcome::Unknown,
            Ok(answer) if answer.status == StatusCode::NO_CONTENT => Outcome::Done,
            // It was not there; pushes make it again at any time.
            Ok(answer) if answer.status == StatusCode::NOT_FOUND => return,
            Ok(answer) => {
                if answer.status.is_server_error() {
                    self.failed(what, answer.status, &answer.text());
                } else {
                    let (status, text) = (answer.status, answer.text());
                    self.history.found(format!("{what}: unexpected {status} {text}"));
                }
                Outcome::Unknown
            }
        };
        self.history.end_of_all(begun, what, outcome, repository);
    }

    /// A signed request to the management API.
    pub(crate) fn manage(&self, replica: usize, method: &str, path: &str) -> RequestBuilder {
        self.manage_with(replica, method, path, "")
    }

    /// The same with a JSON body.
    pub(crate) fn manage_with(&self, replica: usize, method: &str, path: &str, body: &str) -> RequestBuilder {
        let origin = &self.origins[replica];
        let host = origin.trim_start_matches("http://");
        let signed = self.key.sign(
            host,
            &Request {
                method,
                path,
                body,
                ..Request::default()
            },
        );
        let method = Method::from_bytes(method.as_bytes()).expect("a method is a word");
        let mut request = self.http.request(method, format!("{origin}{path}"));
        for header in &signed {
            let (name, value) = header.split_once(": ").expect("headers have a name");
            request = request.header(name, value);
        }
        if !body.is_empty() {
            request = request
                .header("Content-Type", "application/json")
                .body(body.to_owned());
        }
        request
    }
}
