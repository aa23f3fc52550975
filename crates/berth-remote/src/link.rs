//! The `Link` header (RFC 8288), as far as pages need it: where the next one is.

/// Characters of a header that are read.
const LENGTH_MAX: usize = 16 << 10;

/// The target of the first link with the relation `next`; none when there is none, or when what stands before it
/// cannot be read.
pub(crate) fn next(header: &str) -> Option<&str> {
    let mut rest = header.get(..header.len().min(LENGTH_MAX))?;
    loop {
        rest = rest.trim_start_matches([' ', '\t', ',']);
        let (target, parameters) = rest.strip_prefix('<')?.split_once('>')?;
        let (is_next, after) = parameters_of(parameters)?;
        if is_next {
            return Some(target);
        }
        rest = after;
    }
}

/// Whether the relation of these parameters is `next`, and what follows them.
fn parameters_of(mut rest: &str) -> Option<(bool, &str)> {
    let mut is_next = false;
    loop {
        rest = rest.trim_start_matches([' ', '\t']);
        let Some(parameter) = rest.strip_prefix(';') else {
            return (rest.is_empty() || rest.starts_with(',')).then_some((is_next, rest));
        };
        let parameter = parameter.trim_start_matches([' ', '\t']);
        let end = parameter.find(['=', ';', ',']).unwrap_or(parameter.len());
        let name = parameter[..end].trim_end();
        let Some(value) = parameter[end..].strip_prefix('=') else {
            rest = &parameter[end..];
            continue;
        };
        let value = value.trim_start_matches([' ', '\t']);
        let (value, after) = match value.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"')?,
            None => value.split_at(value.find([';', ',']).unwrap_or(value.len())),
        };
        let mut relations = value.split_ascii_whitespace();
        is_next |=
            name.eq_ignore_ascii_case("rel") && relations.any(|word| word.eq_ignore_ascii_case("next"));
        rest = after;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_next_page_is_found() {
        for (header, expected) in [
            (
                r#"</v2/a/tags/list?last=b&n=2>; rel="next""#,
                Some("/v2/a/tags/list?last=b&n=2"),
            ),
            ("</a>;rel=next", Some("/a")),
            ("</a> ; rel = next ; title=x", Some("/a")),
            (r#"</a>; REL="prev NEXT""#, Some("/a")),
            (r#"</a,b;c>; rel="next""#, Some("/a,b;c")),
            (
                r#"</a>; title="x, y; rel=next"; rel=prev, </b>; rel=next"#,
                Some("/b"),
            ),
            ("</a>; rel=prev,, </b>; rel=next", Some("/b")),
            ("</a>; crossorigin; rel=next", Some("/a")),
            ("</a>", None),
            ("</a>; rel=nextpage", None),
            ("/a; rel=next", None),
            (r#"</a>; rel="next"#, None),
            ("</a", None),
            ("", None),
        ] {
            assert_eq!(next(header), expected, "{header}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(header in r#"[ <>;,="a-zé/]{0,40}|.{0,40}"#) {
            if let Some(target) = next(&header) {
                let bracketed = format!("<{target}>");
                prop_assert!(header.contains(&bracketed));
            }
        }

        #[test]
        fn what_is_written_is_read(target in "[a-z/?=&%,;]{0,30}", title in "[a-z ,;<>=]{0,20}") {
            let header = format!(r#"</other>; title="{title}", <{target}>; title="{title}"; rel="next""#);
            prop_assert_eq!(next(&header), Some(target.as_str()));
        }
    }
}
