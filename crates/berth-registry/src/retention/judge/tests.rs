//! What is judged of tables of tags, and properties that hold of any.

use berth_metadata::{JudgedTag, ManifestLink};
use proptest::prelude::*;

use super::super::rule::Rule;
use super::super::{Checked, TagSelector};
use super::*;

const NOW: i64 = 100 * DAY_MS;

fn checked(template: &'static str, amount: i64, exempt: &[(&str, &str)]) -> Checked {
    let selector = |(kind, pattern): &(&str, &str)| TagSelector {
        kind: (*kind).to_owned(),
        pattern: (*pattern).to_owned(),
    };
    Checked {
        template,
        amount,
        exempt: exempt.iter().map(selector).collect(),
    }
}

fn days(amount: i64, exempt: &[(&str, &str)]) -> Rule {
    Rule::of_image(Some(1), &checked("date_rule", amount, exempt)).unwrap()
}

fn newest(amount: i64, exempt: &[(&str, &str)]) -> Rule {
    Rule::of_image(Some(1), &checked("tag_rule", amount, exempt)).unwrap()
}

fn only(rule: &'static str, amount: i64, tags: &str) -> Rule {
    Rule::of_organization(Some(2), &checked(rule, amount, &[]), ("", tags)).unwrap()
}

/// Tags as `tag=digest@age in days`, in byte order.
fn facts(tags: &str) -> Facts {
    let tags = tags.split_whitespace().map(|text| {
        let (tag, rest) = text.split_once('=').unwrap();
        let (digest, age) = rest.split_once('@').unwrap();
        JudgedTag {
            tag: tag.to_owned(),
            digest: digest.to_owned(),
            pushed_at: NOW - age.parse::<i64>().unwrap() * DAY_MS,
        }
    });
    let mut tags: Vec<JudgedTag> = tags.collect();
    tags.sort_by(|one, other| one.tag.cmp(&other.tag));
    Facts {
        tags,
        ..Facts::default()
    }
}

/// Links as `from>to`.
fn links(text: &str) -> Vec<ManifestLink> {
    let links = text.split_whitespace().map(|text| {
        let (from, to) = text.split_once('>').unwrap();
        ManifestLink {
            from: from.to_owned(),
            to: to.to_owned(),
        }
    });
    links.collect()
}

/// What becomes of each tag: `-tag` goes, `tag:why` stays.
fn told(facts: &Facts, fates: &[Fate]) -> String {
    let told = facts.tags.iter().zip(fates).map(|(tag, fate)| match fate {
        Fate::Goes { .. } => format!("-{}", tag.tag),
        Fate::Kept { because, .. } => format!("{}:{}", tag.tag, because.as_str()),
    });
    told.collect::<Vec<_>>().join(" ")
}

#[track_caller]
fn check(rules: &[Rule], facts: &Facts, expected: &str) {
    let fates = judge(rules, facts, NOW);
    assert_eq!(told(facts, &fates), expected);
}

#[test]
fn days_and_numbers() {
    let some = facts("a=1@0 b=2@29 c=3@30 d=4@31 e=5@99");
    for (rule, expected) in [
        (days(30, &[]), "a:rule b:rule c:rule -d -e"),
        (days(365, &[]), "a:rule b:rule c:rule d:rule e:rule"),
        (newest(2, &[]), "a:rule b:rule -c -d -e"),
        (newest(1000, &[]), "a:rule b:rule c:rule d:rule e:rule"),
        // What is exempt is not one of those that are kept by number.
        (newest(2, &[("label", "a")]), "a:exempt b:rule c:rule -d -e"),
        (
            newest(2, &[("regexp", "^[ad]$")]),
            "a:exempt b:rule c:rule d:exempt -e",
        ),
        (
            days(1, &[("label", "e"), ("regexp", "b")]),
            "a:rule b:exempt -c -d e:exempt",
        ),
    ] {
        check(&[rule], &some, expected);
    }
    check(&[], &some, "a:no_rule b:no_rule c:no_rule d:no_rule e:no_rule");
    // Of tags pushed at once the one later in the alphabet counts as the newer one.
    check(
        &[newest(1, &[])],
        &facts("v1=1@5 v2=2@5 v3=3@5"),
        "-v1 -v2 v3:rule",
    );
    // Each tag of a manifest has its own age.
    check(&[days(30, &[])], &facts("new=1@1 old=1@40"), "new:rule -old");
    // The future keeps.
    check(&[days(1, &[])], &facts("a=1@-5"), "a:rule");
}

#[test]
fn a_tag_goes_when_all_rules_for_it_let_it_go() {
    let some = facts("a=1@1 b=2@40 c=3@50 dev-1=4@41 dev-2=5@51");
    for (rules, expected) in [
        (
            vec![days(30, &[]), newest(2, &[])],
            "a:rule b:rule -c -dev-1 -dev-2",
        ),
        (
            vec![only("date_rule", 30, "dev-*")],
            "a:no_rule b:no_rule c:no_rule -dev-1 -dev-2",
        ),
        (
            vec![only("tag_rule", 1, "dev-*"), only("date_rule", 45, "")],
            "a:rule b:rule -c dev-1:rule -dev-2",
        ),
        // Exempt by one rule is exempt from all.
        (
            vec![days(30, &[("label", "c")]), newest(1, &[])],
            "a:rule -b c:exempt -dev-1 -dev-2",
        ),
    ] {
        check(&rules, &some, expected);
    }
}

#[test]
fn what_runs_and_what_is_immutable_stays_and_counts() {
    let running = |tag: Option<&str>, digest: Option<&str>| Running {
        tag: tag.map(str::to_owned),
        digest: digest.map(str::to_owned),
        place: "cluster prod, default/web".to_owned(),
    };
    let mut some = facts("a=1@1 b=2@2 c=3@3 d=4@4 e=4@5 f=6@6");
    some.running = vec![running(Some("b"), None), running(None, Some("4"))];
    some.immutable = [("f".to_owned(), "rule 7".to_owned())].into();
    check(
        &[newest(1, &[])],
        &some,
        "a:rule b:running -c d:running e:running f:immutable",
    );
    // A platform of an index runs: the index was asked for.
    let mut index = facts("a=1@1 multi=9@40");
    index.listed = links("9>child");
    index.running = vec![running(None, Some("child"))];
    check(&[days(30, &[])], &index, "a:rule multi:running");
}

#[test]
fn manifests_of_an_index_that_stays_stay() {
    let table = [
        ("amd=1@40 multi=9@1", "9>1", "amd:index multi:rule"),
        ("amd=1@40 multi=9@40", "9>1", "-amd -multi"),
        // An index without a tag is there for who knows its digest.
        ("amd=1@40", "9>1", "amd:index"),
        // An index of an index.
        (
            "amd=1@40 multi=9@40 top=8@1",
            "8>9 9>1",
            "amd:index multi:index top:rule",
        ),
        ("amd=1@40 multi=9@40 top=8@40", "8>9 9>1", "-amd -multi -top"),
    ];
    for (tags, listed, expected) in table {
        let mut some = facts(tags);
        some.listed = links(listed);
        check(&[days(30, &[])], &some, expected);
    }
}

#[test]
fn signed_images_stay_or_go_with_their_signatures() {
    let own = "sha256:1";
    let table = [
        // By cosign's tag: it follows its image, whatever its own age, and does not count.
        (
            "sha256-1.sig=s@40 v1=sha256:1@1",
            "",
            false,
            "sha256-1.sig:subject v1:rule",
        ),
        ("sha256-1.sig=s@1 v1=sha256:1@40", "", false, "-sha256-1.sig -v1"),
        (
            "sha256-1.sig=s@1 v1=sha256:1@40",
            "",
            true,
            "sha256-1.sig:subject v1:signature",
        ),
        // By subject, with a tag and without.
        ("s=s@40 v1=sha256:1@1", "s>sha256:1", false, "s:subject v1:rule"),
        ("s=s@1 v1=sha256:1@40", "s>sha256:1", false, "-s -v1"),
        ("v1=sha256:1@40", "s>sha256:1", false, "-v1"),
        ("v1=sha256:1@40", "s>sha256:1", true, "v1:signature"),
        // A signature of a signature.
        ("t=t@1 s=s@1 v1=sha256:1@40", "s>sha256:1 t>s", false, "-s -t -v1"),
        (
            "t=t@1 s=s@1 v1=sha256:1@4",
            "s>sha256:1 t>s",
            false,
            "s:subject t:subject v1:rule",
        ),
        // Of what is not there it is a tag like others.
        (
            "sha256-2.sig=s@40 v1=sha256:1@1",
            "",
            true,
            "-sha256-2.sig v1:rule",
        ),
        ("sha256-1.sig=sha256:1@40", "", true, "-sha256-1.sig"),
        // About one another, and nothing else.
        (
            "sha256-a.sig=sha256:b@40 sha256-b.sig=sha256:a@40",
            "",
            false,
            "sha256-a.sig:subject sha256-b.sig:subject",
        ),
    ];
    for (tags, referrers, keeps_signed, expected) in table {
        let mut some = facts(tags);
        some.referrers = links(referrers);
        some.keeps_signed = keeps_signed;
        check(&[days(30, &[])], &some, expected);
    }
    // Its image has no tag, but is there.
    let mut untagged = facts("sha256-1.sig=s@40");
    untagged.untagged = vec![own.to_owned()];
    check(&[days(30, &[])], &untagged, "sha256-1.sig:subject");
    // A signature of what an index lists goes with the index.
    for (age, expected) in [
        (1, "multi:rule sha256-1.sig:subject"),
        (40, "-multi -sha256-1.sig"),
    ] {
        let mut listed = facts(&format!("sha256-1.sig=s@1 multi=9@{age}"));
        listed.untagged = vec![own.to_owned()];
        listed.listed = links("9>sha256:1");
        check(&[days(30, &[])], &listed, expected);
    }
    // A signature that is exempt keeps its image; and it is none of the newest.
    let exempt = facts("sha256-1.sig=s@0 v1=sha256:1@40 v2=2@2 v3=3@3");
    check(&[newest(2, &[])], &exempt, "-sha256-1.sig -v1 v2:rule v3:rule");
    check(
        &[newest(1, &[("regexp", "sig$")])],
        &exempt,
        "sha256-1.sig:exempt v1:signature v2:rule -v3",
    );
}

#[test]
fn reasons_tell_the_figures() {
    let some = facts("a=1@1 b=2@40");
    let reasons: Vec<String> = judge(&[days(30, &[]), newest(1, &[])], &some, NOW)
        .into_iter()
        .map(|fate| match fate {
            Fate::Goes { reason, .. } | Fate::Kept { reason, .. } => reason,
        })
        .collect();
    assert_eq!(
        reasons,
        [
            "pushed 1 days ago, kept for 30 (the image's retention)",
            "pushed 40 days ago, kept for 30 (the image's retention); not one of the 1 newest (the image's retention)",
        ]
    );
}

/// What takes a matcher long that goes back and tries again, and the largest that are accepted.
#[test]
fn hostile_expressions_end() {
    let tags = (0..100_000).map(|n| JudgedTag {
        tag: format!("{}{n:06}", "a".repeat(122)),
        digest: n.to_string(),
        pushed_at: 0,
    });
    let many = Facts {
        tags: tags.collect(),
        ..Facts::default()
    };
    for pattern in [
        "^(a|a)*(a|aa)+$",
        "(a*)*b",
        "(.*a){20}b",
        "(a|b)*a(a|b){60}c",
        "([a-z0-9]|[a-y0-9])*a[a-z0-9]{100}-",
        "(a?){64}a{64}b",
    ] {
        let rule = newest(1, &[("regexp", pattern)]);
        let goes = judge(&[rule], &many, NOW)
            .iter()
            .filter(|fate| fate.goes())
            .count();
        assert_eq!(goes, 99_999, "{pattern}");
    }
}

proptest! {
    #[test]
    fn what_stays_loses_no_partner(
        digests in prop::collection::vec(0..8_usize, 1..16),
        ages in prop::collection::vec(0..60_i64, 16),
        listed in prop::collection::vec((0..8_usize, 0..8_usize), 0..6),
        referrers in prop::collection::vec((0..8_usize, 0..8_usize), 0..6),
        keeps_signed: bool,
    ) {
        let tags = digests.iter().zip(&ages).enumerate();
        let text: Vec<String> = tags.map(|(n, (digest, age))| format!("t{n:02}={digest}@{age}")).collect();
        let mut some = facts(&text.join(" "));
        // Digests name only what was there before.
        let pairs = |pairs: &[(usize, usize)]| {
            let pairs = pairs.iter().filter(|(from, to)| from > to);
            links(&pairs.map(|(from, to)| format!("{from}>{to}")).collect::<Vec<_>>().join(" "))
        };
        some.listed = pairs(&listed);
        some.referrers = pairs(&referrers);
        some.referrers.dedup_by(|one, other| one.from == other.from);
        some.keeps_signed = keeps_signed;
        let tagged = |digest: &str| some.tags.iter().any(|tag| tag.digest == digest);
        some.untagged = some.referrers.iter().map(|link| link.to.clone()).filter(|to| !tagged(to)).collect();
        let fates = judge(&[days(30, &[])], &some, NOW);
        let stays = |digest: &str| some.tags.iter().zip(&fates).any(|(tag, fate)| tag.digest == digest && !fate.goes());
        for link in &some.listed {
            if stays(&link.from) {
                let lost = some.tags.iter().zip(&fates).any(|(tag, fate)| tag.digest == link.to && fate.goes());
                prop_assert!(!lost, "{link:?} {}", told(&some, &fates));
            }
        }
        for (tag, fate) in some.tags.iter().zip(&fates) {
            // Nothing young goes, but what belongs to another.
            let belongs = some.referrers.iter().any(|link| link.from == tag.digest);
            let is_old = NOW - tag.pushed_at > 30 * DAY_MS;
            prop_assert!(!fate.goes() || is_old || belongs, "{}", told(&some, &fates));
        }
    }
}

#[test]
fn what_runs_protects_indexes_however_deep_it_is_listed() {
    let mut facts = facts("outer=O@50 other=X@50");
    facts.listed = links("O>M M>I I>L");
    facts.running = vec![Running {
        tag: None,
        digest: Some("L".to_owned()),
        place: "Pod default/web in cluster prod".to_owned(),
    }];
    let fates = judge(&[days(7, &[])], &facts, NOW);
    assert!(fates[0].goes(), "{fates:?}");
    let kept = Fate::kept(KeptBecause::Running, facts.running[0].place.clone());
    assert_eq!(fates[1], kept);
}

#[test]
fn a_signature_goes_by_the_rule_of_what_it_is_about() {
    let mut facts = facts("app=A@50 sig=S@1 sigsig=T@1");
    facts.referrers = links("S>A T>S");
    let rules = [only("tag_rule", 5, "x*"), days(7, &[])];
    let fates = judge(&rules, &facts, NOW);
    let why = "pushed 50 days ago, kept for 7 (the image's retention)";
    for (tag, subject) in [(1, "A"), (2, "S")] {
        let expected = Fate::Goes {
            rule: 1,
            reason: format!("it belongs to {subject}, which goes: {why}"),
        };
        // The rule's own reason comes once, however long the chain is.
        assert_eq!(fates[tag], expected);
    }
}
