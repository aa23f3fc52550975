//! containerd: a daemon of the test's own, and `ctr`, which takes its login with each command.

use std::ops::Deref;
use std::process::Command;

use crate::client::{Client, Outcome};
use crate::daemon::Daemon;
use crate::home::Home;
use crate::image::Layout;
use crate::login::Login;
use crate::network::Node;

/// A containerd with its own images and its `ctr`.
#[derive(Debug)]
pub struct Containerd {
    client: Client,
    daemon: Daemon,
    _home: Home,
}

impl Containerd {
    /// Starts the daemon and waits until it answers.
    pub fn start() -> Self {
        Self::start_as(Command::new("containerd"), Client::new("ctr"))
    }

    /// Starts the daemon of a node.
    pub fn start_on(node: &Node) -> Self {
        Self::start_as(node.command("containerd"), node.client("ctr"))
    }

    fn start_as(mut command: Command, client: Client) -> Self {
        let home = Home::new("containerd");
        let socket = home.join("sock");
        let config = format!(
            "version = 2\nroot = '{root}'\nstate = '{state}'\n\
             disabled_plugins = ['io.containerd.grpc.v1.cri']\n[grpc]\naddress = '{socket}'\n",
            root = home.folder("root").display(),
            state = home.folder("state").display(),
            socket = socket.display(),
        );
        let config = home.write("config.toml", config);
        command.arg("--config").arg(config);
        let mut daemon = Daemon::spawn("containerd", &mut command, &home.join("log"));
        let client = client.argument("--address").argument(socket.to_string_lossy());
        daemon.wait_until(|| client.run(&["version"]).success);
        Self {
            client,
            daemon,
            _home: home,
        }
    }

    /// Takes the images of a layout under the name `base` and their tags.
    pub fn import(&self, layout: &Layout, base: &str) {
        let archive = self.client.home().join("layout.tar");
        let status = Command::new("tar")
            .arg("-cf")
            .arg(&archive)
            .arg("-C")
            .arg(layout.path())
            .arg(".")
            .status();
        assert!(status.is_ok_and(|status| status.success()), "tar failed");
        let archive = archive.to_string_lossy();
        self.ok(&[
            "image",
            "import",
            "--all-platforms",
            "--no-unpack",
            "--base-name",
            base,
            &archive,
        ]);
    }

    /// `ctr image push`, with the login when there is one.
    pub fn push(&self, login: Option<&Login>, image: &str) -> Outcome {
        self.transfer("push", login, &[image])
    }

    /// `ctr image pull` of every platform, with the login when there is one.
    pub fn pull(&self, login: Option<&Login>, image: &str) -> Outcome {
        self.transfer("pull", login, &["--all-platforms", image])
    }

    /// The digest that the local name `image` stands for.
    pub fn digest(&self, image: &str) -> String {
        let listing = self.ok(&["image", "ls", &format!("name=={image}")]);
        listing
            .split_whitespace()
            .find(|word| word.starts_with("sha256:"))
            .unwrap_or_else(|| panic!("containerd has no {image}:\n{listing}"))
            .to_owned()
    }

    fn transfer(&self, verb: &str, login: Option<&Login>, rest: &[&str]) -> Outcome {
        let user = login.map(|login| format!("{}:{}", login.user, login.password));
        let mut arguments = vec!["image", verb, "--plain-http"];
        if let Some(user) = &user {
            arguments.extend(["--user", user]);
        }
        arguments.extend(rest);
        self.run(&arguments)
    }
}

impl Deref for Containerd {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
    }
}

impl Drop for Containerd {
    fn drop(&mut self) {
        self.daemon.end();
    }
}
