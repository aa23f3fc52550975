//! Lists in an order that no push keeps for them. They gather the ids of what one user has a right on and sort those, and
//! may look at nothing beyond. And searches, which go through the names of repositories in their order.

use super::with_values;
use crate::repositories::{images, listing};
use crate::{
    OrganizationOrder, RepositoryFilter, RepositoryOrder, RepositoryPage, RepositoryQuery, RepositorySet,
    SeenQuery, TextMatch,
};
use crate::{TagFilter, TagPageOrder, TagPagePart};
use crate::{organizations, search, tags};

/// Every kind of list, with and without filters.
pub(super) fn statements() -> Vec<String> {
    let query = |set, filter| RepositoryQuery {
        user_id: "user".to_owned(),
        account_id: "account".to_owned(),
        // Where one account has a tenth of everything, reading everything is the better plan.
        administrator: false,
        set,
        filter,
        now: 1,
    };
    let filter = RepositoryFilter {
        organization: Some(TextMatch::Holding("org".to_owned())),
        image: Some(TextMatch::Holding("image".to_owned())),
        is_public: Some(true),
        text: Some("org".to_owned()),
        architecture: Some("arm64".to_owned()),
        ..RepositoryFilter::default()
    };
    let mut statements = Vec::new();
    for set in [
        RepositorySet::Own,
        RepositorySet::SharedByAccount,
        RepositorySet::SharedWithAccount,
        RepositorySet::Public,
    ] {
        for query in [
            query(set, RepositoryFilter::default()),
            query(set, filter.clone()),
        ] {
            statements.push(listing::count_statement(&query).explained());
            for order in [RepositoryOrder::FullName, RepositoryOrder::UpdatedAt] {
                let page = RepositoryPage::From {
                    order,
                    descending: true,
                    offset: 100,
                    limit: 100,
                };
                statements.push(listing::page_statement(&query, page, 100).explained());
                statements.push(images::images_statement(&query, page).explained());
            }
            let page = RepositoryPage::After { id: 500, limit: 100 };
            statements.push(listing::page_statement(&query, page, 0).explained());
        }
    }
    statements.extend(of_pages());
    statements
}

/// What fills pages of the console.
fn of_pages() -> Vec<String> {
    let mut statements = Vec::new();
    for name in [None, Some(TextMatch::Exact("org10".to_owned()))] {
        let seen = SeenQuery {
            user_id: "user".to_owned(),
            account_id: "account".to_owned(),
            administrator: false,
            name,
            order: OrganizationOrder::Bytes,
            descending: true,
            offset: 0,
            limit: 100,
        };
        statements.push(organizations::seen::page_statement(&seen).explained());
    }
    for order in [TagPageOrder::Size, TagPageOrder::PulledAt] {
        let filter = TagFilter {
            repository_id: 7,
            text: Some("9".to_owned()),
            digest: None,
            architecture: Some("arm64".to_owned()),
        };
        let part = TagPagePart {
            order,
            descending: true,
            offset: 100,
            limit: 100,
        };
        statements.push(tags::page::names_statement(&filter, part).explained());
    }
    statements.push(with_values(
        &format!("{}$2,$3)", tags::page::ROWS),
        &["7", "'tag1'", "'tag2'"],
    ));
    statements.push(images::image_statement("org5/image4", ("user", "account"), 1).explained());
    statements
}

/// The searches that look something up in one repository after the other.
pub(super) fn searches() -> Vec<String> {
    let viewer = ["'user'", "'account'", "1", "1"];
    let tags = ["'%1%'", "100", "'tag77'", "'tag77~'", "10"];
    let manifests = ["'%'", "100", "'sha256:77'", "'sha256:77~'", "10"];
    vec![
        with_values(search::TAGS, &[&viewer[..], &tags].concat()),
        with_values(search::MANIFESTS, &[&viewer[..], &manifests].concat()),
        with_values(
            search::BLOBS,
            &[&viewer[..], &["'sha256:77'", "'sha256:77~'", "100"]].concat(),
        ),
    ]
}
