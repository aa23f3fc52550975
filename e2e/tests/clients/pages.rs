//! Pages that do what they say: their commands run in their order, in one shell, and show what is shown.

use std::os::unix::fs::symlink;
use std::path::Path;

use e2e::client::Client;
use e2e::docker::Docker;
use e2e::docker_registry::DockerRegistry;
use e2e::home::Home;
use e2e::network::Network;
use e2e::sample;
use e2e::server::{ACCOUNT, Server, administrator, binary};

/// Commands, and the lines that they show among others.
struct Step {
    commands: String,
    shows: Vec<String>,
}

impl Step {
    /// What a refusal looks like is shown where there is one; all else must succeed.
    fn is_refused(&self) -> bool {
        let refusals = ["denied:", "Error response", "berth:"];
        self.shows
            .iter()
            .any(|line| refusals.iter().any(|refusal| line.starts_with(refusal)))
    }
}

fn steps(page: &str) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    let mut parts = page.split("\n```");
    parts.next();
    while let Some(block) = parts.next() {
        parts.next().expect("a block ends");
        let (kind, text) = block.split_once('\n').expect("a block has lines");
        match kind {
            "sh" => steps.push(Step {
                commands: text.to_owned(),
                shows: Vec::new(),
            }),
            "text" => {
                let step = steps.last_mut().expect("commands come first");
                step.shows.extend(text.lines().map(str::to_owned));
            }
            // For the reader to fill in.
            "" => {}
            other => panic!("blocks are `sh` or `text`, or of no kind: {other:?}"),
        }
    }
    steps
}

/// One script, which says after each step how many of its commands failed.
fn script(steps: &[Step]) -> String {
    let prelude = "trap 'jobs -p | xargs --no-run-if-empty kill; wait' EXIT\nfailed=0\ntrap 'failed=$((failed + 1))' ERR\n";
    let steps = steps
        .iter()
        .map(|step| format!("{}\necho \"::$failed\"\nfailed=0\n", step.commands));
    prelude.to_owned() + &steps.collect::<String>()
}

/// Whether a line is as it is shown, where `…` stands for anything and blanks for any number of them.
fn is_as_shown(line: &str, shown: &str) -> bool {
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let (line, shown) = (words(line), words(shown));
    let mut parts = shown.split('…').map(str::trim);
    let Some(mut rest) = parts.next().and_then(|first| line.strip_prefix(first)) else {
        return false;
    };
    if !shown.contains('…') {
        return rest.is_empty();
    }
    for part in parts {
        let Some(at) = rest.find(part) else {
            return false;
        };
        rest = &rest[at + part.len()..];
    }
    shown.ends_with('…') || rest.is_empty()
}

/// Runs a page of the documentation after what its reader has done before.
fn walk(page: &str, shell: &Client, before: &str) {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs").join(page);
    let steps = steps(&std::fs::read_to_string(page).unwrap());
    let script = format!("exec 2>&1\n{before}\n{}", script(&steps));
    let output = shell.ok(&["-c", &script]);
    let mut lines = output.lines();
    for step in &steps {
        let mut shown = Vec::new();
        let failed = loop {
            let line = lines
                .next()
                .unwrap_or_else(|| panic!("the shell ended early:\n{output}"));
            match line.strip_prefix("::") {
                Some(failed) => break failed != "0",
                None => shown.push(line),
            }
        };
        let commands = &step.commands;
        let shown_text = shown.join("\n");
        assert_eq!(failed, step.is_refused(), "{commands}\nshows\n{shown_text}");
        for expected in &step.shows {
            assert!(
                shown.iter().any(|line| is_as_shown(line, expected)),
                "{commands}\nshows no line {expected:?}:\n{shown_text}"
            );
        }
    }
    assert!(steps.len() > 3, "the page has its steps");
}

/// A search path on which `berth` is the program under test.
fn with_berth(programs: &Home) -> String {
    symlink(binary(), programs.join("berth")).unwrap();
    format!("{}:{}", programs.path().display(), std::env::var("PATH").unwrap())
}

#[test]
fn the_tutorial() {
    // The port of the tutorial is free in a network of its own.
    let network = Network::new();
    let certificates = Home::new("certificates");
    let docker = Docker::start_in(&network, certificates.path());
    let programs = Home::new("programs");
    let shell = network
        .client("bash")
        .variable("PATH", with_berth(&programs))
        .variable("DOCKER_HOST", docker.host())
        .variable("DOCKER_BUILDKIT", "0");
    walk("tutorial.md", &shell, "");
}

#[test]
fn the_move_from_another_registry() {
    let old = DockerRegistry::start();
    let new = Server::start();
    let many = sample::multi_architecture_index();
    let one = sample::debian_image();
    let programs = Home::new("programs");
    let shell = Client::new("bash").variable("PATH", with_berth(&programs));
    let (there, here) = (old.login(), administrator());
    let before = format!(
        "set -e
         export OLD=127.0.0.1:{old} NEW={new} DOCKER_CONFIG=$PWD/docker
         crane auth login $OLD -u {there_user} -p {there_password}
         crane auth login $NEW -u {here_user} -p {here_password}
         echo {here_password} | berth login {url} --account {ACCOUNT} --user {here_user} --secret-stdin
         crane push --index {many} $OLD/team/many:1
         crane push --index {many} $OLD/team/many:2
         crane push {one} $OLD/debian:12
         set +e",
        old = old.port(),
        new = new.address(),
        url = new.url(),
        there_user = there.user,
        there_password = there.password,
        here_user = here.user,
        here_password = here.password,
        many = many.path().display(),
        one = one.path().display(),
    );
    walk("how-to/move.md", &shell, &before);
}
