//! The files of a layer, or of an image's layers laid one upon another, as a tree to walk, search and compare. A pure
//! function of the layers' lists.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;

use super::archive::FileKind;
use super::layer::{Entry, LayerIndex, below};
use super::path;

/// Links that are followed on the way to one file, as in Linux.
const LINKS_MAX: usize = 40;

/// A layer of a tree.
#[derive(Clone)]
pub(super) struct Part {
    pub(super) digest: String,
    pub(super) index: Arc<LayerIndex>,
}

/// What is at a path.
#[derive(Clone, Copy, Debug)]
pub(super) struct Node {
    part: u16,
    entry: u32,
    /// Bytes of the file, or of all files below the folder.
    pub(super) bytes: u64,
    /// Files below the folder.
    pub(super) files: u32,
}

/// The files of one layer or of several, one upon another.
pub(super) struct Tree {
    parts: Vec<Part>,
    /// By folder; in it folders first, then by name.
    nodes: Vec<Node>,
    /// Bytes of files that a higher layer removes or replaces.
    pub(super) hidden_bytes: u64,
}

/// A difference between two trees.
#[derive(Clone, Copy)]
pub(super) enum Difference {
    /// Only the second has it.
    Added(usize),
    /// Only the first has it.
    Removed(usize),
    /// Both have it, and not the same.
    Changed(usize, usize),
}

type Place = (u16, u32);

impl Tree {
    /// The files that whoever runs the image sees; the lowest layer comes first.
    pub(super) fn merged(parts: Vec<Part>) -> Self {
        let mut found: BTreeMap<&[u8], Place> = BTreeMap::new();
        let mut hidden_bytes = 0;
        for (number, part) in parts.iter().enumerate() {
            let bytes = |place: Place| at(&parts, place).size;
            let entries = &part.index.entries;
            if part.index.is_opaque {
                hidden_bytes += std::mem::take(&mut found).into_values().map(bytes).sum::<u64>();
            }
            for entry in entries {
                if entry.kind == FileKind::Whiteout {
                    hidden_bytes += found.remove(entry.path.as_slice()).map_or(0, bytes);
                }
                if entry.kind == FileKind::Whiteout || entry.is_opaque {
                    hidden_bytes += remove_below(&mut found, &entry.path, bytes);
                }
            }
            for (entry_number, entry) in entries.iter().enumerate() {
                let before = found.get(entry.path.as_slice()).copied();
                let was_folder = before.is_some_and(|before| at(&parts, before).kind == FileKind::Directory);
                match entry.kind {
                    FileKind::Whiteout => continue,
                    // It says nothing of the folder that lower layers have.
                    FileKind::Directory if was_folder && entry.is_implied => continue,
                    FileKind::Directory => {}
                    _ if was_folder => hidden_bytes += remove_below(&mut found, &entry.path, bytes),
                    _ => {}
                }
                hidden_bytes += before.map_or(0, bytes);
                found.insert(&entry.path, place(number, entry_number));
            }
        }
        let places = found.into_values().collect();
        Self::of(parts, places, hidden_bytes)
    }

    /// What one layer says, with what it takes away.
    pub(super) fn of_layer(part: Part) -> Self {
        let places = (0..part.index.entries.len())
            .map(|entry| place(0, entry))
            .collect();
        Self::of(vec![part], places, 0)
    }

    fn of(parts: Vec<Part>, mut places: Vec<Place>, hidden_bytes: u64) -> Self {
        places.sort_unstable_by_key(|place| key(at(&parts, *place)));
        let mut nodes: Vec<Node> = places
            .into_iter()
            .map(|(part, entry)| Node {
                part,
                entry,
                bytes: at(&parts, (part, entry)).size,
                files: 0,
            })
            .collect();
        let folders: HashMap<&[u8], usize> = nodes
            .iter()
            .enumerate()
            .map(|(number, node)| (number, at(&parts, (node.part, node.entry))))
            .filter(|(_, entry)| entry.kind == FileKind::Directory)
            .map(|(number, entry)| (entry.path.as_slice(), number))
            .collect();
        // A path is longer than its folder's, so each is summed up before it is added.
        let mut by_length: Vec<usize> = (0..nodes.len()).collect();
        by_length.sort_unstable_by_key(|number| {
            let node = nodes[*number];
            std::cmp::Reverse(at(&parts, (node.part, node.entry)).path.len())
        });
        for number in by_length {
            let node = nodes[number];
            let entry = at(&parts, (node.part, node.entry));
            let counted = match entry.kind {
                FileKind::Directory => node.files,
                FileKind::Whiteout => 0,
                _ => 1,
            };
            if let Some(folder) = folders.get(path::split(&entry.path).0) {
                nodes[*folder].bytes += node.bytes;
                nodes[*folder].files += counted;
            }
        }
        Self {
            parts,
            nodes,
            hidden_bytes,
        }
    }

    /// The layers.
    pub(super) fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// All that there is, by folder.
    pub(super) fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// What a node is, and the layer that it is from.
    pub(super) fn show(&self, node: &Node) -> (&Part, &Entry) {
        let part = &self.parts[usize::from(node.part)];
        (part, &part.index.entries[node.entry as usize])
    }

    /// Bytes and files of everything.
    pub(super) fn sums(&self) -> (u64, u64) {
        let shown = self.nodes.iter().map(|node| self.show(node).1);
        let files = shown.filter(|entry| !matches!(entry.kind, FileKind::Directory | FileKind::Whiteout));
        files.fold((0, 0), |(bytes, files), entry| (bytes + entry.size, files + 1))
    }

    /// What is in a folder, by the numbers of its nodes.
    pub(super) fn children(&self, folder: &[u8]) -> std::ops::Range<usize> {
        let from = self
            .nodes
            .partition_point(|node| key(self.show(node).1).0 < folder);
        let to = self
            .nodes
            .partition_point(|node| key(self.show(node).1).0 <= folder);
        from..to
    }

    /// What is at a path.
    pub(super) fn get(&self, wanted: &[u8]) -> Option<&Node> {
        let (folder, name) = path::split(wanted);
        [false, true].into_iter().find_map(|is_no_folder| {
            let wanted = (folder, is_no_folder, name);
            let from = self.nodes.partition_point(|node| key(self.show(node).1) < wanted);
            let same = self.nodes[from..]
                .iter()
                .take_while(|node| key(self.show(node).1) == wanted);
            // A whiteout beside a file of the same layer says nothing about that file.
            same.min_by_key(|node| self.show(node).1.kind == FileKind::Whiteout)
        })
    }

    /// The file that a path is a name of, with its layer; `entry` is what is at the path.
    pub(super) fn named<'a>(&'a self, part: &'a Part, entry: &'a Entry) -> Option<(&'a Part, &'a Entry)> {
        let (mut part, mut entry) = (part, entry);
        for _ in 0..LINKS_MAX {
            if entry.kind != FileKind::HardLink {
                return Some((part, entry));
            }
            let here = part
                .index
                .get(&entry.link)
                .filter(|found| found.path != entry.path);
            (part, entry) = match here {
                Some(found) => (part, found),
                None => self.show(self.get(&entry.link)?),
            };
        }
        None
    }

    /// Where symbolic links lead, within the image; none when that is nowhere.
    pub(super) fn follow(&self, wanted: &[u8]) -> Option<Vec<u8>> {
        let parts =
            |path: &[u8]| -> Vec<Vec<u8>> { path.split(|b| *b == b'/').map(<[u8]>::to_vec).collect() };
        let mut left: VecDeque<Vec<u8>> = parts(wanted).into();
        let mut reached: Vec<u8> = Vec::new();
        let mut links = 0;
        while let Some(part) = left.pop_front() {
            match part.as_slice() {
                b"" | b"." => continue,
                b".." => {
                    let folder = path::split(&reached).0.len();
                    reached.truncate(folder);
                    continue;
                }
                _ => {}
            }
            let next = if reached.is_empty() {
                part
            } else {
                [reached.as_slice(), b"/", &part].concat()
            };
            let (_, entry) = self.show(self.get(&next)?);
            if entry.kind != FileKind::Symlink {
                reached = next;
                continue;
            }
            links += 1;
            if links > LINKS_MAX {
                return None;
            }
            if entry.link.starts_with(b"/") {
                reached.clear();
            }
            for part in parts(&entry.link).into_iter().rev() {
                left.push_front(part);
            }
        }
        Some(reached)
    }

    /// What differs from this tree to another, by folder.
    pub(super) fn differences(&self, other: &Tree) -> Vec<Difference> {
        let mut found = Vec::new();
        let (mut a, mut b) = (0, 0);
        loop {
            let (old, new) = (self.nodes.get(a), other.nodes.get(b));
            let order = match (old, new) {
                (None, None) => return found,
                (Some(_), None) => std::cmp::Ordering::Less,
                (None, Some(_)) => std::cmp::Ordering::Greater,
                (Some(old), Some(new)) => key(self.show(old).1).cmp(&key(other.show(new).1)),
            };
            match order {
                std::cmp::Ordering::Less => {
                    found.push(Difference::Removed(a));
                    a += 1;
                }
                std::cmp::Ordering::Greater => {
                    found.push(Difference::Added(b));
                    b += 1;
                }
                std::cmp::Ordering::Equal => {
                    if !same(self.show(&self.nodes[a]).1, other.show(&other.nodes[b]).1) {
                        found.push(Difference::Changed(a, b));
                    }
                    a += 1;
                    b += 1;
                }
            }
        }
    }

    /// About the bytes of memory that it holds, its layers included.
    pub(super) fn weight(&self) -> u64 {
        let parts: u64 = self.parts.iter().map(|part| part.index.weight()).sum();
        parts + (self.nodes.len() * size_of::<Node>()) as u64
    }
}

/// Whether nobody who uses them would tell two entries apart; times may differ.
fn same(old: &Entry, new: &Entry) -> bool {
    (old.kind, old.size, old.hash, &old.link) == (new.kind, new.size, new.hash, &new.link)
        && (old.mode, old.uid, old.gid) == (new.mode, new.uid, new.gid)
}

/// What nodes are sorted by.
fn key(entry: &Entry) -> (&[u8], bool, &[u8]) {
    let (folder, name) = path::split(&entry.path);
    (folder, entry.kind != FileKind::Directory, name)
}

fn place(part: usize, entry: usize) -> Place {
    let part = u16::try_from(part).expect("an image has few layers");
    (part, u32::try_from(entry).expect("a layer has few entries"))
}

fn at(parts: &[Part], (part, entry): Place) -> &Entry {
    &parts[usize::from(part)].index.entries[entry as usize]
}

/// Takes out what is below a folder; answers the bytes of the files that were there.
fn remove_below(found: &mut BTreeMap<&[u8], Place>, folder: &[u8], bytes: impl Fn(Place) -> u64) -> u64 {
    let (from, to) = below(folder);
    let gone: Vec<&[u8]> = found
        .range::<[u8], _>((
            std::ops::Bound::Included(from.as_slice()),
            std::ops::Bound::Excluded(to.as_slice()),
        ))
        .map(|(path, _)| *path)
        .collect();
    gone.into_iter()
        .filter_map(|path| found.remove(path))
        .map(bytes)
        .sum()
}
