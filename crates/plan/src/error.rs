//! What cannot be planned, and why.

use virtfn_host::{MacAddress, PageSize, Unreadable, VfId};
use virtfn_pci::Address;
use virtfn_predict::Cause;

/// A policy that no steps can bring about.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// It names a function that is not there, or is no PF.
    #[error("{0}")]
    NoSuchDevice(#[from] virtfn_host::Nearest),
    /// More VFs than the PF's driver allows.
    #[error("{}: cannot have {asked} VFs: its driver allows {total} (sriov_totalvfs)", pf.short())]
    TooManyVfs {
        /// The PF.
        pf: Address,
        /// How many were asked for.
        asked: u16,
        /// How many there can be.
        total: u16,
    },
    /// More VFs than the kernel would make, as far as what stands in the way is certain.
    #[error("{}: cannot have {asked} VFs: {cause} (the kernel would answer: {})", pf.short(), .cause.kernel_answer(*asked))]
    NoRoom {
        /// The PF.
        pf: Address,
        /// How many were asked for.
        asked: u16,
        /// How many it would make.
        fits: u16,
        /// What stands in the way.
        cause: Box<Cause>,
    },
    /// It sets a VF that there will not be.
    #[error("{}: there is no VF {}: {} has {vfs} VFs", vf, vf.index, vf.pf.short())]
    NoSuchVf {
        /// The VF.
        vf: VfId,
        /// How many there will be.
        vfs: u16,
    },
    /// A MAC that no interface may have.
    #[error("{vf}: {mac} is a group address, and an interface cannot have it")]
    GroupMac {
        /// The VF.
        vf: VfId,
        /// The address.
        mac: MacAddress,
    },
    /// A promise above the limit.
    #[error("{vf}: the minimum rate of {min} Mbit/s is above the maximum of {max}")]
    RatesCross {
        /// The VF.
        vf: VfId,
        /// Promised, in Mbit/s.
        min: u32,
        /// Allowed, in Mbit/s.
        max: u32,
    },
    /// Network settings on a VF of a PF without a network interface.
    #[error(
        "{vf}: its PF has no network interface here, through which MAC, VLAN and the like are set"
    )]
    NoNetdev {
        /// The VF.
        vf: VfId,
    },
    /// A PF that has VFs and shall go to a driver that cannot keep them.
    #[error("{}: has {vfs} VFs: {driver} does not take a PF that has VFs", pf.short())]
    PfHasVfs {
        /// The PF.
        pf: Address,
        /// How many.
        vfs: usize,
        /// The driver.
        driver: String,
    },
    /// A mode for a switch that has none.
    #[error("{}: its driver knows no eswitch modes", pf.short())]
    NoEswitch {
        /// The PF.
        pf: Address,
    },
    /// A number of VFs for the firmware of a card whose driver has no word for it.
    #[error("{}: its driver cannot say how many VFs its firmware shall offer (devlink has no total_vfs of it)", pf.short())]
    NoFirmwareLimit {
        /// The PF.
        pf: Address,
    },
    /// A setting of a VF's port where there is none.
    #[error(
        "{vf}: cannot set {key}: devlink has no port of it, and has them in switchdev mode alone"
    )]
    NoPort {
        /// The VF.
        vf: VfId,
        /// The setting.
        key: &'static str,
    },
    /// A group for a VF that has no rates of its own.
    #[error("{vf}: cannot share a rate: its PF's driver has no rates in devlink")]
    NoRates {
        /// The VF.
        vf: VfId,
    },
    /// A group that there shall not be.
    #[error("{vf}: `rate_group: {group}`: its PF has no such group, and `rate_groups` makes none")]
    NoGroup {
        /// The VF.
        vf: VfId,
        /// The group.
        group: String,
    },
    /// Groups in a mode without.
    #[error("{}: cannot have `rate_groups`: its card is not in switchdev mode", pf.short())]
    NoGroups {
        /// The PF.
        pf: Address,
    },
    /// More VFs than there can be before the device is reset.
    #[error("{}: cannot have {asked} VFs before the device is reset: its firmware offers them from then on, and its driver allows {total} until then (sriov_totalvfs)", pf.short())]
    AwaitsReset {
        /// The PF.
        pf: Address,
        /// How many were asked for.
        asked: u16,
        /// How many there can be now.
        total: u16,
    },
    /// A bridge, whose driver virtfn leaves alone.
    #[error("{}: is a bridge: what hangs below it would be cut off", device.short())]
    IsBridge {
        /// The bridge.
        device: Address,
    },
    /// Huge pages of a size that the machine does not have.
    #[error("no huge pages of {size} on this machine{}", if there.is_empty() { String::new() } else { format!(": it has {}", there.join(", ")) })]
    NoSuchPages {
        /// The size.
        size: PageSize,
        /// The sizes that it has.
        there: Vec<String>,
    },
    /// More huge pages than there is memory for.
    #[error("the huge pages take {} MiB more, and {} MiB are free: the kernel would kill programs to make room", more_kib / 1024, available_kib / 1024)]
    PagesBeyondMemory {
        /// What they take beyond those that are reserved, in KiB.
        more_kib: u64,
        /// What is left for programs, in KiB.
        available_kib: u64,
    },
    /// Something of the host that decides what to do could not be seen.
    #[error("host: cannot tell what to change: {0}")]
    HostUnseen(Unreadable),
    /// Something that decides what to do could not be seen.
    #[error("{}: cannot tell what to change: {unreadable}", device.short())]
    Unseen {
        /// The device.
        device: Address,
        /// What, and why.
        unreadable: Unreadable,
    },
}
