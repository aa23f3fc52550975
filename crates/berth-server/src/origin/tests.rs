//! Who asks and at which address, with proxies that are trusted and with strangers who claim to be proxies.

use std::collections::BTreeMap;
use std::path::Path;

use http::Request;

use super::Origin;
use crate::config::{Written, resolve};
use crate::serve::{Arrival, Peer};

/// What is understood of a request: the client, and this server's address. The request is written as its peer's address,
/// the scheme of its connection, and its headers, separated by `|`.
fn check(settings: &str, request: &str) -> String {
    let written = Written {
        variables: BTreeMap::new(),
        flags: BTreeMap::new(),
        file: None,
    };
    let settings = resolve(Some((Path::new("berth.toml"), settings)), &written)
        .expect("good settings")
        .settings;
    let mut words = request.split(" | ");
    let address = words.next().expect("a peer").parse().expect("an address");
    let secure = words.next() == Some("https");
    let mut builder = Request::builder().uri("/v2/");
    for (name, value) in words.map(|header| header.split_once(": ").expect("a header")) {
        builder = builder.header(name, value);
    }
    let (mut parts, ()) = builder.body(()).expect("a good request").into_parts();
    parts.extensions.insert(Arrival::of(Peer { address, secure }));
    let origin = Origin::of(&parts, &settings);
    format!("{} sees {}", origin.client, origin.url)
}

const NO_PROXY: &str = "";
const PROXY: &str = "trusted_proxies = [\"10.0.0.0/8\"]";
const FIXED: &str = "external_url = \"https://hub.example.com\"";

#[test]
fn the_host_that_was_asked_for_is_ours_when_it_can_be_one() {
    for (settings, request, expected) in [
        (
            NO_PROXY,
            "192.0.2.1:9 | http | host: box:5000",
            "192.0.2.1 sees http://box:5000",
        ),
        (
            NO_PROXY,
            "192.0.2.1:9 | https | host: box",
            "192.0.2.1 sees https://box",
        ),
        (
            NO_PROXY,
            "[::1]:9 | http | host: [::1]:5000",
            "::1 sees http://[::1]:5000",
        ),
        (
            NO_PROXY,
            "192.0.2.1:9 | http",
            "192.0.2.1 sees http://127.0.0.1:5000",
        ),
        (
            NO_PROXY,
            "192.0.2.1:9 | http | host: a\";reboot",
            "192.0.2.1 sees http://127.0.0.1:5000",
        ),
        (
            FIXED,
            "192.0.2.1:9 | http | host: box",
            "192.0.2.1 sees https://hub.example.com",
        ),
    ] {
        assert_eq!(check(settings, request), expected, "{settings} {request}");
    }
}

#[test]
fn only_trusted_proxies_are_believed() {
    let forwarded = "http | host: backend | x-forwarded-for: 6.6.6.6, 203.0.113.9, 10.0.0.8 | x-forwarded-proto: https \
                     | x-forwarded-host: hub.example.com";
    for (settings, request, expected) in [
        (
            NO_PROXY,
            format!("10.0.0.7:9 | {forwarded}"),
            "10.0.0.7 sees http://backend",
        ),
        (
            PROXY,
            format!("192.0.2.1:9 | {forwarded}"),
            "192.0.2.1 sees http://backend",
        ),
        // 6.6.6.6 is what the client itself claimed; 10.0.0.8 is another proxy of ours.
        (
            PROXY,
            format!("10.0.0.7:9 | {forwarded}"),
            "203.0.113.9 sees https://hub.example.com",
        ),
        (
            PROXY,
            "10.0.0.7:9 | https | host: box | x-forwarded-proto: ftp".into(),
            "10.0.0.7 sees https://box",
        ),
        (
            PROXY,
            "10.0.0.7:9 | http | host: box | x-forwarded-for: unknown".into(),
            "10.0.0.7 sees http://box",
        ),
    ] {
        assert_eq!(check(settings, &request), expected, "{settings} {request}");
    }
}
