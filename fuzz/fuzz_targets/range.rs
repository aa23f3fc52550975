//! A content range prints as it is read; parts of some content lie inside it, and are together no more than it.
#![no_main]

use berth_oci::{ContentRange, RangeOutcome, RangeRequest};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (&str, u64)| {
    let (text, size) = input;
    if let Ok(range) = text.parse::<ContentRange>() {
        assert!(range.start <= range.end && range.len() >= 1);
        assert_eq!(range.to_string().parse(), Ok(range));
    }
    for header in [text.to_owned(), format!("bytes={text}")] {
        match RangeRequest::parse(Some(&header)).map(|range| range.resolve(size)) {
            Ok(RangeOutcome::Part { start, end_inclusive }) => {
                assert!(start <= end_inclusive && end_inclusive < size);
            }
            Ok(RangeOutcome::Parts(parts)) => {
                assert!(parts.len() >= 2);
                assert!(parts.iter().all(|part| part.start < part.end && part.end <= size));
                assert!(parts.iter().map(|part| part.end - part.start).sum::<u64>() <= size);
            }
            Ok(RangeOutcome::Whole | RangeOutcome::Unsatisfiable) | Err(_) => {}
        }
    }
});
