//! Paths below a root, checked. Whatever is dangerous in a name stops here. Pure.

use std::collections::BTreeMap;

use crate::core::desired::content::is_gits_own;

use super::error::PublishError;

/// The list of what was written, at the root.
pub(super) const MANIFEST: &str = ".evenkeel-manifest.json";
/// A file that is not yet complete, in any folder.
pub(super) const UNFINISHED: &str = ".evenkeel-unfinished";

/// Returns an absolute path relative to the root, with `/` between its parts; empty for the root itself.
///
/// # Errors
/// Fails if the path is not below the root, or a part of it must not be written.
pub(super) fn below(root: &str, path: &str) -> Result<String, PublishError> {
    let refused = |rule| PublishError::Refused { path: path.escape_debug().to_string(), rule };
    let rest = path.strip_prefix(root).ok_or_else(|| refused("it is not below the stack's folder"))?;
    if rest.is_empty() {
        return Ok(String::new());
    }
    let rest = rest.strip_prefix('/').ok_or_else(|| refused("it is not below the stack's folder"))?;
    check(rest).map_err(refused)?;
    Ok(rest.to_owned())
}

/// Checks a relative path.
pub(super) fn check(path: &str) -> Result<(), &'static str> {
    if path.chars().any(char::is_control) {
        return Err("its name has control characters");
    }
    for part in path.split('/') {
        match part {
            "" | "." | ".." => return Err("its path is not a plain one"),
            MANIFEST | UNFINISHED => return Err("its name is taken"),
            part if is_gits_own(part) => return Err("names that start with `.git` are not written"),
            part if part.len() > 255 => return Err("its name is too long"),
            _ => {}
        }
    }
    Ok(())
}

/// Fails if two paths differ in nothing but case: on some file systems they are one.
pub(super) fn check_case<'a>(paths: impl IntoIterator<Item = &'a str>) -> Result<(), PublishError> {
    let mut seen: BTreeMap<String, &str> = BTreeMap::new();
    for path in paths {
        for ancestor in ancestors(path).chain([path]) {
            let before = seen.entry(ancestor.to_lowercase()).or_insert(ancestor);
            if *before != ancestor {
                let rule = "another path differs from it in nothing but case";
                return Err(PublishError::Refused { path: path.into(), rule });
            }
        }
    }
    Ok(())
}

/// Returns the folders that a path lies in, outermost first, without the root.
pub(super) fn ancestors(path: &str) -> impl Iterator<Item = &str> {
    path.match_indices('/').map(|(at, _)| &path[..at])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn paths_below_the_root_are_taken() {
        assert_eq!(below("/srv/lab", "/srv/lab/conf/a b.ini"), Ok("conf/a b.ini".into()));
        assert_eq!(below("/srv/lab", "/srv/lab"), Ok(String::new()));
        assert_eq!(ancestors("a/b/c").collect::<Vec<_>>(), ["a", "a/b"]);
    }

    #[test]
    fn dangerous_names_are_refused() {
        for bad in [
            "/srv/lab/../x",
            "/srv/lab/a/../../x",
            "/srv/lab/a//b",
            "/srv/lab/./a",
            "/srv/lab/a/",
            "/srv/laboratory/a",
            "/etc/passwd",
            "a",
            "/srv/lab/.git/config",
            "/srv/lab/a/.GIT/config",
            "/srv/lab/.gitmodules",
            "/srv/lab/a\nb",
            "/srv/lab/a\u{0}b",
            "/srv/lab/.evenkeel-manifest.json",
            "/srv/lab/a/.evenkeel-unfinished",
        ] {
            assert!(below("/srv/lab", bad).is_err(), "{bad:?} should be refused");
        }
        assert!(below("/srv/lab", &format!("/srv/lab/{}", "x".repeat(256))).is_err());
    }

    #[test]
    fn names_that_differ_in_case_alone_collide_also_as_folders() {
        assert!(check_case(["a/x", "a/y", "b"]).is_ok());
        assert!(check_case(["readme", "README"]).is_err());
        assert!(check_case(["Conf/x", "conf/y"]).is_err());
    }

    proptest! {
        #[test]
        fn what_is_taken_stays_below(path in "[./a-c]{0,12}") {
            if let Ok(relative) = below("/r", &format!("/r/{path}")) {
                prop_assert!(relative.split('/').all(|part| !part.is_empty() && part != "." && part != ".."));
            }
        }
    }
}
