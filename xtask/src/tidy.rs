//! The house checks that no compiler makes: `cargo xtask tidy`, and an ordinary test.
//!
//! Each check is a pure function from what was read to the violations found; this file reads and collects.

mod migrations;
mod modules;
mod packages;
mod policy;
mod references;
mod source;
mod style;

use std::error::Error;
use std::fs;
use std::path::Path;

use policy::Policy;
use source::Source;

/// Where Rust sources are looked for, from the root of the repository.
const SOURCE_FOLDERS: [&str; 5] = ["crates", "xtask", "e2e", "bench", "fuzz"];
const MIGRATIONS: &str = "crates/berth-metadata/migrations";

/// Runs every check over the repository; the error lists every violation.
pub(crate) fn run(root: &Path) -> Result<(), Box<dyn Error>> {
    let violations = violations(root)?;
    if violations.is_empty() {
        Ok(())
    } else {
        Err(violations.join("\n").into())
    }
}

fn violations(root: &Path) -> Result<Vec<String>, Box<dyn Error>> {
    let mut sources = Vec::new();
    for folder in SOURCE_FOLDERS {
        read_sources(root, &root.join(folder), &mut sources)?;
    }
    let policy = Policy::parse(&fs::read_to_string(root.join("deny.toml"))?)?;
    let packages = packages::read(root, &policy.targets)?;
    let sqlite = file_names(&root.join(MIGRATIONS).join("sqlite"))?;
    let postgres = file_names(&root.join(MIGRATIONS).join("postgres"))?;

    let mut violations: Vec<String> = sources.iter().flat_map(style::check).collect();
    violations.extend(modules::check(&sources));
    violations.extend(packages::check(&packages, &sources));
    violations.extend(policy.check(&packages));
    violations.extend(migrations::check(&sqlite, &postgres));
    Ok(violations)
}

fn read_sources(root: &Path, folder: &Path, sources: &mut Vec<Source>) -> Result<(), Box<dyn Error>> {
    if !folder.exists() {
        return Ok(());
    }
    let mut entries: Vec<_> = fs::read_dir(folder)?.collect::<Result<_, _>>()?;
    entries.sort_by_key(fs::DirEntry::path);
    for entry in entries {
        let (path, name) = (entry.path(), entry.file_name());
        let is_dir = entry.file_type()?.is_dir();
        if is_dir && name != "target" && name != "node_modules" {
            read_sources(root, &path, sources)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let shown = path
                .strip_prefix(root)?
                .to_str()
                .ok_or("a source file's name is not text")?;
            sources.push(Source::parse(shown, &fs::read_to_string(&path)?)?);
        }
    }
    Ok(())
}

fn file_names(folder: &Path) -> Result<Vec<String>, Box<dyn Error>> {
    let entries = fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let mut names = Vec::new();
    for entry in entries {
        names.push(entry?.file_name().to_string_lossy().into_owned());
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    #[test]
    fn the_repository_is_tidy() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let violations = super::violations(root).unwrap();
        assert!(violations.is_empty(), "\n{}\n", violations.join("\n"));
    }
}
