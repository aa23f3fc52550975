//! What can go wrong with a cluster, as sentences for whoever registered it. Holds no secret.

/// Characters of what a cluster said that are repeated.
const SAID_LENGTH_MAX: usize = 500;

/// Why something could not be done in a cluster. The text is a sentence for people.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum KubernetesError {
    /// The server cannot be reached, is not trusted or does not answer in time; worth another try later.
    #[error("the cluster's server cannot be reached: {0}")]
    Unreachable(String),
    /// The server has too much to do, or is broken inside; worth another try later.
    #[error("the cluster is busy or broken: {0}")]
    Busy(String),
    /// The login is not accepted.
    #[error(
        "the cluster does not accept the login (401): it has ended, was revoked or is another cluster's; register the \
         cluster with a new token"
    )]
    SignedOut,
    /// The login may not do this.
    #[error("the login may not do this: {0}; `berth cluster manifest` writes the rights that are needed")]
    Forbidden(String),
    /// What was to be changed is not there.
    #[error("it is not there: {0}")]
    Missing(String),
    /// Somebody else changed it in between, again and again; worth another try later.
    #[error("somebody else changed it at the same time: {0}")]
    Changed(String),
    /// It cannot be done as wanted.
    #[error("{0}")]
    Refused(String),
}

impl KubernetesError {
    /// Whether the same may succeed later without anybody doing anything.
    pub(crate) fn is_worth_another_try(&self) -> bool {
        matches!(self, Self::Unreachable(_) | Self::Busy(_) | Self::Changed(_))
    }
}

impl From<kube::Error> for KubernetesError {
    fn from(error: kube::Error) -> Self {
        match error {
            kube::Error::Api(status) => answered(status.code, &status.message),
            kube::Error::Service(source) => match source.downcast::<Self>() {
                Ok(known) => *known,
                Err(other) => Self::Unreachable(said(&other.to_string())),
            },
            kube::Error::SerdeError(_) => Self::Refused(
                "the server does not answer as Kubernetes does: is the address that of a cluster's API server?".to_owned(),
            ),
            other => Self::Refused(said(&other.to_string())),
        }
    }
}

fn answered(code: u16, message: &str) -> KubernetesError {
    let message = said(message);
    match code {
        401 => KubernetesError::SignedOut,
        403 => KubernetesError::Forbidden(message),
        404 => KubernetesError::Missing(message),
        409 => KubernetesError::Changed(message),
        429 | 500.. => KubernetesError::Busy(format!("{message} ({code})")),
        _ => KubernetesError::Refused(format!("the cluster refuses it: {message} ({code})")),
    }
}

/// A name that a cluster told, without control characters and of that many characters at most.
pub(super) fn bounded(text: &str, max: usize) -> String {
    text.chars().filter(|c| !c.is_control()).take(max).collect()
}

/// What a cluster said, in one line that is not too long.
pub(super) fn said(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    let line: String = words.join(" ").chars().filter(|c| !c.is_control()).collect();
    match line.char_indices().nth(SAID_LENGTH_MAX) {
        Some((end, _)) => format!("{}...", &line[..end]),
        None => line,
    }
}
