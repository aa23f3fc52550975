//! What the OCI distribution and image specifications say, as types.
//!
//! Owns the grammar of everything a client sends or is sent: digests, names, paths, ranges, manifests, scopes and
//! signatures. Does no I/O, no async work, and never reads the clock; it knows neither storage nor an HTTP server.

pub mod descriptor;
pub mod digest;
pub mod endpoint;
pub mod error_code;
pub mod excerpt;
pub mod manifest;
pub mod media_type;
pub mod name;
pub mod range;
pub mod scope;
pub mod signature;

pub use descriptor::Descriptor;
pub use digest::{Algorithm, Digest, DigestError, Hasher};
pub use endpoint::{Endpoint, EndpointError};
pub use error_code::{ErrorBody, ErrorCode, ErrorEntry};
pub use manifest::{Manifest, ManifestError, ManifestKind};
pub use name::{ImageName, NameError, OrganizationName, Reference, ReferenceError, RepositoryName, Tag};
pub use range::{ByteRanges, ContentRange, RangeOutcome, RangeRequest, TooManyRanges};
pub use scope::{Resource, Scope, ScopeAction, ScopeError};
