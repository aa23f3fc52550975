//! `berth audit`: who did what, listed, exported and verified.

use serde_json::Value;

use super::Desk;
use crate::installation::Installation;

#[test]
fn an_administrator_reads_the_trail() {
    let installation = Installation::start();
    let desk = Desk::of_the_administrator(&installation);
    let run = |arguments: &[&str]| {
        let ended = desk.run_with(arguments, &[], "");
        assert!(ended.status.success(), "{arguments:?}: {}", ended.err);
        ended.out
    };
    run(&["org", "create", "one"]);
    run(&["org", "create", "two"]);
    let listed: Value =
        serde_json::from_str(&run(&["audit", "list", "--limit", "1", "--output", "json"])).unwrap();
    let first = &listed[0];
    assert_eq!(
        (&first["action"], &first["resource"]),
        (&"create_namespace".into(), &"two".into())
    );
    let exported = run(&["audit", "export", "--action", "create_namespace"]);
    let resources = exported.lines().map(|line| {
        let event: Value = serde_json::from_str(line).unwrap();
        event["resource"].as_str().unwrap().to_owned()
    });
    assert_eq!(resources.collect::<Vec<_>>(), ["two", "one"]);
    let table = run(&["audit", "export", "--format", "csv", "--result", "refused"]);
    assert_eq!(table.lines().count(), 1, "{table}");
    let found: Value = serde_json::from_str(&run(&["audit", "verify", "--output", "json"])).unwrap();
    let changes = &found[0];
    assert_eq!(
        (&changes["book"], &changes["flaw"]),
        (&"changes".into(), &Value::Null)
    );
    let refused = desk.run_with(&["audit", "export", "--from", "yesterday"], &[], "");
    assert!(
        !refused.status.success() && refused.err.contains("from is a time"),
        "{}",
        refused.err
    );
}
