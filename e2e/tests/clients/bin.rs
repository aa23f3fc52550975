//! What crane and skopeo delete comes back by `berth bin restore`, and docker pulls what it pulled before.

use e2e::client::{Client, crane, log_in, skopeo};
use e2e::docker::Docker;
use e2e::sample;
use e2e::server::{Server, binary};

#[test]
fn what_clients_delete_comes_back_as_it_was() {
    let server = Server::start();
    server.create_organization("team");
    let login = server.long_term_login();
    let (crane, skopeo, docker) = (crane(), skopeo(), Docker::start());
    for client in [&crane, &skopeo] {
        log_in(client, &server.address(), &login).ok();
    }
    log_in(&docker, &server.address(), &login).ok();
    let key = server.administrator_key();
    let berth = Client::new(&binary().to_string_lossy())
        .variable("BERTH_URL", format!("http://{}", server.address()))
        .variable("BERTH_ACCESS_KEY_ID", &key.id)
        .variable("BERTH_SECRET_ACCESS_KEY", &key.secret);

    let image = server.image("team/debian:12");
    let layout = sample::gzip_debian_image();
    crane.ok(&["push", &layout.path().to_string_lossy(), &image]);
    let digest = docker.pull(&image);
    let deletions: [&dyn Fn(); 3] = [
        &|| drop(crane.ok(&["delete", &image])),
        &|| drop(skopeo.ok(&["delete", "--tls-verify=false", &format!("docker://{image}")])),
        &|| drop(berth.ok(&["image", "delete", "team/debian", "--yes"])),
    ];
    for delete in deletions {
        delete();
        let gone = docker.run(&["pull", &image]);
        assert!(!gone.success, "pulled after it was deleted: {}", gone.stdout);
        let listed = berth.ok(&["bin", "list", "--output", "json"]);
        let listed: serde_json::Value = serde_json::from_str(&listed).expect("JSON");
        berth.ok(&["bin", "restore", &listed[0]["id"].to_string()]);
        assert_eq!(docker.pull(&image), digest);
        assert_eq!(crane.ok(&["digest", &image]), digest);
    }
}
