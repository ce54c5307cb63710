//! Everyone else's configuration as a policy, and a policy as everyone else's configuration.
//!
//! [`FORMATS`] is the table of formats: where each has its files, what it can say ([`Part`]) and by
//! what it names a device ([`Key`]). The command line, its help and docs/formats.md are made of it,
//! and so is most of what is told as lost: [`export`] takes out of a policy all that the format has
//! no word for, says so, and hands the rest to the format's own `write`.
//!
//! To add a format: one file here with `FORMAT`, a `read` and a `write`, and one line in the table.

mod devbind;
mod draft;
mod driverctl;
mod libvirt;
mod machine;
mod modprobe;
mod netplan;
mod network_manager;
mod networkd;
mod nmstate;
mod openstack;
mod part;
mod proxmox;
mod resolve;
mod shell;
mod sysfs_conf;

use std::str::FromStr;

use virtfn_host::{Declared, DriverWish, Owner, Place, Switch, VlanProto};

use crate::File;

pub use draft::joined;
pub use machine::{KnownFunction, KnownPf, Machine};
pub use part::{Key, Part};

use draft::Drafts;

/// Every format, in the order in which help shows them.
pub const FORMATS: &[Format] = &[
    netplan::FORMAT,
    networkd::FORMAT,
    network_manager::FORMAT,
    nmstate::FORMAT,
    modprobe::FORMAT,
    sysfs_conf::FORMAT,
    driverctl::FORMAT,
    devbind::FORMAT,
    shell::FORMAT,
    libvirt::FORMAT,
    proxmox::FORMAT,
    openstack::FORMAT,
];

/// A format that configuration comes in and goes out to.
#[derive(Clone, Copy, Debug)]
pub struct Format {
    /// What it is called on the command line.
    pub name: &'static str,
    /// What it is, in a sentence without its end.
    pub about: &'static str,
    /// Whose files [`crate::SOURCES`] lists for it.
    pub owner: Option<Owner>,
    /// More of its files on a host: a folder, and how their names begin and end.
    pub places: &'static [(&'static str, &'static str, &'static str)],
    /// What it has words for.
    pub holds: &'static [Part],
    /// By what it names a PF.
    pub keys: &'static [Key],
    /// What else is to be known of it, a sentence each.
    pub remarks: &'static [&'static str],
    /// Versions of its program that can hold less than today's: the first that holds it, and what.
    pub since: &'static [(Version, &'static str)],
    read: fn(&[File<'_>], &Terms<'_>, &mut Drafts),
    write: fn(&Declared, &Terms<'_>, &mut Exported),
}

/// What is known of the machine, and what is wanted.
#[derive(Clone, Copy, Debug, Default)]
pub struct Terms<'a> {
    /// The machine's devices, where they are known.
    pub machine: Option<&'a Machine>,
    /// The version of the program that shall read an export; `None`: today's.
    pub version: Option<Version>,
}

impl Terms<'_> {
    /// Has the program the format is for what came with `version`?
    fn since(&self, version: Version) -> bool {
        self.version.is_none_or(|wanted| wanted >= version)
    }
}

/// A program's version, as far as it matters: `1.46`, `26`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version(pub u32, pub u32);

impl FromStr for Version {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let bad = || format!("`{text}` is not a version (1.46)");
        let mut parts = text.split('.').map(|part| part.parse::<u32>().map_err(|_| bad()));
        let major = parts.next().ok_or_else(bad)??;
        let minor = parts.next().transpose()?.unwrap_or(0);
        Ok(Self(major, minor))
    }
}

impl std::fmt::Display for Version {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.1 {
            0 => write!(f, "{}", self.0),
            minor => write!(f, "{}.{minor}", self.0),
        }
    }
}

/// What was not, or not wholly, carried over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lost {
    /// Where it stands; a line of 0 is the file as a whole, an empty path no file at all.
    pub place: Place,
    /// What.
    pub what: String,
}

impl Lost {
    fn new(path: &str, line: u32, what: impl Into<String>) -> Self {
        Self { place: Place { path: path.to_owned(), line, column: 0 }, what: what.into() }
    }

    fn at(place: &Place, what: impl Into<String>) -> Self {
        Self { place: place.clone(), what: what.into() }
    }
}

impl std::fmt::Display for Lost {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.place {
            Place { path, .. } if path.is_empty() => f.write_str(&self.what),
            Place { path, line: 0, .. } => write!(f, "{path}: {}", self.what),
            Place { path, line, .. } => write!(f, "{path}:{line}: {}", self.what),
        }
    }
}

/// What a format's files came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Imported {
    /// The policy.
    pub declared: Declared,
    /// What bears on SR-IOV and that no policy, or not this one, can say.
    pub lost: Vec<Lost>,
    /// What is wrong with the files: it does not do what its author meant.
    pub faults: Vec<Lost>,
}

/// What a policy came to in a format.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Exported {
    /// Its files: path below the root, without a leading slash, and text.
    pub files: Vec<(String, String)>,
    /// What the format has no word for.
    pub lost: Vec<Lost>,
}

impl Exported {
    fn file(&mut self, path: impl Into<String>, text: impl Into<String>) {
        self.files.push((path.into(), text.into()));
    }

    fn lose(&mut self, place: &Place, what: impl Into<String>) {
        self.lost.push(Lost::at(place, what));
    }
}

impl Exported {
    /// Tells of a version that reads the files and makes no VFs of them.
    fn needs(&mut self, program: &str, first: Version, terms: &Terms<'_>) {
        if !terms.since(first) && !self.files.is_empty() {
            self.lose(&Place::default(), format!("{program} before {first} makes no VFs at all"));
        }
    }
}

/// The format of a name.
#[must_use]
pub fn format(name: &str) -> Option<&'static Format> {
    FORMATS.iter().find(|format| format.name == name)
}

/// Reads a format's files as a policy. Drop-ins of a file stand behind it.
#[must_use]
pub fn import(format: &Format, files: &[File<'_>], terms: &Terms<'_>) -> Imported {
    let mut drafts = Drafts::default();
    for file in files.iter().filter(|file| file.text.len() > crate::MAX_FILE_BYTES) {
        drafts.lose(file.path, 0, "too large: no configuration is");
    }
    let files: Vec<File<'_>> =
        files.iter().copied().filter(|file| file.text.len() <= crate::MAX_FILE_BYTES).collect();
    (format.read)(&files, terms, &mut drafts);
    drafts.finish(terms)
}

/// Writes a policy in a format.
#[must_use]
pub fn export(format: &Format, declared: &Declared, terms: &Terms<'_>) -> Exported {
    let mut exported = Exported::default();
    let held = part::held(declared, format, &mut exported.lost);
    let resolved = resolve::resolve(&held, format, terms, &mut exported.lost);
    (format.write)(&resolved, terms, &mut exported);
    exported
}

/// A driver as foreign files name it: `none` is nobody, and nothing more than a name is one.
fn driver_wish(text: &str) -> Option<DriverWish> {
    let fits = |byte: u8| byte.is_ascii_graphic() && byte != b'/';
    let sound = (1..=63).contains(&text.len()) && text.bytes().all(fits);
    match text {
        _ if !sound => None,
        "none" => Some(DriverWish::None),
        "default" => Some(DriverWish::Default),
        // The words of a policy are no drivers' names.
        "vfio" => Some(DriverWish::Vfio),
        name => Some(DriverWish::Named(name.to_owned())),
    }
}

/// The kind of a VLAN tag, in whichever letters.
fn proto(text: &str) -> Option<VlanProto> {
    match text.to_ascii_lowercase().as_str() {
        "802.1q" | "q" => Some(VlanProto::Dot1Q),
        "802.1ad" | "ad" => Some(VlanProto::Dot1Ad),
        _ => None,
    }
}

/// A switch as systemd, NetworkManager and nmstate write it.
fn switch(text: &str) -> Option<Switch> {
    match text.to_ascii_lowercase().as_str() {
        "1" | "yes" | "true" | "on" | "y" | "t" => Some(Switch::On),
        "0" | "no" | "false" | "off" | "n" | "f" => Some(Switch::Off),
        _ => None,
    }
}

/// A name that may stand in a file's path.
fn slug(text: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || c == '-' || c == '_' { c } else { '-' };
    text.chars().map(plain).collect()
}

#[cfg(test)]
mod tests;
