//! What a request is called in log lines and in its answer: an id of its own, and the trace that it is part of.

use http::{HeaderMap, HeaderName, HeaderValue};
use uuid::Uuid;

/// The header that carries the id of a request, in both directions.
pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// The header of W3C Trace Context.
const TRACE_PARENT: HeaderName = HeaderName::from_static("traceparent");

/// The names of one request.
#[derive(Clone, Debug)]
pub(crate) struct RequestName {
    pub(crate) id: HeaderValue,
    /// A `traceparent` in order.
    trace_parent: Option<HeaderValue>,
}

impl RequestName {
    /// Reads them. An id is taken from a proxy that is trusted alone: whoever could choose ids could hide behind those of
    /// others in the log. A trace says where else a request is told of and stands for nothing here, so it is taken from anybody.
    pub(crate) fn of(headers: &HeaderMap, from_trusted_proxy: bool) -> Self {
        let given = from_trusted_proxy.then(|| headers.get(REQUEST_ID)).flatten();
        Self {
            id: given.filter(|id| is_plain(id)).cloned().unwrap_or_else(new_id),
            trace_parent: headers
                .get(TRACE_PARENT)
                .filter(|parent| is_in_order(parent))
                .cloned(),
        }
    }

    #[cfg(test)]
    pub(crate) fn fixed() -> Self {
        Self {
            id: HeaderValue::from_static("an-id"),
            trace_parent: None,
        }
    }

    /// Its id.
    pub(crate) fn id(&self) -> &str {
        self.id.to_str().unwrap_or_default()
    }

    /// The id of the trace that its client or proxy made it part of, 32 hexadecimal digits.
    pub(crate) fn trace(&self) -> Option<&str> {
        self.trace_parent.as_ref()?.to_str().ok()?.get(3..35)
    }
}

fn new_id() -> HeaderValue {
    let mut text = [0; uuid::fmt::Hyphenated::LENGTH];
    let text = Uuid::new_v4().hyphenated().encode_lower(&mut text);
    HeaderValue::from_str(text).expect("hexadecimal digits and hyphens")
}

/// Whether an id can stand in a log line.
fn is_plain(id: &HeaderValue) -> bool {
    (1..=64).contains(&id.len()) && id.as_bytes().iter().all(u8::is_ascii_graphic)
}

/// Whether it is a `traceparent` (Trace Context, section 3.2): version, trace, parent and flags in lower case hexadecimal digits.
/// A later version may have more behind them.
fn is_in_order(parent: &HeaderValue) -> bool {
    let bytes = parent.as_bytes();
    let Some((head, rest)) = bytes.split_at_checked(55) else {
        return false;
    };
    let digits = |from, to| {
        let part: &[u8] = &head[from..to];
        let is_hex = part
            .iter()
            .all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(byte));
        is_hex.then_some(part)
    };
    let is_some = |part: Option<&[u8]>| part.is_some_and(|part| part.iter().any(|digit| *digit != b'0'));
    let ends = match digits(0, 2) {
        Some(b"00") => rest.is_empty(),
        Some(b"ff") | None => return false,
        Some(_) => rest.is_empty() || (rest[0] == b'-' && rest.len() <= 200),
    };
    let hyphens = [2, 35, 52].iter().all(|at| head[*at] == b'-');
    ends && hyphens && is_some(digits(3, 35)) && is_some(digits(36, 52)) && digits(53, 55).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

    fn named(headers: &[(HeaderName, &str)], from_trusted_proxy: bool) -> RequestName {
        let headers = headers
            .iter()
            .map(|(name, value)| (name.clone(), HeaderValue::from_str(value).unwrap()));
        RequestName::of(&headers.collect(), from_trusted_proxy)
    }

    #[test]
    fn an_id_is_taken_from_trusted_proxies_alone() {
        assert_eq!(named(&[(REQUEST_ID, "of-a-proxy")], true).id(), "of-a-proxy");
        for (given, trusted) in [
            ("of-a-stranger", false),
            ("with space", true),
            (&"x".repeat(65), true),
            ("", true),
        ] {
            let name = named(&[(REQUEST_ID, given)], trusted);
            assert!(Uuid::parse_str(name.id()).is_ok(), "{given}: {name:?}");
        }
        assert_ne!(named(&[], false).id(), named(&[], false).id());
    }

    #[test]
    fn a_trace_is_taken_when_it_is_in_order() {
        let parent = format!("00-{TRACE}-00f067aa0ba902b7-01");
        let later = format!("cc-{TRACE}-00f067aa0ba902b7-01-what-comes");
        for good in [&parent, &later] {
            assert_eq!(
                named(&[(TRACE_PARENT, good)], false).trace(),
                Some(TRACE),
                "{good}"
            );
        }
        for bad in [
            String::new(),
            parent[..54].to_owned(),
            format!("{parent}-more"),
            parent.replacen("00-", "ff-", 1),
            parent.to_uppercase(),
            parent.replace(TRACE, &"0".repeat(32)),
            parent.replace("00f067aa0ba902b7", "0000000000000000"),
            parent.replace('-', "_"),
            parent.replace("4bf9", "4bg9"),
            format!("cc-{TRACE}-00f067aa0ba902b7-01.more"),
        ] {
            assert_eq!(named(&[(TRACE_PARENT, &bad)], true).trace(), None, "{bad}");
        }
    }
}
