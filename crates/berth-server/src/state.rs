//! What handlers share. Knows no route.

use std::sync::Arc;

use berth_registry::Registry;

use crate::config::Settings;

/// What every handler can reach.
#[derive(Clone)]
pub(crate) struct AppState {
    /// What the handlers ask.
    pub(crate) registry: Arc<Registry>,
    /// The settings of this process.
    pub(crate) settings: Arc<Settings>,
}
