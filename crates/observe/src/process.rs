//! Is the process that a record names still the guest that it was?

use virtfn_formats::guest::is_vmm;
use virtfn_host::Seen;
use virtfn_kernel::SysRoot;
use virtfn_kernel::path::last;

/// What became of a guest's process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Process {
    /// It runs, as far as anybody can tell.
    Guest,
    /// There is no process of that number.
    Gone,
    /// The number is another program's now.
    Another(String),
}

/// Looks at the process of that number; `emulator` is the program that the record names.
///
/// A process may call itself what it likes, and libvirt lets it, so its program counts. Where that
/// may not be seen, and where another guest has come by the number, the record is believed: a guest
/// too many stops a command, one too few loses its network.
pub(crate) fn look_for(root: &SysRoot, pid: u32, emulator: Option<&str>) -> Process {
    let name = match root.peek(&format!("proc/{pid}/comm"), 1024) {
        Seen::Known(name) => name,
        Seen::Absent if has_processes(root) => return Process::Gone,
        Seen::Absent | Seen::Unreadable(_) => return Process::Guest,
    };
    let name = name.trim();
    if is_vmm(name) {
        return Process::Guest;
    }
    let Seen::Known(program) = root.peek_link(&format!("proc/{pid}/exe")) else {
        return Process::Guest;
    };
    // What the kernel adds once an upgrade has replaced the file.
    let program = program.strip_suffix(" (deleted)").unwrap_or(&program);
    if is_vmm(last(program)) || emulator.is_some_and(|emulator| last(emulator) == last(program)) {
        return Process::Guest;
    }
    Process::Another(name.chars().filter(|c| !c.is_control()).take(64).collect())
}

/// A recording may have none at all.
fn has_processes(root: &SysRoot) -> bool {
    let is_process = |name: &str| name.bytes().all(|byte| byte.is_ascii_digit());
    root.is_live() || root.peek_names("proc", is_process).known().is_some_and(|all| !all.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::symlink;

    fn root(comm: Option<&str>, program: Option<&str>) -> (tempfile::TempDir, SysRoot) {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("proc/1")).unwrap();
        if let Some(comm) = comm {
            fs::create_dir_all(folder.path().join("proc/812")).unwrap();
            fs::write(folder.path().join("proc/812/comm"), format!("{comm}\n")).unwrap();
        }
        if let Some(program) = program {
            symlink(program, folder.path().join("proc/812/exe")).unwrap();
        }
        let root = SysRoot::open(folder.path()).unwrap();
        (folder, root)
    }

    #[test]
    fn a_number_that_another_program_has_is_no_guest() {
        let another = Process::Another("postgres".into());
        for (comm, program, expected) in [
            (Some("qemu-system-x86"), None, Process::Guest),
            (Some("qemu:web"), None, Process::Guest),
            (Some("web"), Some("/usr/bin/qemu-system-x86_64 (deleted)"), Process::Guest),
            (Some("web"), Some("/opt/vmm/emulator"), Process::Guest),
            // Its program may not be seen.
            (Some("web"), None, Process::Guest),
            (Some("postgres"), Some("/usr/lib/postgresql/bin/postgres"), another),
            (None, None, Process::Gone),
        ] {
            let (_folder, root) = root(comm, program);
            let found = look_for(&root, 812, Some("/usr/local/bin/emulator"));
            assert_eq!(found, expected, "{comm:?} {program:?}");
        }
    }

    #[test]
    fn a_recording_without_processes_says_nothing_of_them() {
        let folder = tempfile::tempdir().unwrap();
        let root = SysRoot::open(folder.path()).unwrap();
        assert_eq!(look_for(&root, 812, None), Process::Guest);
    }
}
