//! Replicas that others reach.

use crate::world::World;
use berth_metadata::Replica;

pub(crate) async fn replicas_are_there_until_their_time_is_over(world: World) {
    let metadata = &world.metadata;
    let replica = |id: &str, address: &str| Replica {
        id: id.to_owned(),
        address: address.to_owned(),
    };
    assert_eq!(metadata.replicas().await.unwrap(), []);
    let (one, two) = (replica("1", "http://one:5000"), replica("2", "http://two:5000"));
    metadata.announce_replica(&two, 60_000).await.unwrap();
    metadata.announce_replica(&one, 60_000).await.unwrap();
    assert_eq!(metadata.replicas().await.unwrap(), [one.clone(), two.clone()]);
    let moved = replica("2", "http://elsewhere:5000");
    metadata.announce_replica(&moved, 60_000).await.unwrap();
    assert_eq!(metadata.replicas().await.unwrap(), [one.clone(), moved]);
    // By the clock of the database its time is over at once.
    metadata.announce_replica(&two, 0).await.unwrap();
    assert_eq!(metadata.replicas().await.unwrap(), [one]);
    metadata.retire_replica("1").await.unwrap();
    assert_eq!(metadata.replicas().await.unwrap(), []);
}
