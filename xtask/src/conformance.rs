//! Runs the upstream OCI distribution conformance suite, every switch on, against a fresh `berth`.
//! The suite's binary is given by path: it is not part of this repository, and how it is built is not known here.

use std::error::Error;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

type Outcome<T> = Result<T, Box<dyn Error>>;
/// Variables of the server, by name.
type Settings<'a> = Vec<(&'a str, &'a str)>;

const ORGANIZATION: &str = "conformance";
const USER: &str = "admin";
const START_LIMIT: Duration = Duration::from_secs(30);

/// Every switch of the suite that its development version knows.
const SWITCHES: &[&str] = &[
    "API_PING",
    "API_PULL",
    "API_PUSH",
    "API_BLOBS_ATOMIC",
    "API_BLOBS_DELETE",
    "API_BLOBS_DIGEST_HEADER",
    "API_BLOBS_MOUNT_ANONYMOUS",
    "API_BLOBS_UPLOAD_CANCEL",
    "API_MANIFESTS_ATOMIC",
    "API_MANIFESTS_DELETE",
    "API_MANIFESTS_DIGEST_HEADER",
    "API_MANIFESTS_TAG_PARAM",
    "API_TAGS_ATOMIC",
    "API_TAGS_DELETE",
    "API_TAGS_LIST",
    "API_REFERRER",
    "DATA_IMAGE",
    "DATA_INDEX",
    "DATA_INDEX_LIST",
    "DATA_SPARSE",
    "DATA_ARTIFACT",
    "DATA_SUBJECT",
    "DATA_SUBJECT_MISSING",
    "DATA_ARTIFACT_LIST",
    "DATA_SUBJECT_LIST",
    "DATA_DATA_FIELD",
    "DATA_NONDISTRIBUTABLE",
    "DATA_CUSTOM_FIELDS",
    "DATA_NO_LAYERS",
    "DATA_EMPTY_BLOB",
    "DATA_SHA512",
];

/// Runs the suite; an error when anything in it failed, was skipped or was disabled. `settings` are variables of the
/// server, such as `BERTH_DATABASE=postgres://...`; without any it keeps all it has in a folder of its own.
pub(crate) fn run(suite: &Path, settings: &[&str]) -> Outcome<()> {
    let settings = settings.iter().map(|setting| setting.split_once('='));
    let settings: Settings<'_> = settings
        .collect::<Option<_>>()
        .ok_or("a setting is written BERTH_NAME=VALUE")?;
    let suite = suite
        .canonicalize()
        .map_err(|e| format!("{}: {e}", suite.display()))?;
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .ok_or("xtask has no parent folder")?;
    let server = Server::start(&berth(root)?, &settings)?;
    let results = root.join("target/conformance");
    let mut command = Command::new(&suite);
    command
        .env("OCI_REGISTRY", &server.address)
        .env("OCI_TLS", "disabled")
        .env("OCI_VERSION", "dev")
        .env("OCI_REPO1", format!("{ORGANIZATION}/repo1"))
        .env("OCI_REPO2", format!("{ORGANIZATION}/repo2"))
        .env("OCI_USERNAME", USER)
        .env("OCI_PASSWORD", &server.password)
        .env("OCI_LOG", "error")
        .env("OCI_RESULTS_DIR", &results)
        .current_dir(server.folder.path());
    for switch in SWITCHES {
        command.env(format!("OCI_{switch}"), "true");
    }
    let output = command
        .stderr(Stdio::inherit())
        .output()
        .map_err(|e| format!("{}: {e}", suite.display()))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let verdict = judge(&text);
    say(&text, verdict.is_ok());
    verdict.map_err(|e| format!("{e}; see {}", results.join("report.html").display()))?;
    if output.status.success() {
        Ok(())
    } else {
        Err(format!("the suite ended with {}", output.status).into())
    }
}

/// Prints the suite's summary, and before it what did not pass.
#[expect(clippy::print_stdout, reason = "the summary is this command's answer")]
fn say(text: &str, passed: bool) {
    let (tree, summary) = text.split_once("OCI Conformance Result").unwrap_or((text, ""));
    if !passed {
        let tests = tree.split("\nConfiguration:").next().unwrap_or(tree);
        for line in tests.lines().filter(|l| !l.ends_with(": Pass")) {
            println!("{line}");
        }
    }
    println!("OCI Conformance Result{summary}");
}

/// Reads the counts of the suite's summary: tests must have passed, and nothing else.
fn judge(text: &str) -> Result<(), String> {
    let count = |status: &str| -> Result<u64, String> {
        let line = text
            .lines()
            .find(|l| {
                l.trim_start()
                    .strip_prefix(status)
                    .is_some_and(|rest| rest.starts_with(".."))
            })
            .ok_or_else(|| format!("the suite's summary has no line for {status}"))?;
        let number = line.rsplit(':').next().unwrap_or_default().trim();
        number.parse().map_err(|_| format!("unreadable count: {line}"))
    };
    for status in ["FAIL", "Error", "Skip", "Disabled"] {
        match count(status)? {
            0 => {}
            n => return Err(format!("{n} tests with status {status}")),
        }
    }
    if count("Pass")? == 0 {
        Err("no test ran".into())
    } else {
        Ok(())
    }
}

/// Builds the server and returns its path.
fn berth(root: &Path) -> Outcome<PathBuf> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(cargo)
        .args([
            "build",
            "--quiet",
            "--locked",
            "--package",
            "berth-server",
            "--bin",
            "berth",
        ])
        .current_dir(root)
        .status()?;
    if !status.success() {
        return Err("berth does not build".into());
    }
    let target =
        std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), |dir| root.join(dir));
    Ok(target.join("debug/berth"))
}

/// A `berth serve` on a free loopback port and a folder of its own; ended when dropped.
struct Server {
    process: Child,
    folder: TempDir,
    address: String,
    password: String,
}

impl Server {
    fn start(binary: &Path, settings: &Settings<'_>) -> Outcome<Self> {
        let folder = TempDir::with_prefix("berth-conformance-")?;
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?.to_string();
        let password = format!("Conformance-{}", std::process::id());
        let data = folder.path().join("data");
        let process = Command::new(binary)
            .arg("serve")
            .env("BERTH_LISTEN", &address)
            .env("BERTH_DATA_DIR", &data)
            .env("BERTH_ACCOUNT", "berth")
            .env("BERTH_ADMIN_USER", USER)
            .env("BERTH_ADMIN_PASSWORD", &password)
            // The suite pushes sparse indexes and images on purpose.
            .env("BERTH_MISSING_REFERENCES", "accept")
            .env("BERTH_LOG_LEVEL", "warn")
            .envs(settings.iter().copied())
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .spawn()?;
        let mut server = Self {
            process,
            folder,
            address,
            password,
        };
        server.wait_until_ready()?;
        let made = Command::new(binary)
            .args(["admin", "org", "create", ORGANIZATION, "--account", "berth"])
            .env("BERTH_DATA_DIR", &data)
            .envs(settings.iter().copied())
            .current_dir(server.folder.path())
            .stdout(Stdio::null())
            .status()?;
        if made.success() {
            Ok(server)
        } else {
            Err(format!("berth admin ended with {made}").into())
        }
    }

    fn wait_until_ready(&mut self) -> Outcome<()> {
        let begun = Instant::now();
        while begun.elapsed() < START_LIMIT {
            if let Some(status) = self.process.try_wait()? {
                return Err(format!("berth ended at once: {status}").into());
            }
            if self.is_ready() {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Err("berth is not ready in time".into())
    }

    /// Whether `/readyz` says so: before it does, the first account may not be there.
    fn is_ready(&self) -> bool {
        let ask = || -> std::io::Result<String> {
            let mut connection = TcpStream::connect(&self.address)?;
            let address = &self.address;
            write!(
                connection,
                "GET /readyz HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n"
            )?;
            let mut answer = String::new();
            connection.read_to_string(&mut answer)?;
            Ok(answer)
        };
        ask().is_ok_and(|answer| answer.starts_with("HTTP/1.1 200"))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Nothing of it is needed any more, and a process that has ended already is no error.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::judge;

    fn summary(pass: u64, skip: u64, fail: u64) -> String {
        format!(
            "OCI Conformance Result: Pass\n  Disabled......: 0\n  Skip......: {skip}\n  Pass......: {pass}\n  \
             FAIL......: {fail}\n  Error......: 0\n  Total......: 9\n"
        )
    }

    #[test]
    fn only_a_run_with_passes_alone_is_good() {
        assert_eq!(judge(&summary(9, 0, 0)), Ok(()));
        assert_eq!(judge(&summary(8, 1, 0)), Err("1 tests with status Skip".into()));
        assert_eq!(judge(&summary(8, 0, 1)), Err("1 tests with status FAIL".into()));
        assert_eq!(judge(&summary(0, 0, 0)), Err("no test ran".into()));
        assert!(judge("failed to setup test").is_err());
    }
}
