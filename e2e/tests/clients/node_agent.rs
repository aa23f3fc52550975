//! Agents with the clients of their nodes, which are set up as `berth agent configure` sets them up: what they pull comes through it,
//! from another node where it can, and nobody gets more from it than from the registry.

use std::collections::BTreeSet;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use e2e::agent::Agent;
use e2e::client::{curl, log_in, podman, skopeo};
use e2e::containerd::Containerd;
use e2e::daemon::PATIENCE;
use e2e::docker::Docker;
use e2e::docker_registry::DockerRegistry;
use e2e::image::{Layout, sha256_of};
use e2e::login::Login;
use e2e::sample::{self, TAG};
use e2e::server::{Server, binary};

use crate::mirrors;

/// Pushes the image of a layout, and answers its name and its name by digest.
fn push(server: &Server, login: &Login, layout: &Layout) -> (String, String) {
    let image = server.image(&format!("team/app:{TAG}"));
    skopeo().ok(&[
        "copy",
        "--preserve-digests",
        "--dest-tls-verify=false",
        "--dest-creds",
        &format!("{}:{}", login.user, login.password),
        &format!("oci:{}", layout.name(TAG)),
        &format!("docker://{image}"),
    ]);
    let by_digest = format!("{}@{}", server.image("team/app"), layout.digest(TAG));
    (image, by_digest)
}

#[test]
fn containerd_podman_and_what_reads_their_files_pull_through_the_agent_of_their_node() {
    let server = Server::start();
    server.create_organization("team");
    let login = server.long_term_login();
    let credentials = format!("{}:{}", login.user, login.password);
    let layout = sample::small_image();
    let (image, by_digest) = push(&server, &login, &layout);

    let agent = Agent::start_here(&server);
    let etc = agent.configure("containerd", &server.address());
    let hosts = etc.join("containerd/certs.d").display().to_string();
    let pull = ["image", "pull", "--all-platforms", "--hosts-dir", &hosts];
    let containerd = Containerd::start();
    containerd.ok(&[&pull[..], &["--user", &credentials, &image]].concat());
    assert_eq!(containerd.digest(&image), layout.digest(TAG));
    let (given, fetched) = (
        agent.figure("served_bytes_total"),
        agent.figure("registry_bytes_total"),
    );
    assert!(given > 0 && fetched > 0, "{given} {fetched}");
    // Without a login the agent gives what the registry gives: nothing, cached or not.
    let stranger = Containerd::start();
    stranger.refused("", &[&pull[..], &[&image]].concat());
    stranger.refused("", &[&pull[..], &["--user", "nobody:wrong", &by_digest]].concat());
    assert_eq!(agent.figure("served_bytes_total"), given);

    agent.configure("podman", &server.address());
    let file = etc.join("containers/registries.conf.d/050-berth-agent.conf");
    let client = podman().variable("CONTAINERS_REGISTRIES_CONF", &file);
    // podman looks for a login by the address that it asks.
    for address in [&server.address(), &agent.listen] {
        log_in(&client, address, &login).ok();
    }
    client.ok(&["pull", "--tls-verify=false", &by_digest]);
    let given = agent.figure("served_bytes_total") - given;
    assert!(given > 0);

    // CRI-O reads the same file with the library that skopeo has, too.
    std::fs::remove_file(&file).unwrap();
    agent.configure("crio", &server.address());
    let client = skopeo();
    for address in [&server.address(), &agent.listen] {
        log_in(&client, address, &login).ok();
    }
    let before = agent.figure("served_bytes_total");
    client.ok(&[
        "--registries-conf",
        &file.display().to_string(),
        "copy",
        "--src-tls-verify=false",
        &format!("docker://{by_digest}"),
        &format!("dir:{}", client.home().folder("copy").display()),
    ]);
    assert!(agent.figure("served_bytes_total") > before);
    assert_eq!(
        agent.figure("registry_bytes_total"),
        fetched,
        "all bytes were in the cache"
    );
}

#[test]
fn docker_pulls_through_the_agent_of_its_node_and_the_next_node_from_there() {
    let upstream = DockerRegistry::start();
    let digest = mirrors::fill(&upstream);
    let server = mirrors::started(&upstream);
    let pull = || {
        let agent = Agent::start_here(&server);
        let settings = agent.configure("docker", "docker.io").join("docker/daemon.json");
        let docker = Docker::start_with(&std::fs::read_to_string(settings).unwrap());
        assert_eq!(docker.pull("app:1"), digest);
        agent
    };
    let first = pull();
    let layers = first.figure("served_bytes_total");
    assert!(layers > 1 << 20, "{layers}");
    assert_eq!(first.figure("registry_bytes_total"), layers);
    // Both large layers are told of, which the registry may not have had yet when the node had them.
    let end = Instant::now() + PATIENCE;
    let told = || {
        let said = server.logged("method=POST path=\"/v2/library/app/_berth/swarm/");
        let taken = said.iter().filter(|line| line.contains(" status=200 "));
        let layers: BTreeSet<&str> = taken.filter_map(|line| line.split('"').nth(1)).collect();
        layers.len()
    };
    while told() < 2 {
        assert!(Instant::now() < end, "{}", first.log());
        thread::sleep(Duration::from_millis(50));
    }
    let second = pull();
    assert_eq!(second.figure("served_bytes_total"), layers);
    let shared = first.figure("shared_bytes_total");
    assert_eq!(second.figure("peer_bytes_total"), shared);
    // Small blobs are not worth asking others for.
    assert!(
        shared > layers * 9 / 10,
        "{shared} of {layers} bytes:\n{}",
        second.log()
    );
    assert_eq!(second.figure("registry_bytes_total"), layers - shared);
}

#[test]
fn eight_agents_take_an_image_out_of_the_registry_about_once() {
    const LAYERS_MIB: [u64; 2] = [40, 24];
    let server = Server::start();
    server.create_organization("team");
    let login = server.long_term_login();
    let layout = sample::layered_image(&LAYERS_MIB);
    let (_, by_digest) = push(&server, &login, &layout);
    let client = skopeo();
    let credentials = format!("{}:{}", login.user, login.password);
    let manifest = client.ok(&[
        "inspect",
        "--raw",
        "--tls-verify=false",
        "--creds",
        &credentials,
        &format!("docker://{by_digest}"),
    ]);
    let manifest: serde_json::Value = serde_json::from_str(&manifest).unwrap();
    let layers = manifest["layers"].as_array().unwrap().iter();
    let layers: Vec<&str> = layers.map(|layer| layer["digest"].as_str().unwrap()).collect();
    let token = format!(
        "{}/token?service=berth&scope=repository:team/app:pull",
        server.url()
    );
    let token = curl().ok(&["--fail", "--user", &credentials, &token]);
    let token: serde_json::Value = serde_json::from_str(&token).unwrap();
    let authorization = format!("Authorization: Bearer {}", token["token"].as_str().unwrap());

    let agents: Vec<Agent> = (0..8).map(|_| Agent::start_here(&server)).collect();
    thread::scope(|scope| {
        for (agent, layer) in agents
            .iter()
            .flat_map(|agent| layers.iter().map(move |layer| (agent, *layer)))
        {
            let authorization = &authorization;
            scope.spawn(move || {
                let client = curl();
                let url = format!("http://{}/v2/team/app/blobs/{layer}", agent.listen);
                client.ok(&["--fail", "--header", authorization, "--output", "layer", &url]);
                let mut file = std::fs::File::open(client.home().join("layer")).unwrap();
                assert_eq!(sha256_of(&mut file), layer);
            });
        }
    });
    let image = LAYERS_MIB.iter().sum::<u64>() << 20;
    let given: u64 = agents
        .iter()
        .map(|agent| agent.figure("served_bytes_total"))
        .sum();
    assert!(given > 8 * image, "{given}");
    // The agents ask with GET for nothing but chunks, of which each line tells the bytes that left.
    let sent = layers
        .iter()
        .map(|layer| server.bytes_sent(&format!("method=GET path=\"/v2/team/app/blobs/{layer}")));
    let sent: u64 = sent.sum();
    assert!(sent >= image, "{sent}");
    assert!(
        sent * 10 <= image * 12,
        "{sent} of {image} bytes left the registry"
    );
}

#[test]
fn a_wrong_size_of_the_cache_is_told_with_the_right_forms() {
    let run = |size: &str| {
        let command = [
            "agent",
            "run",
            "--registry",
            "http://127.0.0.1:1",
            "--peer-listen",
            "0.0.0.0:0",
        ];
        let output = Command::new(binary())
            .args(command)
            .args(["--cache-bytes", size])
            .output()
            .unwrap();
        assert!(!output.status.success());
        String::from_utf8(output.stderr).unwrap()
    };
    let shown = run("2G");
    for form in ["2G", "number of bytes", "GiB, TiB, such as 10GiB"] {
        assert!(shown.contains(form), "{shown}");
    }
    // What fails then is the address.
    assert!(run("2GiB").contains("other agents need an address"));
}
