//! Tags in the order in which people count: digits by their value, so that `6.0.10` comes after `6.0.8`.

use std::cmp::Ordering;

/// Compares two tags: runs of digits by their value, all else whatever its case; what is equal then by its bytes.
pub(super) fn compare(a: &str, b: &str) -> Ordering {
    let (mut left, mut right) = (a.as_bytes(), b.as_bytes());
    while let (Some(x), Some(y)) = (left.first(), right.first()) {
        let order = if x.is_ascii_digit() && y.is_ascii_digit() {
            let (number, other) = (number(&mut left), number(&mut right));
            number.len().cmp(&other.len()).then_with(|| number.cmp(other))
        } else {
            (left, right) = (&left[1..], &right[1..]);
            x.to_ascii_lowercase().cmp(&y.to_ascii_lowercase())
        };
        if order != Ordering::Equal {
            return order;
        }
    }
    left.len().cmp(&right.len()).then_with(|| a.cmp(b))
}

/// Takes the digits that a text begins with, without the zeros before them.
fn number<'a>(text: &mut &'a [u8]) -> &'a [u8] {
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (number, rest) = text.split_at(digits);
    *text = rest;
    let zeros = number.iter().take_while(|byte| **byte == b'0').count();
    &number[zeros..]
}

#[cfg(test)]
mod tests {
    use super::compare;
    use proptest::prelude::*;

    #[test]
    fn numbers_count_by_their_value() {
        let ordered = [
            "",
            "0",
            "00",
            "1",
            "1.0",
            "1.0-rc1",
            "1.0.0",
            "1.2",
            "1.10",
            "2",
            "6.0.8",
            "6.0.10",
            "10",
            "a",
            "B",
            "b",
            "latest",
            "v1",
            "v1-alpine",
            "v2",
            "v10",
            "v99999999999999999999999",
            "v100000000000000000000000",
        ];
        for (n, tag) in ordered.iter().enumerate() {
            for (m, other) in ordered.iter().enumerate() {
                assert_eq!(compare(tag, other), n.cmp(&m), "{tag} {other}");
            }
        }
    }

    proptest! {
        #[test]
        fn it_is_an_order(a in "[a-zA-Z0-9._-]{0,12}", b in "[a-zA-Z0-9._-]{0,12}", c in "[a-zA-Z0-9._-]{0,12}") {
            prop_assert_eq!(compare(&a, &b), compare(&b, &a).reverse());
            prop_assert_eq!(compare(&a, &b).is_eq(), a == b);
            if compare(&a, &b).is_le() && compare(&b, &c).is_le() {
                prop_assert!(compare(&a, &c).is_le());
            }
        }
    }
}
