//! Bytes of files go from the page cache to a plain HTTP/1 connection without passing through this process, while hyper
//! keeps the framing (decision 11). hyper is given stand-ins: slices of memory that nobody reads, of the length of the
//! bytes they stand for. The connection knows them by their address and has the system send the bytes of the file.
//! A stand-in that it cannot explain ends the connection. It refuses to know what is sent.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use axum::body::Body;
use berth_registry::{BlobPart, BlobPiece, BlobStream};
use bytes::Bytes;
use hyper::body::{Body as HttpBody, Frame};
use rustix::net::{SendAncillaryBuffer, SendFlags, sendmsg};
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use tokio::net::TcpStream;

use super::requests::Requests;

/// Parts that one connection can have between its body and its socket. hyper takes one more piece only while it holds
/// fewer bytes than its buffer may have, so there are at most a few.
const SLOTS: usize = 8;
/// How many bytes a connection sends before others have their turn: a few milliseconds of one processor, for a client that
/// takes as much as it is given.
const TURN_BYTES: usize = 16 << 20;

/// The memory whose slices stand for bytes of files, for all connections: zeros that the system need not keep, because
/// nobody looks at them.
static PAPER: LazyLock<&[u8]> = LazyLock::new(|| Vec::leak(vec![0; SLOTS * BlobPart::BYTES_MAX]));

/// What the bodies of a connection hand to its socket beside hyper; requests whose answers may use it carry it as an
/// extension.
#[derive(Clone, Debug, Default)]
pub(crate) struct Bypass(Arc<Mutex<Slots>>);

type Slots = [Option<Arc<BlobPart>>; SLOTS];

impl Bypass {
    /// The body of an answer on this connection. Nothing between here and the connection may look at its bytes.
    pub(crate) fn body(&self, stream: BlobStream) -> Body {
        let bypass = self.clone();
        Body::new(FileBody { stream, bypass })
    }

    /// Notes a part, and gives what stands for it.
    fn stand_in(&self, part: BlobPart) -> io::Result<Bytes> {
        let mut slots = self.slots();
        let free = slots.iter().position(Option::is_none);
        let slot =
            free.ok_or_else(|| io::Error::other("more parts on their way than a connection can have"))?;
        let stand_in = StandIn {
            bypass: self.clone(),
            slot,
            length: part.len(),
        };
        slots[slot] = Some(Arc::new(part));
        drop(slots);
        Ok(Bytes::from_owner(stand_in))
    }

    /// The part that all of `rest` stands for, and how many of its bytes came before.
    fn part(&self, rest: &[u8]) -> Option<(Arc<BlobPart>, usize)> {
        let place = rest.as_ptr().addr().checked_sub(PAPER.as_ptr().addr())?;
        let (slot, done) = (place / BlobPart::BYTES_MAX, place % BlobPart::BYTES_MAX);
        let part = self.slots().get(slot)?.clone()?;
        (done + rest.len() == part.len()).then_some((part, done))
    }

    fn slots(&self) -> MutexGuard<'_, Slots> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The owner of a slice of the paper: as long as it lives, the slice stands for one part.
struct StandIn {
    bypass: Bypass,
    slot: usize,
    length: usize,
}

impl AsRef<[u8]> for StandIn {
    fn as_ref(&self) -> &[u8] {
        &PAPER[self.slot * BlobPart::BYTES_MAX..][..self.length]
    }
}

impl Drop for StandIn {
    fn drop(&mut self) {
        self.bypass.slots()[self.slot] = None;
    }
}

fn is_stand_in(slice: &[u8]) -> bool {
    !slice.is_empty() && PAPER.as_ptr_range().contains(&slice.as_ptr())
}

/// A body whose bytes come from a file: what must be read is read, stand-ins are for the rest.
struct FileBody {
    stream: BlobStream,
    bypass: Bypass,
}

impl HttpBody for FileBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let piece = ready!(self.stream.poll_piece(context));
        Poll::Ready(piece.map(|piece| {
            let bytes = match piece? {
                BlobPiece::Read(bytes) => bytes,
                BlobPiece::Part(part) => self.bypass.stand_in(part)?,
            };
            Ok(Frame::data(bytes))
        }))
    }
}

/// A connection that sends the parts which its stand-ins stand for.
#[derive(Debug)]
pub(super) struct FileSender {
    stream: TcpStream,
    bypass: Bypass,
    requests: Arc<Requests>,
    /// Bytes sent since others had their turn.
    turn: usize,
}

impl FileSender {
    /// Counts what it sends for the requests of the connection.
    pub(super) fn new(stream: TcpStream, requests: Arc<Requests>) -> Self {
        Self {
            stream,
            bypass: Bypass::default(),
            requests,
            turn: 0,
        }
    }

    /// For the requests of this connection.
    pub(super) fn bypass(&self) -> Bypass {
        self.bypass.clone()
    }

    fn poll_part(&mut self, context: &mut Context<'_>, rest: &[u8]) -> Poll<io::Result<usize>> {
        if self.turn >= TURN_BYTES {
            self.turn = 0;
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        let (part, done) = self
            .bypass
            .part(rest)
            .ok_or_else(|| io::Error::other("it is not known for which bytes these stand"))?;
        let sent = self.poll_send(context, |stream| part.send(done, stream));
        match sent {
            Poll::Ready(Ok(sent)) => self.turn += sent,
            _ => self.turn = 0,
        }
        sent
    }

    /// Sends as soon as the socket takes something.
    fn poll_send(
        &self,
        context: &mut Context<'_>,
        mut attempt: impl FnMut(&TcpStream) -> io::Result<usize>,
    ) -> Poll<io::Result<usize>> {
        loop {
            ready!(self.stream.poll_write_ready(context))?;
            match self.stream.try_io(Interest::WRITABLE, || attempt(&self.stream)) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                sent => return Poll::Ready(sent),
            }
        }
    }
}

/// Sends what comes before a part; the first packet need not go before the part's bytes are in it.
fn send_before_part(stream: &TcpStream, slices: &[IoSlice<'_>]) -> io::Result<usize> {
    let flags = SendFlags::MORE | SendFlags::NOSIGNAL;
    Ok(sendmsg(
        stream,
        slices,
        &mut SendAncillaryBuffer::default(),
        flags,
    )?)
}

impl AsyncWrite for FileSender {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(context, &[IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let sent = match slices.iter().position(|slice| is_stand_in(slice)) {
            None => Pin::new(&mut self.stream).poll_write_vectored(context, slices),
            Some(0) => self.poll_part(context, &slices[0]),
            Some(before) => self.poll_send(context, |stream| send_before_part(stream, &slices[..before])),
        };
        if let Poll::Ready(Ok(bytes)) = &sent {
            self.requests.wrote(*bytes);
        }
        sent
    }

    fn is_write_vectored(&self) -> bool {
        // Without it hyper would copy what it sends into one buffer.
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

impl AsyncRead for FileSender {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}
