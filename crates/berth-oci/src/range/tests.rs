//! Ranges, by table and by property.

use super::{ContentRange, RangeOutcome, RangeRequest};
use proptest::prelude::*;

#[test]
fn content_ranges() {
    let check = |text: &str, expected: Option<(u64, u64)>| {
        let parsed = text
            .parse::<ContentRange>()
            .ok()
            .map(|range| (range.start, range.end));
        assert_eq!(parsed, expected, "{text:?}");
    };
    check("0-99", Some((0, 99)));
    check("5-5", Some((5, 5)));
    check("bytes 0-99/200", Some((0, 99)));
    check("bytes 0-99/*", Some((0, 99)));
    check("bytes 100-199", Some((100, 199)));
    check("99-0", None);
    check("", None);
    check("-", None);
    check("5-", None);
    check("-5", None);
    check("+1-2", None);
    check("0x1-0x2", None);
    check("1-2-3", None);
    check("bytes */200", None);
    check("0-9223372036854775807", Some((0, 9_223_372_036_854_775_807)));
    check("0-18446744073709551615", None);
    check("0-99999999999999999999999", None);
}

#[test]
fn ranges_of_ten_bytes() {
    const PART: fn(u64, u64) -> RangeOutcome =
        |start, end_inclusive| RangeOutcome::Part { start, end_inclusive };
    let check = |header: &str, expected: RangeOutcome| {
        assert_eq!(
            RangeRequest::parse(Some(header)).resolve(10),
            expected,
            "{header:?}"
        );
    };
    check("bytes=0-3", PART(0, 3));
    check("bytes=0-9", PART(0, 9));
    check("bytes=9-", PART(9, 9));
    check("bytes=4-1000", PART(4, 9));
    check("bytes=4-99999999999999999999999", PART(4, 9));
    check("Bytes=1-2", PART(1, 2));
    check("bytes=-3", PART(7, 9));
    check("bytes=-1000", PART(0, 9));
    check("bytes=-0", RangeOutcome::Unsatisfiable);
    check("bytes=10-", RangeOutcome::Unsatisfiable);
    check("bytes=99999999999999999999999-", RangeOutcome::Unsatisfiable);
    check("bytes=5-2", RangeOutcome::Unsatisfiable);
    check("bytes=0-1,3-4", RangeOutcome::Whole);
    check("bytes=-", RangeOutcome::Whole);
    check("bytes", RangeOutcome::Whole);
    check("lines=0-1", RangeOutcome::Whole);
    check("bytes=a-b", RangeOutcome::Whole);
    check("bytes=--1", RangeOutcome::Whole);
}

#[test]
fn ranges_of_nothing() {
    assert_eq!(RangeRequest::parse(None).resolve(0), RangeOutcome::Whole);
    assert_eq!(
        RangeRequest::parse(Some("bytes=0-")).resolve(0),
        RangeOutcome::Unsatisfiable
    );
    assert_eq!(
        RangeRequest::parse(Some("bytes=-5")).resolve(0),
        RangeOutcome::Whole
    );
}

proptest! {
    #[test]
    fn content_ranges_print_as_they_are_read(a in 0..=u64::from(u32::MAX), length in 0..=u64::from(u32::MAX)) {
        let range = ContentRange { start: a, end: a + length };
        prop_assert_eq!(range.to_string().parse(), Ok(range));
        prop_assert_eq!(range.len(), length + 1);
    }

    #[test]
    fn a_part_lies_inside_the_content(header in "bytes=[0-9]{0,20}-[0-9]{0,20}|\\PC{0,40}", size: u64) {
        if let RangeOutcome::Part { start, end_inclusive } = RangeRequest::parse(Some(&header)).resolve(size) {
            prop_assert!(start <= end_inclusive && end_inclusive < size);
        }
    }
}
