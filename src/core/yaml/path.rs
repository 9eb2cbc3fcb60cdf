//! The way to a node from the top of its document, on the stack of whoever walks it.

use std::fmt;

/// A path. Each step borrows the one before, so walking a tree allocates nothing.
#[derive(Debug, Clone, Copy)]
pub struct Path<'a> {
    parent: Option<&'a Self>,
    step: Step<'a>,
}

#[derive(Debug, Clone, Copy)]
enum Step<'a> {
    Top,
    Key(&'a str),
    Index(usize),
}

impl<'a> Path<'a> {
    /// The document itself.
    pub const TOP: Path<'static> = Path { parent: None, step: Step::Top };

    /// Returns the path to the value under a key.
    #[must_use]
    pub fn key(&'a self, key: &'a str) -> Self {
        Path { parent: Some(self), step: Step::Key(key) }
    }

    /// Returns the path to an item of a list.
    #[must_use]
    pub fn index(&'a self, index: usize) -> Self {
        Path { parent: Some(self), step: Step::Index(index) }
    }

    /// Whether the path is of a pattern's form: `services.*.ports.[]`, where `*` is any key and `[]` any item.
    pub fn matches(&self, pattern: &str) -> bool {
        let mut at = self;
        for part in pattern.rsplit('.') {
            let fits = match at.step {
                Step::Top => return false,
                Step::Key(key) => part == "*" || part == key,
                Step::Index(_) => part == "*" || part == "[]",
            };
            match (fits, at.parent) {
                (true, Some(parent)) => at = parent,
                _ => return false,
            }
        }
        matches!(at.step, Step::Top)
    }

    /// Returns the last key, if the last step is one.
    pub fn last_key(&self) -> Option<&'a str> {
        match self.step {
            Step::Key(key) => Some(key),
            Step::Top | Step::Index(_) => None,
        }
    }
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(parent) = self.parent {
            parent.fmt(f)?;
            if !matches!((parent.step, self.step), (Step::Top, _) | (_, Step::Index(_))) {
                f.write_str(".")?;
            }
        }
        match self.step {
            Step::Top => Ok(()),
            Step::Key(key) => f.write_str(key),
            Step::Index(index) => write!(f, "[{index}]"),
        }
    }
}

/// Returns what a printed path has behind a key or path that it begins with: `.ports[0]` of `web.ports[0]` behind `web`.
/// `None` if it does not begin with it.
pub fn behind<'p>(path: &'p str, key: &str) -> Option<&'p str> {
    path.strip_prefix(key).filter(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_ends_where_a_step_ends() {
        assert_eq!(behind("web.ports[0]", "web"), Some(".ports[0]"));
        assert_eq!(behind("web[0]", "web"), Some("[0]"));
        assert_eq!(behind("web", "web"), Some(""));
        assert_eq!(behind("web2", "web"), None);
        assert_eq!(behind("web", "web.ports"), None);
    }

    #[test]
    fn a_path_prints_and_matches_its_pattern() {
        let (services, web, ports) = (Path::TOP, "a.b", "ports");
        let services = services.key("services");
        let web = services.key(web);
        let ports = web.key(ports);
        let item = ports.index(2);
        assert_eq!(item.to_string(), "services.a.b.ports[2]");
        assert!(item.matches("services.*.ports.[]"));
        assert!(!item.matches("services.*.ports"));
        assert!(!ports.matches("*.ports"));
        assert!(ports.matches("services.*.ports"));
    }
}
