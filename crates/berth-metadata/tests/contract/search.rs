//! What a search finds, and for whom.

use crate::world::{World, manifest, name, new_repository, tagged};
use berth_metadata::{ContentHit, GrantTarget, Permission, RepositoryEdit, Searcher};

fn hit(full_name: &str, name: &str) -> ContentHit {
    ContentHit {
        full_name: full_name.to_owned(),
        name: name.to_owned(),
    }
}

/// `app`, private, with tags and a layer; `open`, public; `begun`, of a push that did not finish. The searchers are a
/// user of the account, an administrator of it and a stranger.
struct Scene {
    world: World,
    organization: i64,
    app: i64,
    digest: String,
    user: Searcher,
    administrator: Searcher,
    stranger: Searcher,
}

impl Scene {
    async fn new(world: World) -> Scene {
        let account = world.account().await;
        let (owner, user) = (world.user(&account).await, world.user(&account).await);
        let stranger = world.user(&world.account().await).await;
        let organization = world.organization(&owner).await;
        let app = world.repository_in(organization, "app").await.id;
        let digest = format!("sha256:{}", name("feed"));
        world.push(app, &digest, &name("key"), 1).await;
        let words: Vec<String> = (0..12)
            .map(|n| format!("v1.{n:02}"))
            .chain(["w%".to_owned()])
            .collect();
        let tags: Vec<&str> = words.iter().map(String::as_str).collect();
        let put = tagged(manifest(app, &name("beef"), &[&digest]), &tags[..12]);
        world.metadata.put_manifest(put).await.unwrap();
        let open = world.repository_in(organization, "open").await;
        let says = RepositoryEdit {
            is_public: Some(true),
            ..RepositoryEdit::default()
        };
        world.metadata.edit_repository(open.id, says, 2).await.unwrap();
        let begun = new_repository(organization, "begun");
        world.metadata.ensure_repository(begun).await.unwrap();
        let searcher = |user_id: &str, account_id: &str, administrator| Searcher {
            user_id: user_id.to_owned(),
            account_id: account_id.to_owned(),
            administrator,
            now: 50,
            limit: 100,
        };
        Scene {
            user: searcher(&user.id, &account, false),
            administrator: searcher(&user.id, &account, true),
            stranger: searcher(&stranger.id, &stranger.account_id, false),
            world,
            organization,
            app,
            digest,
        }
    }

    fn full_name(&self, image: &str) -> String {
        format!("o{}/{image}", self.organization)
    }

    /// The images found by a part of their names.
    async fn images(&self, by: &Searcher, part: &str) -> Vec<String> {
        let found = self.world.metadata.search_repositories(by, part).await.unwrap();
        let prefix = self.full_name("");
        let images = found.iter().filter_map(|hit| hit.full_name.strip_prefix(&prefix));
        images.map(str::to_owned).collect()
    }
}

pub(crate) async fn a_search_finds_what_the_user_may_read(world: World) {
    let scene = Scene::new(world).await;
    let metadata = &scene.world.metadata;
    let prefix = scene.full_name("");
    assert_eq!(scene.images(&scene.user, &prefix).await, ["open"]);
    assert_eq!(scene.images(&scene.stranger, &prefix).await, ["open"]);
    assert_eq!(scene.images(&scene.administrator, &prefix).await, ["app", "open"]);
    let app = scene.full_name("app");
    let v100 = [hit(&app, "v1.00")];
    let feed = [hit(&app, &scene.digest)];
    let found = async |by: &Searcher| {
        let tags = metadata.search_tags(by, &prefix, "v1.00").await.unwrap();
        let blobs = metadata.search_blobs(by, &scene.digest).await.unwrap();
        (tags, blobs)
    };
    let nothing = (Vec::new(), Vec::new());
    assert_eq!(found(&scene.user).await, nothing);
    assert_eq!(found(&scene.stranger).await, nothing);
    assert_eq!(found(&scene.administrator).await, (v100.to_vec(), feed.to_vec()));
    let guest = &scene.stranger.account_id;
    scene.world.share(scene.app, guest, Some(60)).await.unwrap();
    assert_eq!(
        found(&scene.stranger).await,
        (v100.to_vec(), feed.to_vec()),
        "shared"
    );
    let later = Searcher {
        now: 60,
        ..scene.stranger.clone()
    };
    assert_eq!(found(&later).await, nothing, "the share is over");
    let read = [(scene.user.user_id.clone(), Permission::Read)];
    let target = GrantTarget::Repository(scene.app);
    metadata.add_grants(target, &read).await.unwrap();
    assert_eq!(
        found(&scene.user).await,
        (v100.to_vec(), feed.to_vec()),
        "granted"
    );
}

pub(crate) async fn a_search_is_bounded_and_literal(world: World) {
    let scene = Scene::new(world).await;
    let metadata = &scene.world.metadata;
    let (by, prefix, app) = (&scene.administrator, scene.full_name(""), scene.full_name("app"));
    let tags = async |part: &str, begin: &str| {
        let found = metadata.search_tags(by, part, begin).await.unwrap();
        found.into_iter().map(|hit| hit.name).collect::<Vec<_>>()
    };
    let first: Vec<String> = (0..10).map(|n| format!("v1.{n:02}")).collect();
    assert_eq!(tags(&app, "v").await, first, "ten of one repository");
    assert_eq!(tags(&app, "v1.1").await, ["v1.10", "v1.11"]);
    assert_eq!(tags(&app, "").await, first);
    for nothing in ["1.0", "V1", "v%", "v_", "~"] {
        assert!(tags(&app, nothing).await.is_empty(), "{nothing}");
    }
    assert!(tags("no-such-image", "v").await.is_empty());
    let few = Searcher {
        limit: 3,
        ..by.clone()
    };
    assert_eq!(metadata.search_tags(&few, &app, "v").await.unwrap().len(), 3);
    assert_eq!(
        scene.images(by, &format!("{prefix}AP")).await,
        ["app"],
        "names are lower-case"
    );
    for nothing in ["%", "_", "\\", "a%p"] {
        assert!(
            scene.images(by, &format!("{prefix}{nothing}")).await.is_empty(),
            "{nothing}"
        );
    }
    let one = Searcher {
        limit: 1,
        ..by.clone()
    };
    assert_eq!(scene.images(&one, &prefix).await, ["app"]);
    let manifests = metadata.search_manifests(by, "sha256:beef").await.unwrap();
    assert!(manifests.iter().any(|hit| hit.full_name == app), "{manifests:?}");
    assert_eq!(metadata.search_manifests(by, "sha256:bef").await.unwrap(), []);
    assert_eq!(metadata.search_blobs(by, "feed").await.unwrap(), []);
}

pub(crate) async fn organizations_are_found_by_those_with_a_right_in_them(world: World) {
    let scene = Scene::new(world).await;
    let metadata = &scene.world.metadata;
    let details = metadata
        .repository_details(&scene.full_name("app"))
        .await
        .unwrap();
    let organization = details.unwrap().repository.organization;
    let found = async |by: &Searcher, part: &str| {
        let found = metadata.search_organizations(by, part).await.unwrap();
        found.contains(&organization)
    };
    let part = organization[1..].to_uppercase();
    assert!(found(&scene.administrator, &part).await);
    assert!(!found(&scene.administrator, "%").await);
    assert!(!found(&scene.user, &part).await);
    assert!(
        !found(&scene.stranger, &part).await,
        "a public image shows no organization"
    );
    let read = [(scene.user.user_id.clone(), Permission::Read)];
    let target = GrantTarget::Repository(scene.app);
    metadata.add_grants(target, &read).await.unwrap();
    assert!(found(&scene.user, &part).await);
}
