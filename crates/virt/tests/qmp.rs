//! The client of QMP against a QEMU that follows a script.

#![allow(clippy::unwrap_used, clippy::expect_used)] // A test that cannot unwrap has failed.

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::thread;
use std::time::Duration;

use serde_json::{Map, Value, json};
use virtfn_virt::{PciDevice, Qmp, Unplug, VirtError};

/// Long enough for any answer that comes.
const LIMIT: Duration = Duration::from_secs(20);
/// Short enough to wait for.
const SHORT: Duration = Duration::from_millis(60);
const GREETING: &str = r#"{"QMP": {"version": {"qemu": {"micro": 2, "minor": 0, "major": 10}, "package": ""}, "capabilities": ["oob"]}}"#;

/// QEMU's end of the connection.
struct Machine {
    reader: BufReader<UnixStream>,
}

impl Machine {
    /// The next command, which must be this one: its arguments and its number.
    fn expect(&mut self, command: &str) -> (Value, Value) {
        let mut line = String::new();
        self.reader.read_line(&mut line).unwrap();
        let mut read: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(read["execute"], command);
        (read["arguments"].take(), read["id"].take())
    }

    /// Expects a command and answers it with this.
    fn answer(&mut self, command: &str, answer: &Value) -> Value {
        let (arguments, id) = self.expect(command);
        self.send(&json!({"return": answer, "id": id}));
        arguments
    }

    /// Expects a command and refuses it.
    fn refuse(&mut self, command: &str, words: &str) {
        let (_, id) = self.expect(command);
        self.send(&json!({"error": {"class": "GenericError", "desc": words}, "id": id}));
    }

    fn event(&mut self, name: &str, data: &Value) {
        let timestamp = json!({"seconds": 1, "microseconds": 0});
        self.send(&json!({"timestamp": timestamp, "event": name, "data": data}));
    }

    fn send(&mut self, line: &Value) {
        self.raw(format!("{line}\r\n").as_bytes());
    }

    fn raw(&mut self, bytes: &[u8]) {
        self.reader.get_mut().write_all(bytes).unwrap();
    }
}

/// Opens a connection to a machine that greets and then follows the script, and runs `client` on it.
/// What the script finds wrong fails the test.
fn played<T>(
    script: impl FnOnce(Machine) + Send + 'static,
    client: impl FnOnce(&mut Qmp) -> T,
) -> T {
    let (ours, theirs) = UnixStream::pair().unwrap();
    let machine = thread::spawn(move || {
        let mut machine = Machine { reader: BufReader::new(theirs) };
        machine.raw(GREETING.as_bytes());
        machine.raw(b"\r\n");
        machine.answer("qmp_capabilities", &json!({}));
        script(machine);
    });
    let mut qmp = Qmp::over(ours, "qmp.sock", LIMIT).unwrap();
    assert_eq!(qmp.version(), "10.0.2");
    let outcome = client(&mut qmp);
    drop(qmp);
    machine.join().unwrap();
    outcome
}

fn object(value: Value) -> Map<String, Value> {
    let Value::Object(members) = value else { panic!("{value}") };
    members
}

#[test]
fn a_device_goes_in_and_out() {
    let device = json!({"driver": "vfio-pci", "host": "0000:0b:10.0", "id": "vf0", "bus": "rp1"});
    let expected = device.clone();
    let script = move |mut machine: Machine| {
        assert_eq!(machine.answer("device_add", &json!({})), expected);
        let (arguments, id) = machine.expect("device_del");
        assert_eq!(arguments, json!({"id": "vf0"}));
        // A fast guest: the event is there before the answer. Its virtio half has no id.
        machine.event("DEVICE_DELETED", &json!({"path": "/machine/peripheral/vf0/virtio-backend"}));
        machine
            .event("DEVICE_DELETED", &json!({"device": "vf0", "path": "/machine/peripheral/vf0"}));
        machine.send(&json!({"return": {}, "id": id}));
    };
    played(script, |qmp| {
        qmp.device_add(object(device)).unwrap();
        qmp.device_del("vf0").unwrap();
        assert_eq!(qmp.await_unplug("vf0", LIMIT).unwrap(), Unplug::Removed);
    });
}

#[test]
fn a_guest_that_refuses_is_told_from_one_that_never_answers() {
    let script = |mut machine: Machine| {
        machine.event("DEVICE_UNPLUG_GUEST_ERROR", &json!({"device": "vf0", "path": "/x"}));
        machine.answer("query-status", &json!({"running": true, "status": "running"}));
    };
    played(script, |qmp| {
        assert_eq!(qmp.await_unplug("vf0", LIMIT).unwrap(), Unplug::Refused);
        let error = qmp.await_unplug("vf1", SHORT).unwrap_err();
        assert_eq!(
            error.to_string(),
            "qmp.sock: wait for the guest to let go of vf1: not done after 60 ms: the guest did \
             not answer, and still has the device"
        );
        assert!(qmp.status().unwrap().running);
    });
}

#[test]
fn a_refusal_brings_qemu_s_words_and_what_to_do() {
    let script = |mut machine: Machine| {
        machine.refuse("device_add", "vfio 0000:0b:10.0: group 16 is not viable");
    };
    let error = played(script, |qmp| qmp.device_add(Map::new()).unwrap_err());
    assert_eq!(
        error.to_string(),
        "qmp.sock: device_add: QEMU: vfio 0000:0b:10.0: group 16 is not viable"
    );
    assert_eq!(error.hints(), ["virtfn groups 0b:10.0"]);
}

#[test]
fn an_answer_in_single_bytes_is_one_answer() {
    let script = |mut machine: Machine| {
        let (_, id) = machine.expect("query-status");
        let answer = json!({"return": {"running": false, "status": "prelaunch"}, "id": id});
        for byte in format!("{answer}\r\n").bytes() {
            machine.raw(&[byte]);
        }
    };
    let status = played(script, |qmp| qmp.status().unwrap());
    assert_eq!((status.running, status.status.as_str()), (false, "prelaunch"));
}

#[test]
fn what_qemu_sends_at_once_is_read_one_by_one() {
    let script = |mut machine: Machine| {
        let (_, id) = machine.expect("query-status");
        let late = json!({"return": "late", "id": 0});
        let event = json!({"event": "STOP", "timestamp": {}});
        let answer = json!({"return": {"running": true, "status": "running"}, "id": id});
        machine.raw(format!("{late}\n{event}\n{answer}\n{event}\n").as_bytes());
    };
    assert!(played(script, |qmp| qmp.status().unwrap().running));
}

#[test]
fn a_monitor_that_is_held_by_another_client_is_explained() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("qmp.sock");
    // A listener that accepts nobody, as QEMU while it has a client.
    let _listener = UnixListener::bind(&path).unwrap();
    let error = Qmp::open(&path, SHORT).unwrap_err();
    assert!(matches!(error, VirtError::TimedOut { .. }), "{error}");
    assert!(error.to_string().ends_with(
        "not done after 60 ms: QEMU serves one client of a monitor at a time, and another one \
         holds this one"
    ));
}

#[test]
fn a_machine_that_ends_in_a_command_is_told_from_one_that_refuses() {
    let script = |mut machine: Machine| {
        machine.expect("device_add");
        machine.raw(br#"{"return""#);
    };
    let error = played(script, |qmp| qmp.device_add(Map::new()).unwrap_err());
    assert!(matches!(error, VirtError::Torn { peer: "QEMU", .. }), "{error}");
}

#[test]
fn lines_that_are_no_qmp_end_the_connection() {
    let endless = vec![b' '; 5 << 20];
    let cases: [(&[u8], &str); 4] = [
        (b"QEMU 10.0.2 monitor\n", "no JSON object: QEMU 10.0.2 monitor"),
        (b"{\"QMP\": {}}\n", "second greeting"),
        (b"{\"return\": 3, \"id\": 2}\n", "query-status"),
        (&endless, "a line of more than 4194304 bytes"),
    ];
    for (bytes, what) in cases {
        let bytes = bytes.to_vec();
        let script = move |mut machine: Machine| {
            machine.expect("query-status");
            // The client may have gone before it read all of it.
            let _ = machine.reader.get_mut().write_all(&bytes);
        };
        let error = played(script, |qmp| qmp.status().unwrap_err());
        let VirtError::Protocol { what: told, .. } = &error else { panic!("{what}: {error}") };
        assert!(told.contains(what), "{what}: {told}");
    }
}

#[test]
fn what_greets_otherwise_is_no_monitor() {
    let (ours, mut theirs) = UnixStream::pair().unwrap();
    theirs.write_all(b"{\"return\": {}}\n").unwrap();
    let error = Qmp::over(ours, "qmp.sock", LIMIT).unwrap_err();
    assert!(error.to_string().contains("not a monitor of QEMU's"), "{error}");
}

#[test]
fn the_devices_of_the_host_in_a_machine_are_found() {
    let script = |mut machine: Machine| {
        let folders = [
            json!([
                {"name": "type", "type": "string"},
                {"name": "rp1", "type": "child<pcie-root-port>"},
                {"name": "vf0", "type": "child<vfio-pci>"},
                {"name": "gpu", "type": "child<vfio-pci-nohotplug>"},
            ]),
            json!([{"name": "device[0]", "type": "child<vfio-pci>"}]),
        ];
        for folder in folders {
            machine.answer("qom-list", &folder);
        }
        machine.answer("qom-get", &json!("0000:0b:10.0"));
        // Given as sysfsdev=: host is all zeros, in a form that is no address.
        machine.answer("qom-get", &json!("ffff:ff:ff.f"));
        machine.answer("qom-get", &json!("/sys/bus/pci/devices/0000:41:00.0"));
        machine.refuse("qom-get", "Property 'vfio-pci.host' not found");
        machine.refuse("qom-get", "Property 'vfio-pci.sysfsdev' not found");
    };
    let found = played(script, |qmp| qmp.vfio_devices().unwrap());
    let told: Vec<_> = found
        .iter()
        .map(|device| (device.id.as_str(), device.host.map(|host| host.to_string())))
        .collect();
    let expected = [
        ("vf0", Some("0000:0b:10.0".to_owned())),
        ("gpu", Some("0000:41:00.0".to_owned())),
        ("/machine/peripheral-anon/device[0]", None),
    ];
    assert_eq!(told, expected);
}

#[test]
fn what_the_guest_sees_is_flat() {
    let function = |bus: u8, id: &str| {
        json!({
            "bus": bus, "slot": 1, "function": 0, "qdev_id": id, "regions": [], "irq_pin": 0,
            "class_info": {"class": 512}, "id": {"vendor": 0x8086, "device": 0x10ca},
        })
    };
    let mut port = function(0, "rp1");
    port["pci_bridge"] = json!({"bus": {}, "devices": [function(1, "vf0")]});
    let answer = json!([{"bus": 0, "devices": [port, function(0, "")]}]);
    let script = move |mut machine: Machine| {
        machine.answer("query-pci", &answer);
    };
    let devices = played(script, |qmp| qmp.pci().unwrap());
    let seen = |device: &PciDevice| (device.bus, device.id.clone(), device.model);
    let model = (0x8086, 0x10ca);
    let expected =
        [(0, "rp1".to_owned(), model), (1, "vf0".to_owned(), model), (0, String::new(), model)];
    assert_eq!(devices.iter().map(seen).collect::<Vec<_>>(), expected);
}
