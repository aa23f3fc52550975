//! The console as a browser gets it: its page at every address that is no API's, its files, and both behind proxies. The
//! pages themselves are tested in a browser (`crates/berth-console/ui/e2e`).

use reqwest::{Client, Response};

use crate::berth::{Place, Server};

const BROWSER: &str = "text/html,application/xhtml+xml,*/*;q=0.8";

/// Asks for a path with some headers.
async fn get(server: &Server, path: &str, headers: &[(&str, &str)]) -> Response {
    let request = Client::new().get(format!("http://{}{path}", server.address));
    let request = headers
        .iter()
        .fold(request, |request, (name, value)| request.header(*name, *value));
    request.send().await.unwrap()
}

fn header<'a>(answer: &'a Response, name: &str) -> &'a str {
    answer
        .headers()
        .get(name)
        .map_or("", |value| value.to_str().unwrap())
}

/// The page at a path, as a browser asks for it.
async fn page(server: &Server, path: &str, headers: &[(&str, &str)]) -> String {
    let with_accept = [&[("accept", BROWSER)], headers].concat();
    let answer = get(server, path, &with_accept).await;
    assert_eq!(answer.status(), 200, "{path}");
    assert!(header(&answer, "content-type").starts_with("text/html"), "{path}");
    answer.text().await.unwrap()
}

/// The address of the first script or style that a page loads from the folder of hashed files.
fn hashed(page: &str) -> &str {
    let start = page
        .find("/assets/")
        .expect("the console is built (BERTH_CONSOLE is not `skip`)");
    page[start..].split('"').next().unwrap()
}

#[tokio::test]
async fn every_address_that_is_no_apis_is_a_page_that_may_load_nothing_from_elsewhere() {
    let place = Place::new();
    let server = place.serve(&[]);
    let mut nonces = Vec::new();
    for path in [
        "/",
        "/images",
        "/images/team/app%2Fweb?tab=tags",
        "/v1/whatever/x",
        "/sign-in",
    ] {
        let answer = get(&server, path, &[("accept", BROWSER)]).await;
        assert_eq!(header(&answer, "cache-control"), "no-store", "{path}");
        assert_eq!(header(&answer, "x-content-type-options"), "nosniff", "{path}");
        let policy = header(&answer, "content-security-policy").to_owned();
        for rule in [
            "default-src 'none'",
            "script-src 'self';",
            "frame-ancestors 'none'",
            "base-uri 'none'",
        ] {
            assert!(policy.contains(rule), "{path}: {policy}");
        }
        assert!(!policy.contains("unsafe") && !policy.contains("http"), "{policy}");
        let nonce = policy
            .split("'nonce-")
            .nth(1)
            .unwrap()
            .split('\'')
            .next()
            .unwrap();
        let page = answer.text().await.unwrap();
        assert!(page.contains(&format!("content=\"{nonce}\"")), "{path}: {page}");
        assert!(!page.contains("{base}") && !page.contains("{nonce}"), "{page}");
        assert!(!page.contains("//"), "nothing from elsewhere: {page}");
        nonces.push(nonce.to_owned());
    }
    nonces.sort();
    nonces.dedup();
    assert_eq!(nonces.len(), 5, "a nonce is good once");
}

#[tokio::test]
async fn what_is_no_page_stays_what_it_was() {
    let place = Place::new();
    let server = place.serve(&[]);
    for (path, accept, status) in [
        ("/", "application/json", 200),
        ("/v2/", BROWSER, 401),
        ("/v2/manage/nothing", BROWSER, 404),
        ("/v3/nothing", BROWSER, 404),
        ("/openapi.json", BROWSER, 200),
        ("/livez", BROWSER, 200),
        ("/images", "*/*", 404),
        ("/assets/none.js", "*/*", 404),
        ("/assets/..%2f..%2fpackage.json", "*/*", 404),
    ] {
        let answer = get(&server, path, &[("accept", accept)]).await;
        assert_eq!(answer.status(), status, "{path}");
        assert!(
            !header(&answer, "content-type").starts_with("text/html"),
            "{path}"
        );
    }
    let posted = Client::new().post(format!("http://{}/images", server.address));
    assert_eq!(
        posted.header("accept", BROWSER).send().await.unwrap().status(),
        405
    );
}

#[tokio::test]
async fn files_come_packed_and_are_kept_for_ever_when_their_name_says_so() {
    let place = Place::new();
    let server = place.serve(&[]);
    let page = page(&server, "/", &[]).await;
    let script = hashed(&page).to_owned();
    let mut sizes = Vec::new();
    for (accepted, encoding) in [
        ("gzip, deflate, br", "br"),
        ("gzip", "gzip"),
        ("identity", ""),
        ("br;q=0", ""),
    ] {
        let answer = get(&server, &script, &[("accept-encoding", accepted)]).await;
        assert_eq!(answer.status(), 200, "{script}");
        assert_eq!(header(&answer, "content-encoding"), encoding, "{accepted}");
        assert_eq!(header(&answer, "vary"), "accept-encoding");
        assert!(
            header(&answer, "cache-control").contains("immutable"),
            "{answer:?}"
        );
        let etag = header(&answer, "etag").to_owned();
        sizes.push(answer.bytes().await.unwrap().len());
        let again = get(
            &server,
            &script,
            &[("accept-encoding", accepted), ("if-none-match", &etag)],
        )
        .await;
        assert_eq!(again.status(), 304, "{accepted}");
    }
    assert!(sizes[0] < sizes[2] && sizes[1] < sizes[2], "{sizes:?}");
    let boot = get(&server, "/theme-boot.js", &[]).await;
    assert_eq!(header(&boot, "cache-control"), "no-cache");
}

#[tokio::test]
async fn behind_a_proxy_the_page_and_its_cookie_lie_under_the_proxys_path() {
    let place = Place::new();
    let trusting = ["--trusted-proxies", "127.0.0.0/8"];
    for (settings, path, header, base) in [
        // The proxy takes the path away and says so.
        (&trusting[..], "/images", Some("/tools/berth/"), "/tools/berth"),
        // Nobody else may say so.
        (&[][..], "/images", Some("/tools/berth"), ""),
        (&trusting[..], "/images", Some("//evil.example"), ""),
        // The proxy leaves the path where it is.
        (
            &["--base-path", "/berth"][..],
            "/berth/images?tab=a",
            None,
            "/berth",
        ),
        (&["--base-path", "/berth"][..], "/berth", None, "/berth"),
        (&["--base-path", "/berth"][..], "/images", None, "/berth"),
    ] {
        let server = place.serve(settings);
        let headers: Vec<(&str, &str)> = header
            .iter()
            .map(|prefix| ("x-forwarded-prefix", *prefix))
            .collect();
        let page = page(&server, path, &headers).await;
        assert!(
            page.contains(&format!("name=\"berth-base\" content=\"{base}\"")),
            "{path}: {page}"
        );
        let script = hashed(&page);
        assert!(page.contains(&format!("\"{base}{script}\"")), "{path}: {page}");
        if path.starts_with(base) && !base.is_empty() {
            let file = get(&server, &format!("{base}{script}"), &[]).await;
            assert_eq!(file.status(), 200);
        }
        // Refused, but at the right place.
        let session = format!(
            "{}/v2/manage/sessions",
            if path.starts_with("/berth") { base } else { "" }
        );
        let asked = get(&server, &session, &headers).await;
        assert_eq!(asked.status(), 401, "{session}");
        assert!(asked.text().await.unwrap().contains("error_code"), "{session}");
    }
}

#[tokio::test]
async fn a_session_under_a_path_has_its_cookie_there() {
    let place = Place::new();
    let variables = [("BERTH_ADMIN_PASSWORD", "Correct-horse-1")];
    let server = place.serve_with(&["--base-path", "/berth"], &variables);
    let body = r#"{"user":"admin","password":"Correct-horse-1"}"#;
    let answer = Client::new()
        .post(format!("http://{}/berth/v2/manage/sessions", server.address))
        .header("content-type", "application/json")
        .body(body)
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 201);
    let cookie = header(&answer, "set-cookie");
    assert!(cookie.contains("; Path=/berth/;"), "{cookie}");
    for attribute in ["HttpOnly", "SameSite=Strict"] {
        assert!(cookie.contains(attribute), "{cookie}");
    }
}
