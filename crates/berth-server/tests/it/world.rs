//! A running server with people: an account with an administrator and an organization, a second account, and users with
//! rights, made beside the server as `berth admin` makes them.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use berth_metadata::{GrantTarget, Metadata};
use berth_registry::{
    AccessKeyPair, AccessType, Caller, IdentitySettings, Limits, NewPerson, Permission, Registry, Settings,
};
use http::Method;
use rustix::process::Signal;

use crate::berth::{Place, Server};
use crate::client::Client;
use crate::clock::Clock;
use crate::installation::{ACCESS_KEY_ID, Answer, LOGIN_KEY, VARIABLES, basic, signature_ahead};
use crate::stores::Stores;

/// The account and its organization.
pub(crate) const ACCOUNT: &str = "berth";
pub(crate) const TEAM: &str = "team";
/// An account that has no right on anything of the first one.
const ELSEWHERE: &str = "elsewhere";

/// The server and all its data.
pub(crate) struct World {
    server: Option<Server>,
    flags: Vec<String>,
    clock: Option<Clock>,
    /// Seconds that the clock is ahead.
    ahead: std::sync::atomic::AtomicU64,
    pub(crate) place: Place,
    stores: Stores,
    /// The rows, for what no request makes yet.
    pub(crate) metadata: Metadata,
    pub(crate) registry: Arc<Registry>,
    /// The administrator of the account.
    pub(crate) admin: Client,
}

/// An access key's long-term login, as its `Authorization` header.
fn login_of(pair: &AccessKeyPair) -> String {
    basic(&format!("local@{}", pair.access_key_id), &pair.login_key())
}

impl World {
    pub(crate) async fn start() -> Self {
        Self::start_with(&[]).await
    }

    /// A server with more flags.
    pub(crate) async fn start_with(flags: &[&str]) -> Self {
        Self::start_in(Place::new(), flags, None).await
    }

    /// A server with more flags, whose clock the test moves.
    pub(crate) async fn start_with_clock(flags: &[&str]) -> Self {
        let place = Place::new();
        let clock = Clock::new(&place);
        Self::start_in(place, flags, Some(clock)).await
    }

    async fn start_in(place: Place, flags: &[&str], clock: Option<Clock>) -> Self {
        let stores = Stores::new(&place);
        let server = serve(&place, &stores, flags, clock.as_ref());
        let data = place.0.path().join("data");
        let registry = Registry::open(Settings {
            database: stores.database.clone(),
            storage: stores.storage.clone(),
            limits: Limits::default(),
            identity: IdentitySettings {
                master_key_file: data.join("master.key"),
                region: "local".to_owned(),
                token_ttl: Duration::from_mins(15),
                temporary_login_ttl: Duration::from_hours(24),
            },
        });
        let registry = Box::pin(registry).await.unwrap();
        let team = TEAM.parse().unwrap();
        registry
            .create_organization_for(&Caller::System, &team, ACCOUNT, "admin")
            .await
            .unwrap();
        registry.create_account(&Caller::System, ELSEWHERE).await.unwrap();
        let admin = Client {
            http: reqwest::Client::builder().no_proxy().build().unwrap(),
            url: format!("http://{}", server.address),
            authorization: Some(basic(&format!("local@{ACCESS_KEY_ID}"), LOGIN_KEY)),
        };
        Self {
            flags: flags.iter().map(|flag| (*flag).to_owned()).collect(),
            clock,
            ahead: std::sync::atomic::AtomicU64::new(0),
            server: Some(server),
            place,
            metadata: Metadata::open(&stores.database).await.unwrap(),
            stores,
            registry: Arc::new(registry),
            admin,
        }
    }

    /// Where the rows are.
    pub(crate) fn database(&self) -> &str {
        &self.stores.database
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.server.as_ref().unwrap().address
    }

    pub(crate) fn process_id(&self) -> u32 {
        self.server.as_ref().unwrap().process_id()
    }

    /// Puts the server's clock so far ahead of the true time.
    pub(crate) fn move_clock(&self, ahead: Duration) {
        let clock = self.clock.as_ref().expect("started with a clock");
        clock.set(ahead.as_secs());
        self.ahead
            .store(ahead.as_secs(), std::sync::atomic::Ordering::SeqCst);
    }

    fn ahead(&self) -> Duration {
        Duration::from_secs(self.ahead.load(std::sync::atomic::Ordering::SeqCst))
    }

    /// Ends the server as an operator does, and starts it again; clients made before find it no more.
    pub(crate) fn restart(&mut self) {
        let ended = self.server.take().unwrap().stop();
        assert!(ended.status.success(), "{}", ended.err);
        self.begin_again();
    }

    /// The same, with other flags from then on.
    pub(crate) fn restart_with(&mut self, flags: &[&str]) {
        self.flags = flags.iter().map(|flag| (*flag).to_owned()).collect();
        self.restart();
    }

    /// Ends the server as an operator does, and answers what it logged.
    pub(crate) fn end(mut self) -> String {
        let ended = self.server.take().unwrap().stop();
        assert!(ended.status.success(), "{}", ended.err);
        ended.err
    }

    /// How long the server has computed, in hundredths of a second.
    pub(crate) fn processor_ticks(&self) -> u64 {
        self.server.as_ref().unwrap().processor_ticks()
    }

    /// Kills the server in the middle of what it does, and starts it again.
    pub(crate) fn kill(&mut self) {
        self.end_at_once();
        self.begin_again();
    }

    /// Kills the server, does something to its stores while there is none, and starts it again.
    pub(crate) async fn kill_and(&mut self, meanwhile: impl AsyncFnOnce(&Registry)) {
        self.end_at_once();
        meanwhile(&self.registry).await;
        self.begin_again();
    }

    fn end_at_once(&mut self) {
        let server = self.server.take().unwrap();
        server.signal(Signal::KILL);
        server.end();
    }

    fn begin_again(&mut self) {
        let flags: Vec<&str> = self.flags.iter().map(String::as_str).collect();
        let server = serve(&self.place, &self.stores, &flags, self.clock.as_ref());
        self.admin.url = format!("http://{}", server.address);
        self.server = Some(server);
    }

    /// A user of the account with this right on the organization, logged in by an access key.
    pub(crate) async fn member(&self, name: &str, permission: Permission) -> Client {
        let (user_id, pair) = self.person(ACCOUNT, name).await;
        self.grant(&user_id, permission).await;
        self.admin.with(&login_of(&pair))
    }

    /// A user of the account with this right on the organization, and an access key.
    pub(crate) async fn person_with(&self, name: &str, permission: Permission) -> (String, AccessKeyPair) {
        let name = format!("{name}-{}", permission.bits());
        let (user_id, pair) = self.person(ACCOUNT, &name).await;
        self.grant(&user_id, permission).await;
        (user_id, pair)
    }

    /// Gives a user a right on the organization.
    pub(crate) async fn grant(&self, user_id: &str, permission: Permission) {
        let organization = self.metadata.organization(TEAM).await.unwrap().unwrap();
        let target = GrantTarget::Organization(organization.id);
        let grants = [(user_id.to_owned(), permission)];
        self.metadata.add_grants(target, &grants).await.unwrap();
    }

    /// What a management request is answered with that is signed with an access key and its secret.
    pub(crate) async fn signed(
        &self,
        keys: (&str, &str),
        method: Method,
        (target, body): (&str, &str),
    ) -> Answer {
        let headers = signature_ahead(self.ahead(), self.address(), keys, &method, (target, body));
        let request = self
            .admin
            .http
            .request(method, format!("{}{target}", self.admin.url));
        let response = request
            .headers(headers)
            .body(body.to_owned())
            .send()
            .await
            .unwrap();
        Answer {
            status: response.status(),
            headers: response.headers().clone(),
            text: response.text().await.unwrap(),
        }
    }

    /// A user of another account, without any right here.
    pub(crate) async fn stranger(&self) -> Client {
        let (_, pair) = self.person(ELSEWHERE, "stranger").await;
        self.admin.with(&login_of(&pair))
    }

    /// A user with a key; answers the user's id and the key.
    pub(crate) async fn person(&self, account: &str, name: &str) -> (String, AccessKeyPair) {
        let person = NewPerson {
            name: name.to_owned(),
            password: None,
            access: AccessType::Programmatic,
            administrator: false,
            description: String::new(),
        };
        let user = self.registry.create_user(&Caller::System, account, person);
        let user = user.await.unwrap();
        let pair = self.registry.create_access_key(&Caller::System, account, name);
        (user.id, pair.await.unwrap())
    }

    /// A second organization of the account, in which only its administrator has rights.
    pub(crate) async fn organization(&self, name: &str) {
        self.registry
            .create_organization_for(&Caller::System, &name.parse().unwrap(), ACCOUNT, "admin")
            .await
            .unwrap();
    }

    /// Lets everybody pull from a repository.
    pub(crate) async fn publish(&self, repository: &str) {
        let found = self.metadata.repository(repository).await.unwrap().unwrap();
        assert!(
            self.metadata
                .set_repository_public(found.id, true, 0)
                .await
                .unwrap()
        );
    }

    /// The same client with a token for these scopes, separated by spaces, in place of its login.
    pub(crate) async fn token(&self, client: &Client, scopes: &str) -> Client {
        let query: String = form_urlencoded::Serializer::new(String::new())
            .append_pair("service", "berth")
            .append_pair("scope", scopes)
            .finish();
        let answer = client.ask(format!("GET /token?{query}")).await.is(200);
        client.with(&format!("Bearer {}", answer.json()["token"].as_str().unwrap()))
    }

    /// Every file that holds bytes of blobs or uploads.
    pub(crate) fn stored_files(&self) -> Vec<PathBuf> {
        self.stores.files()
    }
}

fn serve(place: &Place, stores: &Stores, flags: &[&str], clock: Option<&Clock>) -> Server {
    let mut variables = stores.variables(VARIABLES);
    variables.extend(clock.iter().flat_map(|clock| clock.variables()));
    place.serve_with(flags, &variables)
}
