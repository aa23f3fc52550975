//! Behind nginx with TLS and an authority of its own: HTTP/2, a token address without TLS that is put right, and nothing
//! to a server that nobody vouches for.

use berth_remote::{Error, Guard, Limits, Login, Remote, configure};
use e2e::balancer::Balancer;
use e2e::server::Server;
use reqwest::Certificate;

use super::{content, digest_of, pull, push};

const SIZE: usize = 100 << 20;

fn remote(balancer: &Balancer, server: &Server, trusted: Option<Certificate>) -> Remote {
    let builder = configure(reqwest::Client::builder()).tls_certs_merge(trusted);
    let login = server.administrator();
    let login = Login::password(&login.user, &login.password);
    let base = format!("https://{}", balancer.address());
    Remote::new(
        &base,
        Some(login),
        builder.build().unwrap(),
        Guard::open(),
        Limits::default(),
    )
    .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registry_behind_a_proxy_with_tls_is_met() {
    let server = Server::start();
    server.create_organization("team");
    let balancer = Balancer::start_with_tls(&[server.port()]);
    let error = remote(&balancer, &server, None).ping().await.unwrap_err();
    assert!(matches!(error, Error::Untrusted(_)), "{error:?}");

    let authority = Certificate::from_pem(&std::fs::read(balancer.authority()).unwrap()).unwrap();
    let remote = remote(&balancer, &server, Some(authority));
    // Berth trusts no proxy here, so it names its token service without TLS: the proxy's own address is meant.
    remote.ping().await.unwrap();
    let repository = remote.repository("team/large").unwrap();
    let bytes = content(SIZE, 4);
    let (pushed, _) = push(&repository, &bytes, None).await;
    assert_eq!(pushed.unwrap().bytes_sent, SIZE as u64);
    assert_eq!(pull(&repository, &digest_of(&bytes)).await.unwrap(), SIZE as u64);
    let protocols = balancer.protocols();
    assert!(
        protocols.lines().count() > 5 && protocols.lines().all(|line| line == "HTTP/2.0"),
        "{protocols}"
    );
}
