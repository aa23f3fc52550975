//! Agents that have what was pushed before anybody asks: by rule, and before a trigger changes a workload.

use std::process::Command;

use e2e::client::curl;
use e2e::daemon::Daemon;
use e2e::home::Home;
use e2e::kubernetes::BERTH_TOKEN;
use e2e::server::{binary, free_port};
use rustix::process::Signal;
use serde_json::{Value, json};

use super::{World, text, wait_for};

const PREHEATS: &str = "/v2/manage/namespaces/team/repos/app/preheats";

/// The agent of a node, with a login of its own.
struct Agent {
    listen: String,
    daemon: Daemon,
    _home: Home,
}

impl Agent {
    fn start(world: &World, zone: &str) -> Self {
        let home = Home::new("agent");
        let listen = format!("127.0.0.1:{}", free_port());
        let login = world.server.long_term_login();
        let token = home.write("login", format!("{}:{}", login.user, login.password));
        let mut command = Command::new(binary());
        command
            .args(["agent", "run", "--listen", &listen])
            .args(["--peer-listen", &format!("127.0.0.1:{}", free_port())])
            .args(["--registry", &format!("http://{}", world.server.address())])
            .args(["--label", &format!("zone={zone}")])
            .arg("--token-file")
            .arg(token)
            .arg("--cache")
            .arg(home.folder("cache"));
        let daemon = Daemon::spawn("berth agent", &mut command, &home.join("log"));
        Self {
            listen,
            daemon,
            _home: home,
        }
    }

    /// Bytes of layers that it got from anywhere.
    fn got(&self) -> u64 {
        let metrics = curl().ok(&[&format!("http://{}/metrics", self.listen)]);
        let figure = |name: &str| -> u64 {
            let line = metrics.lines().find_map(|line| line.strip_prefix(name));
            line.unwrap_or_else(|| panic!("no {name}:\n{metrics}"))
                .trim()
                .parse()
                .unwrap()
        };
        figure("berth_agent_registry_bytes_total ") + figure("berth_agent_peer_bytes_total ")
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        self.daemon.signal(Signal::CONT);
        self.daemon.end();
    }
}

fn agents(world: &World, zones: &[&str]) -> Vec<Agent> {
    let agents = zones.iter().map(|zone| Agent::start(world, zone)).collect();
    wait_for("agents that are connected", || {
        let found = world.ask("GET", "/v2/manage/agents", &Value::Null);
        (found["agents"].as_array()?.len() == zones.len()).then_some(())
    });
    agents
}

#[test]
fn agents_have_what_a_docker_push_brings_by_rule() {
    let world = World::start(BERTH_TOKEN);
    let agents = agents(&world, &["a", "a", "b"]);
    let rule = json!({ "tags": "v*", "nodes": { "labels": { "zone": "a" } } });
    world.ask("PUT", "/v2/manage/namespaces/team/preheat_rule", &rule);
    let digest = world.push("v1", "one");
    let made = wait_for("a preheat that is complete", || {
        let listed = world.ask("GET", PREHEATS, &Value::Null);
        let newest = listed.get(0)?.clone();
        (newest["state"] == "complete").then_some(newest)
    });
    assert_eq!(
        (
            text(&made, "digest"),
            text(&made, "wanted_by"),
            &made["counts"]["complete"]
        ),
        (digest.as_str(), "rule", &json!(2)),
        "{made}"
    );
    let got: Vec<bool> = agents.iter().map(|agent| agent.got() > 0).collect();
    assert_eq!(got, [true, true, false]);
}

#[test]
fn nodes_have_the_image_before_a_trigger_sets_it() {
    let world = World::start(BERTH_TOKEN);
    world.cluster.allow_all_that_berth_needs();
    let agents = agents(&world, &["a"]);
    let old = "registry.example:5000/team/app:old";
    let ahead = |zone: &str, timeout: u32| {
        let nodes = json!({ "labels": { "zone": zone } });
        json!({ "preheat": { "nodes": nodes, "timeout": timeout } })
    };
    for (name, more) in [
        ("web", ahead("a", 600)),
        ("hasty", ahead("a", 1)),
        ("nowhere", ahead("c", 600)),
    ] {
        world.cluster.make_workload("deployments", name, old);
        world.trigger("deployments", name, &more);
    }
    // The node stands still: who waits for it waits, the others go on when it is time.
    agents[0].daemon.signal(Signal::STOP);
    let digest = world.push("v1", "one");
    let image = World::by_digest(&digest);
    for (name, outcome) in [("nowhere", "no_nodes"), ("hasty", "timeout")] {
        world.runs_image("deployments", name, &image);
        world.cluster.complete("deployments", name);
        let run = world.run(name, "success");
        assert_eq!(run["preheat"]["outcome"], outcome, "{run}");
    }
    let waits = world.run("web", "running");
    assert_eq!(
        (text(&waits, "detail"), &waits["preheat"]["outcome"]),
        ("0 of 1 nodes have the image", &json!("waiting"))
    );
    assert_eq!(world.cluster.image("deployments", "web"), old);

    agents[0].daemon.signal(Signal::CONT);
    world.runs_image("deployments", "web", &image);
    assert!(agents[0].got() > 0);
    world.cluster.complete("deployments", "web");
    let run = world.run("web", "success");
    assert_eq!(
        (&run["preheat"]["outcome"], &run["preheat"]["complete"]),
        (&json!("complete"), &json!(1)),
        "{run}"
    );
    assert!(
        text(&run, "detail").ends_with("1 of 1 nodes had the image before"),
        "{run}"
    );
}

#[test]
fn a_rollout_is_watched_and_undone_while_a_newer_one_waits_for_nodes() {
    let world = World::start(BERTH_TOKEN);
    world.cluster.allow_all_that_berth_needs();
    let agents = agents(&world, &["a"]);
    let old = "registry.example:5000/team/app:old";
    world.cluster.make_workload("deployments", "web", old);
    let nodes = json!({ "labels": { "zone": "a" } });
    let more = json!({ "undo_on_failure": true, "preheat": { "nodes": nodes, "timeout": 600 } });
    world.trigger("deployments", "web", &more);
    let first = World::by_digest(&world.push("v1", "one"));
    world.runs_image("deployments", "web", &first);
    // The node stands still: what is pushed now waits for it, and so does what is pushed after that.
    agents[0].daemon.signal(Signal::STOP);
    for tag in ["v2", "v3"] {
        world.push(tag, tag);
        wait_for("a run that waits", || {
            let newest = world.runs("web").into_iter().next()?;
            (newest["tag"] == tag && newest["preheat"]["outcome"] == "waiting").then_some(())
        });
    }
    world
        .cluster
        .give_up("web", "ReplicaSet \"web-1\" has timed out progressing.");
    world.runs_image("deployments", "web", old);
    world.cluster.complete("deployments", "web");
    let statuses = || -> Vec<String> {
        let runs = world.runs("web").into_iter();
        runs.map(|run| text(&run, "status").to_owned()).collect()
    };
    wait_for("the first run, undone", || {
        (statuses()[2] == "undone").then_some(())
    });
    assert_eq!(statuses(), ["running", "superseded", "undone"]);

    // What waited goes on when the node does.
    agents[0].daemon.signal(Signal::CONT);
    let digest = world.runs("web")[0]["digest"].clone();
    let newest = World::by_digest(digest.as_str().unwrap());
    world.runs_image("deployments", "web", &newest);
    world.cluster.complete("deployments", "web");
    world.run("web", "success");
}
