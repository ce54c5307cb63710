//! What can go wrong with VFIO, by what a caller can do about it.

use rustix::io::Errno;
use virtfn_pci::Address;

use crate::GroupId;

/// Why a step of VFIO failed.
#[derive(Debug, thiserror::Error)]
pub enum VfioError {
    /// `/dev/vfio/vfio` is not there.
    #[error("/dev/vfio/vfio: not there: the module vfio is not loaded")]
    NotLoaded,
    /// The kernel speaks another version of the interface.
    #[error(
        "/dev/vfio/vfio: the kernel's VFIO interface is version {version}, this program's is 0"
    )]
    Version {
        /// What the kernel said.
        version: i32,
    },
    /// The kernel has no IOMMU driver that VFIO could use.
    #[error("/dev/vfio/vfio: no IOMMU backend: the module vfio_iommu_type1 is not loaded")]
    NoIommuBackend,
    /// The group has no device file: none of its functions is bound to a VFIO driver.
    #[error("IOMMU group {group}: no /dev/vfio/{group}: nothing in it is bound to vfio-pci")]
    NoGroup {
        /// The group.
        group: GroupId,
    },
    /// Somebody else has the group, or a device of it, open.
    #[error("IOMMU group {group}: in use: another process has it or a device of it open")]
    GroupInUse {
        /// The group.
        group: GroupId,
    },
    /// Another function of the group is bound to a driver that is not VFIO's.
    #[error("IOMMU group {group}: not viable: another function in it has a host driver")]
    NotViable {
        /// The group.
        group: GroupId,
    },
    /// The function is not in this group, or not bound to a VFIO driver.
    #[error("{address}: IOMMU group {group} has no such VFIO device")]
    NoDevice {
        /// The function.
        address: Address,
        /// The group that was asked.
        group: GroupId,
    },
    /// Any other refusal of the kernel.
    #[error("{object}: {operation}: {errno}")]
    Refused {
        /// What was operated on.
        object: String,
        /// What was tried.
        operation: &'static str,
        /// The kernel's answer.
        errno: Errno,
    },
}
