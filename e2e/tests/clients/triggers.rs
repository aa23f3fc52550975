//! Triggers against a real Kubernetes API server: a docker push changes the workload, the rollout is watched to its end,
//! undone when it fails, and goes on whatever happens to either side.

mod preheats;

use std::thread;
use std::time::{Duration, Instant};

use e2e::client::{Client, log_in};
use e2e::docker::Docker;
use e2e::home::Home;
use e2e::kubernetes::{ADMIN_TOKEN, BERTH_TOKEN, Kubernetes};
use e2e::login::Request;
use e2e::server::Server;
use serde_json::{Value, json};

/// What the cluster calls the registry; nothing is pulled from there.
const HOST: &str = "registry.example:5000";
const TRIGGERS: &str = "/v2/manage/namespaces/team/repos/app/triggers";
const PATIENCE: Duration = Duration::from_secs(90);

/// A registry with a registered cluster, and somebody who pushes to it.
struct World {
    server: Server,
    cluster: Kubernetes,
    docker: Docker,
}

impl World {
    fn start(token: &str) -> Self {
        let home = Home::new("berth");
        let settings = format!("image_hosts = \"{HOST}\"\n[outbound]\nallow = [\"127.0.0.0/8\"]\n");
        home.write("berth.toml", settings);
        let server = Server::start_at(home);
        server.create_organization("team");
        let cluster = Kubernetes::start();
        let docker = Docker::start();
        log_in(&docker, &server.address(), &server.long_term_login()).ok();
        let world = Self {
            server,
            cluster,
            docker,
        };
        let registered = json!({"cluster_id": "c1", "cluster_name": "west", "server": world.cluster.url(),
            "certificate_authority": world.cluster.authority(), "token": token});
        world.ask("POST", "/v2/manage/clusters?unchecked=true", &registered);
        let image = json!({"repository": "app", "is_public": false});
        world.ask("POST", "/v2/manage/namespaces/team/repos", &image);
        world
    }

    /// A signed request to the management API, and the document that it is answered with.
    fn ask(&self, method: &str, path: &str, body: &Value) -> Value {
        let body = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let request = Request {
            method,
            path,
            query,
            body: &body,
        };
        let answer = self.server.manage(&self.server.administrator_key(), &request);
        let (_, document) = answer.rsplit_once("\r\n\r\n").unwrap_or_default();
        serde_json::from_str(document).unwrap_or_default()
    }

    fn trigger(&self, kind: &str, workload: &str, more: &Value) {
        let mut body = json!({"name": workload, "trigger_type": "all", "condition": ".*", "action": "update",
            "enable": "true", "app_type": kind, "application": workload, "cluster_ns": "default",
            "cluster_name": "west"});
        for (field, value) in more.as_object().unwrap() {
            body[field] = value.clone();
        }
        self.ask("POST", TRIGGERS, &body);
    }

    /// Makes an image of this content and pushes it; its digest.
    fn push(&self, tag: &str, content: &str) -> String {
        let image = self.server.image(&format!("team/app:{tag}"));
        let folder = self.docker.home().folder("folder");
        self.docker
            .home()
            .write("folder/Dockerfile", "FROM scratch\nCOPY content /content\n");
        self.docker.home().write("folder/content", content);
        self.docker
            .ok(&["build", "-q", "-t", &image, &folder.to_string_lossy()]);
        self.docker.push(&image)
    }

    fn by_digest(digest: &str) -> String {
        format!("{HOST}/team/app@{digest}")
    }

    /// The runs of a trigger, newest first.
    fn runs(&self, trigger: &str) -> Vec<Value> {
        let page = self.ask("GET", &format!("{TRIGGERS}/{trigger}/runs"), &Value::Null);
        page["runs"].as_array().unwrap().clone()
    }

    /// The newest run, when it has this status.
    fn run(&self, trigger: &str, status: &str) -> Value {
        let mut seen = Value::Null;
        wait_for(&format!("a run of {trigger} that is {status}"), || {
            seen = self.runs(trigger).into_iter().next().unwrap_or_default();
            (seen["status"] == status).then(|| seen.clone())
        })
    }

    fn runs_image(&self, kind: &str, workload: &str, image: &str) {
        let mut seen = String::new();
        wait_for(&format!("{kind}/{workload} with {image}"), || {
            seen = self.cluster.image(kind, workload);
            (seen == image).then_some(())
        });
    }
}

fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < end, "waited in vain for {what}");
        thread::sleep(Duration::from_millis(200));
    }
}

fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value[field].as_str().unwrap_or_default()
}

#[test]
fn a_docker_push_rolls_a_deployment_out_once() {
    let world = World::start(BERTH_TOKEN);
    world.cluster.allow_all_that_berth_needs();
    world
        .cluster
        .make_workload("deployments", "web", "registry.example:5000/team/app:old");
    world.trigger("deployments", "web", &json!({}));
    let digest = world.push("v1", "one");
    world.runs_image("deployments", "web", &World::by_digest(&digest));
    // Nobody says that it is rolled out, until the controller does.
    assert_eq!(
        world.run("web", "running")["images"][0]["before"],
        "registry.example:5000/team/app:old"
    );
    world.cluster.complete("deployments", "web");
    let run = world.run("web", "success");
    assert_eq!((text(&run, "tag"), text(&run, "digest")), ("v1", digest.as_str()));
    assert_eq!(text(&run, "image"), World::by_digest(&digest));
    let shown = world.ask("GET", &format!("{TRIGGERS}/web"), &Value::Null);
    assert_eq!(shown["trigger_history"][0]["result"], "success");

    // The same push again is nothing new.
    for _ in 0..5 {
        assert_eq!(world.push("v1", "one"), digest);
    }
    let generation = world.cluster.workload("deployments", "web")["metadata"]["generation"].clone();
    // A push to another tag is, and comes after those five.
    let second = world.push("v2", "two");
    world.runs_image("deployments", "web", &World::by_digest(&second));
    world.cluster.complete("deployments", "web");
    world.run("web", "success");
    assert_eq!(world.runs("web").len(), 2);
    let after = world.cluster.workload("deployments", "web")["metadata"]["generation"].clone();
    assert_eq!(after.as_i64(), generation.as_i64().map(|before| before + 1));
}

#[test]
fn a_tag_that_moves_restarts_the_rollout_where_the_tag_is_named() {
    let world = World::start(BERTH_TOKEN);
    world.cluster.allow_all_that_berth_needs();
    let image = format!("{HOST}/team/app:latest");
    world.cluster.make_workload("deployments", "web", &image);
    world.trigger(
        "deployments",
        "web",
        &json!({"update_by": "tag", "trigger_type": "tag", "condition": "latest"}),
    );
    let restarted = || {
        let object = world.cluster.workload("deployments", "web");
        object["spec"]["template"]["metadata"]["annotations"].to_string()
    };
    let mut seen = vec![restarted()];
    for content in ["one", "two"] {
        world.push("latest", content);
        let before = seen.last().unwrap().clone();
        let now = wait_for("another restart", || {
            Some(restarted()).filter(|now| *now != before)
        });
        seen.push(now);
        world.cluster.complete("deployments", "web");
        world.run("web", "success");
        assert_eq!(world.cluster.image("deployments", "web"), image);
    }
    // Nobody waits for this tag.
    world.push("other", "three");
    let digest = world.push("latest", "four");
    wait_for("the run of the fourth push", || {
        (text(world.runs("web").first()?, "digest") == digest).then_some(())
    });
    assert_eq!(world.runs("web").len(), 3);
}

#[test]
fn a_rollout_that_fails_is_undone_and_a_run_by_hand_too() {
    let world = World::start(BERTH_TOKEN);
    world.cluster.allow_all_that_berth_needs();
    world
        .cluster
        .make_workload("deployments", "web", "registry.example:5000/team/app:old");
    world.trigger("deployments", "web", &json!({"undo_on_failure": true}));
    let digest = world.push("v1", "one");
    world.runs_image("deployments", "web", &World::by_digest(&digest));
    world
        .cluster
        .give_up("web", "ReplicaSet \"web-1\" has timed out progressing.");
    world.runs_image("deployments", "web", "registry.example:5000/team/app:old");
    world.cluster.complete("deployments", "web");
    let run = world.run("web", "undone");
    let detail = text(&run, "detail");
    assert!(
        detail.contains("ProgressDeadlineExceeded") && detail.contains("timed out progressing"),
        "{detail}"
    );
    assert!(detail.contains("from before are back"), "{detail}");
    let shown = world.ask("GET", &format!("{TRIGGERS}/web"), &Value::Null);
    assert_eq!(shown["trigger_history"][0]["result"], "failed");

    // By hand, from the command line.
    let key = world.server.administrator_key();
    let berth = Client::new(&e2e::server::binary().to_string_lossy())
        .variable("BERTH_URL", format!("http://{}", world.server.address()))
        .variable("BERTH_ACCESS_KEY_ID", &key.id)
        .variable("BERTH_SECRET_ACCESS_KEY", &key.secret);
    let mut running = berth
        .command(&["trigger", "run", "team/app", "web", "v1", "--follow"])
        .spawn()
        .unwrap();
    world.runs_image("deployments", "web", &World::by_digest(&digest));
    world.cluster.complete("deployments", "web");
    assert!(running.wait().unwrap().success());
    let run = world.run("web", "success");
    assert_eq!((text(&run, "why"), text(&run, "user_name")), ("run", "admin"));
    let id = run["id"].to_string();
    let mut undoing = berth
        .command(&["trigger", "undo", "team/app", "web", &id, "--follow"])
        .spawn()
        .unwrap();
    world.runs_image("deployments", "web", "registry.example:5000/team/app:old");
    world.cluster.complete("deployments", "web");
    assert!(undoing.wait().unwrap().success());
    assert_eq!(world.run("web", "success")["undoes"], run["id"]);

    // What somebody else made of it since stays.
    let mut running = berth
        .command(&["trigger", "run", "team/app", "web", "v1"])
        .spawn()
        .unwrap();
    assert!(running.wait().unwrap().success());
    world.runs_image("deployments", "web", &World::by_digest(&digest));
    world
        .cluster
        .set_image("deployments", "web", "elsewhere.example/app:hotfix");
    let run = world.run("web", "failed");
    assert!(
        text(&run, "detail").contains("elsewhere.example/app:hotfix"),
        "{run}"
    );
    assert_eq!(
        world.cluster.image("deployments", "web"),
        "elsewhere.example/app:hotfix"
    );
}

#[test]
fn every_kind_of_workload_gets_the_image() {
    let world = World::start(BERTH_TOKEN);
    world.cluster.allow_all_that_berth_needs();
    let kinds = [
        ("statefulsets", "db"),
        ("daemonsets", "agent"),
        ("cronjobs", "nightly"),
    ];
    for (kind, name) in kinds {
        world
            .cluster
            .make_workload(kind, name, "registry.example:5000/team/app:old");
        world.trigger(kind, name, &json!({}));
    }
    let digest = world.push("v1", "one");
    for (kind, name) in kinds {
        world.runs_image(kind, name, &World::by_digest(&digest));
        if kind != "cronjobs" {
            assert_eq!(text(&world.run(name, "running"), "tag"), "v1");
            world.cluster.complete(kind, name);
        }
        world.run(name, "success");
    }
}

#[test]
fn a_rollout_is_watched_further_when_berth_is_killed() {
    let mut world = World::start(BERTH_TOKEN);
    world.cluster.allow_all_that_berth_needs();
    world
        .cluster
        .make_workload("deployments", "web", "registry.example:5000/team/app:old");
    world.trigger("deployments", "web", &json!({}));
    let digest = world.push("v1", "one");
    world.runs_image("deployments", "web", &World::by_digest(&digest));
    world.server.kill_and_restart();
    assert_eq!(text(&world.run("web", "running"), "tag"), "v1");
    let generation = world.cluster.workload("deployments", "web")["metadata"]["generation"].clone();
    world.cluster.complete("deployments", "web");
    let run = world.run("web", "success");
    assert_eq!(run["images"][0]["before"], "registry.example:5000/team/app:old");
    // It was changed once.
    assert_eq!(generation, 2);
    let after = world.cluster.workload("deployments", "web")["metadata"]["generation"].clone();
    assert_eq!(after, generation);
    assert_eq!(world.runs("web").len(), 1);
}

#[test]
fn a_cluster_that_was_away_gets_what_was_pushed_last() {
    let mut world = World::start(BERTH_TOKEN);
    world.cluster.allow_all_that_berth_needs();
    world
        .cluster
        .make_workload("deployments", "web", "registry.example:5000/team/app:old");
    world.trigger("deployments", "web", &json!({}));
    world.cluster.kill();
    world.push("v1", "one");
    let run = wait_for("a try that failed", || {
        let run = world.runs("web").into_iter().next()?;
        (run["failures"].as_i64() > Some(0)).then_some(run)
    });
    let detail = text(&run, "detail");
    assert!(
        detail.contains("cannot be reached") && detail.contains("tried again"),
        "{detail}"
    );
    let digest = world.push("v2", "two");
    world.cluster.start_again();
    world.runs_image("deployments", "web", &World::by_digest(&digest));
    world.cluster.complete("deployments", "web");
    assert_eq!(text(&world.run("web", "success"), "tag"), "v2");
    let runs = world.runs("web");
    let ended: Vec<_> = runs
        .iter()
        .map(|run| (text(run, "tag"), text(run, "status")))
        .collect();
    assert_eq!(ended, [("v2", "success"), ("v1", "superseded")]);
    // One change, of the newer image.
    assert_eq!(
        world.cluster.workload("deployments", "web")["metadata"]["generation"],
        2
    );
}

#[test]
fn rights_that_are_missing_are_named_and_a_dry_run_changes_nothing() {
    let world = World::start(BERTH_TOKEN);
    world.cluster.allow("apps", &["deployments"], &["get", "list"]);
    world
        .cluster
        .make_workload("deployments", "web", "registry.example:5000/team/app:old");
    let digest = world.push("v1", "one");
    world.push("v2", "two");
    let body = json!({"name": "web", "trigger_type": "regexp", "condition": "^v1$", "action": "update",
        "enable": "true", "app_type": "deployments", "application": "web", "cluster_ns": "default",
        "cluster_name": "west"});
    let untried = world.cluster.workload("deployments", "web");
    let place = "/v2/manage/namespaces/team/repos/app/trigger-dry-runs";
    let tried = world.ask("POST", place, &json!({ "trigger": body }));
    assert_eq!(tried["tags"], json!(["v1"]));
    assert_eq!(
        (tried["tags_matching"].as_i64(), tried["tags_seen"].as_i64()),
        (Some(1), Some(2))
    );
    let problem = text(&tried, "problem");
    assert!(
        problem.contains("may not do this") && problem.contains("patch"),
        "{tried}"
    );

    // The same is said of the run.
    world.ask("POST", TRIGGERS, &body);
    world.ask("POST", &format!("{TRIGGERS}/web/run"), &json!({"tag": "v1"}));
    let run = world.run("web", "failed");
    let detail = text(&run, "detail");
    assert!(
        detail.contains("may not do this") && detail.contains("patch"),
        "{detail}"
    );

    let all = json!({"token": ADMIN_TOKEN});
    world.ask("PATCH", "/v2/manage/clusters/c1", &all);
    let tried = world.ask("POST", &format!("{TRIGGERS}/web/dry-run"), &json!({}));
    assert_eq!(
        (&tried["problem"], &tried["restarts"], text(&tried, "digest")),
        (&Value::Null, &json!(true), digest.as_str())
    );
    let change = json!([{"container": "main", "before": "registry.example:5000/team/app:old",
        "after": World::by_digest(&digest)}]);
    assert_eq!(tried["images"], change);
    let after = world.cluster.workload("deployments", "web");
    assert_eq!(
        after["metadata"]["resourceVersion"],
        untried["metadata"]["resourceVersion"]
    );
    assert_eq!(after, untried);
}
