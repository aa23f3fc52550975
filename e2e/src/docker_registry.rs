//! Debian's docker-registry, as another registry that Berth meets: no list of referrers, and users of a password file.

use std::process::Command;

use crate::daemon::Daemon;
use crate::home::Home;
use crate::login::Login;
use crate::server::free_port;

const USER: &str = "mary";
const PASSWORD: &str = "Correct-horse-7-battery";
/// What `htpasswd -B` makes of the password.
const HASH: &str = "$2b$05$abcdefghijklmnopqrstuum0e/MKYRDbZ3O8nPvHMj/m/B0sjCXMO";

/// A running docker-registry; ended with the value.
#[derive(Debug)]
pub struct DockerRegistry {
    port: u16,
    daemon: Daemon,
    _home: Home,
}

impl DockerRegistry {
    /// Starts an empty one, and waits until it accepts connections.
    pub fn start() -> Self {
        let home = Home::new("registry");
        let port = free_port();
        let folder = home.path().display();
        let settings = format!(
            "version: 0.1
log: {{level: warn}}
storage:
  filesystem: {{rootdirectory: {folder}/data}}
  delete: {{enabled: true}}
http: {{addr: 127.0.0.1:{port}}}
auth:
  htpasswd: {{realm: docker-registry, path: {folder}/users}}
"
        );
        home.write("users", format!("{USER}:{HASH}\n"));
        let file = home.write("config.yml", settings);
        let mut command = Command::new("docker-registry");
        command.arg("serve").arg(file).env("OTEL_TRACES_EXPORTER", "none");
        let mut daemon = Daemon::spawn("docker-registry", &mut command, &home.join("log"));
        daemon.wait_until(|| std::net::TcpStream::connect(("127.0.0.1", port)).is_ok());
        Self {
            port,
            daemon,
            _home: home,
        }
    }

    /// Its port at 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its one user.
    pub fn login(&self) -> Login {
        Login {
            user: USER.to_owned(),
            password: PASSWORD.to_owned(),
        }
    }
}

impl Drop for DockerRegistry {
    fn drop(&mut self) {
        self.daemon.end();
    }
}
