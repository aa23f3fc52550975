//! Layers as strangers write them, and images made of them.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use proptest::prelude::*;
use tar::{Builder, EntryType, Header};

use super::archive::FileKind;
use super::layer::{LayerIndex, below};
use super::path;
use super::tree::{Difference, Part, Tree};
use super::unpack::{Bounds, Unpacked, forward, reason};

/// The list of a layer with these bytes, or the sentence why there is none.
fn index(bytes: &[u8]) -> Result<LayerIndex, String> {
    index_within(bytes, 64 << 20)
}

fn index_within(bytes: &[u8], unpacked_max: u64) -> Result<LayerIndex, String> {
    let size = bytes.len() as u64;
    let pieces: Vec<io::Result<Bytes>> = bytes
        .chunks(1000)
        .map(|piece| Ok(Bytes::copy_from_slice(piece)))
        .collect();
    let (packed, forwarding) = forward(Box::pin(stream::iter(pieces)), size, Arc::default());
    let bounds = Bounds {
        unpacked_max,
        time_max: Duration::from_mins(1),
    };
    let reader = std::thread::spawn(move || LayerIndex::make(Unpacked::open(packed, bounds)?));
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(forwarding);
    reader.join().unwrap().map_err(|error| reason(error).unwrap())
}

/// What a layer does to a path.
#[derive(Clone, Debug)]
enum Deed {
    File(u8),
    Folder,
    Symlink(&'static str),
    Link(&'static str),
}

fn write(deeds: &[(&str, Deed)]) -> Vec<u8> {
    let mut layer = Builder::new(Vec::new());
    for (path, deed) in deeds {
        let mut header = Header::new_gnu();
        header.set_mode(0o644);
        header.set_mtime(1);
        // As hostile archives do, without the crate's own care.
        header.as_mut_bytes()[..path.len()].copy_from_slice(path.as_bytes());
        let bytes = match deed {
            Deed::File(byte) => vec![*byte; 10],
            _ => Vec::new(),
        };
        header.set_size(bytes.len() as u64);
        header.set_entry_type(match deed {
            Deed::File(_) => EntryType::Regular,
            Deed::Folder => EntryType::Directory,
            Deed::Symlink(_) => EntryType::Symlink,
            Deed::Link(_) => EntryType::Link,
        });
        if let Deed::Symlink(target) | Deed::Link(target) = deed {
            header.set_link_name_literal(target).unwrap();
        }
        header.set_cksum();
        layer.append(&header, bytes.as_slice()).unwrap();
    }
    layer.into_inner().unwrap()
}

fn merged(layers: &[Vec<(&str, Deed)>]) -> Tree {
    let part = |(number, deeds): (usize, &Vec<(&str, Deed)>)| Part {
        digest: number.to_string(),
        index: Arc::new(index(&write(deeds)).unwrap()),
    };
    Tree::merged(layers.iter().enumerate().map(part).collect())
}

/// Every file with the number of its layer, every folder with a `/`.
fn shown(tree: &Tree) -> Vec<String> {
    let mut all: Vec<String> = tree
        .nodes()
        .iter()
        .map(|node| {
            let (part, entry) = tree.show(node);
            match entry.kind {
                FileKind::Directory => format!("{}/", path::shown(&entry.path)),
                _ => format!("{} {}", path::shown(&entry.path), part.digest),
            }
        })
        .collect();
    all.sort();
    all
}

#[test]
fn layers_lie_one_upon_another() {
    use Deed::{File, Folder};
    let check = |layers: &[Vec<(&str, Deed)>], expected: &[&str]| {
        assert_eq!(shown(&merged(layers)), expected, "{layers:?}");
    };
    let base = || {
        vec![
            ("a/", Folder),
            ("a/x", File(1)),
            ("a/y", File(1)),
            ("ab", File(1)),
        ]
    };
    check(&[base()], &["a/", "a/x 0", "a/y 0", "ab 0"]);
    check(&[base(), vec![("a/.wh.x", File(0))]], &["a/", "a/y 0", "ab 0"]);
    check(&[base(), vec![(".wh.a", File(0))]], &["ab 0"]);
    check(&[base(), vec![("a/.wh..wh..opq", File(0))]], &["a/", "ab 0"]);
    check(
        &[base(), vec![(".wh..wh..opq", File(0)), ("new", File(2))]],
        &["new 1"],
    );
    // What a layer takes away is what lower layers have, wherever it says so.
    let replaced = vec![
        ("a/x", File(2)),
        ("a/.wh.x", File(0)),
        ("a/.wh..wh..opq", File(0)),
    ];
    check(&[base(), replaced], &["a/", "a/x 1", "ab 0"]);
    check(&[base(), vec![("a", File(2))]], &["a 1", "ab 0"]);
    check(
        &[base(), vec![("ab/", Folder), ("ab/z", File(2))]],
        &["a/", "a/x 0", "a/y 0", "ab/", "ab/z 1"],
    );
    check(
        &[base(), vec![("./a/z", File(2))]],
        &["a/", "a/x 0", "a/y 0", "a/z 1", "ab 0"],
    );
    check(
        &[vec![("f", File(1)), ("f", File(2)), ("f/g", File(3))]],
        &["f 0"],
    );
    check(
        &[base(), vec![("a/.wh..wh.plnk", File(0)), ("a/.wh.", File(0))]],
        &["a/", "a/x 0", "a/y 0", "ab 0"],
    );
}

#[test]
fn what_higher_layers_hide_is_counted() {
    use Deed::{File, Folder};
    let base = vec![("a/", Folder), ("a/x", File(1)), ("a/y", File(1))];
    let tree = merged(&[
        base,
        vec![("a/.wh.x", File(0))],
        vec![("a/y", File(2)), ("b", File(3))],
    ]);
    assert_eq!((tree.hidden_bytes, tree.sums()), (20, (20, 2)));
    let folder = tree.get(b"a").unwrap();
    assert_eq!((folder.bytes, folder.files), (10, 1));
}

#[test]
fn links_lead_within_the_image() {
    use Deed::{File, Link, Symlink};
    let tree = merged(&[
        vec![
            ("bin/sh", File(1)),
            ("lib", Symlink("usr/lib")),
            ("usr/lib/so", File(1)),
        ],
        vec![
            ("bin/bash", Link("bin/sh")),
            ("up", Symlink("../../../bin/sh")),
            ("loop", Symlink("loop")),
            ("out", Symlink("/etc/shadow")),
            ("self", Link("self")),
        ],
    ]);
    let check = |path: &str, expected: Option<&str>| {
        let found = tree.follow(path.as_bytes());
        assert_eq!(found.as_deref(), expected.map(str::as_bytes), "{path}");
    };
    check("lib/so", Some("usr/lib/so"));
    check("up", Some("bin/sh"));
    check("loop", None);
    check("out", None);
    let named = |path: &[u8]| {
        let (part, entry) = tree.show(tree.get(path).unwrap());
        tree.named(part, entry)
            .map(|(part, file)| (part.digest.clone(), file.path.clone()))
    };
    assert_eq!(named(b"bin/bash"), Some(("0".to_owned(), b"bin/sh".to_vec())));
    assert_eq!(named(b"self"), None);
}

#[test]
fn hostile_names_are_left_out_and_told() {
    use Deed::{File, Link};
    let list = index(&write(&[
        ("../../etc/passwd", File(1)),
        ("a/../../b", File(1)),
        ("/abs", File(1)),
        ("ok", File(1)),
        ("evil", Link("../../etc/shadow")),
    ]))
    .unwrap();
    let paths: Vec<&[u8]> = list.entries.iter().map(|entry| entry.path.as_slice()).collect();
    assert_eq!(paths, [b"abs".as_slice(), b"ok"]);
    assert_eq!(list.remarks.len(), 3);
    assert!(
        list.remarks
            .iter()
            .all(|remark| remark.contains("leads out of the image"))
    );
    let many: Vec<(&str, Deed)> = (0..50).map(|_| ("../x", File(1))).collect();
    let remarks = index(&write(&many)).unwrap().remarks;
    assert!(
        remarks.len() == 11 && remarks[10].contains("40 more"),
        "{remarks:?}"
    );
}

#[test]
fn headers_cannot_take_more_than_they_may() {
    let extended = |kind: EntryType, size: u64| {
        let mut header = Header::new_ustar();
        header.set_path("long").unwrap();
        header.set_entry_type(kind);
        header.set_size(size);
        header.set_cksum();
        header.as_bytes().to_vec()
    };
    for kind in [
        EntryType::XHeader,
        EntryType::GNULongName,
        EntryType::XGlobalHeader,
    ] {
        let refused = index(&extended(kind, 1 << 40)).unwrap_err();
        assert!(refused.contains("extended header"), "{refused}");
    }
    let huge = extended(EntryType::Regular, 1 << 20);
    assert!(index(&huge).is_err(), "an entry that ends early");
    let long = write(&[("a", Deed::File(1)), ("b", Deed::File(1))]);
    assert!(
        index_within(&long, 1024)
            .unwrap_err()
            .contains("more than 1024 bytes")
    );
    assert!(index(&[1; 512]).unwrap_err().contains("not a tar archive"));
    assert_eq!(index(&[]).unwrap().entries, []);
}

#[test]
fn a_list_is_kept_as_it_was_made() {
    let list = index(&write(&[("a/b", Deed::File(1)), ("c", Deed::Symlink("a/b"))])).unwrap();
    assert_eq!(LayerIndex::decode(&list.encode().unwrap()).unwrap(), list);
    assert!(LayerIndex::decode(b"nonsense").is_err());
}

#[test]
fn differences_are_of_content_not_of_layers() {
    use Deed::File;
    let old = merged(&[vec![("same", File(1)), ("gone", File(1)), ("other", File(1))]]);
    let new = merged(&[
        vec![("other", File(2))],
        vec![("same", File(1)), ("new", File(1))],
    ]);
    let found: Vec<(char, Vec<u8>)> = old
        .differences(&new)
        .into_iter()
        .map(|difference| match difference {
            Difference::Added(b) => ('+', new.show(&new.nodes()[b]).1.path.clone()),
            Difference::Removed(a) => ('-', old.show(&old.nodes()[a]).1.path.clone()),
            Difference::Changed(a, _) => ('~', old.show(&old.nodes()[a]).1.path.clone()),
        })
        .collect();
    assert_eq!(
        found,
        [
            ('-', b"gone".to_vec()),
            ('+', b"new".to_vec()),
            ('~', b"other".to_vec())
        ]
    );
}

/// What an image shows, by replaying its layers path by path.
fn replayed(layers: &[Vec<(String, bool)>]) -> BTreeMap<String, usize> {
    let mut files: BTreeMap<String, usize> = BTreeMap::new();
    for (number, deeds) in layers.iter().enumerate() {
        for (path, is_removed) in deeds {
            let (from, _) = below(path.as_bytes());
            let from = String::from_utf8(from).unwrap();
            // What is taken away is in folders of the layer, and they hide a file of a lower one.
            if *is_removed {
                files.retain(|file, from_layer| {
                    let is_above = path.starts_with(&format!("{file}/"));
                    *from_layer == number || (file != path && !file.starts_with(&from) && !is_above)
                });
            }
        }
        for (path, _) in deeds.iter().filter(|(_, is_removed)| !is_removed) {
            // Above a file are folders, and below it is nothing.
            files.retain(|file, _| {
                !file.starts_with(&format!("{path}/")) && !path.starts_with(&format!("{file}/"))
            });
            files.insert(path.clone(), number);
        }
    }
    files
}

fn deeds() -> impl Strategy<Value = Vec<(String, bool)>> {
    // No path is below another that the same layer writes.
    let path = prop::sample::select(vec!["a", "b", "c/d", "c/e", "f/g/h", "f/g/i", "f/j"]);
    let up = prop::sample::select(vec!["a/x", "b/y", "c", "f", "f/g"]);
    let either = prop_oneof![path, up].prop_map(str::to_owned);
    prop::collection::vec((either, any::<bool>()), 0..6).prop_map(|mut deeds| {
        let written: Vec<String> = deeds
            .iter()
            .filter(|(_, removed)| !removed)
            .map(|(path, _)| path.clone())
            .collect();
        deeds.retain(|(path, removed)| {
            *removed || !written.iter().any(|other| path.starts_with(&format!("{other}/")))
        });
        deeds
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn an_image_is_its_layers_replayed(layers in prop::collection::vec(deeds(), 1..5)) {
        let written: Vec<Vec<(String, Deed)>> = layers
            .iter()
            .enumerate()
            .map(|(number, deeds)| {
                let byte = u8::try_from(number).unwrap();
                deeds.iter().map(|(path, is_removed)| {
                    let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
                    let mark = if *is_removed { ".wh." } else { "" };
                    (format!("{folder}/{mark}{name}"), Deed::File(byte))
                }).collect()
            })
            .collect();
        let borrowed: Vec<Vec<(&str, Deed)>> = written
            .iter()
            .map(|deeds| deeds.iter().map(|(path, deed)| (path.as_str(), deed.clone())).collect())
            .collect();
        let tree = merged(&borrowed);
        let files: BTreeMap<String, usize> = tree.nodes().iter().map(|node| tree.show(node))
            .filter(|(_, entry)| entry.kind != FileKind::Directory)
            .map(|(part, entry)| (path::shown(&entry.path), part.digest.parse().unwrap()))
            .collect();
        prop_assert_eq!(files, replayed(&layers));
        for node in tree.nodes() {
            let entry = tree.show(node).1;
            let (folder, _) = path::split(&entry.path);
            prop_assert!(folder.is_empty() || tree.show(tree.get(folder).unwrap()).1.kind == FileKind::Directory);
            prop_assert!(tree.get(&entry.path).is_some());
        }
    }

    #[test]
    fn whatever_an_archive_holds_is_harmless(
        flips in prop::collection::vec((0_usize..4000, any::<u8>()), 0..20),
        cut in 0_usize..6000,
    ) {
        let mut bytes = write(&[("a/", Deed::Folder), ("a/b", Deed::File(1)), ("c", Deed::Link("a/b"))]);
        for (at, byte) in flips {
            if let Some(found) = bytes.get_mut(at) {
                *found = byte;
            }
        }
        bytes.truncate(cut);
        // Headers whose checksum is right all the same, or the walk ends at the first.
        for header in 0..3 {
            if let Some(block) = bytes.get_mut(header * 512..(header + 1) * 512) {
                let mut header = Header::from_byte_slice(block).clone();
                header.set_cksum();
                block.copy_from_slice(header.as_bytes());
            }
        }
        if let Ok(list) = index(&bytes) {
            for entry in &list.entries {
                prop_assert_eq!(path::clean(&entry.path).unwrap(), entry.path.clone());
            }
            prop_assert_eq!(LayerIndex::decode(&list.encode().unwrap()).unwrap(), list);
        }
    }
}
