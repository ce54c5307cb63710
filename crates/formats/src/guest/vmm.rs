//! Virtual machine monitors that nobody keeps records of: what their processes are called, and what
//! their command lines call the guest.

use virtfn_host::{ManagedBy, Vm};

use super::name;

/// No command line is read further than this.
const MAX_ARGUMENTS: usize = 4096;

/// Is a program of this name one that runs guests? Names of processes are cut to 15 bytes.
#[must_use]
pub fn is_vmm(program: &str) -> bool {
    is_qemu(program)
        || ["cloud-hyperviso", "crosvm", "firecracker"].iter().any(|one| program.starts_with(one))
}

/// `qemu-system-x86_64`, Fedora's `qemu-kvm`, Debian's and Proxmox's `kvm`; libvirt may call a
/// process `qemu:NAME`.
fn is_qemu(program: &str) -> bool {
    program.starts_with("qemu") || program == "kvm"
}

/// The guest in a process of that name, by its command line (`/proc/PID/cmdline`: arguments that
/// end in zeros). A process can write there what it likes.
///
/// QEMU: `-name guest=NAME,…` or `-name NAME,…`; Proxmox's has the guest's number in `-id`.
/// crosvm: `--name NAME`; firecracker: `--id NAME`; cloud-hypervisor gives guests no names.
#[must_use]
pub fn vmm(program: &str, command_line: &str) -> Option<Vm> {
    let arguments: Vec<&str> = command_line.split('\0').take(MAX_ARGUMENTS).collect();
    let after = |option: &str| {
        // QEMU takes its options with one dash and with two.
        let is_it = |word: &&str| *word == option || word.strip_prefix('-') == Some(option);
        let at = arguments.iter().position(is_it)?;
        arguments.get(at + 1).copied().filter(|value| !value.is_empty())
    };
    let vm = |text: &str, managed_by| {
        let text = text.trim();
        (!text.is_empty()).then(|| Vm { name: name(text), managed_by })
    };
    if is_qemu(program) {
        if let Some(number) = after("-id").filter(|id| id.bytes().all(|byte| byte.is_ascii_digit()))
        {
            return vm(number, ManagedBy::Proxmox);
        }
        return vm(&qemu_name(after("-name")?)?, ManagedBy::Qemu);
    }
    let option = if program.starts_with("crosvm") { "--name" } else { "--id" };
    let named = program.starts_with("crosvm") || program.starts_with("firecracker");
    vm(after(option).filter(|_| named)?, ManagedBy::Other)
}

/// The guest's name out of `guest=NAME,debug-threads=on` or `NAME,process=…`; a comma in it is
/// doubled.
fn qemu_name(value: &str) -> Option<String> {
    let mut parts: Vec<String> = vec![String::new()];
    let mut letters = value.chars().peekable();
    while let Some(letter) = letters.next() {
        let doubled = letter == ',' && letters.next_if_eq(&',').is_some();
        match parts.last_mut() {
            Some(part) if letter != ',' || doubled => part.push(letter),
            _ => parts.push(String::new()),
        }
    }
    let told = parts.iter().find_map(|part| part.strip_prefix("guest=")).map(str::to_owned);
    let first = parts.first().filter(|first| !first.contains('=')).cloned();
    told.or(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn guests_are_named_by_their_command_lines() {
        for (program, line, expected) in [
            ("qemu-system-x86", "qemu-system-x86_64\0-m\x001G\0-name\0MyGuest\0", Some("MyGuest")),
            ("qemu-system-x86", "q\0-name\0guest=web,debug-threads=on\0", Some("web")),
            ("qemu-kvm", "q\0--name\0debug-threads=on,guest=a,,b\0", Some("a,b")),
            ("kvm", "/usr/bin/kvm\0-id\x00100\0-name\0web,debug-threads=on\0", Some("100")),
            ("qemu-system-x86", "q\0-id\0none\0-name\0db\0", Some("db")),
            ("qemu-system-x86", "q\0-nographic\0", None),
            ("qemu-system-x86", "q\0-name", None),
            ("qemu-system-x86", "q\0-name\0process=x\0", None),
            ("firecracker", "firecracker\0--id\0vm1\0", Some("vm1")),
            ("crosvm", "crosvm\0run\0--name\0c1\0", Some("c1")),
            ("cloud-hyperviso", "cloud-hypervisor\0--api-socket\0/x\0", None),
            ("dpdk-testpmd", "dpdk-testpmd\0-name\0x\0", None),
        ] {
            let found = vmm(program, line).map(|vm| vm.name);
            assert_eq!(found.as_deref(), expected, "{program} {line:?}");
        }
        assert!(is_vmm("qemu:web") && is_vmm("kvm") && !is_vmm("kvm-nx-lpage-re"));
    }

    #[test]
    fn no_command_line_is_too_long() {
        let line = "-name\0".to_owned() + &"x".repeat(1 << 20);
        assert_eq!(vmm("kvm", &line).unwrap().name.len(), 256);
        assert_eq!(vmm("kvm", &"a\0".repeat(1 << 16)), None);
    }
}
