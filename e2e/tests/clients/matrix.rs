//! What one client pushed, every other pulls, with the same digest.

use e2e::client::{crane, log_in};
use e2e::peer::Peer;
use e2e::sample;
use e2e::server::Server;

#[test]
fn every_client_pulls_what_every_client_pushed() {
    let server = Server::start();
    server.create_organization("team");
    let login = server.long_term_login();
    let layout = sample::small_image();
    let pushers = Peer::all_logged_in(&server, &login);
    let pullers = Peer::all_logged_in(&server, &login);
    let observer = crane();
    log_in(&observer, &server.address(), &login).ok();
    for pusher in &pushers {
        let image = server.image(&format!("team/from-{}:{}", pusher.name(), sample::TAG));
        pusher.push(&layout, &image).ok();
        observer.ok(&["validate", "--remote", &image]);
        let digest = observer.ok(&["digest", &image]);
        for puller in &pullers {
            puller.pull(&image).ok();
            assert_eq!(
                puller.digest(&image),
                digest,
                "{image} pulled by {}",
                puller.name()
            );
            puller.forget(&image);
        }
    }
}
