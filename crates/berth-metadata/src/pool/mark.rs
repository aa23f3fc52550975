//! What tells whether the database was written to: a mark stays equal as long as nothing was, whoever writes.

/// Where the database stands. Two that are equal say that nothing was committed between them of what they are about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mark([u8; Mark::LENGTH]);

/// Where the database stands at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Marks {
    /// Anything at all.
    pub(crate) all: Mark,
    /// Who there is, what they may do, and which places there are: users, keys and logins, organisations, repositories
    /// as far as rights on them go, grants and shares.
    pub(crate) rights: Mark,
}

impl Mark {
    /// Bytes of a mark: those of the header by which SQLite itself sees whether its pages are still true.
    pub(super) const LENGTH: usize = 48;

    pub(super) fn of(bytes: [u8; Mark::LENGTH]) -> Self {
        Self(bytes)
    }

    /// The mark that follows from a count of differences; equal to none made of a header, which ends otherwise.
    pub(super) fn counted(count: u64) -> Self {
        let mut bytes = [0; Mark::LENGTH];
        bytes[..size_of::<u64>()].copy_from_slice(&count.to_ne_bytes());
        Self(bytes)
    }

    /// The four bytes from `at` on.
    pub(super) fn number(&self, at: usize) -> u32 {
        let bytes = self.0[at..at + size_of::<u32>()].try_into();
        u32::from_ne_bytes(bytes.expect("four bytes"))
    }
}
