//! What a write promises when the server, or the way to it, goes away in the middle.

use super::*;
use crate::postgres_server::Server;
use sqlx::Row;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// When the way to the server breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cut {
    /// The server never hears of the commit.
    BeforeCommit,
    /// The server commits, and its answer is lost.
    AfterCommit,
}

/// A way to the server that breaks when the next commits pass.
struct Way {
    port: u16,
    cuts_left: Arc<AtomicUsize>,
}

impl Way {
    async fn to(target: u16, cut: Cut) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let cuts_left = Arc::new(AtomicUsize::new(0));
        let cuts = Arc::clone(&cuts_left);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(carry(client, target, cut, Arc::clone(&cuts)));
            }
        });
        Self { port, cuts_left }
    }
}

async fn carry(client: TcpStream, target: u16, cut: Cut, cuts: Arc<AtomicUsize>) {
    let server = TcpStream::connect(("127.0.0.1", target)).await.unwrap();
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let is_cut = Arc::new(AtomicBool::new(false));
    let cut_here = Arc::clone(&is_cut);
    let up = async move {
        let mut buffer = vec![0; 1 << 16];
        while let Ok(length @ 1..) = from_client.read(&mut buffer).await {
            let bytes = &buffer[..length];
            let is_commit = bytes.windows(6).any(|word| word == b"COMMIT");
            let is_due = is_commit
                && cuts
                    .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1))
                    .is_ok();
            if is_due && cut == Cut::BeforeCommit {
                return;
            }
            if is_due {
                cut_here.store(true, Ordering::SeqCst);
            }
            to_server.write_all(bytes).await.unwrap();
        }
    };
    let down = async move {
        let mut buffer = vec![0; 1 << 16];
        while let Ok(length @ 1..) = from_server.read(&mut buffer).await {
            if is_cut.load(Ordering::SeqCst) || to_client.write_all(&buffer[..length]).await.is_err() {
                return;
            }
        }
    };
    tokio::select! {
        () = up => {}
        () = down => {}
    }
}

async fn open(url: &str) -> Postgres {
    sqlx::any::install_default_drivers();
    Postgres::open(url, (5, Upgrade::Apply), Counter::default())
        .await
        .unwrap()
}

/// Adds one to a number and answers it.
async fn add_one(postgres: &Postgres) -> Result<i64, Error> {
    const ADD: &str = "INSERT INTO instance_values (name, value) VALUES ('number', '1') ON CONFLICT (name) \
         DO UPDATE SET value = CAST(CAST(instance_values.value AS BIGINT) + 1 AS TEXT) RETURNING value";
    postgres
        .write("add one", Durability::Durable, (), |tx, ()| {
            Box::pin(async move {
                let row = sqlx::query(ADD).fetch_all(tx).await?.remove(0);
                let value: String = row.try_get(0)?;
                Ok(value.parse().unwrap())
            })
        })
        .await
}

async fn number(postgres: &Postgres) -> i64 {
    let statement =
        sqlx::query("SELECT value FROM instance_values WHERE name = $1").bind("number".to_owned());
    let rows = postgres.fetch(statement, Rows::First).await.unwrap();
    let value: String = rows[0].try_get(0).unwrap();
    value.parse().unwrap()
}

async fn check_cut(cut: Cut) {
    let server = Server::start();
    let direct = server.create("cut");
    let (start, name) = direct.rsplit_once('/').unwrap();
    let (start, port) = start.rsplit_once(':').unwrap();
    let way = Way::to(port.parse().unwrap(), cut).await;
    let url = format!("{start}:{}/{name}", way.port);
    let postgres = open(&url).await;
    let mut expected = 0;
    for cuts in [0, 1, 2, 3, 0] {
        way.cuts_left.store(cuts, Ordering::SeqCst);
        expected += 1;
        assert_eq!(add_one(&postgres).await.unwrap(), expected, "{cut:?} {cuts}");
        assert_eq!(number(&postgres).await, expected, "{cut:?} {cuts}");
    }
}

#[tokio::test]
async fn a_commit_whose_answer_is_lost_is_done_once_and_told_as_done() {
    check_cut(Cut::AfterCommit).await;
}

#[tokio::test]
async fn a_commit_that_never_arrived_is_done_once_and_told_as_done() {
    check_cut(Cut::BeforeCommit).await;
}

#[tokio::test]
async fn a_restart_of_the_server_costs_a_wait_and_no_failure() {
    let server = Server::start();
    let postgres = open(&server.create("restarted")).await;
    let ended = AtomicBool::new(false);
    let worker = async || {
        let mut done = 0;
        while !ended.load(Ordering::SeqCst) {
            add_one(&postgres).await.unwrap();
            number(&postgres).await;
            done += 1;
        }
        done
    };
    let restarts = async {
        for _ in 0..3 {
            tokio::time::sleep(Duration::from_millis(300)).await;
            server.stop();
            tokio::time::sleep(Duration::from_millis(300)).await;
            server.resume();
        }
        tokio::time::sleep(Duration::from_millis(300)).await;
        ended.store(true, Ordering::SeqCst);
    };
    let (a, b, c, ()) = tokio::join!(worker(), worker(), worker(), restarts);
    assert!(a + b + c > 3);
    assert_eq!(number(&postgres).await, a + b + c);
}

#[tokio::test]
async fn ids_of_transactions_are_forgotten_after_a_while() {
    let server = Server::start();
    let postgres = open(&server.create("forgotten")).await;
    for _ in 0..5 {
        add_one(&postgres).await.unwrap();
    }
    let count = async || {
        let statement = sqlx::query("SELECT count(*) FROM commits");
        let rows = postgres.fetch(statement, Rows::All).await.unwrap();
        rows[0].try_get::<i64, _>(0).unwrap()
    };
    postgres.forget_commits().await.unwrap();
    let fresh = count().await;
    assert!(fresh >= 5, "{fresh}");
    postgres
        .write("age", Durability::Relaxed, (), |tx, ()| {
            Box::pin(async move {
                sqlx::query("UPDATE commits SET at = at - interval '2 hours'")
                    .execute(tx)
                    .await?;
                Ok(())
            })
        })
        .await
        .unwrap();
    postgres.forget_commits().await.unwrap();
    // That of the very transaction that forgets.
    assert_eq!(count().await, 1);
}
