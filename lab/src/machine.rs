//! One emulated machine: booted, asked, and gone when dropped.

use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use virtfn_lab_protocol::{FromGuest, PORT_NAME, Spawn, Terminal};

use crate::console::Console;
use crate::image::disk::{self, Disk};
use crate::image::{self, Binaries, Image};
use crate::job::{Finished, Job};
use crate::kernel::Kernel;
use crate::port::Port;
use crate::topology::Topology;
use crate::{launcher, programs};

/// From the start of QEMU until the guest serves: five seconds on an idle host, but four loaded
/// guests share two cores with a compiler.
pub const BOOT_LIMIT: Duration = Duration::from_secs(150);
/// How long one command in the guest may take unless the caller says otherwise.
pub const COMMAND_LIMIT: Duration = Duration::from_secs(60);
/// How much of the console goes into an error.
const CONSOLE_LINES: usize = 60;

/// What every guest's kernel is told. Without `no_timer_check` a guest on a loaded host panics over
/// its timer now and then; what follows `quiet` saves seconds of emulation, most of them tests
/// that the kernel's cryptography makes of itself, and nothing here looks at any of it.
const KERNEL_ARGUMENTS: &str = "console=ttyS0 panic=-1 no_timer_check quiet mitigations=off \
     nokaslr audit=0 apparmor=0 rodata=off cryptomgr.notests \
     initcall_blacklist=crypto_kdf108_init,init_encrypted,jent_mod_init";

/// What a boot needs beside the topology.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Boot {
    /// The machine.
    pub topology: Topology,
    /// The kernel series, as `6.12`, or `host`.
    pub kernel: String,
    /// What else the guest has.
    pub image: Image,
    /// The programs of ours that go into the guest.
    pub binaries: Binaries,
}

/// An emulated machine whose guest serves.
pub struct Machine {
    /// What it was booted from, for a machine that can be booted again.
    again: Option<Again>,
    qemu: Child,
    console: Console,
    port: Arc<Port>,
    release: String,
    boot_time: Duration,
}

/// What a reboot needs: the same disk.
struct Again {
    boot: Boot,
    disk: Disk,
}

impl Machine {
    /// Boots a machine, waits until its guest serves, and loads the topology's modules.
    ///
    /// A boot that dies before all that is done is tried once more: under load, emulators abort and
    /// lose timers now and then, and nothing of ours has run by then.
    ///
    /// # Errors
    /// When something that a boot needs is missing, or the machine does not come up twice: with the
    /// console's last lines.
    pub fn boot(boot: &Boot) -> Result<Self> {
        let kernel = Kernel::find(&boot.kernel)?;
        let (qemu, _) = programs::qemu()?;
        let initramfs = image::initramfs(&kernel, boot.image, &boot.binaries)?;
        let attempt = || {
            let disk = match boot.image {
                Image::Full => Some(Disk::fresh(&kernel)?),
                Image::Small | Image::Peers => None,
            };
            let mut command = launcher::guarded(&qemu);
            command.args(arguments(&boot.topology, disk.as_ref()));
            command.arg("-kernel").arg(&kernel.image).arg("-initrd").arg(initramfs.path());
            let mut machine = Self::attempt(command)?;
            match disk {
                // systemd and udev load what the machine needs.
                Some(disk) => {
                    machine.wait_for_services()?;
                    machine.again = Some(Again { boot: boot.clone(), disk });
                }
                None => machine.load(&boot.topology.modules)?,
            }
            Ok(machine)
        };
        let machine: Result<Self> = attempt().or_else(|first: anyhow::Error| {
            attempt().with_context(|| format!("the second try; the first: {first:#}"))
        });
        machine.with_context(|| format!("{} did not boot", boot.topology.name))
    }

    /// Has the guest shut down in order, and boots it again with the same disk.
    ///
    /// # Errors
    /// When the machine has no disk, does not shut down, or does not come up.
    pub fn reboot(&mut self) -> Result<()> {
        // The machine ends as it reboots, and the answer may be lost with it.
        let _ = self.run_line("systemctl --no-block reboot", COMMAND_LIMIT);
        let start = Instant::now();
        while self.qemu.try_wait()?.is_none() {
            if start.elapsed() > BOOT_LIMIT {
                return Err(self.with_console(anyhow!("the guest did not shut down")));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        self.start_again()?;
        self.wait_for_services()
    }

    /// Cuts the power, and boots the machine again with the same disk, until its agent serves: its
    /// services may still be starting. What the guest had flushed is on the disk, what it had not
    /// is lost: QEMU gets no chance to write anything back.
    ///
    /// # Errors
    /// When the machine has no disk, or does not come up.
    pub fn power_cut(&mut self) -> Result<()> {
        self.qemu.kill()?;
        self.qemu.wait()?;
        self.start_again()
    }

    fn start_again(&mut self) -> Result<()> {
        let Again { boot, disk } = self.again.take().context("this machine has no disk")?;
        let kernel = Kernel::find(&boot.kernel)?;
        let (qemu, _) = programs::qemu()?;
        let initramfs = image::initramfs(&kernel, boot.image, &boot.binaries)?;
        let mut command = launcher::guarded(&qemu);
        command.args(arguments(&boot.topology, Some(&disk)));
        command.arg("-kernel").arg(&kernel.image).arg("-initrd").arg(initramfs.path());
        *self = Self::attempt(command)?;
        self.again = Some(Again { boot, disk });
        Ok(())
    }

    /// Waits until the guest's systemd has started all that a boot starts.
    ///
    /// # Errors
    /// When it does not in time.
    pub fn wait_for_services(&self) -> Result<()> {
        let line = "until systemctl is-active --quiet multi-user.target; do sleep 0.2; done";
        let finished = self.run_line(line, BOOT_LIMIT)?;
        if finished.ending.status() != 0 {
            bail!("systemctl: {}", String::from_utf8_lossy(&finished.stderr).trim());
        }
        Ok(())
    }

    fn attempt(mut command: Command) -> Result<Self> {
        let start = Instant::now();
        let (ours, theirs) = UnixStream::pair()?;
        let (console, said) = std::io::pipe()?;
        // The chardev takes the socket as descriptor 0: it needs neither a path nor unsafe code.
        command.stdin(Stdio::from(OwnedFd::from(theirs)));
        command.stdout(said.try_clone()?).stderr(said);
        let qemu = launcher::start(command)?;
        let console = Console::follow(console);
        let (port, voice) = Port::over(ours)?;
        let mut machine = Self {
            again: None,
            qemu,
            console,
            port,
            release: String::new(),
            boot_time: Duration::ZERO,
        };
        machine.release = machine.wait_until_it_serves(&voice)?;
        machine.boot_time = start.elapsed();
        Ok(machine)
    }

    fn wait_until_it_serves(&self, voice: &Receiver<FromGuest>) -> Result<String> {
        match voice.recv_timeout(BOOT_LIMIT) {
            Ok(FromGuest::Ready { kernel }) => Ok(kernel),
            Ok(other) => Err(anyhow!("the guest's first words were {other:?}")),
            Err(RecvTimeoutError::Timeout) => {
                Err(anyhow!("the guest did not serve within {} s", BOOT_LIMIT.as_secs()))
            }
            Err(RecvTimeoutError::Disconnected) => Err(anyhow!("the machine ended as it booted")),
        }
        .map_err(|error| self.with_console(error))
    }

    fn load(&self, modules: &[String]) -> Result<()> {
        for module in modules {
            let words = ["modprobe"].into_iter().chain(module.split_whitespace());
            let finished = self.run_argv(words, COMMAND_LIMIT)?;
            if finished.ending.status() != 0 {
                bail!("`modprobe {module}`: {}", String::from_utf8_lossy(&finished.stderr).trim());
            }
        }
        Ok(())
    }

    /// What `uname -r` prints in the guest.
    #[must_use]
    pub fn release(&self) -> &str {
        &self.release
    }

    /// From QEMU's start until the guest served.
    #[must_use]
    pub fn boot_time(&self) -> Duration {
        self.boot_time
    }

    /// The last lines of the serial console, kernel messages first of all.
    #[must_use]
    pub fn console(&self) -> String {
        self.console.last_lines(CONSOLE_LINES)
    }

    /// The console as it goes on, for an outcome that may need it later.
    pub(crate) fn console_handle(&self) -> Console {
        self.console.clone()
    }

    /// Runs a program in the guest to its end.
    ///
    /// # Errors
    /// When it cannot be started, does not end within `limit`, or the guest is gone: with the
    /// console's last lines.
    pub fn run_argv<'a>(
        &self,
        argv: impl IntoIterator<Item = &'a str>,
        limit: Duration,
    ) -> Result<Finished> {
        let job = self.spawn_argv(argv)?;
        job.close_stdin()?;
        job.finish(limit).map_err(|error| self.with_console(error))
    }

    /// Runs a shell line in the guest to its end.
    ///
    /// # Errors
    /// As [`Machine::run_argv`].
    pub fn run_line(&self, line: &str, limit: Duration) -> Result<Finished> {
        self.run_argv(["sh", "-c", line], limit).map(|f| Finished { command: line.to_owned(), ..f })
    }

    /// Starts a program in the guest and lets it run.
    ///
    /// # Errors
    /// When it cannot be started or the guest is gone: with the console's last lines.
    pub fn spawn_argv<'a>(&self, argv: impl IntoIterator<Item = &'a str>) -> Result<Job> {
        let argv = argv.into_iter().map(str::to_owned).collect();
        self.spawn(Spawn { argv, terminal: None })
    }

    /// Starts a program on a terminal in the guest.
    ///
    /// # Errors
    /// As [`Machine::spawn_argv`].
    pub fn spawn_on_terminal(&self, argv: &[&str], terminal: Terminal) -> Result<Job> {
        let argv = argv.iter().map(ToString::to_string).collect();
        self.spawn(Spawn { argv, terminal: Some(terminal) })
    }

    fn spawn(&self, spawn: Spawn) -> Result<Job> {
        Job::start(&self.port, spawn, COMMAND_LIMIT).map_err(|error| self.with_console(error))
    }

    fn with_console(&self, error: anyhow::Error) -> anyhow::Error {
        let console = self.console();
        let indented: String = console.lines().map(|line| format!("\n  | {line}")).collect();
        error.context(format!("the console's last lines:{indented}\nand then"))
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        // It may have ended already; either way nothing of it stays.
        let _ = self.qemu.kill();
        let _ = self.qemu.wait();
    }
}

/// QEMU's arguments but for the kernel and its initramfs.
fn arguments(topology: &Topology, disk: Option<&Disk>) -> Vec<String> {
    let mut arguments: Vec<String> =
        ["-nodefaults", "-no-reboot", "-display", "none"].into_iter().map(str::to_owned).collect();
    let mut option = |name: &str, value: &str| {
        arguments.extend([name.to_owned(), value.to_owned()]);
    };
    option("-machine", &topology.machine);
    option("-cpu", &topology.cpu);
    option("-smp", &topology.cpus.to_string());
    option("-m", &topology.memory_mib.to_string());
    option("-accel", "tcg,thread=multi");
    option("-chardev", "file,id=console,path=/dev/stdout");
    option("-serial", "chardev:console");
    for netdev in &topology.netdevs {
        option("-netdev", netdev);
    }
    for device in &topology.devices {
        option("-device", device);
    }
    // After the machine's own devices, so that these get the slots that the topology means.
    option("-chardev", "socket,id=port,fd=0");
    // Its bus is named because QEMU would else pick the last one, which takes only bridges.
    option("-device", &format!("virtio-serial-pci,id=lab,bus={}", topology.root_bus()));
    option("-device", &format!("virtserialport,bus=lab.0,chardev=port,name={PORT_NAME}"));
    let mut append = format!("{KERNEL_ARGUMENTS} {}", topology.kernel_arguments);
    if let Some(disk) = disk {
        option("-drive", &disk.drive());
        let device = format!("virtio-blk-pci,drive=disk,bus={}", topology.root_bus());
        option("-device", &device);
        append += " ";
        append += disk::KERNEL_ARGUMENTS;
    }
    option("-append", append.trim());
    arguments.extend(topology.qemu_arguments.iter().cloned());
    arguments
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_topology_becomes_qemu_arguments() {
        let arguments = arguments(&Topology::find("seed").unwrap(), None).join(" ");
        for part in [
            "-machine q35,kernel-irqchip=split",
            "-device pxb-pcie,id=pxb,bus=pcie.0,bus_nr=10",
            "jent_mod_init intel_iommu=on iommu=pt",
            "name=virtfn.lab",
        ] {
            assert!(arguments.contains(part), "{part} in {arguments}");
        }
    }
}
