//! How many instructions the hot paths take, compared with the figures in `instructions/`: a change that makes requests dearer
//! is seen at once, on any machine, however busy. valgrind counts; nothing is timed.
//!
//! The server counted is the debug build, the one that all tests use. What else it does now and then only adds, so that the
//! least of some rounds is the path's own.

mod connection;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::berth::{Place, Server};
use crate::content;
use crate::installation::{ACCESS_KEY_ID, LOGIN_KEY, VARIABLES, basic};
use connection::Connection;

/// How far a figure may be from the one on file, in percent. The least of the rounds differs by less than 3 from run to run.
const TOLERANCE_PERCENT: u64 = 5;
/// Rounds that are always counted, and the most there are while the least of them is more than is on file.
const ROUNDS: usize = 30;
const ROUNDS_MAX: usize = 150;
/// How often a path runs before it is counted.
const WARM_UP: usize = 20;
/// Set, the figures are written instead of compared.
const RENEW: &str = "INSTRUCTIONS_RENEW";

const REPOSITORY: &str = "team/app";
const LAYER_BYTES: usize = 10 << 10;

/// One path of requests.
struct Hot {
    /// Its name on file.
    name: &'static str,
    /// How often it runs in a round.
    times: u64,
    run: fn(&mut Client),
}

const PATHS: &[Hot] = &[
    Hot {
        name: "token-check",
        times: 8,
        run: |client| {
            client.ask("GET /v2/", b"", 200);
        },
    },
    Hot {
        name: "token-issue",
        times: 8,
        run: |client| {
            client.token();
        },
    },
    Hot {
        name: "manifest-get-by-tag",
        times: 8,
        run: |client| {
            client.ask(&format!("GET /v2/{REPOSITORY}/manifests/warm"), b"", 200);
        },
    },
    Hot {
        name: "blob-head",
        times: 8,
        run: |client| {
            let digest = client.layer.clone();
            client.ask(&format!("HEAD /v2/{REPOSITORY}/blobs/{digest}"), b"", 200);
        },
    },
    Hot {
        name: "blob-get-10-kib",
        times: 8,
        run: |client| {
            let digest = client.layer.clone();
            client.ask(&format!("GET /v2/{REPOSITORY}/blobs/{digest}"), b"", 200);
        },
    },
    Hot {
        name: "blob-push-10-kib",
        times: 3,
        run: |client| {
            client.push_layer();
        },
    },
    Hot {
        name: "manifest-push",
        times: 3,
        run: |client| {
            client.push_manifest();
        },
    },
];

/// Somebody with a token who pushes and pulls over one connection.
struct Client {
    connection: Connection,
    token: String,
    /// The digest of a layer that is there.
    layer: String,
    pushed: u64,
}

impl Client {
    fn start(server: &Server) -> Self {
        let mut client = Self {
            connection: Connection::to(server.address),
            token: String::new(),
            layer: String::new(),
            pushed: 0,
        };
        client.token = client.token();
        client.push_blob(content::CONFIG);
        client.layer = client.push_layer();
        client.push_manifest_as("warm");
        client
    }

    fn ask(&mut self, line: &str, body: &[u8], status: u16) -> connection::Answer {
        let bearer = format!("Bearer {}", self.token);
        let headers = [
            ("Authorization", bearer.as_str()),
            ("Content-Type", berth_oci::media_type::OCI_MANIFEST),
        ];
        self.connection.ask(line, &headers, body, status)
    }

    fn token(&mut self) -> String {
        let login = basic(&format!("local@{ACCESS_KEY_ID}"), LOGIN_KEY);
        let line = format!("GET /token?service=berth&scope=repository:{REPOSITORY}:pull,push");
        let answer = self.connection.ask(&line, &[("Authorization", &login)], b"", 200);
        let answer: Value = serde_json::from_slice(&answer.body).unwrap();
        answer["token"].as_str().unwrap().to_owned()
    }

    /// As most clients push: an upload is begun, and ended with all its bytes.
    fn push_blob(&mut self, bytes: &[u8]) -> String {
        let answer = self.ask(&format!("POST /v2/{REPOSITORY}/blobs/uploads/"), b"", 202);
        let location = answer.header("location").unwrap();
        let path = location.find("/v2/").map(|start| &location[start..]).unwrap();
        let joint = if path.contains('?') { '&' } else { '?' };
        let digest = content::digest(bytes);
        self.ask(&format!("PUT {path}{joint}digest={digest}"), bytes, 201);
        digest
    }

    fn push_layer(&mut self) -> String {
        self.pushed += 1;
        self.push_blob(&content::bytes(self.pushed, LAYER_BYTES))
    }

    fn push_manifest(&mut self) {
        self.pushed += 1;
        self.push_manifest_as(&format!("tag-{}", self.pushed));
    }

    fn push_manifest_as(&mut self, tag: &str) {
        let mut image = content::image(&[&content::bytes(1, LAYER_BYTES)]);
        image["annotations"] = serde_json::json!({ "of": tag });
        let bytes = content::written(&image);
        self.ask(&format!("PUT /v2/{REPOSITORY}/manifests/{tag}"), &bytes, 201);
    }
}

/// A server whose instructions are counted.
struct Counted {
    server: Server,
    /// What the counter writes, followed by a number.
    dumps: PathBuf,
}

impl Counted {
    /// Starts a server in a place that was served before: a first start is not what is counted.
    fn start(place: &Place) -> Self {
        let dumps = place.0.path().join("counted");
        let mut command = Command::new("valgrind");
        command
            .args(["--tool=callgrind", "--instr-atstart=no", "--fair-sched=yes"])
            .arg(format!("--callgrind-out-file={}", dumps.display()))
            .arg(format!(
                "--log-file={}",
                place.0.path().join("valgrind.log").display()
            ))
            .arg(env!("CARGO_BIN_EXE_berth"))
            .args(["serve", "--listen", "127.0.0.1:0", "--log-format", "json"])
            .current_dir(place.0.path())
            // One task after the other.
            .env("TOKIO_WORKER_THREADS", "1");
        let counted = Self {
            server: Server::start(command),
            dumps,
        };
        counted.tell(&["instrumentation", "on"]);
        counted
    }

    /// Gives an order to the counter.
    fn tell(&self, words: &[&str]) -> String {
        let told = Command::new("vgdb")
            // A server that waits for requests is woken at once.
            .arg("--max-invoke-ms=1")
            .arg(format!("--pid={}", self.server.process_id()))
            .args(words)
            .output()
            .expect("valgrind is installed (run scripts/install-test-tools)");
        assert!(told.status.success(), "{}", String::from_utf8_lossy(&told.stderr));
        String::from_utf8(told.stdout).unwrap()
    }

    /// The instructions of all threads so far.
    fn total(&self) -> u64 {
        let status = self.tell(&["status", "internal"]);
        let counts = status.lines().filter_map(|line| {
            let (thread, count) = line.strip_prefix("events-")?.split_once(": ")?;
            // `events-2-0` is of a function.
            thread.parse::<u32>().ok()?;
            count.parse::<u64>().ok()
        });
        let total = counts.sum();
        assert_ne!(total, 0, "the counter counts nothing: {status}");
        total
    }

    /// The instructions of one request of a path: the least of some rounds, of more while that is above `enough`.
    fn measure(&self, hot: &Hot, client: &mut Client, enough: u64) -> u64 {
        // What a first time makes is there later: statements, connections, pages.
        for _ in 0..WARM_UP {
            (hot.run)(client);
        }
        let (mut least, mut before) = (u64::MAX, self.total());
        for round in 0..ROUNDS_MAX {
            if round >= ROUNDS && least <= enough {
                break;
            }
            for _ in 0..hot.times {
                (hot.run)(client);
            }
            let now = self.total();
            least = least.min((now - before) / hot.times);
            before = now;
        }
        least
    }

    /// Writes where the instructions of a path go.
    fn explain(&self, hot: &Hot, client: &mut Client) {
        self.tell(&["zero"]);
        for _ in 0..WARM_UP {
            (hot.run)(client);
        }
        self.tell(&["dump"]);
        let newest = std::fs::read_dir(self.dumps.parent().unwrap()).unwrap().flatten();
        let newest = newest
            .map(|entry| entry.path())
            .filter(|path| path.file_stem() == self.dumps.file_name() && path.extension().is_some());
        let newest = newest.max_by_key(|path| std::fs::metadata(path).unwrap().modified().unwrap());
        std::fs::copy(newest.unwrap(), explanation(hot)).unwrap();
    }
}

/// Where [`Counted::explain`] writes.
fn explanation(hot: &Hot) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("callgrind.{}", hot.name))
}

/// The figures on file. Another architecture has other instructions.
fn table() -> PathBuf {
    let name = format!("tests/it/instructions/{}.txt", std::env::consts::ARCH);
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

fn on_file(text: &str, name: &str) -> u64 {
    let figure = |line: &str| line.strip_prefix(name)?.strip_prefix(' ')?.trim().parse().ok();
    text.lines().find_map(figure).unwrap_or(0)
}

/// A place whose first start is over, with an organization.
fn prepared() -> Place {
    let place = Place::new();
    let first = place.serve_with(&[], VARIABLES);
    let made = place.run(&["admin", "org", "create", "team", "--account", "berth"], &[]);
    assert!(made.status.success(), "{}", made.err);
    first.stop();
    place
}

#[test]
fn hot_paths_take_the_instructions_that_are_on_file() {
    let place = prepared();
    let file = table();
    let text = std::fs::read_to_string(&file).unwrap_or_default();
    let renew = std::env::var_os(RENEW).is_some();
    let counted = Counted::start(&place);
    let mut client = Client::start(&counted.server);
    let (mut figures, mut changed) = (String::new(), String::new());
    for hot in PATHS {
        let before = on_file(&text, hot.name);
        let (least, most) = (100 - TOLERANCE_PERCENT, 100 + TOLERANCE_PERCENT);
        let enough = if renew { u64::MAX } else { before * most / 100 };
        let now = counted.measure(hot, &mut client, enough);
        writeln!(figures, "{:<20} {now:>8}", hot.name).unwrap();
        println!("{:<20} {now:>8}, on file {before:>8}", hot.name);
        if !renew && !(before * least..=before * most).contains(&(now * 100)) {
            counted.explain(hot, &mut client);
            let (name, shown) = (hot.name, explanation(hot));
            let line = format!(
                "{name}: {now} now, {before} on file; where they go: callgrind_annotate {}",
                shown.display()
            );
            writeln!(changed, "{line}").unwrap();
        }
    }
    counted.server.stop();
    if renew {
        let title = "# Instructions of one request, debug build. Made by `cargo xtask instructions`.\n";
        std::fs::write(&file, title.to_owned() + &figures).unwrap();
        return;
    }
    assert!(
        changed.is_empty(),
        "some requests take other numbers of instructions than {} says, by more than {TOLERANCE_PERCENT} %:\n{changed}\
         More: make it cheaper, or decide that it is worth it. Less: well done, and on file the gain is guarded, too. \
         In both cases `cargo xtask instructions` writes the file anew; commit it with the reason.",
        file.display()
    );
}
