//! How long lists and details of the management API take, one request at a time over one connection: medians, without
//! a judgement. The server's database was filled before (`manage.sql`).

use std::fmt::Write as _;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use clap::Args;

use crate::h1::{Body, Conn, Endpoint, Sink};
use crate::stats::{median, quantile};
use crate::tls;

#[derive(Args)]
pub struct ListsArgs {
    /// Address of the server, which is on this machine
    #[arg(long)]
    url: String,
    /// What the table calls it
    #[arg(long)]
    name: String,
    #[arg(long, default_value = "berth")]
    account: String,
    #[arg(long, default_value = "admin")]
    user: String,
    #[arg(long)]
    password: String,
    /// Measured requests of each call, after a tenth as many that are not
    #[arg(long, default_value_t = 200)]
    requests: usize,
}

/// Calls by what they are, with `{n}` for a number that changes from one request to the next, and the fewest bytes of a
/// right answer.
const CALLS: [(&str, &str, u64); 18] = [
    (
        "images v2, first page",
        "/v2/manage/repos?offset=0&limit=100",
        50_000,
    ),
    ("images v2, no parameter", "/v2/manage/repos", 50_000),
    (
        "images v2, page in the middle",
        "/v2/manage/repos?offset={n}&limit=100",
        50_000,
    ),
    (
        "images v2, newest first",
        "/v2/manage/repos?offset=0&limit=100&order_column=updated_at&order_type=desc",
        50_000,
    ),
    (
        "images v2, most tags first",
        "/v2/manage/repos?offset=0&limit=100&order_column=tag_count&order_type=desc",
        50_000,
    ),
    (
        "images v2, terraform's page",
        "/v2/manage/repos?offset={n}&limit=10",
        5_000,
    ),
    (
        "images v2, part of a name",
        "/v2/manage/repos?filter=name%3A%3A77%7Climit%3A%3A100%7Coffset%3A%3A0",
        50_000,
    ),
    (
        "images v2, one organization",
        "/v2/manage/repos?namespace=team5",
        50_000,
    ),
    ("images v3, first page", "/v3/manage/repos", 20_000),
    (
        "images v3, page in the middle",
        "/v3/manage/repos?marker={n}",
        20_000,
    ),
    ("image", "/v2/manage/namespaces/team{hundredth}/repos/app{n}", 300),
    (
        "tags v2, 100 of a hundred",
        "/v2/manage/namespaces/team{hundredth}/repos/app{n}/tags?offset=0&limit=100",
        50_000,
    ),
    (
        "tags v3, 100 of a hundred",
        "/v3/manage/namespaces/team{hundredth}/repos/app{n}/tags",
        30_000,
    ),
    (
        "tag",
        "/v2/manage/namespaces/team{hundredth}/repos/app{n}/tags/v77",
        300,
    ),
    ("search, a name and tags", "/v2/manage/search?q=app{n}", 100),
    ("search, a tag", "/v2/manage/search?q=v99", 1_000),
    ("search, nothing to find", "/v2/manage/search?q=nothing{n}", 50),
    ("search, a digest", "/v2/manage/search?q=sha256%3A10{n}", 50),
];

/// Prints the table of one server.
pub async fn run(args: ListsArgs) -> Result<()> {
    let endpoint = Endpoint::parse(&args.url, &tls::client_config(None)?)?;
    ensure!(
        endpoint.host == "127.0.0.1" || endpoint.host == "localhost",
        "{} is not on this machine",
        endpoint.host
    );
    let mut connection = Conn::connect(&endpoint).await?;
    let token = token(&mut connection, &args).await?;
    let mut table = format!(
        "{:<32} {:>10} {:>10} {:>10}\n",
        args.name, "median ms", "p99 ms", "bytes"
    );
    for (what, path, bytes_min) in CALLS {
        let (mut times, mut bytes) = (Vec::new(), 0);
        let unmeasured = args.requests / 10;
        for round in 0..unmeasured + args.requests {
            // Anything that reaches all over the 10,000 images.
            let n = (round * 7_919) % 9_900 + 1;
            let path = path.replace("{n}", &n.to_string());
            let path = path.replace("{hundredth}", &(n % 100).to_string());
            let begin = Instant::now();
            let head = connection
                .request("GET", &path, &[("x-auth-token", &token)], Body::Empty)
                .await?;
            head.expect(&[200], &path)?;
            bytes = connection.read_body(&head, &mut Sink::Discard).await?;
            let took = begin.elapsed();
            ensure!(
                bytes >= bytes_min,
                "{path}: {bytes} bytes, too few for what is stored"
            );
            if round >= unmeasured {
                times.push(took.as_secs_f64() * 1000.0);
            }
        }
        let p99 = quantile(&mut times, 0.99);
        writeln!(
            table,
            "{what:<32} {:>10.2} {p99:>10.2} {bytes:>10}",
            median(&times)
        )?;
    }
    print!("{table}");
    Ok(())
}

async fn token(connection: &mut Conn, args: &ListsArgs) -> Result<String> {
    let body = serde_json::json!({ "auth": {
        "identity": { "methods": ["password"], "password": { "user": {
            "name": args.user, "password": args.password, "domain": { "name": args.account },
        } } },
        "scope": { "domain": { "name": args.account } },
    } });
    let body = body.to_string();
    let headers = [("content-type", "application/json")];
    let sized = Body::Sized(body.as_bytes());
    let head = connection
        .request("POST", "/v3/auth/tokens", &headers, sized)
        .await?;
    head.expect(&[201], "a token")?;
    connection.read_body(&head, &mut Sink::Discard).await?;
    head.subject_token.context("an answer without a token")
}
