//! Lists in pages: a registry's tags, and how pages are followed without following for ever.

use std::collections::BTreeSet;

use berth_oci::Tag;
use bytes::Bytes;
use reqwest::Url;
use reqwest::header::LINK;
use serde::Deserialize;

use crate::error::Error;
use crate::exchange::Ask;
use crate::{Repository, address, link};

/// How many of the largest pages a list may be as large as.
const DOCUMENTS_MAX: usize = 16;

#[derive(Deserialize)]
struct Page {
    tags: Option<Vec<String>>,
}

impl Repository {
    /// Every tag of the repository, in order; what no tag can be called is left out.
    pub async fn tags(&self) -> Result<Vec<Tag>, Error> {
        let mut url = self.url("tags/list")?;
        url.query_pairs_mut().append_pair("n", "1000");
        let mut tags = BTreeSet::new();
        let most = self.exchange().limits().entries_max;
        self.pages(url, |bytes| {
            let page: Page = serde_json::from_slice(bytes)
                .map_err(|_| Error::malformed("the registry answers with no list of tags"))?;
            tags.extend(
                page.tags
                    .unwrap_or_default()
                    .iter()
                    .filter_map(|tag| tag.parse::<Tag>().ok()),
            );
            if tags.len() > most {
                return Err(Error::malformed(format!(
                    "the registry lists more than {most} tags"
                )));
            }
            Ok(())
        })
        .await?;
        Ok(tags.into_iter().collect())
    }

    /// Reads a list page by page.
    pub(crate) async fn pages(
        &self,
        mut url: Url,
        mut read: impl FnMut(&Bytes) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let exchange = self.exchange();
        let most = exchange.limits().document_bytes_max;
        let mut left = most.saturating_mul(DOCUMENTS_MAX);
        for _ in 0..exchange.limits().pages_max {
            let answer = exchange
                .send(&Ask::get(url.clone(), &[self.pull_scope()]))
                .await?;
            let next = answer.header_values(LINK.as_str()).find_map(link::next);
            let next = next
                .map(|next| address::named(exchange.base(), answer.url(), next))
                .transpose()?;
            let bytes = exchange
                .transport()
                .bytes(answer.into_response(), most.min(left))
                .await?;
            left -= bytes.len();
            read(&bytes)?;
            match next {
                None => return Ok(()),
                // Whoever is asked for a page gets the login.
                Some(next) if !exchange.is_own(&next) => {
                    return Err(Error::malformed(
                        "the registry has the next page of a list elsewhere",
                    ));
                }
                Some(next) if next == url => {
                    return Err(Error::malformed("a page of the registry's list leads to itself"));
                }
                Some(next) => url = next,
            }
        }
        Err(Error::malformed("the registry's list has no end"))
    }
}
