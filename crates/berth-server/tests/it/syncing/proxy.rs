//! A wire between two registries that a test cuts, holds and counts.

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

/// The wire; its bytes are counted on the way to the registry.
pub(crate) struct Proxy {
    pub(crate) address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    to: Mutex<SocketAddr>,
    is_open: AtomicBool,
    up: AtomicU64,
    /// Nothing passes once so many bytes have.
    most: AtomicU64,
    held: Notify,
    changed: Notify,
}

impl Proxy {
    /// An open wire to a server.
    pub(crate) async fn to(to: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let shared = Arc::new(Shared {
            to: Mutex::new(to),
            is_open: AtomicBool::new(true),
            up: AtomicU64::new(0),
            most: AtomicU64::new(u64::MAX),
            held: Notify::new(),
            changed: Notify::new(),
        });
        let address = listener.local_addr().unwrap();
        tokio::spawn({
            let shared = Arc::clone(&shared);
            async move {
                while let Ok((client, _)) = listener.accept().await {
                    tokio::spawn(carry(client, Arc::clone(&shared)));
                }
            }
        });
        Self { address, shared }
    }

    /// Leads to another server from now on.
    pub(crate) fn lead_to(&self, to: SocketAddr) {
        *self.shared.to.lock().unwrap() = to;
    }

    /// Ends every connection and takes no other, until it is opened again.
    pub(crate) fn close(&self) {
        self.shared.is_open.store(false, Ordering::SeqCst);
        self.shared.changed.notify_waiters();
    }

    /// Carries again.
    pub(crate) fn open(&self) {
        self.shared.most.store(u64::MAX, Ordering::SeqCst);
        self.shared.is_open.store(true, Ordering::SeqCst);
    }

    /// Bytes that went to the registry.
    pub(crate) fn bytes_up(&self) -> u64 {
        self.shared.up.load(Ordering::SeqCst)
    }

    /// Lets so many more bytes pass and then none.
    pub(crate) fn hold_after(&self, bytes: u64) {
        self.shared.most.store(self.bytes_up() + bytes, Ordering::SeqCst);
    }

    /// Until nothing passes any more.
    pub(crate) async fn held(&self) {
        self.shared.held.notified().await;
    }
}

async fn carry(client: TcpStream, shared: Arc<Shared>) {
    let to = *shared.to.lock().unwrap();
    if !shared.is_open.load(Ordering::SeqCst) {
        return;
    }
    let Ok(server) = TcpStream::connect(to).await else {
        return;
    };
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let closed = async {
        loop {
            shared.changed.notified().await;
            if !shared.is_open.load(Ordering::SeqCst) {
                return;
            }
        }
    };
    tokio::select! {
        _ = up(from_client, to_server, &shared) => {}
        _ = down(from_server, to_client) => {}
        () = closed => {}
    }
}

async fn up(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, shared: &Shared) -> io::Result<()> {
    let mut buffer = vec![0; 16 << 10];
    loop {
        let read = from.read(&mut buffer).await?;
        if read == 0 {
            to.shutdown().await?;
            // What is answered still comes.
            return std::future::pending().await;
        }
        let before = shared.up.fetch_add(read as u64, Ordering::SeqCst);
        if before >= shared.most.load(Ordering::SeqCst) {
            shared.up.fetch_sub(read as u64, Ordering::SeqCst);
            shared.held.notify_one();
            return std::future::pending().await;
        }
        to.write_all(&buffer[..read]).await?;
    }
}

async fn down(mut from: OwnedReadHalf, mut to: OwnedWriteHalf) -> io::Result<()> {
    tokio::io::copy(&mut from, &mut to).await.map(drop)
}
