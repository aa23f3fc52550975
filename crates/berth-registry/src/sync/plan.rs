//! What of a copy has to be done, given what is at the destination. A pure function of both; asks nobody.

use std::collections::{BTreeMap, BTreeSet};

use berth_oci::Digest;

use super::closure::{Content, Part, Role};

/// What is at the destination, as far as a plan needs to know.
#[derive(Debug, Default)]
pub(super) struct There {
    /// Manifests that are there.
    pub(super) manifests: BTreeSet<Digest>,
    /// What the tags of accessories name.
    pub(super) tags: BTreeMap<String, Digest>,
}

/// What becomes of the tag itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is put there, in the place of what is there, if anything.
    Replace,
    /// It is put there, unless somebody else is faster.
    Create,
    /// It names the same there already.
    Same,
    /// It names something else there, and may not be replaced.
    Kept(Digest),
}

/// What has to be done.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Plan {
    /// Blobs that have to be there, each once and in order.
    pub(super) blobs: Vec<Content>,
    /// Positions of the parts whose manifests are put, in this order.
    pub(super) manifests: Vec<usize>,
    /// Tags of accessories that name something else there and are not replaced.
    pub(super) kept: Vec<String>,
}

/// What becomes of a tag that names `there` at the destination and is to name `root`.
pub(super) fn verdict(there: Option<&Digest>, root: &Digest, overwrite: bool) -> Verdict {
    match there {
        Some(there) if there == root => Verdict::Same,
        Some(there) if !overwrite => Verdict::Kept(there.clone()),
        None if !overwrite => Verdict::Create,
        Some(_) | None => Verdict::Replace,
    }
}

/// The parts whose manifests the destination has to be asked about. An image that is there has its children.
pub(super) fn questions(parts: &[Part], verdict: &Verdict) -> Vec<usize> {
    let asks = |part: &Part| match part.role {
        Role::Child | Role::Root => *verdict != Verdict::Same,
        Role::Referrer | Role::Tagged(_) => true,
    };
    (0..parts.len()).filter(|at| asks(&parts[*at])).collect()
}

/// What has to be done so that all parts are at the destination.
pub(super) fn plan(parts: &[Part], there: &There, (verdict, overwrite): (&Verdict, bool)) -> Plan {
    let mut plan = Plan::default();
    let mut blobs = BTreeSet::new();
    for (at, part) in parts.iter().enumerate() {
        let is_there = there.manifests.contains(&part.digest);
        let is_put = match &part.role {
            Role::Root => *verdict != Verdict::Same,
            Role::Child => *verdict != Verdict::Same && !is_there,
            Role::Referrer => !is_there,
            Role::Tagged(tag) => match there.tags.get(tag) {
                Some(named) if *named == part.digest => false,
                Some(_) if !overwrite => {
                    plan.kept.push(tag.clone());
                    false
                }
                _ => true,
            },
        };
        if is_put {
            plan.manifests.push(at);
            if !is_there {
                blobs.extend(part.blobs.iter().cloned());
            }
        }
    }
    plan.blobs = blobs.into_iter().collect();
    plan
}

/// All blobs of all parts, each once.
pub(super) fn all_blobs(parts: &[Part]) -> BTreeSet<Content> {
    parts.iter().flat_map(|part| part.blobs.iter().cloned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use berth_oci::Algorithm;

    fn digest(word: &str) -> Digest {
        Digest::of(Algorithm::Sha256, word.as_bytes())
    }

    fn part(word: &str, role: Role, blobs: &[&str]) -> Part {
        let content = |word: &&str| Content {
            digest: digest(word),
            size: 1,
        };
        Part {
            digest: digest(word),
            role,
            subject: None,
            blobs: blobs.iter().map(content).collect(),
        }
    }

    /// An index of two images that share a layer, with a list of contents, and a signature by tag.
    fn parts() -> Vec<Part> {
        vec![
            part("amd", Role::Child, &["base", "amd-layer"]),
            part("arm", Role::Child, &["base", "arm-layer"]),
            part("index", Role::Root, &[]),
            part("sbom", Role::Referrer, &["list"]),
            part("sig", Role::Tagged("index.sig".to_owned()), &["payload"]),
        ]
    }

    const WORDS: [&str; 12] = [
        "amd",
        "arm",
        "index",
        "sbom",
        "sig",
        "base",
        "amd-layer",
        "arm-layer",
        "list",
        "payload",
        "other",
        "none",
    ];

    fn named(found: &Digest) -> &'static str {
        WORDS.into_iter().find(|word| digest(word) == *found).unwrap()
    }

    /// What is done when the destination's tag names `root`, those manifests are there, and the signature's tag names
    /// `sig`.
    #[track_caller]
    fn check((root, there, sig): (&str, &[&str], &str), overwrite: bool, expected: (&str, &str)) {
        let parts = parts();
        let root = (root != "none").then(|| digest(root));
        let there = There {
            manifests: there.iter().map(|word| digest(word)).collect(),
            tags: (sig != "none")
                .then(|| ("index.sig".to_owned(), digest(sig)))
                .into_iter()
                .collect(),
        };
        let verdict = verdict(root.as_ref(), &digest("index"), overwrite);
        let plan = plan(&parts, &there, (&verdict, overwrite));
        let mut blobs: Vec<_> = plan.blobs.iter().map(|blob| named(&blob.digest)).collect();
        blobs.sort_by_key(|word| WORDS.iter().position(|known| known == word));
        let manifests: Vec<_> = plan
            .manifests
            .iter()
            .map(|at| named(&parts[*at].digest))
            .collect();
        assert_eq!((manifests.join(" ").as_str(), blobs.join(" ").as_str()), expected);
    }

    #[test]
    fn only_what_is_missing_is_planned() {
        let all = "base amd-layer arm-layer list payload";
        check(("none", &[], "none"), false, ("amd arm index sbom sig", all));
        check(("other", &[], "none"), true, ("amd arm index sbom sig", all));
        // Another tag there names it already: nothing but the tag itself is missing.
        let everything = &["amd", "arm", "index", "sbom", "sig"];
        check(("none", everything, "sig"), false, ("index", ""));
        check(
            ("none", &["amd"], "sig"),
            false,
            ("arm index sbom", "base arm-layer list"),
        );
        // The same: what was signed since goes along.
        check(("index", &[], "none"), false, ("sbom sig", "list payload"));
        check(("index", &["sbom"], "none"), false, ("sig", "payload"));
        check(("index", &["sbom"], "sig"), false, ("", ""));
        // Another signature there is replaced as the image would be.
        check(("index", &["sbom"], "other"), false, ("", ""));
        check(("index", &["sbom"], "other"), true, ("sig", "payload"));
    }

    #[test]
    fn a_tag_is_replaced_only_where_that_is_wanted() {
        let root = digest("index");
        for (there, overwrite, expected) in [
            ("none", true, Verdict::Replace),
            ("none", false, Verdict::Create),
            ("index", true, Verdict::Same),
            ("index", false, Verdict::Same),
            ("other", true, Verdict::Replace),
            ("other", false, Verdict::Kept(digest("other"))),
        ] {
            let there = (there != "none").then(|| digest(there));
            assert_eq!(verdict(there.as_ref(), &root, overwrite), expected);
        }
    }

    #[test]
    fn an_image_that_is_there_is_asked_about_no_further_than_its_accessories() {
        assert_eq!(questions(&parts(), &Verdict::Same), [3, 4]);
        assert_eq!(questions(&parts(), &Verdict::Create), [0, 1, 2, 3, 4]);
    }
}
