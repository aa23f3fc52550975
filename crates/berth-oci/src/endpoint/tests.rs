//! Paths and queries, accepted and refused.

use http::Method;
use proptest::prelude::*;

use super::{Endpoint, EndpointError, Page, StartUpload, TAGS_MAX};
use crate::error_code::ErrorCode;

const HEX: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

fn parse(request: &str) -> Result<Endpoint, EndpointError> {
    let (method, target) = request.split_once(' ').unwrap();
    let method: Method = method.parse().unwrap();
    let target = target.replace("{digest}", &format!("sha256:{HEX}"));
    match target.split_once('?') {
        Some((path, query)) => Endpoint::parse(&method, path, Some(query)),
        None => Endpoint::parse(&method, &target, None),
    }
}

fn digest() -> crate::Digest {
    format!("sha256:{HEX}").parse().unwrap()
}

fn check(request: &str, expected: Endpoint) {
    assert_eq!(parse(request), Ok(expected), "{request}");
}

fn name() -> crate::RepositoryName {
    "org/a/b".parse().unwrap()
}

#[test]
fn the_ping_and_the_lists() {
    check("GET /v2/", Endpoint::Ping);
    check("HEAD /v2/", Endpoint::Ping);
    check(
        "GET /v2/_catalog",
        Endpoint::ListRepositories {
            page: Page::default(),
        },
    );
    let page = Page {
        n: Some(0),
        last: Some("x".to_owned()),
    };
    check(
        "GET /v2/org/a/b/tags/list?n=0&last=x",
        Endpoint::ListTags {
            repository: name(),
            page,
        },
    );
    let artifact_type = Some("application/vnd.example+json".to_owned());
    check(
        "GET /v2/org/a/b/referrers/{digest}?artifactType=application/vnd.example+json",
        Endpoint::ListReferrers {
            repository: name(),
            digest: digest(),
            artifact_type,
            last: None,
        },
    );
    check(
        "GET /v2/org/a/b/referrers/{digest}",
        Endpoint::ListReferrers {
            repository: name(),
            digest: digest(),
            artifact_type: None,
            last: None,
        },
    );
}

#[test]
fn what_node_agents_ask() {
    check("GET /v2/_berth/swarm/key", Endpoint::SwarmKey);
    check("POST /v2/_berth/swarm/nodes", Endpoint::SwarmNodes);
    check("POST /v2/_berth/swarm/replica", Endpoint::SwarmReplica);
    check(
        "POST /v2/org/a/b/_berth/swarm/{digest}",
        Endpoint::JoinSwarm {
            repository: name(),
            digest: digest(),
        },
    );
    for (request, allowed) in [
        ("POST /v2/_berth/swarm/key", "GET, HEAD"),
        ("GET /v2/_berth/swarm/nodes", "POST"),
        ("GET /v2/org/a/_berth/swarm/{digest}", "POST"),
    ] {
        assert_eq!(
            parse(request),
            Err(EndpointError::MethodNotAllowed { allowed }),
            "{request}"
        );
    }
    for (request, code) in [
        ("POST /v2/_berth/swarm/{digest}", ErrorCode::NameUnknown),
        ("POST /v2/_berth/swarm/", ErrorCode::NameUnknown),
        ("GET /v2/_berth/swarm/replica", ErrorCode::NameUnknown),
        ("POST /v2/_berth/a/_berth/swarm/{digest}", ErrorCode::NameInvalid),
        ("POST /v2/org/a/_berth/swarm/nodes", ErrorCode::DigestInvalid),
    ] {
        assert_eq!(parse(request).unwrap_err().code(), code, "{request}");
    }
}

#[test]
fn zero_bytes_never_get_through() {
    let page = Page {
        n: None,
        last: Some("a\u{fffd}".to_owned()),
    };
    check("GET /v2/_catalog?last=a%00", Endpoint::ListRepositories { page });
}

#[test]
fn manifests_and_blobs() {
    let (repository, digest) = (name(), digest());
    let reference: crate::Reference = "latest".parse().unwrap();
    let path = "/v2/org/a/b/manifests/latest";
    let (name, latest) = (|| repository.clone(), || reference.clone());
    check(
        &format!("GET {path}"),
        Endpoint::GetManifest {
            repository: name(),
            reference: latest(),
        },
    );
    check(
        &format!("HEAD {path}"),
        Endpoint::HeadManifest {
            repository: name(),
            reference: latest(),
        },
    );
    check(
        &format!("DELETE {path}"),
        Endpoint::DeleteManifest {
            repository: name(),
            reference: latest(),
        },
    );
    let tags = vec!["2".parse().unwrap(), "1".parse().unwrap()];
    check(
        &format!("PUT {path}?tag=2&tag=1&tag=2"),
        Endpoint::PutManifest {
            repository: name(),
            reference: latest(),
            tags,
        },
    );
    check(
        "PUT /v2/org/a/b/manifests/{digest}",
        Endpoint::PutManifest {
            repository: name(),
            reference: crate::Reference::Digest(digest.clone()),
            tags: vec![],
        },
    );
    let path = "/v2/org/a/b/blobs/{digest}";
    check(
        &format!("GET {path}"),
        Endpoint::GetBlob {
            repository: name(),
            digest: digest.clone(),
        },
    );
    check(
        &format!("HEAD {path}"),
        Endpoint::HeadBlob {
            repository: name(),
            digest: digest.clone(),
        },
    );
    check(
        &format!("DELETE {path}"),
        Endpoint::DeleteBlob {
            repository: name(),
            digest,
        },
    );
}

#[test]
fn uploads_that_run() {
    let path = "/v2/org/a/b/blobs/uploads/0b-1_z";
    let id = || "0b-1_z".to_owned();
    check(
        &format!("GET {path}"),
        Endpoint::UploadStatus {
            repository: name(),
            id: id(),
        },
    );
    check(
        &format!("PATCH {path}"),
        Endpoint::AppendUpload {
            repository: name(),
            id: id(),
        },
    );
    check(
        &format!("DELETE {path}"),
        Endpoint::CancelUpload {
            repository: name(),
            id: id(),
        },
    );
    check(
        &format!("PUT {path}?x=y&digest={{digest}}"),
        Endpoint::FinishUpload {
            repository: name(),
            id: id(),
            digest: digest(),
        },
    );
}

#[test]
fn starts_of_uploads() {
    let check = |query: &str, expected: StartUpload| {
        for path in ["POST /v2/org/a/blobs/uploads/", "POST /v2/org/a/blobs/uploads"] {
            let repository = "org/a".parse().unwrap();
            let expected = Endpoint::StartUpload {
                repository,
                start: expected.clone(),
            };
            assert_eq!(parse(&format!("{path}{query}")), Ok(expected), "{query}");
        }
    };
    let none = StartUpload::default;
    check("", none());
    check("?", none());
    check(
        "?digest={digest}",
        StartUpload {
            digest: Some(digest()),
            ..none()
        },
    );
    check(
        &format!("?digest=sha256%3A{HEX}"),
        StartUpload {
            digest: Some(digest()),
            ..none()
        },
    );
    check(
        "?digest-algorithm=sha512",
        StartUpload {
            algorithm: Some(crate::Algorithm::Sha512),
            ..none()
        },
    );
    check(
        "?mount={digest}",
        StartUpload {
            mount: Some(digest()),
            ..none()
        },
    );
    let from = Some("other/x".parse().unwrap());
    check(
        "?mount={digest}&from=other%2Fx",
        StartUpload {
            mount: Some(digest()),
            from,
            ..none()
        },
    );
    check(
        "?mount={digest}&from=ubuntu",
        StartUpload {
            mount: Some(digest()),
            ..none()
        },
    );
    check(
        "?mount={digest}&from=../x",
        StartUpload {
            mount: Some(digest()),
            ..none()
        },
    );
}

fn refuse(request: &str, code: ErrorCode) {
    let error = parse(request).unwrap_err();
    assert_eq!(error.code(), code, "{request}: {error}");
}

const BAD_NAMES: &str = "library Org/a org/A manage/namespaces org/.. ../org org/../a org/%2e%2e/a %2e%2e/org org//a \
    /org/a org/a/ org%2Fa org%2fa/b org/a%2Fb org/a%252Fb org/a%00 org/%ff org/a%20b org/é 9org/a org/-a org/a___b \
    org/a..b org/a\\b org/%zz org/%";

#[test]
fn bad_names_are_refused_at_every_endpoint() {
    for name in BAD_NAMES.split_whitespace() {
        refuse(&format!("GET /v2/{name}/tags/list"), ErrorCode::NameInvalid);
        refuse(
            &format!("GET /v2/{name}/manifests/latest"),
            ErrorCode::NameInvalid,
        );
        refuse(
            &format!("GET /v2/{name}/referrers/{{digest}}"),
            ErrorCode::NameInvalid,
        );
        refuse(
            &format!("HEAD /v2/{name}/blobs/{{digest}}"),
            ErrorCode::NameInvalid,
        );
        refuse(&format!("POST /v2/{name}/blobs/uploads/"), ErrorCode::NameInvalid);
        refuse(
            &format!("PUT /v2/{name}/blobs/uploads/1?digest={{digest}}"),
            ErrorCode::NameInvalid,
        );
    }
}

#[test]
fn other_paths_are_unknown() {
    for path in [
        "v2",
        "v3/org/a/tags/list",
        "v2/x",
        "v2/x/y/z",
        "v2/_catalog/",
        "v2/tags/list",
        "v2/manifests/latest",
    ] {
        assert_eq!(
            parse(&format!("GET /{path}")),
            Err(EndpointError::UnknownPath),
            "{path}"
        );
    }
}

#[test]
fn refused_requests_have_the_right_code() {
    refuse("GET /v2/org/a/manifests/.hidden", ErrorCode::ManifestUnknown);
    refuse("DELETE /v2/org/a/manifests/.hidden", ErrorCode::ManifestUnknown);
    refuse("PUT /v2/org/a/manifests/.hidden", ErrorCode::TagInvalid);
    refuse(
        "PUT /v2/org/a/manifests/latest?tag=.hidden",
        ErrorCode::TagInvalid,
    );
    refuse("GET /v2/org/a/manifests/a%2Fb", ErrorCode::ManifestUnknown);
    refuse("GET /v2/org/a/manifests/sha256:abc", ErrorCode::DigestInvalid);
    refuse("GET /v2/org/a/blobs/latest", ErrorCode::DigestInvalid);
    refuse(
        "GET /v2/org/a/blobs/md5:d41d8cd98f00b204e9800998ecf8427e",
        ErrorCode::DigestInvalid,
    );
    refuse("GET /v2/org/a/referrers/latest", ErrorCode::DigestInvalid);
    refuse("PUT /v2/org/a/blobs/uploads/1", ErrorCode::DigestInvalid);
    refuse("PUT /v2/org/a/blobs/uploads/1?digest=", ErrorCode::DigestInvalid);
    refuse("POST /v2/org/a/blobs/uploads/?mount=x", ErrorCode::DigestInvalid);
    refuse(
        "POST /v2/org/a/blobs/uploads/?digest-algorithm=md5",
        ErrorCode::Unsupported,
    );
    refuse("PATCH /v2/org/a/blobs/uploads/..", ErrorCode::BlobUploadUnknown);
    refuse(
        "PATCH /v2/org/a/blobs/uploads/%2e%2e%2f",
        ErrorCode::BlobUploadUnknown,
    );
    refuse(
        &format!("PATCH /v2/org/a/blobs/uploads/{}", "x".repeat(65)),
        ErrorCode::BlobUploadUnknown,
    );
    for n in ["-1", "+1", "x", "1.5", "99999999999999999999999"] {
        refuse(
            &format!("GET /v2/org/a/tags/list?n={n}"),
            ErrorCode::PaginationNumberInvalid,
        );
        refuse(
            &format!("GET /v2/_catalog?n={n}"),
            ErrorCode::PaginationNumberInvalid,
        );
    }
}

#[test]
fn other_methods_learn_what_is_allowed() {
    let check = |request: &str, allowed: &'static str| {
        assert_eq!(
            parse(request),
            Err(EndpointError::MethodNotAllowed { allowed }),
            "{request}"
        );
    };
    check("POST /v2/", "GET, HEAD");
    check("DELETE /v2/_catalog", "GET, HEAD");
    check("PUT /v2/org/a/tags/list", "GET, HEAD");
    check("POST /v2/org/a/referrers/{digest}", "GET, HEAD");
    check("POST /v2/org/a/manifests/latest", "GET, HEAD, PUT, DELETE");
    check("PUT /v2/org/a/blobs/{digest}", "GET, HEAD, DELETE");
    check("GET /v2/org/a/blobs/uploads/", "POST");
    check("POST /v2/org/a/blobs/uploads/1", "GET, HEAD, PATCH, PUT, DELETE");
}

#[test]
fn names_may_hold_the_words_of_the_api() {
    let check = |request: &str, name: &str| {
        assert_eq!(
            parse(request).unwrap().repository().unwrap().as_str(),
            name,
            "{request}"
        );
    };
    check("GET /v2/org/tags/list/tags/list", "org/tags/list");
    check("GET /v2/org/manifests/manifests/latest", "org/manifests");
    check("GET /v2/org/blobs/uploads/manifests/latest", "org/blobs/uploads");
    check("GET /v2/org/blobs/uploads/blobs/uploads/1", "org/blobs/uploads");
    check("GET /v2/org/%61/tags/list", "org/a");
}

#[test]
fn long_paths_are_refused_with_a_short_sentence() {
    let long = "a/".repeat(5_000);
    let message = parse(&format!("GET /v2/org/{long}tags/list"))
        .unwrap_err()
        .to_string();
    assert!(
        message.contains("image names have 1 to 128 characters") && message.len() < 400,
        "{message}"
    );
}

#[test]
fn the_number_of_tags_is_bounded() {
    let query = |count: usize| {
        (0..count)
            .map(|n| format!("tag=t{n}"))
            .collect::<Vec<_>>()
            .join("&")
    };
    let put = |count: usize| parse(&format!("PUT /v2/org/a/manifests/{{digest}}?{}", query(count)));
    assert!(put(TAGS_MAX).is_ok());
    assert_eq!(put(TAGS_MAX + 1), Err(EndpointError::TooManyTags));
}

proptest! {
    #[test]
    fn any_request_is_read_or_refused(
        method in "GET|HEAD|PUT|POST|PATCH|DELETE|X",
        path in "/v2/([a-z./%]{0,20}/)?(manifests|blobs|blobs/uploads|tags|referrers)/\\PC{0,20}|\\PC*",
        query in proptest::option::of("[a-z]{0,9}=[ -~]{0,20}|\\PC*"),
    ) {
        let method: Method = method.parse().unwrap();
        if let Err(error) = Endpoint::parse(&method, &path, query.as_deref()) {
            prop_assert!(!error.to_string().is_empty());
        }
    }

    #[test]
    fn a_valid_name_is_found_again(name in "[a-z][a-z0-9]{0,9}(/[a-z0-9]{1,9}){1,4}") {
        prop_assume!(!name.starts_with("manage/"));
        let endpoint = parse(&format!("GET /v2/{name}/manifests/latest")).unwrap();
        prop_assert_eq!(endpoint.repository().unwrap().as_str(), name);
    }
}
