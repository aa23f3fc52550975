//! What the query of a list may say, and what it means.

use super::{Direction, Listing, Matching};

const KEYS: &[&str] = &["namespace", "name"];
const COLUMNS: &[&str] = &["updated_at", "name"];

fn listing(query: &str) -> Listing {
    Listing::parse(query, KEYS, COLUMNS).unwrap_or_else(|refused| panic!("{query}: {refused:?}"))
}

#[test]
fn pages_have_defaults_bounds_and_a_range_when_asked_for() {
    let check = |query: &str, offset: i64, limit: i64, range: Option<&str>| {
        let listing = listing(query);
        assert_eq!((listing.offset, listing.limit), (offset, limit), "{query}");
        let header = listing.content_range(3, 37);
        let found = header.as_ref().map(|(_, value)| value.to_str().unwrap());
        assert_eq!(found, range, "{query}");
    };
    check("", 0, 100, None);
    check("offset=0&limit=10", 0, 10, Some("0-3/37"));
    check("limit=1000", 0, 1000, None);
    check("filter=limit::10|offset::20", 20, 10, Some("20-3/37"));
    check(
        "filter=name%3A%3Abusy%20box%7Climit%3A%3A5&limit=10&offset=7",
        7,
        5,
        Some("7-3/37"),
    );
}

#[test]
fn a_filter_matches_in_part_and_wins_over_plain_parameters() {
    let part = |text: &str| Some(Matching::Part(text.to_owned()));
    let exact = |text: &str| Some(Matching::Exact(text.to_owned()));
    for (query, name, namespace) in [
        ("name=a", exact("a"), None),
        ("name=", None, None),
        ("name=a%2Fb&namespace=g", exact("a/b"), exact("g")),
        ("filter=namespace::g&name=a", None, part("g")),
        ("filter=name::busy%20box|center::self", part("busy box"), None),
        ("filter=name::|namespace::g|", None, part("g")),
    ] {
        let listing = listing(query);
        assert_eq!(
            (listing.matching("name"), listing.matching("namespace")),
            (name, namespace),
            "{query}"
        );
    }
}

#[test]
fn an_order_is_a_known_column_with_a_direction() {
    assert_eq!(listing("").order, None);
    for query in [
        "order_column=name&order_type=desc",
        "filter=order_column::name|order_type::desc",
    ] {
        assert_eq!(listing(query).order, Some(("name", Direction::Desc)), "{query}");
    }
}

#[test]
fn what_no_list_understands_is_refused_with_its_code() {
    for (query, code) in [
        ("limit=0&offset=0", "4000056"),
        ("limit=1001&offset=0", "4000056"),
        ("limit=ten&offset=0", "4000056"),
        ("limit=10&offset=-1", "4001025"),
        ("limit=10&offset=99999999999999999999", "4001025"),
        ("order_column=name", "4001025"),
        ("order_column=name&order_type=up", "4001025"),
        ("order_column=size&order_type=asc", "4001096"),
        ("filter=name", "4001035"),
        ("filter=size::1", "4001035"),
    ] {
        let refused = Listing::parse(query, KEYS, COLUMNS).expect_err(query);
        assert!(format!("{refused:?}").contains(code), "{query}: {refused:?}");
    }
}
