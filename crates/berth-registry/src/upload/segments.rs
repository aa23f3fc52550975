//! A long body in pieces, so that what came of it is noted long before its end: whoever goes on after a crash sends no
//! more than two pieces again, one that was being noted and one that came beside.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use berth_blob::ByteStream;
use bytes::Bytes;
use futures_util::Stream;
use tokio::time::Instant;

/// A piece ends here. Large beside what the store makes durable at a time, small beside the largest layers.
const BYTES_MAX: u64 = 128 << 20;
/// Or after this time, on a slow way ...
const TIME_MAX: Duration = Duration::from_secs(10);
/// ... when it has as many bytes: an object store keeps smaller pieces apart.
const BYTES_MIN: u64 = 16 << 20;

/// The body, and how far it was taken.
pub(super) struct Segments(Arc<Mutex<Body>>);

struct Body {
    bytes: ByteStream,
    /// What came beyond the end of the last piece.
    rest: Option<Bytes>,
    has_ended: bool,
}

/// One piece.
struct Segment {
    body: Arc<Mutex<Body>>,
    came: u64,
    ends_at: Instant,
}

impl Segments {
    pub(super) fn of(bytes: ByteStream) -> Self {
        Self(Arc::new(Mutex::new(Body {
            bytes,
            rest: None,
            has_ended: false,
        })))
    }

    /// The next piece; asked for when the one before has ended.
    pub(super) fn next(&self) -> ByteStream {
        Box::pin(Segment {
            body: Arc::clone(&self.0),
            came: 0,
            ends_at: Instant::now() + TIME_MAX,
        })
    }

    /// Whether the body ended with the piece that was taken last.
    pub(super) fn have_ended(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).has_ended
    }
}

impl Stream for Segment {
    type Item = io::Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let is_late = self.came >= BYTES_MIN && Instant::now() >= self.ends_at;
        if self.came == BYTES_MAX || is_late {
            return Poll::Ready(None);
        }
        let polled = {
            let mut body = self.body.lock().unwrap_or_else(PoisonError::into_inner);
            let polled = match body.rest.take() {
                Some(rest) => Poll::Ready(Some(Ok(rest))),
                None if body.has_ended => Poll::Ready(None),
                None => body.bytes.as_mut().poll_next(context),
            };
            match polled {
                Poll::Ready(Some(Ok(mut bytes))) => {
                    let room = usize::try_from(BYTES_MAX - self.came).unwrap_or(usize::MAX);
                    if bytes.len() > room {
                        body.rest = Some(bytes.split_off(room));
                    }
                    Poll::Ready(Some(Ok(bytes)))
                }
                Poll::Ready(end) => {
                    body.has_ended = true;
                    Poll::Ready(end)
                }
                Poll::Pending => Poll::Pending,
            }
        };
        if let Poll::Ready(Some(Ok(bytes))) = &polled {
            self.came += bytes.len() as u64;
        }
        polled
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::{StreamExt as _, stream};

    /// The lengths of all pieces of a body that comes in chunks of these lengths, a second after each; whether it ends well.
    async fn pieces(chunks: &[u64], pause: Duration, ending: Option<io::Error>) -> (Vec<u64>, bool) {
        let chunks: Vec<_> = chunks
            .iter()
            .map(|length| usize::try_from(*length).unwrap())
            .collect();
        let body = stream::iter(chunks).then(move |length| async move {
            tokio::time::sleep(pause).await;
            Ok(Bytes::from(vec![0; length]))
        });
        let segments = Segments::of(Box::pin(body.chain(stream::iter(ending.map(Err)))));
        let (mut lengths, mut is_well) = (Vec::new(), true);
        while !segments.have_ended() {
            let mut piece = segments.next();
            let mut length = 0;
            while let Some(item) = piece.next().await {
                match item {
                    Ok(bytes) => length += bytes.len() as u64,
                    Err(_) => is_well = false,
                }
            }
            lengths.push(length);
        }
        (lengths, is_well)
    }

    #[tokio::test(start_paused = true)]
    async fn a_piece_ends_at_its_size_or_when_much_came_slowly() {
        const MIB: u64 = 1 << 20;
        let soon = Duration::from_millis(1);
        let slow = Duration::from_secs(4);
        for (chunks, pause, expected) in [
            (vec![], soon, vec![0]),
            (vec![1, 2, 3], soon, vec![6]),
            (vec![3 * MIB; 2], slow, vec![6 * MIB]),
            (vec![6 * MIB; 4], slow, vec![18 * MIB, 6 * MIB]),
            (vec![100 * MIB; 3], soon, vec![BYTES_MAX, BYTES_MAX, 44 * MIB]),
            (vec![64 * MIB; 2], soon, vec![BYTES_MAX, 0]),
        ] {
            let found = pieces(&chunks, pause, None).await;
            assert_eq!(found, (expected, true), "{chunks:?}");
        }
        let broken = io::Error::other("broken");
        assert_eq!(pieces(&[5], soon, Some(broken)).await, (vec![5], false));
    }
}
