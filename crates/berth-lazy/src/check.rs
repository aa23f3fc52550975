//! What a layer is allowed to be before Nydus's libraries think about it: an archive of not too many entries with names that a
//! system could have. They keep the whole path of every folder, so that a path of folders alone could take all memory.

use std::io::Read;

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
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::check;

    /// A layer with empty files of these names.
    fn layer(names: &[String]) -> Vec<u8> {
        let mut tar = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
        for name in names {
            let mut header = tar::Header::new_gnu();
            header.set_size(0);
            header.set_mode(0o644);
            tar.append_data(&mut header, name, [].as_slice()).unwrap();
        }
        tar.into_inner().unwrap().finish().unwrap()
    }

    #[test]
    fn names_that_no_system_has_are_refused() {
        let good = ["a/".repeat(2000) + "file", "n".repeat(255), "b/".repeat(100)];
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
