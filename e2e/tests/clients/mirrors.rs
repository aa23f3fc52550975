//! Mirrors as clients are set up with them: docker's registry-mirrors, containerd's hosts.toml by `ns=` and by a path, podman's
//! registries.conf; in front of Debian's docker-registry, which then stops.

use e2e::client::{Client, Outcome, crane, log_in, podman};
use e2e::containerd::Containerd;
use e2e::docker::Docker;
use e2e::docker_registry::DockerRegistry;
use e2e::home::Home;
use e2e::login::Request;
use e2e::sample;
use e2e::server::Server;
use serde_json::json;

const IMAGE: &str = "docker.io/library/app:1";

#[test]
fn every_client_pulls_through_a_mirror_also_when_the_other_registry_is_gone() {
    let upstream = DockerRegistry::start();
    let digest = fill(&upstream);
    let server = started(&upstream);
    let docker = Docker::start_with_mirrors(&[format!("http://{}", server.address())]);
    let (by_name, by_path) = (Containerd::start(), Containerd::start());
    let podman = with_mirror(podman(), &server);
    let pull_all = || {
        assert_eq!(docker.pull("app:1"), digest);
        for (containerd, host) in [
            (&by_name, format!("[host.'http://{}']", server.address())),
            (
                &by_path,
                format!(
                    "[host.'http://{}/v2/hub']\noverride_path = true",
                    server.address()
                ),
            ),
        ] {
            pull(containerd, &host).ok();
            assert_eq!(containerd.digest(IMAGE), digest);
        }
        podman.ok(&["pull", "--quiet", IMAGE]);
        assert_eq!(
            podman.ok(&["image", "inspect", "--format={{.Digest}}", IMAGE]),
            digest
        );
    };
    pull_all();
    let figures = ask(&server, "GET", "/v2/manage/mirrors/hub/figures", "");
    assert!(figures.contains("\"hit_ratio\":0."), "{figures}");

    drop(upstream);
    server.advance_clock(1);
    docker.ok(&["rmi", "app:1"]);
    podman.ok(&["rmi", "--force", IMAGE]);
    pull_all();
    // By its name here the truth is told of what is not here; a mirror's client is sent on.
    let observer = crane();
    let absent = server.image("hub/library/absent:1");
    observer.refused("does not answer", &["manifest", "--insecure", &absent]);
    let listing = e2e::client::curl();
    for (path, status) in [("hub/library/absent", "503"), ("library/absent", "404")] {
        let url = format!("http://{}/v2/{path}/manifests/1", server.address());
        let shown = listing.ok(&["--output", "/dev/null", "--write-out", "%{http_code}", &url]);
        assert_eq!(shown, status, "{path}");
    }
}

/// Puts the image there, and answers its digest.
pub(crate) fn fill(upstream: &DockerRegistry) -> String {
    let address = format!("127.0.0.1:{}", upstream.port());
    let pusher = crane();
    log_in(&pusher, &address, &upstream.login()).ok();
    let image = format!("{address}/library/app:1");
    let layout = sample::small_image();
    pusher.ok(&["push", &layout.path().to_string_lossy(), &image]);
    pusher.ok(&["digest", &image])
}

/// A server whose organization `hub` stands for Docker Hub, which the other registry plays.
pub(crate) fn started(upstream: &DockerRegistry) -> Server {
    let home = Home::new("berth");
    home.write("berth.toml", "mirror.bare_names = \"hub\"\n");
    let server = Server::start_at(home);
    server.create_organization("hub");
    let login = upstream.login();
    let mirror = json!({
        "name": "hub", "namespace": "hub", "registry": "docker.io", "public": true,
        "url": format!("http://127.0.0.1:{}", upstream.port()), "username": login.user, "password": login.password,
    });
    ask(&server, "POST", "/v2/manage/mirrors", &mirror.to_string());
    server
}

fn ask(server: &Server, method: &'static str, path: &str, body: &str) -> String {
    let request = Request {
        method,
        path,
        body,
        ..Request::default()
    };
    server.manage(&server.administrator_key(), &request)
}

/// Pulls with a hosts.toml that has one mirror, and nobody behind it.
fn pull(containerd: &Containerd, host: &str) -> Outcome {
    let home = containerd.home();
    home.folder("hosts/docker.io");
    let text = format!("server = 'http://127.0.0.1:1'\n{host}\ncapabilities = ['pull', 'resolve']\n");
    home.write("hosts/docker.io/hosts.toml", text);
    let hosts = home.join("hosts").to_string_lossy().into_owned();
    containerd.run(&["image", "pull", "--all-platforms", "--hosts-dir", &hosts, IMAGE])
}

/// podman with the mirror in its registries.conf.
fn with_mirror(podman: Client, server: &Server) -> Client {
    let text = format!(
        "[[registry]]\nprefix = 'docker.io'\nlocation = '127.0.0.1:1'\ninsecure = true\n\
         [[registry.mirror]]\nlocation = '{}/hub'\ninsecure = true\n",
        server.address()
    );
    let file = podman.home().write("registries.conf", text);
    podman.variable("CONTAINERS_REGISTRIES_CONF", file)
}
