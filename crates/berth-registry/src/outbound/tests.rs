//! What is reached and what is refused: addresses in every writing, names, redirects, by a real listener.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::{Outbound, OutboundClass, OutboundRefusal, is_own};
use crate::OutboundRules;

fn guard(allow: &[&str], deny: &[&str]) -> Outbound {
    let networks = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect();
    Outbound::new(OutboundRules {
        allow: networks(allow),
        deny: networks(deny),
    })
}

/// Whether a URL is refused before anything is sent, for each class.
fn check(url: &str, public: bool, registered: bool) {
    let outbound = guard(&[], &[]);
    let parsed = url.parse().unwrap();
    for (class, expected) in [
        (OutboundClass::Public, public),
        (OutboundClass::Registered, registered),
    ] {
        let found = outbound.check_url(class, &parsed);
        assert_eq!(found.is_ok(), expected, "{url} {class:?}: {found:?}");
    }
}

#[test]
fn addresses_in_urls_are_judged_in_every_writing() {
    for loopback in [
        "http://127.0.0.1/",
        "http://127.1:8080/",
        "http://2130706433/",
        "http://0x7f000001/",
        "http://0x7f.0.0.1/",
        "http://0177.0.0.1/",
        "http://017700000001/",
        "http://127.0.0.1./",
        "http://%31%32%37.0.0.1/",
        "http://[::1]:80/",
        "http://[::ffff:127.0.0.1]/",
        "http://[64:ff9b::7f00:1]/",
        "http://0.0.0.0/",
        "http://0/",
        "http://169.254.169.254/latest/meta-data/",
        "http://[fe80::1]/",
        "http://255.255.255.255/",
        "http://224.0.0.1/",
        "http://user@127.0.0.1/",
        "ftp://1.1.1.1/",
        "file:///etc/passwd",
    ] {
        check(loopback, false, false);
    }
    for private in [
        "http://10.0.0.1/",
        "http://0xa000001/",
        "http://192.168.1.1:6443/",
        "http://[fd12::1]/",
    ] {
        check(private, false, true);
    }
    // Names wait until they are resolved.
    for other in [
        "https://1.1.1.1/",
        "https://[2606:4700::1111]/",
        "http://localhost/",
    ] {
        check(other, true, true);
    }
}

#[test]
fn the_operator_allows_networks_and_forbids_others() {
    let outbound = guard(&["127.0.0.0/8", "10.1.0.0/16"], &["127.0.0.2/32", "1.1.1.0/24"]);
    for (url, expected) in [
        ("http://127.0.0.1/", true),
        ("http://[::ffff:127.0.0.1]/", true),
        ("http://127.0.0.2/", false),
        ("http://10.1.2.3/", true),
        ("http://10.2.2.3/", false),
        ("http://1.1.1.1/", false),
        ("http://[64:ff9b::1.1.1.1]/", false),
        ("http://1.1.2.1/", true),
        ("http://[::1]/", false),
    ] {
        let found = outbound.check_url(OutboundClass::Public, &url.parse().unwrap());
        assert_eq!(found.is_ok(), expected, "{url}: {found:?}");
    }
}

#[test]
fn a_refusal_names_host_kind_and_setting() {
    let says = |outbound: &Outbound, url: &str| {
        let refused = outbound.check_url(OutboundClass::Public, &url.parse().unwrap());
        refused.unwrap_err().to_string()
    };
    assert_eq!(
        says(&guard(&[], &[]), "http://0x7f.1/"),
        "127.0.0.1 may not be reached: it is a loopback address, which the operator can permit with the setting \
         outbound.allow"
    );
    assert_eq!(
        says(&guard(&[], &["1.1.1.1/32"]), "http://1.1.1.1/"),
        "1.1.1.1 may not be reached: the setting outbound.deny forbids it"
    );
}

#[test]
fn an_address_of_this_machine_is_known() {
    assert!(is_own("127.0.0.1".parse().unwrap()));
    assert!(!is_own("192.0.2.1".parse().unwrap()));
}

/// Answers every connection with `answer`; tells its address.
async fn server(answer: String) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let answer = answer.clone();
            tokio::spawn(async move {
                let mut head = [0; 4096];
                let _ = stream.read(&mut head).await;
                let _ = stream.write_all(answer.as_bytes()).await;
            });
        }
    });
    address
}

async fn fetched(
    outbound: &Outbound,
    class: OutboundClass,
    url: &str,
) -> Result<u16, Option<OutboundRefusal>> {
    let url: reqwest::Url = url.parse().unwrap();
    outbound.check_url(class, &url).map_err(Some)?;
    let sent = outbound.client(class).unwrap().get(url).send().await;
    sent.map(|response| response.status().as_u16())
        .map_err(|error| OutboundRefusal::of(&error).cloned())
}

#[tokio::test]
async fn a_name_is_judged_by_where_it_leads() {
    let address = server("HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n".to_owned()).await;
    let url = format!("http://localhost:{}/", address.port());
    for class in [OutboundClass::Public, OutboundClass::Registered] {
        let refused = fetched(&guard(&[], &[]), class, &url).await.unwrap_err();
        let text = refused.expect("the guard refuses it").to_string();
        assert!(text.starts_with("localhost ("), "{text}");
        assert!(text.contains("a loopback address"), "{text}");
        assert!(text.contains("outbound.allow"), "{text}");
        // Of localhost's addresses only the permitted one is tried.
        assert_eq!(fetched(&guard(&["127.0.0.0/8"], &[]), class, &url).await, Ok(204));
    }
}

#[tokio::test]
async fn redirects_are_not_followed_or_judged_anew() {
    let there = server("HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n".to_owned()).await;
    let leading_to = |place: String| {
        server(format!(
            "HTTP/1.1 302 Found\r\nlocation: {place}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
        ))
    };
    let outbound = guard(&["127.0.0.1/32"], &[]);
    let good = leading_to(format!("http://{there}/")).await;
    let bad = leading_to(format!("http://127.0.0.2:{}/", there.port())).await;
    let (good, bad) = (format!("http://{good}/"), format!("http://{bad}/"));
    assert_eq!(fetched(&outbound, OutboundClass::Public, &good).await, Ok(302));
    assert_eq!(
        fetched(&outbound, OutboundClass::Registered, &good).await,
        Ok(204)
    );
    let refused = fetched(&outbound, OutboundClass::Registered, &bad)
        .await
        .unwrap_err();
    assert!(
        refused
            .expect("the guard refuses it")
            .to_string()
            .starts_with("127.0.0.2 may not")
    );
}

#[tokio::test]
async fn a_host_is_resolved_to_what_may_be_reached() {
    let outbound = guard(&["127.0.0.1/32"], &[]);
    let class = OutboundClass::Registered;
    let expected = vec!["127.0.0.1:443".parse::<SocketAddr>().unwrap()];
    assert_eq!(outbound.resolve(class, "localhost", 443).await.unwrap(), expected);
    assert_eq!(outbound.resolve(class, "127.0.0.1", 443).await.unwrap(), expected);
    for (host, is_unresolved) in [
        ("[::1]", false),
        ("0x7f.0.0.2", false),
        ("no-such-host.invalid", true),
    ] {
        let refused = outbound.resolve(class, host, 443).await.unwrap_err();
        assert_eq!(refused.is_unresolved(), is_unresolved, "{refused}");
    }
}
