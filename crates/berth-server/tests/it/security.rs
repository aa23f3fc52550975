//! Attacks, tried against the real binary and refused. What each area's own tests try already is not repeated here;
//! docs/explanation/threat-model.md names all of them.

mod bombs;
mod names;
mod operations;
mod outbound;
mod raw;
mod scopes;
mod scripts;
mod sessions;
mod smuggling;
mod tenants;
mod tokens;
mod users;

/// Where tests are, from this package's folder.
const SOURCES: [&str; 4] = ["src", "tests/it", "../berth-registry", "../../e2e/tests"];
const THREAT_MODEL: &str = include_str!("../../../../docs/explanation/threat-model.md");

/// Every Rust file below a folder: its name without the end, and what is in it.
fn sources(folder: &std::path::Path, found: &mut Vec<(String, String)>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|end| end == "rs") {
            let name = path.file_stem().unwrap().to_string_lossy().into_owned();
            found.push((name, std::fs::read_to_string(&path).unwrap()));
        }
    }
}

#[test]
fn every_test_that_the_threat_model_names_is_there() {
    let mut all = Vec::new();
    for folder in SOURCES {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
        sources(&folder, &mut all);
    }
    let named = THREAT_MODEL.split('`').skip(1).step_by(2);
    let named: Vec<&str> = named.filter(|code| code.contains("::")).collect();
    assert!(named.len() > 50, "{named:?}");
    for path in named {
        let last = path.rsplit("::").next().unwrap();
        let function = format!("fn {last}(");
        let is_there = all
            .iter()
            .any(|(name, text)| name == last || text.contains(&function));
        assert!(is_there, "{path}");
    }
}
