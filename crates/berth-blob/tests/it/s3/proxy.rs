//! A proxy before an S3 server that goes wrong as it is told to: each request it carries may meet one fault.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rustix::net::sockopt::set_socket_linger;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::sleep;

/// What happens to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Nothing.
    None,
    /// The store refuses it: status, and `Retry-After` in seconds.
    Refused(u16, Option<u64>),
    /// The connection is reset before the store has heard of it.
    Reset,
    /// The store carries it out; the connection is reset in place of the answer.
    AnswerLost,
    /// The store carries it out and answers after this time.
    Late(Duration),
    /// Nothing happens for this time, then the connection ends.
    Stalled(Duration),
    /// The answer comes a few bytes at a time.
    Slow,
    /// The answer ends in its middle.
    Cut,
}

/// The faults that a store which works in the end may have.
pub(crate) const PASSING: [Fault; 9] = [
    Fault::Refused(503, None),
    Fault::Refused(503, Some(1)),
    Fault::Refused(500, None),
    Fault::Reset,
    Fault::AnswerLost,
    Fault::Late(Duration::from_secs(4)),
    Fault::Stalled(Duration::from_secs(4)),
    Fault::Slow,
    Fault::Cut,
];

/// Decides by the number of the request, from 1, and its first line.
type Plan = Box<dyn Fn(u64, &str) -> Fault + Send>;

/// The proxy; ends with its runtime.
pub(crate) struct Proxy {
    pub(crate) url: String,
    shared: Arc<Shared>,
}

struct Shared {
    store: String,
    requests: AtomicU64,
    plan: Mutex<Plan>,
}

impl Proxy {
    /// Stands before the store at this address.
    pub(crate) async fn before(endpoint: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let shared = Arc::new(Shared {
            store: endpoint.trim_start_matches("http://").to_owned(),
            requests: AtomicU64::new(0),
            plan: Mutex::new(Box::new(|_, _| Fault::None)),
        });
        let accepting = Arc::clone(&shared);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let shared = Arc::clone(&accepting);
                // A client that goes away in the middle is no failure of the proxy.
                tokio::spawn(async move { shared.serve(client).await.ok() });
            }
        });
        Self { url, shared }
    }

    /// From now on requests meet what `plan` says, counted from 1 again.
    pub(crate) fn plan(&self, plan: impl Fn(u64, &str) -> Fault + Send + 'static) {
        let mut place = self.shared.plan.lock().unwrap();
        self.shared.requests.store(0, Ordering::SeqCst);
        *place = Box::new(plan);
    }

    /// Requests since the last plan.
    pub(crate) fn requests(&self) -> u64 {
        self.shared.requests.load(Ordering::SeqCst)
    }
}

impl Shared {
    /// Carries one request; the connection ends with it.
    async fn serve(&self, mut client: TcpStream) -> std::io::Result<()> {
        let (head, body) = request(&mut client).await?;
        let line = head.lines().next().unwrap_or_default().to_owned();
        let fault = {
            let plan = self.plan.lock().unwrap();
            plan(self.requests.fetch_add(1, Ordering::SeqCst) + 1, &line)
        };
        match fault {
            Fault::Reset => return reset(&client),
            Fault::Stalled(time) => {
                sleep(time).await;
                return reset(&client);
            }
            Fault::Refused(status, after) => {
                let after = after.map_or(String::new(), |seconds| format!("Retry-After: {seconds}\r\n"));
                let answer =
                    format!("HTTP/1.1 {status} No\r\n{after}Content-Length: 0\r\nConnection: close\r\n\r\n");
                return client.write_all(answer.as_bytes()).await;
            }
            Fault::None | Fault::AnswerLost | Fault::Late(_) | Fault::Slow | Fault::Cut => {}
        }
        let answer = self.carry_out(&head, &body).await?;
        match fault {
            Fault::AnswerLost => return reset(&client),
            Fault::Late(time) => sleep(time).await,
            Fault::Cut => {
                client.write_all(&answer[..answer.len() / 2]).await?;
                return reset(&client);
            }
            Fault::Slow => {
                for bytes in answer.chunks(answer.len().div_ceil(20).max(1)) {
                    client.write_all(bytes).await?;
                    sleep(Duration::from_millis(20)).await;
                }
                return Ok(());
            }
            _ => {}
        }
        client.write_all(&answer).await
    }

    async fn carry_out(&self, head: &str, body: &[u8]) -> std::io::Result<Vec<u8>> {
        let mut store = TcpStream::connect(&self.store).await?;
        // The store ends its answer with the connection, so that nobody has to find the end.
        let (line, headers) = head.split_once("\r\n").unwrap_or((head, ""));
        store
            .write_all(format!("{line}\r\nConnection: close\r\n{headers}").as_bytes())
            .await?;
        store.write_all(body).await?;
        let mut answer = Vec::new();
        store.read_to_end(&mut answer).await?;
        Ok(answer)
    }
}

/// A request's head with the empty line, and its body.
async fn request(client: &mut TcpStream) -> std::io::Result<(String, Vec<u8>)> {
    let mut received = Vec::new();
    let head_length = loop {
        if let Some(at) = received.windows(4).position(|four| four == b"\r\n\r\n") {
            break at + 4;
        }
        if client.read_buf(&mut received).await? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
    };
    let head = String::from_utf8(received[..head_length].to_vec()).unwrap();
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        let named = name.eq_ignore_ascii_case("content-length");
        named.then(|| value.trim().parse::<usize>().unwrap())
    });
    let mut body = received.split_off(head_length);
    while body.len() < length.unwrap_or(0) {
        if client.read_buf(&mut body).await? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok((head, body))
}

/// Ends a connection so that the other side sees a reset.
fn reset(client: &TcpStream) -> std::io::Result<()> {
    Ok(set_socket_linger(client, Some(Duration::ZERO))?)
}
