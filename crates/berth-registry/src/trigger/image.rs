//! The image that a trigger gives a workload, and the workload that it gives it to, in the words of Kubernetes.

use berth_metadata::TriggerRow;

use crate::kubernetes::{Target, Wanted, WorkloadKind};

/// What is said when nobody told under which name clusters pull from here.
pub(super) const NO_HOST: &str = "this registry does not know under which name clusters pull from it: its operator sets \
     image_hosts or external_url";

/// What a tag names, and where.
pub(super) struct Pushed<'a> {
    /// The hosts of this registry in image references.
    pub(super) hosts: &'a [String],
    /// The image with its organization.
    pub(super) repository: &'a str,
    pub(super) tag: &'a str,
    pub(super) digest: &'a str,
}

impl Pushed<'_> {
    /// The reference by digest; none when this registry has no name.
    pub(super) fn by_digest(&self, digest: &str) -> Option<String> {
        Some(format!("{}/{}@{digest}", self.hosts.first()?, self.repository))
    }

    /// What is to be set for a trigger; none when this registry has no name.
    pub(super) fn wanted(&self, trigger: &TriggerRow, run: String) -> Option<Wanted> {
        let is_by_tag = trigger.update_by == "tag";
        let image = if is_by_tag {
            format!("{}/{}:{}", self.hosts.first()?, self.repository, self.tag)
        } else {
            self.by_digest(self.digest)?
        };
        let of_host = |host: &String| format!("{host}/{}", self.repository);
        Some(Wanted {
            repositories: self.hosts.iter().map(of_host).collect(),
            image,
            // The tag may name something else than when the pods were made.
            restart: is_by_tag,
            run,
            dry_run: false,
        })
    }
}

/// The workload of a trigger.
pub(super) fn target(trigger: &TriggerRow) -> Option<Target> {
    let container = Some(trigger.container.clone());
    Some(Target {
        kind: WorkloadKind::of(&trigger.workload_kind)?,
        namespace: trigger.namespace.clone(),
        name: trigger.workload.clone(),
        container: container.filter(|name| !name.is_empty()),
    })
}
