//! A mapping in the order it was written. Most are small, and there are very many of them, so it costs what it holds: a
//! list of entries, and a table to find them by only where there are many.

use std::collections::BTreeMap;

use compact_str::CompactString;

use super::Node;
use super::Span;
use super::behind;

/// A mapping in the order it was written, with keys that know their place.
#[derive(Debug, Clone, Default)]
pub struct Map {
    entries: Vec<(CompactString, Entry)>,
    /// Where each key is, if there are more than [`MANY`].
    index: Option<Box<Index>>,
}

/// A key's place and its value.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Where the key stands.
    pub key: Span,
    /// The value.
    pub node: Node,
}

/// Where each key is in the list.
#[derive(Debug, Clone, Default)]
struct Index(BTreeMap<CompactString, usize>);

/// How many keys are looked through one by one.
const MANY: usize = 24;

impl PartialEq for Map {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.iter().all(|(key, entry)| other.get(key) == Some(&entry.node))
    }
}

impl Map {
    fn find(&self, key: &str) -> Option<usize> {
        match &self.index {
            Some(index) => index.0.get(key).copied(),
            None => self.entries.iter().position(|(known, _)| known == key),
        }
    }

    /// Makes the table anew, if one is wanted.
    fn reindex(&mut self) {
        let keys = || self.entries.iter().enumerate().map(|(at, (key, _))| (key.clone(), at));
        self.index = (self.entries.len() > MANY).then(|| Box::new(Index(keys().collect())));
    }

    /// Returns the value under a key.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.entry(key).map(|entry| &entry.node)
    }

    /// Returns the value under a key.
    pub fn get_mut(&mut self, key: &str) -> Option<&mut Node> {
        let at = self.find(key)?;
        Some(&mut self.entries[at].1.node)
    }

    /// Returns the key's place and its value.
    pub fn entry(&self, key: &str) -> Option<&Entry> {
        self.find(key).map(|at| &self.entries[at].1)
    }

    /// Returns the entry at an index.
    pub fn at(&self, index: usize) -> Option<(&str, &Entry)> {
        self.entries.get(index).map(|(key, entry)| (key.as_str(), entry))
    }

    /// Whether there is such a key.
    pub fn contains(&self, key: &str) -> bool {
        self.find(key).is_some()
    }

    /// Puts a value under a key, in place of what is there, and returns that.
    pub fn insert(&mut self, key: impl Into<CompactString>, place: Span, node: Node) -> Option<Node> {
        let key = key.into();
        let entry = Entry { key: place, node };
        if let Some(at) = self.find(&key) {
            return Some(std::mem::replace(&mut self.entries[at].1, entry).node);
        }
        if let Some(index) = &mut self.index {
            index.0.insert(key.clone(), self.entries.len());
        }
        self.entries.push((key, entry));
        if self.index.is_none() {
            self.reindex();
        }
        None
    }

    /// Returns the longest key that a path such as `web.ports[0]` begins with.
    pub fn first_key_of(&self, path: &str) -> Option<&str> {
        self.keys().filter(|key| behind(path, key).is_some()).max_by_key(|key| key.len())
    }

    /// Takes a key out; the order of the others stays.
    pub fn remove(&mut self, key: &str) -> Option<Node> {
        let at = self.find(key)?;
        let (_, entry) = self.entries.remove(at);
        if self.index.is_some() {
            self.reindex();
        }
        Some(entry.node)
    }

    /// Returns how many keys there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are no keys.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Returns the keys in their order.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.entries.iter().map(|(key, _)| key.as_str())
    }

    /// Returns the keys and values in their order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Entry)> {
        self.entries.iter().map(|(key, entry)| (key.as_str(), entry))
    }

    /// Returns the keys and values in their order.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (&str, &mut Node)> {
        self.entries.iter_mut().map(|(key, entry)| (key.as_str(), &mut entry.node))
    }

    /// Keeps what the test says.
    pub fn retain(&mut self, mut keep: impl FnMut(&str, &mut Node) -> bool) {
        self.entries.retain_mut(|(key, entry)| keep(key, &mut entry.node));
        if self.index.is_some() {
            self.reindex();
        }
        self.shrink();
    }

    /// Gives back what it does not need.
    pub(super) fn shrink(&mut self) {
        self.entries.shrink_to_fit();
    }
}

impl IntoIterator for Map {
    type Item = (CompactString, Entry);
    type IntoIter = std::vec::IntoIter<(CompactString, Entry)>;

    fn into_iter(self) -> Self::IntoIter {
        self.entries.into_iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::yaml::Value;

    fn map(keys: impl IntoIterator<Item = usize>) -> Map {
        let mut map = Map::default();
        for key in keys {
            map.insert(
                format!("k{key}"),
                Span::default(),
                Node::new(Span::default(), Value::Uint(key as u64)),
            );
        }
        map
    }

    fn value(map: &Map, key: usize) -> Option<u64> {
        match map.get(&format!("k{key}"))?.value {
            Value::Uint(value) => Some(value),
            _ => None,
        }
    }

    #[test]
    fn every_key_is_found_however_many_there_are() {
        for size in [0, 1, MANY - 1, MANY, MANY + 1, 5 * MANY] {
            let mut map = map(0..size);
            assert_eq!(map.len(), size);
            assert!((0..size).all(|key| value(&map, key) == Some(key as u64)), "{size}");
            assert_eq!(value(&map, size), None);
            map.insert("k0", Span::default(), Node::default());
            assert_eq!(map.len(), size.max(1));
            assert_eq!(map.at(0).map(|(key, _)| key), Some("k0"));
        }
    }

    #[test]
    fn what_is_taken_out_leaves_the_order_of_the_others() {
        for size in [3, MANY, MANY + 1, MANY + 2] {
            let mut map = map(0..size);
            assert!(map.remove("k1").is_some() && map.remove("k1").is_none());
            assert!((2..size).all(|key| value(&map, key) == Some(key as u64)), "{size}");
            map.retain(|key, _| key != "k0");
            assert!((2..size).all(|key| value(&map, key) == Some(key as u64)), "{size}");
            assert_eq!(map.keys().next(), Some("k2"));
        }
    }
}
