//! What tells whether the database was written to: a mark stays equal as long as nothing was, whoever writes.

/// Where the database stands. Two that are equal say that nothing was committed between them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mark([u8; Mark::LENGTH]);

impl Mark {
    /// Bytes of a mark: those of the header by which SQLite itself sees whether its pages are still true.
    pub(super) const LENGTH: usize = 48;

    pub(super) fn of(bytes: [u8; Mark::LENGTH]) -> Self {
        Self(bytes)
    }

    /// The mark that follows from a count of differences.
    pub(super) fn counted(count: u64) -> Self {
        let mut bytes = [0; Mark::LENGTH];
        bytes[..size_of::<u64>()].copy_from_slice(&count.to_ne_bytes());
        Self(bytes)
    }
}
