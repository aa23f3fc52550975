//! Rates of requests: what each client does when it is too fast.

use e2e::client::log_in;
use e2e::home::Home;
use e2e::peer::Peer;
use e2e::sample;
use e2e::server::Server;

fn start(settings: &str) -> Server {
    let home = Home::new("berth");
    home.write("berth.toml", settings);
    let server = Server::start_at(home);
    server.create_organization("team");
    server
}

#[test]
fn every_client_that_is_too_fast_is_held_back_and_ends_well() {
    let server = start("[limits]\nrate_push_account = \"2/s\"\nrate_pull_account = \"2/s\"\n");
    let login = server.long_term_login();
    let layout = sample::small_image();
    for peer in Peer::all_logged_in(&server, &login) {
        let image = server.image(&format!("team/from-{}:{}", peer.name(), sample::TAG));
        let began = std::time::Instant::now();
        peer.push(&layout, &image).ok();
        let pushed = began.elapsed();
        peer.forget(&image);
        peer.pull(&image).ok();
        eprintln!("{}: push {pushed:?}, all {:?}", peer.name(), began.elapsed());
    }
    assert_eq!(server.logged(" status=429 "), Vec::<String>::new());
}

#[test]
fn experiment() {
    for code in ["1/s"] {
        let server = start(&format!("[limits]\nrate_push_account = \"{code}\"\nrate_wait_max = \"1ms\"\n"));
        let login = server.long_term_login();
        let layout = sample::small_image();
        for peer in Peer::all_logged_in(&server, &login) {
            let image = server.image(&format!("team/from-{}:{}", peer.name(), sample::TAG));
            let began = std::time::Instant::now();
            let outcome = peer.push(&layout, &image);
            eprintln!("=== {} push {} {:?}\n{}\n{}", peer.name(), outcome.success, began.elapsed(), outcome.stdout, outcome.stderr);
            std::thread::sleep(std::time::Duration::from_secs(3));
        }
        for line in server.logged(" request ") {
            eprintln!("{line}");
        }
    }
    let _ = log_in;
}
