//! The documentation site is built of the pages and of what the program prints, and no page names one that is not there.

use std::fs;
use std::path::Path;
use std::process::Command;

use e2e::home::Home;
use e2e::server::binary;

#[test]
fn the_site_builds_and_has_what_the_program_says_of_itself() {
    let home = Home::new("site");
    let output = Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts/build-site"))
        .arg(binary())
        .env("SITE_TARGET", home.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    for (page, text) in [
        ("index.html", "A container image registry"),
        ("tutorial.html", "a registry for a small team"),
        ("reference/settings.html", "limits.shutdown_grace"),
        ("reference/commands.html", "berth mirror"),
        ("reference/errors.html", "MANIFEST_UNKNOWN"),
        ("reference/operations.html", "list_namespaces"),
        ("decisions/0003-blob-keys-are-written-once.html", "key"),
        ("search/search_index.json", "immutable"),
    ] {
        let page = home.join("site").join(page);
        let html = fs::read_to_string(&page).unwrap_or_else(|error| panic!("{}: {error}", page.display()));
        assert!(html.contains(text), "{} does not have {text:?}", page.display());
    }
}
