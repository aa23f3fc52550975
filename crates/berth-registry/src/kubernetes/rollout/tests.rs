//! The status of workloads, and what is made of it.

use serde_json::{Value, json};

use super::*;

fn check(kind: WorkloadKind, spec: &Value, status: &Value, expected: &str) {
    let object = json!({
        "apiVersion": "apps/v1", "kind": kind.name(), "metadata": {"name": "web", "generation": 3},
        "spec": spec, "status": status,
    });
    let object: DynamicObject = serde_json::from_value(object).unwrap();
    let found = match judged(kind, &object).unwrap() {
        Rollout::Running(what) => format!("running: {what}"),
        Rollout::Done(what) => format!("done: {what}"),
        Rollout::Failed(why) => format!("failed: {why}"),
        Rollout::Overtaken(how) => format!("overtaken: {how}"),
    };
    assert!(found.starts_with(expected), "{spec} {status}: {found}");
}

fn with(extra: &Value) -> Value {
    let mut spec = json!({
        "selector": {}, "serviceName": "web",
        "template": {"spec": {"containers": [{"name": "web", "image": "a"}]}},
    });
    for (key, value) in extra.as_object().unwrap() {
        spec[key] = value.clone();
    }
    spec
}

#[test]
fn a_deployment_is_rolled_out_as_kubectl_says() {
    let kind = WorkloadKind::Deployment;
    let three = with(&json!({"replicas": 3}));
    let status = |updated: i32, all: i32, available: i32| json!({"observedGeneration": 3, "updatedReplicas": updated, "replicas": all, "availableReplicas": available});
    check(
        kind,
        &three,
        &json!({}),
        "running: the cluster has not taken note",
    );
    check(
        kind,
        &three,
        &json!({"observedGeneration": 2, "updatedReplicas": 3, "replicas": 3, "availableReplicas": 3}),
        "running: the cluster has not taken note",
    );
    check(kind, &three, &status(1, 4, 3), "running: 1 of 3 pods are new");
    check(kind, &three, &status(3, 5, 3), "running: 2 old pods");
    check(
        kind,
        &three,
        &status(3, 3, 2),
        "running: 2 of 3 new pods are available",
    );
    check(kind, &three, &status(3, 3, 3), "done: 3 pods");
    check(
        kind,
        &with(&json!({"replicas": 0})),
        &status(0, 0, 0),
        "done: 0 pods",
    );
    check(
        kind,
        &with(&json!({"replicas": 1, "paused": true})),
        &status(0, 1, 1),
        "running: the Deployment is paused",
    );
    let mut late = status(1, 4, 3);
    late["conditions"] = json!([{"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded",
        "message": "ReplicaSet \"web-1\" has timed out progressing."}]);
    check(
        kind,
        &three,
        &late,
        "failed: ProgressDeadlineExceeded: ReplicaSet",
    );
    // What was said of the change before does not count for this one.
    late["observedGeneration"] = json!(2);
    check(kind, &three, &late, "running: the cluster has not taken note");
    let mut refused = status(1, 4, 3);
    refused["conditions"] =
        json!([{"type": "ReplicaFailure", "status": "True", "message": "exceeded quota: pods"}]);
    check(
        kind,
        &three,
        &refused,
        "running: 1 of 3 pods are new; exceeded quota",
    );
}

#[test]
fn a_stateful_set_is_rolled_out_as_kubectl_says() {
    let kind = WorkloadKind::StatefulSet;
    let three = with(&json!({"replicas": 3, "updateStrategy": {"type": "RollingUpdate"}}));
    let status = |ready: i32, updated: i32, revision: &str| {
        json!({"observedGeneration": 3, "replicas": 3, "readyReplicas": ready, "updatedReplicas": updated,
            "currentReplicas": 3 - updated, "currentRevision": "a", "updateRevision": revision})
    };
    check(
        kind,
        &three,
        &json!({"replicas": 0}),
        "running: the cluster has not taken note",
    );
    check(kind, &three, &status(2, 1, "b"), "running: 2 of 3 pods are ready");
    check(kind, &three, &status(3, 1, "b"), "running: 1 of 3 pods are new");
    check(kind, &three, &status(3, 0, "a"), "done: 3 pods");
    check(
        kind,
        &with(&json!({"updateStrategy": {"type": "OnDelete"}})),
        &json!({"replicas": 0}),
        "done: set; each pod",
    );
    let part = with(
        &json!({"replicas": 3, "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 1}}}),
    );
    check(
        kind,
        &part,
        &status(3, 1, "b"),
        "running: 1 of 2 pods of the partition",
    );
    check(
        kind,
        &part,
        &status(3, 2, "b"),
        "done: 2 pods run the new image, those below partition 1",
    );
}

#[test]
fn a_daemon_set_is_rolled_out_as_kubectl_says() {
    let kind = WorkloadKind::DaemonSet;
    let spec = with(&json!({"updateStrategy": {"type": "RollingUpdate"}}));
    let status = |observed: i32, updated: i32, available: i32| {
        json!({"observedGeneration": observed, "desiredNumberScheduled": 2, "updatedNumberScheduled": updated,
            "numberAvailable": available, "currentNumberScheduled": 2, "numberMisscheduled": 0, "numberReady": 2})
    };
    check(
        kind,
        &spec,
        &status(2, 2, 2),
        "running: the cluster has not taken note",
    );
    check(kind, &spec, &status(3, 1, 2), "running: 1 of 2 pods are new");
    check(
        kind,
        &spec,
        &status(3, 2, 1),
        "running: 1 of 2 new pods are available",
    );
    check(kind, &spec, &status(3, 2, 2), "done: 2 pods");
    check(
        kind,
        &with(&json!({"updateStrategy": {"type": "OnDelete"}})),
        &status(3, 0, 0),
        "done: set; each pod",
    );
    check(
        WorkloadKind::CronJob,
        &json!({}),
        &json!({}),
        "done: its next job",
    );
}
