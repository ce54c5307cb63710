//! JSON Schemas of the documents, for docs/schema and for whoever checks against them.

use schemars::{JsonSchema, generate::SchemaSettings};
use serde_json::{Value, json};

use crate::Document;

/// A document's schema, under its own name. A number's `format` is left out: it says how virtfn
/// keeps the number, and the bounds say what it can be.
#[must_use]
pub fn schema<T: Document + JsonSchema>() -> Value {
    let settings = SchemaSettings::draft2020_12().for_serialize();
    let mut schema = settings.into_generator().into_root_schema_for::<T>().to_value();
    if let Some(members) = schema.as_object_mut() {
        members.insert("title".into(), T::SCHEMA.into());
    }
    if let Some(member) = schema.pointer_mut("/properties/schema") {
        *member = json!({ "const": T::SCHEMA, "description": "The name of this shape" });
    }
    without_formats(&mut schema);
    schema
}

fn without_formats(schema: &mut Value) {
    match schema {
        Value::Object(members) => {
            if members.get("format").is_some_and(Value::is_string) {
                members.remove("format");
            }
            members.values_mut().for_each(without_formats);
        }
        Value::Array(items) => items.iter_mut().for_each(without_formats),
        _ => {}
    }
}
