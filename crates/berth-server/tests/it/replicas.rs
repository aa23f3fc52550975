//! Two servers over one PostgreSQL and one folder: what one did the other knows, and nothing is done twice.

mod attempts;
mod events;
mod reading;
mod swarm;
mod tags;
mod uploads;

use crate::berth::{Place, Server};
use crate::client::Client;
use crate::installation::{ACCESS_KEY_ID, LOGIN_KEY, VARIABLES, basic};
use crate::postgres;

/// The organization that everything is pushed to.
const TEAM: &str = "team";

/// Both servers, and what they share.
struct Replicas {
    first: Server,
    second: Option<Server>,
    place: Place,
    url: String,
    /// Ends with the test.
    _database: postgres::Server,
    /// The administrator, at the first and at the second.
    a: Client,
    b: Client,
}

impl Replicas {
    fn start() -> Self {
        let database = postgres::Server::start();
        let url = database.create("berth");
        let place = Place::new();
        let first = serve(&place, &url);
        let second = serve(&place, &url);
        let replicas = Self {
            a: client(&first),
            b: client(&second),
            first,
            second: Some(second),
            place,
            url,
            _database: database,
        };
        replicas.admin(&["org", "create", TEAM, "--account", "berth"]);
        replicas
    }

    /// Runs `berth admin` beside both, and reads its answer.
    fn admin(&self, arguments: &[&str]) -> serde_json::Value {
        let all = [&["admin", "--output", "json", "--database", &self.url], arguments].concat();
        let ended = self.place.run(&all, &[]);
        assert!(ended.status.success(), "{arguments:?}: {}", ended.err);
        serde_json::from_str(&ended.out).unwrap()
    }

    /// A member of the organization, at both.
    fn member(&self, name: &str) -> (Client, Client) {
        let full_name = format!("berth/{name}");
        self.admin(&["user", "create", &full_name]);
        let key = self.admin(&["key", "create", &full_name]);
        self.admin(&["grant", "set", TEAM, &full_name, "write"]);
        let text = |field: &str| key[field].as_str().unwrap().to_owned();
        let login = basic(&format!("local@{}", text("access_key_id")), &text("login_key"));
        (self.a.with(&login), self.b.with(&login))
    }
}

fn serve(place: &Place, url: &str) -> Server {
    place.serve_with(&["--database", url], VARIABLES)
}

fn client(server: &Server) -> Client {
    Client {
        // A connection is no way to tell a replica by: each request may go anywhere.
        http: reqwest::Client::builder().no_proxy().build().unwrap(),
        url: format!("http://{}", server.address),
        authorization: Some(basic(&format!("local@{ACCESS_KEY_ID}"), LOGIN_KEY)),
    }
}

#[tokio::test]
async fn servers_that_start_at_once_on_nothing_all_serve() {
    let database = postgres::Server::start();
    for round in 0..3 {
        let url = database.create(&format!("berth{round}"));
        let place = Place::new();
        let servers = std::thread::scope(|scope| {
            let starts: Vec<_> = (0..4).map(|_| scope.spawn(|| serve(&place, &url))).collect();
            starts
                .into_iter()
                .map(|start| start.join().unwrap())
                .collect::<Vec<_>>()
        });
        for server in &servers {
            client(server).ask("GET /v2/").await.is(200);
            client(server).ask("GET /readyz").await.is(200);
        }
    }
}
