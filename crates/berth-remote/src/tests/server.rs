//! A server that answers what it is told, and keeps what it was asked. HTTP/1.1 by hand, so that it can break the rules.

use std::fmt::Write;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};

use crate::{Guard, Limits, Login, Remote, configure};

/// A request that came.
#[derive(Debug, Clone, Default)]
pub(super) struct Asked {
    pub(super) method: String,
    pub(super) target: String,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

impl Asked {
    pub(super) fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(key, _)| key == name);
        found.map_or("", |(_, value)| value)
    }

    /// `GET /v2/`.
    pub(super) fn line(&self) -> String {
        format!("{} {}", self.method, self.target)
    }
}

/// What a request is answered with. `{base}` in headers and body stands for the server's own address.
#[derive(Debug, Clone)]
pub(super) struct Reply {
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    manner: Manner,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Manner {
    Whole,
    /// The connection ends after so many bytes of the body.
    Cut(usize),
    /// Nothing follows after so many bytes of the body.
    Stall(usize),
    /// A byte of the body every 50 ms.
    Dripping,
    /// The connection ends without an answer.
    Closed,
    /// There is never an answer.
    Silent,
    /// So many bytes of the request's body are read, and the connection ends.
    Broken(usize),
}

pub(super) fn reply(status: u16) -> Reply {
    Reply {
        status,
        headers: Vec::new(),
        body: Vec::new(),
        manner: Manner::Whole,
    }
}

impl Reply {
    pub(super) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(super) fn body(mut self, body: impl AsRef<[u8]>) -> Self {
        self.body = body.as_ref().to_vec();
        self
    }

    pub(super) fn cut(mut self, after: usize) -> Self {
        self.manner = Manner::Cut(after);
        self
    }

    pub(super) fn stalled(mut self, after: usize) -> Self {
        self.manner = Manner::Stall(after);
        self
    }

    pub(super) fn dripping(mut self) -> Self {
        self.manner = Manner::Dripping;
        self
    }

    pub(super) fn closed() -> Self {
        Self {
            manner: Manner::Closed,
            ..reply(0)
        }
    }

    pub(super) fn silent() -> Self {
        Self {
            manner: Manner::Silent,
            ..reply(0)
        }
    }

    /// What a connection that breaks in the middle of a request looks like.
    pub(super) fn broken(after: usize) -> Self {
        Self {
            manner: Manner::Broken(after),
            ..reply(0)
        }
    }
}

type Early = dyn Fn(&Asked) -> Option<Reply> + Send + Sync;

/// What is decided when the head of a request is there, and when its body is.
struct Answering {
    early: Box<Early>,
    late: Box<dyn Fn(&Asked) -> Reply + Send + Sync>,
}

/// A running server; ended with the value.
pub(super) struct Server {
    port: u16,
    log: Arc<Mutex<Vec<Asked>>>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Server {
    /// Answers by the head of what is asked.
    pub(super) async fn answering(answer: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> Self {
        Self::keeping(move |asked| Some(answer(asked)), |_| reply(418)).await
    }

    /// Answers by what is asked, body included. `early` sees the head and may say that the connection breaks; `late` is
    /// told what came all the same.
    pub(super) async fn keeping(
        early: impl Fn(&Asked) -> Option<Reply> + Send + Sync + 'static,
        late: impl Fn(&Asked) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let log: Arc<Mutex<Vec<Asked>>> = Arc::default();
        let kept = Arc::clone(&log);
        let answering = Arc::new(Answering {
            early: Box::new(early),
            late: Box::new(late),
        });
        let task = tokio::spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                connections.spawn(serve(stream, port, Arc::clone(&kept), Arc::clone(&answering)));
            }
        });
        Self { port, log, task }
    }

    /// Answers in turn, and with 418 whoever asks for more.
    pub(super) async fn scripted(replies: Vec<Reply>) -> Self {
        let turn = AtomicUsize::new(0);
        Self::answering(move |_| {
            let reply = replies.get(turn.fetch_add(1, Ordering::Relaxed));
            reply.cloned().unwrap_or_else(reply_beyond)
        })
        .await
    }

    pub(super) fn base(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// What was asked, in order.
    pub(super) fn asked(&self) -> Vec<Asked> {
        self.log.lock().unwrap().clone()
    }

    /// The request lines, in order.
    pub(super) fn lines(&self) -> Vec<String> {
        self.asked().iter().map(Asked::line).collect()
    }

    /// A client of this server.
    pub(super) fn remote(&self, login: Option<Login>) -> Remote {
        self.limited(login, limits())
    }

    pub(super) fn limited(&self, login: Option<Login>, limits: Limits) -> Remote {
        remote(&self.base(), login, limits)
    }
}

fn reply_beyond() -> Reply {
    reply(418)
}

/// Little patience, and small chunks.
pub(super) fn limits() -> Limits {
    Limits {
        stall: Duration::from_millis(500),
        answer: Duration::from_secs(1),
        attempts: 3,
        pause_max: Duration::from_millis(10),
        chunk_bytes: 1000,
        document_bytes_max: 10_000,
        entries_max: 50,
        pages_max: 20,
        ..Limits::default()
    }
}

pub(super) fn remote(base: &str, login: Option<Login>, limits: Limits) -> Remote {
    let client = configure(reqwest::Client::builder()).build().unwrap();
    Remote::new(base, login, client, Guard::open(), limits).unwrap()
}

async fn serve(stream: TcpStream, port: u16, log: Arc<Mutex<Vec<Asked>>>, answering: Arc<Answering>) {
    let (reader, mut writer) = stream.into_split();
    let mut reader = BufReader::new(reader);
    while let Some(mut asked) = head(&mut reader).await {
        let early = (answering.early)(&asked);
        let limit = match early.as_ref().map(|reply| reply.manner) {
            Some(Manner::Broken(after)) => after,
            _ => usize::MAX,
        };
        asked.body = body(&mut reader, &asked, limit).await;
        let late = (answering.late)(&asked);
        log.lock().unwrap().push(asked);
        let reply = early.unwrap_or(late);
        if !write(&mut writer, &reply, port).await {
            return;
        }
    }
}

async fn line(reader: &mut BufReader<OwnedReadHalf>) -> Option<String> {
    let mut line = Vec::new();
    while !line.ends_with(b"\r\n") {
        line.push(reader.read_u8().await.ok()?);
    }
    Some(String::from_utf8_lossy(&line[..line.len() - 2]).into_owned())
}

async fn head(reader: &mut BufReader<OwnedReadHalf>) -> Option<Asked> {
    let first = line(reader).await?;
    let mut words = first.split(' ');
    let mut asked = Asked {
        method: words.next()?.to_owned(),
        target: words.next()?.to_owned(),
        ..Asked::default()
    };
    loop {
        let header = line(reader).await?;
        let Some((name, value)) = header.split_once(':') else {
            return Some(asked);
        };
        let pair = (name.to_ascii_lowercase(), value.trim().to_owned());
        asked.headers.push(pair);
    }
}

async fn body(reader: &mut BufReader<OwnedReadHalf>, asked: &Asked, limit: usize) -> Vec<u8> {
    assert_eq!(asked.header("transfer-encoding"), "", "lengths are always told");
    let length: usize = asked.header("content-length").parse().unwrap_or(0);
    let mut body = vec![0; length.min(limit)];
    let mut filled = 0;
    while filled < body.len() {
        match reader.read(&mut body[filled..]).await {
            Ok(0) | Err(_) => break,
            Ok(read) => filled += read,
        }
    }
    body.truncate(filled);
    body
}

/// Writes an answer; false when the connection ends with it.
async fn write(writer: &mut OwnedWriteHalf, reply: &Reply, port: u16) -> bool {
    let own = |text: &str| text.replace("{base}", &format!("http://127.0.0.1:{port}"));
    match reply.manner {
        Manner::Closed | Manner::Broken(_) => return false,
        Manner::Silent => {
            tokio::time::sleep(Duration::from_mins(1)).await;
            return false;
        }
        Manner::Whole | Manner::Cut(_) | Manner::Stall(_) | Manner::Dripping => {}
    }
    let body = match std::str::from_utf8(&reply.body) {
        Ok(text) if text.contains("{base}") => own(text).into_bytes(),
        _ => reply.body.clone(),
    };
    let mut head = format!("HTTP/1.1 {} Said\r\n", reply.status);
    let tells_length = reply.headers.iter().any(|(name, _)| name == "content-length");
    if reply.status != 204 && !tells_length {
        write!(head, "content-length: {}\r\n", body.len()).unwrap();
    }
    for (name, value) in &reply.headers {
        write!(head, "{name}: {}\r\n", own(value)).unwrap();
    }
    head += "\r\n";
    let sent = match reply.manner {
        Manner::Cut(after) | Manner::Stall(after) => &body[..after],
        _ => &body,
    };
    let written = async {
        writer.write_all(head.as_bytes()).await?;
        if reply.manner == Manner::Dripping {
            for byte in sent {
                writer.write_u8(*byte).await?;
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            return Ok(());
        }
        writer.write_all(sent).await
    };
    if written.await.is_err() {
        return false;
    }
    if let Manner::Stall(_) = reply.manner {
        tokio::time::sleep(Duration::from_mins(1)).await;
    }
    reply.manner == Manner::Whole
}
