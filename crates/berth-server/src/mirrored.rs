//! What a name means to a client that takes this server for a mirror: which registry it means, by the `ns` of its address,
//! by the host that it asks, or by a name that begins with no organization of ours, and which organization of ours stands
//! for that registry. Knows no right, and nothing of how a mirror fetches.

use berth_oci::endpoint::namespace;
use berth_oci::{Endpoint, EndpointError, OrganizationName, Resource, Scope, ScopeAction};
use berth_registry::Error;
use http::request::Parts;

use crate::config::Settings;
use crate::origin::Origin;
use crate::state::AppState;

/// Docker Hub's name in image references, and the hosts that some clients call it by.
const DOCKER_HUB: &str = "docker.io";
const DOCKER_HUB_HOSTS: [&str; 2] = ["registry-1.docker.io", "index.docker.io"];

/// A request of the distribution API, with the name that the repository has here.
pub(crate) struct Wanted {
    /// What is wanted.
    pub(crate) endpoint: Endpoint,
    /// How the client came to the name.
    pub(crate) named: Named,
}

/// How a client came to a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Named {
    /// It is ours.
    Here,
    /// It is another registry's, whose client has others to ask; with the `ns` that it sent.
    Elsewhere(Option<String>),
}

/// Why a request is not answered.
pub(crate) enum Unread {
    /// It is none of the API's.
    Endpoint(EndpointError),
    /// No organization stands for the registry that it means.
    RegistryUnknown(String),
    /// It is more than a pull of what another registry has.
    PullsOnly,
    /// It could not be found out.
    Failed(Error),
}

impl From<EndpointError> for Unread {
    fn from(error: EndpointError) -> Self {
        Self::Endpoint(error)
    }
}

impl Wanted {
    /// Reads a request.
    pub(crate) async fn read(app: &AppState, parts: &Parts) -> Result<Self, Unread> {
        let query = parts.uri.query();
        let named = query.filter(|query| query.contains("ns=")).and_then(namespace);
        if let Some(registry) = named.filter(|registry| !is_own(registry, parts, &app.settings)) {
            return Box::pin(of_registry(app, parts, registry)).await;
        }
        if let Some(organization) = of_host(parts, &app.settings) {
            return elsewhere(parts, organization, None);
        }
        let read = Endpoint::parse(&parts.method, parts.uri.path(), query);
        if let Some(organization) = &app.settings.mirror.bare_names.0
            && is_bare(app, &read).await?
        {
            return elsewhere(parts, organization, None);
        }
        Ok(Self {
            endpoint: read?,
            named: Named::Here,
        })
    }
}

/// The scopes that a client asks a token for, with the names that their repositories have here. What is no scope is left
/// out: the request that needs it says what is wrong with its name.
pub(crate) async fn scopes(app: &AppState, parts: &Parts, texts: Vec<String>) -> Result<Vec<Scope>, Error> {
    let mut scopes = Vec::new();
    for text in texts {
        let read = Scope::parse(&text).ok();
        let organization = match of_host(parts, &app.settings) {
            Some(organization) => Some(organization),
            None => match &app.settings.mirror.bare_names.0 {
                Some(organization) if !has_organization(app, read.as_ref()).await? => Some(organization),
                _ => None,
            },
        };
        match organization {
            Some(organization) => scopes.extend(scope_in(organization, &text)),
            None => scopes.extend(read),
        }
    }
    Ok(scopes)
}

/// What may be pulled of a repository that is named as another registry names it.
fn scope_in(organization: &OrganizationName, text: &str) -> Option<Scope> {
    let Some(rest) = text.strip_prefix("repository:") else {
        return Scope::parse(text).ok();
    };
    let mut scope = Scope::parse(&format!("repository:{organization}/{rest}")).ok()?;
    scope.actions.retain(|action| *action == ScopeAction::Pull);
    Some(scope)
}

async fn has_organization(app: &AppState, scope: Option<&Scope>) -> Result<bool, Error> {
    match scope.map(|scope| &scope.resource) {
        Some(Resource::Repository(name)) => app.registry.has_organization(name.organization()).await,
        Some(Resource::Catalog) => Ok(true),
        None => Ok(false),
    }
}

/// The organization that the host of a request stands for.
pub(crate) fn of_host<'a>(parts: &Parts, settings: &'a Settings) -> Option<&'a OrganizationName> {
    if settings.mirror.hosts.is_empty() {
        return None;
    }
    settings.mirror.hosts.find(Origin::asked_host(parts, settings)?)
}

/// Whether a registry that a client names is this one.
fn is_own(registry: &str, parts: &Parts, settings: &Settings) -> bool {
    let is = |host: &str| host.eq_ignore_ascii_case(registry);
    let external = settings.external_url.0.as_deref();
    let external = external.and_then(|url| Some(url.split_once("://")?.1));
    Origin::asked_host(parts, settings).is_some_and(is)
        || external.is_some_and(is)
        || settings.image_hosts.0.iter().any(|host| is(host))
}

/// A request that names its registry. Its path is that registry's, or begins with the organization that stands for it, as
/// containerd makes it of `override_path`. Names at Docker Hub have two parts, so one of three can only be ours.
async fn of_registry(app: &AppState, parts: &Parts, registry: String) -> Result<Wanted, Unread> {
    let mut name = registry.to_ascii_lowercase();
    if DOCKER_HUB_HOSTS.contains(&name.as_str()) {
        DOCKER_HUB.clone_into(&mut name);
    }
    let organization = stand_in(app, &name).await.map_err(Unread::Failed)?;
    let read = Endpoint::parse(&parts.method, parts.uri.path(), parts.uri.query());
    if let Ok(endpoint) = &read
        && let Some(repository) = endpoint.repository()
        && (organization.as_ref() == Some(repository.organization())
            || name == DOCKER_HUB && repository.image().contains('/'))
    {
        return pull(read, Some(registry));
    }
    match organization {
        Some(organization) => elsewhere(parts, &organization, Some(registry)),
        None => Err(Unread::RegistryUnknown(registry)),
    }
}

/// The organization that stands for a registry: as the settings say, else by the mirrors that there are.
async fn stand_in(app: &AppState, registry: &str) -> Result<Option<OrganizationName>, Error> {
    if let Some(organization) = app.settings.mirror.registries.find(registry) {
        return Ok(Some(organization.clone()));
    }
    let found = app.registry.stand_in(registry).await?;
    Ok(found.and_then(|name| name.parse().ok()))
}

/// Whether it is a pull of a name that begins with no organization of ours. One that is ours is always meant, whoever may
/// see it: else somebody who forgot to log in would get what a stranger keeps under the same name elsewhere.
async fn is_bare(app: &AppState, read: &Result<Endpoint, EndpointError>) -> Result<bool, Unread> {
    match read {
        Ok(endpoint) if endpoint.is_pull() => match endpoint.repository() {
            Some(name) => {
                let exists = app.registry.has_organization(name.organization()).await;
                Ok(!exists.map_err(Unread::Failed)?)
            }
            None => Ok(false),
        },
        Err(EndpointError::Name(_)) => Ok(true),
        _ => Ok(false),
    }
}

fn elsewhere(
    parts: &Parts,
    organization: &OrganizationName,
    registry: Option<String>,
) -> Result<Wanted, Unread> {
    let (method, path, query) = (&parts.method, parts.uri.path(), parts.uri.query());
    pull(Endpoint::parse_in(organization, method, path, query), registry)
}

fn pull(read: Result<Endpoint, EndpointError>, registry: Option<String>) -> Result<Wanted, Unread> {
    let endpoint = read?;
    match &endpoint {
        Endpoint::Ping | Endpoint::SwarmKey | Endpoint::SwarmNodes => Ok(Wanted {
            endpoint,
            named: Named::Here,
        }),
        _ if endpoint.is_pull() => Ok(Wanted {
            endpoint,
            named: Named::Elsewhere(registry),
        }),
        _ => Err(Unread::PullsOnly),
    }
}
