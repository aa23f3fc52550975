//! The scheduler's service: what images need goes to the scheduler, and all else is refused, as there is much of it.

use dragonfly_api::common::v2::{
    CachePeer, CacheTask, Peer, PersistentCachePeer, PersistentCacheTask, PersistentPeer, PersistentTask,
    Task,
};
use dragonfly_api::scheduler::v2::*;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};

use crate::Scheduler;

type Said<T> = Result<Response<T>, Status>;
type Stream<T> = ReceiverStream<Result<T, Status>>;

macro_rules! service {
    ($($name:ident($request:ty) -> $answer:ty;)*) => {
        #[tonic::async_trait]
        impl scheduler_server::Scheduler for Scheduler {
            type AnnouncePeerStream = Stream<AnnouncePeerResponse>;
            type AnnounceCachePeerStream = Stream<AnnounceCachePeerResponse>;
            type AnnouncePersistentPeerStream = Stream<AnnouncePersistentPeerResponse>;
            type AnnouncePersistentCachePeerStream = Stream<AnnouncePersistentCachePeerResponse>;

            async fn announce_host(&self, request: Request<AnnounceHostRequest>) -> Said<()> {
                self.learn(request.into_inner().host);
                Ok(Response::new(()))
            }

            async fn delete_host(&self, request: Request<DeleteHostRequest>) -> Said<()> {
                self.forget(&request.into_inner().host_id);
                Ok(Response::new(()))
            }

            async fn list_hosts(&self, _: Request<ListHostsRequest>) -> Said<ListHostsResponse> {
                Ok(Response::new(ListHostsResponse { hosts: self.list() }))
            }

            async fn announce_peer(
                &self,
                request: Request<Streaming<AnnouncePeerRequest>>,
            ) -> Said<Self::AnnouncePeerStream> {
                Ok(Response::new(self.speak(request.into_inner())))
            }

            $(async fn $name(&self, _: Request<$request>) -> Said<$answer> {
                Err(Status::unimplemented(stringify!($name)))
            })*
        }
    };
}

service! {
    stat_peer(StatPeerRequest) -> Peer;
    delete_peer(DeletePeerRequest) -> ();
    stat_task(StatTaskRequest) -> Task;
    delete_task(DeleteTaskRequest) -> ();
    announce_cache_peer(Streaming<AnnounceCachePeerRequest>) -> Self::AnnounceCachePeerStream;
    stat_cache_peer(StatCachePeerRequest) -> CachePeer;
    delete_cache_peer(DeleteCachePeerRequest) -> ();
    stat_cache_task(StatCacheTaskRequest) -> CacheTask;
    delete_cache_task(DeleteCacheTaskRequest) -> ();
    announce_persistent_peer(Streaming<AnnouncePersistentPeerRequest>) -> Self::AnnouncePersistentPeerStream;
    stat_persistent_peer(StatPersistentPeerRequest) -> PersistentPeer;
    delete_persistent_peer(DeletePersistentPeerRequest) -> ();
    upload_persistent_task_started(UploadPersistentTaskStartedRequest) -> ();
    upload_persistent_task_finished(UploadPersistentTaskFinishedRequest) -> PersistentTask;
    upload_persistent_task_failed(UploadPersistentTaskFailedRequest) -> ();
    stat_persistent_task(StatPersistentTaskRequest) -> PersistentTask;
    delete_persistent_task(DeletePersistentTaskRequest) -> ();
    announce_persistent_cache_peer(Streaming<AnnouncePersistentCachePeerRequest>) -> Self::AnnouncePersistentCachePeerStream;
    stat_persistent_cache_peer(StatPersistentCachePeerRequest) -> PersistentCachePeer;
    delete_persistent_cache_peer(DeletePersistentCachePeerRequest) -> ();
    upload_persistent_cache_task_started(UploadPersistentCacheTaskStartedRequest) -> ();
    upload_persistent_cache_task_finished(UploadPersistentCacheTaskFinishedRequest) -> PersistentCacheTask;
    upload_persistent_cache_task_failed(UploadPersistentCacheTaskFailedRequest) -> ();
    stat_persistent_cache_task(StatPersistentCacheTaskRequest) -> PersistentCacheTask;
    delete_persistent_cache_task(DeletePersistentCacheTaskRequest) -> ();
    preheat_image(PreheatImageRequest) -> ();
    stat_image(StatImageRequest) -> StatImageResponse;
    preheat_file(PreheatFileRequest) -> ();
    stat_file(StatFileRequest) -> StatFileResponse;
}
