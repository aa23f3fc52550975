//! Any text is read as a name and printed unchanged, or refused with a short sentence.
#![no_main]

use std::fmt::{Debug, Display};
use std::str::FromStr;

use berth_oci::{ImageName, OrganizationName, Reference, RepositoryName, Tag};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

fuzz_target!(|text: &str| {
    check::<OrganizationName>(text);
    check::<ImageName>(text);
    check::<RepositoryName>(text);
    check::<Tag>(text);
    check::<Reference>(text);
});

fn check<T>(text: &str)
where
    T: FromStr<Err: Display> + Display + Debug + PartialEq + serde::Serialize + serde::de::DeserializeOwned,
{
    match text.parse::<T>() {
        Ok(name) => {
            assert_eq!(name.to_string(), text);
            assert!(
                text.is_ascii()
                    && !text
                        .split('/')
                        .any(|part| part.is_empty() || part.starts_with('.'))
            );
            let json = serde_json::to_value(&name).expect("a name is a JSON string");
            assert_eq!(
                serde_json::from_value::<T>(json).expect("a written name is read again"),
                name
            );
        }
        Err(error) => {
            assert!((1..1_000).contains(&error.to_string().len()));
            serde_json::from_value::<T>(Value::from(text))
                .expect_err("JSON lets nothing through that text does not");
        }
    }
}
