//! The lines of the protocol: one JSON object each.
//!
//! docs/interop/qmp-spec.rst of QEMU.

use serde_json::{Map, Value};

/// The longest line that is read, in bytes: QEMU's whole schema is a twentieth of it.
pub(super) const LINE_MAX: usize = 4 << 20;

/// What a line says.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Line {
    /// The first one: which QEMU this is.
    Greeting { version: String },
    /// The answer to the command of this number.
    Answer { id: Option<u64>, answer: Result<Value, Refusal> },
    /// Something happened.
    Event(Event),
}

/// QEMU's refusal of a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) class: String,
    pub(super) message: String,
}

/// Something that happened in the machine.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Event {
    pub(super) name: String,
    pub(super) data: Map<String, Value>,
}

impl Event {
    /// A member of its data, if that is a text.
    pub(super) fn text(&self, member: &str) -> Option<&str> {
        self.data.get(member)?.as_str()
    }
}

/// Reads one line.
///
/// # Errors
/// With what is wrong with it.
pub(super) fn parse(line: &[u8]) -> Result<Line, String> {
    let Ok(Value::Object(mut members)) = serde_json::from_slice(line) else {
        return Err(format!("no JSON object: {}", beginning(line)));
    };
    if let Some(greeting) = members.get("QMP") {
        return Ok(Line::Greeting { version: version(greeting) });
    }
    if let Some(Value::String(name)) = members.remove("event") {
        let data = members.remove("data").and_then(into_object).unwrap_or_default();
        return Ok(Line::Event(Event { name, data }));
    }
    let id = members.get("id").and_then(Value::as_u64);
    if let Some(value) = members.remove("return") {
        return Ok(Line::Answer { id, answer: Ok(value) });
    }
    match members.remove("error").and_then(into_object) {
        Some(error) => Ok(Line::Answer { id, answer: Err(refusal(&error)) }),
        None => Err(format!("neither answer nor event: {}", beginning(line))),
    }
}

/// A command, as a line.
pub(super) fn command(name: &str, arguments: Map<String, Value>, id: u64) -> Vec<u8> {
    let mut members = Map::new();
    members.insert("execute".into(), name.into());
    if !arguments.is_empty() {
        members.insert("arguments".into(), arguments.into());
    }
    members.insert("id".into(), id.into());
    let mut line = Value::Object(members).to_string().into_bytes();
    line.push(b'\n');
    line
}

fn into_object(value: Value) -> Option<Map<String, Value>> {
    match value {
        Value::Object(members) => Some(members),
        _ => None,
    }
}

fn refusal(error: &Map<String, Value>) -> Refusal {
    let member = |name| error.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    Refusal { class: member("class"), message: member("desc") }
}

/// `10.0.2`, or nothing where the greeting does not say.
fn version(greeting: &Value) -> String {
    let part = |name| greeting["version"]["qemu"][name].as_u64();
    match (part("major"), part("minor"), part("micro")) {
        (Some(major), Some(minor), Some(micro)) => format!("{major}.{minor}.{micro}"),
        _ => String::new(),
    }
}

/// As much of a line as an error shows.
fn beginning(line: &[u8]) -> String {
    const SHOWN: usize = 80;
    String::from_utf8_lossy(&line[..line.len().min(SHOWN)]).escape_debug().to_string()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn the_lines_that_a_qemu_sends() {
        let greeting = br#"{"QMP": {"version": {"qemu": {"micro": 2, "minor": 0, "major": 10}, "package": "Debian"}, "capabilities": ["oob"]}}"#;
        assert_eq!(parse(greeting), Ok(Line::Greeting { version: "10.0.2".into() }));
        let answer = parse(br#"{"return": {}, "id": 3}"#);
        assert_eq!(answer, Ok(Line::Answer { id: Some(3), answer: Ok(json!({})) }));
        let refused =
            parse(br#"{"id": 4, "error": {"class": "GenericError", "desc": "Bus 'x' not found"}}"#);
        let refusal = Refusal { class: "GenericError".into(), message: "Bus 'x' not found".into() };
        assert_eq!(refused, Ok(Line::Answer { id: Some(4), answer: Err(refusal) }));
        let event = parse(
            br#"{"timestamp": {"seconds": 1, "microseconds": 2}, "event": "DEVICE_DELETED", "data": {"device": "vf0", "path": "/machine/peripheral/vf0"}}"#,
        );
        let Ok(Line::Event(event)) = event else { panic!("{event:?}") };
        assert_eq!((event.name.as_str(), event.text("device")), ("DEVICE_DELETED", Some("vf0")));
    }

    #[test]
    fn what_is_no_line_of_qmp_is_shown_in_part() {
        for line in ["", "hello", "[]", "{}", r#"{"return"#, r#"{"error": 3}"#] {
            assert!(parse(line.as_bytes()).is_err(), "{line}");
        }
        let long = parse("x".repeat(1000).as_bytes()).unwrap_err();
        assert!(long.len() < 200, "{long}");
    }

    #[test]
    fn a_command_is_one_line() {
        let mut arguments = Map::new();
        arguments.insert("id".into(), "a\nb".into());
        let line = command("device_del", arguments, 7);
        assert_eq!(line.iter().filter(|byte| **byte == b'\n').count(), 1);
        let read: Value = serde_json::from_slice(&line).unwrap();
        let expected = json!({"execute": "device_del", "arguments": {"id": "a\nb"}, "id": 7});
        assert_eq!(read, expected);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_a_panic(bytes: Vec<u8>) {
            let _ = parse(&bytes);
        }
    }
}
