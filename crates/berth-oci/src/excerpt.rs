//! What a message repeats of a text that a stranger sent.

/// The text, or its first 80 characters and a mark that more followed; what is not printed as it is, is escaped.
pub fn shown(text: &str) -> String {
    const SHOWN_MAX: usize = 80;
    match text.char_indices().nth(SHOWN_MAX) {
        Some((end, _)) => format!("{}…", text[..end].escape_debug()),
        None => text.escape_debug().to_string(),
    }
}
