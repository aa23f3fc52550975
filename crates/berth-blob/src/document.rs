//! Names of documents, the same for every store: hostile ones are refused before a store sees them.

use std::io;

use crate::Error;

const NAME_LENGTH_MAX: usize = 200;

/// Refuses what is no document's name; see [`StoredDocument`](crate::StoredDocument).
pub(crate) fn check_name(name: &str) -> Result<(), Error> {
    let allowed =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'.' | b'_' | b'-');
    let part_is_good = |part: &str| {
        let first = part.bytes().next();
        first.is_some_and(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
            && part.bytes().all(allowed)
    };
    if name.len() <= NAME_LENGTH_MAX && name.split('/').all(part_is_good) {
        return Ok(());
    }
    Err(Error::Internal {
        doing: "check a document's name".to_owned(),
        source: io::Error::new(io::ErrorKind::InvalidInput, format!("{name:?} is refused")),
    })
}
