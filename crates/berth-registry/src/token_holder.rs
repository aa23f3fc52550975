//! Whom a token stands for, as it is kept while no right is written. Knows neither how that is found out nor how it is kept.

use crate::access::Caller;

/// Whom a token stands for, and until when.
#[derive(Clone, Debug)]
pub(crate) struct TokenHolder {
    /// Whom.
    pub(crate) caller: Caller,
    /// The end of the token, milliseconds since the epoch.
    pub(crate) expires_at: i64,
    /// The end of the login behind it.
    pub(crate) until: i64,
}

impl TokenHolder {
    /// Roughly what it takes in memory beside itself.
    pub(crate) fn memory_bytes(&self) -> usize {
        const PER_SCOPE: usize = 300;
        const PER_USER: usize = 500;
        match &self.caller {
            Caller::User(user) => {
                PER_USER + PER_SCOPE * user.scopes.as_ref().map_or(0, |scopes| scopes.len())
            }
            Caller::Anonymous | Caller::System => 0,
        }
    }
}
