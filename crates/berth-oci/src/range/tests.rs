//! Ranges, by table and by property.

use super::{ByteRanges, ContentRange, RANGES_MAX, RangeOutcome, RangeRequest, TooManyRanges};
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
            RangeRequest::parse(Some(header)).map(|range| range.resolve(10)),
            Ok(expected),
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
    check("bytes=", RangeOutcome::Whole);
    check("bytes=1 -2", RangeOutcome::Whole);
    check("bytes=-", RangeOutcome::Whole);
    check("bytes", RangeOutcome::Whole);
    check("lines=0-1", RangeOutcome::Whole);
    check("bytes=a-b", RangeOutcome::Whole);
    check("bytes=--1", RangeOutcome::Whole);
}

#[test]
fn several_ranges_of_a_hundred_bytes() {
    let check = |header: &str, expected: RangeOutcome| {
        let outcome = RangeRequest::parse(Some(header)).map(|range| range.resolve(100));
        assert_eq!(outcome, Ok(expected), "{header:?}");
    };
    let parts = |parts: &[std::ops::Range<u64>]| RangeOutcome::Parts(parts.to_vec());
    check("bytes=0-1,3-4", parts(&[0..2, 3..5]));
    check("bytes=0-1, 3-4", parts(&[0..2, 3..5]));
    check("bytes= ,0-1 ,\t,3-4,", parts(&[0..2, 3..5]));
    check("bytes=90-,-5", parts(&[90..100, 95..100]));
    check("bytes=50-59,0-9", parts(&[50..60, 0..10]));
    // Parts that touch stay two: who asks for two counts two.
    check("bytes=0-9,10-19", parts(&[0..10, 10..20]));
    check("bytes=0-9,5-14", parts(&[0..10, 5..15]));
    // What is not there is left out, and one that is left is no part of several.
    check("bytes=0-1,100-,3-4", parts(&[0..2, 3..5]));
    check(
        "bytes=0-1,-0",
        RangeOutcome::Part {
            start: 0,
            end_inclusive: 1,
        },
    );
    check(
        "bytes=7-7,",
        RangeOutcome::Part {
            start: 7,
            end_inclusive: 7,
        },
    );
    check("bytes=9-1,200-", RangeOutcome::Unsatisfiable);
    // More bytes than there are, and more overlaps than any use has.
    check("bytes=0-,0-", RangeOutcome::Whole);
    check("bytes=0-60,40-99", RangeOutcome::Whole);
    check("bytes=0-9,1-2,3-4", parts(&[0..10, 1..3, 3..5]));
    check("bytes=0-9,1-2,3-4,5-6", RangeOutcome::Whole);
    // One that is none makes all of them none.
    check("bytes=0-1,x", RangeOutcome::Whole);
    check("bytes=0-1,3", RangeOutcome::Whole);
    check("bytes=,", RangeOutcome::Whole);
}

#[test]
fn as_many_ranges_as_an_answer_has_and_no_more() {
    let header = |count: usize, from: fn(usize) -> usize| {
        let ranges: Vec<_> = (0..count).map(|at| format!("{0}-{0}", from(at))).collect();
        format!("bytes={}", ranges.join(","))
    };
    let many = header(RANGES_MAX, |at| 2 * at);
    let outcome = RangeRequest::parse(Some(&many)).map(|range| range.resolve(1 << 20));
    let Ok(RangeOutcome::Parts(parts)) = outcome else {
        panic!("{outcome:?}");
    };
    assert_eq!(parts.len(), RANGES_MAX);
    let more = header(RANGES_MAX + 1, |at| 2 * at);
    assert_eq!(RangeRequest::parse(Some(&more)), Err(TooManyRanges));
    let backwards = header(RANGES_MAX, |at| 4 * RANGES_MAX - 2 * at);
    let outcome = RangeRequest::parse(Some(&backwards)).map(|range| range.resolve(1 << 20));
    assert!(
        matches!(&outcome, Ok(RangeOutcome::Parts(parts)) if parts.len() == RANGES_MAX),
        "{outcome:?}"
    );
}

#[test]
fn ranges_of_nothing() {
    let check = |header: Option<&str>, expected: RangeOutcome| {
        let outcome = RangeRequest::parse(header).map(|range| range.resolve(0));
        assert_eq!(outcome, Ok(expected), "{header:?}");
    };
    check(None, RangeOutcome::Whole);
    check(Some("bytes=0-"), RangeOutcome::Unsatisfiable);
    check(Some("bytes=-5"), RangeOutcome::Whole);
    check(Some("bytes=0-1,2-3"), RangeOutcome::Unsatisfiable);
    check(Some("bytes=0-1,-5"), RangeOutcome::Whole);
}

#[test]
fn several_parts_are_one_body_as_the_rfc_writes_it() {
    let ranges = ByteRanges::new(vec![0..2, 5..10], 100, "THIS");
    assert_eq!(ranges.content_type(), "multipart/byteranges; boundary=THIS");
    let body = format!("{}ab{}fghij{}", ranges.head(0), ranges.head(1), ranges.tail());
    assert_eq!(
        body,
        "--THIS\r\nContent-Type: application/octet-stream\r\nContent-Range: bytes 0-1/100\r\n\r\nab\r\n\
         --THIS\r\nContent-Type: application/octet-stream\r\nContent-Range: bytes 5-9/100\r\n\r\nfghij\r\n\
         --THIS--\r\n"
    );
    assert_eq!(ranges.length(), body.len() as u64);
}

proptest! {
    #[test]
    fn content_ranges_print_as_they_are_read(a in 0..=u64::from(u32::MAX), length in 0..=u64::from(u32::MAX)) {
        let range = ContentRange { start: a, end: a + length };
        prop_assert_eq!(range.to_string().parse(), Ok(range));
        prop_assert_eq!(range.len(), length + 1);
    }

    #[test]
    fn a_part_lies_inside_the_content(
        header in "bytes=[0-9]{0,20}-[0-9]{0,20}|bytes=([0-9]{0,3}-[0-9]{0,3}, ?){0,9}[0-9]{0,2}-|\\PC{0,40}",
        size in prop_oneof![any::<u64>(), 0..1000_u64],
    ) {
        match RangeRequest::parse(Some(&header)).map(|range| range.resolve(size)) {
            Ok(RangeOutcome::Part { start, end_inclusive }) => {
                prop_assert!(start <= end_inclusive && end_inclusive < size);
            }
            Ok(RangeOutcome::Parts(parts)) => {
                prop_assert!(parts.len() >= 2);
                prop_assert!(parts.iter().all(|part| part.start < part.end && part.end <= size));
                prop_assert!(parts.iter().map(|part| part.end - part.start).sum::<u64>() <= size);
                let ranges = ByteRanges::new(parts.clone(), size, "edge");
                let heads: usize = (0..parts.len()).map(|at| ranges.head(at).len()).sum();
                let inside: u64 = parts.iter().map(|part| part.end - part.start).sum();
                prop_assert_eq!(ranges.length(), heads as u64 + inside + ranges.tail().len() as u64);
            }
            Ok(RangeOutcome::Whole | RangeOutcome::Unsatisfiable) | Err(TooManyRanges) => {}
        }
    }
}
