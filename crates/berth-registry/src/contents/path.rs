//! Paths in layers: made harmless when they come in, and written so that whatever they hold can be shown and asked for.
//! Within this module a path is bytes without a leading `/`; the root is empty.

/// Longest path; what Linux takes.
pub(super) const PATH_BYTES_MAX: usize = 4096;

/// A path as an archive writes it, as a path below the image's root; else why it is none.
pub(super) fn clean(written: &[u8]) -> Result<Vec<u8>, &'static str> {
    if written.contains(&0) {
        return Err("holds a zero byte");
    }
    if written.len() > PATH_BYTES_MAX {
        return Err("is longer than 4096 bytes");
    }
    let mut path = Vec::with_capacity(written.len());
    for part in written.split(|byte| *byte == b'/') {
        match part {
            b"" | b"." => {}
            b".." => return Err("leads out of the image"),
            part => {
                if !path.is_empty() {
                    path.push(b'/');
                }
                path.extend_from_slice(part);
            }
        }
    }
    Ok(path)
}

/// The folder of a path and its name in it; the root's folder is the root.
pub(super) fn split(path: &[u8]) -> (&[u8], &[u8]) {
    match path.iter().rposition(|byte| *byte == b'/') {
        Some(at) => (&path[..at], &path[at + 1..]),
        None => (b"", path),
    }
}

/// The path as text: what is not printed as it is, or could mislead a reader, becomes `\xNN` byte by byte, and `\` is
/// doubled. [`parse`] is the way back.
pub(super) fn shown(path: &[u8]) -> String {
    let mut text = String::with_capacity(path.len());
    for chunk in path.utf8_chunks() {
        for character in chunk.valid().chars() {
            if character == '\\' {
                text.push_str(r"\\");
            } else if misleads(character) {
                let mut bytes = [0; 4];
                escape(character.encode_utf8(&mut bytes).as_bytes(), &mut text);
            } else {
                text.push(character);
            }
        }
        escape(chunk.invalid(), &mut text);
    }
    text
}

/// The path that a request names, as [`shown`] writes it; none when it is not written so.
pub(super) fn parse(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        if *first != b'\\' {
            bytes.push(*first);
        } else if let Some(after) = rest.strip_prefix(b"\\") {
            bytes.push(b'\\');
            rest = after;
        } else {
            let digits = rest.strip_prefix(b"x")?.get(..2)?;
            let digits = std::str::from_utf8(digits).ok()?;
            bytes.push(u8::from_str_radix(digits, 16).ok()?);
            rest = &rest[3..];
        }
    }
    clean(&bytes).ok()
}

fn escape(bytes: &[u8], text: &mut String) {
    for byte in bytes {
        text.push_str(r"\x");
        text.push_str(&hex::encode([*byte]));
    }
}

/// Characters that are not seen, or that turn the order of what is seen around.
fn misleads(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{clean, parse, shown, split};

    #[test]
    fn a_path_stays_below_the_root() {
        let check = |written: &[u8], expected: Result<&[u8], &str>| {
            let found = clean(written);
            let found = found.as_deref().map_err(|why| *why);
            assert_eq!(found, expected, "{}", String::from_utf8_lossy(written));
        };
        check(b"./etc/passwd", Ok(b"etc/passwd"));
        check(b"/etc//passwd/", Ok(b"etc/passwd"));
        check(b"./", Ok(b""));
        check(b"", Ok(b""));
        check(b"a/./b", Ok(b"a/b"));
        check(b"..a/b..", Ok(b"..a/b.."));
        check(b"../etc", Err("leads out of the image"));
        check(b"a/../b", Err("leads out of the image"));
        check(b"a\0b", Err("holds a zero byte"));
        check(&[b'a'; 4097], Err("is longer than 4096 bytes"));
    }

    #[test]
    fn what_misleads_is_shown_escaped() {
        for (path, expected) in [
            (b"usr/bin/env".as_slice(), "usr/bin/env"),
            ("größe/文件".as_bytes(), "größe/文件"),
            (b"a\xff\xfeb", r"a\xff\xfeb"),
            (b"a\nb\\", r"a\x0ab\\"),
            ("a\u{202e}txt".as_bytes(), r"a\xe2\x80\xaetxt"),
        ] {
            assert_eq!(shown(path), expected);
        }
        for text in [r"\q", r"\x", r"\xg0", r"\x0", "..", r"\x2e\x2e"] {
            assert_eq!(parse(text), None, "{text}");
        }
        assert_eq!(split(b"a/b/c"), (b"a/b".as_slice(), b"c".as_slice()));
        assert_eq!(split(b"a"), (b"".as_slice(), b"a".as_slice()));
    }

    proptest! {
        #[test]
        fn what_is_shown_can_be_asked_for(written in proptest::collection::vec(any::<u8>(), 0..40)) {
            if let Ok(path) = clean(&written) {
                let text = shown(&path);
                prop_assert!(!text.chars().any(char::is_control));
                prop_assert_eq!(parse(&text), Some(path));
            }
        }
    }
}
