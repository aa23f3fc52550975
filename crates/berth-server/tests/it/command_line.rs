//! Commands that start no server.

use std::os::unix::fs::PermissionsExt as _;

use crate::berth::Place;

#[test]
fn config_check_says_what_is_in_force_and_where_it_came_from() {
    let place = Place::new();
    std::fs::write(
        place.0.path().join("berth.toml"),
        "region = \"north\"\nadmin_password = \"hush\"\n",
    )
    .unwrap();
    let ended = place.run(
        &["config", "check", "--limits-layers-max", "20"],
        &[("BERTH_ACCOUNT", "team")],
    );
    assert!(ended.status.success(), "{}", ended.err);
    let lines: Vec<String> = ended
        .out
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect();
    for expected in [
        "region north berth.toml:1:10",
        "account team BERTH_ACCOUNT",
        "limits.layers_max 20 --limits-layers-max",
        "listen 127.0.0.1:5000 default",
        "admin_password (set) berth.toml:2:18",
    ] {
        assert!(
            lines.iter().any(|line| line == expected),
            "{expected} is not in {lines:#?}"
        );
    }
    assert!(!ended.out.contains("hush"));
}

#[test]
fn wrong_settings_end_every_command_that_reads_them() {
    let place = Place::new();
    std::fs::write(place.0.path().join("other.toml"), "regoin = \"north\"\n").unwrap();
    for command in [&["config", "check"][..], &["serve"]] {
        for (arguments, variables) in [
            (&["--config", "other.toml"][..], &[][..]),
            (&[], &[("BERTH_CONFIG", "other.toml")]),
        ] {
            let ended = place.run(&[command, arguments].concat(), variables);
            assert_eq!(ended.status.code(), Some(1));
            let expected = "other.toml:1:1: unknown setting `regoin`; did you mean `region`?";
            assert!(ended.err.contains(expected), "{}", ended.err);
        }
    }
    let ended = place.run(&["config", "check", "--config", "none.toml"], &[]);
    assert_eq!(ended.status.code(), Some(1));
    assert!(ended.err.contains("none.toml"), "{}", ended.err);
}

#[test]
fn the_help_of_serve_names_every_setting_with_its_variable() {
    let place = Place::new();
    let help = place.run(&["serve", "--help"], &[]);
    assert!(help.status.success());
    let check = place.run(&["config", "check"], &[]);
    for key in check
        .out
        .lines()
        .filter_map(|line| line.split_whitespace().next())
    {
        if ![
            "admin_password",
            "admin_sk",
            "s3.secret_access_key",
            "metrics.token",
        ]
        .contains(&key)
        {
            let variable = format!("BERTH_{}", key.replace('.', "_").to_uppercase());
            assert!(
                help.out.contains(&format!("--{}", key.replace(['.', '_'], "-"))),
                "{key}"
            );
            assert!(help.out.contains(&variable), "{variable}");
        }
    }
}

#[test]
fn self_signed_files_are_private_and_are_not_overwritten() {
    let place = Place::new();
    let make = [
        "tls",
        "self-signed",
        "--directory",
        "tls",
        "--host",
        "hub.test",
        "--port",
        "443",
    ];
    let ended = place.run(&make, &[]);
    assert!(ended.status.success(), "{}", ended.err);
    for wanted in [
        "/etc/docker/certs.d/hub.test:443/ca.crt",
        "/etc/containers/certs.d/hub.test:443/ca.crt",
        "hosts.toml",
    ] {
        assert!(ended.out.contains(wanted), "{wanted} is not in {}", ended.out);
    }
    let file = |name: &str| place.0.path().join("tls").join(name);
    for (name, mode) in [
        ("ca.key", 0o600),
        ("server.key", 0o600),
        ("ca.crt", 0o644),
        ("server.crt", 0o644),
    ] {
        assert_eq!(
            std::fs::metadata(file(name)).unwrap().permissions().mode() & 0o777,
            mode,
            "{name}"
        );
    }

    let before = std::fs::read(file("server.key")).unwrap();
    let again = place.run(&make, &[]);
    assert_eq!(again.status.code(), Some(1));
    assert!(again.err.contains("--force"), "{}", again.err);
    assert_eq!(std::fs::read(file("server.key")).unwrap(), before);
    assert!(
        place
            .run(&[&make[..], &["--force"]].concat(), &[])
            .status
            .success()
    );
    assert_ne!(std::fs::read(file("server.key")).unwrap(), before);
}
