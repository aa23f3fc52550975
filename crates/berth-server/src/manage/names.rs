//! The places that paths of this API name: an organisation, an image, a tag. In a path segment the `/` of an image's
//! name is written `$`; `%24` and `%2F` mean the same, because the router decodes segments.

use axum::extract::FromRequestParts;
use berth_oci::{NameError, OrganizationName, RepositoryName, Tag};
use http::request::Parts;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use utoipa::IntoParams;

use super::error::Refused;

/// The parameters of a path; what they cannot be is refused in this API's form.
pub(crate) struct Path<T>(pub(crate) T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Path<T> {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refused> {
        let read = axum::extract::Path::from_request_parts(parts, state).await;
        let refused = |_| {
            Refused::invalid(
                "4000014",
                "the path holds what cannot be a name or a number there",
            )
        };
        read.map(|axum::extract::Path(parameters)| Self(parameters))
            .map_err(refused)
    }
}

/// The path of an organisation.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct InOrganization {
    /// The organization's name.
    namespace: String,
}

/// The path of an image.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct InRepository {
    /// The organization's name.
    namespace: String,
    /// The image's name, each `/` in it written as `$`.
    repository: String,
}

/// The path of a tag.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct InTag {
    /// The organization's name.
    namespace: String,
    /// The image's name, each `/` in it written as `$`.
    repository: String,
    /// The tag.
    tag: String,
}

impl InOrganization {
    /// The organisation.
    pub(crate) fn name(&self) -> Result<OrganizationName, Refused> {
        organization(&self.namespace)
    }
}

impl InRepository {
    /// The image.
    pub(crate) fn name(&self) -> Result<RepositoryName, Refused> {
        repository(&self.namespace, &self.repository)
    }
}

impl InTag {
    /// The image and the tag.
    pub(crate) fn names(&self) -> Result<(RepositoryName, Tag), Refused> {
        Ok((repository(&self.namespace, &self.repository)?, tag(&self.tag)?))
    }
}

/// An organisation's name, from a path or a body.
pub(crate) fn organization(name: &str) -> Result<OrganizationName, Refused> {
    name.parse()
        .map_err(|error: NameError| Refused::invalid("4001008", error.to_string()))
}

/// An image's name, from a path or a body.
pub(crate) fn repository(namespace: &str, image: &str) -> Result<RepositoryName, Refused> {
    let organization = organization(namespace)?;
    let image = image.replace('$', "/").parse();
    let image = image.map_err(|error: NameError| Refused::invalid("4001029", error.to_string()))?;
    Ok(RepositoryName::new(organization, image))
}

/// A tag, from a path or a body.
pub(crate) fn tag(tag: &str) -> Result<Tag, Refused> {
    tag.parse()
        .map_err(|error: NameError| Refused::invalid("4009021", error.to_string()))
}
