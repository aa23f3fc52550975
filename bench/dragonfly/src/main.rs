//! As little of a Dragonfly scheduler as an unmodified dfdaemon needs: the first peer of a task goes to the source, the others get
//! those before them as parents. Everything that images do not need is refused.

mod refused;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use dragonfly_api::common::v2::{Download, Host, Peer, Task};
use dragonfly_api::scheduler::v2::announce_peer_request::Request as Said;
use dragonfly_api::scheduler::v2::announce_peer_response::Response as Told;
use dragonfly_api::scheduler::v2::scheduler_server::SchedulerServer;
use dragonfly_api::scheduler::v2::{
    AnnouncePeerRequest, AnnouncePeerResponse, MetadataOnlyResponse, NeedBackToSourceResponse,
    NormalTaskResponse,
};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Status, Streaming};

/// Parents that a peer is told of.
const PARENTS: usize = 4;
/// After so many attempts with parents a peer goes to the source.
const ATTEMPTS: u32 = 3;

type Answer = Result<AnnouncePeerResponse, Status>;

/// What is known: hosts by id, and for each task the peers that have it or fetch it, in the order in which they came.
#[derive(Default)]
struct Crowd {
    hosts: HashMap<String, Host>,
    tasks: HashMap<String, Vec<(String, String)>>,
}

#[derive(Clone, Default)]
pub(crate) struct Scheduler {
    crowd: Arc<Mutex<Crowd>>,
}

impl Scheduler {
    pub(crate) fn learn(&self, host: Option<Host>) {
        if let Some(host) = host {
            self.crowd().hosts.insert(host.id.clone(), host);
        }
    }

    pub(crate) fn forget(&self, host: &str) {
        let mut crowd = self.crowd();
        crowd.hosts.remove(host);
        for peers in crowd.tasks.values_mut() {
            peers.retain(|(_, of)| of != host);
        }
    }

    pub(crate) fn list(&self) -> Vec<Host> {
        self.crowd().hosts.values().cloned().collect()
    }

    /// Speaks with one peer until it is done.
    pub(crate) fn speak(&self, mut said: Streaming<AnnouncePeerRequest>) -> ReceiverStream<Answer> {
        let (told, answers) = mpsc::channel(4);
        let scheduler = self.clone();
        tokio::spawn(async move {
            let mut attempts = 0;
            while let Ok(Some(request)) = said.message().await {
                let id = (request.task_id.as_str(), request.peer_id.as_str());
                let answer = match request.request {
                    Some(Said::RegisterPeerRequest(register)) => {
                        scheduler.register(id, &request.host_id, register.download.as_ref())
                    }
                    Some(Said::ReschedulePeerRequest(_)) => {
                        attempts += 1;
                        scheduler.again(id, attempts)
                    }
                    Some(
                        Said::DownloadPeerFinishedRequest(_)
                        | Said::DownloadPeerBackToSourceFinishedRequest(_),
                    ) => break,
                    Some(
                        Said::DownloadPeerFailedRequest(_) | Said::DownloadPeerBackToSourceFailedRequest(_),
                    ) => {
                        scheduler.leave(id);
                        break;
                    }
                    _ => continue,
                };
                let response = Some(answer);
                if told.send(Ok(AnnouncePeerResponse { response })).await.is_err() {
                    break;
                }
            }
        });
        ReceiverStream::new(answers)
    }

    fn register(&self, (task, peer): (&str, &str), host: &str, download: Option<&Download>) -> Told {
        let parents = self.parents(task, peer, host);
        let mut crowd = self.crowd();
        let peers = crowd.tasks.entry(task.to_owned()).or_default();
        peers.push((peer.to_owned(), host.to_owned()));
        println!("task {task} host {host} parents {}", parents.len());
        if download.is_some_and(|download| download.metadata_only) {
            return Told::MetadataOnlyResponse(MetadataOnlyResponse {});
        }
        directed(parents)
    }

    fn again(&self, (task, peer): (&str, &str), attempts: u32) -> Told {
        if attempts >= ATTEMPTS {
            return directed(Vec::new());
        }
        let host = self.crowd().tasks.get(task).and_then(|peers| {
            let own = peers.iter().find(|(id, _)| id == peer);
            own.map(|(_, host)| host.clone())
        });
        directed(self.parents(task, peer, &host.unwrap_or_default()))
    }

    fn leave(&self, (task, peer): (&str, &str)) {
        if let Some(peers) = self.crowd().tasks.get_mut(task) {
            peers.retain(|(id, _)| id != peer);
        }
    }

    /// The peers of other hosts that came before this one, the nearest before it first.
    fn parents(&self, task: &str, peer: &str, host: &str) -> Vec<Peer> {
        let crowd = self.crowd();
        let peers = crowd.tasks.get(task).map(Vec::as_slice).unwrap_or_default();
        let before = peers.iter().take_while(|(id, _)| id != peer);
        let others: Vec<_> = before.filter(|(_, of)| of != host).collect();
        let found = others.iter().rev().filter_map(|(id, of)| {
            Some(Peer {
                id: id.clone(),
                host: Some(crowd.hosts.get(of)?.clone()),
                task: Some(Task {
                    id: task.to_owned(),
                    ..Task::default()
                }),
                ..Peer::default()
            })
        });
        found.take(PARENTS).collect()
    }

    fn crowd(&self) -> MutexGuard<'_, Crowd> {
        self.crowd.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn directed(candidate_parents: Vec<Peer>) -> Told {
    if candidate_parents.is_empty() {
        Told::NeedBackToSourceResponse(NeedBackToSourceResponse { description: None })
    } else {
        Told::NormalTaskResponse(NormalTaskResponse { candidate_parents })
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let address = std::env::args()
        .nth(1)
        .ok_or("usage: dragonfly-scheduler ADDRESS:PORT")?;
    let (health, service) = tonic_health::server::health_reporter();
    health.set_serving::<SchedulerServer<Scheduler>>().await;
    tonic::transport::Server::builder()
        .add_service(service)
        .add_service(SchedulerServer::new(Scheduler::default()))
        .serve(address.parse()?)
        .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parents(told: &Told) -> Vec<&str> {
        match told {
            Told::NormalTaskResponse(told) => told
                .candidate_parents
                .iter()
                .map(|peer| peer.id.as_str())
                .collect(),
            _ => Vec::new(),
        }
    }

    #[test]
    fn the_first_goes_to_the_source_and_the_others_to_those_before_them() {
        let scheduler = Scheduler::default();
        for host in ["a", "b", "c"] {
            let id = host.to_owned();
            scheduler.learn(Some(Host {
                id,
                ..Host::default()
            }));
        }
        let register = |peer, host| scheduler.register(("task", peer), host, None);
        assert!(matches!(register("1", "a"), Told::NeedBackToSourceResponse(_)));
        assert_eq!(parents(&register("2", "b")), ["1"]);
        // Nobody is sent to their own host.
        assert_eq!(parents(&register("3", "a")), ["2"]);
        assert_eq!(parents(&register("4", "c")), ["3", "2", "1"]);
        scheduler.leave(("task", "2"));
        assert_eq!(parents(&scheduler.again(("task", "4"), 1)), ["3", "1"]);
        scheduler.forget("a");
        assert!(matches!(
            scheduler.again(("task", "4"), 2),
            Told::NeedBackToSourceResponse(_)
        ));
        assert!(matches!(
            scheduler.again(("task", "4"), ATTEMPTS),
            Told::NeedBackToSourceResponse(_)
        ));
        let whole = Download {
            metadata_only: true,
            ..Download::default()
        };
        assert!(matches!(
            scheduler.register(("other", "5"), "b", Some(&whole)),
            Told::MetadataOnlyResponse(_)
        ));
    }
}
