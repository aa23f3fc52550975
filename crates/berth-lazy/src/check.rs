//! What a layer is allowed to be before Nydus's libraries think about it: an archive of not too many entries with names that a
//! system could have. They keep the whole path of every folder, so that a path of folders alone could take all memory. And they
//! lay some files elsewhere, which is found here.

use std::collections::BTreeMap;
use std::io::Read;

use berth_oci::excerpt::shown;
use flate2::read::MultiGzDecoder;
use tar::Archive;

/// Entries of a layer: each takes a few kilobytes of the child's memory.
const ENTRIES_MAX: u64 = 1_000_000;
/// Bytes of a path, and of what a link names, as systems have it.
const PATH_BYTES_MAX: usize = 4096;
/// Bytes of a name in a folder.
const NAME_BYTES_MAX: usize = 255;

/// Reads a gzipped archive to its end; why it is refused, for people.
pub(crate) fn check(layer: impl Read) -> Result<(), String> {
    let mut archive = Archive::new(MultiGzDecoder::new(layer));
    archive.set_ignore_zeros(true);
    let broken = |error: std::io::Error| format!("it is no whole gzipped tar archive: {error}");
    let mut count = 0;
    let mut root = Folder::default();
    for entry in archive.entries().map_err(broken)? {
        let entry = entry.map_err(broken)?;
        count += 1;
        if count > ENTRIES_MAX {
            return Err(format!("it has more than {ENTRIES_MAX} entries"));
        }
        let (path, link) = (entry.path_bytes(), entry.link_name_bytes());
        if path.len().max(link.map_or(0, |link| link.len())) > PATH_BYTES_MAX {
            return Err(format!("it has a path of more than {PATH_BYTES_MAX} bytes"));
        }
        if path
            .split(|byte| *byte == b'/')
            .any(|name| name.len() > NAME_BYTES_MAX)
        {
            return Err(format!("it has a name of more than {NAME_BYTES_MAX} bytes"));
        }
        if !root.takes(&path) {
            let path = shown(&String::from_utf8_lossy(&path));
            return Err(format!(
                "'{path}' comes before an entry of the folder that it is in"
            ));
        }
    }
    Ok(())
}

/// What a folder has so far, by name.
#[derive(Default)]
struct Folder(BTreeMap<Vec<u8>, Folder>);

impl Folder {
    /// Takes an entry in; false when it would be laid elsewhere. nydus-builder makes a folder that has no entry yet in the order
    /// of names, and goes on in the last one, whichever that is (0.2.0, `TarBuilder::insert_into_tree`).
    fn takes(&mut self, path: &[u8]) -> bool {
        let names = path.split(|byte| *byte == b'/');
        let mut names = names.filter(|name| !name.is_empty() && *name != b".").peekable();
        let (mut folder, mut is_right) = (self, true);
        while let Some(name) = names.next() {
            if names.peek().is_some() && !folder.0.contains_key(name) {
                let last = folder.0.last_key_value();
                is_right &= last.is_none_or(|(last, _)| last.as_slice() < name);
            }
            folder = folder.0.entry(name.to_vec()).or_default();
        }
        is_right
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::check;

    /// A layer with empty files of these names, and folders where they end so.
    fn layer(names: &[String]) -> Vec<u8> {
        let mut tar = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
        for name in names {
            let mut header = tar::Header::new_gnu();
            header.set_size(0);
            header.set_mode(0o644);
            if name.ends_with('/') {
                header.set_entry_type(tar::EntryType::Directory);
            }
            tar.append_data(&mut header, name, [].as_slice()).unwrap();
        }
        tar.into_inner().unwrap().finish().unwrap()
    }

    #[test]
    fn names_that_no_system_has_are_refused() {
        let good = ["a/".repeat(2000) + "file", "b/".repeat(100), "n".repeat(255)];
        assert_eq!(check(layer(&good).as_slice()), Ok(()));
        let cases = [
            (vec!["a/".repeat(100_000) + "file"], "a path"),
            (vec!["a".to_owned(), "n".repeat(256)], "a name"),
        ];
        for (names, part) in cases {
            let why = check(layer(&names).as_slice()).unwrap_err();
            assert!(why.contains(part), "{why}");
        }
    }

    #[test]
    fn files_that_would_be_laid_elsewhere_are_refused() {
        for (names, expected) in [
            (["a/file", "b/file"].as_slice(), true),
            (&["b/file", "a/file"], false),
            (&["b/file", "a/", "a/file"], true),
            (&["./b/", "./a/", "a/c/file", "b/c/file"], true),
            (&["a/x", "a/b/c/file"], false),
            (&["a/x", "a/y/c/file"], true),
            (&["b", "a"], true),
            (&["b", "a/file"], false),
        ] {
            let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
            let found = check(layer(&names).as_slice());
            assert_eq!(found.is_ok(), expected, "{names:?}: {found:?}");
        }
    }

    #[test]
    fn bytes_that_are_no_archive_are_refused() {
        let good = layer(&["file".to_owned()]);
        let mut noise = GzEncoder::new(Vec::new(), Compression::fast());
        noise.write_all(&[0xa5; 10_000]).unwrap();
        for bytes in [&good[..good.len() / 2], &noise.finish().unwrap(), b"nothing", &[]] {
            let why = check(bytes).unwrap_err();
            assert!(why.contains("no whole gzipped tar"), "{why}");
        }
    }
}
