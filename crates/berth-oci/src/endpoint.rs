//! Requests of the distribution API: method, raw path and query become one [`Endpoint`].
//!
//! Paths are read from the right, because repository names hold `/`. Each segment is decoded once, after splitting,
//! so an escaped slash never separates. Refuses to know headers, bodies and who is asking.

mod error;
mod query;
#[cfg(test)]
mod tests;

use http::Method;
use percent_encoding::percent_decode_str;

use crate::digest::{Algorithm, Digest};
use crate::excerpt::shown;
use crate::name::{NameError, OrganizationName, Reference, ReferenceError, RepositoryName, Tag};
pub use error::EndpointError;
use query::Query;

/// Most `tag` parameters that one manifest push may carry.
pub const TAGS_MAX: usize = 100;

/// What a client wants, one variant per endpoint of the specification.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields are the specification's own words")]
pub enum Endpoint {
    /// end-1: does the registry speak this API?
    Ping,
    /// `_catalog`, from the reference implementation.
    ListRepositories { page: Page },
    /// end-8.
    ListTags { repository: RepositoryName, page: Page },
    /// end-3, GET.
    GetManifest {
        repository: RepositoryName,
        reference: Reference,
    },
    /// end-3, HEAD.
    HeadManifest {
        repository: RepositoryName,
        reference: Reference,
    },
    /// end-7; `tags` are the query's, in order and without repetition, beside a tag in the reference.
    PutManifest {
        repository: RepositoryName,
        reference: Reference,
        tags: Vec<Tag>,
    },
    /// end-9.
    DeleteManifest {
        repository: RepositoryName,
        reference: Reference,
    },
    /// end-2, GET.
    GetBlob {
        repository: RepositoryName,
        digest: Digest,
    },
    /// end-2, HEAD.
    HeadBlob {
        repository: RepositoryName,
        digest: Digest,
    },
    /// end-10.
    DeleteBlob {
        repository: RepositoryName,
        digest: Digest,
    },
    /// end-4 and end-11.
    StartUpload {
        repository: RepositoryName,
        start: StartUpload,
    },
    /// end-13.
    UploadStatus { repository: RepositoryName, id: String },
    /// end-5.
    AppendUpload { repository: RepositoryName, id: String },
    /// end-6.
    FinishUpload {
        repository: RepositoryName,
        id: String,
        digest: Digest,
    },
    /// end-14.
    CancelUpload { repository: RepositoryName, id: String },
    /// end-12.
    ListReferrers {
        repository: RepositoryName,
        digest: Digest,
        artifact_type: Option<String>,
        /// The descriptor after which to go on; only this registry's own `Link` carries it.
        last: Option<Digest>,
    },
    /// `_berth/swarm`: a node agent joins those that share a blob, or renews.
    JoinSwarm {
        repository: RepositoryName,
        digest: Digest,
    },
    /// The public keys of the tickets that agents show one another.
    SwarmKey,
    /// A node agent says that it is there, and waits for what it shall do.
    SwarmNodes,
    /// Another server of the same registry asks for what this one tracks.
    SwarmReplica,
}

/// Which part of a list is asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Page {
    /// Most entries to answer.
    pub n: Option<u64>,
    /// The entry after which to go on.
    pub last: Option<String>,
}

/// How an upload begins.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StartUpload {
    /// The whole content is in this request, and has this digest.
    pub digest: Option<Digest>,
    /// Take this blob from another repository, without an upload.
    pub mount: Option<Digest>,
    /// The repository to mount from; a text that is no repository name counts as none.
    pub from: Option<RepositoryName>,
    /// The algorithm that the closing digest will have.
    pub algorithm: Option<Algorithm>,
}

/// The registry that a client means, when it says so in the query of its request (specification, "Registry proxying").
pub fn namespace(query: &str) -> Option<String> {
    Query::new(Some(query))
        .first("ns")
        .filter(|name| !name.is_empty())
}

impl Endpoint {
    /// Reads a request line. `raw_path` is the path as it came, still escaped, beginning with `/v2/`.
    pub fn parse(method: &Method, raw_path: &str, query: Option<&str>) -> Result<Self, EndpointError> {
        let rest = raw_path.strip_prefix("/v2/").ok_or(EndpointError::UnknownPath)?;
        let query = Query::new(query);
        if rest.is_empty() {
            return if is_read(method) {
                Ok(Self::Ping)
            } else {
                not_allowed("GET, HEAD")
            };
        }
        let segments: Vec<_> = rest
            .split('/')
            .map(|raw| percent_decode_str(raw).decode_utf8_lossy())
            .collect();
        let segments: Vec<&str> = segments.iter().map(AsRef::as_ref).collect();
        match segments.as_slice() {
            ["_catalog"] if is_read(method) => Ok(Self::ListRepositories { page: query.page()? }),
            // No part of a name begins with `_`: what is below `_berth` is no repository's.
            ["_berth", "swarm", "key"] if is_read(method) => Ok(Self::SwarmKey),
            ["_catalog"] | ["_berth", "swarm", "key"] => not_allowed("GET, HEAD"),
            [name @ .., "blobs", "uploads", ""] | [name @ .., "blobs", "uploads"] if !name.is_empty() => {
                start_upload(method, name, &query)
            }
            [name @ .., "blobs", "uploads", id] if !name.is_empty() => upload(method, name, id, &query),
            [name @ .., "tags", "list"] if !name.is_empty() => {
                let repository = repository(name)?;
                if !is_read(method) {
                    return not_allowed("GET, HEAD");
                }
                Ok(Self::ListTags {
                    repository,
                    page: query.page()?,
                })
            }
            [name @ .., "manifests", reference] if !name.is_empty() => {
                manifest(method, name, reference, &query)
            }
            [name @ .., "blobs", digest] if !name.is_empty() => blob(method, name, digest),
            [name @ .., "referrers", digest] if !name.is_empty() => {
                let repository = repository(name)?;
                if !is_read(method) {
                    return not_allowed("GET, HEAD");
                }
                let artifact_type = query.first("artifactType").filter(|asked| !asked.is_empty());
                Ok(Self::ListReferrers {
                    repository,
                    digest: digest.parse()?,
                    artifact_type,
                    last: query.digest("last")?,
                })
            }
            ["_berth", "swarm", "nodes"] if method == Method::POST => Ok(Self::SwarmNodes),
            ["_berth", "swarm", "nodes"] => not_allowed("POST"),
            ["_berth", "swarm", "replica"] if method == Method::POST => Ok(Self::SwarmReplica),
            [name @ .., "_berth", "swarm", digest] if !name.is_empty() => {
                let repository = repository(name)?;
                if method != Method::POST {
                    return not_allowed("POST");
                }
                Ok(Self::JoinSwarm {
                    repository,
                    digest: digest.parse()?,
                })
            }
            _ => Err(EndpointError::UnknownPath),
        }
    }

    /// Reads a request line that names a repository of another registry, for which `organization` stands: its names need
    /// no organization of their own.
    pub fn parse_in(
        organization: &OrganizationName,
        method: &Method,
        raw_path: &str,
        query: Option<&str>,
    ) -> Result<Self, EndpointError> {
        match raw_path.strip_prefix("/v2/") {
            Some("" | "_catalog") | None => Self::parse(method, raw_path, query),
            // Of the whole registry, not of a repository.
            Some(rest) if rest.starts_with("_berth/") => Self::parse(method, raw_path, query),
            Some(rest) => Self::parse(method, &format!("/v2/{organization}/{rest}"), query),
        }
    }

    /// Whether it is what a pull is made of: manifests and blobs, read, or shared with other nodes.
    pub fn is_pull(&self) -> bool {
        matches!(
            self,
            Self::GetManifest { .. }
                | Self::HeadManifest { .. }
                | Self::GetBlob { .. }
                | Self::HeadBlob { .. }
                | Self::JoinSwarm { .. }
        )
    }

    /// The repository that the request is about, if it is about one.
    pub fn repository(&self) -> Option<&RepositoryName> {
        match self {
            Self::Ping
            | Self::ListRepositories { .. }
            | Self::SwarmKey
            | Self::SwarmNodes
            | Self::SwarmReplica => None,
            Self::ListTags { repository, .. }
            | Self::GetManifest { repository, .. }
            | Self::HeadManifest { repository, .. }
            | Self::PutManifest { repository, .. }
            | Self::DeleteManifest { repository, .. }
            | Self::GetBlob { repository, .. }
            | Self::HeadBlob { repository, .. }
            | Self::DeleteBlob { repository, .. }
            | Self::StartUpload { repository, .. }
            | Self::UploadStatus { repository, .. }
            | Self::AppendUpload { repository, .. }
            | Self::FinishUpload { repository, .. }
            | Self::CancelUpload { repository, .. }
            | Self::ListReferrers { repository, .. }
            | Self::JoinSwarm { repository, .. } => Some(repository),
        }
    }
}

fn is_read(method: &Method) -> bool {
    method == Method::GET || method == Method::HEAD
}

fn not_allowed(allowed: &'static str) -> Result<Endpoint, EndpointError> {
    Err(EndpointError::MethodNotAllowed { allowed })
}

fn repository(segments: &[&str]) -> Result<RepositoryName, EndpointError> {
    if segments.iter().any(|segment| segment.contains('/')) {
        return Err(NameError::Image(shown(&segments.join("/"))).into());
    }
    Ok(segments.join("/").parse()?)
}

fn start_upload(method: &Method, name: &[&str], query: &Query) -> Result<Endpoint, EndpointError> {
    let repository = repository(name)?;
    if method != Method::POST {
        return not_allowed("POST");
    }
    let algorithm = match query.first("digest-algorithm") {
        None => None,
        Some(text) => Some(
            text.parse()
                .map_err(|_| EndpointError::UnknownAlgorithm(shown(&text)))?,
        ),
    };
    let start = StartUpload {
        digest: query.digest("digest")?,
        mount: query.digest("mount")?,
        from: query.first("from").and_then(|from| from.parse().ok()),
        algorithm,
    };
    Ok(Endpoint::StartUpload { repository, start })
}

fn upload(method: &Method, name: &[&str], id: &str, query: &Query) -> Result<Endpoint, EndpointError> {
    let repository = repository(name)?;
    // Ids become file names below: nothing but what the registry itself makes gets through.
    let is_id = id.len() <= 64
        && id
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
    if !is_id {
        return Err(EndpointError::UnknownUpload);
    }
    let id = id.to_owned();
    match method.as_str() {
        "GET" | "HEAD" => Ok(Endpoint::UploadStatus { repository, id }),
        "PATCH" => Ok(Endpoint::AppendUpload { repository, id }),
        "PUT" => {
            let digest = query.digest("digest")?.ok_or(EndpointError::MissingDigest)?;
            Ok(Endpoint::FinishUpload {
                repository,
                id,
                digest,
            })
        }
        "DELETE" => Ok(Endpoint::CancelUpload { repository, id }),
        _ => not_allowed("GET, HEAD, PATCH, PUT, DELETE"),
    }
}

fn manifest(
    method: &Method,
    name: &[&str],
    reference: &str,
    query: &Query,
) -> Result<Endpoint, EndpointError> {
    let repository = repository(name)?;
    let writes = method == Method::PUT;
    let reference = reference.parse::<Reference>().map_err(|error| match error {
        ReferenceError::Digest(error) => EndpointError::Digest(error),
        ReferenceError::Tag(error) if writes => EndpointError::Tag(error),
        ReferenceError::Tag(error) => EndpointError::UnknownTag(error),
    });
    match method.as_str() {
        "GET" => Ok(Endpoint::GetManifest {
            repository,
            reference: reference?,
        }),
        "HEAD" => Ok(Endpoint::HeadManifest {
            repository,
            reference: reference?,
        }),
        "PUT" => Ok(Endpoint::PutManifest {
            repository,
            reference: reference?,
            tags: query.tags()?,
        }),
        "DELETE" => Ok(Endpoint::DeleteManifest {
            repository,
            reference: reference?,
        }),
        _ => not_allowed("GET, HEAD, PUT, DELETE"),
    }
}

fn blob(method: &Method, name: &[&str], digest: &str) -> Result<Endpoint, EndpointError> {
    let repository = repository(name)?;
    match method.as_str() {
        "GET" => Ok(Endpoint::GetBlob {
            repository,
            digest: digest.parse()?,
        }),
        "HEAD" => Ok(Endpoint::HeadBlob {
            repository,
            digest: digest.parse()?,
        }),
        "DELETE" => Ok(Endpoint::DeleteBlob {
            repository,
            digest: digest.parse()?,
        }),
        _ => not_allowed("GET, HEAD, DELETE"),
    }
}
