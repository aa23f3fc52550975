//! What the console must know before anybody signed in, and the limits that its forms show.

use axum::Json;
use axum::extract::State;
use berth_registry::{CATEGORIES, DESCRIPTION_CHARS_MAX};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::call::{Call, Open};
use super::error::Refused;
use crate::config;
use crate::state::AppState;

/// The languages that the console has.
const LANGUAGES: [&str; 2] = ["en", "zh"];

pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(show)).routes(routes!(list))
}

/// What the console must know of this registry.
#[derive(Serialize, ToSchema)]
struct ConsoleSettings {
    /// The version of the server.
    version: &'static str,
    /// The region's name, which is its project's too.
    region: String,
    /// The registry's address as clients name it, with its port.
    registry: String,
    /// Whether public images are shown, and may be pulled, without a login.
    public_images_without_login: bool,
    /// What the console speaks.
    languages: &'static [&'static str],
    /// What an image can be filed under.
    categories: &'static [&'static str],
    limits: ConsoleLimits,
}

/// What forms say beside their fields.
#[derive(Serialize, ToSchema)]
struct ConsoleLimits {
    /// Characters of an organization's name.
    organization_name_max: usize,
    /// Characters of an image's name.
    image_name_max: usize,
    /// Characters of a tag.
    tag_max: usize,
    /// Characters of an image's description.
    description_max: usize,
    /// Organizations that one user may create, unless the account has a quota of its own.
    organizations_per_user: u32,
    /// Layers of one image.
    layers_max: usize,
    /// Bytes of one layer.
    layer_bytes_max: u64,
    /// Seconds that what was deleted can be restored; 0 when it is gone at once.
    bin_seconds: u64,
    /// Rows of one page of a list.
    page_max: i64,
}

/// Show what the console must know
///
/// For everybody: nothing here is secret, and who is about to sign in needs it.
#[utoipa::path(get, path = "/v2/manage/console-settings", operation_id = "show_console_settings", tag = "sessions",
    security(()), extensions(("x-berth-extension" = json!(true))),
    responses((status = 200, body = ConsoleSettings)))]
async fn show(State(app): State<AppState>, request: Open) -> Result<Json<ConsoleSettings>, Refused> {
    let limits = app.registry.limits();
    Ok(Json(ConsoleSettings {
        version: env!("CARGO_PKG_VERSION"),
        region: app.settings.region.0.clone(),
        registry: request.origin.host().to_owned(),
        public_images_without_login: limits.anonymous_pulls,
        languages: &LANGUAGES,
        categories: &CATEGORIES,
        limits: ConsoleLimits {
            organization_name_max: berth_oci::name::ORGANIZATION_LENGTH_MAX,
            image_name_max: berth_oci::name::IMAGE_LENGTH_MAX,
            tag_max: berth_oci::name::TAG_LENGTH_MAX,
            description_max: DESCRIPTION_CHARS_MAX,
            organizations_per_user: limits.organizations_per_user,
            layers_max: limits.layers_max,
            layer_bytes_max: limits.blob_bytes_max,
            bin_seconds: limits.bin_ttl.as_secs(),
            page_max: super::listing::LIMIT_MAX,
        },
    }))
}

/// The settings of the server.
#[derive(Serialize, ToSchema)]
struct ServerSettings {
    settings: Vec<ServerSetting>,
}

/// A setting.
#[derive(Serialize, ToSchema)]
struct ServerSetting {
    /// Its key in berth.toml.
    key: &'static str,
    /// Its value in force; null when nothing is set, and for what is secret.
    value: Option<String>,
    /// Its default; empty when there is none.
    default: &'static str,
    /// What it does.
    help: &'static str,
}

/// List the settings of the server
///
/// As they are in force, without what is secret. For the administrators of the operator's account, which is that of the
/// first start.
#[utoipa::path(get, path = "/v2/manage/settings", operation_id = "list_settings", tag = "maintenance",
    extensions(("x-berth-extension" = json!(true))), responses((status = 200, body = ServerSettings)))]
async fn list(State(app): State<AppState>, call: Call) -> Result<Json<ServerSettings>, Refused> {
    app.registry.require_operating_account(&call.caller).await?;
    let rows = config::in_force(&app.settings).into_iter();
    let setting = |row: config::InForce| ServerSetting {
        key: row.key,
        value: row.value,
        default: row.default,
        help: row.help,
    };
    Ok(Json(ServerSettings {
        settings: rows.map(setting).collect(),
    }))
}
