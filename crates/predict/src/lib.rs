//! What the kernel would do: which functions it can keep apart, and which link of the path to the
//! root ends that.
//!
//! [`isolation()`] judges one function by the rules of Linux 6.12 (`drivers/iommu/iommu.c`,
//! `pci_device_group`; `drivers/pci/pci.c`, `pci_acs_enabled`; `drivers/pci/quirks.c`). Pure: the
//! kernel's own groups are its oracle, and its tests compare with them.
//!
//! What could not be seen is [`Unseen`], and never passes.

mod acs;
mod isolation;
mod kind;
mod quirks;

pub use acs::{Acs, Ground, Lack, Unseen};
pub use isolation::{Break, Isolation, Judgement, RULES, Step, isolation};
pub use kind::Kind;
