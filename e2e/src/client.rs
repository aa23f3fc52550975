//! A registry client as a person runs it: a program, its own configuration folder, and what it shows.
//! Every client has a home of its own, so that no login, cache or image of one helps another.

use std::ffi::OsStr;
use std::process::{Command, Stdio};

use crate::home::Home;
use crate::login::Login;

/// Seconds that one client command may take.
const SECONDS_MAX: &str = "420";

/// What a command left behind.
#[derive(Debug)]
pub struct Outcome {
    /// The command line, for messages.
    pub command: String,
    /// Whether the exit status was 0.
    pub success: bool,
    /// The standard output.
    pub stdout: String,
    /// The standard error.
    pub stderr: String,
}

impl Outcome {
    /// The trimmed standard output of a command that must have succeeded.
    pub fn ok(self) -> String {
        assert!(
            self.success,
            "`{}` failed:\n{}{}",
            self.command, self.stdout, self.stderr
        );
        self.stdout.trim().to_owned()
    }

    /// Asserts that the command failed and that its user was shown `text`.
    pub fn refused(self, text: &str) {
        let shown = format!("{}{}", self.stdout, self.stderr);
        assert!(!self.success, "`{}` was not refused:\n{shown}", self.command);
        assert!(
            shown.contains(text),
            "`{}` failed without showing {text:?}:\n{shown}",
            self.command
        );
    }
}

/// A program with the arguments and the environment that keep it in its home.
#[derive(Debug)]
pub struct Client {
    program: String,
    arguments: Vec<String>,
    environment: Vec<(String, String)>,
    home: Home,
}

impl Client {
    /// A client that reads nothing but its own home.
    pub fn new(program: &str) -> Self {
        Self {
            program: program.to_owned(),
            arguments: Vec::new(),
            environment: Vec::new(),
            home: Home::new(program.rsplit('/').next().unwrap_or(program)),
        }
    }

    /// Adds an argument that goes before those of every command.
    #[must_use]
    pub fn argument(mut self, argument: impl Into<String>) -> Self {
        self.arguments.push(argument.into());
        self
    }

    /// Adds an environment variable of every command.
    #[must_use]
    pub fn variable(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        let value = value.as_ref().to_string_lossy().into_owned();
        self.environment.push((name.to_owned(), value));
        self
    }

    /// The client's own folder.
    pub fn home(&self) -> &Home {
        &self.home
    }

    /// The command that runs the client with these arguments, ready to be started.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("timeout");
        command
            .args(["--kill-after=10", SECONDS_MAX, &self.program])
            .args(&self.arguments)
            .args(arguments)
            .current_dir(self.home.path())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").expect("PATH is set"))
            .env("HOME", self.home.path())
            .env("LANG", "C.UTF-8")
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null());
        command
    }

    /// Runs the client to its end.
    pub fn run(&self, arguments: &[&str]) -> Outcome {
        let output = self
            .command(arguments)
            .output()
            .expect("the command `timeout` is there");
        Outcome {
            command: format!("{} {}", self.program, arguments.join(" ")),
            success: output.status.success(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// Runs the client, which must succeed, and returns its trimmed standard output.
    pub fn ok(&self, arguments: &[&str]) -> String {
        self.run(arguments).ok()
    }

    /// Runs the client, which must fail and show `text`.
    pub fn refused(&self, text: &str, arguments: &[&str]) {
        self.run(arguments).refused(text);
    }
}

/// podman with its own storage.
pub fn podman() -> Client {
    let client = Client::new("podman");
    let limits = "[containers]\ndefault_ulimits = [\"nofile=1024:1024\", \"nproc=1024:1024\"]\n";
    let limits = client.home().write("containers.conf", limits);
    let root = client.home().folder("root");
    let run = client.home().folder("run");
    let logins = client.home().write("auth.json", "{}");
    client
        .argument(format!("--root={}", root.display()))
        .argument(format!("--runroot={}", run.display()))
        .argument("--storage-driver=overlay")
        .argument("--cgroup-manager=cgroupfs")
        .argument("--events-backend=file")
        .variable("CONTAINERS_CONF", limits)
        .variable("REGISTRY_AUTH_FILE", logins)
}

/// podman with its own storage, which fetches of a layer what it has not when the layer was pushed as zstd:chunked.
pub fn podman_with_partial_pulls() -> Client {
    let client = Client::new("podman");
    let (root, run) = (client.home().folder("root"), client.home().folder("run"));
    let storage = format!(
        "[storage]\ndriver = \"overlay\"\ngraphroot = \"{}\"\nrunroot = \"{}\"\n\
         [storage.options]\npull_options = {{enable_partial_images = \"true\"}}\n",
        root.display(),
        run.display()
    );
    let storage = client.home().write("storage.conf", storage);
    let logins = client.home().write("auth.json", "{}");
    client
        .argument("--cgroup-manager=cgroupfs")
        .argument("--events-backend=file")
        .variable("CONTAINERS_STORAGE_CONF", storage)
        .variable("REGISTRY_AUTH_FILE", logins)
}

/// buildah with its own storage.
pub fn buildah() -> Client {
    let client = Client::new("buildah");
    let root = client.home().folder("root");
    let run = client.home().folder("run");
    let logins = client.home().write("auth.json", "{}");
    client
        .argument(format!("--root={}", root.display()))
        .argument(format!("--runroot={}", run.display()))
        .argument("--storage-driver=vfs")
        .variable("REGISTRY_AUTH_FILE", logins)
        .variable("BUILDAH_ISOLATION", "chroot")
}

/// skopeo, which keeps nothing but its logins.
pub fn skopeo() -> Client {
    let client = Client::new("skopeo");
    let logins = client.home().write("auth.json", "{}");
    client.variable("REGISTRY_AUTH_FILE", logins)
}

/// oras with its own docker configuration.
pub fn oras() -> Client {
    with_docker_config(Client::new("oras"))
}

/// crane, the client of go-containerregistry.
pub fn crane() -> Client {
    with_docker_config(Client::new("crane"))
}

/// curl, for what a person would look at by hand.
pub fn curl() -> Client {
    Client::new("curl").argument("--silent").argument("--show-error")
}

/// Logs in at a registry's address with the client's own login command; the answer is the command's outcome.
pub fn log_in(client: &Client, address: &str, login: &Login) -> Outcome {
    let (user, password) = (login.user.as_str(), login.password.as_str());
    let mut arguments = match client.program.as_str() {
        "podman" | "buildah" | "skopeo" => vec!["login", "--tls-verify=false"],
        "oras" => vec!["login", "--plain-http"],
        "crane" => vec!["auth", "login"],
        _ => vec!["login"],
    };
    arguments.extend(["-u", user, "-p", password, address]);
    client.run(&arguments)
}

fn with_docker_config(client: Client) -> Client {
    let folder = client.home().folder("docker");
    client.variable("DOCKER_CONFIG", folder)
}
