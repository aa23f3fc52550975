//! What handlers share. Knows no route.

use std::sync::Arc;

use crate::config::Settings;

/// What every handler can reach.
#[derive(Debug, Clone)]
pub(crate) struct AppState {
    /// The settings of this process.
    pub(crate) settings: Arc<Settings>,
}
