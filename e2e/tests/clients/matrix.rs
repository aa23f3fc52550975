//! What one client pushed, every other pulls, with the same digest.

use std::fs;

use e2e::client::{Client, buildah, crane, log_in, oras, podman, skopeo};
use e2e::containerd::Containerd;
use e2e::docker::Docker;
use e2e::image::{Layout, sha256_of};
use e2e::login::Login;
use e2e::sample;
use e2e::server::Server;

/// Pushes the image of a layout under a name.
type Push = Box<dyn Fn(&Layout, &str)>;
/// Pulls and returns the digest that this client saw.
type Pull = Box<dyn Fn(&str) -> String>;

/// A client that is logged in, with what it takes to push and to pull.
struct Peer {
    name: &'static str,
    push: Push,
    pull: Pull,
}

#[test]
fn every_client_pulls_what_every_client_pushed() {
    let server = Server::start();
    server.create_organization("team");
    let layout = sample::small_image();
    let pushers = peers(&server);
    let pullers = peers(&server);
    let observer = crane();
    log_in(&observer, &server, &server.long_term_login()).ok();
    for pusher in &pushers {
        let image = server.image(&format!("team/from-{}:1", pusher.name));
        (pusher.push)(&layout, &image);
        let digest = observer.ok(&["digest", &image]);
        observer.ok(&["validate", "--remote", &image]);
        for puller in &pullers {
            let pulled = (puller.pull)(&image);
            assert_eq!(pulled, digest, "{} pulled by {}", image, puller.name);
        }
    }
}

fn peers(server: &Server) -> Vec<Peer> {
    let login = server.long_term_login();
    let logged_in = |client: Client| {
        log_in(&client, server, &login).ok();
        client
    };
    vec![
        docker_peer(server, &login),
        containerd_peer(&login),
        storage_peer("podman", logged_in(podman()), "{{.Digest}}"),
        storage_peer("buildah", logged_in(buildah()), "{{.FromImageDigest}}"),
        skopeo_peer(logged_in(skopeo())),
        oras_peer(logged_in(oras())),
        crane_peer(logged_in(crane())),
    ]
}

fn docker_peer(server: &Server, login: &Login) -> Peer {
    let docker = std::rc::Rc::new(Docker::start());
    log_in(&docker, server, login).ok();
    let puller = std::rc::Rc::clone(&docker);
    Peer {
        name: "docker",
        push: Box::new(move |layout, image| {
            let archive = docker.home().join("image.tar");
            let from = format!("oci:{}", layout.name(sample::TAG));
            let to = format!("docker-archive:{}:{image}", archive.display());
            skopeo().ok(&["copy", &from, &to]);
            docker.ok(&["load", "--input", &archive.to_string_lossy()]);
            docker.push(image);
        }),
        pull: Box::new(move |image| puller.pull(image)),
    }
}

fn containerd_peer(login: &Login) -> Peer {
    let containerd = std::rc::Rc::new(Containerd::start());
    let puller = std::rc::Rc::clone(&containerd);
    let (pushing, pulling) = (login.clone(), login.clone());
    Peer {
        name: "ctr",
        push: Box::new(move |layout, image| {
            let base = image.strip_suffix(":1").unwrap();
            crate::containerd::import(&containerd, layout, base);
            containerd.push(Some(&pushing), image).ok();
        }),
        pull: Box::new(move |image| {
            puller.pull(Some(&pulling), image).ok();
            puller.digest(image)
        }),
    }
}

fn storage_peer(name: &'static str, client: Client, format: &'static str) -> Peer {
    let client = std::rc::Rc::new(client);
    let puller = std::rc::Rc::clone(&client);
    Peer {
        name,
        push: Box::new(move |layout, image| {
            let id = client.ok(&["pull", "--quiet", &format!("oci:{}", layout.name(sample::TAG))]);
            client.ok(&["push", "--tls-verify=false", &id, &format!("docker://{image}")]);
        }),
        pull: Box::new(move |image| {
            puller.ok(&["pull", "--tls-verify=false", image]);
            let digest = puller.ok(&["inspect", "--type=image", "--format", format, image]);
            puller.ok(&["rmi", "--force", image]);
            digest
        }),
    }
}

fn skopeo_peer(client: Client) -> Peer {
    let client = std::rc::Rc::new(client);
    let puller = std::rc::Rc::clone(&client);
    Peer {
        name: "skopeo",
        push: Box::new(move |layout, image| {
            let from = format!("oci:{}", layout.name(sample::TAG));
            let to = format!("docker://{image}");
            client.ok(&["copy", "--dest-tls-verify=false", &from, &to]);
        }),
        pull: Box::new(move |image| {
            let folder = puller.home().join("pulled");
            let _ = fs::remove_dir_all(&folder);
            let from = format!("docker://{image}");
            let to = format!("dir:{}", folder.display());
            puller.ok(&["copy", "--src-tls-verify=false", &from, &to]);
            sha256_of(&mut fs::File::open(folder.join("manifest.json")).unwrap())
        }),
    }
}

fn oras_peer(client: Client) -> Peer {
    let client = std::rc::Rc::new(client);
    let puller = std::rc::Rc::clone(&client);
    Peer {
        name: "oras",
        push: Box::new(move |layout, image| {
            let from = layout.name(sample::TAG);
            client.ok(&["copy", "--from-oci-layout", "--to-plain-http", &from, image]);
        }),
        pull: Box::new(move |image| {
            let folder = puller.home().join("pulled");
            let _ = fs::remove_dir_all(&folder);
            let to = format!("{}:1", folder.display());
            puller.ok(&["copy", "--to-oci-layout", "--from-plain-http", image, &to]);
            only_manifest(&folder.join("index.json"))
        }),
    }
}

fn crane_peer(client: Client) -> Peer {
    let client = std::rc::Rc::new(client);
    let puller = std::rc::Rc::clone(&client);
    Peer {
        name: "crane",
        push: Box::new(move |layout, image| {
            client.ok(&["push", &layout.path().to_string_lossy(), image]);
        }),
        pull: Box::new(move |image| {
            let folder = puller.home().join("pulled");
            let _ = fs::remove_dir_all(&folder);
            puller.ok(&["pull", "--format=oci", image, &folder.to_string_lossy()]);
            only_manifest(&folder.join("index.json"))
        }),
    }
}

/// The digest of the one manifest in a layout's `index.json`.
fn only_manifest(index: &std::path::Path) -> String {
    let index: serde_json::Value = serde_json::from_slice(&fs::read(index).unwrap()).unwrap();
    let manifests = index["manifests"].as_array().unwrap();
    assert_eq!(manifests.len(), 1);
    manifests[0]["digest"].as_str().unwrap().to_owned()
}
