//! The client of libvirt against a daemon that follows a script.

#![allow(clippy::unwrap_used, clippy::expect_used)] // A test that cannot unwrap has failed.

use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::thread;
use std::time::Duration;

use virtfn_virt::xdr::Encoder;
use virtfn_virt::{
    Affect, Definition, Domain, DomainState, ErrorCode, Libvirt, Removal, Uri, Uuid, VirtError,
};

/// Long enough for any answer that comes.
const LIMIT: Duration = Duration::from_secs(20);
/// Short enough to wait for.
const SHORT: Duration = Duration::from_millis(60);

/// `enum remote_procedure` (src/remote/remote_protocol.x).
mod procedure {
    pub(super) const OPEN: i32 = 1;
    pub(super) const CLOSE: i32 = 2;
    pub(super) const XML: i32 = 14;
    pub(super) const BY_ID: i32 = 22;
    pub(super) const BY_NAME: i32 = 23;
    pub(super) const BY_UUID: i32 = 24;
    pub(super) const AUTH_LIST: i32 = 66;
    pub(super) const IS_PERSISTENT: i32 = 151;
    pub(super) const ATTACH: i32 = 160;
    pub(super) const DETACH: i32 = 161;
    pub(super) const STATE: i32 = 212;
    pub(super) const LIST: i32 = 273;
    pub(super) const REGISTER: i32 = 316;
    pub(super) const DEREGISTER: i32 = 317;
    pub(super) const LIFECYCLE: i32 = 318;
    pub(super) const DEVICE_REMOVED: i32 = 333;
    pub(super) const REMOVAL_FAILED: i32 = 367;
}

/// `virNetMessageType` and `virNetMessageStatus` (src/rpc/virnetprotocol.x).
const REPLY: i32 = 1;
const EVENT: i32 = 2;
const OK: i32 = 0;
const ERROR: i32 = 1;

/// The daemon's end of the connection.
struct Daemon(UnixStream);

/// A call that came in.
struct Call {
    serial: u32,
    arguments: Vec<u8>,
}

impl Daemon {
    /// The next call, which must be of this procedure.
    fn expect(&mut self, procedure: i32) -> Call {
        let mut header = [0; 28];
        self.0.read_exact(&mut header).unwrap();
        let word = |at: usize| u32::from_be_bytes(header[at..at + 4].try_into().unwrap());
        assert_eq!(word(4), 0x2000_8086, "program");
        assert_eq!(i32::try_from(word(12)).unwrap(), procedure, "procedure");
        let mut arguments = vec![0; usize::try_from(word(0)).unwrap() - header.len()];
        self.0.read_exact(&mut arguments).unwrap();
        Call { serial: word(20), arguments }
    }

    /// Expects a call and answers it with this.
    fn answer(&mut self, procedure: i32, body: Encoder) -> Vec<u8> {
        let call = self.expect(procedure);
        self.send(&message(procedure, REPLY, call.serial, OK, body));
        call.arguments
    }

    /// Expects a call and refuses it.
    fn refuse(&mut self, procedure: i32, code: i32, words: &str) {
        let call = self.expect(procedure);
        let body = Encoder::default().i32(code).i32(10).bool(true).string(words).i32(2);
        // No domain, no strings, two numbers, no network.
        let body = body.bool(false).bool(false).bool(false).bool(false).i32(0).i32(0).bool(false);
        self.send(&message(procedure, REPLY, call.serial, ERROR, body));
    }

    fn event(&mut self, procedure: i32, body: Encoder) {
        self.send(&message(procedure, EVENT, 0, OK, body));
    }

    fn send(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).unwrap();
    }

    fn greet(&mut self) {
        self.answer(procedure::AUTH_LIST, Encoder::default().array(&[0], |e, kind| e.i32(*kind)));
        let name = self.answer(procedure::OPEN, Encoder::default());
        let expected = Encoder::default().bool(true).string("qemu:///system").u32(0);
        assert_eq!(name, expected.into_bytes().unwrap());
    }
}

fn message(procedure: i32, kind: i32, serial: u32, status: i32, body: Encoder) -> Vec<u8> {
    let body = body.into_bytes().unwrap();
    let length = u32::try_from(28 + body.len()).unwrap();
    let header = Encoder::default().u32(length).u32(0x2000_8086).u32(1).i32(procedure);
    let header = header.i32(kind).u32(serial).i32(status);
    [header.into_bytes().unwrap(), body].concat()
}

fn my_guest() -> Domain {
    Domain { name: "MyGuest".into(), uuid: Uuid([0x4d; 16]), id: Some(3) }
}

fn domain(encoder: Encoder, domain: &Domain) -> Encoder {
    let id = domain.id.map_or(-1, |id| i32::try_from(id).unwrap());
    encoder.string(&domain.name).fixed(&domain.uuid.0).i32(id)
}

fn device_event(callback: i32, alias: &str) -> Encoder {
    domain(Encoder::default().i32(callback), &my_guest()).string(alias)
}

/// Opens a connection to a daemon that greets and then follows the script, and runs `client` on it.
/// What the script finds wrong fails the test.
fn played<T>(
    limit: Duration,
    script: impl FnOnce(Daemon) + Send + 'static,
    client: impl FnOnce(&mut Libvirt) -> T,
) -> T {
    let (ours, theirs) = UnixStream::pair().unwrap();
    let daemon = thread::spawn(move || {
        let mut daemon = Daemon(theirs);
        daemon.greet();
        script(daemon);
    });
    let mut libvirt = Libvirt::over(ours, &Uri::system(), limit).unwrap();
    let outcome = client(&mut libvirt);
    drop(libvirt);
    daemon.join().unwrap();
    outcome
}

#[test]
fn a_domain_is_found_by_number_uuid_and_name() {
    let script = |mut daemon: Daemon| {
        // `3` is a number first; there is one.
        daemon.answer(procedure::BY_ID, domain(Encoder::default(), &my_guest()));
        daemon.answer(procedure::BY_UUID, domain(Encoder::default(), &my_guest()));
        // `4` is no number of one that runs, but a name.
        daemon.refuse(procedure::BY_ID, 42, "Domain not found");
        daemon.answer(procedure::LIST, Encoder::default().u32(0).u32(0));
        let name = daemon.answer(procedure::BY_NAME, domain(Encoder::default(), &my_guest()));
        assert_eq!(name, Encoder::default().string("4").into_bytes().unwrap());
    };
    played(LIMIT, script, |libvirt| {
        let uuid = my_guest().uuid.to_string();
        for text in ["3", uuid.as_str(), "4"] {
            assert_eq!(libvirt.domain(text).unwrap(), my_guest(), "{text}");
        }
    });
}

#[test]
fn a_name_that_is_not_known_is_answered_with_the_nearest() {
    let script = |mut daemon: Daemon| {
        daemon.refuse(procedure::BY_NAME, 42, "Domain not found: no domain with matching name");
        let names = ["other", "MyGuest", "db"];
        let list = Encoder::default().array(&names, |encoder, name| {
            domain(encoder, &Domain { name: (*name).into(), ..my_guest() })
        });
        daemon.answer(procedure::LIST, list.u32(3));
    };
    let error = played(LIMIT, script, |libvirt| libvirt.domain("myguest2").unwrap_err());
    let VirtError::NoSuchDomain { nearest, .. } = &error else { panic!("{error}") };
    assert_eq!(nearest[0], "MyGuest");
    assert_eq!(error.to_string(), "myguest2: libvirt has no domain of this name");
}

#[test]
fn a_domain_s_state_and_its_two_definitions() {
    let script = |mut daemon: Daemon| {
        daemon.answer(procedure::STATE, Encoder::default().i32(3).i32(1));
        daemon.answer(procedure::IS_PERSISTENT, Encoder::default().i32(1));
        for (flags, xml) in [(0, "<domain id='3'/>"), (2, "<domain/>")] {
            let arguments = daemon.answer(procedure::XML, Encoder::default().string(xml));
            let expected = domain(Encoder::default(), &my_guest()).u32(flags);
            assert_eq!(arguments, expected.into_bytes().unwrap());
        }
    };
    played(LIMIT, script, |libvirt| {
        assert_eq!(libvirt.state(&my_guest()).unwrap(), DomainState::Paused);
        assert!(libvirt.is_persistent(&my_guest()).unwrap());
        assert_eq!(libvirt.xml(&my_guest(), Definition::Live).unwrap(), "<domain id='3'/>");
        assert_eq!(libvirt.xml(&my_guest(), Definition::Inactive).unwrap(), "<domain/>");
    });
}

#[test]
fn a_refusal_brings_its_number_and_its_words() {
    const WORDS: &str = "PCI device 0000:0b:10.0 is in use by driver QEMU, domain d1";
    let script = |mut daemon: Daemon| {
        daemon.refuse(procedure::ATTACH, 55, WORDS);
        // The connection is as good as before.
        let arguments = daemon.answer(procedure::ATTACH, Encoder::default());
        let expected = domain(Encoder::default(), &my_guest()).string("<hostdev/>").u32(3);
        assert_eq!(arguments, expected.into_bytes().unwrap());
    };
    played(LIMIT, script, |libvirt| {
        let error = libvirt.attach(&my_guest(), "<hostdev/>", Affect::Live).unwrap_err();
        assert!(matches!(error, VirtError::Refused { code: ErrorCode::OperationInvalid, .. }));
        assert_eq!(
            error.to_string(),
            format!("MyGuest: attach a device to the running machine: libvirt: {WORDS}")
        );
        assert_eq!(error.hints(), ["virtfn detach d1 0b:10.0"]);
        assert_eq!(error.explanation().unwrap(), "the VM d1 has it");
        libvirt.attach(&my_guest(), "<hostdev/>", Affect::Both).unwrap();
    });
}

/// Answers the three registrations with the callback numbers 0, 1 and 2.
fn register(daemon: &mut Daemon) {
    for (callback, event) in [(0, 15), (1, 22), (2, 0)] {
        let arguments = daemon.answer(procedure::REGISTER, Encoder::default().i32(callback));
        let expected = domain(Encoder::default().i32(event).bool(true), &my_guest());
        assert_eq!(arguments, expected.into_bytes().unwrap());
    }
}

#[test]
fn an_event_that_comes_before_the_answer_is_kept() {
    let script = |mut daemon: Daemon| {
        register(&mut daemon);
        let call = daemon.expect(procedure::DETACH);
        daemon.event(procedure::DEVICE_REMOVED, device_event(0, "hostdev9"));
        daemon.event(procedure::DEVICE_REMOVED, device_event(0, "hostdev0"));
        daemon.send(&message(procedure::DETACH, REPLY, call.serial, OK, Encoder::default()));
        for _ in 0..3 {
            daemon.answer(procedure::DEREGISTER, Encoder::default());
        }
    };
    played(LIMIT, script, |libvirt| {
        let watch = libvirt.watch_removals(&my_guest()).unwrap();
        libvirt.detach(&my_guest(), "<hostdev/>", Affect::Live).unwrap();
        let removal = libvirt.await_removal(&watch, "hostdev0", LIMIT).unwrap();
        assert_eq!(removal, Removal::Removed);
        // What became of another device is no answer for this one, and was not lost.
        assert_eq!(libvirt.await_removal(&watch, "hostdev9", LIMIT).unwrap(), Removal::Removed);
        libvirt.end_watch(watch).unwrap();
    });
}

#[test]
fn a_guest_that_refuses_and_a_machine_that_stops_end_the_wait() {
    let script = |mut daemon: Daemon| {
        register(&mut daemon);
        daemon.event(procedure::REMOVAL_FAILED, device_event(1, "hostdev0"));
        // 1 is started, 5 is stopped.
        for event in [1, 5] {
            let body = domain(Encoder::default().i32(2), &my_guest()).i32(event).i32(0);
            daemon.event(procedure::LIFECYCLE, body);
        }
    };
    played(LIMIT, script, |libvirt| {
        let watch = libvirt.watch_removals(&my_guest()).unwrap();
        assert_eq!(libvirt.await_removal(&watch, "hostdev0", LIMIT).unwrap(), Removal::Refused);
        assert_eq!(libvirt.await_removal(&watch, "hostdev1", LIMIT).unwrap(), Removal::Stopped);
    });
}

#[test]
fn a_guest_that_never_answers_ends_at_the_limit() {
    let script = |mut daemon: Daemon| {
        register(&mut daemon);
        // Somebody else's registration, and another device: no answers.
        daemon.event(procedure::DEVICE_REMOVED, device_event(7, "hostdev0"));
        daemon.event(procedure::DEVICE_REMOVED, device_event(0, "hostdev1"));
        daemon.answer(procedure::STATE, Encoder::default().i32(1).i32(1));
    };
    played(LIMIT, script, |libvirt| {
        let watch = libvirt.watch_removals(&my_guest()).unwrap();
        let error = libvirt.await_removal(&watch, "hostdev0", SHORT).unwrap_err();
        assert_eq!(
            error.to_string(),
            "MyGuest: wait for the guest to let go of hostdev0: not done after 60 ms: the guest \
             did not answer, and still has the device"
        );
        assert_eq!(libvirt.state(&my_guest()).unwrap(), DomainState::Running);
    });
}

#[test]
fn an_answer_in_single_bytes_is_one_answer() {
    let script = |mut daemon: Daemon| {
        let call = daemon.expect(procedure::STATE);
        let event = message(procedure::DEVICE_REMOVED, EVENT, 0, OK, device_event(0, "hostdev0"));
        let body = Encoder::default().i32(5).i32(0);
        let reply = message(procedure::STATE, REPLY, call.serial, OK, body);
        for byte in [event, reply].concat() {
            daemon.send(&[byte]);
        }
    };
    let state = played(LIMIT, script, |libvirt| libvirt.state(&my_guest()).unwrap());
    assert_eq!(state, DomainState::ShutOff);
}

#[test]
fn an_answer_that_comes_too_late_is_not_taken_for_the_next() {
    let script = |mut daemon: Daemon| {
        let late = daemon.expect(procedure::STATE);
        let call = daemon.expect(procedure::STATE);
        for (serial, state) in [(late.serial, 5), (call.serial, 1)] {
            let body = Encoder::default().i32(state).i32(0);
            daemon.send(&message(procedure::STATE, REPLY, serial, OK, body));
        }
    };
    played(Duration::from_secs(1), script, |libvirt| {
        let error = libvirt.state(&my_guest()).unwrap_err();
        assert_eq!(
            error.to_string(),
            "MyGuest: ask for its state: not done after 1 s: libvirt gave no answer"
        );
        assert_eq!(libvirt.state(&my_guest()).unwrap(), DomainState::Running);
    });
}

#[test]
fn a_daemon_that_dies_in_a_call_is_told_from_one_that_refuses() {
    let script = |mut daemon: Daemon| {
        let call = daemon.expect(procedure::ATTACH);
        let whole = message(procedure::ATTACH, REPLY, call.serial, OK, Encoder::default());
        daemon.send(&whole[..13]);
    };
    played(LIMIT, script, |libvirt| {
        for _ in 0..2 {
            let error = libvirt.attach(&my_guest(), "<hostdev/>", Affect::Live).unwrap_err();
            assert!(matches!(error, VirtError::Torn { peer: "libvirt", .. }), "{error}");
        }
    });
}

#[test]
fn bytes_that_are_no_message_end_the_connection() {
    let future = message(procedure::STATE, REPLY, 1_000_000, OK, Encoder::default());
    let cases: [(&str, Vec<u8>, &str); 4] = [
        ("a length of 4 GiB", vec![0xff; 64], "over the limit"),
        ("a length of nothing", vec![0; 64], "message length: 0"),
        ("an answer to a later call", future, "nothing asked for"),
        (
            "an answer too short",
            message(procedure::STATE, REPLY, 3, OK, Encoder::default()),
            "number: 4 more bytes",
        ),
    ];
    for (case, bytes, what) in cases {
        let script = move |mut daemon: Daemon| {
            daemon.expect(procedure::STATE);
            daemon.send(&bytes);
        };
        let (error, after) = played(LIMIT, script, |libvirt| {
            (libvirt.state(&my_guest()).unwrap_err(), libvirt.state(&my_guest()).unwrap_err())
        });
        let VirtError::Protocol { what: told, .. } = &error else { panic!("{case}: {error}") };
        assert!(told.contains(what), "{case}: {told}");
        assert!(matches!(after, VirtError::Torn { .. }), "{case}: {after}");
    }
}

#[test]
fn a_message_too_long_for_libvirt_is_not_sent() {
    let script = |mut daemon: Daemon| {
        daemon.answer(procedure::STATE, Encoder::default().i32(1).i32(0));
    };
    played(LIMIT, script, |libvirt| {
        let xml = "x".repeat((4 << 20) + 1);
        let error = libvirt.attach(&my_guest(), &xml, Affect::Live).unwrap_err();
        assert!(matches!(error, VirtError::Unsendable { .. }), "{error}");
        assert_eq!(libvirt.state(&my_guest()).unwrap(), DomainState::Running);
    });
}

#[test]
fn who_must_authenticate_is_told_to_be_root() {
    let (ours, theirs) = UnixStream::pair().unwrap();
    let daemon = thread::spawn(move || {
        let kinds = Encoder::default().array(&[2], |e, kind| e.i32(*kind));
        Daemon(theirs).answer(procedure::AUTH_LIST, kinds);
    });
    let error = Libvirt::over(ours, &Uri::system(), LIMIT).unwrap_err();
    daemon.join().unwrap();
    assert!(error.to_string().contains("polkit"), "{error}");
    assert_eq!(error.hints(), ["run this as root"]);
}

#[test]
fn a_socket_that_is_not_there_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("libvirt-sock");
    let uri: Uri = format!("qemu:///system?socket={}", path.display()).parse().unwrap();
    let error = Libvirt::open(&uri, LIMIT).unwrap_err();
    let VirtError::NotRunning { tried, .. } = &error else { panic!("{error}") };
    assert_eq!(tried[0].path, path);
    assert!(error.to_string().contains("No such file"), "{error}");
}

#[test]
fn the_end_is_agreed() {
    let (ours, theirs) = UnixStream::pair().unwrap();
    let daemon = thread::spawn(move || {
        let mut daemon = Daemon(theirs);
        daemon.greet();
        daemon.answer(procedure::CLOSE, Encoder::default());
        assert_eq!(daemon.0.read(&mut [0; 1]).unwrap(), 0);
    });
    Libvirt::over(ours, &Uri::system(), LIMIT).unwrap().close().unwrap();
    daemon.join().unwrap();
}
