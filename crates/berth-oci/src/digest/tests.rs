//! Digests and hashers, by table and by property.

use super::{Algorithm, Digest, DigestError, Hasher};
use proptest::prelude::*;

#[test]
fn digests_of_known_content() {
    let check = |algorithm, content: &[u8], expected: &str| {
        assert_eq!(Digest::of(algorithm, content).as_str(), expected);
    };
    check(
        Algorithm::Sha256,
        b"",
        "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    );
    check(
        Algorithm::Sha512,
        b"abc",
        "sha512:ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
    );
}

#[test]
fn refused_digests_tell_malformed_from_unknown() {
    let check = |text: &str, expected: DigestError| {
        assert_eq!(text.parse::<Digest>(), Err(expected), "{text:?}");
    };
    let unknown = |name: &str| DigestError::UnknownAlgorithm(name.to_owned());
    let hex = "a".repeat(64);
    for malformed in [
        String::new(),
        "sha256".to_owned(),
        "sha256:".to_owned(),
        format!(":{hex}"),
        format!("sha256:{}", "A".repeat(64)),
        format!("sha256:{}", "g".repeat(64)),
        format!("sha256:{hex}a"),
        format!("sha256:{}", "a".repeat(63)),
        format!("sha512:{hex}"),
        format!("SHA256:{hex}"),
        format!("sha256:{hex} "),
        format!(" sha256:{hex}"),
        format!("sha256:sha256:{hex}"),
        format!("sha256:../{}", "a".repeat(61)),
        format!("sha256::{}", "a".repeat(63)),
        format!("sha--256:{hex}"),
        "md5:".to_owned(),
        "md5:a b".to_owned(),
        format!("{}:{hex}", "a".repeat(10_000)),
    ] {
        check(&malformed, DigestError::Malformed);
    }
    check("md5:d41d8cd98f00b204e9800998ecf8427e", unknown("md5"));
    check("sha384:abc", unknown("sha384"));
    check(
        "multihash+base58:QmRZxt2b1FVZPNqd8hsiykDL3TdBDeTSPX9Kv46HmX4Gx8",
        unknown("multihash+base58"),
    );
}

#[test]
fn saved_states_of_another_algorithm_are_refused() {
    let state = Hasher::new(Algorithm::Sha256).state();
    Hasher::resume(Algorithm::Sha512, &state).unwrap_err();
    Hasher::resume(Algorithm::Sha256, &state[1..]).unwrap_err();
    Hasher::resume(Algorithm::Sha256, b"").unwrap_err();
}

#[test]
fn saved_states_of_more_bytes_than_exist_are_refused() {
    for (algorithm, counter, block) in [(Algorithm::Sha256, 32..40, 64), (Algorithm::Sha512, 64..80, 128)] {
        let mut hasher = Hasher::new(algorithm);
        hasher.update(&vec![0; block * 258]);
        let mut state = hasher.state();
        assert_eq!(
            state[counter.clone()][..3],
            [2, 1, 0],
            "the counter of blocks is where it is looked for"
        );
        state[counter.end - 1] = 1;
        Hasher::resume(algorithm, &state).unwrap_err();
    }
}

fn algorithms() -> impl Strategy<Value = Algorithm> {
    prop_oneof![Just(Algorithm::Sha256), Just(Algorithm::Sha512)]
}

proptest! {
    #[test]
    fn digests_print_as_they_are_read(algorithm in algorithms(), content: Vec<u8>) {
        let digest = Digest::of(algorithm, &content);
        prop_assert_eq!(digest.to_string().parse(), Ok(digest.clone()));
        prop_assert_eq!((digest.algorithm(), digest.hex().len()), (algorithm, algorithm.hex_len()));
        let json = serde_json::to_string(&digest).unwrap();
        prop_assert_eq!(serde_json::from_str::<Digest>(&json).unwrap(), digest);
    }

    #[test]
    fn a_hash_continues_from_its_saved_state(algorithm in algorithms(), content: Vec<u8>, at: usize) {
        let (head, tail) = content.split_at(at % (content.len() + 1));
        let mut first = Hasher::new(algorithm);
        first.update(head);
        prop_assert_eq!(first.finish(), Digest::of(algorithm, head));
        let mut second = Hasher::resume(algorithm, &first.state()).unwrap();
        second.update(tail);
        prop_assert_eq!(second.algorithm(), algorithm);
        prop_assert_eq!(second.finish(), Digest::of(algorithm, &content));
    }

    #[test]
    fn any_text_is_read_or_refused(text in "(sha256|sha512|[a-z+.]{0,9}):[0-9a-fA-F]{0,130}|\\PC*") {
        if let Ok(digest) = text.parse::<Digest>() {
            prop_assert_eq!(digest.to_string(), text);
        }
    }

    #[test]
    fn any_saved_state_is_resumed_or_refused(algorithm in algorithms(), state in prop::collection::vec(any::<u8>(), 0..300)) {
        if let Ok(hasher) = Hasher::resume(algorithm, &state) {
            prop_assert_eq!(hasher.finish().algorithm(), algorithm);
        }
    }
}
