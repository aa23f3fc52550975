//! People and programs of a cluster: namespaces, objects from YAML as `kubectl apply` takes them, tokens of service
//! accounts.

use serde_json::{Value, json};

use super::{ADMIN_TOKEN, Kubernetes};
use crate::client::Client;

impl Kubernetes {
    /// Makes a namespace.
    pub fn make_namespace(&self, name: &str) {
        let object = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
        self.post("/api/v1/namespaces", &object);
    }

    /// Runs `kubectl apply` on YAML, as the user who may do everything.
    pub fn apply(&self, yaml: &str) {
        let kubectl = Client::new("kubectl");
        let file = kubectl.home().write("objects.yaml", yaml);
        let (server, token) = (self.url(), format!("--token={ADMIN_TOKEN}"));
        let file = file.to_string_lossy().into_owned();
        kubectl.ok(&[
            "--kubeconfig=/dev/null",
            "--insecure-skip-tls-verify",
            "--server",
            &server,
            &token,
            "apply",
            "-f",
            &file,
        ]);
    }

    /// A token of a service account, as `kubectl create token` gives it.
    pub fn token_of(&self, namespace: &str, account: &str) -> String {
        let wanted = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest",
            "spec": {"expirationSeconds": 3600}});
        let path = format!("/api/v1/namespaces/{namespace}/serviceaccounts/{account}/token");
        let made = self.ask("POST", &path, Some(&wanted));
        let token = made["status"]["token"].as_str();
        token.unwrap_or_else(|| panic!("no token in {made}")).to_owned()
    }

    /// Does something with the API as the user who may do everything: `PATCH` is a merge patch.
    pub fn does(&self, method: &str, path: &str, body: &Value) -> Value {
        self.ask(method, path, Some(body).filter(|body| !body.is_null()))
    }
}
