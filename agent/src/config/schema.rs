//! The configuration's JSON Schema, for editors and other tools.

use serde_json::{Map, Value, json};

use super::keys::{KEYS, Kind};

/// The JSON Schema (draft 2020-12) of the configuration file, with defaults.
#[must_use]
pub fn schema() -> Value {
    let mut root = Map::new();
    for key in KEYS {
        let mut setting = shape(key.kind);
        if let Some(fields) = setting.as_object_mut() {
            fields.insert("description".to_owned(), key.doc.into());
            fields.insert("default".to_owned(), key.default_value());
        }
        match key.name.split_once('.') {
            None => {
                root.insert(key.name.to_owned(), setting);
            }
            Some((section, name)) => {
                let section = root
                    .entry(section)
                    .or_insert_with(|| object(Map::new().into()));
                if let Some(Value::Object(properties)) = section.get_mut("properties") {
                    properties.insert(name.to_owned(), setting);
                }
            }
        }
    }
    let mut schema = object(root.into());
    if let Some(fields) = schema.as_object_mut() {
        fields.insert(
            "$schema".to_owned(),
            "https://json-schema.org/draft/2020-12/schema".into(),
        );
        fields.insert("title".to_owned(), "Picket configuration".into());
    }
    schema
}

fn object(properties: Value) -> Value {
    json!({"type": "object", "additionalProperties": false, "properties": properties})
}

fn shape(kind: Kind) -> Value {
    let path = json!({"type": "string", "pattern": "^/"});
    match kind {
        Kind::Address | Kind::Text => json!({"type": "string"}),
        Kind::Path => path,
        Kind::Paths => json!({"type": "array", "items": path}),
        Kind::Period(least, most) => json!({
            "type": "string",
            "pattern": "^[0-9]+(ms|s|m|h|d)$",
            "$comment": format!("{least} to {most}"),
        }),
        Kind::Whole(least, most) => json!({"type": "integer", "minimum": least, "maximum": most}),
        Kind::Number(least, most) => json!({"type": "number", "minimum": least, "maximum": most}),
        Kind::Switch => json!({"type": "boolean"}),
        Kind::Word(words) => json!({"enum": words}),
        Kind::Texts => json!({"type": "array", "items": {"type": "string"}}),
        Kind::NeverLearn => json!({"anyOf": [
            {"enum": ["builtin", "none"]},
            {"type": "array", "items": {"type": "string"}},
        ]}),
        Kind::FindingsLog => json!({"anyOf": [{"enum": ["stdout", "none"]}, path]}),
        Kind::Rules => json!({"type": "array", "minItems": 1, "items": rule()}),
    }
}

fn rule() -> Value {
    let glob = || json!({"type": "string"});
    object(json!({
        "all": {"type": "boolean"},
        "image": glob(),
        "name": glob(),
        "namespace": glob(),
        "pod": glob(),
        "label": glob(),
        "annotation": glob(),
        "device": glob(),
        "resource": glob(),
        "role": glob(),
        "watch": {"type": "boolean"},
    }))
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        reason = "tests"
    )]
    use super::*;
    use crate::workload::selection::Rule;

    #[test]
    fn every_setting_is_in_it_with_its_default() {
        let schema = schema();
        for key in KEYS {
            let place = format!("/properties/{}", key.name.replace('.', "/properties/"));
            let setting = schema.pointer(&place).expect(key.name);
            assert_eq!(setting["default"], key.default_value(), "{}", key.name);
            assert_ne!(setting["default"], Value::Null, "{}", key.name);
        }
        assert_eq!(schema["additionalProperties"], false);
        let learning = &schema["properties"]["learning"];
        assert_eq!(learning["additionalProperties"], false);
    }

    #[test]
    fn a_rule_has_exactly_the_fields_of_the_schema() {
        let shape = rule();
        let properties = shape["properties"].as_object().unwrap();
        for (name, field) in properties {
            let value = match field["type"].as_str() {
                Some("boolean") => json!(true),
                _ => json!("x"),
            };
            let rule = serde_json::from_value::<Rule>(json!({"all": true, name.as_str(): value}));
            assert!(rule.is_ok(), "{name}");
        }
        let error = serde_json::from_value::<Rule>(json!({"no": 1})).unwrap_err();
        let named = error.to_string().matches('`').count() / 2 - 1;
        assert_eq!(named, properties.len(), "{error}");
    }
}
