//! What a message repeats of a text that a stranger sent.

/// The text itself, or its first 80 characters and a mark that more followed.
pub(crate) fn shown(text: &str) -> String {
    const SHOWN_MAX: usize = 80;
    match text.char_indices().nth(SHOWN_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
