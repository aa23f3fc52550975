//! A real Kubernetes API server with its etcd, without any controller: what a controller would say about a rollout, the
//! test says in its place. Ends with the value.

mod accounts;

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::client::{Client, curl};
use crate::daemon::Daemon;
use crate::home::Home;
use crate::server::free_port;

/// The bearer token of a user who may do everything.
pub const ADMIN_TOKEN: &str = "token-of-the-admin";
/// The bearer token of the user `berth`, who may do nothing until [`Kubernetes::allow`] says otherwise.
pub const BERTH_TOKEN: &str = "token-of-berth";

/// A cluster.
#[derive(Debug)]
pub struct Kubernetes {
    server: Daemon,
    _etcd: Daemon,
    curl: Client,
    port: u16,
    etcd_port: u16,
    home: Home,
}

impl Kubernetes {
    /// Starts an empty cluster and waits until it answers. The first test of a machine that starts one builds the server.
    pub fn start() -> Self {
        let home = Home::new("kubernetes");
        let (port, etcd_port, peer_port) = (free_port(), free_port(), free_port());
        let url = |port: u16| format!("http://127.0.0.1:{port}");
        let mut command = Command::new("etcd");
        command
            .arg("--data-dir")
            .arg(home.join("etcd"))
            .args([
                "--listen-client-urls",
                &url(etcd_port),
                "--advertise-client-urls",
                &url(etcd_port),
            ])
            .args([
                "--listen-peer-urls",
                &url(peer_port),
                "--initial-advertise-peer-urls",
                &url(peer_port),
            ])
            .args(["--initial-cluster", &format!("default={}", url(peer_port))]);
        let mut etcd = Daemon::spawn("etcd", &mut command, &home.join("etcd.log"));
        let curl = curl();
        etcd.wait_until(|| {
            curl.run(&["--fail", &format!("{}/health", url(etcd_port))])
                .success
        });

        home.write(
            "tokens.csv",
            format!("{ADMIN_TOKEN},admin,1,\"system:masters\"\n{BERTH_TOKEN},berth,2\n"),
        );
        let key = home.join("service-accounts.key");
        Client::new("openssl").ok(&["genrsa", "-out", &key.to_string_lossy(), "2048"]);
        let server = spawn(&home, port, etcd_port);
        let mut cluster = Self {
            server,
            _etcd: etcd,
            curl,
            port,
            etcd_port,
            home,
        };
        cluster.await_ready();
        cluster
    }

    /// The address of the API server.
    pub fn url(&self) -> String {
        format!("https://127.0.0.1:{}", self.port)
    }

    /// The certificates that it is trusted by, in PEM.
    pub fn authority(&self) -> String {
        let file = self.home.join("certificates/apiserver.crt");
        std::fs::read_to_string(file).expect("the API server makes its certificate")
    }

    /// Kills the API server and waits for its end; what it holds stays.
    pub fn kill(&mut self) {
        self.server.kill();
    }

    /// Starts a killed API server again.
    pub fn start_again(&mut self) {
        self.server = spawn(&self.home, self.port, self.etcd_port);
        self.await_ready();
    }

    fn await_ready(&mut self) {
        let (curl, target) = (&self.curl, format!("{}/api/v1/namespaces/default", self.url()));
        let header = format!("Authorization: Bearer {ADMIN_TOKEN}");
        self.server.wait_until(|| {
            curl.run(&["--insecure", "--fail", "-H", &header, &target])
                .success
        });
    }

    /// Lets the user `berth` do this with such objects in the whole cluster.
    pub fn allow(&self, group: &str, resources: &[&str], verbs: &[&str]) {
        let name = format!("berth-{}{}", group, resources.join("-"));
        let role = json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": name},
            "rules": [{"apiGroups": [group], "resources": resources, "verbs": verbs}],
        });
        let binding = json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding", "metadata": {"name": name},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": name},
            "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "berth"}],
        });
        let rbac = "/apis/rbac.authorization.k8s.io/v1";
        self.post(&format!("{rbac}/clusterroles"), &role);
        self.post(&format!("{rbac}/clusterrolebindings"), &binding);
    }

    /// Lets everybody read who signs its service accounts' tokens, as clusters do whose workloads sign in elsewhere.
    pub fn publish_its_issuer(&self) {
        let name = "issuer-for-everybody";
        let binding = json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding", "metadata": {"name": name},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole",
                "name": "system:service-account-issuer-discovery"},
            "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": "system:unauthenticated"}],
        });
        self.post("/apis/rbac.authorization.k8s.io/v1/clusterrolebindings", &binding);
    }

    /// A token of a service account of the namespace `default`, made when it is not there, for an audience.
    pub fn service_account_token(&self, name: &str, audience: &str) -> String {
        let accounts = "/api/v1/namespaces/default/serviceaccounts";
        let there = self.ask("GET", accounts, None);
        let is_there = there["items"]
            .as_array()
            .is_some_and(|all| all.iter().any(|one| one["metadata"]["name"] == name));
        if !is_there {
            self.post(
                accounts,
                &json!({ "apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name} }),
            );
        }
        let wanted = json!({
            "apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"audiences": [audience]},
        });
        let made = self.ask("POST", &format!("{accounts}/{name}/token"), Some(&wanted));
        made["status"]["token"]
            .as_str()
            .expect("the API server makes tokens")
            .to_owned()
    }

    /// The rights of the manifest that Berth writes.
    pub fn allow_all_that_berth_needs(&self) {
        let verbs = ["get", "list", "patch"];
        self.allow("apps", &["deployments", "statefulsets", "daemonsets"], &verbs);
        self.allow("batch", &["cronjobs"], &verbs);
        self.allow("batch", &["jobs"], &["list"]);
        self.allow("", &["pods"], &["list"]);
    }

    /// Makes a workload with one container in the namespace `default`. `plural` is `deployments` and the like.
    pub fn make_workload(&self, plural: &str, name: &str, image: &str) {
        let kind = match plural {
            "deployments" => "Deployment",
            "statefulsets" => "StatefulSet",
            "daemonsets" => "DaemonSet",
            "cronjobs" => "CronJob",
            other => panic!("no kind of workload: {other}"),
        };
        let labels = json!({"app": name});
        let containers = json!([{"name": "main", "image": image}]);
        let template = json!({"metadata": {"labels": labels}, "spec": {"containers": containers}});
        let spec = match plural {
            "cronjobs" => json!({"schedule": "0 0 1 1 *", "jobTemplate": {"spec": {"template": {"spec":
                {"containers": containers, "restartPolicy": "Never"}}}}}),
            "statefulsets" => {
                json!({"serviceName": name, "selector": {"matchLabels": labels}, "template": template})
            }
            _ => json!({"selector": {"matchLabels": labels}, "template": template}),
        };
        let (version, folder) = place(plural);
        let object = json!({"apiVersion": version, "kind": kind, "metadata": {"name": name}, "spec": spec});
        self.post(folder, &object);
    }

    /// A workload of the namespace `default` as it is.
    pub fn workload(&self, plural: &str, name: &str) -> Value {
        self.ask("GET", &format!("{}/{name}", place(plural).1), None)
    }

    /// The image of a workload's only container.
    pub fn image(&self, plural: &str, name: &str) -> String {
        let object = self.workload(plural, name);
        let at = match plural {
            "cronjobs" => "/spec/jobTemplate/spec/template/spec/containers/0/image",
            _ => "/spec/template/spec/containers/0/image",
        };
        let image = object.pointer(at).and_then(Value::as_str);
        image.unwrap_or_else(|| panic!("no image in {object}")).to_owned()
    }

    /// Sets the image of a workload's only container, as somebody else would.
    pub fn set_image(&self, plural: &str, name: &str, image: &str) {
        let path = format!("{}/{name}", place(plural).1);
        let containers = json!([{"name": "main", "image": image}]);
        let spec = json!({"template": {"spec": {"containers": containers}}});
        self.ask("PATCH", &path, Some(&json!({ "spec": spec })));
    }

    /// Says in its controller's place that the rollout of a workload is complete.
    pub fn complete(&self, plural: &str, name: &str) {
        let generation = self.workload(plural, name)["metadata"]["generation"].clone();
        let status = match plural {
            "deployments" => json!({"observedGeneration": generation, "replicas": 1, "updatedReplicas": 1,
                "readyReplicas": 1, "availableReplicas": 1, "conditions": []}),
            "statefulsets" => json!({"observedGeneration": generation, "replicas": 1, "readyReplicas": 1,
                "currentReplicas": 1, "updatedReplicas": 1, "currentRevision": "r", "updateRevision": "r"}),
            "daemonsets" => json!({"observedGeneration": generation, "desiredNumberScheduled": 1,
                "currentNumberScheduled": 1, "numberMisscheduled": 0, "numberReady": 1,
                "updatedNumberScheduled": 1, "numberAvailable": 1}),
            other => panic!("{other} have no rollout"),
        };
        self.say(plural, name, &status);
    }

    /// Says in its controller's place that a Deployment makes no progress, and why.
    pub fn give_up(&self, name: &str, why: &str) {
        let generation = self.workload("deployments", name)["metadata"]["generation"].clone();
        let status = json!({"observedGeneration": generation, "replicas": 2, "updatedReplicas": 1,
            "conditions": [{"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded",
                "message": why}]});
        self.say("deployments", name, &status);
    }

    fn say(&self, plural: &str, name: &str, status: &Value) {
        let path = format!("{}/{name}/status", place(plural).1);
        self.ask("PATCH", &path, Some(&json!({ "status": status })));
    }

    /// Has the API server look at an object as if it were made in the namespace `default`; panics when it is refused.
    pub fn would_take(&self, object: &Value) {
        let kind = object["kind"].as_str().expect("an object has a kind");
        // The one version of disruption budgets that this server knows has the same fields as the one after it.
        let version = match object["apiVersion"].as_str().expect("an object has a version") {
            "policy/v1" => "policy/v1beta1",
            version => version,
        };
        let mut object = object.clone();
        object["apiVersion"] = version.into();
        let api = if version.contains('/') { "apis" } else { "api" };
        let plural = match kind {
            "Ingress" => "ingresses".to_owned(),
            "NetworkPolicy" => "networkpolicies".to_owned(),
            kind => format!("{}s", kind.to_lowercase()),
        };
        self.post(
            &format!("/{api}/{version}/namespaces/default/{plural}?dryRun=All"),
            &object,
        );
    }

    fn post(&self, path: &str, object: &Value) {
        self.ask("POST", path, Some(object));
    }

    /// Asks as the user who may do everything; panics when it is refused.
    fn ask(&self, method: &str, path: &str, body: Option<&Value>) -> Value {
        let authorization = format!("Authorization: Bearer {ADMIN_TOKEN}");
        let url = format!("{}{path}", self.url());
        let mut arguments = vec![
            "--http1.1",
            "--insecure",
            "--fail-with-body",
            "-X",
            method,
            "-H",
            &authorization,
        ];
        let text = body.map(Value::to_string).unwrap_or_default();
        let content = match method {
            "PATCH" => "Content-Type: application/merge-patch+json",
            _ => "Content-Type: application/json",
        };
        if body.is_some() {
            arguments.extend(["-H", content, "--data-binary", &text]);
        }
        arguments.push(&url);
        let said = self.curl.ok(&arguments);
        serde_json::from_str(&said).unwrap_or_else(|_| panic!("the API server answers {said}"))
    }
}

/// The version and the path of a kind of workload in the namespace `default`.
fn place(plural: &str) -> (&'static str, &'static str) {
    match plural {
        "deployments" => ("apps/v1", "/apis/apps/v1/namespaces/default/deployments"),
        "statefulsets" => ("apps/v1", "/apis/apps/v1/namespaces/default/statefulsets"),
        "daemonsets" => ("apps/v1", "/apis/apps/v1/namespaces/default/daemonsets"),
        _ => ("batch/v1beta1", "/apis/batch/v1beta1/namespaces/default/cronjobs"),
    }
}

fn spawn(home: &Home, port: u16, etcd_port: u16) -> Daemon {
    let mut command = Command::new(program());
    let key = home.join("service-accounts.key");
    command
        .arg(format!("--etcd-servers=http://127.0.0.1:{etcd_port}"))
        .args([
            "--bind-address=127.0.0.1",
            "--advertise-address=127.0.0.1",
            "--insecure-port=0",
        ])
        .arg(format!("--secure-port={port}"))
        .arg(format!("--cert-dir={}", home.join("certificates").display()))
        .arg(format!("--token-auth-file={}", home.join("tokens.csv").display()))
        .args(["--authorization-mode=RBAC"])
        .arg(format!("--service-account-issuer=https://127.0.0.1:{port}"))
        .arg(format!("--service-account-key-file={}", key.display()))
        .arg(format!("--service-account-signing-key-file={}", key.display()))
        .args([
            "--service-cluster-ip-range=10.96.0.0/24",
            "--disable-admission-plugins=ServiceAccount",
        ]);
    Daemon::spawn("kube-apiserver", &mut command, &home.join("kube-apiserver.log"))
}

fn program() -> String {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts/build-kube-apiserver");
    let output = Command::new(script).output().expect("the script can be run");
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "no API server: {complaint}");
    let said = String::from_utf8_lossy(&output.stdout);
    said.lines()
        .last()
        .expect("the script says where it is")
        .to_owned()
}
