//! The whole matrix of rights: every kind of caller, every action, every standing.

use std::sync::Arc;

use berth_metadata::{MirrorFacts, OrganizationFacts, Permission, RepositoryFacts, Standing};
use berth_oci::RepositoryName;

use super::{Action, Caller, Credential, Refusal, UserCaller, decide, in_scope};

const OWNER: &str = "owner-account";

fn user(account: &str, administrator: bool) -> Caller {
    Caller::User(Arc::new(UserCaller {
        user_id: "u".into(),
        user_name: "dev".into(),
        account_id: account.into(),
        account_name: account.into(),
        administrator,
        credential: Credential::Password,
        password_fingerprint: None,
        scopes: None,
    }))
}

/// A standing from a few words: `org`, `image`, `public`, `shared`, `org=read`, `image=write` ...
fn standing(words: &str) -> Standing {
    let mut standing = Standing::default();
    for word in words.split_whitespace() {
        match word.split_once('=') {
            Some(("org", permission)) => standing.organization_permission = Some(permission_of(permission)),
            Some(("image", permission)) => standing.repository_permission = Some(permission_of(permission)),
            Some(_) => panic!("unknown word {word}"),
            None => match word {
                "org" => {
                    standing.organization = Some(OrganizationFacts {
                        id: 1,
                        account_id: OWNER.into(),
                    });
                }
                "image" => {
                    standing.repository = Some(RepositoryFacts {
                        id: 1,
                        is_public: false,
                    });
                }
                "public" => {
                    standing.repository = Some(RepositoryFacts {
                        id: 1,
                        is_public: true,
                    });
                }
                "shared" => standing.shared = true,
                "open" => {
                    standing.mirror = Some(MirrorFacts {
                        open: true,
                        recheck_seconds: None,
                    });
                }
                _ => panic!("unknown word {word}"),
            },
        }
    }
    standing
}

fn permission_of(word: &str) -> Permission {
    match word {
        "read" => Permission::Read,
        "write" => Permission::Write,
        "manage" => Permission::Manage,
        _ => panic!("unknown permission {word}"),
    }
}

/// One letter per action in the order pull, push, delete, read organisation, manage organisation,
/// edit repository, manage repository, read rights:
/// `+` allowed, `a` log in first, `h` hidden, `u` organisation unknown, `r` `w` `m` the permission needed.
fn row(caller: &Caller, words: &str) -> String {
    let standing = standing(words);
    let actions = [
        Action::Pull,
        Action::Push,
        Action::Delete,
        Action::ReadOrganization,
        Action::ManageOrganization,
        Action::EditRepository,
        Action::ManageRepository,
        Action::ReadRights,
    ];
    let letter = |action| match decide(caller, action, &standing) {
        Ok(()) => '+',
        Err(Refusal::Unauthenticated) => 'a',
        Err(Refusal::Scope) => 's',
        Err(Refusal::OrganizationUnknown) => 'u',
        Err(Refusal::Hidden) => 'h',
        Err(Refusal::Needs(Permission::Read)) => 'r',
        Err(Refusal::Needs(Permission::Write)) => 'w',
        Err(Refusal::Needs(Permission::Manage)) => 'm',
    };
    actions.into_iter().map(letter).collect()
}

#[test]
#[expect(clippy::too_many_lines, reason = "the matrix reads best in one piece")]
fn every_caller_at_every_place() {
    let anonymous = Caller::Anonymous;
    let member = user(OWNER, false);
    let administrator = user(OWNER, true);
    let stranger = user("other-account", false);
    let foreign_administrator = user("other-account", true);
    let table: &[(&str, &Caller, &str, &str)] = &[
        ("anonymous, nothing there", &anonymous, "", "aaaaaaaa"),
        ("anonymous, private", &anonymous, "org image", "aaaaaaaa"),
        ("anonymous, public", &anonymous, "org public", "+aaaaaaa"),
        (
            "anonymous, open mirror, not fetched yet",
            &anonymous,
            "org open",
            "+aaaaaaa",
        ),
        ("anonymous, open mirror", &anonymous, "org image open", "+aaaaaaa"),
        ("stranger, open mirror", &stranger, "org image open", "+wmhhwmr"),
        ("member, no organization", &member, "", "huhhhhhh"),
        ("member without rights", &member, "org", "hhhhhhhh"),
        ("member without rights, private", &member, "org image", "hhhhhhhh"),
        ("member without rights, public", &member, "org public", "+wmhhwmr"),
        (
            "reader of the organization",
            &member,
            "org image org=read",
            "+wm+mwm+",
        ),
        ("reader, image not there yet", &member, "org org=read", "+wm+mwm+"),
        (
            "writer of the organization",
            &member,
            "org image org=write",
            "++m+m+m+",
        ),
        ("writer creates images", &member, "org org=write", "++m+m+m+"),
        (
            "manager of the organization",
            &member,
            "org image org=manage",
            "++++++++",
        ),
        ("reader of the image", &member, "org image image=read", "+wmhhwm+"),
        (
            "writer of the image",
            &member,
            "org image image=write",
            "++mhh+m+",
        ),
        (
            "manager of the image",
            &member,
            "org image image=manage",
            "+++hh+++",
        ),
        (
            "the stronger right holds: image",
            &member,
            "org image org=read image=manage",
            "++++m+++",
        ),
        (
            "the stronger right holds: organization",
            &member,
            "org image org=manage image=read",
            "++++++++",
        ),
        ("administrator, no organization", &administrator, "", "huhhhhhh"),
        ("administrator, unlisted", &administrator, "org", "++++++++"),
        (
            "administrator, unlisted, private",
            &administrator,
            "org image",
            "++++++++",
        ),
        ("stranger, private", &stranger, "org image", "hhhhhhhh"),
        ("stranger, public", &stranger, "org public", "+wmhhwmr"),
        ("stranger, shared", &stranger, "org image shared", "+wmhhwmr"),
        (
            "stranger with a right of their own",
            &stranger,
            "org image org=write",
            "++m+m+m+",
        ),
        (
            "administrator of another account",
            &foreign_administrator,
            "org image",
            "hhhhhhhh",
        ),
        (
            "administrator of another account, shared",
            &foreign_administrator,
            "org image shared",
            "+wmhhwmr",
        ),
        ("the system", &Caller::System, "", "++++++++"),
        ("the system, private", &Caller::System, "org image", "++++++++"),
    ];
    let wrong: Vec<String> = table
        .iter()
        .filter(|(_, caller, words, expected)| row(caller, words) != *expected)
        .map(|(name, caller, words, expected)| {
            format!("{name}: expected {expected}, got {}", row(caller, words))
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
#[expect(clippy::too_many_lines, reason = "the table reads best in one piece")]
fn a_token_gives_only_what_it_was_issued_for() {
    let name: RepositoryName = "team/app".parse().expect("a good name");
    let other: RepositoryName = "team/other".parse().expect("a good name");
    let with = |scopes: Option<&str>| {
        let Caller::User(mut user) = user(OWNER, true) else {
            unreachable!("a user")
        };
        Arc::make_mut(&mut user).scopes =
            scopes.map(|text| berth_oci::Scope::parse_list(text).expect("good scopes").into());
        Caller::User(user)
    };
    let private = standing("org image");
    let public = standing("org public");
    let table = [
        (None, Action::Delete, &name, &private, true),
        (
            Some("repository:team/app:pull"),
            Action::Pull,
            &name,
            &private,
            true,
        ),
        (
            Some("repository:team/app:pull"),
            Action::Push,
            &name,
            &private,
            false,
        ),
        (
            Some("repository:team/app:pull,push"),
            Action::Push,
            &name,
            &private,
            true,
        ),
        (
            Some("repository:team/app:pull,push"),
            Action::Delete,
            &name,
            &private,
            false,
        ),
        (
            Some("repository:team/app:*"),
            Action::Delete,
            &name,
            &private,
            true,
        ),
        (
            Some("repository:team/app:pull"),
            Action::Pull,
            &other,
            &private,
            false,
        ),
        (
            Some("repository:team/app:pull repository:team/other:pull"),
            Action::Pull,
            &other,
            &private,
            true,
        ),
        (Some(""), Action::Pull, &name, &private, false),
        (Some(""), Action::Pull, &name, &public, true),
        (
            Some("repository:team/app:*"),
            Action::ManageOrganization,
            &name,
            &private,
            false,
        ),
    ];
    for (scopes, action, name, standing, expected) in table {
        assert_eq!(
            in_scope(&with(scopes), action, name, standing),
            expected,
            "{scopes:?} {action:?} {name}"
        );
    }
}
