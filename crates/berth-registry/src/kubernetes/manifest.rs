//! The Kubernetes objects that give Berth a service account with the rights it needs and no others.

use std::fmt::Write as _;

use super::check::RIGHTS;

/// The name of every object.
const NAME: &str = "berth";

/// The objects as YAML, for `kubectl apply`: a service account in `home`, its token, and its rights in the namespaces, or
/// in the whole cluster when there are none. Names are checked by the caller.
pub(crate) fn manifest(home: &str, namespaces: &[String]) -> String {
    let mut text = format!(
        "# What Berth needs to roll images out and to see which ones run{}.\n\
         apiVersion: v1\nkind: ServiceAccount\nmetadata:\n  name: {NAME}\n  namespace: {home}\n\
         ---\n\
         # The cluster writes the token into it.\n\
         apiVersion: v1\nkind: Secret\ntype: kubernetes.io/service-account-token\nmetadata:\n  name: {NAME}\n  \
         namespace: {home}\n  annotations:\n    kubernetes.io/service-account.name: {NAME}\n",
        if namespaces.is_empty() {
            ", in all namespaces"
        } else {
            ""
        }
    );
    if namespaces.is_empty() {
        role(&mut text, "ClusterRole", None);
        binding(&mut text, "ClusterRole", home, None);
    }
    for namespace in namespaces {
        role(&mut text, "Role", Some(namespace));
        binding(&mut text, "Role", home, Some(namespace));
    }
    text
}

fn head(text: &mut String, kind: &str, namespace: Option<&str>) {
    let _ = write!(
        text,
        "---\napiVersion: rbac.authorization.k8s.io/v1\nkind: {kind}\nmetadata:\n  name: {NAME}\n"
    );
    if let Some(namespace) = namespace {
        let _ = writeln!(text, "  namespace: {namespace}");
    }
}

fn role(text: &mut String, kind: &str, namespace: Option<&str>) {
    head(text, kind, namespace);
    text.push_str("rules:\n");
    for (group, resource, verbs) in RIGHTS {
        let verbs = verbs.join(", ");
        let _ = write!(
            text,
            "  - apiGroups: [\"{group}\"]\n    resources: [{resource}]\n    verbs: [{verbs}]\n"
        );
    }
}

fn binding(text: &mut String, kind: &str, home: &str, namespace: Option<&str>) {
    head(text, &format!("{kind}Binding"), namespace);
    let _ = write!(
        text,
        "roleRef:\n  apiGroup: rbac.authorization.k8s.io\n  kind: {kind}\n  name: {NAME}\n\
         subjects:\n  - kind: ServiceAccount\n    name: {NAME}\n    namespace: {home}\n"
    );
}
