//! Modules of a crate know one another in one direction only.
//!
//! A module and the modules below it are one thing for its neighbours; at every level, neighbours must form no cycle.

use std::collections::{BTreeMap, BTreeSet};

use super::references::{Reference, references};
use super::source::Source;

type ModulePath = Vec<String>;

/// Every cycle in every crate.
pub(crate) fn check(sources: &[Source]) -> Vec<String> {
    let mut crates: BTreeMap<&str, Vec<&Source>> = BTreeMap::new();
    for source in sources.iter().filter(|source| !source.path.contains("/tests/")) {
        if let Some((folder, _)) = source.path.split_once("/src/") {
            crates.entry(folder).or_default().push(source);
        }
    }
    crates
        .into_iter()
        .flat_map(|(folder, sources)| cycles(folder, &Tree::new(&sources)))
        .collect()
}

/// The modules of one crate and what each refers to.
struct Tree<'s> {
    modules: BTreeMap<ModulePath, Vec<Reference>>,
    files: BTreeMap<ModulePath, &'s str>,
}

impl<'s> Tree<'s> {
    fn new(sources: &[&'s Source]) -> Self {
        let for_tests: BTreeSet<ModulePath> = sources
            .iter()
            .flat_map(|source| {
                source
                    .test_modules
                    .iter()
                    .map(|name| [module(source), vec![name.clone()]].concat())
            })
            .collect();
        let mut tree = Self {
            modules: BTreeMap::new(),
            files: BTreeMap::new(),
        };
        for source in sources {
            let path = module(source);
            if for_tests.contains(&path) {
                continue;
            }
            tree.modules
                .entry(path.clone())
                .or_default()
                .extend(references(&source.production));
            tree.files.insert(path, &source.path);
        }
        tree
    }

    /// The module that a reference from `from` leads to, through re-exports; none when it leaves the crate.
    fn target(&self, from: &ModulePath, reference: &Reference) -> Option<ModulePath> {
        let from = [from.as_slice(), &reference.inside].concat();
        let mut path = self.absolute(&from, &reference.path)?;
        for _ in 0..8 {
            let known = (0..=path.len())
                .rev()
                .find(|length| self.modules.contains_key(&path[..*length]))?;
            let (module, rest) = path.split_at(known);
            let exported = rest.first().and_then(|name| {
                let imports = self.modules[module].iter();
                let import = imports
                    .into_iter()
                    .find(|import| import.imported_as.as_ref() == Some(name))?;
                self.absolute(module, &import.path)
            });
            match exported {
                Some(next) if next != path => path = next,
                _ => return Some(module.to_vec()),
            }
        }
        None
    }

    fn absolute(&self, from: &[String], path: &[String]) -> Option<ModulePath> {
        let mut base = from.to_vec();
        let mut rest = path;
        match rest.first()?.as_str() {
            "crate" => {
                base.clear();
                rest = &rest[1..];
            }
            "self" => rest = &rest[1..],
            "super" => {}
            name => {
                base.push(name.to_owned());
                return self.modules.contains_key(&base).then(|| [from, path].concat());
            }
        }
        while rest.first().is_some_and(|segment| segment == "super") {
            base.pop()?;
            rest = &rest[1..];
        }
        base.extend_from_slice(rest);
        Some(base)
    }
}

/// `crates/x/src/a/b.rs` is the module `a::b`.
fn module(source: &Source) -> ModulePath {
    let inside = source.path.split_once("/src/").map_or("", |(_, inside)| inside);
    let stem = inside.strip_suffix(".rs").unwrap_or(inside);
    if matches!(stem, "lib" | "main") {
        Vec::new()
    } else {
        stem.split('/').map(str::to_owned).collect()
    }
}

/// An arrow between two neighbours, and a place in the code that draws it.
type Arrows = BTreeMap<ModulePath, BTreeMap<ModulePath, String>>;

fn cycles(folder: &str, tree: &Tree<'_>) -> Vec<String> {
    let mut arrows = Arrows::new();
    for (from, references) in &tree.modules {
        for reference in references {
            let Some(to) = tree.target(from, reference) else {
                continue;
            };
            let shared = from.iter().zip(&to).take_while(|(a, b)| a == b).count();
            if shared == from.len() || shared == to.len() {
                continue;
            }
            let place = format!("{}:{}", tree.files[from], reference.line);
            let neighbours = arrows.entry(from[..=shared].to_vec()).or_default();
            neighbours.entry(to[..=shared].to_vec()).or_insert(place);
        }
    }
    let mut found = Vec::new();
    while let Some(cycle) = a_cycle(&arrows) {
        let places: Vec<&str> = cycle
            .iter()
            .zip(cycle.iter().cycle().skip(1))
            .map(|(a, b)| arrows[a][b].as_str())
            .collect();
        let names: Vec<String> = cycle
            .iter()
            .chain(cycle.first())
            .map(|module| module.join("::"))
            .collect();
        found.push(format!(
            "{folder}: modules in a cycle: {} ({})",
            names.join(" -> "),
            places.join(", ")
        ));
        let (last, first) = (cycle[cycle.len() - 1].clone(), cycle[0].clone());
        arrows
            .entry(last)
            .and_modify(|neighbours| drop(neighbours.remove(&first)));
    }
    found
}

fn a_cycle(arrows: &Arrows) -> Option<Vec<ModulePath>> {
    let mut done = BTreeSet::new();
    arrows
        .keys()
        .find_map(|start| walk(arrows, start, &mut Vec::new(), &mut done))
}

fn walk(
    arrows: &Arrows,
    at: &ModulePath,
    trail: &mut Vec<ModulePath>,
    done: &mut BTreeSet<ModulePath>,
) -> Option<Vec<ModulePath>> {
    if let Some(begin) = trail.iter().position(|module| module == at) {
        return Some(trail[begin..].to_vec());
    }
    if !done.insert(at.clone()) {
        return None;
    }
    trail.push(at.clone());
    let next = arrows.get(at).into_iter().flat_map(BTreeMap::keys);
    let found = next.into_iter().find_map(|next| walk(arrows, next, trail, done));
    trail.pop();
    found
}

#[cfg(test)]
mod tests {
    use super::{Source, check};

    fn found(files: &[(&str, &str)]) -> Vec<String> {
        let parse =
            |(path, text): &(&str, &str)| Source::parse(&format!("crates/x/src/{path}"), text).unwrap();
        check(&files.iter().map(parse).collect::<Vec<_>>())
    }

    fn refuses(files: &[(&str, &str)], cycle: &str) {
        let found = found(files);
        assert!(
            found.len() == 1 && found[0].contains(cycle),
            "{files:?}: {found:?}"
        );
    }

    #[test]
    fn cycles_are_found_at_every_level() {
        refuses(
            &[("a.rs", "use crate::b::B;"), ("b.rs", "use crate::a::A;")],
            "a -> b -> a",
        );
        refuses(
            &[("a.rs", "use super::b;"), ("b.rs", "fn f() -> super::a::A {}")],
            "a -> b -> a",
        );
        refuses(
            &[
                ("a.rs", "use crate::b;"),
                ("b.rs", "use crate::c;"),
                ("c.rs", "use crate::a;"),
            ],
            "a -> b -> c -> a",
        );
        refuses(
            &[
                ("a.rs", ""),
                ("a/x.rs", "use super::y;"),
                ("a/y.rs", "use crate::a::x::X;"),
            ],
            "a::x -> a::y -> a::x",
        );
        refuses(
            &[
                ("a.rs", ""),
                ("a/x.rs", "use crate::b;"),
                ("b.rs", "use crate::a;"),
            ],
            "a -> b -> a",
        );
    }

    #[test]
    fn cycles_through_the_crates_root_are_found() {
        let root = "mod a; mod b; pub use a::A; pub(crate) use self::b::B as C;";
        refuses(
            &[
                ("lib.rs", root),
                ("a.rs", "use crate::C;"),
                ("b.rs", "use crate::A;"),
            ],
            "a -> b -> a",
        );
    }

    #[test]
    fn one_way_is_no_cycle() {
        let root = "mod a; mod b; pub use a::A; use b::B;";
        let tested = "#[cfg(test)] mod tests { use crate::a::A; }";
        let check = |files: &[(&str, &str)]| assert_eq!(found(files), [""; 0], "{files:?}");
        check(&[
            ("lib.rs", root),
            ("a.rs", "use crate::b::B; use std::fmt; use crate::Missing;"),
            ("b.rs", tested),
        ]);
        check(&[
            ("a.rs", "mod x; use x::X;"),
            ("a/x.rs", "use super::A; use crate::a;"),
        ]);
        check(&[
            ("a.rs", "#[cfg(test)] mod t; use crate::b;"),
            ("a/t.rs", ""),
            ("b.rs", ""),
        ]);
        check(&[
            ("b.rs", "#[cfg(test)] mod t;"),
            ("b/t.rs", "use crate::a;"),
            ("a.rs", "use crate::b;"),
        ]);
    }
}
