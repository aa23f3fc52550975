//! The proof with real clients: one module per client, and one per promise that holds for all of them.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod agents;
mod bin;
mod buildah;
mod cdn;
mod containerd;
mod crane;
mod deploy;
mod docker;
mod document;
mod large;
mod matrix;
mod mirrors;
mod node_agent;
mod oras;
mod packages;
mod pages;
mod podman;
mod rates;
mod redirects;
mod refusals;
mod regions;
mod replicas;
mod restart;
mod sdk;
mod sharing;
mod site;
mod skopeo;
mod tls;
mod triggers;
mod uploads;
