//! The JSON Schema of a policy file, for editors and for programs that write policies.

use serde_json::{Map, Value, json};

use super::keys::{
    DEVICE, GROUP, GROUP_RATES, HOST, Key, Kind, MATCH, MODULE, PAGE_SIZE, PF, POLICY, RANGE, VF,
};

/// The schema (JSON Schema 2020-12). What a schema cannot say (ranges that overlap, an address for
/// several VFs) the reader still refuses.
#[must_use]
pub fn schema() -> Value {
    let ranges = json!({ "type": "object", "patternProperties": { RANGE: vf_or_nothing() } });
    let pages = json!({
        "type": "object",
        "patternProperties": { PAGE_SIZE: number(0, u32::MAX) },
    });
    let groups = json!({
        "type": "object",
        "patternProperties": { GROUP: group_or_none() },
    });
    let mut schema = keys("A policy of virtfn.", &POLICY, &["version"]);
    let head = [
        ("$schema", json!("https://json-schema.org/draft/2020-12/schema")),
        ("title", json!("virtfn.policy/1")),
        (
            "$defs",
            json!({
                "pf": keys("A PF and its VFs.", &PF, &["match", "vfs"]),
                "device": keys("A whole function.", &DEVICE, &["match", "driver"]),
                "match": keys("Which device is meant: all that is said holds.", &MATCH, &[]),
                "vf": keys("What VFs are.", &VF, &[]),
                "ranges": ranges,
                "rate_groups": groups,
                "rates": keys("What a group of VFs may send together.", &GROUP_RATES, &[]),
                "host": keys("What the host has ready.", &HOST, &[]),
                "hugepages": pages,
                "module": of(MODULE),
            }),
        ),
    ];
    if let Value::Object(members) = &mut schema {
        members.extend(head.map(|(name, value)| (name.to_owned(), value)));
    }
    schema
}

/// Nothing after the colon is nothing said.
fn vf_or_nothing() -> Value {
    json!({ "anyOf": [{ "$ref": "#/$defs/vf" }, { "type": "null" }] })
}

/// `none`: there shall be no such group.
fn group_or_none() -> Value {
    json!({ "anyOf": [{ "$ref": "#/$defs/rates" }, { "enum": ["none"] }] })
}

fn keys(about: &str, keys: &[Key], required: &[&str]) -> Value {
    let members = keys.iter().map(|key| {
        let mut value = of(key.kind);
        if let Value::Object(words) = &mut value {
            words.insert("description".into(), key.about.into());
        }
        (key.name.to_owned(), value)
    });
    json!({
        "description": about,
        "type": "object",
        "properties": members.collect::<Map<_, _>>(),
        "required": required,
        "additionalProperties": false,
    })
}

fn of(kind: Kind) -> Value {
    match kind {
        // YAML's readers take some of these words for truth values, and some do not.
        Kind::Switch => json!({ "enum": ["on", "off", "yes", "no", true, false] }),
        Kind::Number { least, most } => number(least, most),
        Kind::Words(words) => json!({ "enum": words }),
        Kind::Text(pattern) => json!({ "type": ["string", "integer"], "pattern": pattern }),
        Kind::Of(name) => json!({ "$ref": format!("#/$defs/{name}") }),
        Kind::ListOf(name) => {
            json!({ "type": "array", "items": { "$ref": format!("#/$defs/{name}") } })
        }
    }
}

fn number(least: u32, most: u32) -> Value {
    json!({ "type": "integer", "minimum": least, "maximum": most })
}
