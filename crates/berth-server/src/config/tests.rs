//! The settings as people meet them: what wins, what is refused and in which words, and what the documents say.

use std::collections::BTreeMap;
use std::path::Path;

use super::table::find;
use super::{Place, Resolved, SETTINGS, Written, effective, reference, resolve, sample};

/// Names and what was written for them.
type Pairs<'a, 'n> = &'a [(&'n str, &'a str)];

/// The settings of a file, variables and flags, as `berth config check` shows them or as it refuses them.
fn check(file: &str, variables: Pairs<'_, '_>, flags: Pairs<'_, 'static>) -> Result<Resolved, String> {
    let written = Written {
        variables: variables
            .iter()
            .map(|(name, text)| ((*name).to_owned(), (*text).to_owned()))
            .collect(),
        flags: flags
            .iter()
            .map(|(key, text)| (*key, (*text).to_owned()))
            .collect::<BTreeMap<_, _>>(),
        file: None,
    };
    resolve(Some((Path::new("berth.toml"), file)), &written).map_err(|problems| problems.to_string())
}

fn refusal(file: &str, variables: Pairs<'_, '_>, flags: Pairs<'_, 'static>) -> String {
    check(file, variables, flags).expect_err("these settings must be refused")
}

/// The line of one setting in the output of `berth config check`.
fn line(resolved: &Resolved, key: &str) -> String {
    let text = effective(resolved);
    let found = text
        .lines()
        .find(|line| line.split_whitespace().next() == Some(key))
        .expect("the setting is shown");
    found.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn a_flag_wins_over_a_variable_over_the_file_over_the_default() {
    let file = "region = \"file\"\n";
    let variable = [("BERTH_REGION", "variable")];
    let flag = [("region", "flag")];
    let cases: [(&str, Pairs<'_, '_>, Pairs<'_, 'static>, &str); 5] = [
        ("", &[], &[], "region local default"),
        (file, &[], &[], "region file berth.toml:1:10"),
        (file, &variable, &[], "region variable BERTH_REGION"),
        (file, &variable, &flag, "region flag --region"),
        ("", &[], &flag, "region flag --region"),
    ];
    for (file, variables, flags, expected) in cases {
        let resolved = check(file, variables, flags).expect("these settings are good");
        assert_eq!(line(&resolved, "region"), expected);
    }
}

#[test]
fn a_preset_changes_defaults_and_nothing_that_was_written() {
    let cases: [(&str, Pairs<'_, '_>, &str); 4] = [
        ("preset = \"swr\"", &[], "limits.layers_max 20 preset"),
        (
            "preset = \"swr\"\nlimits.layers_max = 30",
            &[],
            "limits.layers_max 30 berth.toml:2:21",
        ),
        (
            "limits.layers_max = 30",
            &[("BERTH_PRESET", "swr")],
            "limits.layers_max 30 berth.toml:1:21",
        ),
        (
            "preset = \"swr\"",
            &[("BERTH_PRESET", "default")],
            "limits.layers_max 127 default",
        ),
    ];
    for (file, variables, expected) in cases {
        let resolved = check(file, variables, &[]).expect("these settings are good");
        assert_eq!(line(&resolved, "limits.layers_max"), expected);
    }
}

#[test]
fn values_are_read_in_the_ways_people_write_them() {
    let cases = [
        ("listen = \"localhost:80\"", "listen", "127.0.0.1:80"),
        ("listen = \"[::]:5000\"", "listen", "[::]:5000"),
        (
            "database = \"sqlite:///var/lib/berth/b.db\"",
            "database",
            "/var/lib/berth/b.db",
        ),
        (
            "database = \"postgres://berth:hush@db/berth?sslmode=require\"",
            "database",
            "postgres://berth:***@db/berth",
        ),
        (
            "trusted_proxies = [\"10.0.0.0/8\", \"::1\"]",
            "trusted_proxies",
            "10.0.0.0/8,::1/128",
        ),
        ("trusted_proxies = \"10.0.0.1\"", "trusted_proxies", "10.0.0.1/32"),
        (
            "external_url = \"https://registry.example.com/\"",
            "external_url",
            "https://registry.example.com",
        ),
        (
            "image_hosts = [\"registry.example.com\", \"10.0.0.1:5000\"]",
            "image_hosts",
            "registry.example.com,10.0.0.1:5000",
        ),
        ("anonymous_pulls = false", "anonymous_pulls", "false"),
        ("anonymous_pulls = \"false\"", "anonymous_pulls", "false"),
        ("[limits]\nlayers_max = 42", "limits.layers_max", "42"),
        ("limits = { layers_max = 42 }", "limits.layers_max", "42"),
        ("bin.ttl = 0", "bin.ttl", "0"),
        ("limits.upload_ttl = \"36 h\"", "limits.upload_ttl", "36h"),
        ("limits.upload_ttl = \"1500ms\"", "limits.upload_ttl", "1500ms"),
        (
            "limits.layer_size_max = \"1024GiB\"",
            "limits.layer_size_max",
            "1TiB",
        ),
        (
            "log.level = \"info,hyper=debug\"",
            "log.level",
            "info,hyper=debug",
        ),
    ];
    for (file, key, expected) in cases {
        is_read(file, key, expected);
    }
}

#[test]
fn values_of_storage_and_mirrors_are_read_in_the_ways_people_write_them() {
    let cases = [
        ("admin_password = \"hush\"", "admin_password", "(set)"),
        ("storage = \"s3://blobs\"", "storage", "s3://blobs"),
        (
            "storage = \"s3://blobs/team/one/\"",
            "storage",
            "s3://blobs/team/one",
        ),
        (
            "mirror.registries = [\"docker.io=hub\", \"Quay.io=quay\"]",
            "mirror.registries",
            "docker.io=hub,quay.io=quay",
        ),
        ("mirror.bare_names = \"hub\"", "mirror.bare_names", "hub"),
        ("s3.redirect = \"always\"", "s3.redirect", "always"),
        (
            "s3.redirect = [\"10.0.0.0/8\", \"::1\"]",
            "s3.redirect",
            "10.0.0.0/8,::1/128",
        ),
        (
            "s3.endpoint = \"http://store:9000/\"",
            "s3.endpoint",
            "http://store:9000",
        ),
    ];
    for (file, key, expected) in cases {
        is_read(file, key, expected);
    }
}

/// A line of a file, and how the value of its key is shown.
fn is_read(file: &str, key: &str, expected: &str) {
    let resolved = check(file, &[], &[]).unwrap_or_else(|problems| panic!("{file}: {problems}"));
    assert_eq!(line(&resolved, key).split(' ').nth(1), Some(expected), "{file}");
}

#[test]
fn mistakes_in_the_file_are_refused_with_their_place_and_what_is_allowed() {
    let file = r#"listn = "0.0.0.0:80"
layers_max = 20
region = "north east"
data_dir = 7.5
storage = "gs://bucket"
external_url = "https://example.com/registry"
missing_references = "maybe"
trusted_proxies = ["10.0.0.0/8", "proxy.example.com"]
log = "debug"

[limits]
manifest_size_max = "4MB"
layers_max = 0
upload_ttl = "0s"
token_ttl = 900
no_such_thing = 1

[lmits]
layers_max = 20

[[tls]]
key = "server.key"

[listen]
address = "127.0.0.1:80"
"#;
    insta::assert_snapshot!(refusal(file, &[], &[]));
}

#[test]
fn mistakes_elsewhere_are_refused_with_their_name() {
    let variables = [
        ("BERTH_ADMIN_AK", "AK"),
        ("BERTH_ADMIN_PASSWORD", ""),
        ("BERTH_DATABASE", "mysql://berth:hush@db/berth"),
        ("BERTH_DATADIR", "/srv"),
        ("BERTH_LISTEN", "5000"),
    ];
    let flags = [("limits.layers_max", "many"), ("tls.key", "server.key")];
    insta::assert_snapshot!(refusal("", &variables, &flags));
}

#[test]
fn text_that_is_not_toml_is_refused_with_its_place() {
    insta::assert_snapshot!(refusal("region = \"local\"\nlisten = 0.0.0.0:80\n", &[], &[]));
}

#[test]
fn variables_that_are_nobodys_business_stop_nothing() {
    let variables = [
        ("BERTH_SERVICE_HOST", "10.1.1.1"),
        ("BERTH_PORT", "tcp://10.1.1.1:5000"),
        ("BERTH_PORT_5000_TCP_ADDR", "10.1.1.1"),
        ("BERTH_BIN", "/usr/bin/berth"),
    ];
    let resolved = check("", &variables, &[]).expect("these settings are good");
    assert_eq!(resolved.ignored, ["BERTH_BIN"]);
}

#[test]
fn a_login_command_lives_between_a_quarter_of_an_hour_and_a_day() {
    for (text, allowed) in [
        ("15m", true),
        ("6h", true),
        ("24h", true),
        ("14m", false),
        ("25h", false),
    ] {
        let file = format!("[limits]\ntemporary_login_ttl = \"{text}\"\n");
        if allowed {
            check(&file, &[], &[]).expect("these settings are good");
        } else {
            let refused = refusal(&file, &[], &[]);
            assert!(refused.contains("berth.toml:2:"), "{refused}");
            assert!(refused.contains("allowed: 15m to 24h"), "{refused}");
        }
    }
}

#[test]
fn a_signed_address_ends_before_the_bytes_under_it_go() {
    for (redirect, ttl, allowed) in [
        ("always", "2h", false),
        ("always", "1h", true),
        ("10.0.0.0/8", "61m", false),
        ("never", "2h", true),
    ] {
        let file = format!("[s3]\nredirect = \"{redirect}\"\nredirect_ttl = \"{ttl}\"\n");
        if allowed {
            check(&file, &[], &[]).expect("these settings are good");
        } else {
            let refused = refusal(&file, &[], &[]);
            assert!(
                refused.contains("longer than `reclaim.delay`, 3600 s"),
                "{refused}"
            );
        }
    }
}

#[test]
fn no_output_shows_a_secret() {
    let file = "admin_password = \"hush-1\"\nadmin_ak = \"AK\"\nadmin_sk = \"hush-2\"\ndatabase = \"postgres://u:hush-3@h/d\"\n";
    let resolved = check(file, &[], &[]).expect("these settings are good");
    assert!(!effective(&resolved).contains("hush"), "{}", effective(&resolved));
    assert!(!format!("{:?}", resolved.settings.admin_password).contains("hush"));
    let broken = refusal(&format!("{file}region = \"\"\nadmin_sk = 1.5\n"), &[], &[]);
    assert!(!broken.contains("hush"), "{broken}");
}

#[test]
fn every_setting_has_its_own_variable_and_flag_and_a_default_that_is_allowed() {
    let variables: std::collections::BTreeSet<_> =
        SETTINGS.iter().map(super::setting::Setting::variable).collect();
    assert_eq!(variables.len(), SETTINGS.len());
    for setting in SETTINGS {
        assert_ne!(
            setting.default.is_empty(),
            setting.otherwise.is_empty(),
            "{}",
            setting.key
        );
        assert!(setting.help.ends_with('.'), "{}", setting.key);
        assert_eq!(setting.flag().is_none(), setting.is_secret(), "{}", setting.key);
    }
}

/// The sample with every line that has a value made active.
#[test]
fn the_sample_says_what_the_defaults_are() {
    let active: Vec<String> = sample()
        .lines()
        .map(|line| {
            let value = line.strip_prefix("# ").and_then(|line| line.split_once(" = "));
            let given = value.filter(|(key, value)| !value.is_empty() && !key.contains(' '));
            given.map_or_else(|| line.to_owned(), |(key, value)| format!("{key} = {value}"))
        })
        .collect();
    let resolved = check(&active.join("\n"), &[], &[]).expect("the sample is a good file");
    let plain = check("", &[], &[]).expect("no settings are good settings");
    for setting in SETTINGS.iter().filter(|setting| !setting.default.is_empty()) {
        assert!(
            matches!(resolved.places[setting.key], Place::File { .. }),
            "{} is not in the sample",
            setting.key
        );
    }
    let values = |resolved: &Resolved| {
        let mut settings = resolved.settings.clone();
        SETTINGS
            .iter()
            .map(|setting| (find(setting.key).expect("a setting").field)(&mut settings).show())
            .collect()
    };
    let (from_sample, from_table): (Vec<_>, Vec<_>) = (values(&resolved), values(&plain));
    assert_eq!(from_sample, from_table);
}

#[test]
fn the_documents_in_the_repository_are_those_of_the_table() {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference");
    for (name, text) in [("settings.md", reference()), ("berth.toml", sample())] {
        let there = std::fs::read_to_string(docs.join(name)).expect("the document is there");
        assert!(
            there == text,
            "docs/reference/{name} is not what the table says; run `make docs`"
        );
    }
}
