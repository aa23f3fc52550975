//! The tutorial does what it says: its commands run in its order, in one shell, and show what it shows.

use std::os::unix::fs::symlink;
use std::path::Path;

use e2e::docker::Docker;
use e2e::home::Home;
use e2e::network::Network;
use e2e::server::binary;

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
            other => panic!("blocks of the tutorial are `sh` or `text`, not {other:?}"),
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

#[test]
fn the_tutorial_does_what_it_says() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/tutorial.md");
    let steps = steps(&std::fs::read_to_string(page).unwrap());
    // The port of the tutorial is free in a network of its own.
    let network = Network::new();
    let certificates = Home::new("certificates");
    let docker = Docker::start_in(&network, certificates.path());
    let programs = Home::new("programs");
    symlink(binary(), programs.join("berth")).unwrap();
    let path = format!("{}:{}", programs.path().display(), std::env::var("PATH").unwrap());
    let shell = network
        .client("bash")
        .variable("PATH", path)
        .variable("DOCKER_HOST", docker.host())
        .variable("DOCKER_BUILDKIT", "0");
    let script = format!("exec 2>&1\n{}", script(&steps));
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
    assert!(steps.len() > 10, "the tutorial has its steps");
}
