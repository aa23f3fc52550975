//! Any text is a digest that prints unchanged, or is refused; a hash continues from its state, or the state is refused.
#![no_main]

use berth_oci::{Algorithm, Digest, Hasher};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (&str, &[u8], u16)| {
    let (text, content, at) = input;
    let hex_only = format!("sha256:{text}");
    for text in [text, &hex_only] {
        match text.parse::<Digest>() {
            Ok(digest) => {
                assert_eq!(digest.to_string(), text);
                assert_eq!(digest.hex().len(), digest.algorithm().hex_len());
            }
            Err(error) => assert!((1..1_000).contains(&error.to_string().len())),
        }
    }
    for algorithm in [Algorithm::Sha256, Algorithm::Sha512] {
        let (head, tail) = content.split_at(usize::from(at) % (content.len() + 1));
        let mut first = Hasher::new(algorithm);
        first.update(head);
        let mut second = Hasher::resume(algorithm, &first.state()).expect("an own state is continued");
        second.update(tail);
        let whole = Digest::of(algorithm, content);
        assert_eq!(second.finish(), whole);
        assert_eq!(whole.as_str().parse(), Ok(whole));
        if let Ok(mut hasher) = Hasher::resume(algorithm, content) {
            hasher.update(tail);
            assert_eq!(hasher.finish().algorithm(), algorithm);
        }
    }
});
