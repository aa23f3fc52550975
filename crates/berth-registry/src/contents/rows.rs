//! What of a tree is shown, row by row.

use std::sync::Arc;

use super::answer::FileRow;
use super::archive::FileKind;
use super::packages::Package;
use super::path;
use super::tree::{Node, Tree};

/// The numbers on a page that begins with the number `start`, and where the next page does.
pub(super) fn page(
    numbers: impl Iterator<Item = usize>,
    start: usize,
    limit: usize,
) -> (Vec<usize>, Option<usize>) {
    let mut page: Vec<usize> = numbers
        .skip_while(|number| *number < start)
        .take(limit + 1)
        .collect();
    let next = (page.len() > limit).then(|| page.pop()).flatten();
    (page, next)
}

/// The nodes below a folder whose path below it holds a text.
pub(super) fn found<'a>(tree: &'a Tree, folder: &'a [u8], text: &'a str) -> impl Iterator<Item = usize> + 'a {
    let text = path::parse(text).unwrap_or_else(|| text.as_bytes().to_vec());
    let below = if folder.is_empty() { 0 } else { folder.len() + 1 };
    (0..tree.nodes().len()).filter(move |number| {
        let path = &tree.show(&tree.nodes()[*number]).1.path;
        let is_below = below == 0 || (path.starts_with(folder) && path.get(below - 1) == Some(&b'/'));
        is_below && holds(&path[below..], &text)
    })
}

pub(super) fn holds(path: &[u8], text: &[u8]) -> bool {
    text.is_empty()
        || path
            .windows(text.len())
            .any(|part| part.eq_ignore_ascii_case(text))
}

pub(super) fn row(tree: &Tree, node: &Node) -> FileRow {
    let (part, entry) = tree.show(node);
    let bytes = match entry.kind {
        FileKind::HardLink => tree.named(part, entry).map_or(0, |(_, file)| file.size),
        _ => node.bytes,
    };
    let has_link = matches!(entry.kind, FileKind::HardLink | FileKind::Symlink);
    FileRow {
        path: path::shown(&entry.path),
        kind: entry.kind,
        bytes,
        files: node.files,
        mode: entry.mode,
        uid: entry.uid,
        gid: entry.gid,
        modified_at: (!entry.is_implied).then_some(entry.mtime),
        link: has_link.then(|| path::shown(&entry.link)),
        layer: part.digest.clone(),
        is_opaque: entry.is_opaque,
    }
}

/// The packages that the databases in sight list, by name, and what of them is not read.
pub(super) fn installed(tree: &Tree) -> (Vec<Package>, Vec<String>) {
    let (mut packages, mut remarks) = (Vec::new(), Vec::new());
    for part in tree.parts() {
        for database in &part.index.databases {
            let seen = tree.get(&database.path).map(|node| tree.show(node).0);
            if seen.is_some_and(|seen| Arc::ptr_eq(&seen.index, &part.index)) {
                packages.extend(database.packages.iter().cloned());
                remarks.extend(database.remark.clone());
            }
        }
    }
    packages.sort_unstable();
    packages.dedup();
    (packages, remarks)
}
