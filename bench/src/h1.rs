//! A deliberately small HTTP/1.1 client.
//!
//! The generator shares the machine with the server it measures, so every
//! CPU cycle spent in the client is taken from the server. This client keeps one
//! connection per worker, writes request bytes as they are, and reads bodies
//! into one reused buffer (or drops them in the kernel, see [`Sink::Trunc`]).

mod head;

use std::io;
use std::net::ToSocketAddrs as _;
use std::os::fd::AsRawFd;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use anyhow::{Context as _, Result, bail, ensure};
use ring::digest;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, Interest, ReadBuf};
use tokio::net::{TcpSocket, TcpStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::pki_types::ServerName;

use self::head::parse_head;
pub use self::head::{Body, Head, render};

const READ_BUF: usize = 256 * 1024;
const SMALL_BUF: usize = 64 * 1024;
const MAX_HEAD: usize = 64 * 1024;

/// Where a server listens and how to speak to it.
#[derive(Clone)]
pub struct Endpoint {
    pub host: String,
    pub port: u16,
    pub tls: Option<TlsConnector>,
}

impl Endpoint {
    /// Parses `http://host:port` or `https://host:port`; `tls` serves the latter.
    pub fn parse(url: &str, tls: &Arc<rustls::ClientConfig>) -> Result<Self> {
        let (scheme, rest) = url.split_once("://").context("URL without scheme")?;
        let authority = rest.split('/').next().unwrap_or(rest);
        let secure = match scheme {
            "http" => false,
            "https" => true,
            other => bail!("unknown scheme {other}"),
        };
        let (host, port) = match authority.rsplit_once(':') {
            Some((h, p)) => (h.to_string(), p.parse()?),
            None => (authority.to_string(), if secure { 443 } else { 80 }),
        };
        Ok(Self {
            host,
            port,
            tls: secure.then(|| TlsConnector::from(tls.clone())),
        })
    }

    pub fn authority(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }
}

enum Io {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl AsyncRead for Io {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Io::Plain(s) => Pin::new(s).poll_read(cx, buf),
            Io::Tls(s) => Pin::new(s).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Io {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Io::Plain(s) => Pin::new(s).poll_write(cx, buf),
            Io::Tls(s) => Pin::new(s).poll_write(cx, buf),
        }
    }
    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Io::Plain(s) => Pin::new(s).poll_flush(cx),
            Io::Tls(s) => Pin::new(s).poll_flush(cx),
        }
    }
    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Io::Plain(s) => Pin::new(s).poll_shutdown(cx),
            Io::Tls(s) => Pin::new(s).poll_shutdown(cx),
        }
    }
}

/// What is done with response body bytes.
pub enum Sink<'a> {
    /// Read into a reused buffer and forget.
    Discard,
    /// Drop bytes inside the kernel with `MSG_TRUNC`: the cheapest possible
    /// client. Plain HTTP with a `Content-Length` only; falls back to `Discard`.
    Trunc,
    Collect(&'a mut Vec<u8>),
    Hash(&'a mut digest::Context),
    /// Hashes and counts: what came of a body that broke off is known.
    HashCount(&'a mut digest::Context, &'a mut u64),
}

pub struct Conn {
    io: Io,
    buf: Vec<u8>,
    start: usize,
    end: usize,
    authority: String,
    /// The last response asked for the connection to be closed.
    pub closed: bool,
}

impl Conn {
    pub async fn connect(ep: &Endpoint) -> Result<Self> {
        let tcp = TcpStream::connect((ep.host.as_str(), ep.port))
            .await
            .with_context(|| format!("connect {}", ep.authority()))?;
        Self::over(ep, tcp, READ_BUF).await
    }

    /// A connection that takes little memory, here and in the kernel: one of thousands.
    pub async fn connect_small(ep: &Endpoint) -> Result<Self> {
        let socket = TcpSocket::new_v4()?;
        socket.set_recv_buffer_size(SMALL_BUF as u32)?;
        let addr = (ep.host.as_str(), ep.port)
            .to_socket_addrs()?
            .find(std::net::SocketAddr::is_ipv4);
        let addr = addr.with_context(|| format!("{} has no IPv4 address", ep.host))?;
        let tcp = socket
            .connect(addr)
            .await
            .with_context(|| format!("connect {}", ep.authority()))?;
        Self::over(ep, tcp, SMALL_BUF).await
    }

    async fn over(ep: &Endpoint, tcp: TcpStream, buffer: usize) -> Result<Self> {
        tcp.set_nodelay(true)?;
        let io = match &ep.tls {
            None => Io::Plain(tcp),
            Some(tls) => {
                let name = ServerName::try_from(ep.host.clone())?;
                Io::Tls(Box::new(tls.connect(name, tcp).await?))
            }
        };
        Ok(Self {
            io,
            buf: vec![0; buffer],
            start: 0,
            end: 0,
            authority: ep.authority(),
            closed: false,
        })
    }

    /// What the Host header says.
    pub fn authority(&self) -> &str {
        &self.authority
    }

    pub async fn request(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Body<'_>,
    ) -> Result<Head> {
        let head = render(method, path, &self.authority, headers, &body);
        match body {
            Body::Empty => self.io.write_all(&head).await?,
            Body::Sized(data) if data.len() <= 64 * 1024 => {
                // One segment for a small request: no second wake-up at the server.
                let mut all = head;
                all.extend_from_slice(data);
                self.io.write_all(&all).await?;
            }
            Body::Sized(data) => {
                self.io.write_all(&head).await?;
                self.io.write_all(data).await?;
            }
            Body::Split(front, tail) => {
                self.io.write_all(&head).await?;
                self.io.write_all(front).await?;
                self.io.write_all(tail).await?;
            }
            Body::Chunked(data, chunk) => {
                self.io.write_all(&head).await?;
                for part in data.chunks(chunk) {
                    self.io
                        .write_all(format!("{:x}\r\n", part.len()).as_bytes())
                        .await?;
                    self.io.write_all(part).await?;
                    self.io.write_all(b"\r\n").await?;
                }
                self.io.write_all(b"0\r\n\r\n").await?;
            }
        }
        self.io.flush().await?;
        self.read_head(method == "HEAD").await
    }

    /// Sends bytes made by [`render`] and reads the response head.
    pub async fn send_rendered(&mut self, request: &[u8], head_only: bool) -> Result<Head> {
        self.io.write_all(request).await?;
        self.io.flush().await?;
        self.read_head(head_only).await
    }

    async fn fill(&mut self) -> Result<usize> {
        if self.start == self.end {
            self.start = 0;
            self.end = 0;
        } else if self.end == self.buf.len() {
            self.buf.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        ensure!(self.end < self.buf.len(), "response head too long");
        let n = self.io.read(&mut self.buf[self.end..]).await?;
        ensure!(n > 0, "connection closed by server");
        self.end += n;
        Ok(n)
    }

    async fn read_head(&mut self, head_only: bool) -> Result<Head> {
        loop {
            if self.start < self.end
                && let Some((head, used)) = parse_head(&self.buf[self.start..self.end])?
            {
                self.start += used;
                if head.status == 100 {
                    continue;
                }
                self.closed = head.close;
                return Ok(Head {
                    no_body: head_only || head.status == 204 || head.status == 304,
                    ..head
                });
            }
            ensure!(self.end - self.start < MAX_HEAD, "response head too long");
            self.fill().await?;
        }
    }

    /// Reads some of a body and forgets it: a client that takes its time. At most one buffer; returns how much.
    pub async fn read_some(&mut self) -> Result<usize> {
        if self.start == self.end {
            self.fill().await?;
        }
        let n = self.end - self.start;
        self.start = self.end;
        Ok(n)
    }

    /// Reads the response body to its end; returns its length.
    pub async fn read_body(&mut self, head: &Head, sink: &mut Sink<'_>) -> Result<u64> {
        if head.no_body {
            return Ok(0);
        }
        if head.chunked {
            return self.read_chunked(sink).await;
        }
        let Some(total) = head.content_length else {
            bail!("response with neither Content-Length nor chunked coding");
        };
        self.read_sized(total, sink).await?;
        Ok(total)
    }

    async fn read_sized(&mut self, total: u64, sink: &mut Sink<'_>) -> Result<()> {
        let mut left = total;
        let have = ((self.end - self.start) as u64).min(left) as usize;
        consume(sink, &self.buf[self.start..self.start + have]);
        self.start += have;
        left -= have as u64;
        if left == 0 {
            return Ok(());
        }
        // The buffer is empty from here on.
        self.start = 0;
        self.end = 0;
        if let (Sink::Trunc, Io::Plain(tcp)) = (&*sink, &self.io) {
            return drop_in_kernel(tcp, left).await;
        }
        while left > 0 {
            let want = left.min(self.buf.len() as u64) as usize;
            let n = self.io.read(&mut self.buf[..want]).await?;
            ensure!(n > 0, "connection closed {left} bytes before the body's end");
            consume(sink, &self.buf[..n]);
            left -= n as u64;
        }
        Ok(())
    }

    async fn read_chunked(&mut self, sink: &mut Sink<'_>) -> Result<u64> {
        let mut total = 0;
        loop {
            let size = loop {
                match httparse::parse_chunk_size(&self.buf[self.start..self.end]) {
                    Ok(httparse::Status::Complete((used, size))) => {
                        self.start += used;
                        break size;
                    }
                    Ok(httparse::Status::Partial) => {
                        self.fill().await?;
                    }
                    Err(_) => bail!("bad chunk size"),
                }
            };
            self.read_sized(size, sink).await?;
            total += size;
            while self.end - self.start < 2 {
                self.fill().await?;
            }
            self.start += 2;
            if size == 0 {
                return Ok(total);
            }
        }
    }
}

fn consume(sink: &mut Sink<'_>, data: &[u8]) {
    match sink {
        Sink::Discard | Sink::Trunc => {}
        Sink::Collect(out) => out.extend_from_slice(data),
        Sink::Hash(ctx) => ctx.update(data),
        Sink::HashCount(ctx, count) => {
            ctx.update(data);
            **count += data.len() as u64;
        }
    }
}

async fn drop_in_kernel(tcp: &TcpStream, mut left: u64) -> Result<()> {
    while left > 0 {
        let want = left.min(8 << 20) as usize;
        let n = tcp
            .async_io(Interest::READABLE, || {
                // SAFETY: with MSG_TRUNC a TCP receive drops the bytes and writes
                // nothing through the (null) pointer.
                let n = unsafe { libc::recv(tcp.as_raw_fd(), std::ptr::null_mut(), want, libc::MSG_TRUNC) };
                if n < 0 {
                    Err(io::Error::last_os_error())
                } else {
                    Ok(n as u64)
                }
            })
            .await?;
        ensure!(n > 0, "connection closed {left} bytes before the body's end");
        left -= n;
    }
    Ok(())
}
