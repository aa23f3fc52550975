//! Which right somebody is told to have on an image, and from where.

use std::sync::Arc;

use berth_metadata::Permission::{self, Manage, Read, Write};

use crate::access::RightFrom::{self, Administrator, Image, Organization, Public, Share};
use crate::access::{Caller, Credential, Grounds, Rights, UserCaller};

fn user(account_id: &str, administrator: bool) -> Caller {
    Caller::User(Arc::new(UserCaller {
        user_id: "u1".to_owned(),
        user_name: "mary".to_owned(),
        account_id: account_id.to_owned(),
        account_name: account_id.to_owned(),
        administrator,
        credential: Credential::Password,
        password_fingerprint: None,
        scopes: None,
    }))
}

fn check(caller: &Caller, grounds: Grounds, expected: Option<(Permission, RightFrom)>) {
    let found = Rights::of(caller, "ours", grounds).map(|rights| (rights.permission, rights.from));
    assert_eq!(found, expected, "{caller:?} {grounds:?}");
}

#[test]
fn a_right_is_the_strongest_and_says_what_it_comes_from() {
    let grounds = |organization, image, shared, public| Grounds {
        organization,
        image,
        shared,
        public,
    };
    let all = grounds(Some(Read), Some(Write), true, true);
    check(
        &user("ours", true),
        Grounds::default(),
        Some((Manage, Administrator)),
    );
    check(&user("theirs", true), Grounds::default(), None);
    check(
        &user("theirs", true),
        grounds(None, None, true, true),
        Some((Read, Share)),
    );
    check(&user("ours", false), Grounds::default(), None);
    check(&user("ours", false), all, Some((Write, Image)));
    check(
        &user("ours", false),
        grounds(Some(Write), Some(Write), false, false),
        Some((Write, Organization)),
    );
    check(
        &user("ours", false),
        grounds(Some(Manage), Some(Read), false, true),
        Some((Manage, Organization)),
    );
    check(
        &Caller::Anonymous,
        grounds(None, None, false, true),
        Some((Read, Public)),
    );
    check(&Caller::Anonymous, Grounds::default(), None);
    check(&Caller::System, Grounds::default(), Some((Manage, Administrator)));
}
