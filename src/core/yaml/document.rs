//! A tree together with the names of the files it was read from.

use super::Map;
use super::Node;
use super::Span;
use super::Value;
use crate::core::diag::Place;

/// The names of the files of a load.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    names: Vec<String>,
}

/// A tree and its sources.
#[derive(Debug, Clone, Default)]
pub struct Document {
    /// The files.
    pub sources: Sources,
    /// The tree.
    pub root: Node,
}

impl Sources {
    /// Adds a file and returns its index. The same name has the same index.
    pub fn add(&mut self, name: &str) -> u16 {
        let index = self.names.iter().position(|known| known == name).unwrap_or_else(|| {
            self.names.push(name.to_owned());
            self.names.len() - 1
        });
        u16::try_from(index).unwrap_or(u16::MAX)
    }

    /// Returns the place that a span stands for; `None` for a node that no file wrote.
    pub fn place(&self, span: Span) -> Option<Place> {
        let file = self.names.get(usize::from(span.file)).filter(|_| span.line > 0)?;
        Some(Place { file: file.clone(), line: span.line as usize, column: span.column as usize })
    }
}

impl Document {
    /// Returns where the value at a path such as `services.web.ports[0]` stands, or its nearest parent that was
    /// written. A key with dots in it is found too.
    pub fn place(&self, path: &str) -> Option<Place> {
        self.sources.place(self.span(path))
    }

    /// Returns the value at such a path. `None` if it is not there.
    pub fn get(&self, path: &str) -> Option<&Node> {
        follow(&self.root, path)
    }

    /// Returns the span that [`Self::place`] names.
    pub fn span(&self, path: &str) -> Span {
        let mut best = self.root.span;
        find(&self.root, path, &mut best);
        best
    }
}

fn follow<'a>(node: &'a Node, path: &str) -> Option<&'a Node> {
    let path = path.strip_prefix('.').unwrap_or(path);
    if path.is_empty() {
        return Some(node);
    }
    match &node.value {
        Value::Map(map) => {
            let key = first_key(map, path)?;
            follow(map.get(key)?, &path[key.len()..])
        }
        Value::List(items) => {
            let (index, rest) = path.strip_prefix('[')?.split_once(']')?;
            follow(items.get(index.parse::<usize>().ok()?)?, rest)
        }
        _ => None,
    }
}

/// Returns the longest key of a mapping that the path begins with.
fn first_key<'a>(map: &'a Map, path: &str) -> Option<&'a str> {
    let begins = |key: &&str| {
        path.strip_prefix(key).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
    };
    map.keys().filter(begins).max_by_key(|key| key.len())
}

/// Follows the path as far as it goes and leaves the last written place in `best`.
fn find(node: &Node, path: &str, best: &mut Span) {
    let mut remember = |span: Span| {
        if span.line > 0 {
            *best = span;
        }
    };
    let path = path.strip_prefix('.').unwrap_or(path);
    match &node.value {
        Value::Map(map) => {
            if let Some(key) = first_key(map, path)
                && let Some(entry) = map.entry(key)
            {
                remember(entry.key);
                find(&entry.node, &path[key.len()..], best);
            }
        }
        Value::List(items) => {
            let step = path.strip_prefix('[').and_then(|rest| rest.split_once(']'));
            if let Some((index, rest)) = step
                && let Some(item) = index.parse().ok().and_then(|index: usize| items.get(index))
            {
                remember(item.span);
                find(item, rest, best);
            }
        }
        _ => {}
    }
}
