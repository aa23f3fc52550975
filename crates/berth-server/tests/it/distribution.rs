//! The distribution API over real requests, clause by clause of the specification's main branch.

mod blobs;
mod chunks;
mod conditions;
mod deletes;
mod dragonfly;
mod elsewhere;
mod failures;
mod lists;
mod logins;
mod manifests;
mod mirrors;
mod mounts;
mod names;
mod pulls;
mod races;
mod ranges;
mod referrers;
mod uploads;
