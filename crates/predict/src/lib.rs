//! What the kernel would do: which functions it can keep apart, and which link of the path to the
//! root ends that.
//!
//! [`isolation()`] judges one function by the rules of Linux 6.12 (`drivers/iommu/iommu.c`,
//! `pci_device_group`; `drivers/pci/pci.c`, `pci_acs_enabled`; `drivers/pci/quirks.c`). Pure: the
//! kernel's own groups are its oracle, and its tests compare with them. [`groups()`] runs the kernel's
//! algorithm over a whole host and gives the groups that it would make; [`with_vfs()`] supposes VFs
//! that are not there yet.
//!
//! [`room()`] says how many VFs a PF can have, what limits them, and what the kernel would say to one
//! more; [`known()`] what their driver gives each.
//!
//! [`guest_view()`] says what a guest that has a function through VFIO reaches of its config space,
//! bit by bit, and [`regions()`] of its memory.
//!
//! What could not be seen is [`Unseen`], and never passes.

mod acs;
mod cover;
mod drivers;
mod groups;
mod guest;
mod isolation;
mod kernel_words;
mod kind;
mod parameters;
mod quirks;
mod reach;
mod remedy;
mod room;
mod suppose;
mod window;

pub use acs::{Acs, Ground, Lack, Unseen, judge};
pub use drivers::{Down, Filters, Known, known};
pub use groups::{Group, Groups, groups};
pub use guest::{
    Access, Bits, Byte, Hidden, Holds, NoView, Place, Reach, Region, Register, Rules, Table, View,
    guest_view, regions,
};
pub use isolation::{Break, Isolation, Judgement, RULES, Step, isolation};
pub use kind::Kind;
pub use reach::{Leak, below, leak};
pub use remedy::{Remedy, remedies};
pub use room::{
    Cause, Contradiction, Doubt, Errno, Limit, NoBuses, NoMemory, Question, Room, room,
};
pub use suppose::{CannotSuppose, with_vfs};
