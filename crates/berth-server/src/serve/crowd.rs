//! The connections that there are at one time: so many in all, so many of one address. When there are as many as may be, the
//! one that has been idle for longest makes room for who comes.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::requests::Requests;

/// Time between two looks whether a connection became idle, while somebody waits.
const LOOKED_AT_EVERY: Duration = Duration::from_millis(100);

/// How many connections there may be.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Room {
    /// In all.
    pub(crate) connections_max: NonZeroU32,
    /// Of one address; none: as many as there may be.
    pub(crate) of_address_max: Option<NonZeroU32>,
}

/// The connections.
#[derive(Debug)]
pub(super) struct Crowd {
    places: Arc<Semaphore>,
    of_address_max: Option<u32>,
    members: Mutex<Members>,
}

#[derive(Debug, Default)]
struct Members {
    next: u64,
    all: HashMap<u64, Arc<Requests>>,
    by_address: HashMap<IpAddr, u32>,
}

/// A connection's place.
pub(super) struct Member {
    crowd: Arc<Crowd>,
    id: u64,
    address: Option<IpAddr>,
    pub(super) requests: Arc<Requests>,
    _place: OwnedSemaphorePermit,
}

impl Drop for Member {
    fn drop(&mut self) {
        let mut members = self.crowd.members();
        members.all.remove(&self.id);
        if let Some(address) = self.address {
            members.leave(address);
        }
    }
}

impl Crowd {
    pub(super) fn new(room: Room) -> Arc<Self> {
        let places = usize::try_from(room.connections_max.get()).unwrap_or(Semaphore::MAX_PERMITS);
        Arc::new(Self {
            places: Arc::new(Semaphore::new(places.min(Semaphore::MAX_PERMITS))),
            of_address_max: room.of_address_max.map(NonZeroU32::get),
            members: Mutex::default(),
        })
    }

    /// A place for a connection from this address, as soon as there is one; none when the address has as many as it may. A proxy
    /// has as many as it needs.
    pub(super) async fn enter(self: &Arc<Self>, address: IpAddr, is_proxy: bool) -> Option<Member> {
        let counted = self
            .of_address_max
            .filter(|_| !is_proxy)
            .map(|max| (of_one(address), max));
        if let Some((address, max)) = counted {
            let mut members = self.members();
            let count = members.by_address.entry(address).or_insert(0);
            if *count >= max {
                return None;
            }
            *count += 1;
        }
        // The listener waits for nothing else meanwhile, so that this is not left in the middle but at the server's end.
        let place = self.place().await;
        let mut members = self.members();
        let id = members.next;
        members.next += 1;
        let requests: Arc<Requests> = Arc::default();
        members.all.insert(id, Arc::clone(&requests));
        drop(members);
        Some(Member {
            crowd: Arc::clone(self),
            id,
            address: counted.map(|(address, _)| address),
            requests,
            _place: place,
        })
    }

    async fn place(&self) -> OwnedSemaphorePermit {
        loop {
            let place = Arc::clone(&self.places).try_acquire_owned();
            if let Ok(place) = place {
                return place;
            }
            self.evict();
            let place = Arc::clone(&self.places).acquire_owned();
            if let Ok(Ok(place)) = tokio::time::timeout(LOOKED_AT_EVERY, place).await {
                return place;
            }
        }
    }

    /// Has the connection make room that has been idle for longest, if one is.
    fn evict(&self) {
        let mut members = self.members();
        let idle = members
            .all
            .iter()
            .filter_map(|(id, requests)| Some((requests.idle_since()?, *id)));
        if let Some((_, id)) = idle.min()
            && let Some(requests) = members.all.remove(&id)
        {
            requests.evict();
        }
    }

    fn members(&self) -> MutexGuard<'_, Members> {
        self.members.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Members {
    fn leave(&mut self, address: IpAddr) {
        if let Some(count) = self.by_address.get_mut(&address) {
            *count -= 1;
            if *count == 0 {
                self.by_address.remove(&address);
            }
        }
    }
}

/// What is counted as one address: of IPv6 what one household or machine gets.
fn of_one(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & (u128::MAX << 64))),
        v4 @ IpAddr::V4(_) => v4,
    }
}
