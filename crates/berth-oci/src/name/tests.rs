//! Names, accepted and refused.

use std::fmt::Display;
use std::str::FromStr;

use proptest::prelude::*;

use super::{ImageName, NameError, OrganizationName, Reference, ReferenceError, RepositoryName, Tag};

fn accepts<T: FromStr<Err: Display> + Display>(texts: &[&str]) {
    for text in texts {
        match text.parse::<T>() {
            Ok(name) => assert_eq!(name.to_string(), *text),
            Err(error) => panic!("{text:?}: {error}"),
        }
    }
}

fn refuses<T: FromStr>(texts: &[&str]) {
    for text in texts {
        assert!(text.parse::<T>().is_err(), "{text:?}");
    }
}

#[test]
fn organization_names() {
    let longest = "a".repeat(64);
    accepts::<OrganizationName>(&[
        "a", "group", "a1", "a-b", "a--b", "a_b", "a__b", "a.b", "a-1.b_2", &longest,
    ]);
    let too_long = "a".repeat(65);
    refuses::<OrganizationName>(&[
        "", "A", "Group", "1a", "-a", "a-", "_a", "a_", "a___b", "a..b", "a._b", "a/b",
    ]);
    refuses::<OrganizationName>(&[
        "a b", "é", "a\n", "a\0", ".", "..", "a%2fb", "a:b", "a@b", "_catalog", &too_long,
    ]);
    assert_eq!(
        "manage".parse::<OrganizationName>(),
        Err(NameError::Reserved("manage".to_owned()))
    );
    accepts::<OrganizationName>(&["manager", "manage-1"]);
}

#[test]
fn image_names() {
    let longest = "a".repeat(128);
    accepts::<ImageName>(&[
        "a", "1", "a/b/c", "a-b/c.d", "manage", "a__b", "a---b", "1.2.3", &longest,
    ]);
    let too_long = "a".repeat(129);
    refuses::<ImageName>(&[
        "", "/", "a/", "/a", "a//b", "a/../b", "..", "a/.", "a/.b", "a./b", "a-/b", "A", &too_long,
    ]);
}

#[test]
fn repository_names_have_two_parts() {
    accepts::<RepositoryName>(&["group/busybox", "group/a/b/c", "a/manage"]);
    refuses::<RepositoryName>(&[
        "",
        "busybox",
        "/busybox",
        "group/",
        "manage/busybox",
        "1/busybox",
        "a//b",
    ]);
    let name: RepositoryName = "group/a/b".parse().unwrap();
    assert_eq!(
        (name.organization().as_str(), name.image().as_str()),
        ("group", "a/b")
    );
    assert_eq!(
        RepositoryName::new("group".parse().unwrap(), "a/b".parse().unwrap()),
        name
    );
}

#[test]
fn tags() {
    let longest = "a".repeat(128);
    accepts::<Tag>(&["latest", "1", "_", "V1.0-rc_1", "a..b", "a-", "manage", &longest]);
    let too_long = "a".repeat(129);
    refuses::<Tag>(&[
        "", ".a", "-a", "a b", "a/b", "a:b", "a+b", "é", "..", "a\n", &too_long,
    ]);
}

#[test]
fn a_colon_makes_a_reference_a_digest() {
    let hex = "a".repeat(64);
    assert!(matches!("v1".parse(), Ok(Reference::Tag(_))));
    assert!(matches!(
        format!("sha256:{hex}").parse(),
        Ok(Reference::Digest(_))
    ));
    assert!(matches!(
        "md5:00".parse::<Reference>(),
        Err(ReferenceError::Digest(_))
    ));
    assert!(matches!(".a".parse::<Reference>(), Err(ReferenceError::Tag(_))));
}

#[test]
fn refusals_are_short_sentences_that_say_the_rule() {
    let check = |text: &str, part: &str| {
        let message = text.parse::<RepositoryName>().unwrap_err().to_string();
        assert!(message.contains(part) && message.len() < 400, "{message}");
        assert!(!message.contains(['\n', '\0', '\u{202e}']), "{message:?}");
    };
    check("Group/x", "organisation names have 1 to 64 characters");
    check("group/X", "image names have 1 to 128 characters");
    check("busybox", "no '/' in it");
    check("manage/x", "reserved");
    check("group/a\n\0\u{202e}", "image names have 1 to 128 characters");
    check(
        &format!("group/{}", "é".repeat(10_000)),
        "image names have 1 to 128 characters",
    );
}

#[test]
fn names_are_json_strings() {
    let name: RepositoryName = serde_json::from_str("\"group/busybox\"").unwrap();
    assert_eq!(serde_json::to_string(&name).unwrap(), "\"group/busybox\"");
    serde_json::from_str::<RepositoryName>("\"Group/busybox\"").unwrap_err();
    serde_json::from_str::<Reference>("\"md5:00\"").unwrap_err();
    serde_json::from_str::<Tag>("1").unwrap_err();
}

fn round_trip<T: FromStr + Display>(text: &str) -> Result<(), TestCaseError> {
    if let Ok(name) = text.parse::<T>() {
        prop_assert_eq!(name.to_string(), text);
    }
    Ok(())
}

/// The published grammar, read independently of the code above.
fn by_grammar(text: &str, separators: &[&str]) -> bool {
    let hyphens = text.split('-').collect::<Vec<_>>();
    let mut words = vec![];
    for (index, part) in hyphens.iter().enumerate() {
        let is_edge = index == 0 || index + 1 == hyphens.len();
        if !part.is_empty() || is_edge {
            words.push((*part).to_owned());
        }
    }
    for separator in separators {
        words = words
            .iter()
            .flat_map(|word| word.split(separator))
            .map(str::to_owned)
            .collect();
    }
    let is_word = |word: &String| {
        !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
    };
    words.iter().all(is_word)
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in "[a-z0-9A-Z._/-]{0,20}|\\PC*") {
        round_trip::<OrganizationName>(&text)?;
        round_trip::<ImageName>(&text)?;
        round_trip::<RepositoryName>(&text)?;
        round_trip::<Tag>(&text)?;
        round_trip::<Reference>(&text)?;
    }

    #[test]
    fn image_names_follow_the_grammar(text in "[ab._/-]{1,8}") {
        let expected = by_grammar(&text, &["__", "_", ".", "/"]);
        prop_assert_eq!(text.parse::<ImageName>().is_ok(), expected);
    }
}
