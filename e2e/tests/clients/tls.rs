//! TLS with a local authority: clients that trust it push and pull, others refuse the server.

use std::fs;
use std::rc::Rc;
use std::thread;
use std::time::{Duration, Instant};

use e2e::client::{Client, Outcome, crane, log_in, oras, podman, skopeo};
use e2e::containerd::Containerd;
use e2e::docker::Docker;
use e2e::home::Home;
use e2e::login::Login;
use e2e::network::Network;
use e2e::sample::{self, TAG};
use e2e::server::Server;

const UNTRUSTED: &str = "certificate signed by unknown authority";

#[test]
fn clients_that_trust_the_authority_push_and_pull() {
    let server = Server::start_with_tls();
    server.create_organization("team");
    let login = server.long_term_login();
    let layout = sample::small_image();
    let image = server.image(&format!("team/secret:{TAG}"));
    let digest = layout.digest(TAG);
    let authority = server.authority();
    let authority = authority.to_string_lossy();

    let client = skopeo();
    let folder = certificates(&client, &server);
    let (from, to) = (format!("oci:{}", layout.name(TAG)), format!("docker://{image}"));
    let credentials = credentials(&login);
    client.refused(UNTRUSTED, &["copy", "--dest-creds", &credentials, &from, &to]);
    let trusting = format!("--dest-cert-dir={folder}");
    client.ok(&["copy", &trusting, "--dest-creds", &credentials, &from, &to]);

    let client = podman();
    let trusting = format!("--cert-dir={}", certificates(&client, &server));
    let creds = format!("--creds={credentials}");
    client.refused(UNTRUSTED, &["pull", &creds, &image]);
    client.ok(&["pull", &trusting, &creds, &image]);
    assert_eq!(
        client.ok(&["image", "inspect", "--format={{.Digest}}", &image]),
        digest
    );

    let containerd = Containerd::start();
    let hosts = hosts(&containerd, &server, &authority);
    containerd.ok(&[
        "image",
        "pull",
        "--user",
        &credentials,
        "--hosts-dir",
        &hosts,
        &image,
    ]);
    assert_eq!(containerd.digest(&image), digest);

    let client = oras();
    let fetch = ["manifest", "fetch", "-u", &login.user, "-p", &login.password];
    client.refused(UNTRUSTED, &[&fetch[..], &[&image]].concat());
    client.ok(&[&fetch[..], &["--ca-file", &authority, &image]].concat());
}

#[test]
fn docker_trusts_the_authority_where_berth_says_that_it_looks() {
    let network = Rc::new(Network::new());
    let server = Server::start_with_tls_in(&network);
    server.create_organization("team");
    let certs = Home::new("certs");
    let docker = Docker::start_in(&network, certs.path());
    let login = server.long_term_login();
    log_in(&docker, &server.address(), &login).refused(UNTRUSTED);

    let folder = certs.folder(server.address());
    fs::copy(server.authority(), folder.join("ca.crt")).unwrap();
    log_in(&docker, &server.address(), &login).ok();
    let image = server.image("team/secret:1");
    let tar = sample::busybox_tar(docker.home());
    docker.ok(&["import", &tar.to_string_lossy(), &image]);
    let pushed = docker.push(&image);
    assert_eq!(docker.pull(&image), pushed);
}

#[test]
fn a_renewed_certificate_is_served_without_a_restart() {
    let server = Server::start_with_tls();
    let client = crane();
    let old = client.home().join("old.crt");
    fs::copy(server.authority(), &old).unwrap();
    let old = crane().variable("SSL_CERT_FILE", old);
    let new = crane().variable("SSL_CERT_FILE", server.authority());
    assert!(catalog(&old, &server).success);

    server.renew_certificate();
    let end = Instant::now() + Duration::from_secs(30);
    while catalog(&old, &server).success {
        assert!(Instant::now() < end, "the old certificate is still served");
        thread::sleep(Duration::from_millis(200));
    }
    old.refused(UNTRUSTED, &["catalog", &server.address()]);
    let outcome = catalog(&new, &server);
    assert!(outcome.success, "{}", outcome.stderr);
}

fn catalog(client: &Client, server: &Server) -> Outcome {
    let login = server.long_term_login();
    e2e::client::log_in(client, &server.address(), &login).ok();
    client.run(&["catalog", &server.address()])
}

/// A folder with the authority's certificate, as podman and skopeo read it.
fn certificates(client: &Client, server: &Server) -> String {
    let folder = client.home().folder("certificates");
    fs::copy(server.authority(), folder.join("ca.crt")).unwrap();
    folder.to_string_lossy().into_owned()
}

/// A folder that tells containerd to speak TLS to the server and which authority to trust.
fn hosts(client: &Client, server: &Server, authority: &str) -> String {
    let url = format!("https://{}", server.address());
    client.home().folder(format!("hosts/{}", server.address()));
    let file = format!("hosts/{}/hosts.toml", server.address());
    let text = format!("server = '{url}'\n[host.'{url}']\nca = '{authority}'\n");
    client.home().write(&file, text);
    client.home().join("hosts").to_string_lossy().into_owned()
}

fn credentials(login: &Login) -> String {
    format!("{}:{}", login.user, login.password)
}
