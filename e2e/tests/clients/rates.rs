//! Rates of requests: who is a little too fast is held back, whatever client it is; docker, told to come back, does.

use e2e::home::Home;
use e2e::peer::Peer;
use e2e::sample;
use e2e::server::Server;

fn start(limits: &str) -> Server {
    let home = Home::new("berth");
    home.write("berth.toml", format!("[limits]\n{limits}"));
    let server = Server::start_at(home);
    server.create_organization("team");
    server
}

#[test]
fn every_client_that_is_too_fast_is_held_back_and_ends_well() {
    let server = start("rate_push_account = \"3/s\"\nrate_pull_account = \"3/s\"\n");
    let login = server.long_term_login();
    let layout = sample::small_image();
    for peer in Peer::all_logged_in(&server, &login) {
        let image = server.image(&format!("team/from-{}:{}", peer.name(), sample::TAG));
        peer.push(&layout, &image).ok();
        peer.pull(&image).ok();
    }
    let refused = [server.logged(" status=429 "), server.logged(" status=503 ")].concat();
    assert_eq!(refused, Vec::<String>::new());
}

#[test]
fn docker_comes_back_when_it_is_refused() {
    let server = start("rate_push_account = \"2/s\"\nrate_wait_max = \"1s\"\n");
    let login = server.long_term_login();
    let layout = sample::layered_image(&[1; 6]);
    let peers = Peer::all_logged_in(&server, &login);
    let docker = peers.iter().find(|peer| matches!(peer, Peer::Docker(_))).unwrap();
    let image = server.image(&format!("team/layers:{}", sample::TAG));
    docker.push(&layout, &image).ok();
    // It gives up at 429.
    assert_eq!(server.logged(" status=429 "), Vec::<String>::new());
    assert!(!server.logged(" status=503 ").is_empty(), "it was never refused");
}
