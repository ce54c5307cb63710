//! A virtual machine inside a guest with a whole system: real libvirt, real QEMU, a real kernel with the
//! VF's own driver.
//!
//! It boots the small image and our two programs, so that what a test asks of it goes the way that
//! it goes to a guest: over a port to the same agent.

use std::fmt::Write as _;
use std::time::Duration;

use crate::guest::Guest;
use crate::outcome::Outcome;

/// An emulated processor's virtualization: a boot takes a minute where the host is busy.
const BOOT_LIMIT: Duration = Duration::from_secs(400);
/// What its kernel is told, beside what every guest of the lab is told.
const WORDS: &str = "console=ttyS0 panic=-1 no_timer_check quiet mitigations=off nokaslr audit=0 \
     apparmor=0 rodata=off cryptomgr.notests lab.nested \
     initcall_blacklist=crypto_kdf108_init,init_encrypted,jent_mod_init";
/// What its agent's port is called inside.
const PORT: &str = virtfn_lab_protocol::PORT_NAME;
const IMAGE: &str = "/var/tmp/nested.img";

/// A virtual machine that libvirt has in a guest.
#[derive(Clone, Copy)]
pub struct Nested<'g> {
    guest: &'g Guest,
    name: &'g str,
}

impl Guest {
    /// Defines a virtual machine in this guest, with `devices` (libvirt's XML) beside its own: four
    /// ports for what is plugged later.
    ///
    /// # Panics
    /// When libvirt does not take it.
    #[track_caller]
    pub fn define<'g>(&'g self, name: &'g str, devices: &str) -> Nested<'g> {
        self.ok("systemctl start libvirtd && modprobe kvm_amd");
        self.ok(&format!(
            "[ -e {IMAGE} ] || cat /boot/small.cpio /run/lab/programs.cpio > {IMAGE}"
        ));
        let file = format!("/var/tmp/{name}.xml");
        self.ok(&format!(
            "cat > {file} <<'END'\n{}END\nvirsh define {file}",
            domain(name, devices)
        ));
        Nested { guest: self, name }
    }
}

impl Guest {
    /// The shell words that start a QEMU of one's own as such a machine, without libvirt, with `more` among
    /// its arguments; its monitor is at [`Nested::monitor`].
    ///
    /// # Panics
    /// When the machine cannot be made ready for it.
    #[track_caller]
    pub fn qemu<'g>(&'g self, name: &'g str, more: &str) -> (String, Nested<'g>) {
        self.prepare_nested();
        let nested = Nested { guest: self, name };
        let (console, socket, monitor) = (console(name), socket(name), nested.monitor());
        let line = format!(
            "qemu-system-x86_64 -name guest={name} -machine q35 -accel kvm -cpu host -m 256 -nodefaults \
             -display none -kernel /boot/vmlinuz -initrd {IMAGE} -append '{WORDS}' -serial file:{console} \
             -chardev socket,id=port,path={socket},server=on,wait=off -device virtio-serial-pci \
             -device virtserialport,chardev=port,name={PORT} -device pcie-root-port,id=rp1,chassis=1,slot=1 \
             -device pcie-root-port,id=rp2,chassis=2,slot=2 -qmp unix:{monitor},server=on,wait=off {more}"
        );
        (line, nested)
    }

    fn prepare_nested(&self) {
        self.ok("modprobe kvm_amd");
        self.ok(&format!(
            "[ -e {IMAGE} ] || cat /boot/small.cpio /run/lab/programs.cpio > {IMAGE}"
        ));
    }
}

impl Nested<'_> {
    /// The socket of the monitor of a QEMU without libvirt.
    #[must_use]
    pub fn monitor(&self) -> String {
        format!("/var/tmp/{}.qmp", self.name)
    }

    /// Starts it, and waits until its agent answers.
    ///
    /// # Panics
    /// When it does not.
    #[track_caller]
    pub fn start(&self) {
        self.guest.ok(&format!("virsh start {}", self.name));
        self.booted();
    }

    /// Waits until its agent answers.
    ///
    /// # Panics
    /// When it does not: with what its console said.
    #[track_caller]
    pub fn booted(&self) {
        self.guest.eventually(&format!("[ -S {} ]", socket(self.name)));
        let line = self.line("true");
        let outcome = self.guest.run_within(BOOT_LIMIT, &line);
        if outcome.status() != 0 {
            let console = self.guest.run(&format!("tail -n 30 {}", console(self.name))).stdout();
            panic!("{} did not boot: {}\n{console}", self.name, outcome.stderr());
        }
    }

    /// Runs a shell line in it to its end.
    ///
    /// # Panics
    /// When it does not answer.
    #[track_caller]
    pub fn run(&self, line: &str) -> Outcome {
        self.guest.run(&self.line(line))
    }

    /// Runs a shell line in it that must exit with status 0; returns its standard output.
    ///
    /// # Panics
    /// When it does not.
    #[track_caller]
    pub fn ok(&self, line: &str) -> String {
        self.run(line).exits(0).stdout()
    }

    /// Waits until a shell line in it exits with status 0.
    ///
    /// # Panics
    /// When it does not in time: with its last outcome.
    #[track_caller]
    pub fn eventually(&self, line: &str) {
        self.guest.eventually(&self.line(line));
    }

    /// The guest's shell line that runs `line` in the virtual machine.
    #[must_use]
    pub fn line(&self, line: &str) -> String {
        let quoted = line.replace('\'', r"'\''");
        format!("lab-guest ask --seconds 300 {} sh -c '{quoted}'", socket(self.name))
    }
}

fn socket(name: &str) -> String {
    format!("/var/tmp/{name}.sock")
}

fn console(name: &str) -> String {
    format!("/var/tmp/{name}.console")
}

/// As a person's domain is: q35, with root ports for what is plugged in.
fn domain(name: &str, devices: &str) -> String {
    let mut ports = String::new();
    for index in 1..=4 {
        let _ =
            writeln!(ports, "    <controller type='pci' index='{index}' model='pcie-root-port'/>");
    }
    format!(
        "<domain type='kvm'>\n  <name>{name}</name>\n  <memory unit='MiB'>256</memory>\n  <vcpu>1</vcpu>\n  \
         <os>\n    <type arch='x86_64' machine='q35'>hvm</type>\n    <kernel>/boot/vmlinuz</kernel>\n    \
         <initrd>{IMAGE}</initrd>\n    <cmdline>{WORDS}</cmdline>\n  </os>\n  <features><acpi/><apic/></features>\n  \
         <cpu mode='host-passthrough'/>\n  <on_reboot>destroy</on_reboot>\n  <devices>\n    \
         <controller type='pci' index='0' model='pcie-root'/>\n{ports}    \
         <serial type='file'><source path='{console}'/></serial>\n    \
         <channel type='unix'><source mode='bind' path='{socket}'/><target type='virtio' name='{PORT}'/></channel>\n    \
         <memballoon model='none'/>\n{devices}  </devices>\n</domain>\n",
        console = console(name),
        socket = socket(name),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_domain_has_its_ports_and_what_a_test_gives_it() {
        let text = domain("web", "    <watchdog model='itco'/>\n");
        assert_eq!(text.matches("pcie-root-port").count(), 4);
        assert!(text.contains(PORT) && text.contains("/var/tmp/web.sock"), "{text}");
        assert!(
            text.ends_with("    <watchdog model='itco'/>\n  </devices>\n</domain>\n"),
            "{text}"
        );
    }
}
