//! Between two stages: what a stage refused is taken out of the tree, so that the stages after it find what else is
//! wrong, and do not stumble over the same thing again.

use super::report::Report;
use crate::core::yaml::Map;
use crate::core::yaml::Node;
use crate::core::yaml::Value;

/// Takes out what was refused since the last time.
pub(super) fn heal(root: &mut Node, report: &mut Report) {
    for path in report.take_refused() {
        take_out(root, &path, 0);
    }
}

/// Takes the value at a path out. A section and an object of a section become empty instead, for others refer to them by
/// name; an item becomes null, so that those behind it keep their index.
fn take_out(node: &mut Node, path: &str, depth: usize) {
    let path = path.strip_prefix('.').unwrap_or(path);
    match &mut node.value {
        Value::Map(map) => {
            let Some(key) = map.first_key_of(path).map(str::to_owned) else { return };
            let rest = &path[key.len()..];
            if !rest.is_empty() {
                if let Some(child) = map.get_mut(&key) {
                    take_out(child, rest, depth + 1);
                }
            } else if depth < OBJECTS && !key.starts_with("x-") && key != "include" {
                if let Some(child) = map.get_mut(&key) {
                    child.value = Value::Map(Map::default());
                }
            } else {
                map.remove(&key);
            }
        }
        Value::List(items) => {
            let Some((index, rest)) = path.strip_prefix('[').and_then(|rest| rest.split_once(']')) else {
                return;
            };
            let Some(item) = index.parse().ok().and_then(|index: usize| items.get_mut(index)) else { return };
            if rest.is_empty() {
                item.value = Value::Null;
            } else {
                take_out(item, rest, depth + 1);
            }
        }
        _ => {}
    }
}

/// How deep the objects of sections are.
const OBJECTS: usize = 2;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::yaml::Limits;
    use crate::core::yaml::Sources;
    use crate::core::yaml::parse;

    fn without(path: &str) -> String {
        let text = "services: {a: {ports: [1, {x: 2}], image: i}, b.c: {d: 1}}\nx-a: 1";
        let mut sources = Sources::default();
        let file = sources.add("c.yaml");
        let mut root = parse(text, &sources, file, Limits::default()).expect("valid YAML").remove(0);
        take_out(&mut root, path, 0);
        root.print().replace('"', "")
    }

    #[test]
    fn what_is_refused_is_taken_out_and_names_stay() {
        let all = |a: &str, b: &str| format!("{{services:{{a:{a},b.c:{b},}},x-a:Int(1),}}");
        let (a, b) = ("{image:Text(i),ports:[Int(1),{x:Int(2),},],}", "{d:Int(1),}");
        assert_eq!(without("services.z"), all(a, b));
        assert_eq!(without("services.a.image"), all("{ports:[Int(1),{x:Int(2),},],}", b));
        assert_eq!(without("services.a.ports[0]"), all("{image:Text(i),ports:[Null,{x:Int(2),},],}", b));
        assert_eq!(without("services.a.ports[1].x"), all("{image:Text(i),ports:[Int(1),{},],}", b));
        assert_eq!(without("services.b.c.d"), all(a, "{}"));
        assert_eq!(without("services.a"), all("{}", b));
        assert_eq!(without("services"), "{services:{},x-a:Int(1),}");
        assert_eq!(without("x-a"), format!("{{services:{{a:{a},b.c:{b},}},}}"));
    }
}
