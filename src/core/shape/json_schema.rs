//! The table as a JSON Schema, for editors.

use serde_json::Map;
use serde_json::Value;
use serde_json::json;

use super::Field;
use super::Shape;
use super::duration::PATTERN;

/// Returns the JSON Schema of a file with these fields.
pub fn json_schema(title: &str, fields: &'static [Field]) -> Value {
    let mut schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": title,
    });
    if let (Value::Object(schema), Value::Object(shape)) = (&mut schema, of_shape(Shape::Map(fields))) {
        schema.extend(shape);
    }
    schema
}

fn of_shape(shape: Shape) -> Value {
    match shape {
        // YAML reads an unquoted tag such as 1.10 as a number; Evenkeel reads it as it is written.
        Shape::Text => json!({ "type": ["string", "number", "boolean"] }),
        Shape::Flag => json!({ "type": "boolean" }),
        Shape::Duration => json!({ "type": "string", "pattern": PATTERN }),
        Shape::OneOf(words) => json!({ "enum": words }),
        Shape::List(item) => json!({ "type": "array", "items": of_shape(*item) }),
        Shape::Map(fields) => of_map(fields),
    }
}

fn of_map(fields: &'static [Field]) -> Value {
    let properties: Map<String, Value> =
        fields.iter().map(|field| (field.name.to_owned(), of_field(field))).collect();
    let required: Vec<&str> = fields.iter().filter(|field| field.required).map(|field| field.name).collect();
    let mut schema = json!({ "type": "object", "additionalProperties": false });
    if !required.is_empty() {
        schema["required"] = json!(required);
    }
    schema["properties"] = Value::Object(properties);
    schema
}

fn of_field(field: &'static Field) -> Value {
    let mut schema = json!({ "description": field.doc });
    if let (Value::Object(schema), Value::Object(shape)) = (&mut schema, of_shape(field.shape)) {
        schema.extend(shape);
    }
    if let Some(default) = field.default {
        schema["default"] = match (field.shape, default) {
            (Shape::Flag, flag) => json!(flag == "true"),
            (_, text) => json!(text),
        };
    }
    schema
}
