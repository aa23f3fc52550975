//! The registries that a push came through, as another registry told them. Anybody who may push can say anything here, so
//! it only ever keeps a tag from being sent back to where it is.

/// Registries that one push comes through.
const REGISTRIES_MAX: usize = 16;
/// Characters of one registry's id.
const ID_MAX: usize = 64;

/// The path as it is kept: ids by commas, or nothing when it is no such path.
pub(crate) fn checked_path(told: Option<&str>) -> String {
    let ids: Vec<&str> = told.unwrap_or_default().split(',').map(str::trim).collect();
    let is_id =
        |id: &&str| (1..=ID_MAX).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic());
    if ids.len() > REGISTRIES_MAX || !ids.iter().all(is_id) {
        return String::new();
    }
    ids.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_kept_when_it_is_one() {
        let (longest, most) = ("x".repeat(64), ["id"; 16].join(","));
        let (too_long, too_many) = ("x".repeat(65), ["id"; 17].join(","));
        for (told, kept) in [
            ("one", "one"),
            ("one, two", "one,two"),
            (&longest, &longest),
            (&most, &most),
            ("", ""),
            ("one,", ""),
            ("one,,two", ""),
            ("o ne", ""),
            ("ön", ""),
            (&too_long, ""),
            (&too_many, ""),
        ] {
            assert_eq!(checked_path(Some(told)), kept, "{told}");
        }
        assert_eq!(checked_path(None), "");
    }
}
