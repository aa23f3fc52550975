//! Lists of images with all that is told of them: by right, by share, filtered, ordered and paged.

use berth_metadata::{
    Repository, RepositoryDetails, RepositoryFilter, RepositoryOrder, RepositoryPage, RepositoryQuery,
    RepositorySet,
};

use crate::Registry;
use crate::access::Caller;
use crate::clock::now_ms;
use crate::error::Error;
use crate::tag::Listed;

/// Tags that a row of a list shows at most, the newest; the count of all is beside them.
const TAGS_SHOWN: i64 = 100;

/// Which images to list, and which part of them.
#[derive(Clone, Debug)]
pub struct RepositoriesWanted {
    /// Which images.
    pub set: RepositorySet,
    /// And of those.
    pub filter: RepositoryFilter,
    /// What to order by.
    pub order: RepositoryOrder,
    /// The largest first.
    pub descending: bool,
    /// How many to leave out.
    pub offset: i64,
    /// At most so many.
    pub limit: i64,
}

/// A page of images.
#[derive(Clone, Debug)]
pub struct RepositoriesFound {
    /// The rows, each with its newest tags.
    pub rows: Vec<RepositoryDetails>,
    /// How many there are on all pages.
    pub total: i64,
}

impl Registry {
    /// A page of the images that the caller has a right on, or that are shared by or with their account.
    pub async fn repositories(
        &self,
        caller: &Caller,
        wanted: RepositoriesWanted,
    ) -> Result<RepositoriesFound, Error> {
        let query = query(caller, wanted.set, wanted.filter)?;
        let page = RepositoryPage::From {
            order: wanted.order,
            descending: wanted.descending,
            offset: wanted.offset,
            limit: wanted.limit,
        };
        let rows = self.metadata.list_repositories(&query, page, TAGS_SHOWN).await?;
        let rows = rows.into_iter().map(|row| told(wanted.set, row)).collect();
        let total = self.metadata.count_repositories(&query).await?;
        Ok(RepositoriesFound { rows, total })
    }

    /// The next images by id, after the one of id `after`, without their tags.
    pub async fn repositories_after(
        &self,
        caller: &Caller,
        set: RepositorySet,
        filter: RepositoryFilter,
        (after, limit): (i64, u32),
    ) -> Result<Listed<RepositoryDetails>, Error> {
        let query = query(caller, set, filter)?;
        let page = RepositoryPage::After {
            id: after,
            limit: i64::from(limit) + 1,
        };
        let rows = self.metadata.list_repositories(&query, page, 0).await?;
        let rows = rows.into_iter().map(|row| told(set, row)).collect();
        Ok(Listed::cut(rows, limit))
    }
}

/// What a caller is told of an image. A share that is over leaves no more than the name and when the image was made: what
/// happened to it since is not for the other account.
pub(super) fn told(set: RepositorySet, row: RepositoryDetails) -> RepositoryDetails {
    if set != RepositorySet::SharedWithAccount || row.share_valid || row.repository.is_public {
        return row;
    }
    RepositoryDetails {
        repository: Repository {
            category: String::new(),
            description: String::new(),
            updated_at: row.repository.created_at,
            ..row.repository
        },
        tag_count: 0,
        size_bytes: 0,
        pull_count: 0,
        tags: Vec::new(),
        ..row
    }
}

/// What is looked for, and on whose behalf: what is public is for everybody, all else for users.
pub(super) fn query(
    caller: &Caller,
    set: RepositorySet,
    filter: RepositoryFilter,
) -> Result<RepositoryQuery, Error> {
    let user = match (caller, set) {
        (Caller::Anonymous, RepositorySet::Public) => None,
        _ => Some(caller.require_user()?),
    };
    Ok(RepositoryQuery {
        user_id: user.map_or_else(String::new, |user| user.user_id.clone()),
        account_id: user.map_or_else(String::new, |user| user.account_id.clone()),
        administrator: user.is_some_and(|user| user.administrator),
        set,
        filter,
        now: now_ms(),
    })
}
