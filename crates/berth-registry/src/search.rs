//! One search over everything that a caller may see: organizations, images, tags, and what has a digest.

use berth_metadata::{ContentHit, RepositoryHit, Searcher};

use crate::Registry;
use crate::access::Caller;
use crate::clock::now_ms;
use crate::error::Error;

/// Longest text to search for: a full name, a tag and a digest go into it.
const QUERY_LENGTH_MAX: usize = 512;
/// Fewest digits that are taken for the beginning of a digest.
const DIGITS_MIN: usize = 6;
/// Most results of each kind.
pub const SEARCH_LIMIT_MAX: i64 = 100;

/// What was found, each kind in its own order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// The names of organizations.
    pub organizations: Vec<String>,
    /// Images.
    pub repositories: Vec<RepositoryHit>,
    /// Tags, at most ten of each image.
    pub tags: Vec<ContentHit>,
    /// Manifests by their digests.
    pub manifests: Vec<ContentHit>,
    /// Configurations and layers in use, by their digests.
    pub blobs: Vec<ContentHit>,
}

/// What a text may be a part of.
#[derive(Debug, PartialEq, Eq)]
enum Meaning<'a> {
    /// A part of a name, or the beginning of a tag.
    Name(&'a str),
    /// A part of an image's name, and the beginning of a tag.
    TagOf(&'a str, &'a str),
    /// The beginning of a digest.
    Digest(&'a str),
}

impl Meaning<'_> {
    fn of(text: &str) -> Meaning<'_> {
        match text.rsplit_once(':') {
            Some(("sha256" | "sha512", _)) => Meaning::Digest(text),
            Some((image, tag)) => Meaning::TagOf(image, tag),
            None => Meaning::Name(text),
        }
    }
}

impl Registry {
    /// Searches for `text`: names of organizations and images that hold it, tags that begin with it, digests that begin
    /// with it (with or without `sha256:`, six digits at least). `image:tag` looks for tags of such images only. At most
    /// `limit` of each kind.
    pub async fn search(&self, caller: &Caller, text: &str, limit: i64) -> Result<Found, Error> {
        let user = caller.require_user()?;
        let text = text.trim();
        if text.len() > QUERY_LENGTH_MAX || text.contains('\0') {
            return Err(Error::Invalid(format!(
                "a search has at most {QUERY_LENGTH_MAX} characters, and none of them is zero"
            )));
        }
        let by = Searcher {
            user_id: user.user_id.clone(),
            account_id: user.account_id.clone(),
            administrator: user.administrator,
            now: now_ms(),
            limit: limit.clamp(1, SEARCH_LIMIT_MAX),
        };
        let mut found = Found::default();
        match Meaning::of(text) {
            Meaning::Digest(prefix) if digits_of(prefix) >= DIGITS_MIN => {
                self.search_digests(&by, prefix, &mut found).await?;
            }
            // As good as none: every digest begins so.
            Meaning::Digest(_) => {}
            Meaning::TagOf(image, tag) => {
                found.tags = self.metadata.search_tags(&by, image, tag).await?;
            }
            Meaning::Name(part) => {
                found.organizations = self.metadata.search_organizations(&by, part).await?;
                found.repositories = self.metadata.search_repositories(&by, part).await?;
                found.tags = self.metadata.search_tags(&by, "", part).await?;
                if part.len() >= DIGITS_MIN && part.bytes().all(|b| b.is_ascii_hexdigit()) {
                    let prefix = format!("sha256:{}", part.to_ascii_lowercase());
                    self.search_digests(&by, &prefix, &mut found).await?;
                }
            }
        }
        Ok(found)
    }

    async fn search_digests(&self, by: &Searcher, prefix: &str, found: &mut Found) -> Result<(), Error> {
        found.manifests = self.metadata.search_manifests(by, prefix).await?;
        found.blobs = self.metadata.search_blobs(by, prefix).await?;
        Ok(())
    }
}

/// How many digits stand behind the algorithm's name.
fn digits_of(prefix: &str) -> usize {
    prefix.split_once(':').map_or(0, |(_, digits)| digits.len())
}

#[cfg(test)]
mod tests {
    use super::Meaning;

    #[test]
    fn a_text_says_what_it_is_a_part_of() {
        for (text, meaning) in [
            ("app", Meaning::Name("app")),
            ("team/app", Meaning::Name("team/app")),
            ("team/app:v1", Meaning::TagOf("team/app", "v1")),
            (":v1", Meaning::TagOf("", "v1")),
            ("app:", Meaning::TagOf("app", "")),
            ("sha256:ab", Meaning::Digest("sha256:ab")),
            ("sha512:", Meaning::Digest("sha512:")),
            ("abcdef0", Meaning::Name("abcdef0")),
        ] {
            assert_eq!(Meaning::of(text), meaning, "{text}");
        }
    }
}
