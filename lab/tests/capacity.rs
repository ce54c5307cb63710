//! How many VFs fit: the prediction beside the kernel's own answer to a write that is made by hand.

use virtfn_lab::{self as lab, Guest, Topology};

/// A machine with one PF, how many VFs it can have, and the kernel's answer to one more.
struct Case {
    topology: &'static str,
    pf: &'static str,
    fits: u16,
    errno: &'static str,
    words: &'static str,
    /// What the kernel's log says of it.
    log: Option<&'static str>,
}

const CASES: &[Case] = &[
    Case {
        topology: "one-port",
        pf: "01:00.0",
        fits: 7,
        errno: "ERANGE",
        words: "Numerical result out of range",
        log: None,
    },
    Case {
        topology: "small-window",
        pf: "01:00.0",
        fits: 0,
        errno: "ENOMEM",
        words: "Cannot allocate memory",
        log: Some("not enough MMIO resources for SR-IOV"),
    },
    Case {
        topology: "no-msi",
        pf: "01:00.0",
        fits: 0,
        errno: "EPERM",
        words: "Operation not permitted",
        log: None,
    },
];

#[test]
fn what_is_predicted_is_what_the_kernel_answers() {
    for case in CASES {
        let guest = lab::boot(case.topology);
        refused_alike(&guest, case);
        if case.fits > 0 {
            let fits = case.fits;
            guest.ok(&format!("virtfn create {} --vfs {fits} --dry-run", case.pf));
            by_hand(&guest, case.pf, fits).exits(0);
            assert_eq!(guest.vfs(case.pf), usize::from(fits), "{}", case.topology);
            by_hand(&guest, case.pf, 0).exits(0);
        }
    }
}

/// One VF more than fit: virtfn says no and writes nothing; the kernel says no to the write.
fn refused_alike(guest: &Guest, case: &Case) {
    let Case { topology, pf, fits, errno, words, log } = case;
    let asked = fits + 1;
    for flag in ["", " --dry-run"] {
        let line = format!("lab-guest count-writes -- create {pf} --vfs {asked}{flag}");
        let told = guest.run(&line);
        told.exits(1).says(&format!("cannot have {asked} VFs")).says("hint:").says("writes: 0");
        if *errno != "ERANGE" {
            told.says(&format!("the kernel would answer: {errno}"));
        }
        if let Some(log) = log {
            told.says(log);
        }
    }
    by_hand(guest, pf, asked).exits(1).says(words);
    if let Some(log) = log {
        guest.ok(&format!("dmesg | grep '0000:{pf}: {log}'"));
    }
    assert_eq!(guest.vfs(pf), 0, "{topology}");
}

/// Writes `sriov_numvfs`; busybox says why where it fails.
fn by_hand(guest: &Guest, pf: &str, count: u16) -> lab::Outcome {
    guest
        .run(&format!("busybox sh -c 'echo {count} > /sys/bus/pci/devices/0000:{pf}/sriov_numvfs'"))
}

/// `small-window` says that 126 VFs would fit: with a card of 126, the kernel places them.
#[test]
fn a_window_has_room_for_as_many_as_are_predicted() {
    let told = lab::boot("small-window").run("virtfn create 01:00.0 --vfs 1");
    told.exits(1).says("has room for 126");
    let mut fewer = Topology::find("small-window").unwrap();
    fewer.name = "window-with-room".into();
    for device in &mut fewer.devices {
        *device = device.replace("sriov_max_vfs=127", "sriov_max_vfs=126");
    }
    let kernel = fewer.usual_kernel().to_owned();
    let guest = lab::boot_this(fewer, &kernel);
    assert_eq!(guest.attribute("01:00.0", "sriov_totalvfs"), "126");
    guest.run("virtfn doctor 01:00.0").exits(0);
    guest.ok("virtfn create 01:00.0 --vfs 126 --dry-run");
    by_hand(&guest, "01:00.0", 1).exits(0);
    assert_eq!(guest.vfs("01:00.0"), 1);
}
