//! Does a document fit a JSON Schema? As much of JSON Schema as ours use; another word fails.

use serde_json::{Map, Value};

/// Every place where `value` does not fit `schema`.
pub fn misfits(schema: &Value, value: &Value) -> Vec<String> {
    let mut found = Vec::new();
    Check { root: schema }.fits(schema, value, "$", &mut found);
    found
}

/// Words that ask nothing of a value.
const REMARKS: [&str; 9] =
    ["$schema", "title", "description", "$defs", "format", "default", "$id", "examples", "pattern"];

struct Check<'a> {
    root: &'a Value,
}

impl Check<'_> {
    fn fits(&self, schema: &Value, value: &Value, at: &str, found: &mut Vec<String>) {
        let Value::Object(words) = schema else {
            if schema != &Value::Bool(true) {
                found.push(format!("{at}: nothing may be here"));
            }
            return;
        };
        for (word, wanted) in words.iter().filter(|(word, _)| !REMARKS.contains(&word.as_str())) {
            self.obeys(word, wanted, words, value, at, found);
        }
    }

    fn obeys(
        &self,
        word: &str,
        wanted: &Value,
        schema: &Map<String, Value>,
        value: &Value,
        at: &str,
        found: &mut Vec<String>,
    ) {
        let ok = match word {
            "$ref" => return self.fits(self.follow(wanted), value, at, found),
            "type" => is_of_type(wanted, value),
            "const" => wanted == value,
            "enum" => wanted.as_array().unwrap().contains(value),
            "minimum" => value.as_i64().is_none_or(|n| n >= wanted.as_i64().unwrap()),
            "maximum" => value.as_u64().is_none_or(|n| n <= wanted.as_u64().unwrap()),
            "anyOf" | "oneOf" => wanted.as_array().unwrap().iter().any(|choice| {
                let mut none = Vec::new();
                self.fits(choice, value, at, &mut none);
                none.is_empty()
            }),
            "required" => {
                let missing = |name: &&Value| value.get(name.as_str().unwrap()).is_none();
                !value.is_object() || !wanted.as_array().unwrap().iter().any(|name| missing(&name))
            }
            "items" => return self.all_fit(wanted, value, at, found),
            "patternProperties" => {
                // One pattern for all keys is as much as ours say.
                let schema = wanted.as_object().unwrap().values().next().unwrap();
                for (name, member) in value.as_object().into_iter().flatten() {
                    self.fits(schema, member, &format!("{at}.{name}"), found);
                }
                return;
            }
            "properties" => return self.members_fit(wanted, value, at, found),
            "additionalProperties" => {
                let known = schema.get("properties").and_then(Value::as_object);
                let is_known = |name: &String| known.is_some_and(|known| known.contains_key(name));
                wanted != &Value::Bool(false)
                    || value.as_object().is_none_or(|members| members.keys().all(is_known))
            }
            other => panic!("{at}: the schema says `{other}`, which this check does not know"),
        };
        if !ok {
            found.push(format!("{at}: {value} does not fit {word}: {wanted}"));
        }
    }

    fn follow(&self, reference: &Value) -> &Value {
        let path = reference.as_str().unwrap().strip_prefix('#').unwrap();
        self.root.pointer(path).unwrap()
    }

    fn all_fit(&self, schema: &Value, value: &Value, at: &str, found: &mut Vec<String>) {
        for (n, item) in value.as_array().into_iter().flatten().enumerate() {
            self.fits(schema, item, &format!("{at}[{n}]"), found);
        }
    }

    fn members_fit(&self, schema: &Value, value: &Value, at: &str, found: &mut Vec<String>) {
        let Some(members) = value.as_object() else { return };
        let known = schema.as_object().unwrap();
        for (name, member) in members {
            match known.get(name) {
                Some(schema) => self.fits(schema, member, &format!("{at}.{name}"), found),
                None => found.push(format!("{at}.{name}: the schema does not know it")),
            }
        }
    }
}

fn is_of_type(wanted: &Value, value: &Value) -> bool {
    if let Some(choices) = wanted.as_array() {
        return choices.iter().any(|choice| is_of_type(choice, value));
    }
    match wanted.as_str().unwrap() {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        other => panic!("no such type: {other}"),
    }
}
