//! How many VFs fit, and why no more: recorded hosts, healthy and with one thing gone wrong.

#![allow(clippy::unwrap_used, clippy::print_stdout)]

use std::path::Path;

use virtfn_host::{Function, Host, Reason, Resource, Role, Seen};
use virtfn_kernel::SysRoot;
use virtfn_observe::Look;
use virtfn_pci::{Address, ConfigSpace};
use virtfn_predict::{
    CannotSuppose, Cause, Contradiction, Errno, Limit, Question, Room, room, with_vfs,
};

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
const PF: &str = "01:00.0";

fn read(path: &Path) -> Host {
    virtfn_observe::host(&SysRoot::open(path).unwrap(), &Look::everything()).unwrap()
}

/// A recorded 82576 whose VFs are gone, so that they could be made.
fn empty() -> Host {
    let mut host = read(&Path::new(ROOT).join("fixtures/hosts/intel-default.tar.zst"));
    host.functions.retain(|_, function| function.vf().is_none());
    let Role::Pf(pf) = &mut at(&mut host, PF).role else { panic!() };
    pf.vfs.clear();
    host
}

fn at<'h>(host: &'h mut Host, address: &str) -> &'h mut Function {
    host.functions.get_mut(&address.parse::<Address>().unwrap()).unwrap()
}

fn of(host: &Host, address: &str) -> Room {
    room(host, host.function(address.parse().unwrap()).unwrap()).unwrap()
}

/// The one limit beside the driver's.
fn limit(room: &Room) -> &Limit {
    let [driver, limit] = room.limits.as_slice() else { panic!("{room:?}") };
    assert!(matches!(driver.cause, Cause::Driver { .. }));
    limit
}

fn edit_config(function: &mut Function, edit: impl FnOnce(&mut Vec<u8>)) {
    let Seen::Known(config) = &function.config else { panic!() };
    let mut bytes = config.bytes().to_vec();
    edit(&mut bytes);
    function.config = Seen::Known(ConfigSpace::new(bytes));
}

/// Where the SR-IOV capability of the recorded 82576 is.
const SRIOV: usize = 0x160;

fn lines(function: &mut Function) -> &mut Vec<Resource> {
    let Seen::Known(lines) = &mut function.resources else { panic!() };
    lines
}

/// As the kernel leaves VF BARs that it could not place: no line, no address in the register.
fn unplace(host: &mut Host) {
    let pf = at(host, PF);
    for line in &mut lines(pf)[7..13] {
        *line = Resource { start: 0, end: 0, flags: 0 };
    }
    edit_config(pf, |bytes| {
        for bar in [0x24, 0x30] {
            bytes[SRIOV + bar + 2..SRIOV + bar + 4].fill(0);
            bytes[SRIOV + bar + 4..SRIOV + bar + 8].fill(0);
        }
    });
}

#[test]
fn a_healthy_pf_has_room_for_all_that_its_driver_allows() {
    let room = of(&empty(), PF);
    assert_eq!((room.fits(), room.unseen.as_slice()), (7, &[][..]));
    assert_eq!(room.refusal(7), None);
    let refused = room.refusal(8).unwrap();
    assert_eq!((refused.most, refused.cause.errno()), (7, Errno::Range));
}

#[test]
fn vf_bars_without_a_place_leave_no_vf() {
    let mut host = empty();
    unplace(&mut host);
    let room = of(&host, PF);
    let limit = limit(&room);
    assert_eq!((limit.most, limit.cause.errno()), (0, Errno::NoMem));
    let Cause::Memory(memory) = &limit.cause else { panic!() };
    assert_eq!((memory.bars.as_slice(), memory.total_vfs), (&[0, 3][..], Some(8)));
    // The log, which names the sizes, is of a boot that placed them: 128 KiB each.
    assert_eq!((memory.wanted, memory.would_fit), (Some(0x4_0000), Some(8)));
    assert_eq!(room.refusal(1).unwrap().most, 0);
}

#[test]
fn a_full_window_says_for_how_many_it_has_room() {
    let mut host = empty();
    unplace(&mut host);
    // 80 KiB of memory and 48 of prefetchable memory are left: of two BARs of 16 KiB a VF, three.
    let port = lines(at(&mut host, "00:01.0"));
    let own = 0xfe24_4000;
    port[14] = Resource { start: 0xfe20_0000, end: own + 0x1_3fff, flags: 0x200 };
    port[15] = Resource { start: 0xfe80_0000, end: 0xfe80_bfff, flags: 0x10_2201 };
    let room = of(&host, PF);
    let Cause::Memory(memory) = &limit(&room).cause else { panic!() };
    assert_eq!(memory.would_fit, Some(3));
    assert_eq!(
        limit(&room).cause.to_string(),
        "the kernel found no memory for VF BARs 0 and 3 of 8 VFs (256 KiB) in the window of \
         00:01.0, which has room for 3"
    );
}

#[test]
fn an_unset_line_is_enough_without_the_registers() {
    let mut host = empty();
    let pf = at(&mut host, PF);
    lines(pf)[7] = Resource { start: 0, end: 0x1_ffff, flags: 0x2014_220c };
    edit_config(pf, |bytes| bytes.truncate(64));
    let room = of(&host, PF);
    let (limit, _) = room.about(Question::Memory);
    assert!(matches!(limit.unwrap().cause, Cause::Memory(_)));
}

/// What the kernel shows and what the register holds disagree: neither is taken for the truth.
#[test]
fn a_register_with_an_address_and_no_line_is_not_judged() {
    let mut host = empty();
    lines(at(&mut host, PF))[7] = Resource { start: 0, end: 0, flags: 0 };
    let room = of(&host, PF);
    assert_eq!((room.fits(), room.unseen.len()), (7, 1));
    assert_eq!(room.unseen[0].about, Question::Memory);
}

#[test]
fn without_ari_the_vfs_leave_the_bus() {
    let mut host = empty();
    let Role::Pf(pf) = &mut at(&mut host, PF).role else { panic!() };
    pf.vf_offset = Seen::Known(384);
    let room = of(&host, PF);
    let found = limit(&room);
    assert_eq!((found.most, found.cause.errno()), (0, Errno::NoMem));
    assert_eq!(
        found.cause.kernel_words(7).unwrap(),
        "can't enable 7 VFs (bus 02 out of range of [bus 01])"
    );
    assert_eq!(
        found.cause.to_string(),
        "VF 0 would be on bus 02, out of range of [bus 01], all that 00:01.0 has"
    );
    // Another bus below the port, and they fit.
    edit_config(at(&mut host, "00:01.0"), |bytes| bytes[0x1a] = 2);
    assert_eq!(of(&host, PF).fits(), 7);
}

#[test]
fn some_vfs_may_still_fit_on_the_bus() {
    let mut host = empty();
    let Role::Pf(pf) = &mut at(&mut host, PF).role else { panic!() };
    pf.vf_offset = Seen::Known(0xf8);
    let room = of(&host, PF);
    let Cause::Buses(buses) = &limit(&room).cause else { panic!() };
    assert_eq!((limit(&room).most, buses.bus_of(3), buses.bus_of(4)), (4, 1, 2));
    assert!(room.refusal(4).is_none() && room.refusal(5).is_some());
}

#[test]
fn routing_ids_have_sixteen_bits() {
    let mut host = empty();
    let Role::Pf(pf) = &mut at(&mut host, PF).role else { panic!() };
    (pf.total_vfs, pf.vf_stride) = (300, Seen::Known(256));
    edit_config(at(&mut host, "00:01.0"), |bytes| bytes[0x1a] = 0xff);
    let room = of(&host, PF);
    let Cause::Buses(buses) = &limit(&room).cause else { panic!() };
    assert_eq!((limit(&room).most, buses.ever), (255, 255));
    assert_eq!(
        limit(&room).cause.kernel_words(300).unwrap(),
        "can't enable 300 VFs (bus 12c out of range of [bus 01-ff])"
    );
}

/// The numbers of a root bus stand in the kernel's log alone.
#[test]
fn on_a_root_bus_the_log_knows_the_buses() {
    let mut host = empty();
    let pf = at(&mut host, PF);
    pf.parent = None;
    let Role::Pf(state) = &mut pf.role else { panic!() };
    state.vf_offset = Seen::Known(384);
    assert!(matches!(of(&host, PF).about(Question::Buses), (None, Some(_))));
    let Seen::Known(log) = &mut host.kernel.log else { panic!() };
    log.push("pci_bus 0000:01: root bus resource [bus 01-02]".into());
    assert!(matches!(of(&host, PF).about(Question::Buses), (None, None)));
    let Seen::Known(log) = &mut host.kernel.log else { panic!() };
    log.push("pci_bus 0000:01: root bus resource [bus 01]".into());
    assert_eq!(of(&host, PF).fits(), 0);
}

#[test]
fn registers_that_contradict_each_other_leave_no_vf() {
    let mut host = empty();
    edit_config(at(&mut host, PF), |bytes| bytes[SRIOV + 0x0c] = 4);
    let room = of(&host, PF);
    assert_eq!(limit(&room).cause.errno(), Errno::Io);
    // VFs that can migrate may be fewer at first.
    edit_config(at(&mut host, PF), |bytes| bytes[SRIOV + 0x04] |= 1);
    assert_eq!(of(&host, PF).fits(), 7);
    edit_config(at(&mut host, PF), |bytes| bytes[SRIOV + 0x12] = 3);
    let room = of(&host, PF);
    let nothing = Cause::Registers(Contradiction::LinkToNothing("01:00.3".parse().unwrap()));
    assert_eq!(limit(&room).cause, nothing);
    assert_eq!(nothing.errno(), Errno::NoDev);
}

#[test]
fn igb_makes_no_vfs_without_msix() {
    let mut host = empty();
    edit_config(at(&mut host, PF), |bytes| bytes[0x73] &= 0x7f);
    // It may sleep: nothing proves yet that the driver lacks it.
    assert!(matches!(of(&host, PF).about(Question::Driver), (None, Some(_))));
    host.kernel.command_line = Seen::Known("quiet pci=nomsi,noari".into());
    let room = of(&host, PF);
    assert_eq!((limit(&room).most, limit(&room).cause.errno()), (0, Errno::Perm));
    // Another driver does without.
    at(&mut host, PF).driver = Some("nvme".into());
    assert_eq!(of(&host, PF).fits(), 7);
}

#[test]
fn bnxt_makes_none_while_it_is_down() {
    let mut host = empty();
    at(&mut host, PF).driver = Some("bnxt_en".into());
    assert_eq!(of(&host, PF).fits(), 7);
    let Seen::Known(netdevs) = &mut host.netdevs else { panic!() };
    netdevs.iter_mut().for_each(|netdev| netdev.up = false);
    let room = of(&host, PF);
    assert_eq!((limit(&room).most, limit(&room).cause.errno()), (0, Errno::Silence));
}

#[test]
fn what_was_not_read_is_doubted_and_limits_nothing() {
    let mut host = empty();
    for function in host.functions.values_mut() {
        function.config = Seen::not_asked("config");
        function.resources = Seen::not_asked("resource");
    }
    let room = of(&host, PF);
    let about: Vec<Question> = room.unseen.iter().map(|doubt| doubt.about).collect();
    assert_eq!(about, [Question::Driver, Question::Registers, Question::Memory]);
    let reasons = room.unseen.iter().map(|doubt| &doubt.unseen.unreadable.why);
    assert!(reasons.into_iter().all(|why| *why == Reason::NotAsked));
    assert_eq!(room.limits.len(), 1);
}

/// The quad-port 82576 that a kernel refused: `SR-IOV: bus number out of range`, four times.
#[test]
fn the_machine_whose_kernel_refused_is_refused_for_the_same_reason() {
    let path = Path::new(ROOT).join("../shared/real/hosts/hp-ml310e-82576.tar.zst");
    if !path.exists() {
        println!("0 real machines");
        return;
    }
    let host = read(&path);
    let mut refused = 0;
    for (function, _) in host.pfs() {
        let room = room(&host, function).unwrap();
        let limit = room.refusal(1).unwrap();
        assert!(matches!(limit.cause, Cause::Buses(_)), "{}: {limit:?}", function.address);
        assert_eq!(limit.most, 0);
        let log = host.kernel.log.known().unwrap();
        let own = format!("{}: SR-IOV: bus number out of range", function.address);
        assert!(log.iter().any(|line| line.contains(&own)), "{own}");
        println!("{}: {}", function.address, limit.cause);
        let supposed = with_vfs(&host, function.address, 1);
        assert!(matches!(supposed, Err(CannotSuppose::NoRoom { .. })), "{}", function.address);
        refused += 1;
    }
    assert_eq!(refused, 4);
}

/// VFs that are there have found room: a prediction that says otherwise is wrong.
#[test]
fn nobody_is_told_that_the_vfs_there_are_cannot_be() {
    let mut count = 0;
    for folder in ["fixtures/hosts", "../shared/hosts", "../shared/real/hosts"] {
        for entry in std::fs::read_dir(Path::new(ROOT).join(folder)).into_iter().flatten() {
            let path = entry.unwrap().path();
            if !path.to_string_lossy().ends_with(".tar.zst") {
                continue;
            }
            let host = read(&path);
            for (function, pf) in host.pfs().filter(|(_, pf)| !pf.vfs.is_empty()) {
                let room = room(&host, function).unwrap();
                assert!(usize::from(room.fits()) >= pf.vfs.len(), "{path:?}: {room:?}");
                count += 1;
            }
        }
    }
    println!("{count} PFs with VFs compared");
    assert!(count >= 11);
}
