//! A place of a test's own in the bucket of a real S3 server, which `scripts/test-s3` starts for all tests and ends when
//! nobody uses it any more.

use std::path::Path;
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use sha2::{Digest, Sha256};
use time::OffsetDateTime;
use time::macros::format_description;

use crate::client::curl;
use crate::login::hmac_sha256;

/// A prefix in a bucket.
#[derive(Debug)]
pub struct Bucket {
    address: String,
    name: String,
    key: String,
    secret: String,
    prefix: String,
}

impl Bucket {
    /// A prefix that nobody else has; panics with what is missing when the server does not start.
    pub fn new(owner: &str) -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts/test-s3");
        let output = Command::new(script).output().expect("the script can be run");
        let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let words: Vec<&str> = said.split_whitespace().collect();
        let [address, name, key, secret] = words[..] else {
            panic!("no S3 server: {complaint}");
        };
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self {
            address: address.trim_start_matches("http://").to_owned(),
            name: name.to_owned(),
            key: key.to_owned(),
            secret: secret.to_owned(),
            prefix: format!("{owner}-{:x}-{:x}", now.as_micros(), std::process::id()),
        }
    }

    /// The port of the server.
    pub fn port(&self) -> u16 {
        let port = self.address.rsplit(':').next().and_then(|port| port.parse().ok());
        port.expect("the address has a port")
    }

    /// The settings of a registry that keeps its blobs here and reaches the server through a port of this machine.
    pub fn variables(&self, port: u16) -> Vec<(&'static str, String)> {
        vec![
            ("BERTH_STORAGE", format!("s3://{}/{}", self.name, self.prefix)),
            ("BERTH_S3_ENDPOINT", format!("http://127.0.0.1:{port}")),
            ("BERTH_S3_ACCESS_KEY_ID", self.key.clone()),
            ("BERTH_S3_SECRET_ACCESS_KEY", self.secret.clone()),
        ]
    }

    /// The names of the objects of blobs and uploads, a thousand at most.
    pub fn objects(&self) -> Vec<String> {
        let query = format!("list-type=2&prefix={}%2Fblobs%2F", self.prefix);
        let url = format!("http://{}/{}?{query}", self.address, self.name);
        let headers = self.signed(&query);
        let mut arguments = vec!["--fail-with-body"];
        for header in &headers {
            arguments.extend(["-H", header]);
        }
        arguments.push(&url);
        let list = curl().ok(&arguments);
        let names = list.split("<Key>").skip(1);
        names
            .filter_map(|rest| Some(rest.split_once("</Key>")?.0.to_owned()))
            .collect()
    }

    /// The headers that sign a listing of the bucket with this query, by AWS's signature version 4.
    fn signed(&self, query: &str) -> [String; 3] {
        let format = format_description!("[year][month][day]T[hour][minute][second]Z");
        let time = OffsetDateTime::now_utc()
            .format(format)
            .expect("the time can be printed");
        let scope = format!("{}/us-east-1/s3/aws4_request", &time[..8]);
        let (content, signed) = ("UNSIGNED-PAYLOAD", "host;x-amz-content-sha256;x-amz-date");
        let canonical = format!(
            "GET\n/{}\n{query}\nhost:{}\nx-amz-content-sha256:{content}\nx-amz-date:{time}\n\n{signed}\n{content}",
            self.name, self.address
        );
        let canonical = hex::encode(Sha256::digest(canonical));
        let text = format!("AWS4-HMAC-SHA256\n{time}\n{scope}\n{canonical}");
        let key = format!("AWS4{}", self.secret).into_bytes();
        let key = scope.split('/').fold(key, |key, part| hmac_sha256(&key, part));
        let signature = hex::encode(hmac_sha256(&key, &text));
        let id = &self.key;
        [
            format!("x-amz-date: {time}"),
            format!("x-amz-content-sha256: {content}"),
            format!(
                "Authorization: AWS4-HMAC-SHA256 Credential={id}/{scope}, SignedHeaders={signed}, Signature={signature}"
            ),
        ]
    }
}
