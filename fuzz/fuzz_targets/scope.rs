//! Any text is read as scopes and printed canonically, or refused with a sentence.
#![no_main]

use berth_oci::Scope;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    for text in [
        text.to_owned(),
        format!("repository:{text}"),
        format!("repository:org/image:{text}"),
    ] {
        match Scope::parse(&text) {
            Ok(scope) => assert_eq!(Scope::parse(&scope.to_string()), Ok(scope)),
            Err(error) => assert!((1..1_000).contains(&error.to_string().len())),
        }
        if let Ok(scopes) = Scope::parse_list(&text) {
            let printed: Vec<String> = scopes.iter().map(Scope::to_string).collect();
            assert_eq!(Scope::parse_list(&printed.join(" ")), Ok(scopes));
        }
    }
});
