//! How many VFs a PF can have, and what the kernel would say to one more.
//!
//! The order is the kernel's own: `sriov_numvfs_store` (`drivers/pci/pci-sysfs.c`) asks the driver's
//! limit, then the driver, which asks `sriov_enable` (`drivers/pci/iov.c`): the device's registers,
//! the memory, the bus numbers.

mod buses;
mod driver;
mod memory;
mod registers;

use std::fmt;

use virtfn_host::{Function, Host};

pub use buses::NoBuses;
pub use memory::NoMemory;
pub use registers::Contradiction;

use crate::acs::Unseen;

/// How many VFs a PF can have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Room {
    /// All that limits them, in the order in which the kernel asks. The driver's own limit is
    /// always there.
    pub limits: Vec<Limit>,
    /// What may limit them and could not be seen.
    pub unseen: Vec<Doubt>,
}

/// One thing that limits the VFs of a PF.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limit {
    /// How many VFs can be made; one more is refused.
    pub most: u16,
    /// By what.
    pub cause: Cause,
}

/// Something that may limit the VFs, and could not be seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Doubt {
    /// About what.
    pub about: Question,
    /// What could not be seen.
    pub unseen: Unseen,
}

/// What the kernel asks before it makes VFs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Question {
    /// Is the driver able to?
    Driver,
    /// Do the device's registers agree with each other?
    Registers,
    /// Is there memory for the VFs' BARs?
    Memory,
    /// Are there bus numbers for their routing IDs?
    Buses,
}

/// What limits VFs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The driver allows no more (`sriov_totalvfs`).
    Driver {
        /// The driver, if the PF has one.
        driver: Option<String>,
    },
    /// The PF works without MSI-X, and its driver makes no VFs then.
    NoMsiX {
        /// The driver.
        driver: &'static str,
        /// Does the card have MSI-X at all? Else the kernel was told to leave it.
        capable: bool,
    },
    /// The PF's interface is down, and its driver makes no VFs then.
    Down {
        /// The driver.
        driver: &'static str,
        /// The interface.
        netdev: String,
    },
    /// The device's registers contradict each other.
    Registers(Contradiction),
    /// The kernel found no memory for the VFs' BARs.
    Memory(NoMemory),
    /// Their routing IDs need bus numbers that the bridge above does not have.
    Buses(NoBuses),
}

/// What a write of too large a number to `sriov_numvfs` fails with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Errno {
    /// Numerical result out of range.
    Range,
    /// Operation not permitted.
    Perm,
    /// Input/output error.
    Io,
    /// No such device.
    NoDev,
    /// Function not implemented.
    NoSys,
    /// Cannot allocate memory.
    NoMem,
    /// None: the write succeeds and no VF is there.
    Silence,
}

/// Judges how many VFs a function can have; `None` for one that is no PF.
///
/// VFs that are there have found room: the answer is then about making as many again.
#[must_use]
pub fn room(host: &Host, function: &Function) -> Option<Room> {
    let pf = function.pf()?;
    let mut room = Room { limits: Vec::new(), unseen: Vec::new() };
    let driver = Cause::Driver { driver: function.driver.clone() };
    room.limits.push(Limit { most: pf.total_vfs, cause: driver });
    room.add(Question::Driver, driver::judge(host, function));
    room.add(Question::Registers, registers::judge(host, function));
    room.add(Question::Memory, memory::judge(host, function, pf));
    room.add(Question::Buses, buses::judge(host, function, pf));
    Some(room)
}

/// What one question gave: a limit, none, or something that could not be seen.
type Answer = Result<Option<Limit>, Unseen>;

impl Room {
    /// How many VFs can be made, as far as it could be seen.
    #[must_use]
    pub fn fits(&self) -> u16 {
        self.limits.iter().map(|limit| limit.most).min().unwrap_or(0)
    }

    /// Why the kernel would refuse `count` VFs: the first thing that it would stumble over.
    #[must_use]
    pub fn refusal(&self, count: u16) -> Option<&Limit> {
        self.limits.iter().find(|limit| limit.most < count)
    }

    /// The limit that answers a question, and the doubt about it.
    #[must_use]
    pub fn about(&self, question: Question) -> (Option<&Limit>, Option<&Unseen>) {
        let limit = self.limits.iter().find(|limit| limit.cause.question() == Some(question));
        let doubt = self.unseen.iter().find(|doubt| doubt.about == question);
        (limit, doubt.map(|doubt| &doubt.unseen))
    }

    fn add(&mut self, about: Question, answer: Answer) {
        match answer {
            Ok(limit) => self.limits.extend(limit),
            Err(unseen) => self.unseen.push(Doubt { about, unseen }),
        }
    }
}

impl Cause {
    /// The question that it answers; the number in `sriov_totalvfs` answers none of them.
    #[must_use]
    pub const fn question(&self) -> Option<Question> {
        match self {
            Self::Driver { .. } => None,
            Self::NoMsiX { .. } | Self::Down { .. } => Some(Question::Driver),
            Self::Registers(_) => Some(Question::Registers),
            Self::Memory(_) => Some(Question::Memory),
            Self::Buses(_) => Some(Question::Buses),
        }
    }

    /// What the write to `sriov_numvfs` fails with.
    #[must_use]
    pub const fn errno(&self) -> Errno {
        match self {
            Self::Driver { .. } => Errno::Range,
            Self::NoMsiX { .. } => Errno::Perm,
            Self::Down { .. } => Errno::Silence,
            Self::Registers(contradiction) => contradiction.errno(),
            Self::Memory(_) | Self::Buses(_) => Errno::NoMem,
        }
    }

    /// The kernel's own words for it in its log, when `count` VFs are asked for; `None` where it
    /// says nothing. Those of Linux 6.1 to 6.12.
    #[must_use]
    pub fn kernel_words(&self, count: u16) -> Option<String> {
        match self {
            Self::Memory(_) => Some("not enough MMIO resources for SR-IOV".into()),
            Self::Buses(buses) => Some(buses.kernel_words(count)),
            Self::Down { .. } => Some("Reject SRIOV config request since if is down!".into()),
            Self::Driver { .. } | Self::NoMsiX { .. } | Self::Registers(_) => None,
        }
    }

    /// What the kernel answers to an order for `count` VFs, as people read it: the errno and its own
    /// words, `ENOMEM, not enough MMIO resources for SR-IOV`.
    #[must_use]
    pub fn kernel_answer(&self, count: u16) -> String {
        let (errno, _) = self.errno().names();
        let errno = Some(errno.to_owned()).filter(|errno| !errno.is_empty());
        errno.into_iter().chain(self.kernel_words(count)).collect::<Vec<_>>().join(", ")
    }
}

impl Errno {
    /// Its name in C, and its words; empty for none.
    #[must_use]
    pub const fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::Range => ("ERANGE", "Numerical result out of range"),
            Self::Perm => ("EPERM", "Operation not permitted"),
            Self::Io => ("EIO", "Input/output error"),
            Self::NoDev => ("ENODEV", "No such device"),
            Self::NoSys => ("ENOSYS", "Function not implemented"),
            Self::NoMem => ("ENOMEM", "Cannot allocate memory"),
            Self::Silence => ("", ""),
        }
    }
}

impl fmt::Display for Cause {
    /// A clause, without the PF: `its driver igb allows 7 (sriov_totalvfs)` less the number.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Driver { driver: Some(driver) } => {
                write!(f, "its driver {driver} allows no more")
            }
            Self::Driver { driver: None } => f.write_str("the card has no more"),
            Self::NoMsiX { driver, capable: true } => {
                write!(
                    f,
                    "{driver} makes VFs with MSI-X alone, which this kernel was told to leave off"
                )
            }
            Self::NoMsiX { driver, capable: false } => {
                write!(f, "{driver} makes VFs with MSI-X alone, and the card shows none")
            }
            Self::Down { driver, netdev } => {
                write!(f, "{driver} makes none while {netdev} is down")
            }
            Self::Registers(contradiction) => contradiction.fmt(f),
            Self::Memory(memory) => memory.fmt(f),
            Self::Buses(buses) => buses.fmt(f),
        }
    }
}
