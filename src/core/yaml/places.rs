//! Where each value of a tree was written: what is left of a tree when its values have become a model.

use std::collections::BTreeMap;

use super::Map;
use super::Node;
use super::Span;
use super::Value;
use super::behind;

/// The places of a tree's values, found by path. A tenth of the tree's size.
#[derive(Debug, Clone, Default)]
pub struct Places {
    /// All values, each followed by those in it.
    steps: Vec<Step>,
    /// The keys, each once.
    names: Vec<Box<str>>,
}

#[derive(Debug, Clone, Copy)]
struct Step {
    /// The index of its key in `names`. Of a list's item such as `KEY=value` it is what stands before the sign.
    name: u32,
    /// The index behind the last value in it.
    end: u32,
    /// Where its key stands, or it itself where it has none.
    span: Span,
    of: Of,
    /// Whether a variable's value was put into it.
    filled: bool,
}

/// What a value is in its parent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Of {
    Map,
    List,
}

/// The name of an item that has none.
const NAMELESS: u32 = u32::MAX;

impl Places {
    /// Returns the places of a tree's values.
    pub fn of(root: &Node) -> Self {
        let mut builder = Builder::default();
        builder.add(NAMELESS, root.span, Of::Map, root);
        let mut names = vec![Box::default(); builder.names.len()];
        for (name, index) in builder.names {
            names[index as usize] = name.into();
        }
        builder.steps.shrink_to_fit();
        Self { steps: builder.steps, names }
    }

    /// Returns where the value at a path such as `services.web.ports[0]` stands, or its nearest parent that was
    /// written. A key with dots in it is found too, and an item `KEY=value` of a list as if it were a key.
    pub fn span(&self, path: &str) -> Span {
        let mut best = Span::default();
        self.follow(path, |step| {
            if step.span.line > 0 {
                best = step.span;
            }
        });
        best
    }

    /// Whether a variable's value was put into the value at a path. `None` if there is no such value.
    pub fn is_filled(&self, path: &str) -> Option<bool> {
        let mut last = false;
        self.follow(path, |step| last = step.filled).then_some(last)
    }

    /// Visits the values on the way to a path. Returns whether it leads to a value.
    fn follow(&self, path: &str, mut visit: impl FnMut(Step)) -> bool {
        let Some(root) = self.steps.first() else { return false };
        visit(*root);
        let (mut at, mut path) = (0, path);
        loop {
            path = path.strip_prefix('.').unwrap_or(path);
            if path.is_empty() {
                return true;
            }
            let Some((child, rest)) = self.child(at, path) else { return false };
            visit(self.steps[child]);
            (at, path) = (child, rest);
        }
    }

    /// Returns the value in another that a path leads to with its first step, and the rest of the path.
    fn child<'p>(&self, parent: usize, path: &'p str) -> Option<(usize, &'p str)> {
        let index = path.strip_prefix('[').and_then(|rest| rest.split_once(']'));
        let mut best: Option<(usize, &str)> = None;
        for (number, child) in self.children(parent).enumerate() {
            let step = self.steps[child];
            if let (Of::List, Some((index, rest))) = (step.of, index)
                && index.parse() == Ok(number)
            {
                return Some((child, rest));
            }
            let name = self.names.get(step.name as usize);
            if let Some(rest) = name.and_then(|name| behind(path, name))
                && best.is_none_or(|(_, best)| rest.len() < best.len())
            {
                best = Some((child, rest));
            }
        }
        best
    }

    fn children(&self, parent: usize) -> impl Iterator<Item = usize> {
        let end = self.steps[parent].end as usize;
        let inside = move |child: &usize| *child < end;
        let first = Some(parent + 1).filter(inside);
        std::iter::successors(first, move |child| Some(self.steps[*child].end as usize).filter(inside))
    }
}

#[derive(Default)]
struct Builder {
    steps: Vec<Step>,
    names: BTreeMap<String, u32>,
}

impl Builder {
    fn add(&mut self, name: u32, span: Span, of: Of, node: &Node) {
        let at = self.steps.len();
        self.steps.push(Step { name, end: 0, span, of, filled: node.filled });
        match &node.value {
            Value::Map(map) => self.add_all(map),
            Value::List(items) => {
                for item in items {
                    let name = item.as_str().and_then(|text| text.split_once('='));
                    let name = name.map_or(NAMELESS, |(name, _)| self.name(name));
                    self.add(name, item.span, Of::List, item);
                }
            }
            _ => {}
        }
        self.steps[at].end = u32::try_from(self.steps.len()).unwrap_or(u32::MAX);
    }

    fn add_all(&mut self, map: &Map) {
        for (key, entry) in map.iter() {
            let name = self.name(key);
            self.add(name, entry.key, Of::Map, &entry.node);
        }
    }

    fn name(&mut self, name: &str) -> u32 {
        if let Some(index) = self.names.get(name) {
            return *index;
        }
        let index = u32::try_from(self.names.len()).unwrap_or(NAMELESS);
        self.names.insert(name.to_owned(), index);
        index
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::yaml::Limits;
    use crate::core::yaml::Sources;
    use crate::core::yaml::parse;

    fn places(text: &str) -> Places {
        let mut sources = Sources::default();
        let file = sources.add("c.yaml");
        Places::of(&parse(text, &sources, file, Limits::default()).expect("valid YAML")[0])
    }

    fn at(places: &Places, path: &str) -> (u32, u32) {
        let span = places.span(path);
        (span.line, span.column)
    }

    #[test]
    fn a_path_leads_to_what_was_written() {
        let places = places("a:\n  b:\n    - x\n    - {c: 1}\n  b.c: 2\n");
        assert_eq!(at(&places, "a.b[1].c"), (4, 8));
        assert_eq!(at(&places, "a.b[0]"), (3, 7));
        assert_eq!(at(&places, "a.b.c"), (5, 3));
    }

    #[test]
    fn of_what_was_not_written_the_nearest_parent_is_named() {
        let places = places("a:\n  b:\n    - x\n");
        assert_eq!(at(&places, "a.b[7].z"), (2, 3));
        assert_eq!(at(&places, "a.c"), (1, 1));
        assert_eq!(at(&places, "z"), (1, 1));
        assert_eq!(at(&Places::default(), "a"), (0, 0));
    }

    #[test]
    fn an_item_with_an_equals_sign_is_found_by_its_name() {
        let places = places("env:\n- A=1\n- B=2=3\n- C\n");
        assert_eq!(at(&places, "env.B"), (3, 3));
        assert_eq!(at(&places, "env.C"), (1, 1));
        assert_eq!((places.is_filled("env.B"), places.is_filled("env.C")), (Some(false), None));
    }
}
