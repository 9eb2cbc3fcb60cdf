//! JSON values as nodes and nodes as JSON values.

use serde_json::Value as Json;

use super::Map;
use super::Node;
use super::Span;
use super::Value;

impl From<Json> for Node {
    /// Makes a node that stands nowhere, keys in their order.
    fn from(json: Json) -> Self {
        let value = match json {
            Json::Null => Value::Null,
            Json::Bool(value) => Value::Bool(value),
            Json::Number(number) => match (number.as_i64(), number.as_u64()) {
                (Some(value), _) => Value::Int(value),
                (None, Some(value)) => Value::Uint(value),
                (None, None) => Value::Float(number.as_f64().unwrap_or(f64::NAN)),
            },
            Json::String(text) => Value::Text(text),
            Json::Array(items) => Value::List(items.into_iter().map(Self::from).collect()),
            Json::Object(entries) => {
                let mut map = Map::default();
                for (key, value) in entries {
                    map.insert(key, Span::default(), Self::from(value));
                }
                Value::Map(map)
            }
        };
        Self::new(Span::default(), value)
    }
}

impl Node {
    /// Returns the JSON value, keys in their order. What has no JSON form, an infinite number or none, becomes null.
    pub fn to_json(&self) -> Json {
        match &self.value {
            Value::Null => Json::Null,
            Value::Bool(value) => Json::from(*value),
            Value::Int(value) => Json::from(*value),
            Value::Uint(value) => Json::from(*value),
            Value::Float(value) => Json::from(*value),
            Value::Text(text) | Value::Timestamp(text) => Json::from(text.as_str()),
            Value::List(items) => items.iter().map(Self::to_json).collect(),
            Value::Map(map) => {
                Json::Object(map.iter().map(|(key, entry)| (key.to_owned(), entry.node.to_json())).collect())
            }
        }
    }

    /// Returns the first number in it that has no JSON form.
    pub fn without_json_form(&self) -> Option<&Self> {
        match &self.value {
            Value::Float(value) if !value.is_finite() => Some(self),
            Value::List(items) => items.iter().find_map(Self::without_json_form),
            Value::Map(map) => map.iter().find_map(|(_, entry)| entry.node.without_json_form()),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn json_values_and_nodes_stand_for_each_other() {
        let value = json!({"b": [1, -1, u64::MAX, 0.5, "x", null, true], "a": {}});
        let node = Node::from(value.clone());
        assert_eq!(node.to_json(), value);
        assert_eq!(node.without_json_form(), None);
    }

    #[test]
    fn numbers_without_a_json_form_are_found() {
        let infinite = Node::new(Span::default(), Value::Float(f64::INFINITY));
        let list = Node::new(Span::default(), Value::List(vec![Node::default(), infinite.clone()]));
        assert_eq!(list.without_json_form(), Some(&infinite));
        assert_eq!(list.to_json(), json!([null, null]));
    }
}
