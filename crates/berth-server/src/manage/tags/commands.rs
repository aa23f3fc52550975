//! The commands that pull an image, for each client. Secrets are never in them, only the places where they go.

use serde::Serialize;
use utoipa::ToSchema;

use crate::origin::Origin;

/// What stands for a login.
const LOGIN: &str = "'<user>:<password>'";

/// How to pull the image. `<user>` and `<password>` stand for a login, which `create_secret` gives.
#[derive(Serialize, ToSchema)]
pub(in crate::manage) struct PullCommands {
    docker: String,
    podman: String,
    nerdctl: String,
    /// containerd's own client.
    ctr: String,
    crictl: String,
    /// A manifest of a Kubernetes secret that pods name under `imagePullSecrets`.
    kubernetes_secret: String,
}

impl PullCommands {
    /// The commands for what is at `path` of this server.
    pub(in crate::manage) fn of(origin: &Origin, path: &str) -> Self {
        // Most clients insist on TLS unless they are told.
        let plain = |option: &str| {
            if origin.url.starts_with("http://") {
                format!("{option} ")
            } else {
                String::new()
            }
        };
        let host = origin.host();
        Self {
            docker: format!("docker pull {path}"),
            podman: format!("podman pull {}{path}", plain("--tls-verify=false")),
            nerdctl: format!("nerdctl pull {}{path}", plain("--insecure-registry")),
            ctr: format!("ctr images pull {}--user {LOGIN} {path}", plain("--plain-http")),
            crictl: format!("crictl pull --creds {LOGIN} {path}"),
            kubernetes_secret: format!(
                "apiVersion: v1\n\
                 kind: Secret\n\
                 metadata:\n  name: berth-pull\n\
                 type: kubernetes.io/dockerconfigjson\n\
                 stringData:\n  .dockerconfigjson: |\n    \
                 {{\"auths\":{{\"{host}\":{{\"username\":\"<user>\",\"password\":\"<password>\"}}}}}}\n"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use super::PullCommands;
    use crate::origin::Origin;

    fn commands(url: &str) -> PullCommands {
        let origin = Origin {
            client: IpAddr::V4(Ipv4Addr::LOCALHOST),
            base: String::new(),
            url: url.to_owned(),
        };
        PullCommands::of(&origin, "hub.test/team/app:v1")
    }

    #[test]
    fn each_client_gets_its_command() {
        let commands = commands("https://hub.test");
        assert_eq!(commands.docker, "docker pull hub.test/team/app:v1");
        assert_eq!(commands.podman, "podman pull hub.test/team/app:v1");
        assert_eq!(commands.nerdctl, "nerdctl pull hub.test/team/app:v1");
        assert_eq!(
            commands.ctr,
            "ctr images pull --user '<user>:<password>' hub.test/team/app:v1"
        );
        assert_eq!(
            commands.crictl,
            "crictl pull --creds '<user>:<password>' hub.test/team/app:v1"
        );
        let secret = commands.kubernetes_secret;
        let (_, json) = secret.split_once(".dockerconfigjson: |\n    ").unwrap();
        let json: serde_json::Value = serde_json::from_str(json).unwrap();
        assert_eq!(json["auths"]["hub.test"]["username"], "<user>");
    }

    #[test]
    fn clients_are_told_that_there_is_no_tls() {
        let commands = commands("http://hub.test");
        assert_eq!(commands.docker, "docker pull hub.test/team/app:v1");
        assert_eq!(
            commands.podman,
            "podman pull --tls-verify=false hub.test/team/app:v1"
        );
        assert_eq!(
            commands.nerdctl,
            "nerdctl pull --insecure-registry hub.test/team/app:v1"
        );
        assert_eq!(
            commands.ctr,
            "ctr images pull --plain-http --user '<user>:<password>' hub.test/team/app:v1"
        );
    }
}
