//! What an operator's monitoring reads: metrics, to whom they are told, and whether the server is ready.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use berth_oci::media_type;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::berth::Place;
use crate::client::Client;
use crate::content::{digest, image, written};
use crate::world::World;

/// An address that nobody has at the moment.
fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

fn at(address: SocketAddr) -> Client {
    Client {
        http: reqwest::Client::builder().no_proxy().build().unwrap(),
        url: format!("http://{address}"),
        authorization: None,
    }
}

/// A metric, as its lines say.
#[derive(Debug, Default)]
struct Found {
    kind: String,
    /// Values by the labels as they are written.
    samples: BTreeMap<String, f64>,
}

/// Reads an exposition strictly: nothing but what the format has, each sample behind its own description, an end.
fn read(text: &str) -> BTreeMap<String, Found> {
    let body = text.strip_suffix("# EOF\n").expect("it has an end");
    let mut metrics: BTreeMap<String, Found> = BTreeMap::new();
    let mut current = String::new();
    for line in body.lines() {
        if let Some(help) = line.strip_prefix("# HELP ") {
            let (name, help) = help.split_once(' ').unwrap();
            assert!(!help.is_empty(), "{line}");
            name.clone_into(&mut current);
            let known = metrics.insert(current.clone(), Found::default());
            assert!(known.is_none(), "{line}: twice");
        } else if let Some(kind) = line.strip_prefix("# TYPE ") {
            let (name, kind) = kind.split_once(' ').unwrap();
            assert_eq!(name, current);
            kind.clone_into(&mut metrics.get_mut(&current).unwrap().kind);
        } else {
            let (sample, value) = line.rsplit_once(' ').unwrap();
            let value: f64 = value.parse().unwrap_or_else(|_| panic!("{line}"));
            let found = metrics.get_mut(&current).unwrap();
            assert!(sample.starts_with(&current), "{line} below {current}");
            let known = found.samples.insert(sample[current.len()..].to_owned(), value);
            assert!(known.is_none(), "{line}: twice");
        }
    }
    metrics
}

/// Names and labels of one sample, `_bucket` and its like and the label `le` taken away.
fn labels(sample: &str) -> BTreeSet<String> {
    let Some((_, inside)) = sample.split_once('{') else {
        return BTreeSet::new();
    };
    let inside = inside.strip_suffix('}').unwrap();
    let names = inside.split(',').filter(|part| !part.is_empty());
    let names = names.map(|part| part.split_once('=').unwrap().0.to_owned());
    names.filter(|name| name != "le").collect()
}

/// The table of the reference page: kind and labels by name.
fn documented() -> BTreeMap<String, (String, BTreeSet<String>)> {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/metrics.md");
    let page = std::fs::read_to_string(page).unwrap();
    let rows = page.lines().filter(|line| line.starts_with("| `"));
    let rows = rows.map(|line| line.split('|').map(str::trim).collect::<Vec<_>>());
    rows.filter(|cells| cells.len() == 6)
        .map(|cells| {
            let plain = |text: &str| text.trim_matches('`').to_owned();
            let labels = cells[3].split(", ").filter(|label| !label.is_empty()).map(plain);
            (plain(cells[1]), (cells[2].to_owned(), labels.collect()))
        })
        .collect()
}

#[tokio::test]
async fn metrics_say_what_happened_and_nothing_of_whom() {
    let address = free_address();
    let world = World::start_with(&["--metrics-listen", &address.to_string()]).await;
    let watching = at(address);
    world.admin.push_image("team/hidden", "v1", b"layer").await;
    for _ in 0..3 {
        world.admin.ask("GET /v2/team/hidden/manifests/v1").await.is(200);
    }
    let blob = format!("/v2/team/hidden/blobs/{}", digest(b"layer"));
    world.admin.ask(format!("GET {blob}")).await.is(200);
    world
        .admin
        .anonymous()
        .ask("GET /v2/team/hidden/manifests/none")
        .await
        .is(401);

    let answer = watching.ask("GET /metrics").await.is(200);
    let answer = answer.has(
        "content-type",
        "application/openmetrics-text; version=1.0.0; charset=utf-8",
    );
    let text = String::from_utf8(answer.body.to_vec()).unwrap();
    let metrics = read(&text);

    // The page names what there is, and nothing else.
    let documented = documented();
    let base = |name: &str| name.strip_suffix("_total").unwrap_or(name).to_owned();
    let pages: BTreeSet<String> = documented.keys().map(|name| base(name)).collect();
    assert_eq!(pages, metrics.keys().cloned().collect());
    for (name, (kind, wanted)) in &documented {
        let found = &metrics[&base(name)];
        assert_eq!(&found.kind, kind, "{name}");
        for sample in found.samples.keys() {
            assert_eq!(&labels(sample), wanted, "{name}{sample}");
        }
    }

    let value = |name: &str, sample: &str| {
        let samples = &metrics[name].samples;
        *samples
            .get(sample)
            .unwrap_or_else(|| panic!("{name}{sample} is not among {samples:?}"))
    };
    let requests = |operation, method, status| {
        let labels = format!("_total{{operation=\"{operation}\",method=\"{method}\",status=\"{status}\"}}");
        value("berth_http_requests", &labels)
    };
    assert!(requests("manifest", "GET", 200) >= 3.0);
    assert!(requests("manifest", "PUT", 201) >= 1.0);
    assert!(requests("manifest", "GET", 401) >= 1.0);
    assert!(requests("blob", "GET", 200) >= 1.0);
    assert!(value("berth_http_sent_bytes", "_total{operation=\"blob\"}") >= 5.0);
    assert!(value("berth_http_received_bytes", "_total{operation=\"upload\"}") >= 5.0);
    assert!(value("berth_http_request_seconds", "_count{operation=\"manifest\"}") >= 5.0);
    assert!(value("berth_database_seconds", "_count{access=\"write\"}") >= 1.0);
    assert!(value("berth_store_operation_seconds", "_count{operation=\"open\"}") >= 1.0);
    assert!(
        value(
            "berth_remembered_lookups",
            "_total{kind=\"manifest\",outcome=\"hit\"}"
        ) >= 1.0
    );
    assert!(value("berth_blobs", "") >= 2.0);
    assert!(value("berth_stored_bytes", "{use=\"blobs\"}") >= 5.0);
    assert!(value("process_resident_memory_bytes", "") >= 1e6);

    for told in ["team", "hidden", "v1", "admin", "berth\"", "127.0.0.1"] {
        assert!(!text.contains(told), "metrics tell of {told}");
    }
    world.end();
}

#[tokio::test]
async fn strangers_are_told_no_metrics() {
    let place = Place::new();
    let closed = place.serve(&[]);
    let stranger = at(closed.address);
    let code = |answer: crate::client::Answer| answer.json()["error_code"].clone();
    let nothing = code(stranger.ask("GET /nothing").await.is(404));
    assert_eq!(code(stranger.ask("GET /metrics").await.is(404)), nothing);
    closed.stop();

    let opened = place.serve_with(&[], &[("BERTH_METRICS_TOKEN", "hush-token")]);
    let stranger = at(opened.address);
    for shown in [
        "",
        "Bearer",
        "Bearer hush",
        "Bearer hush-token2",
        "Basic hush-token",
    ] {
        let answer = stranger.with(shown).ask("GET /metrics").await.is(401);
        assert!(!answer.body.windows(6).any(|part| part == b"berth_"), "{shown}");
    }
    let text = stranger
        .with("Bearer hush-token")
        .ask("GET /metrics")
        .await
        .is(200);
    assert!(!read(std::str::from_utf8(&text.body).unwrap()).is_empty());
    let ended = opened.stop();
    assert!(!ended.err.contains("hush-token"), "{}", ended.err);
}

/// A request in the middle of its body, so that the server waits for it at its end.
fn held(world: &World) -> TcpStream {
    let mut stream = TcpStream::connect(world.address()).unwrap();
    let authorization = world.admin.authorization.as_deref().unwrap();
    let manifest = written(&image(&[b"layer"]));
    let head = format!(
        "PUT /v2/team/app/manifests/v2 HTTP/1.1\r\nHost: here\r\nAuthorization: {authorization}\r\nContent-Type: {}\r\n\
         Content-Length: {}\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n",
        media_type::OCI_MANIFEST,
        manifest.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    let mut asked = [0; 25];
    stream.read_exact(&mut asked).unwrap();
    assert_eq!(&asked, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream
}

#[tokio::test]
async fn a_server_that_stops_is_not_ready_and_still_watched() {
    let address = free_address();
    let world = World::start_with(&["--metrics-listen", &address.to_string()]).await;
    let watching = at(address);
    assert_eq!(watching.ask("GET /readyz").await.is(200).body, "ready\n");
    world.admin.push_image("team/app", "v1", b"layer").await;
    let request = held(&world);
    let process = Pid::from_raw(world.process_id().try_into().unwrap()).unwrap();
    kill_process(process, Signal::TERM).unwrap();
    loop {
        let answer = watching.ask("GET /readyz").await;
        if answer.status == 503 {
            assert_eq!(answer.body, "not ready: stopping\n");
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    watching.ask("GET /livez").await.is(200);
    watching.ask("GET /metrics").await.is(200);
    drop(request);
    world.end();
}

#[tokio::test]
async fn readiness_names_the_part_that_does_not_work() {
    let place = Place::new();
    let server = place.serve(&[]);
    let asking = at(server.address);
    assert_eq!(asking.ask("GET /readyz").await.is(200).body, "ready\n");
    let (storage, away) = (place.0.path().join("data/storage"), place.0.path().join("away"));
    std::fs::rename(&storage, &away).unwrap();
    let answer = loop {
        let answer = asking.ask("GET /readyz").await;
        if answer.status == 503 {
            break answer;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    assert_eq!(answer.body, "not ready: store\n");
    std::fs::rename(&away, &storage).unwrap();
    while asking.ask("GET /readyz").await.status != 200 {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    asking.ask("GET /livez").await.is(200);
}

/// A Prometheus that reads a server's metrics and has the alerts of `deploy`.
struct Prometheus {
    address: SocketAddr,
    child: std::process::Child,
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _status = self.child.wait();
    }
}

fn observability(name: &str) -> std::path::PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/observability");
    folder.join(name).canonicalize().unwrap()
}

impl Prometheus {
    fn reading(target: SocketAddr, place: &Place) -> Self {
        let settings = place.0.path().join("prometheus.yml");
        let alerts = observability("alerts.yaml");
        let text = format!(
            "global: {{scrape_interval: 1s, evaluation_interval: 1s}}\nrule_files: [\"{}\"]\nscrape_configs:\n  \
             - job_name: berth\n    static_configs: [{{targets: [\"{target}\"]}}]\n",
            alerts.display()
        );
        std::fs::write(&settings, text).unwrap();
        let address = free_address();
        let child = Command::new("prometheus")
            .arg(format!("--config.file={}", settings.display()))
            .arg(format!(
                "--storage.tsdb.path={}",
                place.0.path().join("series").display()
            ))
            .arg(format!("--web.listen-address={address}"))
            .arg("--log.level=error")
            .spawn()
            .expect("prometheus starts (scripts/install-test-tools)");
        Self { address, child }
    }

    /// What its API answers, once it is there.
    async fn ask(&self, path: &str, query: &[(&str, &str)]) -> Value {
        let url = format!("http://{}/api/v1/{path}", self.address);
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        loop {
            let form: Vec<String> = query
                .iter()
                .map(|(name, value)| format!("{name}={}", percent(value)))
                .collect();
            let sent = client.get(format!("{url}?{}", form.join("&"))).send().await;
            match sent {
                Ok(answer) if answer.status() != 503 => return answer.json().await.unwrap(),
                _ => tokio::time::sleep(Duration::from_millis(100)).await,
            }
        }
    }
}

fn percent(text: &str) -> String {
    text.bytes()
        .fold(String::new(), |text, byte| format!("{text}%{byte:02X}"))
}

fn expressions(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Array(values) => values.iter().for_each(|value| expressions(value, found)),
        Value::Object(fields) => {
            found.extend(fields.get("expr").map(|text| text.as_str().unwrap().to_owned()));
            fields.values().for_each(|value| expressions(value, found));
        }
        _ => {}
    }
}

#[tokio::test]
async fn prometheus_takes_metrics_alerts_and_panels() {
    let (place, address) = (Place::new(), free_address());
    let world = World::start_with(&["--metrics-listen", &address.to_string()]).await;
    world.admin.push_image("team/app", "v1", b"layer").await;
    let prometheus = Prometheus::reading(address, &place);
    let target = loop {
        let targets = prometheus.ask("targets", &[]).await;
        let target = targets["data"]["activeTargets"][0].clone();
        if target["health"]
            .as_str()
            .is_some_and(|health| health != "unknown")
        {
            break target;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    };
    assert_eq!(target["health"], "up", "{target}");

    let names = prometheus.ask("label/__name__/values", &[]).await;
    let names: BTreeSet<&str> = names["data"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(Value::as_str)
        .collect();
    for wanted in [
        "berth_http_requests_total",
        "berth_http_request_seconds_bucket",
        "process_cpu_seconds_total",
    ] {
        assert!(names.contains(wanted), "{wanted} is not among {names:?}");
    }
    // Each alert was tried and none is about a server that does its work.
    let rules = loop {
        let rules = prometheus.ask("rules", &[]).await;
        let rules = rules["data"]["groups"][0]["rules"].as_array().unwrap().clone();
        if rules.iter().all(|rule| rule["health"] != "unknown") {
            break rules;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    };
    assert!(rules.len() >= 10, "{rules:?}");
    for rule in rules {
        assert_eq!(
            (rule["health"].as_str(), rule["state"].as_str()),
            (Some("ok"), Some("inactive")),
            "{rule}"
        );
    }
    let dashboard = std::fs::read_to_string(observability("grafana-dashboard.json")).unwrap();
    let mut panels = Vec::new();
    expressions(&serde_json::from_str(&dashboard).unwrap(), &mut panels);
    assert!(panels.len() > 50);
    for panel in panels {
        let query = panel
            .replace("$__rate_interval", "1m")
            .replace("$instance", ".*")
            .replace("$job", ".*");
        let answer = prometheus.ask("query", &[("query", &query)]).await;
        assert_eq!(answer["status"], "success", "{panel}: {answer}");
    }
    world.end();
}
