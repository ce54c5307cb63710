//! Text in and out: the configuration of those who own devices beside us, read as claims.
//!
//! [`SOURCES`] says which files there are and who reads them; a reader takes [`File`]s and gives a
//! [`Reading`]: [`Claim`]s, and what it could not understand. Text in, values out: no I/O. The text
//! comes from anybody: readers are bounded, and never panic.
//!
//! A claim keeps what bears on SR-IOV and nothing else: passwords and the like, which stand in the
//! same files, are never in a [`Reading`]. What each format loses on the way is said in its file.
//!
//! To add a format: one file here, one line in [`SOURCES`].

pub mod adopt;
mod driverctl;
pub mod exchange;
mod fault;
pub mod guest;
mod ifcfg;
mod ifupdown;
mod ini;
mod libvirt;
mod modprobe;
mod netplan;
mod network_manager;
mod networkd;
mod neutron;
mod operator;
mod own;
pub mod policy;
mod proxmox;
mod script;
mod shell;
mod sources;
mod sysfs_line;
mod udev;
mod unit;
pub mod vm;
mod xml;
mod yaml;

use virtfn_host::{Claim, Condition, Demand, Owner, Quirk};

pub use fault::Fault;
pub use script::read_program;
pub use sources::{SOURCES, Shadow, Source};

/// No file of configuration is larger than this; what is has not been written by people.
pub const MAX_FILE_BYTES: usize = 512 << 10;
/// No file lays down more than this: a PF has at most 65,535 VFs, and nobody names so many.
pub const MAX_CLAIMS: usize = 4096;

/// One file: its path below the root, and its text.
#[derive(Clone, Copy, Debug)]
pub struct File<'a> {
    /// Where it is.
    pub path: &'a str,
    /// What is in it.
    pub text: &'a str,
}

/// What a reader made of a file and its drop-ins.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    /// What it lays down.
    pub claims: Vec<Claim>,
    /// What speaks of SR-IOV and was not understood.
    pub unread: Vec<Unread>,
    /// Programs that it runs, which may lay down more.
    pub runs: Vec<Run>,
}

/// A program that a file runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// Its path, without a leading slash.
    pub path: String,
    /// What is to be known about all that it does.
    pub quirks: Vec<Quirk>,
}

/// A place that was not understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unread {
    /// The file.
    pub path: String,
    /// The line, from 1.
    pub line: u32,
    /// What is the matter.
    pub why: String,
}

impl Reading {
    /// Notes a claim, up to [`MAX_CLAIMS`].
    fn claim(&mut self, owner: Owner, path: &str, line: u32, of: &[Condition], what: Demand) {
        if self.claims.len() < MAX_CLAIMS {
            self.claims.push(Claim {
                owner,
                path: path.to_owned(),
                line: (line > 0).then_some(line),
                of: of.to_vec(),
                what,
                quirks: Vec::new(),
            });
        }
    }

    /// Notes what was not understood.
    fn miss(&mut self, path: &str, line: u32, why: impl Into<String>) {
        if self.unread.len() < MAX_CLAIMS {
            self.unread.push(Unread { path: path.to_owned(), line, why: why.into() });
        }
    }
}

/// The lines of a text, from 1.
fn numbered(text: &str) -> impl Iterator<Item = (u32, &str)> {
    (1..).zip(text.lines())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Whatever the text, every reader ends, and says a bounded amount.
        #[test]
        fn no_text_makes_a_reader_panic(text in "(?s).{0,400}", tail in "[ -~\n]{0,400}") {
            let text = format!("{text}\n{tail}");
            for source in SOURCES {
                let reading = (source.read)(&[File { path: "etc/x", text: &text }]);
                prop_assert!(reading.claims.len() <= MAX_CLAIMS);
            }
            read_guests(&text);
        }

        /// The words that readers look for, in any order.
        #[test]
        fn no_order_of_words_makes_a_reader_panic(words in prop::collection::vec(word(), 0..40)) {
            let text = words.concat();
            for source in SOURCES {
                let reading = (source.read)(&[File { path: "etc/x", text: &text }]);
                prop_assert!(reading.claims.len() <= MAX_CLAIMS);
            }
            read_guests(&text);
        }
    }

    fn read_guests(text: &str) {
        let _ = (guest::domain(text), guest::network(text), guest::saved(text));
        let _ = (guest::config(text), guest::mappings(text, Some("a")), guest::reservations(text));
        let _ = ["kvm", "crosvm", "firecracker"].map(|vmm| guest::vmm(vmm, text));
    }

    fn word() -> impl Strategy<Value = &'static str> {
        prop::sample::select(vec![
            "network:\n",
            "  ethernets:\n",
            "    eth0:\n",
            "      virtual-function-count: ",
            "4",
            "\n",
            "[SR-IOV]\n",
            "[Match]\n",
            "Name=",
            "eth0",
            "VirtualFunction=",
            "0",
            "[sriov]\n",
            "vf.0=",
            "total-vfs=",
            "[connection]\n",
            "interface-name=",
            "echo ",
            " > ",
            "/sys/class/net/",
            "/device/sriov_numvfs",
            "ATTR{",
            "}",
            "==",
            "\"",
            "=",
            ",",
            "iface ",
            "$IFACE",
            "\\\n",
            "options igb max_vfs=",
            "<domain>",
            "<hostdev>",
            "<address ",
            "domain='0x0'",
            "/>",
            "<",
            ">",
            "<!--",
            "-->",
            "</domain>",
            "hostpci0: ",
            "<domstatus state='running' pid='7'>",
            "<actual type='hostdev'>",
            "<source network='v'>",
            "<forward mode='hostdev'>",
            "\tmap path=",
            " 100 pid:7",
            "-name\0",
            "0000:0b:10.0",
            ";",
            "# ",
            "{",
            "\u{e9}",
        ])
    }
}
