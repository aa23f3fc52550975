//! A restart of the server in the middle of an upload: the client goes on and ends well.

use std::fs;
use std::path::Path;
use std::process::{Child, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use e2e::client::{Client, crane, curl, log_in};
use e2e::docker::Docker;
use e2e::home::Home;
use e2e::image::{random_tar, sha256_of};
use e2e::login::Login;
use e2e::server::Server;

const MIB: u64 = 1 << 20;

#[test]
fn docker_finishes_a_push_when_the_server_is_killed_and_started_again() {
    check(Server::kill_and_restart);
}

#[test]
fn docker_finishes_a_push_when_the_server_is_stopped_and_started_again() {
    check(Server::restart);
}

fn check(restart: impl FnOnce(&mut Server)) {
    let mut server = Server::start();
    server.create_organization("team");
    let docker = Docker::start();
    log_in(&docker, &server.address(), &server.long_term_login()).ok();
    let image = server.image("team/heavy:1");
    let tar = random_tar(docker.home(), "heavy.tar", 400 * MIB, 3);
    docker.ok(&["import", &tar.to_string_lossy(), &image]);

    let log = docker.home().join("push.log");
    let mut push = docker
        .command(&["push", &image])
        .stdout(Stdio::from(fs::File::create(&log).unwrap()))
        .spawn()
        .unwrap();
    wait_for_bytes(&server, &mut push, 20 * MIB);
    restart(&mut server);
    let status = push.wait().unwrap();
    let shown = fs::read_to_string(log).unwrap();
    assert!(status.success(), "the push did not end well:\n{shown}");

    let observer = crane();
    log_in(&observer, &server.address(), &server.long_term_login()).ok();
    observer.ok(&["validate", "--remote", &image]);
    assert!(shown.contains(&observer.ok(&["digest", &image])), "{shown}");
}

#[test]
fn an_upload_goes_on_where_it_was_when_the_server_is_killed() {
    let mut server = Server::start();
    server.create_organization("team");
    let home = Home::new("resume");
    let content = random_tar(&home, "content", 256 * MIB, 5);
    let digest = sha256_of(&mut fs::File::open(&content).unwrap());
    let size = fs::metadata(&content).unwrap().len();
    let by_hand = ByHand::new(&server.long_term_login());

    let url = format!("http://{}/v2/team/by/hand/blobs/uploads/", server.address());
    let answer = by_hand.ask(&["-X", "POST", &url]);
    let location = by_hand.location(&server, &answer);
    let first = home.join("first");
    part(&content, &first, 0, 64 * MIB);
    let answer = by_hand
        .send(&location, &first, 0, 64 * MIB, &[])
        .wait_with_output()
        .unwrap();
    let location = by_hand.location(&server, &String::from_utf8_lossy(&answer.stdout));

    let second = home.join("second");
    part(&content, &second, 64 * MIB, size);
    let slowly = ["--limit-rate", "20M"];
    let mut sending = by_hand.send(&location, &second, 64 * MIB, size, &slowly);
    wait_for_bytes(&server, &mut sending, 80 * MIB);
    server.kill_and_restart();
    assert!(!sending.wait_with_output().unwrap().status.success());

    let status = by_hand.ask(&[&location]);
    let range = header(&status, "range").expect("an upload's status has a range");
    let end: u64 = range.strip_prefix("0-").unwrap().parse().unwrap();
    let offset = end + 1;
    assert!(offset >= 64 * MIB, "acknowledged bytes are lost: {range}");
    let location = by_hand.location(&server, &status);
    let rest = home.join("rest");
    part(&content, &rest, offset, size);
    let answer = by_hand
        .send(&location, &rest, offset, size, &[])
        .wait_with_output()
        .unwrap();
    let location = by_hand.location(&server, &String::from_utf8_lossy(&answer.stdout));
    let separator = if location.contains('?') { '&' } else { '?' };
    let closing = format!("{location}{separator}digest={digest}");
    let answer = by_hand.ask(&["-X", "PUT", &closing]);
    assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");

    let observer = crane();
    log_in(&observer, &server.address(), &server.long_term_login()).ok();
    let blob = format!("{}@{digest}", server.image("team/by/hand"));
    let mut read = observer
        .command(&["blob", &blob])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    assert_eq!(sha256_of(read.stdout.as_mut().unwrap()), digest);
    assert!(read.wait().unwrap().success());
}

/// The upload requests of the distribution specification, one by one.
struct ByHand {
    curl: Client,
    user: String,
}

impl ByHand {
    fn new(login: &Login) -> Self {
        Self {
            curl: curl(),
            user: format!("{}:{}", login.user, login.password),
        }
    }

    /// Sends a request and returns the answer with its headers.
    fn ask(&self, arguments: &[&str]) -> String {
        let mut all = vec!["--fail-with-body", "-i", "-u", &self.user];
        all.extend(arguments);
        self.curl.ok(&all)
    }

    /// Starts to send the bytes from `start` up to `end`, which lie in `file`.
    fn send(&self, location: &str, file: &Path, start: u64, end: u64, more: &[&str]) -> Child {
        let range = format!("Content-Range: {start}-{}", end - 1);
        let file = file.to_string_lossy();
        let mut all = vec!["--fail-with-body", "-i", "-u", &self.user, "-X", "PATCH"];
        all.extend(["-H", &range, "-H", "Content-Type: application/octet-stream"]);
        all.extend(["-H", "Expect:", "--upload-file", &file]);
        all.extend(more);
        all.push(location);
        self.curl.command(&all).stdout(Stdio::piped()).spawn().unwrap()
    }

    /// Where the upload goes on, as an absolute URL.
    #[expect(clippy::unused_self, reason = "it belongs to the requests")]
    fn location(&self, server: &Server, answer: &str) -> String {
        let location = header(answer, "location").unwrap_or_else(|| panic!("no location:\n{answer}"));
        if location.starts_with("http") {
            return location.to_owned();
        }
        format!("http://{}{location}", server.address())
    }
}

fn header<'a>(answer: &'a str, name: &str) -> Option<&'a str> {
    answer
        .lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(found, _)| found.eq_ignore_ascii_case(name))
        .map(|(_, value)| value.trim())
}

fn part(from: &Path, to: &Path, start: u64, end: u64) {
    use std::io::{Read, Seek, SeekFrom};
    let mut from = fs::File::open(from).unwrap();
    from.seek(SeekFrom::Start(start)).unwrap();
    let mut to = fs::File::create(to).unwrap();
    std::io::copy(&mut from.take(end - start), &mut to).unwrap();
}

/// Waits until the server's files hold so many bytes while the client still sends.
fn wait_for_bytes(server: &Server, client: &mut Child, bytes: u64) {
    let end = Instant::now() + Duration::from_mins(2);
    while size_of(&server.data()) < bytes {
        let ended = client.try_wait().unwrap();
        assert!(ended.is_none(), "the client ended before the restart: {ended:?}");
        assert!(Instant::now() < end, "the upload did not get going");
        thread::sleep(Duration::from_millis(20));
    }
}

/// The bytes in all files of a folder.
fn size_of(folder: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(folder) else {
        return 0;
    };
    entries
        .flatten()
        .map(|entry| match entry.metadata() {
            Ok(metadata) if metadata.is_dir() => size_of(&entry.path()),
            Ok(metadata) => metadata.len(),
            // Renamed or removed since it was listed.
            Err(_) => 0,
        })
        .sum()
}
