//! docker: build, log in with the long-term command, push, pull elsewhere, pull by digest, log out.

use std::fs;

use e2e::client::log_in;
use e2e::debian::debian;
use e2e::docker::Docker;
use e2e::server::Server;

const DOCKERFILE: &str = "FROM debian:base\n\
    COPY greeting /greeting\n\
    RUN cat /etc/debian_version >>/greeting && rm -rf /var/cache\n\
    CMD [\"cat\", \"/greeting\"]\n";

#[test]
fn a_built_image_comes_back_on_another_machine_with_its_digest() {
    let server = Server::start();
    server.create_organization("team");
    let image = server.image("team/apps/greeter:v1");
    let login = server.long_term_login();

    let here = Docker::start();
    let root = debian().root;
    here.ok(&["import", &root.to_string_lossy(), "debian:base"]);
    let context = here.home().folder("context");
    here.home().write("context/Dockerfile", DOCKERFILE);
    here.home().write("context/greeting", "hello from Debian ");
    let context = context.to_string_lossy();
    here.ok(&["build", "--network=none", "-t", &image, &context]);
    log_in(&here, &server.address(), &login).ok();
    let pushed = here.push(&image);

    let there = Docker::start();
    log_in(&there, &server.address(), &login).ok();
    assert_eq!(there.pull(&image), pushed);
    assert_eq!(id(&there, &image), id(&here, &image));
    let printed = there.ok(&["run", "--rm", "--network=none", &image]);
    assert!(printed.starts_with("hello from Debian "), "{printed}");

    let by_digest = format!("{}@{pushed}", server.image("team/apps/greeter"));
    there.ok(&["rmi", "--force", &id(&there, &image)]);
    assert_eq!(there.pull(&by_digest), pushed);

    there.ok(&["logout", &server.address()]);
    there.ok(&["rmi", "--force", &id(&there, &by_digest)]);
    let refusal = there.run(&["pull", &image]);
    assert!(!refusal.success, "pulled after the logout: {}", refusal.stdout);
}

#[test]
fn a_tag_pushed_again_moves_and_the_old_image_stays_by_digest() {
    let server = Server::start();
    server.create_organization("team");
    let docker = Docker::start();
    log_in(&docker, &server.address(), &server.administrator()).ok();
    let image = server.image("team/moving:latest");
    let pushed = ["one", "two"].map(|content| {
        docker.home().folder("context");
        docker
            .home()
            .write("context/Dockerfile", "FROM scratch\nCOPY content /\n");
        docker.home().write("context/content", content);
        let context = docker.home().join("context");
        docker.ok(&["build", "-t", &image, &context.to_string_lossy()]);
        docker.push(&image)
    });
    assert_ne!(pushed[0], pushed[1]);
    assert_eq!(docker.pull(&image), pushed[1]);
    let old = format!("{}@{}", server.image("team/moving"), pushed[0]);
    assert_eq!(docker.pull(&old), pushed[0]);
}

#[test]
fn a_layer_that_was_lost_comes_back_with_the_next_push() {
    let server = Server::start();
    server.create_organization("team");
    let image = server.image("team/lost:v1");
    let here = Docker::start();
    log_in(&here, &server.address(), &server.administrator()).ok();
    here.home().folder("context");
    here.home()
        .write("context/Dockerfile", "FROM scratch\nCOPY content /\n");
    here.home().write("context/content", "what somebody deletes");
    let context = here.home().join("context");
    here.ok(&["build", "-t", &image, &context.to_string_lossy()]);
    let pushed = here.push(&image);

    let stored = server.data().join("storage/blobs/sha256");
    for shard in fs::read_dir(stored).unwrap() {
        for file in fs::read_dir(shard.unwrap().path()).unwrap() {
            fs::remove_file(file.unwrap().path()).unwrap();
        }
    }
    let there = Docker::start();
    log_in(&there, &server.address(), &server.administrator()).ok();
    let failed = there.run(&["pull", &image]);
    assert!(!failed.success, "pulled what is not there: {}", failed.stdout);
    assert_eq!(here.push(&image), pushed);
    assert_eq!(there.pull(&image), pushed);
}

fn id(docker: &Docker, image: &str) -> String {
    docker.ok(&["image", "inspect", "--format", "{{.Id}}", image])
}
