//! Lists of repositories with all that is told of them.

use crate::world::{World, conflict, digest, manifest, name as fresh, new_repository, tagged};
use berth_metadata::{
    Conflict, GrantTarget, NewRepository, OrganizationOrder, Permission, PutManifest, Repository,
    RepositoryDetails, RepositoryEdit, RepositoryFilter, RepositoryOrder, RepositoryPage, RepositoryQuery,
    RepositorySet, SeenQuery, TextMatch, User,
};

/// An organisation with images, and people around it.
struct Scene {
    world: World,
    /// Without a right at first.
    user: User,
    organization: i64,
    organization_name: String,
    /// `alpha`, `beta/one`, `gamma`.
    images: [i64; 3],
}

impl Scene {
    async fn new(world: World) -> Scene {
        let account = world.account().await;
        let (creator, user) = (world.user(&account).await, world.user(&account).await);
        let organization = world.organization(&creator).await;
        let metadata = &world.metadata;
        let mut images = [0; 3];
        for (n, image) in ["gamma", "beta/one", "alpha"].into_iter().enumerate() {
            let says = RepositoryEdit {
                is_public: Some(image == "gamma"),
                category: Some(if image == "alpha" { "linux" } else { "other" }.to_owned()),
                description: None,
            };
            let new = new_repository(organization, image);
            images[2 - n] = metadata.create_repository(new, says).await.unwrap().id;
        }
        // What a push only began is in no list.
        metadata
            .ensure_repository(new_repository(organization, "unfinished"))
            .await
            .unwrap();
        let name = metadata.repository(&format!("o{organization}/alpha")).await;
        Scene {
            user,
            organization,
            organization_name: name.unwrap().unwrap().organization,
            images,
            world,
        }
    }

    fn query(&self, set: RepositorySet) -> RepositoryQuery {
        RepositoryQuery {
            user_id: self.user.id.clone(),
            account_id: self.user.account_id.clone(),
            administrator: true,
            set,
            filter: RepositoryFilter::default(),
            now: 50,
        }
    }

    fn filtered(&self, filter: RepositoryFilter) -> RepositoryQuery {
        RepositoryQuery {
            filter,
            ..self.query(RepositorySet::Own)
        }
    }

    async fn images(&self, query: &RepositoryQuery, page: RepositoryPage) -> Vec<String> {
        let found = self
            .world
            .metadata
            .list_repositories(query, page, 0)
            .await
            .unwrap();
        found.into_iter().map(|found| found.repository.image).collect()
    }

    /// All that a query finds, by name; and as many as it counts.
    async fn all(&self, query: &RepositoryQuery) -> Vec<String> {
        let found = self.images(query, first(100)).await;
        let count = self.world.metadata.count_repositories(query).await.unwrap();
        assert_eq!(count, i64::try_from(found.len()).unwrap(), "{query:?}");
        found
    }
}

fn from(order: RepositoryOrder, descending: bool, offset: i64, limit: i64) -> RepositoryPage {
    RepositoryPage::From {
        order,
        descending,
        offset,
        limit,
    }
}

fn first(limit: i64) -> RepositoryPage {
    from(RepositoryOrder::FullName, false, 0, limit)
}

pub(crate) async fn a_list_holds_what_the_user_has_a_right_on(world: World) {
    let scene = Scene::new(world).await;
    let metadata = &scene.world.metadata;
    let own = RepositoryQuery {
        administrator: false,
        ..scene.query(RepositorySet::Own)
    };
    assert!(scene.all(&own).await.is_empty(), "public is not enough");
    let read = [(scene.user.id.clone(), Permission::Read)];
    metadata
        .add_grants(GrantTarget::Repository(scene.images[1]), &read)
        .await
        .unwrap();
    assert_eq!(scene.all(&own).await, ["beta/one"]);
    metadata
        .add_grants(GrantTarget::Organization(scene.organization), &read)
        .await
        .unwrap();
    assert_eq!(scene.all(&own).await, ["alpha", "beta/one", "gamma"], "each once");
    let administrator = scene.query(RepositorySet::Own);
    assert_eq!(scene.all(&administrator).await, ["alpha", "beta/one", "gamma"]);
    let elsewhere = RepositoryQuery {
        user_id: scene.world.user(&scene.world.account().await).await.id,
        account_id: scene.world.account().await,
        ..administrator
    };
    assert!(scene.all(&elsewhere).await.is_empty());
}

pub(crate) async fn a_list_is_filtered(world: World) {
    let scene = Scene::new(world).await;
    let exact = |text: &str| Some(TextMatch::Exact(text.to_owned()));
    let holding = |text: &str| Some(TextMatch::Holding(text.to_owned()));
    let check = async |filter: RepositoryFilter, images: &[&str]| {
        assert_eq!(
            scene.all(&scene.filtered(filter.clone())).await,
            images,
            "{filter:?}"
        );
    };
    let image = |image| RepositoryFilter {
        image,
        ..RepositoryFilter::default()
    };
    check(image(exact("alpha")), &["alpha"]).await;
    check(image(exact("alph")), &[]).await;
    check(image(holding("A")), &["alpha", "beta/one", "gamma"]).await;
    check(image(holding("ETA/o")), &["beta/one"]).await;
    for nothing in ["%", "_", "\\", "be%one", "a\0", "'"] {
        check(image(holding(nothing)), &[]).await;
        check(image(exact(nothing)), &[]).await;
    }
    let organization = |organization| RepositoryFilter {
        organization,
        ..RepositoryFilter::default()
    };
    let all = ["alpha", "beta/one", "gamma"];
    check(organization(exact(&scene.organization_name)), &all).await;
    check(organization(holding(&scene.organization_name[1..])), &all).await;
    check(organization(exact("elsewhere")), &[]).await;
    let other = RepositoryFilter {
        category: Some("other".to_owned()),
        ..RepositoryFilter::default()
    };
    check(other.clone(), &["beta/one", "gamma"]).await;
    let public = RepositoryFilter {
        is_public: Some(true),
        ..other.clone()
    };
    check(public, &["gamma"]).await;
    let private = RepositoryFilter {
        is_public: Some(false),
        organization: exact(&scene.organization_name),
        image: holding("a"),
        ..other
    };
    check(private, &["beta/one"]).await;
}

pub(crate) async fn a_list_is_ordered_and_paged(world: World) {
    let scene = Scene::new(world).await;
    let metadata = &scene.world.metadata;
    for (n, (id, tags)) in scene.images.iter().zip([2, 0, 1]).enumerate() {
        for tag in 0..tags {
            let put = tagged(manifest(*id, &fresh("m"), &[]), &[&format!("t{tag}")]);
            metadata.put_manifest(put).await.unwrap();
        }
        let now = 900 - i64::try_from(n).unwrap();
        let edit = RepositoryEdit::default();
        assert!(metadata.edit_repository(*id, edit, now).await.unwrap());
    }
    let query = scene.query(RepositorySet::Own);
    let all = ["alpha", "beta/one", "gamma"];
    for (order, ascending) in [
        (RepositoryOrder::FullName, all),
        (RepositoryOrder::Organization, all),
        (RepositoryOrder::AccountName, all),
        (RepositoryOrder::Image, all),
        (RepositoryOrder::IsPublic, all),
        (RepositoryOrder::UpdatedAt, ["gamma", "beta/one", "alpha"]),
        (RepositoryOrder::TagCount, ["beta/one", "gamma", "alpha"]),
    ] {
        let mut expected = ascending.map(str::to_owned);
        assert_eq!(
            scene.images(&query, from(order, false, 0, 9)).await,
            expected,
            "{order:?}"
        );
        for (offset, image) in (0..).zip(&expected) {
            let page = scene.images(&query, from(order, false, offset, 1)).await;
            assert_eq!(page, std::slice::from_ref(image), "{order:?}");
        }
        expected.reverse();
        let found = scene.images(&query, from(order, true, 0, 9)).await;
        assert_eq!(found, expected, "{order:?} downwards");
        assert!(scene.images(&query, from(order, false, 3, 9)).await.is_empty());
    }
    let by_id = scene
        .images(&query, RepositoryPage::After { id: 0, limit: 2 })
        .await;
    assert_eq!(by_id, ["gamma", "beta/one"]);
    let id = scene.images[1];
    let by_id = scene.images(&query, RepositoryPage::After { id, limit: 2 }).await;
    assert_eq!(by_id, ["alpha"]);
}

pub(crate) async fn lists_of_shared_repositories_say_what_is_valid(world: World) {
    let scene = Scene::new(world).await;
    let metadata = &scene.world.metadata;
    let guest = scene.world.user(&scene.world.account().await).await;
    for (id, until) in scene.images.iter().zip([None, Some(40)]) {
        scene.world.share(*id, &guest.account_id, until).await.unwrap();
    }
    let by = scene.query(RepositorySet::SharedByAccount);
    let with = RepositoryQuery {
        user_id: guest.id.clone(),
        account_id: guest.account_id.clone(),
        administrator: false,
        ..scene.query(RepositorySet::SharedWithAccount)
    };
    for query in [by, with] {
        let found = metadata.list_repositories(&query, first(9), 0).await.unwrap();
        let found = found
            .iter()
            .map(|found| (found.repository.image.as_str(), found.share_valid));
        assert_eq!(found.collect::<Vec<_>>(), [("alpha", true), ("beta/one", false)]);
        for (valid, image) in [(true, "alpha"), (false, "beta/one")] {
            let mut query = query.clone();
            query.filter.share_valid = Some(valid);
            assert_eq!(scene.all(&query).await, [image]);
            query.filter.account_name = Some(TextMatch::Exact("nobody".to_owned()));
            assert!(scene.all(&query).await.is_empty());
        }
    }
}

/// `told`, made by the scene's user and public.
async fn told(scene: &Scene) -> RepositoryDetails {
    let new = NewRepository {
        creator_id: scene.user.id.clone(),
        ..new_repository(scene.organization, "told")
    };
    let says = RepositoryEdit {
        is_public: Some(true),
        category: Some("lang".to_owned()),
        description: Some("words".to_owned()),
    };
    let metadata = &scene.world.metadata;
    metadata.create_repository(new.clone(), says).await.unwrap();
    let told = metadata.repository_details(&new.full_name).await;
    told.unwrap().unwrap()
}

pub(crate) async fn a_page_holds_no_more_descriptions_than_memory_bears(world: World) {
    let scene = Scene::new(world).await;
    let metadata = &scene.world.metadata;
    let query = scene.query(RepositorySet::Own);
    let all = metadata.list_repositories(&query, first(10), 0).await.unwrap();
    let edit = |characters: usize| RepositoryEdit {
        description: Some("é".repeat(characters)),
        ..RepositoryEdit::default()
    };
    let (half, whole) = (2 << 20, 4 << 20);
    let described = async |page| {
        let rows = metadata.list_repositories(&query, page, 0).await.unwrap();
        let rows = rows.iter().map(|row| row.repository.description.chars().count());
        rows.take(3).collect::<Vec<_>>()
    };
    for (characters, expected) in [([half, half, 1], [half, half, 0]), ([1, whole, 0], [1, 0, 0])] {
        for (row, characters) in all.iter().zip(characters) {
            let edited = metadata.edit_repository(row.repository.id, edit(characters), 9);
            assert!(edited.await.unwrap());
        }
        assert_eq!(described(first(10)).await, expected);
    }
    // Where the page begins, the count does.
    let later = from(RepositoryOrder::FullName, false, 1, 10);
    assert_eq!(described(later).await[..2], [whole, 0]);
}

pub(crate) async fn a_repository_is_created_once(world: World) {
    let scene = Scene::new(world).await;
    let metadata = &scene.world.metadata;
    let new = new_repository(scene.organization, "told");
    let begun = metadata.ensure_repository(new.clone()).await.unwrap();
    let nothing = metadata.repository_details(&new.full_name).await.unwrap();
    assert_eq!(nothing, None, "only begun");
    let made = told(&scene).await;
    assert_eq!(
        made.repository.id, begun.id,
        "what a push began becomes the image"
    );
    let again = metadata.create_repository(new, RepositoryEdit::default()).await;
    assert_eq!(conflict(again), Conflict::RepositoryExists);
}

pub(crate) async fn a_repository_is_edited_where_something_is_said(world: World) {
    let scene = Scene::new(world).await;
    let metadata = &scene.world.metadata;
    let made = told(&scene).await.repository;
    let unsaid = RepositoryEdit {
        description: Some(String::new()),
        ..RepositoryEdit::default()
    };
    assert!(metadata.edit_repository(made.id, unsaid, 300).await.unwrap());
    let name = format!("o{}/told", scene.organization);
    let edited = metadata.repository(&name).await.unwrap().unwrap();
    let expected = Repository {
        description: String::new(),
        updated_at: 300,
        ..made
    };
    assert_eq!(edited, expected);
    let nowhere = metadata.edit_repository(-1, RepositoryEdit::default(), 1).await;
    assert!(!nowhere.unwrap());
}

pub(crate) async fn all_is_told_of_a_repository(world: World) {
    let scene = Scene::new(world).await;
    let metadata = &scene.world.metadata;
    let made = told(&scene).await.repository;
    scene.world.push(made.id, &digest("layer"), &fresh("k"), 1).await;
    for (now, tag) in (200..).zip(["b", "c", "a"]) {
        let put = tagged(manifest(made.id, &fresh("m"), &[&digest("layer")]), &[tag]);
        let put = PutManifest { now, ..put };
        metadata.put_manifest(put).await.unwrap();
    }
    let name = format!("o{}/told", scene.organization);
    let told = metadata.repository_details(&name).await.unwrap().unwrap();
    assert_eq!((told.tag_count, told.size_bytes, told.pull_count), (3, 10, 0));
    assert_eq!(
        (told.account_id.as_str(), told.creator_id.as_str()),
        (scene.user.account_id.as_str(), scene.user.id.as_str())
    );
    assert_eq!(told.creator_name, scene.user.name);
    let says = &told.repository;
    assert_eq!(
        (says.is_public, says.category.as_str(), says.description.as_str()),
        (true, "lang", "words")
    );
    assert_eq!((says.created_at, says.updated_at), (1, 202));
    let mut query = scene.query(RepositorySet::Own);
    query.filter.image = Some(TextMatch::Exact("told".to_owned()));
    let listed = metadata.list_repositories(&query, first(9), 2).await.unwrap();
    assert_eq!(listed[0].tags, ["a", "c"], "the newest tags");
    let listed = RepositoryDetails {
        tags: Vec::new(),
        ..listed[0].clone()
    };
    assert_eq!(listed, told);
}

/// What a user sees of the scene's organisation, as images, tags and members.
async fn seen(scene: &Scene, administrator: bool) -> Option<(i64, i64, i64, Option<Permission>)> {
    let query = SeenQuery {
        user_id: scene.user.id.clone(),
        account_id: scene.user.account_id.clone(),
        administrator,
        name: Some(TextMatch::Exact(scene.organization_name.clone())),
        order: OrganizationOrder::Images,
        descending: true,
        offset: 0,
        limit: 10,
    };
    let metadata = &scene.world.metadata;
    let found = metadata.seen_organizations(&query).await.unwrap();
    let count = metadata.count_seen_organizations(&query).await.unwrap();
    assert_eq!(count, i64::try_from(found.len()).unwrap());
    let row = found.into_iter().next()?;
    Some((row.images, row.tags, row.members, row.permission))
}

pub(crate) async fn an_organisation_shows_what_is_in_it_as_far_as_one_may_know(world: World) {
    let scene = Scene::new(world).await;
    let metadata = &scene.world.metadata;
    let put = tagged(manifest(scene.images[0], &fresh("m"), &[]), &["v1"]);
    metadata.put_manifest(put).await.unwrap();
    assert_eq!(seen(&scene, true).await, Some((3, 1, 1, None)));
    assert_eq!(seen(&scene, false).await, None);
    let image = GrantTarget::Repository(scene.images[1]);
    metadata
        .add_grants(image, &[(scene.user.id.clone(), Permission::Write)])
        .await
        .unwrap();
    assert_eq!(seen(&scene, false).await, Some((1, 0, 1, None)));
    let whole = GrantTarget::Organization(scene.organization);
    metadata
        .add_grants(whole, &[(scene.user.id.clone(), Permission::Manage)])
        .await
        .unwrap();
    assert_eq!(
        seen(&scene, false).await,
        Some((3, 1, 2, Some(Permission::Manage)))
    );
    let managers = metadata
        .managers(scene.organization, Some(scene.images[1]))
        .await
        .unwrap();
    assert_eq!(managers.len(), 2, "{managers:?}");
}

pub(crate) async fn images_are_found_by_the_platform_of_their_newest_tag(world: World) {
    let scene = Scene::new(world).await;
    let metadata = &scene.world.metadata;
    let put = tagged(manifest(scene.images[2], &fresh("m"), &[]), &["v1"]);
    metadata.put_manifest(put).await.unwrap();
    let found = |architecture: &str| RepositoryQuery {
        filter: RepositoryFilter {
            architecture: Some(architecture.to_owned()),
            text: Some(scene.organization_name.clone()),
            ..RepositoryFilter::default()
        },
        ..scene.query(RepositorySet::Public)
    };
    assert_eq!(scene.all(&found("arm64")).await, [""; 0], "nobody looked yet");
    let all = RepositoryQuery {
        filter: RepositoryFilter::default(),
        ..found("")
    };
    let row = metadata.list_images(&all, first(100)).await.unwrap();
    let row = row
        .iter()
        .find(|row| row.details.repository.id == scene.images[2])
        .unwrap();
    assert_eq!(row.newest.as_ref().unwrap().tag, "v1");
    assert_eq!(row.newest.as_ref().unwrap().platforms, None);
}
