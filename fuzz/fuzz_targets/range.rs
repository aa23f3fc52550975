//! A content range prints as it is read; a part of some content lies inside it.
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
        if let RangeOutcome::Part { start, end_inclusive } = RangeRequest::parse(Some(&header)).resolve(size)
        {
            assert!(start <= end_inclusive && end_inclusive < size);
        }
    }
});
