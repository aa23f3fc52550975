//! What an upload's row remembers for the store: which parts are there and which bytes wait for the next.
//! Whoever has this text can continue or finish the upload.

use std::io;

use serde::{Deserialize, Serialize};

use super::failure::internal;
use crate::{Error, Upload};

/// An upload, as far as it is durable.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct State {
    /// The multipart upload, once one was begun.
    #[serde(default, rename = "id", skip_serializing_if = "Option::is_none")]
    pub(super) multipart: Option<String>,
    /// The `ETag` of each part.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) parts: Vec<String>,
    /// Bytes in all parts.
    #[serde(default)]
    pub(super) parts_bytes: u64,
    /// Objects with the bytes after the last part, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) pieces: Vec<Piece>,
    /// The `ETag` of one more part, which has the bytes of all pieces, for the case that no more bytes come.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) last_part: Option<String>,
    /// Pieces whose bytes have gone into a part: garbage as soon as this state is the upload's state.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) spent: Vec<String>,
}

/// An object with some bytes of an upload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Piece {
    pub(super) name: String,
    pub(super) bytes: u64,
}

impl State {
    /// The state that an upload's row holds; [`Error::NotFound`] when it is not that of the row's offset.
    pub(super) fn of(upload: &Upload) -> Result<Self, Error> {
        let state: Self = if upload.backend.is_empty() {
            Self::default()
        } else {
            serde_json::from_str(&upload.backend)
                .map_err(|source| internal("read an upload's state", io::Error::other(source)))?
        };
        if state.length() == upload.offset {
            Ok(state)
        } else {
            Err(Error::NotFound)
        }
    }

    /// Bytes that are durable.
    pub(super) fn length(&self) -> u64 {
        self.parts_bytes + self.waiting()
    }

    /// Bytes in pieces.
    pub(super) fn waiting(&self) -> u64 {
        self.pieces.iter().map(|piece| piece.bytes).sum()
    }

    /// As text for the row; empty when there is nothing to remember.
    pub(super) fn text(&self) -> String {
        if *self == Self::default() {
            return String::new();
        }
        serde_json::to_string(self).expect("texts and numbers are JSON")
    }
}
