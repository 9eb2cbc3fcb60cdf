//! Stage: `!reset` and `!override`. The paths that carry them are taken out of what was merged before.

use crate::core::yaml::Node;
use crate::core::yaml::Tag;
use crate::core::yaml::Value;

/// Paths whose earlier values do not count, as lists of keys.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Resets {
    paths: Vec<Vec<String>>,
}

/// Takes the tagged values of a document: those with `!reset` are dropped, those with `!override` lose their tag.
pub(super) fn take(root: &mut Node) -> Resets {
    let mut resets = Resets::default();
    collect(root, &mut Vec::new(), &mut resets);
    resets
}

fn collect(node: &mut Node, path: &mut Vec<String>, resets: &mut Resets) {
    if node.tag.take() == Some(Tag::Override) {
        resets.paths.push(path.clone());
        clear_tags(node);
        return;
    }
    match &mut node.value {
        Value::Map(map) => map.retain(|key, child| {
            path.push(key.to_owned());
            let keep = child.tag != Some(Tag::Reset);
            if keep {
                collect(child, path, resets);
            } else {
                resets.paths.push(path.clone());
            }
            path.pop();
            keep
        }),
        Value::List(items) => items.retain_mut(|item| {
            let keep = item.tag != Some(Tag::Reset);
            if keep {
                path.push("[]".to_owned());
                collect(item, path, resets);
                path.pop();
            }
            keep
        }),
        _ => {}
    }
}

/// What is inside an overriding value is taken as it is.
fn clear_tags(node: &mut Node) {
    node.tag = None;
    match &mut node.value {
        Value::Map(map) => map.iter_mut().for_each(|(_, child)| clear_tags(child)),
        Value::List(items) => items.iter_mut().for_each(clear_tags),
        _ => {}
    }
}

impl Resets {
    /// Removes the paths from a whole tree. Paths into lists have no effect.
    pub(super) fn apply(&self, root: &mut Node) {
        for path in &self.paths {
            remove(root, path);
        }
    }

    /// Removes the paths of one service from that service.
    pub(super) fn apply_to_service(&self, name: &str, service: &mut Node) {
        for path in &self.paths {
            if let [services, key, rest @ ..] = path.as_slice()
                && services == "services"
                && key == name
                && !rest.is_empty()
            {
                remove(service, rest);
            }
        }
    }
}

fn remove(node: &mut Node, path: &[String]) {
    let Some(map) = node.as_map_mut() else { return };
    match path {
        [last] => {
            map.remove(last);
        }
        [first, rest @ ..] => {
            if let Some(child) = map.get_mut(first) {
                remove(child, rest);
            }
        }
        [] => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::yaml::Limits;
    use crate::core::yaml::Sources;
    use crate::core::yaml::parse;

    fn read(text: &str) -> Node {
        parse(text, &Sources::default(), 0, Limits::default()).expect("valid YAML").remove(0)
    }

    #[test]
    fn reset_values_go_from_both_and_overriding_ones_from_the_base() {
        let mut over = read("a: {b: !reset null, c: !override {d: 1}, e: 2}");
        let resets = take(&mut over);
        assert_eq!(over, read("a: {c: {d: 1}, e: 2}"));
        let mut base = read("a: {b: 1, c: {x: 1}, e: 1}\nf: 1");
        resets.apply(&mut base);
        assert_eq!(base, read("a: {e: 1}\nf: 1"));
    }

    #[test]
    fn items_of_lists_are_only_dropped_where_they_are_written() {
        let mut over = read("a: [1, !reset 2, {b: !reset 1}]");
        let resets = take(&mut over);
        assert_eq!(over, read("a: [1, {}]"));
        let mut base = read("a: [9]");
        resets.apply(&mut base);
        assert_eq!(base, read("a: [9]"));
    }
}
