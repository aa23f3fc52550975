//! Who is shut out, until when, and that it can be lifted.

use berth_metadata::ShutOutSubject;

use crate::world::World;

const FOR_EVER: i64 = i64::MAX / 2;

pub(crate) async fn who_is_shut_out_is_so_once_until_the_end_or_until_it_is_lifted(world: World) {
    let metadata = &world.metadata;
    let account = world.account().await;
    let other = world.again().await;
    let them = ShutOutSubject::Account(account.clone());
    let address = ShutOutSubject::Address("192.0.2.1".to_owned());
    for (subject, now, until, is_new) in [
        (&them, 10, 100, true),
        (&them, 20, FOR_EVER, false),
        (&address, 30, 200, true),
        (&them, 100, 300, true),
    ] {
        let shut_out = other.metadata.shut_out(subject, "too fast", (now, until)).await;
        assert_eq!(shut_out.unwrap(), is_new, "{subject:?} {now}");
    }
    let in_force = async |now| {
        let found = metadata.shut_outs_in_force(now, 10).await.unwrap();
        found
            .into_iter()
            .map(|found| (found.subject, found.ends_at))
            .collect::<Vec<_>>()
    };
    assert_eq!(in_force(150).await, [(them.clone(), 300), (address.clone(), 200)]);
    assert_eq!(in_force(250).await, [(them.clone(), 300)]);
    assert_eq!(in_force(300).await, []);

    let all = metadata.shut_outs(None, (None, 10)).await.unwrap();
    let told: Vec<_> = all
        .iter()
        .map(|one| (&one.subject, one.account_name.is_some(), one.began_at))
        .collect();
    assert_eq!(
        told,
        [(&them, true, 100), (&address, false, 30), (&them, true, 10)]
    );
    let own = metadata
        .shut_outs(Some(&account), (Some(all[0].id), 10))
        .await
        .unwrap();
    assert_eq!(own.iter().map(|one| one.began_at).collect::<Vec<_>>(), [10]);

    assert!(
        !metadata.lift_shut_out(all[2].id, "admin", 150).await.unwrap(),
        "it has ended"
    );
    assert!(metadata.lift_shut_out(all[0].id, "admin", 150).await.unwrap());
    assert!(
        !metadata.lift_shut_out(all[0].id, "admin", 150).await.unwrap(),
        "it is lifted"
    );
    assert_eq!(in_force(150).await, [(address, 200)]);
    let lifted = metadata.shut_outs(None, (None, 1)).await.unwrap().remove(0);
    assert_eq!(
        (lifted.ends_at, lifted.lifted_at, lifted.lifted_by.as_deref()),
        (150, Some(150), Some("admin"))
    );

    assert_eq!(metadata.forget_shut_outs(160, 10).await.unwrap(), 2);
    assert_eq!(metadata.shut_outs(None, (None, 10)).await.unwrap().len(), 1);
}
