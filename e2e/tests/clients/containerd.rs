//! containerd's `ctr`, which is given its login with each command.

use e2e::containerd::Containerd;
use e2e::image::Layout;
use e2e::sample;
use e2e::server::Server;

#[test]
fn a_debian_image_with_every_compression_keeps_its_digest() {
    check(&sample::debian_image(), "team/debian");
}

#[test]
fn an_index_travels_with_all_its_platforms() {
    check(&sample::multi_architecture_index(), "team/multi");
}

fn check(layout: &Layout, repository: &str) {
    let server = Server::start();
    server.create_organization("team");
    let login = server.long_term_login();
    let image = format!("{}:{}", server.image(repository), sample::TAG);

    let here = Containerd::start();
    here.import(layout, &server.image(repository));
    here.push(Some(&login), &image).ok();

    let there = Containerd::start();
    there.pull(Some(&login), &image).ok();
    assert_eq!(there.digest(&image), layout.digest(sample::TAG));
    let by_digest = format!("{}@{}", server.image(repository), layout.digest(sample::TAG));
    there.pull(Some(&login), &by_digest).ok();
    there.pull(None, &image).refused("");
}
