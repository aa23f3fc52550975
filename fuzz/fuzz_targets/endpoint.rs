//! Any request line is read as an endpoint or refused with a sentence; a name that gets through is a clean one.
#![no_main]

use berth_oci::{Endpoint, RepositoryName};
use http::Method;
use libfuzzer_sys::fuzz_target;

const METHODS: [Method; 7] = [
    Method::GET,
    Method::HEAD,
    Method::PUT,
    Method::POST,
    Method::PATCH,
    Method::DELETE,
    Method::OPTIONS,
];

fuzz_target!(|input: (u8, &str, Option<&str>)| {
    let (method, path, query) = input;
    let method = &METHODS[usize::from(method) % METHODS.len()];
    for path in [
        path.to_owned(),
        format!("/v2/{path}"),
        format!("/v2/org/image/{path}"),
    ] {
        match Endpoint::parse(method, &path, query) {
            Ok(endpoint) => {
                if let Some(name) = endpoint.repository() {
                    assert_eq!(name.as_str().parse::<RepositoryName>().as_ref(), Ok(name));
                    assert!(!name.contains("..") && !name.contains("//") && !name.starts_with("manage/"));
                }
                assert_upload_id(&endpoint);
            }
            Err(error) => {
                assert!((1..1_000).contains(&error.to_string().len()));
                assert!(!error.code().as_str().is_empty());
            }
        }
    }
});

fn assert_upload_id(endpoint: &Endpoint) {
    if let Endpoint::UploadStatus { id, .. }
    | Endpoint::AppendUpload { id, .. }
    | Endpoint::FinishUpload { id, .. }
    | Endpoint::CancelUpload { id, .. } = endpoint
    {
        assert!(!id.is_empty() && id.len() <= 64 && !id.contains(['/', '.', '\\', '\0']));
    }
}
