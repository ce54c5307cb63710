//! `cargo xtask setup`: everything that the project needs on this machine, and nothing twice.
//!
//! When all is there it asks neither for root nor for the network and takes no time.

mod apt;
mod debian;
mod kernels;
mod netdevsim;
mod packages;
mod sources;

use anyhow::{Result, bail};
use virtfn_lab::programs::{self, OLDEST_QEMU};

use crate::progress;

/// A program that something here runs.
struct Need {
    program: &'static str,
    /// The Debian package that has it.
    package: &'static str,
    why: &'static str,
}

const NEEDS: &[Need] = &[
    Need { program: "busybox", package: "busybox-static", why: "the guest's userland" },
    Need { program: "dash", package: "dash", why: "the guest's shell" },
    Need { program: "ip", package: "iproute2", why: "in the guest: the oracle for VF state" },
    Need { program: "depmod", package: "kmod", why: "the guest's module index" },
    Need { program: "lspci", package: "pciutils", why: "the oracle for config space" },
    Need { program: "strace", package: "strace", why: "tests that count system calls" },
    Need { program: "valgrind", package: "valgrind", why: "tests that count instructions" },
    Need { program: "time", package: "time", why: "the benchmark's peak memory" },
    Need { program: "make", package: "make", why: "building netdevsim for the lab's kernel" },
    Need { program: "gcc", package: "gcc", why: "the same" },
    Need { program: "xz", package: "xz-utils", why: "unpacking kernel modules" },
    Need { program: "zstd", package: "zstd", why: "unpacking kernel modules, testing recordings" },
    Need {
        program: "xmllint",
        package: "libxml2-utils",
        why: "libvirt's schemas, the oracle for XML",
    },
    Need { program: "mke2fs", package: "e2fsprogs", why: "the full guest's disk" },
    Need { program: "qemu-img", package: "qemu-utils", why: "what a guest writes to its disk" },
    Need { program: "setpriv", package: "util-linux", why: "no emulator outlives its runner" },
];

/// Makes this machine ready, as far as it can be.
///
/// # Errors
/// When a needed step fails. A program that cannot be got is named, and only QEMU is
/// indispensable.
pub(crate) fn run() -> Result<()> {
    match debian::release()? {
        Some(release) => {
            debian::install_packages(&release)?;
            kernels::fetch(&release)?;
            netdevsim::build();
            packages::fetch();
        }
        None => go_on_with_what_is_there()?,
    }
    let (_, version) = programs::qemu()?;
    eprintln!("Ready: QEMU {version}, kernels {}.", kernels::present().join(", "));
    Ok(())
}

/// On other distributions: names what is missing and leaves the rest to the person.
fn go_on_with_what_is_there() -> Result<()> {
    progress::note("not a Debian machine: nothing is installed, the lab uses what is there");
    for need in NEEDS.iter().filter(|need| programs::find(need.program).is_none()) {
        progress::note(&format!(
            "missing: {} ({}; Debian's package {})",
            need.program, need.why, need.package
        ));
    }
    if programs::find(programs::QEMU).is_none() {
        bail!("missing: {} {OLDEST_QEMU} or later, with igb", programs::QEMU);
    }
    if kernels::present().is_empty() {
        bail!("missing: a kernel image with its modules (in /boot and /lib/modules)");
    }
    Ok(())
}
