//! Every migration exists for both databases, under the same name.

use std::collections::BTreeSet;

/// Compares the file names of both folders.
pub(crate) fn check(sqlite: &[String], postgres: &[String]) -> Vec<String> {
    let sqlite: BTreeSet<&String> = sqlite.iter().collect();
    let postgres: BTreeSet<&String> = postgres.iter().collect();
    let lonely = |name: &&String, missing: &str| format!("the migration {name} is missing for {missing}");
    let mut found: Vec<String> = sqlite
        .difference(&postgres)
        .map(|name| lonely(name, "postgres"))
        .collect();
    found.extend(postgres.difference(&sqlite).map(|name| lonely(name, "sqlite")));
    if sqlite.is_empty() && postgres.is_empty() {
        found.push("there are no migrations where they are looked for".to_owned());
    }
    found
}

#[cfg(test)]
mod tests {
    use super::check;

    #[test]
    fn migrations_come_in_pairs() {
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        assert_eq!(
            check(&names(&["1.sql", "2.sql"]), &names(&["2.sql", "1.sql"])),
            [""; 0]
        );
        assert_eq!(
            check(&names(&["1.sql"]), &names(&[])),
            ["the migration 1.sql is missing for postgres"]
        );
        assert_eq!(
            check(&names(&[]), &names(&["1.sql"])),
            ["the migration 1.sql is missing for sqlite"]
        );
        assert_eq!(check(&[], &[]).len(), 1);
    }
}
