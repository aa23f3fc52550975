//! Why a command did not do what was asked: what people read, what programs read, and the exit code that says it shortest.

use std::process::ExitCode;

use serde_json::{Value, json};

use crate::table::{Output, harmless};

/// What ends a command. The exit codes are documented in `docs/how-to/command-line.md`.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// Something on this machine: a file, a terminal, an answer of the person asked.
    #[error("{0}")]
    Here(String),
    /// The command line asks for something that cannot be.
    #[error("{0}")]
    Usage(String),
    /// There is no login to use.
    #[error("{0}")]
    NotLoggedIn(String),
    /// The server said no.
    #[error("{}", .0.text())]
    Refused(Refusal),
    /// The server could not be asked.
    #[error("{url} cannot be reached: {why}")]
    Unreachable {
        /// Where the server should be.
        url: String,
        /// What went wrong, cause by cause.
        why: String,
    },
    /// What answered does not speak this API.
    #[error("{url} does not answer as Berth does: {why}")]
    Strange {
        /// What was asked.
        url: String,
        /// What is wrong with the answer.
        why: String,
    },
}

/// A refusal as it came.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// The HTTP status.
    pub(crate) status: u16,
    /// The published code, or the status where there was none.
    pub(crate) code: String,
    /// What is wrong, for a person.
    pub(crate) message: String,
    /// What helps; often empty.
    pub(crate) detail: String,
    /// What the server's log calls the request; empty when the answer had none.
    pub(crate) request_id: String,
}

impl Refusal {
    /// What a list that was answered does not hold.
    pub(super) fn absent(message: &str) -> Self {
        Self {
            status: 404,
            code: "404".to_owned(),
            message: message.to_owned(),
            ..Self::default()
        }
    }

    /// Reads any of the error bodies that this API and IAM have.
    pub(super) fn read(status: u16, header_id: &str, body: &str) -> Self {
        let document: Value = serde_json::from_str(body).unwrap_or_default();
        let text = |pointers: &[&str]| {
            let mut found = pointers.iter().filter_map(|pointer| document.pointer(pointer));
            found.find_map(|value| match value {
                Value::String(text) if !text.is_empty() => Some(text.clone()),
                Value::Number(number) => Some(number.to_string()),
                _ => None,
            })
        };
        let code = text(&[
            "/error_code",
            "/errorCode",
            "/error/code",
            "/errors/0/errorCode",
            "/errors/0/code",
        ]);
        let message = text(&[
            "/error_msg",
            "/errorMessage",
            "/error/message",
            "/errors/0/errorMessage",
            "/errors/0/message",
        ]);
        let plain: String = body.trim().chars().take(300).collect();
        Self {
            status,
            code: code.unwrap_or_else(|| status.to_string()),
            message: message.unwrap_or(plain),
            detail: text(&["/errors/0/detail", "/details/0/error_msg"]).unwrap_or_default(),
            request_id: text(&["/request_id"]).unwrap_or_else(|| header_id.to_owned()),
        }
    }

    fn text(&self) -> String {
        let message = match self.message.as_str() {
            "" => "the server refused without a word",
            message => message,
        };
        let mut lines = vec![format!("{} [{}]", harmless(message), harmless(&self.code))];
        if !self.detail.is_empty() && self.detail != self.message {
            lines.push(format!("  {}", harmless(&self.detail)));
        }
        if !self.request_id.is_empty() {
            lines.push(format!("  request {}", harmless(&self.request_id)));
        }
        if self.status == 401 {
            lines.push("  `berth login` gets a new login".to_owned());
        }
        lines.join("\n")
    }
}

impl Failure {
    /// The HTTP status of a refusal.
    pub(super) fn status(&self) -> Option<u16> {
        match self {
            Self::Refused(refusal) => Some(refusal.status),
            _ => None,
        }
    }

    /// Whether the same request may succeed a little later.
    pub(super) fn may_pass(&self) -> bool {
        match self {
            Self::Refused(refusal) => matches!(refusal.status, 408 | 429 | 502..=504),
            Self::Unreachable { .. } => true,
            _ => false,
        }
    }

    fn code(&self) -> u8 {
        match self {
            Self::Here(_) => 1,
            Self::Usage(_) => 2,
            Self::NotLoggedIn(_) => 3,
            Self::Refused(refusal) => match refusal.status {
                401 => 3,
                403 => 4,
                404 => 5,
                406 | 409 => 6,
                500.. => 8,
                _ => 7,
            },
            Self::Strange { .. } => 8,
            Self::Unreachable { .. } => 9,
        }
    }

    /// The exit code: 0 is for success alone, 1 to 9 tell what kind of failure it was.
    pub(super) fn exit_code(&self) -> ExitCode {
        ExitCode::from(self.code())
    }

    /// What goes to standard error.
    pub(super) fn print(&self, output: Output) -> String {
        match output {
            Output::Table => format!("berth: {self}\n"),
            Output::Json => format!("{:#}\n", json!({ "error": self.document() })),
        }
    }

    fn document(&self) -> Value {
        let mut document = match self {
            Self::Refused(refusal) => json!({
                "message": refusal.message,
                "code": refusal.code,
                "detail": refusal.detail,
                "request_id": refusal.request_id,
                "status": refusal.status,
            }),
            other => json!({ "message": other.to_string() }),
        };
        document["exit_code"] = json!(self.code());
        document
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_error_body_is_read() {
        for (body, code, message, detail, id) in [
            (
                r#"{"errors":[{"errorCode":"C","errorMessage":"M","detail":"D"}],"error_code":"C","error_msg":"M","request_id":"R"}"#,
                "C",
                "M",
                "D",
                "R",
            ),
            (
                r#"{"error":{"code":404,"message":"M","title":"T"}}"#,
                "404",
                "M",
                "",
                "H",
            ),
            (
                r#"{"error_msg":"M","error_code":"IAM.0002"}"#,
                "IAM.0002",
                "M",
                "",
                "H",
            ),
            (
                r#"{"errors":[{"code":"DENIED","message":"M"}]}"#,
                "DENIED",
                "M",
                "",
                "H",
            ),
            ("bad gateway\n", "502", "bad gateway", "", "H"),
            ("", "502", "", "", "H"),
        ] {
            let found = Refusal::read(502, "H", body);
            let found = (found.code, found.message, found.detail, found.request_id);
            let expected = [code, message, detail, id].map(str::to_owned);
            assert_eq!(<[String; 4]>::from(found), expected, "{body}");
        }
    }

    #[test]
    fn exit_codes_are_those_of_the_documents() {
        let refused = |status| {
            Failure::Refused(Refusal {
                status,
                ..Refusal::default()
            })
        };
        for (failure, code) in [
            (Failure::Here(String::new()), 1),
            (Failure::Usage(String::new()), 2),
            (Failure::NotLoggedIn(String::new()), 3),
            (refused(401), 3),
            (refused(403), 4),
            (refused(404), 5),
            (refused(406), 6),
            (refused(409), 6),
            (refused(400), 7),
            (refused(413), 7),
            (refused(500), 8),
            (refused(507), 8),
        ] {
            assert_eq!(failure.code(), code, "{failure:?}");
        }
    }

    #[test]
    fn a_refusal_tells_message_code_detail_and_request_and_cannot_play_tricks() {
        let refusal = Refusal {
            status: 403,
            code: "SVCSTG.SWR.4030170".to_owned(),
            message: "no\u{1b}[2J".to_owned(),
            detail: "ask mary".to_owned(),
            request_id: "r1".to_owned(),
        };
        let failure = Failure::Refused(refusal);
        let expected = "berth: no\\u{1b}[2J [SVCSTG.SWR.4030170]\n  ask mary\n  request r1\n";
        assert_eq!(failure.print(Output::Table), expected);
        let found: Value = serde_json::from_str(&failure.print(Output::Json)).unwrap();
        assert_eq!(found["error"]["exit_code"], json!(4));
        assert_eq!(found["error"]["request_id"], json!("r1"));
    }
}
