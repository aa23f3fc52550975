//! A network cable that can be cut: a TCP proxy in this process between a client and a server of a test. It passes bytes
//! or keeps them, closes connections or lets them hang, and may lead somewhere else from some moment on. Knows no
//! protocol.

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

/// How the cable is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cable {
    /// Bytes pass.
    Whole,
    /// Bytes that are sent are kept, connections stay open, new ones are taken: as when packets are dropped on the way.
    /// What was kept arrives when the cable is whole again.
    Silent,
    /// Every connection is reset, and new ones too.
    Cut,
    /// Bytes pass, each piece of them so many milliseconds late.
    Slow(u64),
    /// What is sent arrives, and the answers do not: connections end instead of bringing them.
    Deaf,
    /// Whatever is sent is answered with these bytes and the end of the connection, and does not arrive.
    Refusing(&'static str),
}

/// A cable; cut for ever when it is dropped.
#[derive(Debug)]
pub struct Wire {
    port: u16,
    cable: watch::Sender<Cable>,
    target: Arc<Mutex<SocketAddr>>,
    counts: Arc<Counts>,
    acceptor: JoinHandle<()>,
}

/// Bytes that passed.
#[derive(Debug, Default)]
struct Counts {
    there: AtomicU64,
    back: AtomicU64,
}

impl Wire {
    /// A whole cable to a port of this machine.
    pub async fn to(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let own = listener.local_addr().expect("a listener has an address").port();
        let target = Arc::new(Mutex::new(local(port)));
        let (cable, state) = watch::channel(Cable::Whole);
        let counts: Arc<Counts> = Arc::default();
        let line = Line {
            state,
            counts: Arc::clone(&counts),
        };
        let acceptor = tokio::spawn(accept(listener, Arc::clone(&target), line));
        Self {
            port: own,
            cable,
            target,
            counts,
            acceptor,
        }
    }

    /// The port of its near end.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Changes how the cable is.
    pub fn set(&self, cable: Cable) {
        self.cable.send_replace(cable);
    }

    /// Bytes that passed from clients to the server so far.
    pub fn sent(&self) -> u64 {
        self.counts.there.load(Ordering::Relaxed)
    }

    /// Bytes that passed from the server to clients so far.
    pub fn received(&self) -> u64 {
        self.counts.back.load(Ordering::Relaxed)
    }

    /// Leads connections that begin from now on to another port.
    pub fn lead_to(&self, port: u16) {
        *self.target.lock().unwrap_or_else(PoisonError::into_inner) = local(port);
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.acceptor.abort();
    }
}

fn local(port: u16) -> SocketAddr {
    ([127, 0, 0, 1], port).into()
}

/// What every connection needs of the cable.
#[derive(Clone)]
struct Line {
    state: watch::Receiver<Cable>,
    counts: Arc<Counts>,
}

async fn accept(listener: TcpListener, target: Arc<Mutex<SocketAddr>>, line: Line) {
    let mut connections = JoinSet::new();
    while let Ok((near, _)) = listener.accept().await {
        let target = *target.lock().unwrap_or_else(PoisonError::into_inner);
        connections.spawn(carry(near, target, line.clone()));
        // Those that ended are forgotten; those that go on end with this task.
        while connections.try_join_next().is_some() {}
    }
}

/// Carries one connection until either side ends it or the cable is cut.
async fn carry(near: TcpStream, target: SocketAddr, line: Line) {
    let mut state = line.state.clone();
    let mut waiting = state.clone();
    let carried = async {
        waiting.wait_for(|cable| *cable != Cable::Silent).await.ok()?;
        let far = TcpStream::connect(target).await.ok()?;
        let _ = (near.set_nodelay(true), far.set_nodelay(true));
        let (near, far) = (near.into_split(), far.into_split());
        let (mut near_writer, mut far_writer) = (near.1, far.1);
        let answer = {
            let there = pass(near.0, &mut far_writer, (line.clone(), Way::There));
            let back = pass(far.0, &mut near_writer, (line.clone(), Way::Back));
            tokio::select! {
                ended = there => ended,
                ended = back => ended,
            }
        };
        // Either end ends both: databases and HTTP servers do not speak to half a connection.
        if let Ok(Some(answer)) = answer {
            let _ = near_writer.write_all(answer.as_bytes()).await;
            let _ = near_writer.shutdown().await;
        }
        Some(())
    };
    tokio::select! {
        _ = carried => {}
        _ = state.wait_for(|cable| *cable == Cable::Cut) => {}
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    There,
    Back,
}

/// Passes bytes until the connection ends; the answer that stands for them, when they are refused.
async fn pass(
    mut from: OwnedReadHalf,
    to: &mut OwnedWriteHalf,
    (mut line, way): (Line, Way),
) -> io::Result<Option<&'static str>> {
    let mut buffer = vec![0; 64 << 10];
    loop {
        let read = from.read(&mut buffer).await?;
        if read == 0 {
            return Ok(None);
        }
        let cable = *line
            .state
            .wait_for(|cable| *cable != Cable::Silent)
            .await
            .map_err(io::Error::other)?;
        match (cable, way) {
            (Cable::Slow(milliseconds), _) => tokio::time::sleep(Duration::from_millis(milliseconds)).await,
            (Cable::Deaf, Way::Back) => return Ok(None),
            (Cable::Refusing(answer), Way::There) => return Ok(Some(answer)),
            _ => {}
        }
        let count = match way {
            Way::There => &line.counts.there,
            Way::Back => &line.counts.back,
        };
        count.fetch_add(read as u64, Ordering::Relaxed);
        to.write_all(&buffer[..read]).await?;
    }
}
