//! The table of refusals.
//!
//! The words are those of QEMU's hw/vfio, hw/pci and system/qdev-monitor.c, and of libvirt's
//! src/util, src/conf, src/hypervisor and src/qemu. The first that fits is taken: what says more
//! stands before what says less.

use super::Known;

pub(super) const REFUSALS: &[Known] = &[];
