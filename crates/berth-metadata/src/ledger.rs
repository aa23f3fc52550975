//! Where the bytes are: what tags, images, organisations and accounts hold, alone or with others, and what deleting some
//! of it would free. `docs/explanation/ledger.md` says what each figure means.
//!
//! A repository holds the blobs that it links and those that its bin keeps. What only a bin holds belongs to nobody else:
//! it goes by itself.

use crate::Metadata;
use crate::error::Error;
use crate::pool::Failure;
use sqlx::Row;
use sqlx::any::AnyRow;

pub(crate) mod figures;
pub(crate) mod freed;
pub(crate) mod keys;

pub use figures::{LedgerFigures, LedgerScope, StoreFigures};
pub use freed::{Deleted, Freed, TagFigures};
pub use keys::{ImageRecount, KeyUse, KnownKey};

/// Through whose eyes: whether other accounts' images count as holders. Who may learn that a stranger holds the same
/// bytes learns what the stranger has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LedgerView {
    /// All accounts: the operator's.
    Everything,
    /// This account's images alone.
    Account(String),
}

impl LedgerView {
    pub(crate) fn account(&self) -> Option<String> {
        match self {
            LedgerView::Everything => None,
            LedgerView::Account(id) => Some(id.clone()),
        }
    }
}

/// An image of a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LedgerImage {
    /// Its repository.
    pub id: i64,
    /// Its name in its organisation.
    pub image: String,
}

impl Metadata {
    /// A page of the live images of an organisation by name, those after `last`.
    pub async fn ledger_images(
        &self,
        organization_id: i64,
        last: &str,
        limit: i64,
    ) -> Result<Vec<LedgerImage>, Error> {
        let statement = sqlx::query(IMAGES)
            .bind(organization_id)
            .bind(last.to_owned())
            .bind(limit);
        self.list("list the images of an organisation", statement, image)
            .await
    }
}

pub(crate) const IMAGES: &str = "SELECT id, image FROM repositories \
     WHERE organization_id = $1 AND listed = 1 AND image > $2 ORDER BY image LIMIT $3";

fn image(row: &AnyRow) -> Result<LedgerImage, Failure> {
    Ok(LedgerImage {
        id: row.try_get(0)?,
        image: row.try_get(1)?,
    })
}

/// Of a link `l` of a repository `r`: whether something live, or still being pushed, needs it. What was deleted does not,
/// neither does what only the bin keeps.
macro_rules! is_live {
    ($link:literal, $repository:literal) => {
        concat!(
            "(",
            $repository,
            ".listed <> 2 AND (",
            $link,
            ".idle_since IS NULL OR NOT EXISTS (SELECT 1 FROM binned_references k WHERE k.blob = ",
            $link,
            ".digest AND k.repository_id = ",
            $link,
            ".repository_id)))"
        )
    };
}
pub(crate) use is_live;
