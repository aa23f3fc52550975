//! What is made of a built program: an image and a Debian package, the same bytes each time, that run where nothing else is.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use e2e::client::{Client, curl, log_in, podman, skopeo};
use e2e::daemon::Daemon;
use e2e::debian::debian;
use e2e::home::Home;
use e2e::image::sha256_of;
use e2e::server::{Server, binary, free_port};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn said(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {text}{complaint}");
    text
}

/// The program without what only debuggers read, as in a release.
fn program(home: &Home) -> PathBuf {
    let program = home.join("berth");
    said(Command::new("strip").arg("-o").args([&program, &binary()]));
    program
}

#[test]
fn the_image_is_the_same_each_time_and_runs() {
    let home = Home::new("image");
    let program = program(&home);
    let mut built = ["one", "two"].map(|name| {
        let layout = home.join(name);
        let mut command = Command::new(root().join("scripts/build-image"));
        let line = said(command.args([&program, &layout]));
        let (name, digest) = line.split_once(' ').unwrap();
        (name.to_owned(), digest.to_owned())
    });
    assert_eq!(built[0].1, built[1].1);
    let (layout, digest) = std::mem::take(&mut built[0]);

    // Through a registry to an engine, as everybody gets it.
    let server = Server::start();
    server.create_organization("team");
    let image = server.image("team/berth:new");
    let sender = skopeo();
    log_in(&sender, &server.address(), &server.administrator()).ok();
    sender.ok(&[
        "copy",
        "--preserve-digests",
        "--dest-tls-verify=false",
        &layout,
        &format!("docker://{image}"),
    ]);
    let engine = podman();
    log_in(&engine, &server.address(), &server.administrator()).ok();
    engine.ok(&["pull", "--tls-verify=false", &image]);
    assert_eq!(
        engine.ok(&["image", "inspect", "--format={{.Digest}}", &image]),
        digest
    );
    let version = engine.ok(&["run", "--rm", "--network=none", &image, "version"]);
    assert_eq!(version, said(Command::new(&program).arg("version")));
    serves(&engine, &image);
}

/// Starts the image as its documentation says, with nothing to write to but its volume, and asks whether it is ready.
fn serves(engine: &Client, image: &str) {
    let port = free_port();
    let mut command = engine.command(&[
        "run",
        "--rm",
        "--network=host",
        "--read-only",
        "--cap-drop=ALL",
        "--env=BERTH_ADMIN_PASSWORD=Correct-horse-7-battery",
        &format!("--env=BERTH_LISTEN=127.0.0.1:{port}"),
        image,
    ]);
    let mut daemon = Daemon::spawn("the image", &mut command, &engine.home().join("image.log"));
    let ready = format!("http://127.0.0.1:{port}/readyz");
    daemon.wait_until(|| curl().run(&["--silent", "--fail", &ready]).success);
    daemon.ask_to_stop();
    let status = daemon.wait();
    assert!(status.success(), "{status}: {}", daemon.log());
}

#[test]
fn the_debian_package_is_the_same_each_time_and_installs() {
    let home = Home::new("package");
    let program = program(&home);
    let [package, again] = ["one", "two"].map(|name| {
        let mut command = Command::new(root().join("scripts/build-deb"));
        command.env("DPKG_DEB_COMPRESSOR_TYPE", "none");
        PathBuf::from(said(command.args([&program, &home.join(name)])))
    });
    let digest = |package: &Path| sha256_of(&mut fs::File::open(package).unwrap());
    assert_eq!(digest(&package), digest(&again));

    let machine = home.folder("machine");
    said(
        Command::new("tar")
            .arg("-C")
            .arg(&machine)
            .arg("-xf")
            .arg(debian().root),
    );
    fs::copy(&package, machine.join("berth.deb")).unwrap();
    let inside = |arguments: &[&str]| said(Command::new("chroot").arg(&machine).args(arguments));
    inside(&["dpkg", "--install", "/berth.deb"]);
    let as_berth = |line: &str| inside(&["su", "--shell=/bin/sh", "--command", line, "berth"]);
    as_berth("berth config check --config /etc/berth/berth.toml");
    as_berth("touch /var/lib/berth/kept");
    judge_unit(&machine, &home, &program);

    inside(&["dpkg", "--purge", "berth"]);
    assert!(!machine.join("usr/bin/berth").exists() && !machine.join("etc/berth/berth.toml").exists());
    assert!(
        machine.join("var/lib/berth/kept").exists(),
        "images go with nothing"
    );
}

/// The unit in the package is one, and the program may do little else than it must.
fn judge_unit(machine: &Path, home: &Home, program: &Path) {
    let unit = fs::read_to_string(machine.join("lib/systemd/system/berth.service")).unwrap();
    // Judged on this machine, which has systemd and no such program in its place.
    let unit = unit.replace("/usr/bin/berth", &program.to_string_lossy());
    let unit = home.write("berth.service", unit);
    said(
        Command::new("systemd-analyze")
            .args(["verify", "--man=no"])
            .arg(&unit),
    );
    // 100 would be a service that may do anything.
    let mut command = Command::new("systemd-analyze");
    said(
        command
            .args(["security", "--offline=true", "--threshold=15"])
            .arg(&unit),
    );
}

#[test]
fn the_compose_file_is_one_and_the_server_takes_its_settings() {
    let folder = root().join("deploy/compose");
    let mut command = Command::new("docker-compose");
    command
        .current_dir(&folder)
        .env("BERTH_ADMIN_PASSWORD", "Correct-horse-7-battery")
        .env("POSTGRES_PASSWORD", "secret")
        .args(["-f", "compose.yaml", "-f", "postgres.yaml", "config"]);
    let composed = said(&mut command);
    let settings: Vec<(&str, &str)> = composed
        .lines()
        .filter_map(|line| line.trim().split_once(": "))
        .filter(|(name, _)| name.starts_with("BERTH_"))
        .collect();
    assert_eq!(settings.len(), 5, "{composed}");
    let home = Home::new("settings");
    let mut command = Command::new(binary());
    command
        .args(["config", "check"])
        .current_dir(home.path())
        .env_clear()
        .envs(settings);
    said(&mut command);
}
