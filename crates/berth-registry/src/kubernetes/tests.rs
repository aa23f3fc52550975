//! Against a real API server. It runs without controllers and nodes: the tests say in their place how a rollout goes.

use std::time::Duration;

use e2e::kubernetes::{ADMIN_TOKEN, Kubernetes as Cluster};
use serde_json::{Value, json};

use super::*;

const APP: &str = "registry.example:5000/team/app";
const KINDS: [WorkloadKind; 4] = WorkloadKind::ALL;

fn there(cluster: &Cluster, token: &str) -> Kubernetes {
    let place = Place {
        server: cluster.url(),
        certificate_authority: cluster.authority(),
        credential: Credential::Token(token.to_owned()),
    };
    Kubernetes::new(reqwest::Client::builder(), &place).unwrap()
}

/// The cluster's own blocking ways, beside what runs meanwhile.
async fn beside<T: Send + 'static>(
    cluster: &Arc<Cluster>,
    does: impl FnOnce(&Cluster) -> T + Send + 'static,
) -> T {
    let cluster = Arc::clone(cluster);
    tokio::task::spawn_blocking(move || does(&cluster)).await.unwrap()
}

async fn start() -> Arc<Cluster> {
    let started = tokio::task::spawn_blocking(|| Arc::new(Cluster::start()));
    started.await.unwrap()
}

fn target(kind: WorkloadKind, name: &str) -> Target {
    Target {
        kind,
        namespace: "default".to_owned(),
        name: name.to_owned(),
        container: None,
    }
}

fn wanted(tag: &str, run: &str) -> Wanted {
    Wanted {
        repositories: vec![APP.to_owned()],
        image: format!("{APP}{tag}"),
        restart: false,
        run: run.to_owned(),
        dry_run: false,
    }
}

async fn image(cluster: &Arc<Cluster>, kind: WorkloadKind, name: &'static str) -> String {
    beside(cluster, move |cluster| cluster.image(kind.plural(), name)).await
}

/// How far a change came in `limit` at most.
async fn watched(kubernetes: &Kubernetes, change: &Change, limit: Duration) -> Rollout {
    let end = tokio::time::Instant::now() + limit;
    loop {
        let found = kubernetes.rollout(change).await.unwrap();
        if !matches!(found, Rollout::Running(_)) || tokio::time::Instant::now() > end {
            return found;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

fn template(kind: WorkloadKind, object: &Value) -> &Value {
    object
        .pointer(match kind {
            WorkloadKind::CronJob => "/spec/jobTemplate/spec/template",
            _ => "/spec/template",
        })
        .unwrap()
}

#[tokio::test]
async fn every_kind_of_workload_gets_its_image_once_and_back() {
    let cluster = start().await;
    let kubernetes = there(&cluster, ADMIN_TOKEN);
    for kind in KINDS {
        let (before, after) = (format!("{APP}:v1"), format!("{APP}:v2"));
        let first = before.clone();
        beside(&cluster, move |cluster| {
            cluster.make_workload(kind.plural(), "web", &first);
        })
        .await;
        let web = target(kind, "web");
        let object = async || beside(&cluster, move |cluster| cluster.workload(kind.plural(), "web")).await;

        let dry = Wanted {
            dry_run: true,
            ..wanted(":v2", "dry")
        };
        let tried = kubernetes.set_image(&web, &dry).await.unwrap();
        assert_eq!(
            (tried.containers[0].after.as_str(), tried.is_sent),
            (after.as_str(), true)
        );
        assert_eq!(
            image(&cluster, kind, "web").await,
            before,
            "{kind:?}: nothing is changed by trying"
        );

        let change = kubernetes.set_image(&web, &wanted(":v2", "run-1")).await.unwrap();
        assert_eq!(image(&cluster, kind, "web").await, after);
        assert_eq!(change.containers[0].before, before);
        let changed = object().await;
        let managers = changed["metadata"]["managedFields"].as_array().unwrap();
        assert!(
            managers.iter().any(|manager| manager["manager"] == "berth"),
            "{changed}"
        );

        // The same run again, as after a crash: nothing happens, and what was there before is still known.
        let again = kubernetes.set_image(&web, &wanted(":v2", "run-1")).await.unwrap();
        assert_eq!(again, change);
        assert_eq!(
            object().await["metadata"]["resourceVersion"],
            changed["metadata"]["resourceVersion"]
        );

        // A tag that moved: same name, new pods, once for each run.
        for (run, is_new) in [("run-2", true), ("run-2", false), ("run-3", true)] {
            let before = template(kind, &object().await).clone();
            let restart = Wanted {
                restart: true,
                ..wanted(":v2", run)
            };
            kubernetes.set_image(&web, &restart).await.unwrap();
            assert_eq!(
                template(kind, &object().await) != &before,
                is_new,
                "{kind:?} {run}"
            );
        }
        let same = kubernetes.set_image(&web, &wanted(":v2", "run-4")).await.unwrap();
        assert!(!same.is_sent, "{kind:?} runs it already");

        let undone = kubernetes.undo(&change, None, "undo-1").await.unwrap();
        assert!(matches!(&undone, Undone::Done(_)), "{undone:?}");
        assert_eq!(image(&cluster, kind, "web").await, before);
        // Undoing it twice is undoing it once.
        assert_eq!(kubernetes.undo(&change, None, "undo-1").await.unwrap(), undone);
    }
}

/// Rolls out again under the same name, and answers that change: the one before is no longer undone.
async fn a_later_rollout_is_not_undone(
    kubernetes: &Kubernetes,
    web: &Target,
    (moved, digest): (Change, &str),
) -> Change {
    let later = Wanted {
        restart: true,
        ..wanted(":hotfix", "run-3")
    };
    let later = kubernetes.set_image(web, &later).await.unwrap();
    let undone = kubernetes.undo(&moved, Some(digest), "undo-2").await.unwrap();
    assert!(
        matches!(&undone, Undone::Overtaken(how) if how.contains("same name")),
        "{undone:?}"
    );
    let found = kubernetes.rollout(&moved).await.unwrap();
    assert!(matches!(found, Rollout::Overtaken(_)), "{found:?}");
    let found = kubernetes.rollout(&later).await.unwrap();
    assert!(matches!(found, Rollout::Running(_)), "{found:?}");
    later
}

#[tokio::test]
async fn what_others_changed_is_not_overwritten() {
    let cluster = start().await;
    let kubernetes = there(&cluster, ADMIN_TOKEN);
    let kind = WorkloadKind::Deployment;
    beside(&cluster, |cluster| {
        cluster.make_workload("deployments", "web", &format!("{APP}:v1"));
    })
    .await;
    let web = target(kind, "web");
    let change = kubernetes.set_image(&web, &wanted(":v2", "run-1")).await.unwrap();
    beside(&cluster, |cluster| {
        cluster.set_image("deployments", "web", &format!("{APP}:hotfix"));
    })
    .await;
    let undone = kubernetes.undo(&change, None, "undo-1").await.unwrap();
    assert!(
        matches!(&undone, Undone::Overtaken(how) if how.contains(":hotfix")),
        "{undone:?}"
    );
    let found = kubernetes.rollout(&change).await.unwrap();
    assert!(
        matches!(&found, Rollout::Overtaken(how) if how.contains(":hotfix")),
        "{found:?}"
    );
    assert_eq!(image(&cluster, kind, "web").await, format!("{APP}:hotfix"));

    // Where before and after have one name, somebody must say which image it was.
    let moved = Wanted {
        restart: true,
        ..wanted(":hotfix", "run-2")
    };
    let moved = kubernetes.set_image(&web, &moved).await.unwrap();
    let undone = kubernetes.undo(&moved, None, "undo-2").await.unwrap();
    assert!(matches!(undone, Undone::Impossible(_)), "{undone:?}");
    let digest = format!("{APP}@sha256:{}", "0".repeat(64));
    let moved = a_later_rollout_is_not_undone(&kubernetes, &web, (moved, &digest)).await;
    kubernetes.undo(&moved, Some(&digest), "undo-2").await.unwrap();
    assert_eq!(image(&cluster, kind, "web").await, digest);

    // Others write to it all the time: every change arrives, and none of theirs is lost.
    let writer = beside(&cluster, |cluster| {
        for number in 0..30 {
            let note = json!({"metadata": {"annotations": {format!("note-{number}"): "x"}}});
            cluster.does("PATCH", "/apis/apps/v1/namespaces/default/deployments/web", &note);
        }
    });
    let setter = async {
        for number in 0..10 {
            let tag = format!(":t{number}");
            let set = kubernetes.set_image(&web, &wanted(&tag, &tag)).await;
            match set {
                Ok(_) | Err(KubernetesError::Changed(_)) => {}
                Err(error) => panic!("{error}"),
            }
        }
    };
    tokio::join!(writer, setter);
    let last = kubernetes
        .set_image(&web, &wanted(":last", "last"))
        .await
        .unwrap();
    assert_eq!(last.containers[0].after, format!("{APP}:last"));
    let object = beside(&cluster, |cluster| cluster.workload("deployments", "web")).await;
    let notes = object["metadata"]["annotations"].as_object().unwrap();
    assert_eq!(notes.keys().filter(|key| key.starts_with("note-")).count(), 30);
}

#[tokio::test]
async fn what_cannot_be_changed_is_told() {
    let cluster = start().await;
    let kubernetes = there(&cluster, ADMIN_TOKEN);
    beside(&cluster, |cluster| {
        let two = json!([{"name": "web", "image": "nginx"}, {"name": "proxy", "image": "proxy"}]);
        let template = json!({"metadata": {"labels": {"app": "two"}}, "spec": {"containers": two}});
        let spec = json!({"selector": {"matchLabels": {"app": "two"}}, "template": template});
        let object =
            json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "two"}, "spec": spec});
        cluster.does("POST", "/apis/apps/v1/namespaces/default/deployments", &object);
    })
    .await;
    let kind = WorkloadKind::Deployment;
    let named = |container: &str| Target {
        container: Some(container.to_owned()),
        ..target(kind, "two")
    };
    let elsewhere = Target {
        namespace: "nowhere".to_owned(),
        ..target(kind, "two")
    };
    for (target, says) in [
        (target(kind, "missing"), "\"missing\" not found"),
        (elsewhere, "not found"),
        (
            target(kind, "two"),
            "name the container that is meant; it has web (nginx), proxy (proxy)",
        ),
        (named("api"), "has no container 'api'"),
    ] {
        let refused = kubernetes
            .set_image(&target, &wanted(":v2", "run"))
            .await
            .unwrap_err();
        assert!(refused.to_string().contains(says), "{target}: {refused}");
        assert!(!refused.is_worth_another_try(), "{refused}");
    }
    let set = kubernetes
        .set_image(&named("proxy"), &wanted(":v2", "run"))
        .await
        .unwrap();
    assert_eq!(set.containers.len(), 1);
    let object = beside(&cluster, |cluster| cluster.workload("deployments", "two")).await;
    let containers = &object["spec"]["template"]["spec"]["containers"];
    assert_eq!(
        (&containers[0]["image"], &containers[1]["image"]),
        (&json!("nginx"), &json!(format!("{APP}:v2")))
    );
}

#[tokio::test]
async fn a_rollout_is_watched_to_its_end() {
    let cluster = start().await;
    let kubernetes = there(&cluster, ADMIN_TOKEN);
    for kind in [
        WorkloadKind::Deployment,
        WorkloadKind::StatefulSet,
        WorkloadKind::DaemonSet,
    ] {
        beside(&cluster, move |cluster| {
            cluster.make_workload(kind.plural(), "web", &format!("{APP}:v1"));
        })
        .await;
        let change = kubernetes
            .set_image(&target(kind, "web"), &wanted(":v2", "run"))
            .await
            .unwrap();
        let found = kubernetes.rollout(&change).await.unwrap();
        assert!(matches!(found, Rollout::Running(_)), "{kind:?}: {found:?}");
        // What is known of a change survives the process.
        let change: Change = serde_json::from_value(serde_json::to_value(&change).unwrap()).unwrap();
        let controller = beside(&cluster, move |cluster| cluster.complete(kind.plural(), "web"));
        let watched = watched(&kubernetes, &change, Duration::from_mins(1));
        let (watched, ()) = tokio::join!(watched, controller);
        assert!(matches!(watched, Rollout::Done(_)), "{kind:?}: {watched:?}");
    }
    let web = target(WorkloadKind::Deployment, "web");
    let change = kubernetes
        .set_image(&web, &wanted(":broken", "run-2"))
        .await
        .unwrap();
    beside(&cluster, |cluster| {
        let labels = json!({"app": "web"});
        let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web-1", "labels": labels},
            "spec": {"containers": [{"name": "main", "image": format!("{APP}:broken")}]}});
        cluster.does("POST", "/api/v1/namespaces/default/pods", &pod);
        let waiting = json!({"waiting": {"reason": "ImagePullBackOff", "message": "no such tag"}});
        let status = json!({"containerStatuses": [{"name": "main", "image": "", "imageID": "", "ready": false,
            "restartCount": 0, "state": waiting}]});
        cluster.does(
            "PATCH",
            "/api/v1/namespaces/default/pods/web-1/status",
            &json!({ "status": status }),
        );
    })
    .await;
    let stalled = watched(&kubernetes, &change, Duration::from_secs(1)).await;
    let why = "container main is in ImagePullBackOff: no such tag";
    assert!(
        matches!(&stalled, Rollout::Running(said) if said.contains(why)),
        "{stalled:?}"
    );
    beside(&cluster, |cluster| {
        cluster.give_up("web", "ReplicaSet \"web-2\" has timed out progressing.");
    })
    .await;
    let failed = watched(&kubernetes, &change, Duration::from_mins(1)).await;
    let told = |said: &String| said.contains("timed out progressing") && said.contains(why);
    assert!(
        matches!(&failed, Rollout::Failed(said) if told(said)),
        "{failed:?}"
    );
}

#[tokio::test]
async fn undoing_goes_back_beyond_what_nobody_saw_work() {
    let cluster = start().await;
    let kubernetes = there(&cluster, ADMIN_TOKEN);
    beside(&cluster, |cluster| {
        cluster.make_workload("deployments", "web", &format!("{APP}:good"));
    })
    .await;
    let web = target(WorkloadKind::Deployment, "web");
    let broken = kubernetes
        .set_image(&web, &wanted(":broken", "run-1"))
        .await
        .unwrap();
    let mut next = kubernetes
        .set_image(&web, &wanted(":next", "run-2"))
        .await
        .unwrap();
    next.go_back_beyond(&broken, None);
    assert_eq!(next.containers[0].before, format!("{APP}:broken"), "as it was");
    let mut last = kubernetes
        .set_image(&web, &wanted(":last", "run-3"))
        .await
        .unwrap();
    last.go_back_beyond(&next, None);
    kubernetes.undo(&last, None, "undo").await.unwrap();
    assert_eq!(
        image(&cluster, WorkloadKind::Deployment, "web").await,
        format!("{APP}:good")
    );
}

/// One image of each kind in a namespace, and a pod.
fn furnish(cluster: &Cluster, namespace: &str) {
    cluster.make_namespace(namespace);
    let image = format!("{APP}:v1");
    let spec = json!({"containers": [{"name": "main", "image": image}], "restartPolicy": "Always"});
    let once = json!({"containers": [{"name": "main", "image": image}], "restartPolicy": "Never"});
    let labels = json!({"app": "web"});
    let template = json!({"metadata": {"labels": labels}, "spec": spec});
    let of = |extra: Value| {
        let mut spec = json!({"selector": {"matchLabels": labels}, "template": template});
        spec.as_object_mut()
            .unwrap()
            .extend(extra.as_object().unwrap().clone());
        spec
    };
    for (version, plural, kind, spec) in [
        ("apis/apps/v1", "deployments", "Deployment", of(json!({}))),
        (
            "apis/apps/v1",
            "statefulsets",
            "StatefulSet",
            of(json!({"serviceName": "web"})),
        ),
        ("apis/apps/v1", "daemonsets", "DaemonSet", of(json!({}))),
        (
            "apis/batch/v1beta1",
            "cronjobs",
            "CronJob",
            json!({"schedule": "0 0 1 1 *", "jobTemplate": {"spec": {"template": {"spec": once}}}}),
        ),
        (
            "apis/batch/v1",
            "jobs",
            "Job",
            json!({"template": {"spec": once}}),
        ),
        ("api/v1", "pods", "Pod", spec.clone()),
    ] {
        let version_of = version.split_once('/').unwrap().1;
        let object =
            json!({"apiVersion": version_of, "kind": kind, "metadata": {"name": "web"}, "spec": spec});
        cluster.does(
            "POST",
            &format!("/{version}/namespaces/{namespace}/{plural}"),
            &object,
        );
    }
}

#[tokio::test]
#[expect(
    clippy::too_many_lines,
    reason = "one cluster, and everything that its rights are asked for"
)]
async fn the_manifest_gives_every_right_that_is_needed_and_no_other() {
    let cluster = start().await;
    let namespaces = ["shop".to_owned(), "blog".to_owned()];
    let written = manifest("shop", &namespaces);
    let token = beside(&cluster, move |cluster| {
        for namespace in ["shop", "blog", "other"] {
            furnish(cluster, namespace);
        }
        cluster.apply(&written);
        cluster.token_of("shop", "berth")
    })
    .await;
    let kubernetes = there(&cluster, &token);
    let checked = kubernetes.check(&namespaces).await.unwrap();
    assert!(
        checked.version.starts_with('v') && checked.missing.is_empty(),
        "{checked:?}"
    );
    for kind in KINDS {
        let web = Target {
            namespace: "shop".to_owned(),
            ..target(kind, "web")
        };
        let change = kubernetes.set_image(&web, &wanted(":v2", "run")).await.unwrap();
        kubernetes.rollout(&change).await.unwrap();
        kubernetes.undo(&change, None, "undo").await.unwrap();
        let other = Target {
            namespace: "other".to_owned(),
            ..target(kind, "web")
        };
        let refused = kubernetes
            .set_image(&other, &wanted(":v2", "run"))
            .await
            .unwrap_err();
        let resource = format!("{}.{}", kind.plural(), kind.group());
        assert!(
            matches!(&refused, KubernetesError::Forbidden(said) if said.contains(&resource)),
            "{refused}"
        );
    }
    let hosts = ["registry.example:5000".to_owned()];
    let running = kubernetes.running(&namespaces, &hosts).await.unwrap();
    let found = |namespace: &str| {
        let there = running.iter().filter(|one| one.namespace == namespace);
        there
            .map(|one| (one.kind.as_str(), one.path.as_str(), one.tag.as_str()))
            .collect::<Vec<_>>()
    };
    let expected = ["CronJob", "DaemonSet", "Deployment", "Job", "Pod", "StatefulSet"];
    for namespace in ["blog", "shop"] {
        assert_eq!(
            found(namespace),
            expected.map(|kind| (kind, "team/app", "v1")),
            "{namespace}"
        );
    }
    assert!(
        kubernetes.running(&[], &hosts).await.is_err(),
        "the other namespaces are not Berth's"
    );

    // Each right that is missing is told, with its place.
    let missing = kubernetes
        .check(&["shop".to_owned(), "other".to_owned()])
        .await
        .unwrap()
        .missing;
    let missing: Vec<String> = missing.iter().map(ToString::to_string).collect();
    assert_eq!(missing.len(), 14, "{missing:?}");
    assert_eq!(missing[0], "get deployments.apps in namespace other");
    assert_eq!(missing[13], "list pods in namespace other");
    assert_eq!(kubernetes.check(&[]).await.unwrap().missing.len(), 14);
    for (verb, path) in [("GET", "secrets"), ("GET", "configmaps"), ("POST", "pods")] {
        let may = |verb: &str| {
            json!({"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview",
            "spec": {"user": "system:serviceaccount:shop:berth", "resourceAttributes": {"namespace": "shop",
                "verb": verb, "resource": path}}})
        };
        let review = may(if verb == "GET" { "get" } else { "create" });
        let answer = beside(&cluster, move |cluster| {
            cluster.does(
                "POST",
                "/apis/authorization.k8s.io/v1/subjectaccessreviews",
                &review,
            )
        })
        .await;
        assert_eq!(answer["status"]["allowed"], false, "{verb} {path}");
    }

    // The whole cluster.
    let written = manifest("default", &[]);
    let token = beside(&cluster, move |cluster| {
        cluster.apply(&written);
        cluster.token_of("default", "berth")
    })
    .await;
    let kubernetes = there(&cluster, &token);
    assert_eq!(kubernetes.check(&[]).await.unwrap().missing, []);
    assert_eq!(kubernetes.running(&[], &hosts).await.unwrap().len(), 18);
}

#[tokio::test]
async fn who_is_not_let_in_is_told_why() {
    let cluster = start().await;
    let place = |server: String, certificate_authority: &str, token: &str| Place {
        server,
        certificate_authority: certificate_authority.to_owned(),
        credential: Credential::Token(token.to_owned()),
    };
    let (url, authority) = (cluster.url(), cluster.authority());
    let closed = format!("https://127.0.0.1:{}", e2e::server::free_port());
    let other = Cluster::start;
    let other = tokio::task::spawn_blocking(other).await.unwrap().authority();
    for (place, says, again) in [
        (
            place(url.clone(), &authority, "wrong"),
            "does not accept the login",
            false,
        ),
        (
            place(url.clone(), &other, ADMIN_TOKEN),
            "certificate_authority says",
            true,
        ),
        (place(url.clone(), "", ADMIN_TOKEN), "cannot be reached", true),
        (place(closed, &authority, ADMIN_TOKEN), "refused", true),
    ] {
        let kubernetes = Kubernetes::new(reqwest::Client::builder(), &place).unwrap();
        let refused = kubernetes.check(&[]).await.unwrap_err();
        assert!(refused.to_string().contains(says), "{refused}");
        assert_eq!(refused.is_worth_another_try(), again, "{refused}");
        assert!(!refused.to_string().contains(ADMIN_TOKEN), "{refused}");
    }
    let refused = Kubernetes::new(reqwest::Client::builder(), &place(url, &authority, "a\nb"));
    assert!(refused.is_err());
}
