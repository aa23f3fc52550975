//! The real `berth` binary, started unattended on a free port with a data folder of its own.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::rc::Rc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::client::curl;
use crate::daemon::Daemon;
use crate::home::Home;
use crate::login::{AccessKey, Login, Request};
use crate::network::Network;

/// The first account, which the first start makes.
pub const ACCOUNT: &str = "berth";
/// The region, which is the project name in login commands.
pub const REGION: &str = "local";

const ADMIN: &str = "admin";
const ADMIN_PASSWORD: &str = "Correct-horse-7-battery";
const ADMIN_AK: &str = "E2EADMINACCESSKEY001";
const ADMIN_SK: &str = "e2eadminsecretaccesskey00000000000000001";

/// A user of the first account.
#[derive(Clone, Debug)]
pub struct User {
    /// The id that grants name.
    pub id: String,
    /// The name inside the account.
    pub name: String,
    /// The login with the user's password.
    pub login: Login,
}

/// A running registry. Dropped without a panic, it must stop cleanly.
#[derive(Debug)]
pub struct Server {
    port: u16,
    transport: Transport,
    daemon: Daemon,
    home: Home,
}

/// Where the server listens, and how.
#[derive(Clone, Debug)]
enum Transport {
    Plain,
    Tls,
    TlsIn(Rc<Network>),
}

impl Transport {
    fn host(&self) -> &'static str {
        match self {
            Self::Plain | Self::Tls => "127.0.0.1",
            Self::TlsIn(_) => Network::ADDRESS,
        }
    }
}

impl Server {
    /// Starts a fresh registry over plain HTTP and waits until it is ready.
    pub fn start() -> Self {
        Self::start_in(Home::new("berth"), Transport::Plain)
    }

    /// Starts a fresh registry over TLS, with a certificate of `berth tls self-signed`.
    pub fn start_with_tls() -> Self {
        let home = Home::new("berth");
        let transport = Transport::Tls;
        make_certificate(&home, transport.host());
        Self::start_in(home, transport)
    }

    /// The same at the one address of a network.
    pub fn start_with_tls_in(network: &Rc<Network>) -> Self {
        let home = Home::new("berth");
        let transport = Transport::TlsIn(Rc::clone(network));
        make_certificate(&home, transport.host());
        Self::start_in(home, transport)
    }

    /// Starts a fresh registry with its data in the folder `data` of this home, which may be a mount.
    pub fn start_at(home: Home) -> Self {
        Self::start_in(home, Transport::Plain)
    }

    fn start_in(home: Home, transport: Transport) -> Self {
        // Moved by `advance_clock`; the server's clock is read through this file.
        home.write("clock", "+0");
        let port = free_port();
        let daemon = spawn(&home, &transport, port);
        let mut server = Self {
            port,
            transport,
            daemon,
            home,
        };
        server.await_ready();
        server
    }

    /// The certificate of the authority that clients have to trust, as it is now.
    pub fn authority(&self) -> PathBuf {
        self.home.join("tls/ca.crt")
    }

    /// Replaces the authority and the server's certificate under the running server.
    pub fn renew_certificate(&self) {
        make_certificate(&self.home, self.transport.host());
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// `<host>:<port>`, as it stands in image names.
    pub fn address(&self) -> String {
        format!("{}:{}", self.transport.host(), self.port)
    }

    /// Its address with the scheme that it speaks.
    pub fn url(&self) -> String {
        let scheme = match self.transport {
            Transport::Plain => "http",
            Transport::Tls | Transport::TlsIn(_) => "https",
        };
        format!("{scheme}://{}", self.address())
    }

    /// The full name of an image of this registry.
    pub fn image(&self, name: &str) -> String {
        format!("{}/{name}", self.address())
    }

    /// The folder in which the server keeps everything.
    pub fn data(&self) -> PathBuf {
        self.home.join("data")
    }

    /// What the server has logged of the requests so far whose lines contain `text`.
    pub fn logged(&self, text: &str) -> Vec<String> {
        let log = self.daemon.log();
        let lines = log.lines().filter(|line| line.contains(text));
        lines.map(str::to_owned).collect()
    }

    /// Bytes that the server has sent in answers whose lines in the log contain `text`.
    pub fn bytes_sent(&self, text: &str) -> u64 {
        let sent = |line: &String| {
            let (_, sent) = line.split_once(" sent=")?;
            sent.split_whitespace().next()?.parse::<u64>().ok()
        };
        self.logged(text).iter().filter_map(sent).sum()
    }

    /// Stops with SIGTERM, asserts a clean exit, and starts again on the same data and port.
    pub fn restart(&mut self) {
        self.daemon.ask_to_stop();
        self.start_again_after_stop();
    }

    /// Asks the server to stop, without waiting for its end.
    pub fn ask_to_stop(&self) {
        self.daemon.ask_to_stop();
    }

    /// Waits for the end of a server that was asked to stop, and starts it again.
    pub fn start_again_after_stop(&mut self) {
        let status = self.daemon.wait();
        assert!(
            status.success(),
            "berth stopped with {status}:\n{}",
            self.daemon.log()
        );
        self.start_again();
    }

    /// Sends SIGKILL, without waiting for the end.
    pub fn kill(&self) {
        self.daemon.signal(Signal::KILL);
    }

    /// Waits for the end of a server that was killed.
    pub fn wait_after_kill(&mut self) {
        self.daemon.wait();
    }

    /// The id of the server's process.
    pub fn process_id(&self) -> u32 {
        self.daemon.process_id()
    }

    /// Kills the server with SIGKILL and starts it again on the same data and port.
    pub fn kill_and_restart(&mut self) {
        self.daemon.kill();
        self.start_again();
    }

    /// Lets the server's wall clock jump forward.
    pub fn advance_clock(&self, hours: u32) {
        self.home.write("clock", format!("+{hours}h"));
    }

    /// Runs `berth admin` on the server's data, beside the running server, and returns its JSON answer.
    pub fn admin(&self, arguments: &[&str]) -> Value {
        let output = berth(&self.home)
            .arg("admin")
            .args(arguments)
            .args(["--output", "json"])
            .stdin(Stdio::null())
            .output()
            .expect("berth can be run");
        assert!(
            output.status.success(),
            "berth admin {} failed:\n{}",
            arguments.join(" "),
            String::from_utf8_lossy(&output.stderr)
        );
        serde_json::from_slice(&output.stdout).expect("`--output json` prints JSON")
    }

    /// Makes an organisation of the first account.
    pub fn create_organization(&self, name: &str) {
        self.admin(&["org", "create", name, "--account", ACCOUNT]);
    }

    /// Makes a user of the first account, with what stands in `options` besides.
    pub fn create_user(&self, name: &str, options: &[&str]) -> User {
        let full_name = format!("{ACCOUNT}/{name}");
        let mut arguments = vec!["user", "create", &full_name];
        arguments.extend(options);
        let answer = self.admin(&arguments);
        User {
            id: text(&answer, "id"),
            name: name.to_owned(),
            login: Login {
                user: full_name,
                password: text(&answer, "password"),
            },
        }
    }

    /// Makes another account with an administrator, whose access key it answers.
    pub fn create_account(&self, account: &str) -> AccessKey {
        let administrator = format!("{account}/admin");
        self.admin(&["account", "create", account]);
        self.admin(&["user", "create", &administrator, "--administrator"]);
        self.create_key_of(&administrator)
    }

    /// Makes an access key of a user of the first account.
    pub fn create_key(&self, user: &str) -> AccessKey {
        self.create_key_of(&format!("{ACCOUNT}/{user}"))
    }

    fn create_key_of(&self, full_name: &str) -> AccessKey {
        let answer = self.admin(&["key", "create", full_name]);
        AccessKey {
            id: text(&answer, "access_key_id"),
            secret: text(&answer, "secret_access_key"),
        }
    }

    /// The administrator's name and password.
    pub fn administrator(&self) -> Login {
        administrator()
    }

    /// The administrator's access key.
    pub fn administrator_key(&self) -> AccessKey {
        administrator_key()
    }

    /// The administrator's long-term login.
    pub fn long_term_login(&self) -> Login {
        self.administrator_key().long_term_login(REGION)
    }

    /// A temporary login made with a key by the management API's `create_secret`.
    pub fn temporary_login(&self, key: &AccessKey) -> Login {
        let (path, query) = ("/v2/manage/utils/secret", format!("projectname={REGION}"));
        let request = Request {
            method: "POST",
            path,
            query: &query,
            ..Request::default()
        };
        let answer = self.manage(key, &request);
        let command = answer
            .lines()
            .find_map(|line| {
                let (name, value) = line.split_once(": ")?;
                name.eq_ignore_ascii_case("x-swr-dockerlogin").then_some(value)
            })
            .unwrap_or_else(|| panic!("create_secret showed no login command:\n{answer}"));
        let words: Vec<&str> = command.split_whitespace().collect();
        let &["docker", "login", "-u", user, "-p", password, address] = words.as_slice() else {
            panic!("not a login command: {command}");
        };
        assert_eq!(address, self.address());
        Login {
            user: user.to_owned(),
            password: password.to_owned(),
        }
    }

    /// Grants a user of the first account a right on an organisation: 1 read, 3 write, 7 manage.
    pub fn grant(&self, organization: &str, user: &User, right: u8) {
        let path = format!("/v2/manage/namespaces/{organization}/access");
        let body = json!([{"user_id": user.id, "user_name": user.name, "auth": right}]);
        let request = Request {
            method: "POST",
            path: &path,
            body: &body.to_string(),
            ..Request::default()
        };
        self.manage(&self.administrator_key(), &request);
    }

    /// Sends a signed request to the management API; the answer with its headers.
    pub fn manage(&self, key: &AccessKey, request: &Request) -> String {
        let [date, authorization] = key.sign(&self.address(), request);
        let Request {
            method,
            path,
            query,
            body,
        } = request;
        let url = format!("http://{}{path}?{query}", self.address());
        let mut arguments = vec!["--fail-with-body", "-i", "-X", method];
        arguments.extend(["-H", &date, "-H", &authorization]);
        arguments.extend([
            "-H",
            "Content-Type: application/json",
            "--data-binary",
            body,
            &url,
        ]);
        curl().ok(&arguments)
    }

    /// Starts a server that has ended again, on the same data and port.
    pub fn start_again(&mut self) {
        self.daemon = spawn(&self.home, &self.transport, self.port);
        self.await_ready();
    }

    fn await_ready(&mut self) {
        let curl = match &self.transport {
            Transport::Plain | Transport::Tls => curl(),
            Transport::TlsIn(network) => network.client("curl"),
        };
        let authority = self.authority();
        let authority = authority.to_string_lossy();
        let mut arguments = vec!["--silent", "--fail"];
        if !matches!(self.transport, Transport::Plain) {
            arguments.extend(["--cacert", &authority]);
        }
        let ready = format!("{}/readyz", self.url());
        arguments.push(&ready);
        self.daemon.wait_until(|| curl.run(&arguments).success);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if thread::panicking() {
            // The test's own output says what failed; the server's log says why.
            println_log(&self.daemon.log());
            return;
        }
        self.daemon.ask_to_stop();
        let status = self.daemon.wait();
        assert!(
            status.success(),
            "berth stopped with {status}:\n{}",
            self.daemon.log()
        );
    }
}

#[expect(
    clippy::print_stderr,
    reason = "the test runner shows it with the failed test"
)]
fn println_log(log: &str) {
    eprintln!("berth's log:\n{log}");
}

fn text(answer: &Value, field: &str) -> String {
    answer[field]
        .as_str()
        .unwrap_or_else(|| panic!("no {field:?} in {answer}"))
        .to_owned()
}

fn spawn(home: &Home, transport: &Transport, port: u16) -> Daemon {
    let mut command = match transport {
        Transport::Plain | Transport::Tls => Command::new(binary()),
        Transport::TlsIn(network) => network.command(binary()),
    };
    settings(&mut command, home)
        .arg("serve")
        .env("BERTH_LISTEN", format!("{}:{port}", transport.host()))
        .env("LD_PRELOAD", faketime())
        .env("FAKETIME_TIMESTAMP_FILE", home.join("clock"))
        .env("FAKETIME_NO_CACHE", "1");
    if !matches!(transport, Transport::Plain) {
        command
            .env("BERTH_TLS_CERTIFICATE", home.join("tls/server.crt"))
            .env("BERTH_TLS_KEY", home.join("tls/server.key"));
    }
    Daemon::spawn("berth", &mut command, &home.join("log"))
}

/// Makes an authority and a certificate for a host in the folder `tls` of a home.
pub(crate) fn make_certificate(home: &Home, host: &str) {
    let output = berth(home)
        .args(["tls", "self-signed", "--force", "--host", host])
        .arg("--directory")
        .arg(home.join("tls"))
        .output()
        .expect("berth can be run");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "berth tls self-signed failed:\n{errors}");
}

/// The name and password of the administrator that an unattended first start makes.
pub fn administrator() -> Login {
    Login {
        user: ADMIN.to_owned(),
        password: ADMIN_PASSWORD.to_owned(),
    }
}

/// The access key of the administrator that an unattended first start makes.
pub fn administrator_key() -> AccessKey {
    AccessKey {
        id: ADMIN_AK.to_owned(),
        secret: ADMIN_SK.to_owned(),
    }
}

/// `berth` with the settings of an unattended first start.
fn berth(home: &Home) -> Command {
    let mut command = Command::new(binary());
    settings(&mut command, home);
    command
}

fn settings<'a>(command: &'a mut Command, home: &Home) -> &'a mut Command {
    unattended(command, home.path())
}

/// The settings of an unattended first start with everything in a folder.
pub(crate) fn unattended<'a>(command: &'a mut Command, folder: &Path) -> &'a mut Command {
    command
        .current_dir(folder)
        .env("BERTH_DATA_DIR", folder.join("data"))
        .env("BERTH_REGION", REGION)
        // Other registries of a test are on this machine, too.
        .env("BERTH_OUTBOUND_ALLOW", "127.0.0.0/8")
        .env("BERTH_ACCOUNT", ACCOUNT)
        .env("BERTH_ADMIN_USER", ADMIN)
        .env("BERTH_ADMIN_PASSWORD", ADMIN_PASSWORD)
        .env("BERTH_ADMIN_AK", ADMIN_AK)
        .env("BERTH_ADMIN_SK", ADMIN_SK)
}

/// `BERTH_BIN`, or the binary that cargo built beside this program or test.
pub fn binary() -> PathBuf {
    if let Some(path) = std::env::var_os("BERTH_BIN") {
        return path.into();
    }
    let program = std::env::current_exe().expect("a process knows its program");
    let beside = program.with_file_name("berth");
    let path = if beside.exists() {
        beside
    } else {
        build_folder().join("berth")
    };
    assert!(
        path.exists(),
        "{} is missing: `cargo build --bin berth` makes it",
        path.display()
    );
    path
}

/// `target/<profile>`, in whose `deps` this very test lies.
pub(crate) fn build_folder() -> PathBuf {
    let test = std::env::current_exe().expect("a process knows its program");
    test.ancestors()
        .nth(2)
        .expect("tests lie in target/<profile>/deps")
        .to_owned()
}

/// The library that moves a process's wall clock.
pub fn faketime() -> PathBuf {
    let library = fs::read_dir("/usr/lib")
        .expect("/usr/lib can be listed")
        .flatten()
        .map(|entry| entry.path().join("faketime/libfaketimeMT.so.1"))
        .find(|path| Path::exists(path));
    library.expect("libfaketime is installed (run scripts/install-test-tools)")
}

/// A port that nothing listens on, below those that the kernel hands out to clients.
pub fn free_port() -> u16 {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    // Tests run beside each other, as processes or as threads: each starts to look somewhere else.
    let seed = std::process::id() + 97 * COUNT.fetch_add(1, Ordering::Relaxed);
    let start = 20_000 + u16::try_from(seed % 9_000).expect("below 9000");
    (start..30_000)
        .find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok())
        .expect("one of a thousand ports is free")
}
