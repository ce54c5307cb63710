//! The lab: emulated SR-IOV machines with real kernels and drivers, for tests and for people.
//!
//! # A test in a few lines
//!
//! ```no_run
//! # use virtfn_lab as lab;
//! # use lab::Hold;
//! // #[test]
//! fn destroy_is_refused_while_vfio_holds_a_vf() {
//!     let seed = lab::boot("seed");
//!     seed.ok("virtfn create 0b:00.0 --vfs 7");
//!     seed.ok("virtfn bind 0b:10.0 vfio-pci");
//!     let holder = seed.hold(Hold::GroupAndDevice, "0b:10.0");
//!     seed.run("virtfn destroy 0b:00.0").exits(3).says(&holder.name);
//!     assert_eq!(seed.vfs("0b:00.0"), 7);
//! }
//! ```
//!
//! Lab tests are modules of one test program, `lab/tests/lab.rs`, so that they share machines;
//! `cargo xtask lab test [FILTER]` builds `virtfn` and runs them. A new file of tests is a file
//! there and a `mod` line.
//!
//! # The tour
//!
//! - [`boot`] lends a machine; [`boot_on`] names the kernel too. The test has it alone, as it was
//!   after its boot: no VFs, igb and igbvf loaded. When the [`Guest`] drops, a broom puts it back
//!   and the next test gets it. [`fresh`] is for tests that leave what no broom can mend (a hung
//!   writer, another `max_vfs`): that machine is thrown away.
//! - [`Guest::run`] runs a shell line and gives an [`Outcome`] to judge: `.exits(3).says("…")`.
//!   [`Guest::ok`] wants status 0 and returns standard output, [`Guest::json`] parses it.
//! - [`Guest::spawn`] starts something that goes on, a [`job::Job`]: wait for a line, feed, signal,
//!   kill, finish. Any number run at once, and a hung one keeps nobody else waiting.
//! - [`Guest::hold`] has a process hold a VF through VFIO, as a virtual machine does; its name and
//!   pid are known, and it lets go when the [`Holder`] drops.
//! - [`boot_with_peers`] lends one that has the programs too that virtfn is compared with.
//! - [`thoroughly`] says whether `--all` was given: a test with many cases takes a fixed sample of
//!   them without it.
//! - [`Guest::eventually`] waits for a condition. There are no sleeps in tests.
//!
//! Every wait has a limit. A command that hangs, a guest that panics, a machine that dies fail the
//! test with the console's last lines. A boot that dies before the guest serves is tried once more;
//! a test never is.
//!
//! # How it is built
//!
//! A [`Topology`] (a TOML file) becomes QEMU's arguments; a [`kernel::Kernel`] comes from the
//! [`cache`]; [`image`] packs busybox, a few real programs, modules and our own two programs into
//! an initramfs; [`Machine`] starts QEMU and speaks `virtfn-lab-protocol` with `lab-guest` over a
//! virtio-serial port; a pool lends machines to tests.

pub mod cache;
mod console;
mod guest;
mod hold;
pub mod image;
pub mod job;
pub mod kernel;
mod launcher;
mod machine;
mod nested;
mod outcome;
pub mod packages;
mod pool;
mod port;
pub mod programs;
mod topology;

pub use guest::Guest;
pub use hold::{HOLDER_NAME, Hold, Holder};
pub use machine::{BOOT_LIMIT, Boot, COMMAND_LIMIT, Machine};
pub use nested::Nested;
pub use outcome::Outcome;
pub use topology::{Expected, MOST_MEMORY_MIB, Topology};

pub use pool::MOST_ON_LOAN;

use image::Image;
use pool::{After, Loan};

/// Lends the test a machine of this topology on its usual kernel.
///
/// # Panics
/// When it does not boot, twice: with the console's last lines.
#[track_caller]
#[must_use]
pub fn boot(topology: &str) -> Guest {
    borrow(guest::unwrap(Topology::find(topology)), None, After::Share)
}

/// Lends the test a machine of this topology on a kernel series, as `6.1`.
///
/// # Panics
/// As [`boot`].
#[track_caller]
#[must_use]
pub fn boot_on(topology: &str, kernel: &str) -> Guest {
    borrow(guest::unwrap(Topology::find(topology)), Some(kernel), After::Share)
}

/// Whether the long tests were asked for too, with `--all`: every reboot, every kill, every machine.
/// A test that can be a fixed sample or the whole asks here; it is never skipped.
#[must_use]
pub fn thoroughly() -> bool {
    std::env::var_os("VIRTFN_LAB_ALL").is_some()
}

/// Boots a machine for this test alone, which may spoil it.
///
/// # Panics
/// As [`boot`].
#[track_caller]
#[must_use]
pub fn fresh(topology: &str) -> Guest {
    borrow(guest::unwrap(Topology::find(topology)), None, After::Discard)
}

/// Boots a machine on a kernel series for this test alone, which may spoil it.
///
/// # Panics
/// As [`boot`].
#[track_caller]
#[must_use]
pub fn fresh_on(topology: &str, kernel: &str) -> Guest {
    borrow(guest::unwrap(Topology::find(topology)), Some(kernel), After::Discard)
}

/// Boots a machine for this test alone that has the programs too that virtfn is compared with.
///
/// # Panics
/// As [`boot`], and when setup has not fetched these programs.
#[track_caller]
#[must_use]
pub fn boot_with_peers(topology: &str) -> Guest {
    let topology = guest::unwrap(Topology::find(topology));
    Guest::new(guest::unwrap(Loan::take(topology, None, Image::Peers, After::Discard)))
}

/// Boots a machine for this test alone with Debian's systemd as process 1, and a disk that keeps what
/// is written to it over [`Guest::reboot`] and [`Guest::power_cut`].
///
/// # Panics
/// As [`boot`], and when setup has not fetched the packages.
#[track_caller]
#[must_use]
pub fn boot_system(topology: &str) -> Guest {
    let topology = guest::unwrap(Topology::find(topology));
    let lend = || Loan::take(topology, None, Image::Full, After::Discard);
    guest::unwrap(Guest::whole_system(lend))
}

/// Boots a machine that no file describes, for this test alone.
///
/// # Panics
/// As [`boot`].
#[track_caller]
#[must_use]
pub fn boot_this(topology: Topology, kernel: &str) -> Guest {
    borrow(topology, Some(kernel), After::Discard)
}

#[track_caller]
fn borrow(topology: Topology, kernel: Option<&str>, after: After) -> Guest {
    Guest::new(guest::unwrap(Loan::take(topology, kernel, Image::Small, after)))
}
